"""hubctl windows ls | show | add | rm"""

import re

import click

from hubctl.errors import Refused
from hubctl.options import Desk, ListingGroup, NodeSelector, Span, output_option
from hubctl.output import JSON, JSONL, NAME, TABLE, YAML, Listing, say, show_details, show_list, show_value
from hubctl.tables import Column
from hubctl.times import clock, moment_of, span

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKLY = re.compile(r"([a-z,]+) +([0-9]{1,2}):([0-9]{2})\Z")


def listing() -> Listing:
    return Listing(
        columns=(
            Column("NAME", lambda window: window["name"]),
            Column("NODES", lambda window: window["selector"], least=10),
            Column("WHEN", when_text, least=10),
            Column("LASTS", lambda window: span(window["seconds"]), right=True),
            Column("NEXT", lambda window: next_text(window)),
            Column("BY", lambda window: window["created_by"], least=8),
            Column("REASON", lambda window: window["reason"], least=10),
        ),
        name=lambda window: window["name"],
        empty="No maintenance is planned. To plan it: hubctl windows add backup all --weekly 'sat 22:00' --for 4h",
    )


def when_text(window: dict) -> str:
    return f"{window['cron']} {window['zone']}" if window["cron"] else "once"


def next_text(window: dict) -> str:
    if window["on"]:
        return f"on, until {clock(moment_of(window['next'][0]['end']))}"
    return clock(moment_of(window["next"][0]["begin"])) if window["next"] else "over"


def span_text(each: dict) -> str:
    return f"{clock(moment_of(each['begin']))} to {clock(moment_of(each['end']))}"


def cron_of(weekly: str) -> str:
    """"sat,sun 22:00" as a cron expression; raises Refused."""
    found = _WEEKLY.match(weekly.strip().lower())
    days = found.group(1).split(",") if found else []
    if not found or not set(days) <= set(DAYS) or int(found.group(2)) > 23 or int(found.group(3)) > 59:
        raise Refused(f"{weekly!r} is no time of the week", "write days and a time: --weekly 'sat,sun 22:00'")
    return f"{int(found.group(3))} {int(found.group(2))} * * {','.join(str(DAYS.index(day)) for day in days)}"


@click.group("windows", cls=ListingGroup)
def command() -> None:
    """Plan maintenance: times in which nobody is to be troubled about nodes.

    While a window is on its nodes are silenced. What begins and ends within it is never told; what is still wrong
    after it is told then.

    \b
    Examples:
      hubctl windows
      hubctl windows add backup 'tag:role=db' --weekly 'sat,sun 22:00' --zone Europe/Paris --for 4h
      hubctl windows add move 'tag:room=lab' --begin 2026-12-01T08:00:00Z --for 6h --reason "they move the racks"
      hubctl windows rm move
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_windows(desk: Desk, form: str) -> None:
    """List the maintenance windows, and when each comes next.

    \b
    Examples:
      hubctl windows ls
      hubctl windows ls -o json
    """
    show_list(list(desk.client().items("windows")), listing(), form)


@command.command()
@click.argument("name")
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def show(desk: Desk, name: str, form: str) -> None:
    """One maintenance window, and when it comes next.

    \b
    Examples:
      hubctl windows show backup
    """
    found = next((window for window in desk.client().items("windows") if window["name"] == name), None)
    if found is None:
        raise Refused(f"there is no maintenance window {name}", "look: hubctl windows ls")
    if form != TABLE:
        show_value(found, form)
        return
    show_details([
        ("name", found["name"]), ("nodes", found["selector"]), ("when", when_text(found)),
        ("lasts", span(found["seconds"])), ("now", "on" if found["on"] else "not on"),
        *(("next", span_text(each)) for each in found["next"]), ("reason", found["reason"]),
        ("planned by", f"{found['created_by']}, {clock(moment_of(found['created']))}"),
    ])


@command.command()
@click.argument("name")
@click.argument("selector", type=NodeSelector())
@click.option("--for", "seconds", type=Span(), required=True, metavar="SPAN", help="How long each time: 30m, 4h, 2d.")
@click.option("--begin", default="", metavar="TIME", help="Once, from then: 2026-12-01T22:00:00Z.")
@click.option("--weekly", default="", metavar="DAYS TIME", help="Each week: 'sat,sun 22:00', by the clocks of --zone.")
@click.option("--cron", default="", metavar="FIELDS", help="By cron: '30 3 1 * *', by the clocks of --zone.")
@click.option("--zone", default="UTC", metavar="ZONE", show_default=True, help="Whose clocks: Europe/Paris.")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown with the nodes while it is on.")
@click.option("--dry-run", is_flag=True, help="Only show when it would be on.")
@output_option(TABLE, JSON, JSONL, YAML, NAME)
@click.pass_obj
def add(desk: Desk, name: str, selector: str, seconds: int, begin: str, weekly: str, cron: str, zone: str, reason: str,
        dry_run: bool, form: str) -> None:
    """Plan a maintenance window, or change the one of this NAME. SELECTOR can't look at states.

    \b
    Examples:
      hubctl windows add backup 'tag:role=db' --weekly 'sat,sun 22:00' --zone Europe/Paris --for 4h
      hubctl windows add move 'tag:room=lab' --begin 2026-12-01T08:00:00Z --for 6h
      hubctl windows add patch all --cron '30 3 1 * *' --for 1h --dry-run
    """
    if sum(map(bool, (begin, weekly, cron))) != 1:
        raise Refused("say when: exactly one of --begin, --weekly, --cron",
                      "see: hubctl windows add --help")
    body = {"selector": selector, "seconds": seconds, "begin": begin, "cron": cron_of(weekly) if weekly else cron,
            "zone": zone, "reason": reason}
    client = desk.client()
    window = client.post("windows", "preview", body=body) if dry_run else client.put("windows", name, body=body)
    if form == NAME:
        click.echo(name)
    elif form != TABLE:
        show_value(window, form)
    else:
        say(f"{'It would be' if dry_run else 'Planned:'} {name}, {span(seconds)} each time. Next:" if window["cron"]
            else f"{'It would be' if dry_run else 'Planned:'} {name}, once:")
        for each in window["next"]:
            say(f"  {span_text(each)}")


@command.command()
@click.argument("name")
@click.pass_obj
def rm(desk: Desk, name: str) -> None:
    """Remove a maintenance window; one that is on ends at once.

    \b
    Examples:
      hubctl windows rm move
    """
    desk.client().delete("windows", name)
    say("Removed.")
