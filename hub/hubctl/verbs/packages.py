"""hubctl packages ls | show | watch | export | rm | layout | reference"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from hubctl.client import Client
from hubctl.errors import OK, Refused, Usage
from hubctl.harmless import escape_json
from hubctl.histograms import (
    as_csv,
    entries,
    for_uhi,
    is_graph,
    kind_text,
    mean_and_width,
    shown_values,
)
from hubctl.options import Desk, ListingGroup, confirm, output_option, yes_option
from hubctl.output import (
    JSONL,
    NAME,
    TABLE,
    WIDE,
    Listing,
    Screen,
    say,
    show_details,
    show_list,
    show_value,
    state_style,
)
from hubctl.plots import bars, number, size
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of
from hubctl.verbs.package_layout import layout
from hubctl.verbs.package_reference import reference

PLOT_WIDTH, PLOT_HEIGHT = 72, 8
"""Places and lines of a plot."""

NAMES_A_REQUEST = 20
"""Objects that are asked for by name in one request: an address has its limits."""

at_option = click.option("--at", metavar="WHEN", default="",
                         help="Of then: a snapshot's number, time:1h, time:2026-11-20T10:00:00Z, reference:NAME.")


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("PACKAGE", lambda package: package["name"], style=lambda package: "bold"),
            Column("NODE", lambda package: package["node"], least=8),
            Column("CONTAINER", lambda package: package["container"], least=6),
            Column("OWNER", lambda package: package["owner"], least=6),
            Column("STATE", lambda package: package["state"], style=lambda package: state_style(package["state"])),
            Column("UPDATED", lambda package: ago(moment_of(package["received"]), now)),
            Column("SERIAL", lambda package: package["serial"], right=True),
            Column("OBJECTS", lambda package: package["object_count"], right=True),
            Column("LAYOUT", lambda package: package["layout"], wide=True),
            Column("ID", lambda package: package["id"], wide=True),
            Column("FILE", lambda package: package["path"], wide=True, least=10),
            Column("PROBLEM", lambda package: package["problem"], least=10, style=lambda package: "red"),
        ),
        name=lambda package: package["id"],
        empty="There is no package. Programs publish them by dvic_log: Package(\"readout\").publish({...})")


OBJECTS = Listing(
    columns=(
        Column("OBJECT", lambda each: each["name"], least=16, style=lambda each: "bold"),
        Column("KIND", kind_text, least=12),
        Column("SIZE", lambda each: size(each["bytes"]), right=True),
        Column("HASH", lambda each: each["hash"], wide=True),
        Column("TITLE", lambda each: each["title"], least=10),
    ),
    name=lambda each: each["name"],
    empty="It is empty.")


@click.group("packages", cls=ListingGroup)
def command() -> None:
    """Look at histogram packages, follow, export and remove them.

    A package is what one program publishes: histograms and graphs, updated again and again. It is named by its name, or
    by its id where several have one name. The page draws them.

    \b
    Examples:
      hubctl packages
      hubctl packages show readout
      hubctl packages show readout adc/charge
      hubctl packages watch readout
    """


command.add_command(layout)
command.add_command(reference)


@command.command("ls")
@click.option("--node", metavar="NODE", default="", help="Only of this node.")
@output_option()
@click.pass_obj
def list_packages(desk: Desk, node: str, form: str) -> None:
    """List the packages.

    \b
    Examples:
      hubctl packages ls
      hubctl packages ls --node daq-1 -o json
    """
    client = desk.client()
    found = list(client.items("packages", node=node))
    show_list(found, listing(client.hub_now()), form)


@command.command()
@click.argument("package")
@click.argument("objects", nargs=-1, metavar="[OBJECT]...")
@at_option
@output_option()
@click.pass_obj
def show(desk: Desk, package: str, objects: tuple[str, ...], at: str, form: str) -> int:
    """A package and what is in it, or some of its histograms, those of one axis with a plot.

    \b
    Examples:
      hubctl packages show readout
      hubctl packages show readout adc/charge
      hubctl packages show readout adc/charge --at time:1h
      hubctl packages show readout adc/charge -o json
    """
    client = desk.client()
    if objects:
        found = list(fetched(client, package, objects, at))
        if form in (TABLE, WIDE):
            for name, data in found:
                _plot(name, data)
        else:
            show_value([{"name": name, "data": data} for name, data in found], form)
        return OK
    whole = client.get("packages", package, at=at)
    if form not in (TABLE, WIDE, NAME):
        show_value(whole, form)
        return OK
    if form != NAME:
        show_details(details(whole, client.hub_now()))
        click.echo()
    show_list(whole["objects"], OBJECTS, form)
    return OK


def details(package: dict, now: float) -> list[tuple[str, object]]:
    """A package, each side with its title."""
    received = moment_of(package["received"])
    return [("package", package["name"]), ("title", package["title"]), ("id", package["id"]),
            ("node", package["node"]), ("container", package["container"]), ("owner", package["owner"]),
            ("file", package["path"]), ("state", package["state"]), ("problem", package["problem"]),
            ("serial", f"{package['serial']} of {package['instance']}"), ("skipped", package["skipped"] or ""),
            ("updated", f"{clock(received)} ({ago(received, now)})"), ("snapshot", package["snapshot"]),
            ("layout", package["layout"]), ("size", size(package["bytes"]))]


@command.command()
@click.argument("package", default="")
@click.argument("object_name", metavar="[OBJECT]", default="")
@output_option(TABLE, JSONL)
@click.pass_obj
def watch(desk: Desk, package: str, object_name: str, form: str) -> None:
    """Show each update of a package (or of all), and how one object changes, until Ctrl-C.

    \b
    Examples:
      hubctl packages watch
      hubctl packages watch readout
      hubctl packages watch readout adc/charge
      hubctl packages watch readout -o jsonl
    """
    from hubctl.package_session import PackageSession  # noqa: PLC0415 (aiohttp takes 180 ms)

    asyncio.run(PackageSession(desk.client(), package, object_name, form).follow())


@command.command()
@click.argument("package")
@click.argument("objects", nargs=-1, metavar="[OBJECT]...")
@at_option
@click.option("--format", "wanted", type=click.Choice(("json", "uhi", "csv")), default="json", show_default=True,
              help="json: everything; uhi: the histograms, for scikit-hep's uhi; csv: one object.")
@click.option("--to", "file", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="Write this file instead of standard output.")
@click.pass_obj
def export(desk: Desk, package: str, objects: tuple[str, ...], at: str, wanted: str, file: Path | None) -> None:
    """Write a package, or some of its objects, for other programs.

    \b
    Examples:
      hubctl packages export readout --to readout.json
      hubctl packages export readout --format uhi --to readout.uhi.json
      hubctl packages export readout adc/charge --format csv
      hubctl packages export readout --at reference:run-17
    """
    if wanted == "csv" and len(objects) != 1:
        raise Usage("a CSV file holds one object", f"name it: hubctl packages show {package}")
    client = desk.client()
    found = dict(fetched(client, package, objects, at))
    if wanted == "csv":
        text = as_csv(next(iter(found.values())))
    elif wanted == "uhi":
        graphs = [name for name, data in found.items() if is_graph(data)]
        if graphs:
            say(f"{len(graphs)} graphs are left out, which uhi does not know: {', '.join(graphs)}")
        text = for_uhi(found) + "\n"
    else:
        text = document(client.get("packages", package, at=at), found)
    if file is None:
        click.echo(text if wanted == "csv" else escape_json(text), nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Usage(f"{file} can't be written: {error.strerror}", "give another file") from None
    say(f"{file} holds {len(found)} object{'s' * (len(found) != 1)} of {package}.")


def document(package: dict, objects: dict[str, dict]) -> str:
    """A package as one JSON document (docs/histograms.md)."""
    head = {key: package[key] for key in ("name", "title", "node", "owner", "instance", "serial", "time", "received")}
    return json.dumps({"dvic_package": package["schema"], **head, "objects": objects}, ensure_ascii=False) + "\n"


@command.command("rm")
@click.argument("package")
@yes_option
@click.pass_obj
def remove(desk: Desk, package: str, yes: bool) -> None:
    """Remove a package, its history and its references. If its program goes on publishing, it comes back.

    \b
    Examples:
      hubctl packages rm readout
      hubctl packages rm p-4k2nq7ra5b6c7d2e --yes
    """
    confirm(f"Remove the package {package} with its history and references?", yes)
    desk.client().delete("packages", package)
    say(f"{package} is removed.")


def fetched(client: Client, package: str, names: tuple[str, ...], at: str) -> Iterator[tuple[str, dict]]:
    """The objects of these names (none: all) with their data, of one moment. Raises Refused for one that is not there.
    """
    if not names:
        answer = client.get("packages", package, "objects", at=at)
        yield from ((each["name"], each["data"]) for each in answer["objects"])
        return
    for start in range(0, len(names), NAMES_A_REQUEST):
        part = names[start:start + NAMES_A_REQUEST]
        answer = client.get("packages", package, "objects", at=at, names=json.dumps(part))
        at = at or str(answer["package"]["snapshot"])
        data = {each["name"]: each["data"] for each in answer["objects"]}
        for name in part:
            if name not in data:
                raise Refused(f"{package} has no object {name}", f"what it has: hubctl packages show {package}")
            yield name, data[name]


def _plot(name: str, data: dict) -> None:
    screen = Screen.of(sys.stdout)
    if is_graph(data):
        show_details([("graph", name), ("title", data.get("title", "")), ("points", len(data["x"]))])
    else:
        moments = mean_and_width(data)
        show_details([("histogram", name), ("title", _title(data)), ("entries", number(entries(data))),
                      ("mean", number(moments[0]) if moments else ""), ("width", number(moments[1]) if moments else ""),
                      ("axes", " x ".join(axis["type"] for axis in data["axes"]))])
        if len(data["axes"]) == 1:
            width = min(screen.width, PLOT_WIDTH) if screen.width else PLOT_WIDTH
            for line in bars(shown_values(data), width, PLOT_HEIGHT):
                screen.line(screen.paint(line, "cyan"))
    screen.line()


def _title(data: dict) -> object:
    named = data.get("metadata", {})
    return next((named[key] for key in ("title", "label", "name") if named.get(key)), "")
