"""hubctl alarms ls | show | ack"""

import asyncio

import click

from hubctl.errors import Usage
from hubctl.options import Desk, ListingGroup, Moment, output_option
from hubctl.output import JSON, JSONL, TABLE, YAML, Listing, say, show_details, show_list, show_value, state_style
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of

SEVERITIES = ("info", "warning", "critical")
STYLES = {"info": "", "warning": "yellow", "critical": "bold red"}

AT_ONCE = 1000
"""Alarms that the hub takes in one request."""


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ID", lambda alarm: alarm["id"]),
            Column("SEVERITY", lambda alarm: alarm["severity"], style=lambda alarm: STYLES.get(alarm["severity"], "")),
            Column("STATE", state_text, style=lambda alarm: state_style(alarm["state"])),
            Column("SINCE", lambda alarm: ago(moment_of(alarm["raised"]), now)),
            Column("ABOUT", about, least=8),
            Column("SUMMARY", lambda alarm: alarm["summary"], least=20),
            Column("VALUE", lambda alarm: alarm["value"], wide=True, right=True),
            Column("RULE", lambda alarm: alarm["rule"], wide=True),
            Column("SUBJECT", lambda alarm: alarm["subject"], wide=True, least=10),
        ),
        name=lambda alarm: alarm["id"],
        empty="No alarm is open. What raises one: hubctl rules",
    )


def about(alarm: dict) -> str:
    """What it is about: a node, a step of a service, or the hub."""
    step = "/".join(part for part in (alarm["service"], alarm["component"]) if part)
    return alarm["node"] or step or alarm["subject"].partition(":")[0].partition(" ")[0]


def state_text(alarm: dict) -> str:
    by = f" by {alarm['acknowledged_by']}" if alarm["state"] == "acknowledged" else ""
    return alarm["state"] + by + (", silenced" if alarm["silenced"] else "")


@click.group("alarms", cls=ListingGroup)
def command() -> None:
    """Show what is wrong, and say that you take care of it.

    Rules raise alarms (hubctl rules); each is cleared when it is well again.

    \b
    Examples:
      hubctl alarms
      hubctl alarms -f
      hubctl alarms ack 0mb3
    """


@command.command("ls")
@click.option("--all", "everything", is_flag=True, help="Also those that are cleared, newest first.")
@click.option("--severity", type=click.Choice(SEVERITIES), default=None, help="This severity and worse.")
@click.option("--node", metavar="NODE", default="", help="Only of this node.")
@click.option("--service", metavar="NAME", default="", help="Only of this monitoring service.")
@click.option("--rule", metavar="NAME", default="", help="Only of this rule.")
@click.option("--since", type=Moment(), metavar="T", default=None,
              help="Only those that were not cleared before: 1h (ago), 2026-11-20, RFC 3339.")
@click.option("-n", "--lines", type=click.IntRange(1), default=200, show_default=True, help="How many, newest first.")
@click.option("-f", "--follow", is_flag=True, help="Go on and show each change as it comes, until Ctrl-C.")
@output_option()
@click.pass_obj
def list_alarms(desk: Desk, everything: bool, severity: str | None, node: str, service: str, rule: str,
                since: str | None, lines: int, follow: bool, form: str) -> None:
    """List the alarms that are open, newest first.

    \b
    Examples:
      hubctl alarms ls
      hubctl alarms ls --all --since 1d --node web-1
      hubctl alarms ls -f --severity warning
      hubctl alarms ls -f -o jsonl
    """
    client = desk.client()
    wanted = {"severity": severity or "", "node": node, "service": service, "rule": rule, "since": since or "",
              **({} if everything else {"open": "true"})}
    if follow:
        if form not in (TABLE, JSONL):
            raise Usage("what is followed is shown as a table or jsonl", "say -o jsonl")
        from hubctl.alarm_session import AlarmSession  # noqa: PLC0415 (aiohttp takes 180 ms)

        asyncio.run(AlarmSession(client, wanted, lines, form).follow())
        return
    found = list(client.items("alarms", limit=lines, **wanted))
    show_list(found, listing(client.hub_now()), form)


@command.command()
@click.argument("id")
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def show(desk: Desk, id: str, form: str) -> None:
    """One alarm with its changes. ID is what `hubctl alarms` shows, or enough of the end of an open one's.

    \b
    Examples:
      hubctl alarms show 0mb3k2x8d7q1z5v9a2c4
      hubctl alarms show a2c4 -o json
    """
    client = desk.client()
    [id] = _ids(client, [id])
    alarm = client.get("alarms", id)
    if form != TABLE:
        show_value(alarm, form)
        return
    changes = [f"{clock(moment_of(flip['time']))}  {flip['kind']}" + ("" if flip["claimed"] else "  (not told yet)")
               for flip in alarm["flips"]]
    show_details([
        ("alarm", alarm["id"]), ("summary", alarm["summary"]), ("state", state_text(alarm)),
        ("severity", alarm["severity"]), ("rule", alarm["rule"]), ("subject", alarm["subject"]),
        ("about", about(alarm)), ("tags", " ".join(alarm["tags"])), ("value", alarm["value"]),
        ("cleared because", alarm["reason"]), ("changes", "\n".join(changes))])


@command.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are open and nobody has acknowledged.")
@click.pass_obj
def ack(desk: Desk, ids: tuple[str, ...], everything: bool) -> None:
    """Acknowledge alarms: say that you take care of them. ID is what `hubctl alarms` shows, or enough of its end.

    \b
    Examples:
      hubctl alarms ack 0mb3k2x8d7q1z5v9a2c4
      hubctl alarms ack a2c4 d7q1
      hubctl alarms ack --all
    """
    if bool(ids) == everything:
        raise Usage("say which alarms, or --all", "look: hubctl alarms")
    client = desk.client()
    wanted = [alarm["id"] for alarm in client.items("alarms", state="raised")] if everything else _ids(client, ids)
    if len(wanted) == 1:
        alarm = client.post("alarms", wanted[0], "ack")
        say(f"Acknowledged by {alarm['acknowledged_by']}: {alarm['summary']}")
        return
    changed = sum(len(client.post("alarms", "ack", body={"alarms": wanted[start:start + AT_ONCE]})["items"])
                  for start in range(0, len(wanted), AT_ONCE))
    say(f"{changed} alarms acknowledged.")


def _ids(client, given) -> list[str]:
    """Whole ids of what may be the ends of open alarms' ids: their beginnings are of the time, and much alike."""
    known = [alarm["id"] for alarm in client.items("alarms", open="true")]
    found = []
    for text in given:
        ends = [id for id in known if id.endswith(text)]
        if len(ends) > 1:
            raise Usage(f"{len(ends)} open alarms end with {text}", "say more of the id")
        found.append(ends[0] if ends else text)
    return found
