"""The store in one SQLite file: one writer that commits in groups, readers beside it, history cut by the day."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from dvic_hub.errors import HubError

from . import schema, sqlite_files
from .sqlite_alarms import SqliteAlarms
from .sqlite_batches import Batches
from .sqlite_cursors import Cursors
from .sqlite_days import Days
from .sqlite_nodes import SqliteNodes, SqliteTokens
from .sqlite_notices import SqliteNotices
from .sqlite_packages import SqlitePackages
from .sqlite_people import SqliteAudit, SqlitePeople
from .sqlite_readers import Readers
from .sqlite_releases import SqliteReleases
from .sqlite_rollouts import SqliteRollouts
from .sqlite_runs import SqliteRuns
from .sqlite_search import PAGE_BYTES
from .sqlite_services import SqliteServices
from .sqlite_sessions import SqliteSessions
from .sqlite_silences import SqliteSilences
from .sqlite_streams import SqliteStreams
from .sqlite_writer import Writer

SEARCH_SECONDS = 10.0
"""After so long a page of a search ends with what was found by then; the next page goes on."""


class SqliteStore:
    """Implements port.Store. `clock` gives seconds since 1970: it decides in which day what arrives is kept.
    `search_seconds`, `page_bytes`: about how long a search works for one page, and what it holds of it in memory."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time,
                 search_seconds: float = SEARCH_SECONDS, page_bytes: int = PAGE_BYTES) -> None:
        self.path = path
        self._lock = sqlite_files.Lock(path)
        self._reserve = sqlite_files.Reserve(path)
        self._cursors = Cursors()
        self._days = Days(clock)
        self._batches = Batches(self._cursors, self._days)
        self._writer = Writer(self._batches)
        self._readers = Readers(path)
        self.streams = SqliteStreams(self._writer, self._readers, self._days, self._reserve, clock,
                                     search_seconds, page_bytes)
        self.nodes = SqliteNodes(self._writer, self._readers, self._cursors)
        self.tokens = SqliteTokens(self._writer, self._readers)
        self.runs = SqliteRuns(self._writer, self._readers)
        self.rollouts = SqliteRollouts(self._writer, self._readers)
        self.releases = SqliteReleases(self._writer, self._readers)
        self.services = SqliteServices(self._writer, self._readers)
        self.sessions = SqliteSessions(self._writer, self._readers)
        self.notices = SqliteNotices(self._writer, self._readers)
        self.alarms = SqliteAlarms(self._writer, self._readers)
        self.silences = SqliteSilences(self._writer, self._readers)
        self.packages = SqlitePackages(self._writer, self._readers, self._cursors)
        self.people = SqlitePeople(self._writer, self._readers)
        self.audit = SqliteAudit(self._writer, self._readers)

    async def open(self) -> None:
        """Raises Conflict when another process has the database, StoreError when it can't be used."""
        self._lock.take()
        try:
            connection = await asyncio.to_thread(sqlite_files.open_for_writing, self.path)
        except BaseException:
            self._lock.free()
            raise
        await asyncio.to_thread(self._reserve.take)
        self._writer.start(connection, self._reserve.size * 2 // 3)

    async def close(self) -> None:
        """Everything that was handed over before is on the disk afterwards."""
        await self.streams.close()
        await self._readers.close()
        await self._writer.stop()
        await asyncio.to_thread(self._reserve.give_up)
        self._lock.free()

    async def get_value(self, key: str) -> str | None:
        rows = await self._readers.run(lambda connection: connection.execute(
            "SELECT value FROM value WHERE key = ?", (key,)).fetchall())
        return rows[0][0] if rows else None

    async def set_value(self, key: str, value: str) -> None:
        await self._writer.run(lambda connection: connection.execute(
            "INSERT OR REPLACE INTO value VALUES (?, ?)", (key, value)).fetchall())

    async def backup(self, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
        await asyncio.to_thread(sqlite_files.backup, self.path, target, progress)

    async def check(self) -> list[str]:
        return await asyncio.to_thread(sqlite_files.check, self.path)

    async def sizes(self) -> dict[str, int]:
        """Bytes in use in the file, bytes free inside it, and the days that there are."""
        def read(connection: apsw.Connection) -> dict[str, int]:
            size, free = connection.pragma("page_size"), connection.pragma("freelist_count")
            return {"used": (connection.pragma("page_count") - free) * size, "free": free * size,
                    "days": len(schema.days(connection))}

        return await self._readers.run(read)

    def trouble(self) -> HubError | None:
        return self._writer.trouble

    def stats(self) -> dict[str, float]:
        log = self.path.with_name(self.path.name + "-wal")
        return {
            "file_bytes": self.path.stat().st_size if self.path.exists() else 0,
            "log_bytes": log.stat().st_size if log.exists() else 0,
            "commits_total": self._writer.commits,
            "failed_commits_total": self._writer.failed_commits,
            "checkpoints_total": self._writer.checkpoints,
            "last_group": self._writer.last_commit_items,
            "batches_total": self._batches.batches,
            "records_total": self._batches.records,
            "refused_batches_total": self._batches.refused,
            "compacted_rows_total": self.streams.compacted,
        }
