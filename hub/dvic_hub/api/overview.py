"""The fleet at a glance: of every node its state, its newest figures and an hour of some of them, in one answer.

The first answer has all; its `cursor` sent back brings what is new since then, without the histories, which a page
goes on by itself. Thousands of nodes cost some tens of milliseconds, and nothing is asked once a node.
"""

import base64
import re
from collections import Counter

import msgspec

from dvic_hub.api.alarms import AlarmItem, show_alarm
from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Cursor, SelectorText, Time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain import glance
from dvic_hub.domain.alarm_model import ACKNOWLEDGED, RAISED
from dvic_hub.domain.glance import Glance
from dvic_hub.domain.liveness import NodeView
from dvic_hub.errors import BadRequest

WORST_ALARMS = 5
"""Alarms that are told with it."""

DIGITS = 2
"""Decimals of a figure that are sent."""

_CURSOR = re.compile(r"([0-9a-f]{1,15})\.([0-9a-f]{1,15})")


class OverviewQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`cursor`: of the answer before; empty: everything, with the histories."""

    selector: SelectorText = "all"
    cursor: Cursor = ""


class GlanceItem(msgspec.Struct, omit_defaults=True):
    """A node. `sampled`: the time of its newest sample, by its own clock; `values`: one for each of `figures`;
    `history`: base64 of `points` bytes for each of `drawn`, half percents, 255 where there is nothing."""

    node_id: str
    state: str
    last_seen: Time | None
    sampled: Time | None = None
    values: list[float | None] = []
    history: str = ""


class OpenAlarms(msgspec.Struct):
    """Alarms that are not cleared: how many nobody has acknowledged, how many somebody has, how many of each severity;
    `worst`: the few that matter most."""

    raised: int
    acknowledged: int
    severity: dict[str, int]
    worst: list[AlarmItem]


class Overview(msgspec.Struct):
    """`history_end`: the time of the last point of each history; points are `step` seconds apart. `alarms`: of the
    whole hub, whatever the selector."""

    time: Time | None
    cursor: str
    figures: list[str]
    drawn: list[str]
    step: int
    points: int
    history_end: Time | None
    items: list[GlanceItem]
    alarms: OpenAlarms


async def fleet_overview(doors: Doors, call: Call) -> Overview:
    query: OverviewQuery = call.query
    number, seen = read_cursor(query.cursor)
    now = doors.now()
    found = {one.node: one for one in await doors.store.streams.glances(number)}
    views = [view for view in doors.fleet.select(query.selector)
             if not query.cursor or view.id in found or view.node.last_seen > seen]
    number = max((one.number for one in found.values()), default=number)
    return Overview(
        time=show_time(now), cursor=f"{number:x}.{now:x}", figures=list(glance.FIGURES), drawn=list(glance.DRAWN),
        step=glance.STEP, points=glance.POINTS, history_end=show_time(now - now % (glance.STEP * 1_000_000)),
        items=[show_glance(view, found.get(view.id), 0 if query.cursor else now) for view in views],
        alarms=_open_alarms(doors))


def _open_alarms(doors: Doors) -> OpenAlarms:
    states = Counter(alarm.state for alarm in doors.alarms.open())
    return OpenAlarms(states[RAISED], states[ACKNOWLEDGED], doors.alarms.counts(),
                      [show_alarm(doors, alarm) for alarm in doors.alarms.worst(WORST_ALARMS)])


def show_glance(view: NodeView, one: Glance | None, now: int) -> GlanceItem:
    """A node as the answer shows one; with its history when `now` is given."""
    item = GlanceItem(view.id, view.state, show_time(view.node.last_seen))
    if one is not None:
        item.sampled = show_time(one.time)
        item.values = [None if value is None else round(value, DIGITS) for value in one.figures]
        if now:
            item.history = base64.b64encode(glance.history_at(one, now)).decode()
    return item


def read_cursor(text: str) -> tuple[int, int]:
    """The number and the time up to which all was told; raises BadRequest."""
    if not text:
        return 0, 0
    if not (found := _CURSOR.fullmatch(text)):
        raise BadRequest("the cursor is not one of this list", field="cursor")
    return int(found[1], 16), int(found[2], 16)
