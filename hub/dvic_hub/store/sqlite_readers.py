"""A small pool of threads that read, each with a connection of its own, beside the writer (WAL)."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from dvic_hub.errors import StoreError

from .sqlite_errors import translated

T = TypeVar("T")

READERS = 2
"""Reads at the same time. One core serves them all: more would only stand in each other's way."""

CACHE_KIB = 16 * 1024


class Readers:
    """`run` gives a function a connection, inside one read transaction: all that it reads is of one moment."""

    def __init__(self, path: Path, threads: int = READERS) -> None:
        self.path = path
        self._pool = ThreadPoolExecutor(threads, "dvic-store-reader")
        self._mine = threading.local()
        self._all: list[apsw.Connection] = []
        self._closed = False

    async def run(self, read: Callable[[apsw.Connection], T]) -> T:
        if self._closed:
            raise StoreError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, read)

    async def close(self) -> None:
        """Wait for the reads under way."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._all:
            connection.close()

    def _read(self, read: Callable[[apsw.Connection], T]) -> T:
        with translated(None):
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return read(connection)
            finally:
                connection.execute("ROLLBACK")

    def _connection(self) -> apsw.Connection:
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
            connection.set_busy_timeout(10_000)
            connection.pragma("query_only", True)
            connection.pragma("cache_size", -CACHE_KIB)
            self._mine.connection = connection
            self._all.append(connection)
        return connection
