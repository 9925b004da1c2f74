"""Maintenance windows: when work is planned, nobody is to be troubled about what happens meanwhile. Pure.

    once       begin: 2026-12-01 22:00 UTC, 4 h
    each week  cron: "0 22 * * 6", zone: Europe/Paris, 4 h        Saturdays at 22:00, as clocks there show it
    by cron    cron: "30 3 1 * *", zone: UTC, 1 h

A window that is on is a silence like one that somebody made (domain/silences.py): it begins when the window does and
ends with it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from dvic_hub.domain.model import Silence
from dvic_hub.domain.silences import looks_at_states
from dvic_hub.errors import BadRequest
from dvic_wire import selectors

MAX_WINDOWS = 50
"""Maintenance windows of one hub."""

MIN_WINDOW = 60
"""Seconds that a window lasts at least."""

MAX_WINDOW = 7 * 86_400
"""Seconds that a window lasts at most."""

MAX_AHEAD = 366 * 86_400
"""Seconds from now within which a window of one time begins."""

LOOKED_AT = 20
"""Occurrences of a window that are looked at when it is made."""

MAX_NAME = 64
"""Characters of a window's name."""

WINDOW_ID = "window:"
"""What the id of a silence begins with that a window makes; the window's name follows."""

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Span = tuple[int, int]
"""When an occurrence begins and ends, in microseconds since 1970."""


@dataclass(frozen=True)
class Window:
    """`begin` (microseconds since 1970) of one that is once, or `cron` (five fields, by the clocks of `zone`) of one
    that comes again. `seconds`: how long it lasts each time."""

    name: str
    selector: str
    seconds: int
    begin: int = 0
    cron: str = ""
    zone: str = "UTC"
    reason: str = ""
    created: int = 0
    created_by: str = ""


def check(window: Window, now: float) -> None:
    """Whether it may be kept; raises BadRequest, InvalidSelector or LimitExceeded."""
    if len(window.name) > MAX_NAME:
        raise BadRequest(f"a window's name has at most {MAX_NAME} characters", field="window", limit=MAX_NAME)
    if not MIN_WINDOW <= window.seconds <= MAX_WINDOW:
        raise BadRequest(f"a window lasts {MIN_WINDOW} s to {MAX_WINDOW // 86_400} days", field="seconds",
                         limit=MAX_WINDOW)
    if bool(window.begin) == bool(window.cron):
        raise BadRequest("a window has either a begin (once) or a cron expression (again and again)", field="begin")
    if window.begin and not now <= window.begin / _SECOND + window.seconds <= now + MAX_AHEAD + MAX_WINDOW:
        raise BadRequest("a window of one time ends in the future and begins within a year", field="begin",
                         limit=MAX_AHEAD)
    try:
        _zone(window.zone)
    except (KeyError, ValueError, OSError):
        raise BadRequest(f"there is no time zone {window.zone}", field="zone") from None
    if window.cron:
        try:
            found = next(spans(window, now), None)
        except CronSimError as error:
            raise BadRequest(f"the cron expression can't be read: {error}", field="cron") from None
        if found is None:
            raise BadRequest("by this cron expression no window ever begins", field="cron")
        coming = next_spans(window, now, LOOKED_AT)
        if any(later[0] < earlier[1] for earlier, later in pairwise(coming)):
            raise BadRequest("the window would begin again before it is over: let it last less, or begin less often",
                             field="seconds")
    if looks_at_states(selectors.parse(window.selector)):
        raise BadRequest("by state a window would hide what fails in it: name nodes by name, tag or os",
                         code="silence-by-state", field="selector")


def spans(window: Window, now: float) -> Iterator[Span]:
    """Its occurrences that are not over at `now` (Unix seconds), the first one first."""
    length, moment = window.seconds * _SECOND, int(now * _SECOND)
    if not window.cron:
        if window.begin + length > moment:
            yield window.begin, window.begin + length
        return
    # from one length before now, so that one that has begun is among them
    for begin in _begins(window, moment - length):
        yield begin, begin + length


def next_spans(window: Window, now: float, count: int) -> list[Span]:
    """The next `count` occurrences, the one that is on among them."""
    return list(islice(spans(window, now), count))


class Calendar:
    """Windows, asked again and again whether they are on: each is reckoned anew when its next occurrence is over, or
    the clock was set back."""

    def __init__(self) -> None:
        self._known: dict[Window, tuple[float, Span | None]] = {}

    def silences(self, windows: Iterable[Window], now: float) -> list[Silence]:
        """The silences that they make at `now`."""
        known, self._known, found = self._known, {}, []
        for window in windows:
            asked, span = known.get(window, (now, None))
            if window not in known or now < asked or (span is not None and span[1] <= now * _SECOND):
                asked, span = now, next(spans(window, now), None)
            self._known[window] = asked, span
            if span is not None and span[0] <= now * _SECOND:
                found.append(_silence(window, span))
        return found


def ended_since(window: Window, since: float, now: float) -> list[Silence]:
    """The silences that it made and that ended after `since` and until `now`."""
    return [_silence(window, span) for span in takewhile(lambda span: span[1] <= now * _SECOND, spans(window, since))]


def _silence(window: Window, span: Span) -> Silence:
    return Silence(WINDOW_ID + window.name, window.selector, span[1], span[0], window.created_by,
                   window.reason or f"maintenance: {window.name}")


def is_over(window: Window, now: float) -> bool:
    """Whether it never comes again."""
    return next(spans(window, now), None) is None


def _begins(window: Window, after: int) -> Iterator[int]:
    """The times after `after` at which one begins (microseconds)."""
    moment = (_EPOCH + after * _MICROSECOND).astimezone(_zone(window.zone))
    try:
        for found in CronSim(window.cron, moment):
            yield (found - _EPOCH) // _MICROSECOND
    except (StopIteration, OverflowError):
        return


def _zone(name: str) -> tzinfo:
    """A time zone; UTC also on a machine that knows no others."""
    return UTC if name == "UTC" else ZoneInfo(name)
