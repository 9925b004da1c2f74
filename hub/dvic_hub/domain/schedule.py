"""When a cycle is expected to begin: every so many seconds, by cron, or by a systemd calendar expression. Pure.

    schedule: {every: 5400}
    schedule: {cron: "0 9 * * 1-5", zone: Europe/Moscow}
    schedule: {calendar: "Mon..Fri 09:00 Europe/Moscow", within: 600}
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

MAX_EVERY = 366 * 86400
"""Seconds between two cycles that are expected."""

MAX_WITHIN = 7 * 86400
"""Seconds that a cycle may begin late."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of `every` (seconds), `cron` (five fields, in `zone`) and `calendar` (systemd's OnCalendar, UTC
    unless it names a zone itself). A cycle that has not begun `within` so many seconds is overdue."""

    every: Annotated[int, msgspec.Meta(ge=0, le=MAX_EVERY)] = 0
    cron: Annotated[str, msgspec.Meta(max_length=100)] = ""
    calendar: Annotated[str, msgspec.Meta(max_length=200)] = ""
    zone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"
    within: Annotated[int, msgspec.Meta(ge=1, le=MAX_WITHIN)] = 300


def problem(schedule: Schedule) -> str:
    """What is wrong with it; "" when nothing is."""
    if sum(map(bool, (schedule.every, schedule.cron, schedule.calendar))) != 1:
        return "a schedule has exactly one of every, cron, calendar"
    try:
        _zone(schedule.zone)
    except (KeyError, ValueError, OSError):
        return f"there is no time zone {schedule.zone}"
    try:
        next_after(schedule, 0, 0)
    except (CronSimError, OnCalendarError) as error:
        return f"the schedule can't be read: {error}"
    return ""


def next_after(schedule: Schedule, time: int, begin: int) -> int:
    """The first time after `time` at which a cycle is expected, 0 for never; `every` counts from `begin`
    (microseconds)."""
    if schedule.every:
        step = schedule.every * 1_000_000
        return begin + ((time - begin) // step + 1) * step
    moment = _EPOCH + time * _MICROSECOND
    try:
        if schedule.cron:
            found = next(CronSim(schedule.cron, moment.astimezone(_zone(schedule.zone))))
        else:
            found = next(OnCalendar(schedule.calendar, moment))
    except (StopIteration, OverflowError):
        return 0
    return (found - _EPOCH) // _MICROSECOND


def _zone(name: str) -> tzinfo:
    """A time zone; UTC also on a machine that knows no others."""
    return UTC if name == "UTC" else ZoneInfo(name)
