"""Histogram packages looked at for the rules that name them, when they have changed: one at most each LOOK_EVERY, and
all of them together for little more than BUDGET of each second, so that a rule for everything costs no more than that.

What is judged is read from the store, so after a restart, or when a rule is another, it is the same as when an update
came. An object that stays the same is judged once.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

from dvic_hub.domain.alarm_judging import COMPARING, judge_data
from dvic_hub.domain.alarm_packages import ObjectWatch, PackageWatch, StoppedWatch
from dvic_hub.domain.alarm_rules import Rule
from dvic_hub.domain.alarm_watch import globbed
from dvic_hub.domain.packages import GONE, REFERENCE, REMOVED, UPDATE, PackageEvent, Reference
from dvic_hub.services.packages import PackageService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store

LOOK_EVERY = 5.0
"""Seconds between two looks at the objects of one package, at least."""

BUDGET = 0.1
"""Seconds of each second after which no further package is begun; it comes first with the next."""

_SECOND = 1_000_000


class PackageLooks:
    """Times `now` in microseconds."""

    def __init__(self, store: Store, packages: PackageService, fleet: FleetService) -> None:
        self._store = store
        self._packages = packages
        self._fleet = fleet
        self._due: dict[str, None] = {}
        self._looked: dict[str, int] = {}
        self._judged: dict[str, dict[str, str]] = {}
        self._all = True

    def again(self) -> None:
        """Rules changed: look at everything anew."""
        self._all = True

    def heard(self, event: PackageEvent, watches: Sequence[PackageWatch], now: int) -> None:
        """Something happened to a package."""
        package = event.package
        if event.event in (GONE, REMOVED):
            for watch in watches:
                watch.ended(package.id, "its file is gone" if event.event == GONE else "the package was removed")
            for book in (self._due, self._looked, self._judged):
                book.pop(package.id, None)
            return
        if event.event == REFERENCE:
            self._judged.pop(package.id, None)
        if event.event in (UPDATE, REFERENCE):
            self._due[package.id] = None
        view = self._fleet.view(package.node) if event.event == UPDATE else None
        for watch in watches if view else ():
            if isinstance(watch, StoppedWatch) and watch.wants(package, view):
                watch.updated(package, now)

    async def turn(self, watches: Sequence[PackageWatch], now: int) -> None:
        """Look at what has changed. Called each second; raises StoreError, and then the rest is looked at later."""
        if self._all:
            self._all, self._judged, self._looked = False, {}, {}
            self._due = dict.fromkeys(package.id for package in self._packages.all())
        objects = [watch for watch in watches if isinstance(watch, ObjectWatch)]
        for package in self._packages.all():
            view = self._fleet.view(package.node)
            for watch in watches if view else ():
                if isinstance(watch, StoppedWatch) and watch.wants(package, view):
                    watch.look(package, view, now)
        until = time.monotonic() + BUDGET
        for package in list(self._due):
            if 0 <= now - self._looked.get(package, -_DISTANT) < LOOK_EVERY * _SECOND:
                continue
            await self._look(package, objects, now)
            self._due.pop(package, None)
            self._looked[package] = now
            if time.monotonic() > until:
                return

    async def _look(self, id: str, watches: Sequence[ObjectWatch], now: int) -> None:
        package = next((each for each in self._packages.all() if each.id == id), None)
        view = self._fleet.view(package.node) if package and not package.gone else None
        wanting = [watch for watch in watches if watch.wants(package, view)] if view else []
        if not wanting:
            return
        held, known = self._packages.held(id), self._judged.get(id, {})
        for watch in wanting:
            watch.shows(id, set(held))
        names = [name for name, hash in held.items()
                 if known.get(name) != hash and any(watch.wants_object(name) for watch in wanting)]
        if not names:
            return
        rows = await self._store.packages.data(id, package.snapshot, names, frozenset())
        references = await self._references(id, wanting, names)
        for row in rows:
            meant = [watch for watch in wanting if watch.wants_object(row.name)]
            compared = [references.get(watch.rule.name, {}).get(row.name) for watch in meant]
            found = await asyncio.to_thread(judge_data, [watch.rule for watch in meant], row.data, compared)
            for watch, judged in zip(meant, found, strict=True):
                watch.judged(package, view, row.name, judged, now)
        self._judged[id] = {**{name: hash for name, hash in known.items() if held.get(name) == hash},
                            **{row.name: row.hash for row in rows}}

    async def _references(self, id: str, watches: Sequence[ObjectWatch],
                          names: list[str]) -> Mapping[str, Mapping[str, bytes]]:
        """Of each rule that compares, its reference's objects."""
        comparing = [watch for watch in watches if watch.rule.kind in COMPARING]
        rows = await self._store.packages.references(id) if comparing else []
        read: dict[int, dict[str, bytes]] = {}
        found = {}
        for watch in comparing:
            reference = _newest(rows, watch.rule)
            if reference is None:
                continue
            if reference.snapshot not in read:
                objects = await self._store.packages.data(id, reference.snapshot, names, frozenset())
                read[reference.snapshot] = {each.name: each.data for each in objects}
            found[watch.rule.name] = read[reference.snapshot]
        return found


_DISTANT = 2**62


def _newest(references: Sequence[Reference], rule: Rule) -> Reference | None:
    matches = globbed(rule.text("reference"))
    return max((each for each in references if matches(each.name)), key=lambda each: each.created, default=None)
