"""The one thread that writes: whatever waits is written as one group and committed once, with synchronous=FULL.

Two sorts of work wait in one queue, in order:
- jobs: a function of the connection, run in a savepoint of its own, so that one that fails takes nothing else with it;
- batches: handed to the BatchSink, which answers each at once but writes them together, many rows a statement.

Nobody is answered before the group is on the disk. When a group fails (the disk is full), nothing of it is kept and
everyone in it gets the error; the next group is tried anew, so that writing goes on as soon as there is room.

The thread also owns the checkpoint: between two groups, when the log has grown, and when there is nothing to do.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import apsw

from dvic_hub.domain.model import IncomingBatch
from dvic_hub.errors import HubError, StoreError

from .sqlite_errors import explain

T = TypeVar("T")
Job = Callable[[apsw.Connection], Any]

log = logging.getLogger(__name__)

GROUP_BYTES = 8 * 1024 * 1024
"""Bytes of batches after which a group is committed, however many wait."""

GROUP_ITEMS = 1000

GATHER_SECONDS = 0.002
"""How long more work is waited for, when the last group held more than one item."""

CHECKPOINT_PAGES = 8000
"""Pages in the write-ahead log (32 MB) after which they are moved into the database, where the disk is not small."""

IDLE_SECONDS = 1.0
"""Without work for so long, the log is moved into the database whatever its size."""


class BatchSink(Protocol):
    """Where batches go within a group."""

    def add(self, connection: apsw.Connection, batch: IncomingBatch) -> object:
        """Take a batch; returns its answer, raises HubError when it (alone) can't be taken."""

    def flush(self, connection: apsw.Connection) -> None:
        """Write what was taken."""

    def committed(self) -> None:
        """All that was flushed is on the disk."""

    def rolled_back(self) -> None:
        """Nothing of the group is on the disk."""


class Writer:
    """Start it in the event loop that is to hear the answers; `run` and `submit` are called from there."""

    def __init__(self, sink: BatchSink) -> None:
        self._sink = sink
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="dvic-store-writer", daemon=True)
        self._connection: apsw.Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self.commits = 0
        self.failed_commits = 0
        self.trouble: HubError | None = None
        self.last_commit_items = 0
        self.checkpoints = 0
        self.log_pages = 0
        self._checkpoint_pages = CHECKPOINT_PAGES

    def start(self, connection: apsw.Connection, most_log_bytes: int) -> None:
        """Take over the connection; it is used by the thread alone from here on. `most_log_bytes`: about how large the
        write-ahead log may become."""
        self._checkpoint_pages = min(CHECKPOINT_PAGES, most_log_bytes // connection.pragma("page_size"))
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        connection.set_wal_hook(self._log_grew)  # this also switches SQLite's own checkpoints off
        self._thread.start()

    def submit(self, batch: IncomingBatch) -> asyncio.Future:
        """Queue a batch; the future holds the sink's answer once it is on the disk."""
        return self._put(batch, len(batch.frame) or len(batch.records_json))

    async def run(self, job: Callable[[apsw.Connection], T]) -> T:
        """Queue a job; returns what it returned, once it is on the disk."""
        return await self._put(job, 0)

    async def stop(self) -> None:
        """Write what still waits, move the log into the database and close the connection."""
        if self._closed or self._loop is None:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _put(self, work: Job | IncomingBatch, size: int) -> asyncio.Future:
        if self._closed or self._loop is None:
            raise StoreError("the store is closed")
        future = self._loop.create_future()
        self._queue.put((future, work, size))
        return future

    def _work(self) -> None:
        connection = self._connection
        stopping = False
        try:
            while not stopping:
                group, stopping = self._gather()
                if group:
                    self._answer(self._write(connection, group))
                if stopping or self.log_pages >= self._checkpoint_pages or (not group and self.log_pages):
                    self._checkpoint(connection, final=stopping)
        except BaseException:
            log.exception("the store's writer ended")
            raise
        finally:
            self._closed = True
            self._refuse_the_rest()
            connection.close()

    def _gather(self) -> tuple[list[tuple], bool]:
        """What waits, up to a group; waits for something first, but no longer than IDLE_SECONDS."""
        group: list[tuple] = []
        size = 0
        try:
            item = self._queue.get(timeout=IDLE_SECONDS if self.log_pages else None)
            if self.last_commit_items > 1:
                time.sleep(GATHER_SECONDS)  # there is a crowd: more will have come by then
            while item is not None:
                group.append(item)
                size += item[2]
                if size >= GROUP_BYTES or len(group) >= GROUP_ITEMS:
                    return group, False
                item = self._queue.get_nowait()
        except queue.Empty:
            return group, False
        return group, True

    def _write(self, connection: apsw.Connection, group: list[tuple]) -> list[tuple]:
        """Future, answer and error of each."""
        answers = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for future, work, _ in group:
                answers.append((future, *self._one(connection, work)))
            self._sink.flush(connection)
            connection.execute("COMMIT")
        except Exception as error:
            reason = explain(error, connection)
            self._roll_back(connection)
            self._sink.rolled_back()
            self.failed_commits += 1
            self.trouble = reason
            log.error("a group of %d changes was not stored: %s", len(group), reason)
            return [(future, None, reason) for future, _, _ in group]
        self._sink.committed()
        self.commits += 1
        self.trouble = None
        self.last_commit_items = len(group)
        return answers

    def _one(self, connection: apsw.Connection, work: Job | IncomingBatch) -> tuple[object, Exception | None]:
        if isinstance(work, IncomingBatch):
            try:
                return self._sink.add(connection, work), None
            except Exception as error:
                _raise_if_serious(error)
                return None, error
        self._sink.flush(connection)  # a job sees what was queued before it
        connection.execute("SAVEPOINT job")
        try:
            answer = work(connection)
        except Exception as error:
            _raise_if_serious(error)
            connection.execute("ROLLBACK TO job; RELEASE job")
            return None, error
        connection.execute("RELEASE job")
        return answer, None

    def _roll_back(self, connection: apsw.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except apsw.Error:
            log.exception("could not roll back")

    def _answer(self, answers: list[tuple]) -> None:
        def settle() -> None:
            for future, answer, error in answers:
                if future.done():
                    continue  # nobody waits for it any more
                if error is None:
                    future.set_result(answer)
                else:
                    future.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:
            log.warning("the event loop was closed before the store: %d answers had no one to go to", len(answers))

    def _refuse_the_rest(self) -> None:
        rest = []
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                rest.append((item[0], None, StoreError("the store is closed")))
        if rest:
            self._answer(rest)

    def _log_grew(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self.log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self, connection: apsw.Connection, final: bool) -> None:
        """Readers are never waited for: what they still look at stays in the log until the next time."""
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if final else apsw.SQLITE_CHECKPOINT_PASSIVE
        started = time.monotonic()
        try:
            pages, moved = connection.wal_checkpoint(mode=mode)
            self.checkpoints += 1
            self.log_pages = max(pages - moved, 0)
        except apsw.Error as error:
            self.log_pages = 0  # try again after the next commit, not in a circle
            log.warning("checkpoint after %.1f s: %s", time.monotonic() - started, explain(error, connection))


def _raise_if_serious(error: Exception) -> None:
    """A full disk, an I/O error or a damaged file is no fault of the one job: the whole group fails."""
    serious = (apsw.FullError, apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.NoMemError, apsw.CantOpenError,
               apsw.AbortError, OSError)
    if isinstance(error, serious):
        raise error
