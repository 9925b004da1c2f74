"""hubctl sessions ls | show | join | end | replay | export | rm"""

import asyncio
import sys
from pathlib import Path

import click

from hubctl.errors import Usage
from hubctl.options import Desk, ListingGroup, NodeName, confirm, output_option, yes_option
from hubctl.output import NAME, TABLE, WIDE, Listing, say, show_details, show_list, show_value, state_style
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of

SESSIONS_A_PAGE = 200


def who(session: dict) -> str:
    """Who is in it."""
    return ", ".join(f"{person['name']}{' (reads)' if person['read_only'] else ''}" for person in session["people"])


def recorded(session: dict) -> str:
    """How much of it."""
    return f"{session['recording'] / 1024:.0f} KiB" if session["recording"] else ""


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ID", lambda session: session["id"]),
            Column("STATE", lambda session: session["state"], style=lambda session: state_style(session["state"])),
            Column("WHEN", lambda session: ago(moment_of(session["created"]), now)),
            Column("BY", lambda session: session["by"], least=8),
            Column("ON", lambda session: session["node"], least=8),
            Column("TITLE", lambda session: session["title"], least=10),
            Column("IN IT", who, least=8),
            Column("RECORDED", recorded),
            Column("REMARK", lambda session: session["why"], wide=True, least=10),
        ),
        name=lambda session: session["id"],
        empty="No terminal was opened yet. To open one: hubctl shell NODE",
    )


@click.group("sessions", cls=ListingGroup)
def command() -> None:
    """List, join, end, replay and export terminals.

    \b
    Examples:
      hubctl sessions
      hubctl sessions join k3x5a7b2m4q6 --read-only
      hubctl sessions replay k3x5a7b2m4q6 --speed 4
    """


@command.command("ls")
@click.option("-n", "--lines", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@click.option("--node", type=NodeName(), default="", help="Only on this node.")
@click.option("--by", default="", help="Only what this user opened.")
@click.option("--state", type=click.Choice(("open", "ended")), help="Only those that go on, or that are over.")
@output_option()
@click.pass_obj
def list_sessions(desk: Desk, lines: int, node: str, by: str, state: str | None, form: str) -> None:
    """List terminals, newest first.

    \b
    Examples:
      hubctl sessions ls
      hubctl sessions ls --node web-1 --state open
      hubctl sessions ls -n 5 -o json
    """
    client = desk.client()
    found = list(client.items("sessions", limit=lines, page=SESSIONS_A_PAGE, node=node, by=by, state=state or ""))
    show_list(found, listing(client.hub_now()), form)


@command.command()
@click.argument("id")
@output_option()
@click.pass_obj
def show(desk: Desk, id: str, form: str) -> None:
    """One terminal: who began it, who is in it, how it ended.

    \b
    Examples:
      hubctl sessions show k3x5a7b2m4q6
      hubctl sessions show k3x5a7b2m4q6 -o json
    """
    client = desk.client()
    session = client.get("sessions", id)
    if form == NAME:
        show_list([session], listing(client.hub_now()), form)
    elif form not in (TABLE, WIDE):
        show_value(session, form)
    else:
        code = session["exit_code"]
        show_details([
            ("id", session["id"]), ("title", session["title"]), ("node", session["node"]), ("user", session["user"]),
            ("command", " ".join(session["argv"]) or "login shell"),
            ("state", session["state"] + (f", exit code {code}" if code >= 0 else "")), ("why", session["why"]),
            ("began", f"{clock(moment_of(session['created']))} by {session['by']}"),
            ("ended", clock(moment_of(session["ended"])) if session["ended"] else ""), ("in it", who(session)),
            ("window", f"{session['cols']} x {session['rows']}"),
            ("recording", f"{session['recording']} bytes" if session["recording"] else "none")])


@command.command()
@click.argument("id")
@click.option("--read-only", is_flag=True, help="Only look: what you type is not taken.")
@click.pass_obj
def join(desk: Desk, id: str, read_only: bool) -> int:
    """Come into a terminal that is open. ~. leaves it (at the beginning of a line); it goes on for the others.

    Everybody sees the same; the window is as large as fits into everybody's.

    \b
    Examples:
      hubctl sessions join k3x5a7b2m4q6
      hubctl sessions join k3x5a7b2m4q6 --read-only
    """
    from hubctl.terminal_window import live_in  # noqa: PLC0415 (aiohttp takes 180 ms)

    client = desk.client()
    session = client.get("sessions", id)
    if session["ended"]:
        raise Usage(f"this session is over ({session['state']})", f"look at it: hubctl sessions replay {id}")
    return asyncio.run(live_in(client, id, read_only=read_only))


@command.command()
@click.argument("id")
@yes_option
@click.pass_obj
def end(desk: Desk, id: str, yes: bool) -> None:
    """End a terminal for everybody in it. Its starter may, and admins.

    \b
    Examples:
      hubctl sessions end k3x5a7b2m4q6
      hubctl sessions end k3x5a7b2m4q6 --yes
    """
    confirm(f"End the session {id} with all that runs in it?", yes)
    session = desk.client().post("sessions", id, "end")
    say(f"Ending {session['title']}. Next: hubctl sessions show {id}")


@command.command()
@click.argument("id")
@click.option("--speed", type=click.FloatRange(0.1, 1000), default=1.0, show_default=True, help="Times faster.")
@click.option("--pause", type=click.FloatRange(0), default=2.0, show_default=True,
              help="A pause lasts at most so many seconds; 0: as it was.")
@click.pass_obj
def replay(desk: Desk, id: str, speed: float, pause: float) -> None:
    """Show again what a terminal has shown. Ctrl-C ends it.

    \b
    Examples:
      hubctl sessions replay k3x5a7b2m4q6
      hubctl sessions replay k3x5a7b2m4q6 --speed 8 --pause 0.5
    """
    from hubctl.replay import play  # noqa: PLC0415

    play(desk.client().text("sessions", id, "recording"), speed, pause)


@command.command()
@click.argument("id")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export(desk: Desk, id: str, file: Path) -> None:
    """Write a recording to a file (-: our output), for asciinema's player and others: asciicast v2.

    \b
    Examples:
      hubctl sessions export k3x5a7b2m4q6 slow-shop.cast
      hubctl sessions export k3x5a7b2m4q6 - | asciinema play -
    """
    text = desk.client().text("sessions", id, "recording")
    if str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise Usage(f"{file} can't be written: {error.strerror}", "give another file") from None
    say(f"Written: {file}. Play it: asciinema play {file}")


@command.command("rm")
@click.argument("id")
@yes_option
@click.pass_obj
def remove(desk: Desk, id: str, yes: bool) -> None:
    """Remove the recording of a terminal that is over (admins only).

    \b
    Examples:
      hubctl sessions rm k3x5a7b2m4q6
    """
    confirm(f"Remove the recording of {id}?", yes)
    desk.client().delete("sessions", id, "recording")
    say(f"Removed: the recording of {id}")
