"""Messages about alarms in words: plain text, of a bounded length, each with a link to the page. Pure.

What stands in them comes from machines that may be hostile: control characters, line breaks and what turns the
direction of text become spaces, so that a summary stays one line and shows what it is. Nothing is markup and nothing is
a template: words of an alarm are put in as they are, once.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from .alarm_model import CLEARED, RAISED, Alarm
from .telling import FLAP_FREE, REPEATED, Message, Subject

MAX_TITLE = 150
"""Characters of a message's title."""

MAX_BODY = 3500
"""Characters of a message: with its title it fits into one of Telegram's."""

MAX_LISTED = 20
"""Alarms that one message lists; of the others it says how many there are."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
                     "\ufff9-\ufffb\ud800-\udfff]+")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def harmless(text: str, most: int) -> str:
    """One line, at most so long."""
    line = " ".join(_UNSAFE.sub(" ", text).split())
    return line if len(line) <= most else line[:most - 1] + "\u2026"


def title(message: Message) -> str:
    first, count = message.alarms[0], len(message.alarms)
    label = {RAISED: message.severity, CLEARED: "recovered", REPEATED: f"still {message.severity}"}[message.kind]
    if count == 1:
        return harmless(f"[{label}] {first.summary}", MAX_TITLE)
    service = f" in {first.service}" if first.service else ""
    return harmless(f"[{label}] {count} alarms: {first.rule}{service}", MAX_TITLE)


def body(message: Message, url: str, node_name: Callable[[str], str], raises: Mapping[Subject, int]) -> str:
    """`url`: the hub's; `node_name`: a node's name by its id."""
    parts = [_told(alarm, url, node_name, raises.get((alarm.rule, alarm.subject), 0))
             for alarm in message.alarms[:MAX_LISTED]]
    more = len(message.alarms) - len(parts)
    while len(_joined(parts, more, url)) > MAX_BODY and len(parts) > 1:
        parts.pop()
        more += 1
    return _joined(parts, more, url)[:MAX_BODY]


def text_of_test(channel: str, url: str, by: str) -> tuple[str, str]:
    """Title and body of what the test button sends."""
    name = harmless(channel, 64)
    return (f"[test] DVIC can reach you by {name}",
            f"{harmless(by, 64)} asked for a test of the channel {name}.\nAlarms will come this way.\n{url}/")


def _told(alarm: Alarm, url: str, node_name: Callable[[str], str], raises: int) -> str:
    where = [f"node {node_name(alarm.node) or alarm.node}" if alarm.node else "",
             f"service {alarm.service}" if alarm.service else "",
             f"component {alarm.component}" if alarm.component else "",
             f"value {alarm.value}" if alarm.value else ""]
    lines = [harmless(alarm.summary, 500), harmless(", ".join(filter(None, where)), 300),
             f"since {_clock(alarm.raised)}" + (f" until {_clock(alarm.cleared)}" if alarm.cleared else "")]
    if raises > FLAP_FREE:
        lines.append(f"it came {raises} times within an hour; messages about it come more rarely while it does")
    if alarm.cleared and alarm.reason:
        lines.append(harmless(alarm.reason, 200))
    lines.append(f"{url}/alarms/{alarm.id}")
    return "\n".join(filter(None, lines))


def _joined(parts: list[str], more: int, url: str) -> str:
    rest = [f"\u2026 and {more} more: {url}/alarms"] if more else []
    return "\n\n".join([*parts, *rest])


def _clock(time: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=min(max(time, 0), 253402300799999999)):%Y-%m-%d %H:%M:%S} UTC"
