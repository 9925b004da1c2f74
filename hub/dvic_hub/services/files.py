"""Files on their way, as people see them: brought for machines, or come from them. The spool keeps them.

    add      audit, room set aside; nothing is sent on before all of it has come
    take     bytes that go on where the last ones ended; a file whose sender was cut off is gone on with
    read     audit; the bytes of a whole file
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path

from dvic_hub.domain.people import Actor
from dvic_hub.errors import Conflict, TooLarge
from dvic_hub.services.audit import AuditService
from dvic_hub.services.spool import KeptFile, Spool

MAX_PART_BYTES = 4 * 1024 * 1024
"""Bytes of a file in one request; nginx, and who waits for progress, want parts that are small."""


class FileService:
    """`clock` gives Unix seconds."""

    def __init__(self, spool: Spool, audit: AuditService, clock: Callable[[], float]):
        self._spool = spool
        self._audit = audit
        self._clock = clock
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        await asyncio.to_thread(self._spool.load)

    def all(self) -> list[KeptFile]:
        """Oldest first."""
        return self._spool.all()

    def get(self, id: str) -> KeptFile:
        """Raises NotFound."""
        return self._spool.get(id)

    async def add(self, name: str, size: int, expected: str, actor: Actor) -> KeptFile:
        """Announce a file. Raises TooLarge, Conflict, StoreFull."""
        async with self._audit.record(actor, "file.add", name, {"bytes": size, "sha256": expected}) as record:
            kept = await asyncio.to_thread(self._spool.begin, name, size, actor.name, self._clock(), expected=expected)
            record.outcome = f"ok {kept.id}"
        return kept

    async def take(self, id: str, offset: int, pieces: AsyncIterator[bytes]) -> KeptFile:
        """Take a part from `offset` on. Raises NotFound, Conflict, TooLarge, StoreFull, BadRequest."""
        self.get(id)
        data = bytearray()
        async for piece in pieces:
            data += piece
            if len(data) > MAX_PART_BYTES:
                raise TooLarge(f"one part has at most {MAX_PART_BYTES} bytes", limit=MAX_PART_BYTES)
        async with self._locks[id]:
            return await asyncio.to_thread(self._spool.write, id, offset, bytes(data), self._clock())

    async def content(self, id: str, actor: Actor, first: bool) -> Path:
        """Where the bytes of a whole file are. `first`: somebody begins to read it. Raises NotFound, Conflict."""
        kept = self.whole(id)
        if first:
            await self._audit.note(actor, "file.read", kept.name, {"file": id, "bytes": kept.size})
        return self._spool.path(id)

    def whole(self, id: str) -> KeptFile:
        """Raises NotFound, Conflict where not all of it has come."""
        kept = self.get(id)
        if not kept.whole:
            raise Conflict(f"of {kept.size} bytes {kept.received} have come", code="incomplete")
        return kept

    async def remove(self, id: str, actor: Actor) -> None:
        """Raises NotFound."""
        kept = self.get(id)
        async with self._audit.record(actor, "file.remove", kept.name, {"file": id}):
            await asyncio.to_thread(self._spool.remove, id)
        self._locks.pop(id, None)

    async def drop_before(self, time: float, needed: Collection[str]) -> None:
        """Remove what nobody has used since `time` (Unix seconds) and no copy needs."""
        for kept in self.all():
            if kept.used < time and kept.id not in needed:
                await asyncio.to_thread(self._spool.remove, kept.id)
                self._locks.pop(kept.id, None)
