"""Times and spans: what people type, what the hub says, what the terminal shows.

Inside hubctl a time is whole microseconds since 1970 (UTC), a span is seconds. The hub writes times as RFC 3339 text;
people read them in their own time zone.
"""

import re
import time
from datetime import UTC, datetime
from functools import lru_cache

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?\Z", re.ASCII)
_LOCAL_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
_MAX_SPAN = 100 * 365 * 86400


def parse_span(text: str) -> int:
    """`90s`, `5m`, `1h30m`, `2d` or plain seconds to seconds; raises ValueError."""
    found = _SPAN.match(text.strip())
    if not found or not text.strip():
        raise ValueError(f"{text!r} is no span of time: write 90s, 5m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    if total > _MAX_SPAN:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return total


def parse_moment(text: str) -> str:
    """A point in time as the hub reads it: how long ago in seconds (by the hub's own clock), or RFC 3339.

    Takes a span, RFC 3339, or a date with or without a time in the reader's time zone; raises ValueError."""
    text = text.strip()
    if _SPAN.match(text) and text:
        return f"{parse_span(text)}s"
    for form in _LOCAL_FORMS:
        try:
            return to_rfc3339(int(datetime.strptime(text, form).astimezone().timestamp() * 1e6))
        except ValueError:
            continue
    try:
        return to_rfc3339(from_rfc3339(text))
    except ValueError:
        raise ValueError(f"{text!r} is no time: write 1h (that long ago), 2026-11-20, "
                         "'2026-11-20 10:00' or RFC 3339") from None


def from_rfc3339(text: str) -> int:
    """RFC 3339 text to microseconds; raises ValueError, also where it has no time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("has no time zone")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def to_rfc3339(microseconds: int) -> str:
    """The hub's own form: UTC with microseconds and Z."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_utc(seconds)}.{rest:06d}Z"


def moment_of(value: object) -> int:
    """A time out of an answer (RFC 3339 text or microseconds) as microseconds; 0 where there is none."""
    if isinstance(value, str) and value:
        try:
            return from_rfc3339(value)
        except ValueError:
            return 0
    return value if type(value) is int else 0


def clock(microseconds: int) -> str:
    """Date and time to the second in the reader's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(microseconds // 1_000_000)) if microseconds else "never"


def short_clock(microseconds: int) -> str:
    """Month to millisecond in the reader's time zone, as log lines show it."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_local(seconds)}.{rest // 1000:03d}"


@lru_cache(100)
def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@lru_cache(100)
def _local(seconds: int) -> str:
    """Lines of a log come many to a second."""
    return time.strftime("%m-%d %H:%M:%S", time.localtime(seconds))


def span(seconds: float) -> str:
    """A span in at most two units, for people: 0.4s, 12s, 3m20s, 2h, 5d4h."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s".replace(".0s", "s")
    whole = int(seconds)
    for size, unit, part_size, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            count, rest = divmod(whole, size)
            if count >= 10:
                return f"{count}{unit}"
            return f"{count}{unit}" + (f"{rest // part_size}{part}" if rest >= part_size else "")
    return f"{whole}s"


def ago(microseconds: int, now: float) -> str:
    """How long before `now` (Unix seconds)."""
    if not microseconds:
        return "never"
    passed = now - microseconds / 1e6
    return f"{span(int(passed))} ago" if passed >= 1 else "now" if passed > -5 else f"in {span(-int(passed))}"
