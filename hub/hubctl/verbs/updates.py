"""hubctl updates ls | show | halt | resume | cancel"""

import asyncio

import click

from hubctl.errors import OK
from hubctl.options import Desk, ListingGroup, confirm, output_option, yes_option
from hubctl.output import NAME, TABLE, WIDE, Listing, say, show_details, show_list, show_value, state_style
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of, span
from hubctl.update_view import listing as rows_listing
from hubctl.update_view import words
from hubctl.verbs.runs import counts_text

ROLLOUTS_A_PAGE = 200


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ID", lambda rollout: rollout["id"]),
            Column("STATE", lambda rollout: rollout["state"], style=lambda rollout: state_style(rollout["state"])),
            Column("WHEN", lambda rollout: ago(moment_of(rollout["created"]), now)),
            Column("BY", lambda rollout: rollout["created_by"], least=10),
            Column("ON", lambda rollout: rollout["selector"], least=10),
            Column("TO", lambda rollout: rollout["version"], least=8),
            Column("NODES", counts_text, least=10),
            Column("REMARK", lambda rollout: rollout["halt_reason"], least=10),
            Column("REASON", lambda rollout: rollout["reason"], wide=True, least=10),
        ),
        name=lambda rollout: rollout["id"],
        empty="No agent was updated from here yet. To update: hubctl update all --canary 1",
    )


@click.group("updates", cls=ListingGroup)
def command() -> None:
    """List, look at, halt, resume and cancel updates of agents.

    \b
    Examples:
      hubctl updates
      hubctl updates show k3x5a7b2m4q6 --follow
      hubctl updates halt k3x5a7b2m4q6
    """


@command.command("ls")
@click.option("-n", "--lines", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@output_option()
@click.pass_obj
def list_rollouts(desk: Desk, lines: int, form: str) -> None:
    """List rollouts, newest first.

    \b
    Examples:
      hubctl updates ls
      hubctl updates ls -n 5 -o json
    """
    client = desk.client()
    found = list(client.items("rollouts", limit=lines, page=ROLLOUTS_A_PAGE))
    show_list(found, listing(client.hub_now()), form)


@command.command()
@click.argument("id")
@click.option("-f", "--follow", "wanted", is_flag=True, help="Watch until it has ended; exit code as of hubctl update.")
@output_option()
@click.pass_obj
def show(desk: Desk, id: str, wanted: bool, form: str) -> int:
    """A rollout, and how it goes on each node.

    What the package manager said on a node is the output of its RUN (-o wide): hubctl runs output RUN

    \b
    Examples:
      hubctl updates show k3x5a7b2m4q6
      hubctl updates show k3x5a7b2m4q6 --follow
      hubctl updates show k3x5a7b2m4q6 -o json
    """
    client = desk.client()
    if wanted:
        from hubctl.update_session import follow  # noqa: PLC0415 (aiohttp takes 180 ms)

        client.get("rollouts", id)
        return asyncio.run(follow(client, id, form))
    rollout = client.get("rollouts", id)
    rows = rollout.get("nodes") or []
    if form == NAME:
        show_list(rows, rows_listing(client.hub_now()), form)
    elif form not in (TABLE, WIDE):
        show_value(rollout, form)
    else:
        show_details(details(rollout, rows))
        click.echo()
        show_list(rows, rows_listing(client.hub_now()), form)
    return OK


def details(rollout: dict, rows: list[dict]) -> list[tuple[str, object]]:
    """A rollout as a whole, each side with its title."""
    most = rollout["max_failures"]
    halts = f"after more than {most} failures" if most >= 0 else "when a canary fails" if rollout["canary"] else ""
    halts = "at the first failure" if rollout["halt_on_error"] else halts
    canary = f"{rollout['canary']}, watched for {span(rollout['soak'])}" if rollout["canary"] else ""
    return [("id", rollout["id"]), ("state", rollout["state"]), ("halted", rollout["halt_reason"]),
            ("package", f"{rollout['package']} {rollout['version']}" + (" (also back)" if rollout["older"] else "")),
            ("on", rollout["selector"]), ("canary", canary), ("batch", rollout["batch"]), ("halts", halts),
            ("created", f"{clock(moment_of(rollout['created']))} by {rollout['created_by']}"),
            ("ended", clock(moment_of(rollout["ended"])) if rollout["ended"] else ""),
            ("reason", rollout["reason"]), ("nodes", words(rows))]


@command.command()
@click.argument("id")
@click.pass_obj
def halt(desk: Desk, id: str) -> None:
    """Update no further node; what is under way goes on.

    \b
    Examples:
      hubctl updates halt k3x5a7b2m4q6
    """
    rollout = desk.client().post("rollouts", id, "halt")
    say(f"Halted: {counts_text(rollout)}. Go on: hubctl updates resume {id}; "
        f"give the rest up: hubctl updates cancel {id}")


@command.command()
@click.argument("id")
@click.pass_obj
def resume(desk: Desk, id: str) -> None:
    """Go on with a halted rollout. What it halted for is forgiven; what fails from now on counts anew.

    \b
    Examples:
      hubctl updates resume k3x5a7b2m4q6
    """
    rollout = desk.client().post("rollouts", id, "resume")
    say(f"It goes on: {counts_text(rollout)}. Next: hubctl updates show {id} --follow")


@command.command()
@click.argument("id")
@yes_option
@click.pass_obj
def cancel(desk: Desk, id: str, yes: bool) -> None:
    """End a rollout. What is being installed goes on to its end; what was updated stays so.

    \b
    Examples:
      hubctl updates cancel k3x5a7b2m4q6
      hubctl updates cancel k3x5a7b2m4q6 --yes
    """
    confirm(f"Cancel the rollout {id}?", yes)
    rollout = desk.client().post("rollouts", id, "cancel")
    say(f"Cancelling: {counts_text(rollout)}. Next: hubctl updates show {id}")
