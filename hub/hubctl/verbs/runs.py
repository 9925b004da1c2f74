"""hubctl runs ls | show | output | cancel"""

import base64

import click

from hubctl.harmless import one_line
from hubctl.options import Desk, ListingGroup, NodeName, output_option
from hubctl.output import (
    JSON,
    JSONL,
    NAME,
    TABLE,
    WIDE,
    YAML,
    Listing,
    json_line,
    say,
    show_details,
    show_list,
    show_value,
    state_style,
)
from hubctl.run_view import ROWS, Display
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of, span

RUNS_A_PAGE = 200


def command_text(run: dict) -> str:
    """What is run, in one line."""
    argv = run.get("argv") or []
    if len(argv) == 3 and argv[:2] == ["/bin/sh", "-c"]:
        return argv[2]
    words = " ".join(argv)
    first = (run.get("script") or "").strip().split("\n")[0]
    return f"script ({first}) {words}".rstrip() if run.get("script") else words


def counts_text(run: dict) -> str:
    counts = run.get("counts") or {}
    return ", ".join(f"{counts[state]} {state}" for state in sorted(counts))


def whole_state(run: dict) -> str:
    """The run as a whole in a word."""
    if not run.get("ended"):
        return "cancelling" if run.get("cancelled") else "running"
    if run.get("cancelled"):
        return "cancelled"
    return "finished" if set(run.get("counts") or {}) <= {"finished"} else "failed"


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ID", lambda run: run["id"]),
            Column("STATE", whole_state, style=lambda run: state_style(whole_state(run))),
            Column("WHEN", lambda run: ago(moment_of(run["created"]), now)),
            Column("BY", lambda run: run.get("created_by"), least=10),
            Column("ON", lambda run: run["selector"], least=10),
            Column("COMMAND", command_text, least=10),
            Column("NODES", counts_text, least=10),
            Column("REASON", lambda run: run.get("reason"), wide=True, least=10),
        ),
        name=lambda run: run["id"],
        empty="Nothing was run yet. To run something: hubctl run all -- uname -a",
    )


@click.group("runs", cls=ListingGroup)
def command() -> None:
    """List, look at and cancel runs.

    \b
    Examples:
      hubctl runs
      hubctl runs show k3x5a7b2m4q6
      hubctl runs output k3x5a7b2m4q6 --node web-1
      hubctl runs cancel k3x5a7b2m4q6
    """


@command.command("ls")
@click.option("-n", "--lines", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@click.option("--kind", type=click.Choice(["run", "update", "enroll", "terminal", "copy"]), default="run",
              show_default=True, help="Commands, or the updates that rollouts order.")
@click.option("--all", "every", is_flag=True, help="Of every kind.")
@output_option()
@click.pass_obj
def list_runs(desk: Desk, lines: int, kind: str, every: bool, form: str) -> None:
    """List runs, newest first.

    \b
    Examples:
      hubctl runs ls
      hubctl runs ls --kind update
      hubctl runs ls -n 5 -o json
    """
    client = desk.client()
    runs = list(client.items("runs", limit=lines, page=RUNS_A_PAGE, kind="all" if every else kind))
    show_list(runs, listing(client.hub_now()), form)


@command.command()
@click.argument("id")
@output_option()
@click.pass_obj
def show(desk: Desk, id: str, form: str) -> None:
    """A run, and how it went on each node.

    \b
    Examples:
      hubctl runs show k3x5a7b2m4q6
      hubctl runs show k3x5a7b2m4q6 -o json
    """
    run = desk.client().get("runs", id)
    if form in (JSON, JSONL, YAML):
        show_value(run, form)
        return
    if form in (TABLE, WIDE):
        ended, created, queue = (moment_of(run.get(key)) for key in ("ended", "created", "queue_until"))
        show_details([
            ("run", run["id"]), ("state", whole_state(run)), ("command", command_text(run)), ("on", run["selector"]),
            ("as", run.get("user")), ("by", run.get("created_by")), ("reason", run.get("reason")),
            ("started", clock(created)), ("took", span((ended - created) / 1e6) if ended else ""),
            ("timeout", span(run["timeout"]) if run.get("timeout") else ""), ("batch", run.get("batch")),
            ("max failures", run["max_failures"] if run.get("max_failures", -1) >= 0 else ""),
            ("waits until", clock(queue) if queue > created else ""),
            ("nodes", counts_text(run)),
        ])
        click.echo()
    show_list(run.get("nodes") or [], ROWS, form)


@command.command()
@click.argument("id")
@click.option("--node", type=NodeName(), default="", help="Only of this node.")
@click.option("--bare", is_flag=True, help="Without the nodes' names; unchanged where it isn't a terminal.")
@output_option(TABLE, JSON, JSONL, YAML, NAME)
@click.pass_obj
def output(desk: Desk, id: str, node: str, bare: bool, form: str) -> None:
    """What a run wrote: stdout on stdout, stderr on stderr.

    \b
    Examples:
      hubctl runs output k3x5a7b2m4q6
      hubctl runs output k3x5a7b2m4q6 --node web-1 --bare > core.txt
      hubctl runs output k3x5a7b2m4q6 -o jsonl
    """
    client = desk.client()
    items = client.items("runs", id, "output", node=node)
    if form == JSONL:
        for item in items:
            click.echo(json_line(item))
    elif form == NAME:
        for name in dict.fromkeys(item["node"] for item in items):
            click.echo(one_line(name))
    elif form != TABLE:
        show_value(list(items), form)
    else:
        names = [row["node"] for row in client.get("runs", id).get("nodes") or []]
        display = Display(names, bare, bar=False)
        for item in items:
            data = base64.b64decode(item["binary"]) if item.get("binary") else item["text"].encode()
            display.output(item["node"], item["stream"], data)
        display.close()


@command.command()
@click.argument("id")
@click.argument("nodes", nargs=-1, type=NodeName())
@click.pass_obj
def cancel(desk: Desk, id: str, nodes: tuple[str, ...]) -> None:
    """End a run, on all of its nodes or on those that are named.

    \b
    Examples:
      hubctl runs cancel k3x5a7b2m4q6
      hubctl runs cancel k3x5a7b2m4q6 web-1 web-2
    """
    run = desk.client().post("runs", id, "cancel", body={"nodes": list(nodes)} if nodes else {})
    say(f"Cancelling {run['id']}: {counts_text(run)}. Next: hubctl runs show {run['id']}")
