"""Monitoring services: people make and switch them, events move their steps. What an event does is in domain/cycles.py.

    ingest     found() picks the events out of a batch; they are committed with its records and its cursor
    turn       what waits is applied to the cycles; they are written and what waited is taken away in one transaction

So an event counts once, whenever the hub is killed: it is either still waiting, or it has moved its step. Everyone is
told afterwards. One hub process applies events; that another has done so is noticed, and then nothing is done twice.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec

from dvic_hub.bus.port import Bus
from dvic_hub.domain import step_events
from dvic_hub.domain.cycle_model import Cycle, Service, WaitingEvents
from dvic_hub.domain.cycles import Book
from dvic_hub.domain.events import EventsPosted, StepChanged
from dvic_hub.domain.people import Actor
from dvic_hub.domain.schedule import next_after
from dvic_hub.domain.service_description import Description
from dvic_hub.domain.step_events import StepEvent, StepEvents, Watcher
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.loops import Wake
from dvic_hub.services.audit import AuditService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Services
from dvic_wire import selectors

MAX_SERVICES = 200
"""Monitoring services of one hub."""

MAX_LEVELS = 1000
"""Levels that are set, of all services and components together."""

MAX_CYCLES_KEPT = 1000
"""Cycles of one service that are kept; the oldest that ended make room."""

MAX_POSTED = 1000
"""Events in one POST."""

BATCHES_A_TURN = 50
"""Batches whose events are applied in one transaction."""

BREATH = 0.02
"""Seconds between two turns at least: what comes together is written together."""

TICK = 1.0
"""Seconds between two looks at what has become overdue."""

MISSED = 300
"""Seconds after which it is too late to say that a cycle has not begun: the hub itself was not there to see it."""

_SECOND = 1_000_000

log = logging.getLogger("dvic.cycles")


class CycleService:
    """`clock` gives Unix seconds; `ask` asks settings of all agents (AgentService.ask)."""

    def __init__(self, store: Services, bus: Bus, fleet: FleetService, audit: AuditService,
                 clock: Callable[[], float], ask: Callable[..., Awaitable[None]]) -> None:
        self._store = store
        self._bus = bus
        self._fleet = fleet
        self._audit = audit
        self._clock = clock
        self._ask = ask
        self._services: dict[str, Service] = {}
        self._selectors: dict[str, selectors.Selector] = {}
        self._open: set[str] = set()
        self._watcher = Watcher()
        self._ticked = 0.0
        self._lock = asyncio.Lock()
        self._wake = Wake(BREATH)
        self.events = 0
        self.unknown = 0
        """Events of services that there are not (any more), besides those that the watcher found."""

    async def start(self) -> None:
        """Learn what there is; what was stored before the hub ended is applied with the first turn."""
        for service in await self._store.all():
            fresh = self._rescheduled(service)
            # what was due before the hub ended is still looked at; a clock that was set back must not put it off
            self._keep(service if 0 < service.due < fresh.due else fresh)
        self._open = set(self._services)
        self._watch()
        await self._tell_levels()
        self.wake()

    # ---- events in

    def found(self, node: str, records: list, source: str) -> tuple[bytes, dict[str, list[int]]]:
        """The events of services among the log records of one batch, as they are stored with it, and the places of
        those that the node may speak for."""
        events = self._watcher.found(records, source)
        if not events:
            return b"", {}
        places: dict[str, list[int]] = {}
        for event in events:
            places.setdefault(event.service, []).append(event.index)
        told = {name: found for name, found in places.items() if self._may_speak(name, node)}
        return step_events.written(StepEvents(node, self._now(), events)), told

    async def post(self, events: list[StepEvent]) -> None:
        """Events that programs sent themselves, in one transaction; subscribers are told them as they are. Raises
        NotFound. (They are data like log lines, and in no audit.)"""
        sent: dict[str, list[bytes]] = {}
        for event in events:
            sent.setdefault(self.get(event.service).name, []).append(step_events.told(event))
        kept = [step_events.cut(event) for event in events]
        await self._store.put_events(step_events.written(StepEvents("", self._now(), kept)))
        for name, lines in sent.items():
            self._bus.publish(EventsPosted(name, lines))
        self.wake()

    def wake(self) -> None:
        """Events were stored."""
        self._wake.set()

    async def woken(self, timeout: float) -> None:
        """Return when there is something to apply, or after `timeout` seconds: then turn()."""
        await self._wake.wait(timeout)

    async def turn(self, now: float) -> None:
        """Apply what waits, a bounded piece; every TICK seconds also what follows from the time being `now`."""
        async with self._lock:
            waiting = await self._store.waiting(BATCHES_A_TURN)
            due = not 0 <= now - self._ticked < TICK
            looked_at = self._open | self._expecting(now) if due else set()
            if not waiting and not looked_at:
                return
            read = [(each.number, _read(each)) for each in waiting]
            names: dict[str, set[str]] = {name: set() for name in looked_at}
            for _, told in read:
                for event in told.events:
                    names.setdefault(event.service, set()).add(event.cycle)
            books = await self._books(names)
            unknown = 0
            for number, told in read:
                unknown += self._apply(books, number, told)
                await asyncio.sleep(0)  # thousands of events: others have a turn meanwhile
            services = [self._after(self._services[name], book, now, due) for name, book in books.items()]
            self._ticked = now if due else self._ticked
            cycles = [cycle for book in books.values() for cycle in book.touched.values()]
            if not await self._store.settle(waiting, services, cycles, MAX_CYCLES_KEPT):
                log.warning("events of services were applied by somebody else; they are read anew")
                return
            self.unknown += unknown
            self.events += sum(len(told.events) for _, told in read)
            for service in services:
                self._services[service.name] = service
            self._tell(books)
            if len(waiting) == BATCHES_A_TURN:
                self.wake()

    # ---- people

    def get(self, name: str) -> Service:
        """Raises NotFound."""
        if name not in self._services:
            raise NotFound(f"there is no service {name}")
        return self._services[name]

    def all(self) -> list[Service]:
        """By name."""
        return [self._services[name] for name in sorted(self._services)]

    @property
    def strays(self) -> int:
        """Events of services that there are not."""
        return self.unknown + self._watcher.unknown

    async def create(self, description: Description, actor: Actor) -> Service:
        """Raises Conflict when there is one of this name, or when there are too many."""
        async with self._lock:
            if len(self._services) >= MAX_SERVICES:
                raise Conflict(f"the hub has at most {MAX_SERVICES} services", code="limit", limit=MAX_SERVICES)
            service = Service(description.name, description, self._now(), actor.name, self._now())
            service = self._rescheduled(service)
            async with self._audit.record(actor, "service.create", service.name, _summary(description)):
                await self._store.add(service)
            self._keep(service)
            self._watch()
        return service

    async def describe(self, name: str, description: Description, actor: Actor) -> Service:
        """Other components from now on; cycles that ended stay as they were. Raises NotFound, BadRequest."""
        if description.name != name:
            raise BadRequest(f"the description is of {description.name}: a service keeps its name", field="name")
        async with self._lock:
            before = self.get(name)
            there = {component.name for component in description.components}
            off = tuple(component for component in before.components_off if component in there)
            levels = {component: level for component, level in before.levels.items() if component in {"", *there}}
            after = replace(before, description=description, components_off=off, levels=levels)
            after = await self._change(after, actor, "service.describe", _summary(description))
        await self._tell_levels()
        return after

    def muted(self, name: str) -> frozenset[str]:
        """The media by which nobody is told of a service's alarms."""
        service = self._services.get(name)
        return frozenset(service.muted if service else ())

    async def switch(self, name: str, on: bool | None, components: dict[str, bool], actor: Actor,
                     media: dict[str, bool] | None = None) -> Service:
        """Switch a whole service (None: as it is), single components, and media that tell of its alarms. Raises
        NotFound, BadRequest."""
        async with self._lock:
            before = self.get(name)
            there = [component.name for component in before.description.components]
            for component in components:
                if component not in there:
                    raise BadRequest(f"{name} has no component {component}", field="components")
            off = tuple(component for component in there
                        if not components.get(component, component not in before.components_off))
            media = media or {}
            muted = {medium for medium in before.muted if not media.get(medium)}
            muted |= {medium for medium, wanted in media.items() if not wanted}
            after = replace(before, off=before.off if on is None else not on, components_off=off,
                            muted=tuple(sorted(muted)))
            return await self._change(after, actor, "service.switch", {"on": on, "components": components, **media})

    async def set_level(self, name: str, component: str, level: str, actor: Actor) -> Service:
        """The least level that programs shall log at, of one component or ("") the whole service; "": all. Raises
        NotFound, BadRequest, Conflict."""
        async with self._lock:
            before = self.get(name)
            if component and component not in {each.name for each in before.description.components}:
                raise BadRequest(f"{name} has no component {component}", field="component")
            levels = {each: set_to for each, set_to in before.levels.items() if each != component}
            if level:
                levels[component] = level
            if sum(len(service.levels) for service in self._services.values()) >= MAX_LEVELS and level:
                raise Conflict(f"the hub keeps at most {MAX_LEVELS} levels", code="limit", limit=MAX_LEVELS)
            after = await self._change(replace(before, levels=levels), actor, "service.level",
                                       {"component": component, "level": level})
        await self._tell_levels()
        return after

    async def remove(self, name: str, actor: Actor) -> None:
        """With its cycles; log records stay. Raises NotFound."""
        async with self._lock:
            self.get(name)
            async with self._audit.record(actor, "service.remove", name):
                await self._store.remove(name)
            del self._services[name]
            self._open.discard(name)
            self._watch()
        await self._tell_levels()

    # ---- inside

    async def _tell_levels(self) -> None:
        """To agents, which tell the programs on their machines."""
        await self._ask(log_levels={f"{service.name}/{component}" if component else service.name: level
                                    for service in self._services.values()
                                    for component, level in service.levels.items()})

    async def _change(self, service: Service, actor: Actor, action: str, detail: dict) -> Service:
        after = self._rescheduled(replace(service, changed=self._now()))
        books = await self._books({after.name: set()}, {after.name: after})
        books[after.name].refit(self._now())
        async with self._audit.record(actor, action, after.name, detail):
            if not await self._store.change(after, list(books[after.name].touched.values())):
                raise NotFound(f"there is no service {after.name}")
        self._keep(after)
        self._watch()
        self._tell(books)
        return after

    async def _books(self, names: dict[str, set[str]], changed: dict[str, Service] | None = None) -> dict[str, Book]:
        services = {**self._services, **(changed or {})}
        known = {name: wanted for name, wanted in names.items() if name in services}
        cycles: dict[str, list[Cycle]] = {name: [] for name in known}
        for cycle in await self._store.relevant(known) if known else ():
            cycles[cycle.service].append(cycle)
        return {name: Book(services[name].description, cycles[name], services[name].last, services[name].switched_off)
                for name in known}

    def _apply(self, books: dict[str, Book], number: int, told: StepEvents) -> int:
        """Hand the events to their services; returns how many belong to none."""
        unknown, may = 0, {}
        for event in told.events:
            book = books.get(event.service)
            if book is None:
                unknown += 1
                continue
            if event.service not in may:
                may[event.service] = self._may_speak(event.service, told.node)
            if not may[event.service]:
                book.counted["foreign"] += 1
                continue
            place = f"{number:x}.{event.index:x}" if number and event.index >= 0 else ""
            try:
                book.take(event, told.node, told.received, place)
            except Exception:  # one event must not hold up all that come behind it, for ever
                book.counted["failed"] += 1
                log.exception("an event of service %s could not be applied", event.service)
        return unknown

    def _may_speak(self, name: str, node: str) -> bool:
        """Whether a node is one of those that the service's description names. Who POSTs has shown a token."""
        selector = self._selectors[name]
        if not node or isinstance(selector, selectors.All):
            return True
        view = self._fleet.view(node)
        return view is not None and view.id == node and selector.matches(view)

    def _expecting(self, now: float) -> set[str]:
        """Services of which by now a cycle should have begun."""
        return {name for name, service in self._services.items() if service.due and service.description.schedule
                and service.due + service.description.schedule.within * _SECOND <= now * _SECOND}

    def _after(self, service: Service, book: Book, now: float, due: bool) -> Service:
        """The service after a turn; with `due` also what follows from the time being `now`."""
        time, schedule = int(now * _SECOND), service.description.schedule
        if due:
            book.tick(time)
            if service.name in self._expecting(now):
                within = schedule.within * _SECOND
                if not service.off and time - service.due - within < MISSED * _SECOND:
                    book.expect(service.due, within, time)
                service = replace(service, due=next_after(schedule, time, service.created))
        return replace(service, last=book.last, counted=dict(Counter(service.counted) + book.counted))

    def _rescheduled(self, service: Service) -> Service:
        """With the next time at which a cycle is expected."""
        schedule = service.description.schedule
        return replace(service, due=next_after(schedule, self._now(), service.created) if schedule else 0)

    def _tell(self, books: dict[str, Book]) -> None:
        for name, book in books.items():
            (self._open.add if book.open else self._open.discard)(name)
            for change in book.finish():
                self._bus.publish(StepChanged(name, change))

    def _keep(self, service: Service) -> None:
        self._services[service.name] = service
        self._selectors[service.name] = selectors.parse(service.description.nodes)

    def _watch(self) -> None:
        self.unknown += self._watcher.unknown
        self._watcher = Watcher(service.description for service in self._services.values())

    def _now(self) -> int:
        return int(self._clock() * _SECOND)


def _read(waiting: WaitingEvents) -> StepEvents:
    """What waits; nothing where it can't be read, which must not hold up what is behind it."""
    try:
        return step_events.read(waiting.body)
    except msgspec.DecodeError:
        log.exception("stored events can't be read; they are passed over")
        return StepEvents("", 0, [])


def _summary(description: Description) -> dict:
    return {"components": [component.name for component in description.components], "nodes": description.nodes}
