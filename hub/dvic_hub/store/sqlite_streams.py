"""Records and cursors: the store's door to what the other modules of this folder do with them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import apsw

from dvic_hub.domain.blocks import Key
from dvic_hub.domain.glance import Glance
from dvic_hub.domain.model import Around, IncomingBatch, LevelCounts, LogQuery, Page, Series
from dvic_hub.errors import StoreFull
from dvic_wire.streams import Verdict

from . import sqlite_containers, sqlite_metrics, sqlite_search, sqlite_surroundings
from .rows import JSON
from .sqlite_compaction import Compaction
from .sqlite_days import Days
from .sqlite_files import Reserve
from .sqlite_readers import Readers
from .sqlite_writer import Writer

T = TypeVar("T")

SEARCHERS = 3
"""Threads for what may take long, apart from those that answer quickly: nobody waits for a search to sign in."""

COUNT_SECONDS = 4.0
"""After so long the counting of records ends with what was counted by then."""


class SqliteStreams:
    """Implements port.Streams."""

    def __init__(self, writer: Writer, readers: Readers, days: Days, reserve: Reserve, clock: Callable[[], float],
                 search_seconds: float, page_bytes: int) -> None:
        self._search_seconds = search_seconds
        self._page_bytes = page_bytes
        self._searchers = Readers(readers.path, SEARCHERS)
        self._reserve = reserve
        self._writer = writer
        self._readers = readers
        self._compaction = Compaction(writer, self._searchers, days, clock)
        self._one_at_a_time = asyncio.Lock()
        self.compacted = 0

    async def cursors(self, node: str) -> dict[str, str]:
        return await self._readers.run(lambda connection: dict(connection.execute(
            "SELECT name, cursor FROM stream WHERE node = ?", (node,))))

    async def about(self, node: str) -> dict[str, dict]:
        """What is known of each open stream: its `source` and what the node said `about` it."""
        def read(connection: apsw.Connection) -> dict[str, dict]:
            rows = connection.execute("SELECT name, source, about FROM stream WHERE node = ?", (node,))
            return {name: {"source": source, "about": JSON.read(about)} for name, source, about in rows}

        return await self._readers.run(read)

    async def commit(self, batch: IncomingBatch) -> Verdict:
        return await self._writer.submit(batch)

    async def search(self, query: LogQuery) -> Page:
        return await self._searchers.run(
            lambda connection: sqlite_search.search(connection, query, self._search_seconds, self._page_bytes))

    async def around(self, query: LogQuery, key: Key, after: int) -> Around:
        return await self._searchers.run(lambda connection: sqlite_surroundings.around(
            connection, query, key, after, self._search_seconds, self._page_bytes))

    async def levels(self, query: LogQuery, buckets: int) -> LevelCounts:
        return await self._searchers.run(lambda connection: sqlite_surroundings.levels(
            connection, query, buckets, min(self._search_seconds, COUNT_SECONDS)))

    async def run_output(self, run: str, node: str, after: str, limit: int) -> Page:
        return await self._searchers.run(
            lambda connection: sqlite_search.run_output(connection, run, node, after, limit, self._page_bytes))

    async def series(self, nodes: list[str], names: list[str], since: int, until: int, step: int) -> list[Series]:
        return await self._searchers.run(
            lambda connection: sqlite_metrics.series(connection, nodes, names, since, until, step))

    async def latest(self, node: str) -> dict:
        return await self._readers.run(lambda connection: sqlite_metrics.latest(connection, node))

    async def glances(self, after: int = 0) -> list[Glance]:
        return await self._searchers.run(lambda connection: sqlite_metrics.glances(connection, after))

    async def demos(self, node: str) -> list[dict]:
        return await self._readers.run(lambda connection: sqlite_metrics.demos(connection, node))

    async def containers(self, node: str) -> list[dict]:
        return await self._readers.run(lambda connection: sqlite_containers.containers(connection, node))

    async def drop_before(self, day: str) -> int:
        """On a full disk the reserve is given up for it, and taken again when there is room."""
        async with self._one_at_a_time:
            count = await self._with_reserve(lambda: self._compaction.unlist_before(day))
            await self._with_reserve(self._compaction.sweep)
            await asyncio.to_thread(self._reserve.take)
        return count

    async def compact(self) -> int:
        async with self._one_at_a_time:
            joined = await self._compaction.step()
        self.compacted += joined
        return joined

    async def close(self) -> None:
        """Wait for the searches under way."""
        await self._searchers.close()

    async def _with_reserve(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        except StoreFull:
            if not await asyncio.to_thread(self._reserve.give_up):
                raise
        return await work()
