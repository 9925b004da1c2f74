"""The part of the store in memory that keeps histogram packages (see memory_store.py): every snapshot, as a whole."""

from dvic_hub.domain.model import Page
from dvic_hub.domain.packages import NotHeld, ObjectChange, PackageObject, Snapshot, after, is_kept
from dvic_hub.errors import Conflict, NotFound


class MemoryPackages:
    def __init__(self, store):
        self._turn = store.turn
        self.rows: dict = {}
        self.states: dict[tuple[str, int], tuple[Snapshot, dict[str, ObjectChange]]] = {}
        self.marks: dict = {}
        self.number = 0

    def take(self, change) -> int:
        """An update; raises NotHeld."""
        before = self.rows.get(change.id)
        if change.gone or change.problem:
            if before or change.problem:
                self.rows[change.id] = after(before, change, 0)
            return 0
        held = self.states[change.id, before.snapshot][1] if before and before.snapshot else {}
        if any(each.data is None and (each.name not in held or held[each.name].hash != each.hash)
               for each in change.objects):
            raise NotHeld
        self.number += 1
        self.rows[change.id] = after(before, change, self.number)
        self.states[change.id, self.number] = (
            Snapshot(self.number, change.id, change.instance, change.serial, change.skipped, change.time,
                     change.received, is_kept(before, change), len(change.objects)),
            {each.name: each if each.data is not None else held[each.name] for each in change.objects})
        return self.number

    async def all(self):
        await self._turn(False)
        return sorted(self.rows.values(), key=lambda row: (row.name, row.id))

    async def ids(self):
        await self._turn(False)
        return frozenset(self.rows)

    async def objects(self, id, number):
        await self._turn(False)
        return [PackageObject(each.name, each.hash, place, each.about)
                for place, each in enumerate(self._state(id, number))]

    async def data(self, id, number, names, known):
        await self._turn(False)
        return [each for each in self._state(id, number) if each.hash not in known
                and (names is None or each.name in names)]

    def _state(self, id, number):
        return list(self.states[id, number][1].values()) if (id, number) in self.states else []

    async def snapshot(self, id, number):
        await self._turn(False)
        return self.states[id, number][0] if (id, number) in self.states else None

    async def snapshot_at(self, id, time):
        found = (await self.history(id, 0, time, 1)).items
        return found[0] if found else None

    async def history(self, id, since, until, limit, before=""):
        await self._turn(False)
        found = [state for (package, number), (state, _) in sorted(self.states.items(), key=lambda item: -item[0][1])
                 if package == id and number < int(before or 2**62) and since <= state.received <= (until or 2**62)]
        return Page(found[:limit], str(found[limit - 1].number) if len(found) > limit else "")

    async def references(self, id):
        await self._turn(False)
        return [mark for (package, _), mark in self.marks.items() if package == id]

    async def add_reference(self, reference, most):
        await self._turn()
        if (reference.package, reference.snapshot) not in self.states:
            raise NotFound("the snapshot is not there")
        if (reference.package, reference.name) in self.marks:
            raise Conflict("the name is taken", code="name-taken")
        self.marks[reference.package, reference.name] = reference

    async def remove_reference(self, id, name):
        await self._turn()
        return self.marks.pop((id, name), None) is not None

    async def upload_layout(self, id, text, now, by):
        await self._turn()
        return id in self.rows

    async def remove(self, id):
        await self._turn()
        return self.rows.pop(id, None) is not None

    async def prune(self, before, gone_before, most_bytes):
        await self._turn()
        return 0
