"""The part of the store in memory that self-update keeps: rollouts, signing keys, manifests (see memory_store.py)."""

from dataclasses import replace

from dvic_hub.domain.model import Page
from dvic_hub.errors import Conflict
from dvic_wire.updates import TERMINAL


class MemoryRollouts:
    def __init__(self, store):
        self._turn = store.turn
        self._store = store
        self.rollouts: dict = {}
        self.rows: dict = {}
        self.history: list[tuple[str, str, str, str]] = []

    async def add(self, rollout, nodes):
        await self._turn()
        if rollout.id in self.rollouts:
            raise Conflict("a rollout of this id exists")
        self.rollouts[rollout.id] = rollout
        self.rows.update({(row.rollout, row.node): row for row in nodes})

    async def get(self, id):
        await self._turn(False)
        return self.rollouts.get(id)

    async def list(self, limit, before=""):
        await self._turn(False)
        return Page(sorted(self.rollouts.values(), key=lambda one: (one.created, one.id), reverse=True)[:limit])

    async def nodes(self, rollout):
        await self._turn(False)
        return sorted((row for row in self.rows.values() if row.rollout == rollout), key=lambda row: row.position)

    async def runs(self, rollout):
        rows = [row for row in await self.nodes(rollout) if row.run]
        return {row.node: self._store.runs.rows[row.run, row.node] for row in rows
                if (row.run, row.node) in self._store.runs.rows}

    async def active(self):
        await self._turn(False)
        return [one.id for one in self.rollouts.values() if not one.ended]

    async def open_nodes(self):
        await self._turn(False)
        return {row.node: row.rollout for row in self.rows.values() if not row.ended}

    async def move(self, rollout, node, from_state, to, **changes):
        await self._turn()
        row = self.rows.get((rollout, node))
        if row is None or row.state != from_state or from_state in TERMINAL:
            return False
        self.rows[rollout, node] = replace(row, state=to, **changes)
        if to != from_state:
            self.history.append((rollout, node, from_state, to))
        return True

    async def forgive(self, rollout, nodes):
        await self._turn()
        for node in nodes:
            self.rows[rollout, node] = replace(self.rows[rollout, node], forgiven=1)

    async def update(self, id, **changes):
        await self._turn()
        if id not in self.rollouts or self.rollouts[id].ended:
            return False
        self.rollouts[id] = replace(self.rollouts[id], **changes)
        return True


class MemoryReleases:
    def __init__(self, store):
        self._turn = store.turn
        self.serial = 0
        self.by_id: dict = {}
        self.by_name: dict = {}

    async def keys(self):
        await self._turn(False)
        return self.serial, sorted(self.by_id.values(), key=lambda key: (key.added, key.id))

    async def add_key(self, key, time):
        await self._turn()
        if key.id in self.by_id:
            return False
        self.by_id[key.id] = key
        self.serial = max(self.serial + 1, time)
        return True

    async def remove_key(self, id, time):
        await self._turn()
        if len(self.by_id) < 2 or id not in self.by_id:
            return False
        del self.by_id[id]
        self.serial = max(self.serial + 1, time)
        return True

    async def manifests(self):
        await self._turn(False)
        return dict(self.by_name)

    async def put_manifest(self, manifest):
        await self._turn()
        self.by_name[manifest.name] = manifest

    async def remove_manifest(self, name):
        await self._turn()
        return self.by_name.pop(name, None) is not None
