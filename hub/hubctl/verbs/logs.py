"""hubctl logs"""

import asyncio
import sys
from collections.abc import Callable, Iterable

import click

from hubctl.client import Client
from hubctl.errors import HubctlError, NotReachable, Usage
from hubctl.following import Follower
from hubctl.log_lines import LISTING, LineWriter, identity, item_of
from hubctl.options import Desk, Moment, NodeSelector, output_option
from hubctl.output import JSON, JSONL, NAME, TABLE, WIDE, YAML, Screen, json_line, say, show_list
from hubctl.times import moment_of, to_rfc3339

LEVELS = ("debug", "info", "notice", "warning", "error", "critical")
LINES = 100
LINES_BEFORE_FOLLOWING = 10
MOST_LINES = 100_000
"""Lines shown at most where --since was given and no -n: they are held in memory to be turned round."""

RETRY_SECONDS = 1.0


@click.command()
@click.argument("selector", type=NodeSelector(), default="all")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), metavar="N",
              help=f"The last N lines ({LINES}; {LINES_BEFORE_FOLLOWING} with -f; all with --since).")
@click.option("--since", type=Moment(), metavar="T", help="From then on: 1h (ago), 2026-11-20, RFC 3339.")
@click.option("--until", type=Moment(), metavar="T", help="Up to then.")
@click.option("--level", type=click.Choice(LEVELS), default=None, help="This level and worse.")
@click.option("--source", default="", metavar="S", help="Only this source (glob): journal, 'dvic_log_*'.")
@click.option("--unit", default="", metavar="U", help="Only this unit or container (glob): ssh.service, 'web*'.")
@click.option("--grep", default="", metavar="TEXT", help="Only messages that hold this text, in capitals or not.")
@output_option()
@click.pass_obj
def command(desk: Desk, selector: str, follow: bool, lines: int | None, since: str | None, until: str | None,
            level: str | None, source: str, unit: str, grep: str, form: str) -> None:
    """Read logs, or follow them as they are written.

    Of all nodes, or of those that SELECTOR names; oldest first.

    \b
    Examples:
      hubctl logs
      hubctl logs web-1 -f
      hubctl logs 'tag:room=lab' --since 1h --level warning
      hubctl logs all --unit ssh.service --grep 'failed password' -n 20
      hubctl logs all --since 1d -o jsonl
    """
    client = desk.client()
    filters = {"selector": selector, "level": level or "", "source": source, "unit": unit, "grep": grep}
    if not follow:
        _show(_history(client, filters, since, until, lines), form)
        return
    if until:
        raise Usage("--until and -f don't go together", "leave one of them out")
    if form not in (TABLE, WIDE, JSONL):
        raise Usage(f"-f can't be shown as {form}: it has no end", "use -o jsonl")
    wanted = lines if lines is not None else MOST_LINES if since else LINES_BEFORE_FOLLOWING
    write = _writer(form)
    asyncio.run(_follow(client, filters, since, wanted, write))


def _history(client: Client, filters: dict, since: str | None, until: str | None, lines: int | None) -> list[dict]:
    """Oldest first. Says so where there is more than is shown."""
    wanted = lines if lines is not None else MOST_LINES if since else LINES
    if not wanted:
        return []
    items = list(client.items("logs", limit=wanted, since=since, until=until, **filters))
    if lines is None and since and len(items) == MOST_LINES:
        say(f"Only the last {MOST_LINES} lines are shown; there may be more: give --until, or -n.")
    return [item_of(item) for item in reversed(items)]


def _show(items: list[dict], form: str) -> None:
    if form in (JSON, JSONL, YAML, NAME) or not items:
        show_list(items, LISTING, form)
        return
    write = _writer(form)
    write(items)


def _writer(form: str) -> Callable[[Iterable[dict]], None]:
    """What writes items to stdout in this form, at once."""
    screen = Screen.of(sys.stdout)
    lines = LineWriter(screen.colour, form == WIDE)

    def write(items: Iterable[dict]) -> None:
        for item in items:
            screen.line(json_line(LISTING.plain(item)) if form == JSONL else lines.line(item))
        screen.file.flush()

    return write


async def _follow(client: Client, filters: dict, since: str | None, wanted: int, write: Callable) -> None:
    """Subscribe, then history, then events; after a break the same again, with what was missed only."""
    from hubctl.stream import LiveStream, Lost, Reached, Subscribed  # noqa: PLC0415 (aiohttp takes 180 ms)

    follower = Follower(identity)
    subscription = {"kinds": ["log"], **{key: value for key, value in filters.items() if value}}
    async with LiveStream(client.context, [subscription]) as stream:
        while True:
            item = await stream.next()
            if isinstance(item, dict):
                write(_new([item, *stream.ready()], follower, client))
            elif isinstance(item, Lost) and item.broken:
                say(f"-- The connection to the hub is lost: {item.reason}. Trying again ...")
            elif isinstance(item, Reached):
                follower.caught_up()
            elif isinstance(item, Subscribed) and not item.again:
                first = await asyncio.to_thread(_first, client, filters, since, wanted, follower)
                shown = first + _new(stream.ready(), follower, client)
                write(sorted(shown, key=lambda item: item["time"]))
                await stream.mark()
            else:
                say("-- Connected again." if isinstance(item, Subscribed) else f"-- {item.reason}: fetching them.")
                if isinstance(item, Subscribed):
                    follower.caught_up()
                write(await _missed(client, filters, follower))
                await stream.mark()


def _first(client: Client, filters: dict, since: str | None, wanted: int, follower: Follower) -> list[dict]:
    """The history to begin with."""
    client.get("me")
    follower.begin(client.hub_now())
    if not wanted:
        follower.begin_at(int(client.hub_now() * 1e6))
        return []
    items = [item_of(item) for item in client.items("logs", limit=wanted, since=since, **filters)]
    if len(items) == wanted:
        follower.begin_at(min(moment_of(items[-1]["time"]), int(client.hub_now() * 1e6)))
    return follower.history(reversed(items))


async def _missed(client: Client, filters: dict, follower: Follower) -> list[dict]:
    """What was stored around a break and was not shown. Goes on trying while the hub comes back."""
    new: list[dict] = []
    for node, since in follower.missed_since():
        selector = f"id:{node} and ({filters['selector']})" if node else filters["selector"]
        asked = {**filters, "selector": selector, "since": to_rfc3339(since)}
        while True:
            try:
                items = await asyncio.to_thread(lambda asked: list(client.items("logs", **asked)), asked)
                break
            except HubctlError as error:
                if not (isinstance(error, NotReachable) or getattr(error, "status", 0) >= 500):
                    raise
                await asyncio.sleep(RETRY_SECONDS)
        new += follower.history(item_of(item) for item in reversed(items))
    return new


def _new(events: Iterable[dict], follower: Follower, client: Client) -> list[dict]:
    now = client.hub_now()
    items = (item_of(event) for event in events if event.get("kind") == "log")
    return [item for item in items if follower.is_new(item, now)]
