"""What people may tell the hub by Telegram: from the text of a message to a command. Pure.

    /status                    how the fleet is, and what is wrong
    /nodes [SELECTOR]          nodes, those with trouble first
    /service NAME on|off       switch a monitoring service
    /ack [ID|all]              acknowledge alarms: the one that is open, one of several, or all
    /silence 2h SELECTOR       let nobody be troubled about nodes for a time
    /help

A text that is no command, or one for another bot (`/status@other_bot`), is None: in a group people talk about other
things too. What looks like a command and is none raises BadRequest, whose text is the answer.
"""

import re
from dataclasses import dataclass

from dvic_hub.domain.silences import looks_at_states
from dvic_hub.errors import BadRequest
from dvic_wire import selectors

MAX_COMMAND = 1200
"""Characters of a message that is read as a command; a selector has at most 1000."""

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?\Z", re.DOTALL)
_SPAN = re.compile(r"(?=\d)(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,7})s)?\Z", re.ASCII)

HELP = """\
/status - how the fleet is, and what is wrong
/nodes [SELECTOR] - nodes, those with trouble first
/service NAME on|off - switch a monitoring service
/ack [ID|all] - acknowledge the open alarm, one of several, or all
/silence 2h SELECTOR - let nobody be troubled about nodes for a time
/help - this list
Selectors: web-1, web-*, tag:room=lab, all"""

_HOW = {
    "service": "write /service NAME on, or /service NAME off",
    "ack": "write /ack, /ack ID or /ack all",
    "silence": "write /silence 2h SELECTOR, for example: /silence 2h tag:room=lab",
}


@dataclass(frozen=True)
class Help:
    """`/help`; `/start` as well, which Telegram sends by itself in a new chat."""

    changes = False


@dataclass(frozen=True)
class Status:
    changes = False


@dataclass(frozen=True)
class Nodes:
    selector: str
    changes = False


@dataclass(frozen=True)
class Switch:
    service: str
    on: bool
    changes = True


@dataclass(frozen=True)
class Acknowledge:
    """`id`: of an alarm, its beginning or its end; "" where none was named; "all"."""

    id: str
    changes = True


@dataclass(frozen=True)
class Hush:
    """`fixed`: the selector looks at states, so it means the nodes that are in them now."""

    selector: str
    seconds: int
    fixed: bool
    changes = True


Command = Help | Status | Nodes | Switch | Acknowledge | Hush


def parse(text: str, bot: str = "", private: bool = True) -> Command | None:
    """`bot`: the bot's own name; `private`: nobody else can be meant. Raises BadRequest or WireError (of a selector)
    with what is wrong and how it is written."""
    found = _COMMAND.match(text.strip())
    if found is None or (found[2] and found[2].lower() != bot.lower()):
        return None
    name, rest = found[1].lower(), (found[3] or "").strip()
    if name not in _READ:
        if not private and not found[2]:
            return None  # it may be another bot's
        raise BadRequest(f"there is no command /{name}: /help lists them")
    if len(text) > MAX_COMMAND:
        raise BadRequest(f"a command has at most {MAX_COMMAND} characters", limit=MAX_COMMAND)
    return _READ[name](rest)


def span_of(text: str) -> int:
    """Seconds of `90s`, `30m`, `2h`, `3d`, `1h30m`; 0 for what is none."""
    found = _SPAN.match(text.lower())
    if found is None:
        return 0
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return days * 86_400 + hours * 3600 + minutes * 60 + seconds


def _nodes(rest: str) -> Nodes:
    selectors.parse(rest or "all")
    return Nodes(rest or "all")


def _switch(rest: str) -> Switch:
    parts = rest.split()
    if len(parts) != 2 or parts[1].lower() not in ("on", "off"):
        raise BadRequest(_HOW["service"])
    return Switch(parts[0], parts[1].lower() == "on")


def _acknowledge(rest: str) -> Acknowledge:
    if len(rest.split()) > 1:
        raise BadRequest(_HOW["ack"])
    return Acknowledge(rest.lower())


def _hush(rest: str) -> Hush:
    length, selector = [*rest.split(None, 1), "", ""][:2]
    seconds = span_of(length)
    if not seconds or not selector:
        raise BadRequest(_HOW["silence"])
    return Hush(selector, seconds, looks_at_states(selectors.parse(selector)))


_READ = {"help": lambda _: Help(), "start": lambda _: Help(), "status": lambda _: Status(), "nodes": _nodes,
         "service": _switch, "ack": _acknowledge, "silence": _hush}
