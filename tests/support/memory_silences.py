"""The part of the store in memory that keeps silences (see memory_store.py)."""

from dvic_hub.errors import Conflict


class MemorySilences:
    def __init__(self, store):
        self._turn = store.turn
        self.by_id: dict = {}
        self.by_name: dict = {}

    async def add(self, silence, most):
        await self._turn()
        if len(self.by_id) >= most:
            return False
        if silence.id in self.by_id:
            raise Conflict("a silence of this id exists")
        self.by_id[silence.id] = silence
        return True

    async def ids(self):
        await self._turn(False)
        return frozenset(self.by_id)

    async def all(self):
        await self._turn(False)
        return sorted(self.by_id.values(), key=lambda one: (one.created, one.id))

    async def remove(self, id):
        await self._turn()
        return self.by_id.pop(id, None) is not None

    async def windows(self):
        await self._turn(False)
        return [self.by_name[name] for name in sorted(self.by_name)]

    async def put_window(self, window, most):
        await self._turn()
        if window.name not in self.by_name and len(self.by_name) >= most:
            return False
        self.by_name[window.name] = window
        return True

    async def remove_window(self, name):
        await self._turn()
        return self.by_name.pop(name, None) is not None
