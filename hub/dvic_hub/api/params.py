"""Input to typed values: paths, queries and bodies. Whatever is wrong becomes a BadRequest that names field and limit.

    since, until    RFC 3339 (`2026-11-20T10:00:00Z`) or how long ago (`90s`, `5m`, `1h`, `2d`)
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
import msgspec.inspect
from aiohttp import web

from dvic_hub.errors import BadRequest, HubError, TooLarge
from dvic_wire.limits import MAX_NAME
from dvic_wire.tokens import MAX_TOKEN

BODY_SECONDS = 30
"""Seconds in which a request's body must have come."""

MAX_PATH_PART = 200
"""Characters of one name in a path."""

PATH_PART = r"^[A-Za-z0-9._@-]+$"
"""What names and ids in a path are made of."""

RELEASE_PART = r"^[A-Za-z0-9._+~-]+$"
"""The same of a Debian package's file name."""

PATH_PARTS: dict[str, tuple[str, int]] = {"release": (RELEASE_PART, 300), "secret": (PATH_PART, MAX_TOKEN),
                                          "address": (r"^[0-9A-Fa-f.:]+$", 45)}
"""Pattern and most characters of those parts of a path that are no names or ids."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 253402300799999999
"""The last microsecond of the year 9999: what RFC 3339 can write."""

Struct = TypeVar("Struct", bound=msgspec.Struct)
Item = TypeVar("Item")

NO_NUL = r"^[^\x00]*$"
"""Pattern of a text that may hold anything else."""

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME, pattern=NO_NUL)]
Note = Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000, description="Items of one page.")]
Cursor = Annotated[str, msgspec.Meta(max_length=512, pattern=NO_NUL,
                                     description="`next` of the page before; empty for the first.")]
SelectorText = Annotated[str, msgspec.Meta(max_length=1000, description="Which nodes: `tag:room=lab and web-*`.")]
TimeText = Annotated[str, msgspec.Meta(max_length=40, description="RFC 3339, or how long ago: 90s, 5m, 1h, 2d.")]
Time = Annotated[str, msgspec.Meta(description="RFC 3339 with microseconds, UTC.",
                                   extra_json_schema={"format": "date-time"})]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO = re.compile(r"([0-9]{1,10})([smhdw])\Z")
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
                      r"([Zz]|[+-][0-9]{2}:[0-9]{2})\Z")
_AT = re.compile(r"at `\$\.?([^`]*)`")
_NAMED = re.compile(r"(?:field|required field) `([^`]+)`")
_BOUND = re.compile(r"(?:[<>]=?|length [<>]=?) ([0-9.]+)")


class Timeout(HubError):
    status, code, title = 408, "timeout", "The request took too long"


class PageQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which part of a list."""

    limit: Limit = 1000
    cursor: Cursor = ""


def page_of(items: Iterable[Item], key: Callable[[Item], str], query: PageQuery) -> tuple[list[Item], str]:
    """A page of a list that is in memory, in order of `key` (unique texts), and the cursor of the next: the last key,
    so that what is added or removed meanwhile shifts nothing."""
    rest = sorted((item for item in items if key(item) > query.cursor), key=key)
    shown = rest[:query.limit]
    return shown, key(shown[-1]) if len(rest) > len(shown) else ""


def read_query(query: Mapping[str, str], shape: type[Struct]) -> Struct:
    """The query's parameters; each may stand once, and none may be there that the route does not know."""
    values: dict[str, str] = {}
    for name, value in query.items():
        if name in values:
            raise BadRequest(f"{_shown(name)} stands twice", field=_shown(name))
        values[name] = _sound(value, _shown(name))
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(error, shape) from None


async def read_body(request: web.Request, shape: type[Struct], limit: int) -> Struct:
    """The JSON body. Never reads more than `limit` bytes of it, nor waits longer than BODY_SECONDS."""
    data = await read_bytes(request, limit)
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise refusal(error, shape) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}", code="malformed", field="body") from None


async def read_bytes(request: web.Request, limit: int) -> bytes:
    """The body as it came; raises TooLarge, Timeout or BadRequest (a coding that isn't read here)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadRequest("bodies are read uncompressed only", field="Content-Encoding")
    if (request.content_length or 0) > limit:
        raise TooLarge(f"the body may have {limit} bytes", code="limit", field="body", limit=limit)
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                data += chunk
                if len(data) > limit:
                    raise TooLarge(f"the body may have {limit} bytes", code="limit", field="body", limit=limit)
    except TimeoutError:
        raise Timeout(f"the body did not come within {BODY_SECONDS} s", limit=BODY_SECONDS) from None
    return bytes(data)


def read_path(parts: Mapping[str, str]) -> dict[str, str]:
    """The names in the path; raises BadRequest for what no name can hold."""
    for name, value in parts.items():
        pattern, most = PATH_PARTS.get(name, (PATH_PART, MAX_PATH_PART))
        if len(value) > most:
            raise BadRequest(f"{name} has at most {most} characters", field=name, limit=most)
        if not re.fullmatch(pattern[1:-1], value):
            raise BadRequest(f"{name} has a character that no name can have", field=name)
    return dict(parts)


def refusal(error: msgspec.ValidationError, shape: type[msgspec.Struct]) -> BadRequest:
    """What msgspec says of wrong input for `shape`, with the field and the limit taken out of its words."""
    text = str(error)
    at, named, bound = _AT.search(text), _NAMED.search(text), _BOUND.search(text)
    field = ".".join(part for part in (at.group(1) if at else "", named.group(1) if named else "") if part)
    limit = float(bound.group(1)) if bound else None
    said = _AT.sub("", text).rstrip(" -") + (f" in {field}" if at else "")
    if text.startswith("Invalid enum value") and (choices := choices_of(shape, field)):
        said = f"{field} is one of {', '.join(choices)}"
    elif "matching regex" in text:
        said = f"{field} has a character that it can't hold"
    return BadRequest(said, field=field, limit=int(limit) if limit is not None and limit == int(limit) else limit)


def choices_of(shape: type[msgspec.Struct], field: str) -> list[str]:
    """The texts that a field of `shape` may be, where they are a fixed few; an empty one is not told."""
    for known in msgspec.inspect.type_info(shape).fields:
        if known.encode_name == field:
            kinds = known.type.types if isinstance(known.type, msgspec.inspect.UnionType) else (known.type,)
            return [value for kind in kinds if isinstance(kind, msgspec.inspect.LiteralType)
                    for value in kind.values if value]
    return []


def read_time(text: str, now: int, field: str) -> int:
    """Microseconds since 1970 of a time or of how long ago; 0 for an empty text. `now` in microseconds."""
    if not text:
        return 0
    ago = _AGO.match(text)
    if ago:
        return max(1, now - int(ago.group(1)) * _UNITS[ago.group(2)] * 1_000_000)
    if not _RFC3339.match(text):
        raise BadRequest(f"{field} is a time such as 2026-11-20T10:00:00Z, or how long ago, such as 90s, 5m, 1h, 2d",
                         field=field)
    try:
        return max(1, (datetime.fromisoformat(text.upper().replace(" ", "T")) - EPOCH) // timedelta(microseconds=1))
    except (ValueError, OverflowError):
        raise BadRequest(f"{field} is no time of the calendar", field=field) from None


def show_time(time: int) -> str | None:
    """RFC 3339 of microseconds since 1970; None for never. What no calendar holds is shown as its nearest end."""
    if not time:
        return None
    moment = EPOCH + timedelta(microseconds=min(max(time, 0), LATEST))
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _sound(value: str, field: str) -> str:
    """Text that is real Unicode without NUL: anything else can't be stored or compared."""
    if "\0" in value:
        raise BadRequest(f"{field} must not hold NUL", field=field)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{field} is not UTF-8", field=field) from None
    return value


def _shown(name: str) -> str:
    return name[:64].encode("ascii", "backslashreplace").decode()
