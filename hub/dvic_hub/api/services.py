"""Monitoring services: what they are made of, how their cycles go, switching them, and events that programs send."""

from typing import Annotated, Literal

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Cursor, Limit, Time, TimeText, page_of, read_bytes, read_time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain import service_description
from dvic_hub.domain.channels import EMAIL, TELEGRAM
from dvic_hub.domain.cycle_model import Cycle, Service, Step
from dvic_hub.domain.service_description import MAX_COMPONENTS, MAX_DESCRIPTION_BYTES, Description, PartName
from dvic_hub.domain.step_events import MAX_EVENT_NAME, StepEvent
from dvic_hub.domain.step_states import SAID
from dvic_hub.errors import NotFound
from dvic_hub.services.cycles import MAX_POSTED
from dvic_wire.limits import MAX_RECORD_TEXT
from dvic_wire.streams import LEVELS

DESCRIPTION_TYPES = "application/json, application/yaml"

RECENT = 20
"""Results of cycles that are shown with a service."""

MAX_EVENTS_BYTES = 4 * 1024 * 1024
"""Bytes of a body with events."""

EventName = Annotated[str, msgspec.Meta(max_length=MAX_EVENT_NAME, pattern=r"^[^\x00-\x1f]*$")]


class StepItem(msgspec.Struct, omit_defaults=True):
    """A component, for one source, in a cycle. `state`: idle, waiting, running, ok, warning, error, overdue, skipped or
    off. `worst`: warning or error, seen so far, and the newest message that said so (`trouble`). `seconds`: how long it
    took, or has taken. `message`: the newest, with the `node` and the `place` of its log record."""

    component: str
    source: str
    state: str
    worst: str
    trouble: str
    trouble_time: Time | None
    trouble_place: str
    started: Time | None
    ended: Time | None
    seconds: float | None
    tries: int
    events: int
    message: str
    level: str
    time: Time | None
    node: str
    place: str


class CycleItem(msgspec.Struct):
    """One pass. `name`: what programs call it, "" where the hub found out by itself. `state`: running, error or overdue
    while it is open, then its result: ok, warning, error, overdue or skipped. `late`: events after its end."""

    number: int
    name: str
    state: str
    started: Time | None
    ended: Time | None
    seconds: float | None
    late: int
    steps: list[StepItem]


class CycleResult(msgspec.Struct):
    """A cycle in one word; one that is open may have another state than `running` where it is shown whole."""

    number: int
    state: str


class ServiceItem(msgspec.Struct, omit_defaults=True):
    """`on`: whether events move it; `off`: components that are switched off. `email`, `telegram`: whether its alarms
    are told by these. `levels`: the least level that programs shall log at, of components and ("") of the whole.
    `state`: off, idle, or that of the newest cycle while it is open. `cycle`: the newest; `recent`: how the last ones
    ended, newest first. `due`: when by its schedule the next is expected. `counted`: events that moved nothing, by why.
    `description` only where one service is asked for."""

    name: str
    title: str
    on: bool
    off: list[str]
    email: bool
    telegram: bool
    levels: dict[str, str]
    state: str
    cycle: CycleItem | None
    recent: list[CycleResult]
    due: Time | None
    counted: dict[str, int]
    created: Time | None
    created_by: str
    changed: Time | None
    description: Description | None = None


class ServiceList(msgspec.Struct):
    """`strays`: events of services that there are not, since the hub began."""

    items: list[ServiceItem]
    next: str
    strays: int


class CyclesQuery(msgspec.Struct, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Cursor = ""


class CycleList(msgspec.Struct):
    """Newest first."""

    items: list[CycleItem]
    next: str


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """What is not named stays as it is. `email`, `telegram`: whether the service's alarms are told by these."""

    on: bool | None = None
    email: bool | None = None
    telegram: bool | None = None
    components: Annotated[dict[PartName, bool], msgspec.Meta(max_length=MAX_COMPONENTS)] = {}


class NewLevel(msgspec.Struct, forbid_unknown_fields=True):
    """The least level that programs shall log at; `level` empty: everything. `component` empty: the whole service."""

    level: Literal[("", *LEVELS)]
    component: Annotated[str, msgspec.Meta(max_length=64)] = ""


class NewEvent(msgspec.Struct, forbid_unknown_fields=True):
    """`step`: start, done, fail, skip; empty: a message. `time` empty: now. `cycle`, `source`: as with dvic_log."""

    component: EventName
    step: Literal[("", *SAID)] = ""
    level: Literal[LEVELS] = "info"
    message: Annotated[str, msgspec.Meta(max_length=MAX_RECORD_TEXT)] = ""
    cycle: EventName = ""
    source: EventName = ""
    time: TimeText = ""


class NewEvents(msgspec.Struct, forbid_unknown_fields=True):
    """In order."""

    events: Annotated[list[NewEvent], msgspec.Meta(min_length=1, max_length=MAX_POSTED)]


async def list_services(doors: Doors, call: Call) -> ServiceList:
    shown, following = page_of(doors.cycles.all(), lambda service: service.name, call.query)
    return ServiceList([await _shown(doors, service, False) for service in shown], following, doors.cycles.strays)


async def add_service(doors: Doors, call: Call) -> ServiceItem:
    description = service_description.read(await read_bytes(call.request, MAX_DESCRIPTION_BYTES))
    return await _shown(doors, await doors.cycles.create(description, call.actor))


async def show_service(doors: Doors, call: Call) -> ServiceItem:
    return await _shown(doors, doors.cycles.get(call.path["service"]))


async def describe_service(doors: Doors, call: Call) -> ServiceItem:
    description = service_description.read(await read_bytes(call.request, MAX_DESCRIPTION_BYTES))
    return await _shown(doors, await doors.cycles.describe(call.path["service"], description, call.actor))


async def switch_service(doors: Doors, call: Call) -> ServiceItem:
    body: Switches = call.body
    media = {medium: wanted for medium in (EMAIL, TELEGRAM) if (wanted := getattr(body, medium)) is not None}
    return await _shown(doors, await doors.cycles.switch(call.path["service"], body.on, body.components, call.actor,
                                                         media))


async def set_level(doors: Doors, call: Call) -> ServiceItem:
    body: NewLevel = call.body
    return await _shown(doors, await doors.cycles.set_level(call.path["service"], body.component, body.level,
                                                            call.actor))


async def remove_service(doors: Doors, call: Call) -> None:
    await doors.cycles.remove(call.path["service"], call.actor)


async def list_cycles(doors: Doors, call: Call) -> CycleList:
    doors.cycles.get(call.path["service"])
    page = await doors.store.services.cycles(call.path["service"], call.query.limit, call.query.cursor)
    return CycleList([shown_cycle(doors, cycle) for cycle in page.items], page.next)


async def show_cycle(doors: Doors, call: Call) -> CycleItem:
    service, number = doors.cycles.get(call.path["service"]), call.path["cycle"]
    plain = number.isascii() and number.isdigit() and len(number) < 19
    cycle = await doors.store.services.cycle(service.name, int(number)) if plain else None
    if cycle is None:
        raise NotFound(f"there is no cycle {number} of {service.name}")
    return shown_cycle(doors, cycle)


async def add_events(doors: Doors, call: Call) -> None:
    name, now = doors.cycles.get(call.path["service"]).name, doors.now()
    await doors.cycles.post([step_event(name, event, now) for event in call.body.events])


def step_event(service: str, event: NewEvent, now: int) -> StepEvent:
    """An event that was sent, as steps take it; raises BadRequest for a time that is none."""
    return StepEvent(service, event.component, event.cycle, event.source, event.step, event.level,
                     read_time(event.time, now, "time") or now, event.message)


async def _shown(doors: Doors, service: Service, whole: bool = True) -> ServiceItem:
    newest = await doors.store.services.cycle(service.name, service.last) if service.last else None
    state = "off" if service.off else newest.state if newest and not newest.result else "idle"
    return ServiceItem(
        name=service.name, title=service.description.title, on=not service.off, off=list(service.components_off),
        email=EMAIL not in service.muted, telegram=TELEGRAM not in service.muted,
        levels=service.levels, state=state, cycle=shown_cycle(doors, newest) if newest else None,
        recent=[CycleResult(number, result or (newest.state if newest and newest.number == number else "running"))
                for number, result in await doors.store.services.results(service.name, RECENT)],
        due=show_time(service.due), counted=service.counted, created=show_time(service.created),
        created_by=service.created_by, changed=show_time(service.changed),
        description=service.description if whole else None)


def shown_cycle(doors: Doors, cycle: Cycle) -> CycleItem:
    """As people are shown it."""
    now = 0 if cycle.result else doors.now()
    return CycleItem(
        number=cycle.number, name=cycle.name, state=cycle.state, started=show_time(cycle.started),
        ended=show_time(cycle.ended), seconds=_seconds(cycle.started, cycle.ended or now), late=cycle.late,
        steps=[_shown_step(doors, step, now) for step in cycle.steps])


def _shown_step(doors: Doors, step: Step, now: int) -> StepItem:
    view = doors.fleet.view(step.node) if step.node else None
    return StepItem(
        component=step.component, source=step.source, state=step.state, worst=step.worst,
        trouble=step.trouble, trouble_time=show_time(step.worst_time if step.worst else 0),
        trouble_place=step.trouble_place,
        started=show_time(step.started), ended=show_time(step.ended),
        seconds=_seconds(step.started, step.ended or now), tries=step.tries, events=step.events, message=step.message,
        level=step.level, time=show_time(step.time), node=view.name if view else step.node, place=step.place)


def _seconds(started: int, ended: int) -> float | None:
    return max(0, ended - started) / 1_000_000 if started and ended else None
