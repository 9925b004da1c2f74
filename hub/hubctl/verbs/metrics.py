"""hubctl metrics"""

import sys
from fnmatch import fnmatchcase

import click

from hubctl.client import Client
from hubctl.errors import Usage
from hubctl.options import Desk, Moment, NodeSelector, Span, output_option
from hubctl.output import TABLE, WIDE, Listing, Screen, show_list
from hubctl.plots import number, size, sparkline, summary
from hubctl.tables import Column
from hubctl.times import ago, moment_of, span

PLOT = 40
"""Places of a plot where the terminal is wide enough."""

NARROWEST_PLOT = 12


@click.command()
@click.argument("selector", type=NodeSelector(), default="all")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--since", type=Moment(), metavar="T", help="Over time, from then on: 1h (ago), 2026-11-20, RFC 3339.")
@click.option("--until", type=Moment(), metavar="T", help="Up to then.")
@click.option("--step", type=Span(), metavar="SPAN", help="One point (a mean) for so long.")
@output_option()
@click.pass_obj
def command(desk: Desk, selector: str, names: tuple[str, ...], since: str | None, until: str | None, step: int | None,
            form: str) -> None:
    """Show measurements of machines: the newest, or how they went.

    With --since they are shown over time. NAME is a metric or a glob; without any, an overview.

    \b
    Examples:
      hubctl metrics
      hubctl metrics web-1 'cpu.*' 'memory.*'
      hubctl metrics 'tag:room=lab' cpu.total --since 1h
      hubctl metrics web-1 load.1 --since 1d --step 10m -o json
    """
    client = desk.client()
    if (until or step is not None) and not since:
        raise Usage("--until and --step go with --since", "say --since 1h")
    if since:
        answer = client.get("metrics", "series", selector=selector, names=",".join(names), since=since, until=until,
                            step=step)
        show_list(answer.get("items", []), series_listing(), form)
        return
    samples = list(newest(client, selector))
    if not names and form in (TABLE, WIDE):
        show_list(samples, overview(client.hub_now()), form)
    elif form in (TABLE, WIDE):
        rows = [{"node": sample["node"], "name": name, "value": value} for sample in samples
                for name, value in sample["values"].items() if chosen(name, names)]
        show_list(rows, VALUES, form)
    else:
        show_list(({**sample, "values": {name: value for name, value in sample["values"].items()
                                         if not names or chosen(name, names)}} for sample in samples), VALUES, form)


def newest(client: Client, selector: str):
    """The newest sample of each node that has one."""
    for node in client.items("nodes", selector=selector):
        found = client.get("nodes", node["id"], "metrics", "latest")
        if found.get("values"):
            yield {"node": node["name"], "node_id": node["id"], "time": found.get("time"), "values": found["values"]}


def chosen(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def readable(name: str, value: float | None) -> str:
    """A value with the unit that its name tells (the names are the agent's: see its sources/hardware.py)."""
    kind, _, last = name.rpartition(".")
    if value is None:
        return ""
    if name.startswith("cpu.") or last in ("percent", "busy"):
        return f"{value:.1f}%"
    if last.endswith("_bytes"):
        return f"{size(value)}/s"
    if kind.startswith(("memory", "swap", "disk")):
        return size(value)
    if name.startswith("temp."):
        return f"{value:.0f} °C"
    return span(int(value)) if name == "uptime" else number(value)


def _overview_column(title: str, name: str) -> Column:
    return Column(title, lambda sample: readable(name, sample["values"].get(name)), right=True)


def _greatest_column(title: str, first: str, last: str) -> Column:
    """The greatest of the metrics whose names begin and end so: the fullest disk, the warmest sensor."""
    def value(sample: dict) -> str:
        found = {name: value for name, value in sample["values"].items() if name.startswith(first) and
                 name.endswith(last)}
        worst = max(found, key=lambda name: found[name], default="")
        return readable(worst, found.get(worst))
    return Column(title, value, right=True)


def overview(now: float) -> Listing:
    return Listing(
        columns=(
            Column("NODE", lambda sample: sample["node"], least=20, style=lambda sample: "bold"),
            _overview_column("CPU", "cpu.total"),
            _overview_column("LOAD", "load.1"),
            _overview_column("MEMORY", "memory.percent"),
            _greatest_column("DISK", "disk.", ".percent"),
            _greatest_column("TEMP", "temp.", ""),
            _overview_column("PROCS", "processes"),
            _overview_column("UP", "uptime"),
            Column("MEASURED", lambda sample: ago(moment_of(sample["time"]), now)),
        ),
        name=lambda sample: sample["node"],
        empty="No node has sent measurements yet. Which nodes there are: hubctl nodes",
    )


VALUES = Listing(
    columns=(
        Column("NODE", lambda row: row["node"], least=20, style=lambda row: "bold"),
        Column("METRIC", lambda row: row["name"], least=20),
        Column("VALUE", lambda row: readable(row["name"], row["value"]), right=True),
        Column("EXACTLY", lambda row: row["value"], right=True, wide=True),
    ),
    name=lambda row: row["node"],
    empty="No node has a metric of that name. What there is: hubctl metrics all '*'",
)


def series_listing() -> Listing:
    """Series with a plot each; what is left of the terminal's width is the plot's."""
    width = Screen.of(sys.stdout).width
    places = max(NARROWEST_PLOT, min(PLOT, width - 70)) if width else PLOT

    def column(title: str, key: str) -> Column:
        return Column(title, lambda item: readable(item["name"], summary(item["values"])[key]), right=True)

    return Listing(
        columns=(
            Column("NODE", lambda item: item["node"], least=12, style=lambda item: "bold"),
            Column("METRIC", lambda item: item["name"], least=16),
            column("LAST", "last"), column("MIN", "min"), column("MEAN", "mean"), column("MAX", "max"),
            Column("", lambda item: sparkline(item["values"], places), style=lambda item: "cyan"),
        ),
        name=lambda item: item["name"],
        empty="Nothing was measured under that name then. What there is: hubctl metrics all '*'",
    )
