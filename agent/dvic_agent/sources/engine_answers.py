"""Pure: what a container engine's API says, to what is kept of it. Docker speaks it, and Podman speaks it too.

    GET /version                 which engine it is
    GET /containers/json?all=1   ids of all containers
    GET /containers/ID/json      name, image, state, exit code and times of one
    GET /events                  a line for each create, start, die, destroy

An answer may be anything: what is not of the form is passed over, texts are cut and made harmless, and an id counts
only as 64 hexadecimal digits, so that it can stand in a path.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from .namespaces import MAX_LABEL
from .text import printable

MAX_IMAGE = 256
"""Characters of an image's name."""

TROUBLE = "the container engine at"
"""How a sentence begins that tells why an engine can't be asked."""

RUNNING, PAUSED, RESTARTING, ENDED = "running", "paused", "restarting", "ended"

_STATES = {
    "running": RUNNING, "stopping": RUNNING, "paused": PAUSED, "restarting": RESTARTING,
    "exited": ENDED, "stopped": ENDED, "dead": ENDED, "removing": ENDED,
}
"""What engines call them. Others (created, configured, initialized) were never started, and are not told."""

_ID = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_LATEST = 253_402_300_799_999_999
_CODES = range(-(2**31), 2**31)


@dataclass(frozen=True)
class Told:
    """A container by the word of its engine. `exit_code`: None where it has none (yet); `since`: of the state,
    microseconds since 1970, 0 where that is not known."""

    id: str
    engine: str
    name: str
    image: str
    state: str
    exit_code: int | None = None
    since: int = 0


@dataclass(frozen=True)
class Event:
    """`action`: create, start, die, ...; the others as in Told."""

    id: str
    action: str
    name: str
    image: str
    exit_code: int | None
    time: int


def engine_of(answer: bytes) -> str | None:
    """docker or podman, by what GET /version says; None when this is no engine."""
    told = _object(_loaded(answer))
    if not isinstance(told.get("ApiVersion"), str):
        return None
    parts = told.get("Components")
    names = [_text(_object(part).get("Name"), MAX_LABEL) for part in parts] if isinstance(parts, list) else []
    return "podman" if any("podman" in name.lower() for name in names) else "docker"


def listed(answer: bytes, most: int) -> dict[str, str] | None:
    """Ids of at most `most` containers with their states ("": never started), those that run first; None when this is
    no list of containers."""
    told = _loaded(answer)
    if not isinstance(told, list):
        return None
    found = [(_state(one.get("State")), one["Id"]) for one in map(_object, told) if _is_id(one.get("Id"))]
    found.sort(key=lambda one: one[0] in (ENDED, ""))
    return {id: state for state, id in found[:most]}


def inspected(answer: bytes, engine: str) -> Told | None:
    """A container that was started at least once; None for others, and for what is no such answer."""
    told = _object(_loaded(answer))
    state, config = _object(told.get("State")), _object(told.get("Config"))
    status = _state(state.get("Status"))
    if not status or not _is_id(told.get("Id")):
        return None
    over = status in (ENDED, RESTARTING)
    return Told(told["Id"], engine, _name(told.get("Name")), _text(config.get("Image"), MAX_IMAGE), status,
                _code(state.get("ExitCode")) if over else None,
                _time(state.get("FinishedAt" if over else "StartedAt")))


def named(answer: bytes) -> tuple[str, str, str] | None:
    """Id, name and image in the same answer, started or not."""
    told = _object(_loaded(answer))
    name = _name(told.get("Name"))
    return (told["Id"], name, _text(_object(told.get("Config")).get("Image"), MAX_IMAGE)) if (
        _is_id(told.get("Id")) and name) else None


def event_of(line: bytes) -> Event | None:
    """One line of GET /events; None when it is of no container."""
    told = _object(_loaded(line))
    actor = _object(told.get("Actor"))
    about = _object(actor.get("Attributes"))
    action = told.get("Action") or told.get("status")
    id = actor.get("ID") or told.get("id")
    if told.get("Type") != "container" or not isinstance(action, str) or not _is_id(id):
        return None
    code = about.get("exitCode", about.get("containerExitCode"))
    nanoseconds = told.get("timeNano")
    time = nanoseconds // 1000 if type(nanoseconds) is int else 0
    return Event(id, _text(action.partition(":")[0], MAX_LABEL), _name(about.get("name")),
                 _text(about.get("image"), MAX_IMAGE), _code(int(code)) if isinstance(code, str) and
                 re.fullmatch(r"-?\d{1,9}", code) else _code(code), time if 0 < time <= _LATEST else 0)


def _loaded(answer: bytes) -> object:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _state(word: object) -> str:
    return _STATES.get(word, "") if isinstance(word, str) else ""


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _text(value: object, most: int) -> str:
    return printable(value[:most].encode("utf-8", "backslashreplace"), most) if isinstance(value, str) else ""


def _name(value: object) -> str:
    return _text(value, MAX_LABEL).removeprefix("/")


def _code(value: object) -> int | None:
    return value if type(value) is int and value in _CODES else None


def _time(value: object) -> int:
    """RFC 3339, as engines write it with up to nine digits behind the point; 0 for none and for year 1."""
    found = _TIME.fullmatch(value[:64]) if isinstance(value, str) else None
    try:
        at = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00")).timestamp() if found else 0
    except (ValueError, OverflowError):
        return 0
    whole = int(at) * 1_000_000 + int((found[2] or "").ljust(9, "0")[:6]) if found else 0
    return whole if 0 < whole <= _LATEST else 0
