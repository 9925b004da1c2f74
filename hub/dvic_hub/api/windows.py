"""Maintenance windows: planned times in which nobody is to be troubled; who made which, and when they come next."""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import NO_NUL, Time, TimeText, page_of, read_time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.dispatch import MAX_REASON
from dvic_hub.domain.windows import MAX_WINDOW, MIN_WINDOW, Window, check, next_spans
from dvic_wire.limits import MAX_SELECTOR

SHOWN = 3
"""Coming occurrences that are told of each window."""


class WindowBody(msgspec.Struct, forbid_unknown_fields=True):
    """`begin`: of a window of one time; `cron`: of one that comes again, five fields, by the clocks of `zone` (an IANA
    name). `seconds`: how long it lasts each time."""

    selector: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SELECTOR)]
    seconds: Annotated[int, msgspec.Meta(ge=MIN_WINDOW, le=MAX_WINDOW)]
    begin: TimeText = ""
    cron: Annotated[str, msgspec.Meta(max_length=100)] = ""
    zone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON, pattern=NO_NUL)] = ""


class WindowSpan(msgspec.Struct):
    begin: Time | None
    end: Time | None


class WindowItem(msgspec.Struct):
    """`on`: whether it is on now; `next`: its coming occurrences, the one that is on among them."""

    name: str
    selector: str
    seconds: int
    begin: Time | None
    cron: str
    zone: str
    reason: str
    created: Time | None
    created_by: str
    on: bool
    next: list[WindowSpan]


class WindowList(msgspec.Struct):
    """By name."""

    items: list[WindowItem]
    next: str


async def list_windows(doors: Doors, call: Call) -> WindowList:
    shown, following = page_of(await doors.windows.all(), lambda one: one.name, call.query)
    return WindowList([_item(doors, one) for one in shown], following)


async def put_window(doors: Doors, call: Call) -> WindowItem:
    return _item(doors, await doors.windows.put(_window(doors, call.path["window"], call.body), call.actor))


async def preview_window(doors: Doors, call: Call) -> WindowItem:
    """What it would be; nothing is kept."""
    window = _window(doors, "preview", call.body)
    check(window, doors.clock())
    return _item(doors, window)


async def remove_window(doors: Doors, call: Call) -> None:
    await doors.windows.remove(call.path["window"], call.actor)


def _window(doors: Doors, name: str, body: WindowBody) -> Window:
    begin = read_time(body.begin, int(doors.clock() * 1_000_000), "begin") if body.begin else 0
    return Window(name, body.selector, body.seconds, begin, body.cron, body.zone, body.reason)


def _item(doors: Doors, window: Window) -> WindowItem:
    now = doors.clock()
    coming = next_spans(window, now, SHOWN)
    return WindowItem(
        window.name, window.selector, window.seconds, show_time(window.begin), window.cron, window.zone, window.reason,
        show_time(window.created), window.created_by, bool(coming) and coming[0][0] <= now * 1_000_000,
        [WindowSpan(show_time(begin), show_time(end)) for begin, end in coming])
