"""Alarms: what is wrong, and what was; somebody says that he takes care of one."""

from typing import Annotated, Literal

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import NO_NUL, Cursor, Limit, Name, Time, TimeText, read_time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.alarm_model import SEVERITIES, STATES, Alarm, AlarmQuery
from dvic_hub.services.alarms import MAX_ACKNOWLEDGED


class AlarmsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which alarms. What is empty does not filter."""

    open: Annotated[bool | None, msgspec.Meta(description="Only those that are not cleared, or only those that are.")
                    ] = None
    state: Literal[("", *STATES)] = ""
    severity: Annotated[Literal[("", *SEVERITIES)], msgspec.Meta(description="This severity and worse.")] = ""
    rule: Name = ""
    node: Annotated[Name, msgspec.Meta(description="A node's name or id.")] = ""
    service: Name = ""
    since: Annotated[TimeText, msgspec.Meta(description="Only those that were not cleared before: RFC 3339, or how "
                                                        "long ago: 90s, 5m, 1h, 2d.")] = ""
    limit: Limit = 100
    cursor: Cursor = ""


class FlipItem(msgspec.Struct):
    """A change: raised, acknowledged or cleared. `claimed`: when the hub took care that people are told of it."""

    kind: str
    time: Time | None
    claimed: Time | None


class AlarmItem(msgspec.Struct, omit_defaults=True):
    """`state`: raised, acknowledged or cleared. `subject`: what is wrong within the rule; of a rule and subject one is
    open at a time. `value`: the newest figure. `tags`: those of the node when it was raised. `silenced`: nobody is told
    of it. `reason`: why it was cleared, where it did not just end. `flips` only where one alarm is asked for."""

    id: str
    state: str
    rule: str
    severity: str
    summary: str
    subject: str
    node: str
    node_id: str
    service: str
    component: str
    value: str
    tags: list[str]
    raised: Time | None
    acknowledged: Time | None
    acknowledged_by: str
    cleared: Time | None
    changed: Time | None
    silenced: bool
    reason: str
    flips: list[FlipItem] | None = None


class AlarmList(msgspec.Struct):
    """Newest first."""

    items: list[AlarmItem]
    next: str


AlarmId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NO_NUL)]


class SeenAlarms(msgspec.Struct, forbid_unknown_fields=True):
    """Which ones, by their ids."""

    alarms: Annotated[list[AlarmId], msgspec.Meta(min_length=1, max_length=MAX_ACKNOWLEDGED)]


async def list_alarms(doors: Doors, call: Call) -> AlarmList:
    query: AlarmsQuery = call.query
    node = ""
    if query.node:
        view = doors.fleet.view(query.node)
        node = view.id if view else query.node  # one that was removed, by its id
    wanted = AlarmQuery(query.open, query.state, query.severity, query.rule, node, query.service,
                        read_time(query.since, doors.now(), "since"))
    page = await doors.store.alarms.list(query.limit, query.cursor, wanted)
    return AlarmList([show_alarm(doors, alarm) for alarm in page.items], page.next)


async def show_one_alarm(doors: Doors, call: Call) -> AlarmItem:
    alarm = await doors.alarms.get(call.path["alarm"])
    item = show_alarm(doors, alarm)
    item.flips = [FlipItem(flip.kind, show_time(flip.time), show_time(flip.claimed))
                  for flip in await doors.store.alarms.flips(alarm.id)]
    return item


async def acknowledge_alarm(doors: Doors, call: Call) -> AlarmItem:
    await doors.alarms.acknowledge([call.path["alarm"]], call.actor)
    return show_alarm(doors, await doors.alarms.get(call.path["alarm"]))


async def acknowledge_alarms(doors: Doors, call: Call) -> AlarmList:
    changed = await doors.alarms.acknowledge(call.body.alarms, call.actor)
    return AlarmList([show_alarm(doors, alarm) for alarm in changed], "")


def show_alarm(doors: Doors, alarm: Alarm) -> AlarmItem:
    view = doors.fleet.view(alarm.node) if alarm.node else None
    return AlarmItem(
        id=alarm.id, state=alarm.state, rule=alarm.rule, severity=alarm.severity, summary=alarm.summary,
        subject=alarm.subject, node=view.name if view else alarm.node, node_id=alarm.node, service=alarm.service,
        component=alarm.component, value=alarm.value, tags=list(alarm.tags), raised=show_time(alarm.raised),
        acknowledged=show_time(alarm.acknowledged), acknowledged_by=alarm.acknowledged_by,
        cleared=show_time(alarm.cleared), changed=show_time(alarm.changed), silenced=alarm.silenced,
        reason=alarm.reason)
