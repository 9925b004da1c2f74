"""hubctl audit"""

import json

import click

from hubctl.options import Desk, output_option
from hubctl.output import Listing, show_list
from hubctl.tables import Column
from hubctl.times import clock, moment_of


def detail(entry: dict) -> str:
    """What is known of the action, without what is empty."""
    known = {key: value for key, value in (entry.get("detail") or {}).items() if value not in ("", [], {}, None)}
    return " ".join(f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
                    for key, value in known.items())


LISTING = Listing(
    columns=(
        Column("TIME", lambda entry: clock(moment_of(entry["time"]))),
        Column("WHO", lambda entry: entry["actor"], least=10),
        Column("ACTION", lambda entry: entry["action"]),
        Column("TARGET", lambda entry: entry["target"], least=10),
        Column("OUTCOME", lambda entry: entry.get("outcome") or "(under way)", least=10,
               style=lambda entry: "" if str(entry.get("outcome")).startswith("ok") else "yellow"),
        Column("DETAIL", detail, least=10),
        Column("ADDRESS", lambda entry: entry.get("address"), wide=True),
        Column("ID", lambda entry: entry["id"], wide=True, right=True),
    ),
    name=lambda entry: str(entry["id"]),
    empty="Nothing of that kind was done.",
)


@click.command()
@click.option("-n", "--lines", type=click.IntRange(1), default=50, show_default=True, help="How many, newest first.")
@click.option("--actor", default="", help="Only what this person did.")
@click.option("--action", default="", help="Only this action, such as run.create.")
@click.option("--target", default="", help="Only what was done to this.")
@output_option()
@click.pass_obj
def command(desk: Desk, lines: int, actor: str, action: str, target: str, form: str) -> None:
    """Show who did what (admins only), newest first.

    \b
    Examples:
      hubctl audit
      hubctl audit --actor anna -n 10
      hubctl audit --action node.revoke -o json
    """
    entries = desk.client().items("audit", limit=lines, actor=actor, action=action, target=target)
    show_list(entries, LISTING, form)
