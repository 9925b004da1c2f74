"""hubctl update"""

import asyncio

import click

from dvic_wire.errors import WireError
from dvic_wire.updates import PENDING
from dvic_wire.versions import check_version
from hubctl.errors import OK, Usage
from hubctl.options import Desk, NodeSelector, Span, confirm, output_option, yes_option
from hubctl.output import JSON, JSONL, TABLE, YAML, say, show_value
from hubctl.update_view import exit_code, nodes, show_plan
from hubctl.verbs.run import BATCH


@click.command()
@click.argument("selector", type=NodeSelector())
@click.option("--to", "version", metavar="VERSION", default="", help="This version; else the newest that the hub has.")
@click.option("--older", is_flag=True, help="Also where a newer version is installed: to go back.")
@click.option("--canary", metavar="N|P%", default="", help="So many nodes first; the rest only once they stay well.")
@click.option("--soak", type=Span(), default="60s", show_default=True, metavar="SPAN",
              help="Watch the canaries for so long.")
@click.option("--batch", metavar="N|P%", default="", help="So many nodes at a time after that.")
@click.option("--max-failures", type=click.IntRange(0), metavar="N", help="Halt once more than N nodes failed.")
@click.option("--halt-on-error", is_flag=True, help="Halt at the first node that fails.")
@click.option("--queue", type=Span(), default=0, metavar="SPAN", help="Wait this long for nodes that are offline.")
@click.option("--confirm-within", "confirm_seconds", type=Span(), default="3m", show_default=True, metavar="SPAN",
              help="A machine goes back if its new agent has not reached the hub by then.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the audit log.")
@click.option("--detach", is_flag=True, help="Don't watch: print the rollout's id.")
@yes_option
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def command(desk: Desk, selector: str, version: str, confirm_seconds: int, detach: bool, yes: bool, form: str,
            max_failures: int | None, **given) -> int:
    """Update the agents of nodes, a few at a time, and watch how it goes.

    Shows first what would be done, and asks. Each machine checks the package, installs it, and keeps it only when the
    new agent has reached the hub; otherwise it puts the previous one back. A failing canary, or updated nodes that fall
    silent, halt the rollout by themselves. Ctrl-C leaves it to itself.

    \b
    Examples:
      hubctl update all --canary 2 --batch 10%
      hubctl update 'tag:room=lab' --to 1.2.0 --halt-on-error --yes
      hubctl update all --queue 7d --max-failures 5 --detach --yes
      hubctl update web-1 --to 1.1.0 --older

    \b
    Exit codes: 0 every node has the version now, 1 some has not, 2 usage, 3 hub not reachable, 4 refused.
    """
    order = {"selector": selector, "version": _checked(version), "confirm": confirm_seconds, **given}
    for name in ("canary", "batch"):
        if given[name] and not BATCH.match(given[name]):
            raise Usage(f"--{name} {given[name]}: is no number of nodes", f"write --{name} 10 or --{name} 25%")
    if max_failures is not None:
        order["max_failures"] = max_failures
    client = desk.client()
    plan = client.post("rollouts", "plan", body=order)
    waiting = sum(row["state"] == PENDING for row in plan["nodes"])
    if form == TABLE:
        show_plan(plan, given["soak"])
    elif not waiting:
        show_value(plan, form)
    if not waiting:
        return exit_code(plan["nodes"])
    confirm(f"Update {nodes(waiting)} to {plan['package']} {plan['version']}?", yes)
    rollout = client.post("rollouts", body={**order, "version": plan["version"]})
    if detach:
        if form == TABLE:
            say(f"The rollout goes on. Look after it: hubctl updates show {rollout['id']} --follow")
            click.echo(rollout["id"])
        else:
            show_value(rollout, form)
        return OK
    from hubctl.update_session import follow  # noqa: PLC0415 (aiohttp takes 180 ms)

    return asyncio.run(follow(client, rollout["id"], form))


def _checked(version: str) -> str:
    try:
        return check_version(version) if version else ""
    except WireError:
        raise Usage(f"--to {version}: is no version", "look what there is: hubctl release ls") from None
