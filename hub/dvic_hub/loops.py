"""The hub's own clockwork: work that is done again and again, each in a task of its own.

A piece of work that fails is logged and tried again at its next turn; one that hangs is named by `stuck`, and the
watchdog of systemd is not fed then, so that a hub that only seems to live is started anew.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

HANGS_AFTER = 120.0
"""Seconds beyond its interval, after which a piece of work counts as stuck."""

Work = Callable[[], Awaitable[object]]

log = logging.getLogger("dvic.hub")


class Wake:
    """Work that waits by itself until there is something to do. `breath`: seconds between two turns at least, so that
    what comes together is done together."""

    def __init__(self, breath: float = 0.0) -> None:
        self._breath = breath
        self._event = asyncio.Event()

    def set(self) -> None:
        """There is something to do."""
        self._event.set()

    async def wait(self, timeout: float) -> None:
        """Return when there is something to do, or after `timeout` seconds."""
        if self._breath:
            await asyncio.sleep(self._breath)
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class Loops:
    """`add` before `start`. Times are of the event loop's clock."""

    def __init__(self) -> None:
        self._work: dict[str, tuple[Work, float]] = {}
        self._turned: dict[str, float] = {}
        self._tasks: list[asyncio.Task] = []

    def add(self, name: str, seconds: float, work: Work) -> None:
        """Do `work` about every `seconds`; with 0 it waits by itself, and is called again at once."""
        self._work[name] = (work, seconds)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        for name, (work, seconds) in self._work.items():
            self._turned[name] = loop.time()
            self._tasks.append(loop.create_task(self._go_on(name, work, seconds), name=f"dvic {name}"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def stuck(self) -> list[str]:
        """Names of what has not come round for too long."""
        now = asyncio.get_running_loop().time()
        return [name for name, at in self._turned.items() if now - at > self._work[name][1] + HANGS_AFTER]

    async def _go_on(self, name: str, work: Work, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await work()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("%s failed; it is tried again", name)
                await asyncio.sleep(1)
            self._turned[name] = loop.time()
            if seconds:
                await asyncio.sleep(seconds)
