"""Histogram packages: updates taken in and told, layouts, references, and what is kept for how long.

What a list shows is kept in memory, as the store has it; the objects' data stay in the store. Updates come through the
ingest: checked here (`change`), committed with their cursor, and told to subscribers when they are on the disk
(`stored`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from dvic_hub.bus.port import Bus
from dvic_hub.config import HubConfig
from dvic_hub.domain import packages as rules
from dvic_hub.domain.decoding import DecodedBatch
from dvic_hub.domain.packages import (
    MAX_NODE_PACKAGES,
    MAX_REFERENCES,
    CheckLayout,
    LayoutFault,
    Package,
    PackageChange,
    PackageEvent,
    Reference,
)
from dvic_hub.domain.people import Actor
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.audit import AuditService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.errors import LimitExceeded
from dvic_wire.limits import MAX_LAYOUT_BYTES

PRUNE_EVERY = 60.0
"""Seconds between two looks at what is kept too long."""

PRUNES = 50
"""Bites of that work at one look."""

MAX_REFUSALS = 1000
"""Refusals that are remembered until the gap comes that stands for what was refused."""

_DAY = 86_400
_SECOND = 1_000_000


class PackageService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Store, bus: Bus, fleet: FleetService, audit: AuditService, config: HubConfig,
                 clock: Callable[[], float], check_layout: CheckLayout):
        self._store = store
        self._bus = bus
        self._fleet = fleet
        self._audit = audit
        self._config = config
        self._clock = clock
        self._check_layout = check_layout
        self._packages: dict[str, Package] = {}
        self._held: dict[str, dict[str, str]] = {}
        self._refusals: dict[tuple[str, str], str] = {}
        self._prune_at = 0.0
        self.updates = 0

    async def start(self) -> None:
        """Read what there is."""
        for package in await self._store.packages.all():
            objects = await self._store.packages.objects(package.id, package.snapshot)
            self._packages[package.id] = package
            self._held[package.id] = {each.name: each.hash for each in objects}

    # ---- what there is

    def all(self) -> list[Package]:
        return list(self._packages.values())

    def get(self, key: str) -> Package:
        """By id, or by a name that only one has. Raises NotFound, Conflict `ambiguous`."""
        if key in self._packages:
            return self._packages[key]
        named = [package for package in self._packages.values() if package.name == key]
        if len(named) > 1:
            raise Conflict(f"{len(named)} packages are called {key}: use an id, such as "
                           f"{', '.join(package.id for package in named[:3])}", code="ambiguous", field="package")
        if not named:
            raise NotFound(f"there is no package {key}")
        return named[0]

    def object_count(self, package: Package) -> int:
        return len(self._held.get(package.id, ()))

    def held(self, id: str) -> dict[str, str]:
        """The hashes of its newest objects, by name."""
        return dict(self._held.get(id, {}))

    async def number_at(self, package: Package, at: str, read_time: Callable[[str], int]) -> int:
        """The snapshot that `at` means: "" the newest, a number, `time:...`, `reference:NAME`. Raises NotFound,
        BadRequest. `read_time`: of what stands behind `time:`."""
        if not at:
            return package.snapshot
        kind, _, value = at.partition(":")
        found = None
        if kind == "time" and value:
            found = await self._store.packages.snapshot_at(package.id, read_time(value))
        elif kind == "reference" and value:
            rows = await self._store.packages.references(package.id)
            number = next((row.snapshot for row in rows if row.name == value), 0)
            found = await self._store.packages.snapshot(package.id, number)
        elif at.isascii() and at.isdigit() and len(at) <= 18:
            found = await self._store.packages.snapshot(package.id, int(at))
        else:
            raise BadRequest("at is a snapshot's number, time:TIME or reference:NAME", field="at")
        if found is None:
            raise NotFound(f"nothing is kept of {package.name} at {at}")
        return found.number

    # ---- updates

    def change(self, node: str, batch: DecodedBatch) -> PackageChange:
        """What a batch says of a package; raises MalformedMessage, LimitExceeded."""
        refusal = self._refusals.get((node, batch.stream), "")
        change = rules.change_of(node, batch, int(self._clock() * _SECOND), self._check_layout,
                                 last=self._config.package_last, every=self._config.package_every, refusal=refusal)
        if change.id not in self._packages:
            count = sum(package.node == node for package in self._packages.values())
            if count >= MAX_NODE_PACKAGES:
                raise LimitExceeded("MAX_NODE_PACKAGES", MAX_NODE_PACKAGES, count + 1, field="stream")
        return change

    def refused(self, node: str, stream: str, reason: str) -> None:
        """A batch of this stream could not be used; the node will put a gap in its place."""
        if len(self._refusals) >= MAX_REFUSALS:
            self._refusals.pop(next(iter(self._refusals)))
        self._refusals[node, stream] = reason

    def stored(self, change: PackageChange, number: int) -> None:
        """It is on the disk: tell."""
        before = self._packages.get(change.id)
        if before is None and change.gone:
            return
        self._refusals.pop((change.node, change.stream), None)
        package = self._packages[change.id] = rules.after(before, change, number)
        if change.gone or change.problem:
            self._bus.publish(PackageEvent(package, rules.GONE if change.gone else rules.PROBLEM))
            return
        self.updates += 1
        held = self._held.get(change.id, {})
        now = self._held[change.id] = {each.name: each.hash for each in change.objects}
        changed = tuple(each for each in change.objects if each.data is not None and held.get(each.name) != each.hash)
        self._bus.publish(PackageEvent(package, rules.UPDATE, changed,
                                       tuple(name for name in held if name not in now)))
        if before and (before.layout, before.layout_problem) != (package.layout, package.layout_problem):
            self._bus.publish(PackageEvent(package, rules.LAYOUT))

    # ---- what people change

    def check_layout(self, text: str) -> list[LayoutFault]:
        """What is wrong with it; raises BadRequest for one that is too large to look at."""
        size = len(text.encode())
        if size > MAX_LAYOUT_BYTES:
            raise BadRequest(f"a layout has at most {MAX_LAYOUT_BYTES} bytes, this one has {size}", code="limit",
                             field="text", limit=MAX_LAYOUT_BYTES)
        return self._check_layout(text)

    async def set_layout(self, key: str, text: str, actor: Actor) -> Package:
        """"" goes back to the published one. Raises BadRequest `layout` that names line and reason."""
        package = self.get(key)
        faults = self.check_layout(text) if text else []
        if faults:
            raise BadRequest(f"line {faults[0].line}: {faults[0].reason}", code="layout", field="text",
                             limit=faults[0].line)
        now = int(self._clock() * _SECOND)
        async with self._audit.record(actor, "package.layout", package.name, {"package": package.id,
                                                                              "bytes": len(text)}):
            if not await self._store.packages.upload_layout(package.id, text, now, actor.name):
                raise NotFound(f"there is no package {key} (any more)")
        changed = self._packages[package.id] = replace(self._packages[package.id], uploaded=text, uploaded_at=now,
                                                       uploaded_by=actor.name)
        self._bus.publish(PackageEvent(changed, rules.LAYOUT))
        return changed

    async def add_reference(self, key: str, name: str, snapshot: int, note: str, actor: Actor) -> Reference:
        """`snapshot` 0: the newest. Raises NotFound, Conflict."""
        package = self.get(key)
        found = await self._store.packages.snapshot(package.id, snapshot or package.snapshot)
        if found is None:
            raise NotFound(f"the snapshot {snapshot} of {package.name} is not there (any more)")
        reference = Reference(package.id, name, found.number, found.time, note, int(self._clock() * _SECOND),
                              actor.name)
        async with self._audit.record(actor, "package.reference", package.name, {
                "package": package.id, "reference": name, "snapshot": found.number}):
            await self._store.packages.add_reference(reference, MAX_REFERENCES)
        self._bus.publish(PackageEvent(package, rules.REFERENCE))
        return reference

    async def remove_reference(self, key: str, name: str, actor: Actor) -> None:
        package = self.get(key)
        async with self._audit.record(actor, "package.reference.remove", package.name, {"package": package.id,
                                                                                        "reference": name}):
            if not await self._store.packages.remove_reference(package.id, name):
                raise NotFound(f"there is no reference {name} of {package.name}")
        self._bus.publish(PackageEvent(package, rules.REFERENCE))

    async def remove(self, key: str, actor: Actor) -> None:
        """With its history; it comes back with its program's next update."""
        package = self.get(key)
        async with self._audit.record(actor, "package.remove", package.name, {"package": package.id}):
            await self._store.packages.remove(package.id)
        self._forget(package)

    # ---- time

    async def tick(self) -> None:
        """Called each second: forget packages of nodes that were removed and, once a minute, what is kept too long."""
        nodes = {package.node for package in self._packages.values()}
        removed = {node for node in nodes if self._fleet.node(node) is None}
        for package in [package for package in self._packages.values() if package.node in removed]:
            self._forget(package)
        now = self._clock()
        if 0 <= now < self._prune_at <= now + PRUNE_EVERY:
            return
        self._prune_at = now + PRUNE_EVERY
        before = int((now - self._config.package_days * _DAY) * _SECOND)
        gone = int((now - self._config.retention_days * _DAY) * _SECOND)
        for _ in range(PRUNES):
            if not await self._store.packages.prune(before, gone, self._config.package_mib * 1024 * 1024):
                break
        await self._make_room()
        there = await self._store.packages.ids()
        for package in [package for package in self._packages.values() if package.id not in there]:
            self._forget(package)

    async def _make_room(self) -> None:
        """Containers come and go, and their packages with them: where a node has three quarters of what it may have,
        those that went first are removed, save for those with references."""
        most = MAX_NODE_PACKAGES * 3 // 4
        counts = Counter(package.node for package in self._packages.values())
        for node in [node for node, count in counts.items() if count > most]:
            gone = [package for package in self._packages.values() if package.node == node and package.gone]
            for package in sorted(gone, key=lambda package: package.received):
                if counts[node] <= most:
                    break
                if not await self._store.packages.references(package.id):
                    await self._store.packages.remove(package.id)
                    self._forget(package)
                    counts[node] -= 1

    def _forget(self, package: Package) -> None:
        self._held.pop(package.id, None)
        if self._packages.pop(package.id, None):
            self._bus.publish(PackageEvent(package, rules.REMOVED))
