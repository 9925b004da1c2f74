"""The database as files: opening it alone, copying it while it is in use, putting a copy back, checking it."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw

from dvic_hub.domain.blocks import DamagedBlock
from dvic_hub.domain.decoding import Kind
from dvic_hub.errors import Conflict, NotFound, StoreError

from . import schema
from .sqlite_errors import translated
from .sqlite_reading import batches, demo_batches, samples

LEAST_SQLITE = (3, 51, 3)
"""Older ones can damage a database when its write-ahead log is reset."""

WRITER_CACHE_KIB = 64 * 1024

LOG_BYTES_KEPT = 64 * 1024 * 1024
"""The write-ahead log's file is cut back to this size when it has been larger."""

LEAST_RESERVE_BYTES = 1024 * 1024
"""Bytes set aside on the smallest file system: what dropping a day writes however little the day held."""

RESERVE_BYTES = 48 * 1024 * 1024
"""Bytes set aside for a full disk; half as much again as the write-ahead log grows to between two checkpoints."""

BACKUP_PAGES = 2000
"""Pages copied between two reports of progress."""

IN_USE = "in-use"
"""The code of the Conflict when another process has the database."""

_BESIDE = ("-wal", "-shm")

Progress = Callable[[int, int], None]


class Lock:
    """One process has the database, told by a lock on a file beside it: the kernel frees it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._handle = -1

    def take(self) -> None:
        """Raises Conflict when another process has it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise Conflict(f"another process uses the database (it holds {self._path})", code=IN_USE) from None
        self._handle = handle

    def free(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class Reserve:
    """Room on the disk that is given up when there is no other, so that dropping days, which makes room, can be
    written. It is larger than what the write-ahead log may hold, for that must go into the database first."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".reserve")

    @property
    def size(self) -> int:
        """Bytes: RESERVE_BYTES, on a small file system a sixteenth of it, and never less than LEAST_RESERVE_BYTES."""
        disk = os.statvfs(self._path.parent)
        return min(RESERVE_BYTES, max(LEAST_RESERVE_BYTES, disk.f_blocks * disk.f_frsize // 16))

    def take(self) -> None:
        """Take the room, unless that would leave little to others."""
        size, disk = self.size, os.statvfs(self._path.parent)
        if self._path.exists() or disk.f_bavail * disk.f_frsize < 4 * size:
            return
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, size)
            finally:
                os.close(handle)
        except OSError:
            self._path.unlink(missing_ok=True)

    def give_up(self) -> bool:
        """Whether there was anything to give up."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True


def open_for_writing(path: Path) -> apsw.Connection:
    """The writer's connection to a database that is made (mode 0600) or migrated as needed."""
    if tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) < LEAST_SQLITE:
        raise StoreError(f"SQLite {apsw.sqlite_lib_version()} is too old: {'.'.join(map(str, LEAST_SQLITE))} is needed")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    with translated(None):
        connection = apsw.Connection(str(path))
    try:
        with translated(connection):
            connection.set_busy_timeout(10_000)
            connection.pragma("page_size", schema.PAGE_SIZE)
            if connection.pragma("journal_mode", "wal") != "wal":
                raise StoreError("the database can't use a write-ahead log on this file system")
            connection.pragma("synchronous", "FULL")
            connection.pragma("cache_size", -WRITER_CACHE_KIB)
            connection.pragma("journal_size_limit", LOG_BYTES_KEPT)
            connection.pragma("trusted_schema", False)
            schema.migrate(connection)
    except Exception:
        connection.close()
        raise
    return connection


def backup(path: Path, target: Path, progress: Progress | None = None) -> None:
    """Copy the database as it is now, while it is in use. The copy (mode 0600) appears whole or not at all.

    Raises NotFound when there is no database, Conflict when `target` exists. A read transaction holds the moment:
    without it a copy would begin anew after every commit.
    """
    if not path.is_file():
        raise NotFound(f"there is no database at {path}")
    if target.exists():
        raise Conflict(f"{target} exists: a backup replaces nothing")
    beside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with translated(None):
            source, copy = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE), apsw.Connection(str(beside))
            try:
                _copy(source, copy, progress)
            finally:
                copy.close()
                source.close()
        _to_disk(beside)
        os.link(beside, target)
        _to_disk(target.parent)
    except FileExistsError:
        raise Conflict(f"{target} exists: a backup replaces nothing") from None
    finally:
        for name in (beside, *(beside.with_name(beside.name + end) for end in _BESIDE)):
            name.unlink(missing_ok=True)


def restore(path: Path, source: Path) -> Path | None:
    """Put a backup in the database's place; returns where the former one was moved, None when there was none.

    Raises Conflict while a hub uses the database, StoreError when the backup is none or damaged.
    """
    lock = Lock(path)
    lock.take()
    try:
        wrong = check(source, thorough=False)
        if wrong:
            raise StoreError(f"{source} can't be restored: {wrong[0]}")
        beside = path.with_name(f".{path.name}.restoring")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as to, source.open("rb") as of:
            shutil.copyfileobj(of, to, 1024 * 1024)
        _to_disk(beside)
        former = _move_away(path) if path.exists() else None
        beside.rename(path)
        _to_disk(path.parent)
        return former
    finally:
        lock.free()


def check(path: Path, thorough: bool = True) -> list[str]:
    """What is wrong with the database, in sentences. `thorough` also reads every block. Changes nothing."""
    if not path.is_file():
        return [f"{path} is no file"]
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error as error:
        return [f"the database can't be opened: {error}"]
    try:
        connection.pragma("query_only", True)
        if connection.pragma("application_id") != schema.APPLICATION_ID:
            return ["the file is no DVIC database"]
        if connection.pragma("user_version") > len(schema.MIGRATIONS):
            return ["the database is of a newer hub"]
        connection.execute("BEGIN")
        found = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
        for day in schema.days(connection) if not found else ():
            found += _check_day(connection, day, thorough)
        return found
    except apsw.Error as error:
        return [f"the database can't be read: {error}"]
    finally:
        connection.close()


def _copy(source: apsw.Connection, copy: apsw.Connection, progress: Progress | None) -> None:
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # the read transaction begins with the first read
    with copy.backup("main", source, "main") as work:
        while not work.done:
            work.step(BACKUP_PAGES)
            if progress:
                progress(work.page_count - work.remaining, work.page_count)
    source.execute("ROLLBACK")


def _check_day(connection: apsw.Connection, day: str, thorough: bool) -> list[str]:
    found = []
    for table, other in (("index", "data"), ("data", "index")):
        lone = connection.execute(
            f"SELECT count(*) FROM {table}_{day} WHERE id NOT IN (SELECT id FROM {other}_{day})").get  # noqa: S608
        if lone:
            found.append(f"{lone} rows of {table}_{day} have no partner in {other}_{day}.")
    if not thorough:
        return found
    logs = connection.execute(
        f"SELECT i.id, i.kind, i.count, i.codec, d.bytes FROM index_{day} i JOIN data_{day} d USING (id)")  # noqa: S608
    metrics = connection.execute(f"SELECT id, kind, count, codec, bytes FROM metrics_{day}")  # noqa: S608
    for rows in (logs, metrics):
        for id, kind, count, codec, data in rows:
            try:
                held = _count(kind, id, codec, data)
            except (DamagedBlock, KeyError, IndexError) as error:
                found.append(f"Block {id} of {day} is damaged: {error}.")
                continue
            if kind != Kind.HARDWARE and held != count:
                found.append(f"Block {id} of {day} holds {held} records, its row says {count}.")
    return found


def _count(kind: int, id: int, codec: int, data: bytes) -> int:
    if kind == Kind.HARDWARE:
        return len(samples(codec, data))
    parts = (demo_batches(id, codec, data) if kind in (Kind.DEMOS, Kind.CONTAINERS)
             else batches(id, codec, data, kind == Kind.LOG))
    return sum(len(records) for _, records in parts)


def _move_away(path: Path) -> Path:
    number = 1
    while (former := path.with_name(f"{path.name}.before-restore-{number}")).exists():
        number += 1
    for end in _BESIDE:
        log = path.with_name(path.name + end)
        if log.exists():
            log.rename(former.with_name(former.name + end))
    path.rename(former)
    return former


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
