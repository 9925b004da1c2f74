"""hubctl status"""

import click

from hubctl.options import Desk, output_option
from hubctl.output import JSON, JSONL, TABLE, YAML, show_details, show_value
from hubctl.plots import size
from hubctl.times import clock, moment_of, span

STATES = ("online", "late", "silent", "never", "revoked")


@click.command()
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def command(desk: Desk, form: str) -> None:
    """Show how the hub is, and who you are there.

    \b
    Examples:
      hubctl status
      hubctl status -o json
    """
    client = desk.client()
    hub, me = client.get("hub"), client.get("me")
    if form != TABLE:
        show_value({**hub, "me": me}, form)
        return
    nodes = hub.get("nodes") or {}
    started = moment_of(hub.get("started"))
    counts = [f"{nodes[state]} {state}" for state in STATES if nodes.get(state)]
    show_details([
        ("hub", client.context.url), ("version", hub.get("version")), ("fingerprint", hub.get("fingerprint")),
        ("running", f"{span(int(client.hub_now() - started / 1e6))}, since {clock(started)}" if started else ""),
        ("nodes", ", ".join(counts) or "none yet: hubctl token create"),
        ("active runs", str(hub.get("runs_active", 0))),
        ("you", f"{me.get('user')} ({me.get('role')}), context {client.context.name}"),
        *((key.replace("_", " "), amount(key, value)) for key, value in sorted((hub.get("store") or {}).items())),
    ])


def amount(name: str, value: object) -> str:
    """A number of the store, with its unit where its name tells one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if "bytes" in name or name.endswith("size"):
        return size(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"

