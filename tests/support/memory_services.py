"""The part of the store in memory that monitoring services keep (see memory_store.py)."""

from dataclasses import replace

from dvic_hub.domain.cycle_model import WaitingEvents
from dvic_hub.domain.model import Page
from dvic_hub.errors import Conflict


class MemoryServices:
    def __init__(self, store):
        self._turn = store.turn
        self.rows: dict = {}
        self.passes: dict = {}
        self.events: list[WaitingEvents] = []
        self.taken = 0
        self.shared: dict = {}

    async def add(self, service):
        await self._turn()
        if service.name in self.rows:
            raise Conflict(f"there is a service {service.name} already", code="name-taken")
        self.rows[service.name] = service

    async def get(self, name):
        await self._turn(False)
        return self.rows.get(name)

    async def all(self):
        await self._turn(False)
        return [self.rows[name] for name in sorted(self.rows)]

    async def remove(self, name):
        await self._turn()
        self.passes = {key: cycle for key, cycle in self.passes.items() if key[0] != name}
        self.shared = {id: share for id, share in self.shared.items() if share.service != name}
        return self.rows.pop(name, None) is not None

    async def change(self, service, cycles):
        await self._turn()
        if service.name not in self.rows:
            return False
        self.rows[service.name] = replace(
            self.rows[service.name], description=service.description, changed=service.changed, off=service.off,
            components_off=service.components_off, levels=service.levels, due=service.due, muted=service.muted)
        self._put(cycles)
        return True

    async def cycles(self, service, limit, before=""):
        await self._turn(False)
        found = sorted((cycle for key, cycle in self.passes.items()
                        if key[0] == service and key[1] < int(before or 2**62)), key=lambda each: -each.number)
        more = len(found) > limit
        return Page([_copy(cycle) for cycle in found[:limit]], str(found[limit - 1].number) if more else "")

    async def cycle(self, service, number):
        await self._turn(False)
        found = self.passes.get((service, number))
        return _copy(found) if found else None

    async def results(self, service, limit):
        return [(cycle.number, cycle.result) for cycle in (await self.cycles(service, limit)).items]

    async def relevant(self, names):
        await self._turn(False)
        found = {}
        for service, wanted in names.items():
            mine = sorted((cycle for key, cycle in self.passes.items() if key[0] == service), key=lambda c: c.number)
            unnamed = [cycle for cycle in mine if cycle.result and not cycle.name][-1:]
            chosen = [cycle for cycle in mine if not cycle.result or (cycle.name and cycle.name in wanted)]
            found.update(((service, cycle.number), _copy(cycle)) for cycle in chosen + unnamed + mine[-1:])
        return list(found.values())

    async def add_share(self, share, most):
        if len(await self.shares(share.service)) >= most:
            return False
        await self._turn()
        self.shared[share.id] = share
        return True

    async def shares(self, service):
        await self._turn(False)
        return sorted((share for share in self.shared.values() if share.service == service),
                      key=lambda share: (share.created, share.id))

    async def share(self, id):
        await self._turn(False)
        return self.shared.get(id)

    async def remove_share(self, id):
        await self._turn()
        return self.shared.pop(id, None) is not None

    async def put_events(self, body):
        await self._turn()
        self.take(0, body)

    def take(self, number, body):
        self.taken += 1
        self.events.append(WaitingEvents(self.taken, number, body))

    async def waiting(self, limit):
        await self._turn(False)
        return self.events[:limit]

    async def settle(self, applied, services, cycles, keep):
        await self._turn()
        if self.events[:len(applied)] != applied:
            return False
        del self.events[:len(applied)]
        there = {service.name: service for service in services if service.name in self.rows}
        self._put([cycle for cycle in cycles if cycle.service in there])
        for name, service in there.items():
            self.rows[name] = replace(self.rows[name], last=service.last, due=service.due,
                                      counted=service.counted)
            self.passes = {key: cycle for key, cycle in self.passes.items() if key[0] != name
                           or key[1] > service.last - keep or not cycle.result}
        return True

    def _put(self, cycles):
        self.passes.update({(cycle.service, cycle.number): _copy(cycle) for cycle in cycles})


def _copy(cycle):
    """As from a database: who changes it, changes nobody else's."""
    return replace(cycle, steps=[type(step)(**{name: getattr(step, name) for name in step.__struct_fields__})
                                 for step in cycle.steps])
