"""hubctl packages reference ls | add | rm, and hubctl packages history"""

import click

from hubctl.options import Desk, ListingGroup, output_option
from hubctl.output import Listing, say, show_list
from hubctl.tables import Column
from hubctl.times import clock, moment_of

REFERENCES = Listing(
    columns=(
        Column("REFERENCE", lambda each: each["name"], style=lambda each: "bold"),
        Column("OF", lambda each: clock(moment_of(each["time"]))),
        Column("SNAPSHOT", lambda each: each["snapshot"], right=True),
        Column("BY", lambda each: each["created_by"], least=8),
        Column("NOTE", lambda each: each["note"], least=10),
    ),
    name=lambda each: each["name"],
    empty="It has no reference. To make one of what it shows now: hubctl packages reference add PACKAGE NAME")

SNAPSHOTS = Listing(
    columns=(
        Column("SNAPSHOT", lambda each: each["snapshot"], right=True),
        Column("RECEIVED", lambda each: clock(moment_of(each["received"]))),
        Column("SERIAL", lambda each: each["serial"], right=True),
        Column("INSTANCE", lambda each: each["instance"], wide=True),
        Column("OBJECTS", lambda each: each["objects"], right=True),
        Column("REFERENCE", lambda each: each["reference"]),
    ),
    name=lambda each: str(each["snapshot"]),
    empty="Nothing is kept of then.")


@click.group("reference", cls=ListingGroup)
def reference() -> None:
    """Keep states of a package to compare with, such as a good run.

    \b
    Examples:
      hubctl packages reference ls readout
      hubctl packages reference add readout run-17 --note "after the calibration"
      hubctl packages show readout --at reference:run-17
    """


@reference.command("ls")
@click.argument("package")
@click.option("--all", "everything", is_flag=True, help="All states that are kept, newest first.")
@click.option("-n", "--lines", type=click.IntRange(1), default=100, show_default=True, help="How many of those.")
@output_option()
@click.pass_obj
def list_references(desk: Desk, package: str, everything: bool, lines: int, form: str) -> None:
    """List the references of a package, or all states of it that are kept.

    \b
    Examples:
      hubctl packages reference ls readout
      hubctl packages reference ls readout --all -n 20
    """
    client = desk.client()
    if everything:
        show_list(client.items("packages", package, "history", limit=lines), SNAPSHOTS, form)
    else:
        show_list(client.get("packages", package, "references")["items"], REFERENCES, form)


@reference.command("add")
@click.argument("package")
@click.argument("name")
@click.option("--snapshot", type=click.IntRange(1), default=None, help="Of this state instead of the newest.")
@click.option("--note", default="", help="What it is good for.")
@click.pass_obj
def add(desk: Desk, package: str, name: str, snapshot: int | None, note: str) -> None:
    """Keep the newest state of a package, or another one, under a name.

    \b
    Examples:
      hubctl packages reference add readout run-17
      hubctl packages reference add readout before --snapshot 812 --note "before the new firmware"
    """
    made = desk.client().post("packages", package, "references",
                              body={"name": name, "snapshot": snapshot or 0, "note": note})
    say(f"{name} is {package} of {clock(moment_of(made['time']))}.")


@reference.command("rm")
@click.argument("package")
@click.argument("name")
@click.pass_obj
def remove(desk: Desk, package: str, name: str) -> None:
    """Keep it no longer.

    \b
    Examples:
      hubctl packages reference rm readout run-17
    """
    desk.client().delete("packages", package, "references", name)
    say(f"{name} is no reference of {package} any more.")
