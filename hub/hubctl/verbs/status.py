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
        *([("TROUBLE", hub["trouble"])] if hub.get("trouble") else []),
        ("hub", client.context.url), ("version", hub.get("version")), ("fingerprint", hub.get("fingerprint")),
        ("running", f"{span(int(client.hub_now() - started / 1e6))}, since {clock(started)}" if started else ""),
        ("nodes", ", ".join(counts) or "none yet: hubctl token create"),
        ("active runs", str(hub.get("runs_active", 0))),
        ("you", f"{me.get('user')} ({me.get('role')}), context {client.context.name}"),
        ("store", store_text(hub.get("store") or {})),
    ])


def store_text(store: dict) -> str:
    """How much room the store takes, by its parts; its counters are in -o json."""
    return ", ".join(f"{size(value)} {name.removesuffix('_bytes')}" for name, value in sorted(store.items())
                     if name.endswith("_bytes") and isinstance(value, int | float))
