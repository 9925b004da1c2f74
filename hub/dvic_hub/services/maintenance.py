"""The store's upkeep while the hub serves: past days dropped, blocks joined when it is quiet.

Backup, restore and check are in store/sqlite_files.py; dvic_hub/upkeep.py puts key and settings with them.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from dvic_hub.errors import StoreError
from dvic_hub.store.port import Store

from .retention import Pace, oldest_kept

DROP_EVERY = 3600.0
"""Seconds between two looks for days that are too old."""

log = logging.getLogger(__name__)


class MaintenanceService:
    """`turn` is called again and again; each is a bounded piece of work and a rest. `clock` gives Unix seconds,
    `steady` seconds that only grow."""

    def __init__(self, store: Store, retention_days: int, clock: Callable[[], float],
                 steady: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._retention_days = retention_days
        self._clock = clock
        self._steady = steady
        self._pace = Pace()
        self._dropped_at = float("-inf")

    async def turn(self) -> None:
        """Do what is due, then wait until something may be due again."""
        worked = await self.work()
        await asyncio.sleep(self._pace.rest(worked))

    async def work(self) -> bool:
        """Do what is due; whether anything was. A full disk is no reason to stop: dropping days is what makes room."""
        if self._steady() - self._dropped_at >= DROP_EVERY:
            await self.drop_old_days()
        try:
            if self._pace.may_work(self._steady(), self._store.stats().get("batches_total", 0)):
                return await self._store.streams.compact() > 0
        except StoreError as error:
            log.warning("joining blocks failed, it is tried again: %s", error)
        return False

    async def drop_old_days(self) -> int:
        """Drop what is older than the retention; returns how many days that was."""
        self._dropped_at = self._steady()
        oldest = oldest_kept(self._clock(), self._retention_days)
        dropped = await self._store.streams.drop_before(oldest)
        if dropped:
            log.info("dropped %d days before %s", dropped, oldest)
        return dropped
