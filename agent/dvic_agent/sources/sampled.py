"""A stream of samples: something is asked every period, and kept in a ring until the hub has it.

Asking happens in a thread of its own each time: a disk that hangs stops its samples, and nothing else.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from ..clock import Clock
from ..ring import Ring
from .source import Reading, Stream, Wake

log = logging.getLogger(__name__)

Ask = Callable[[int], list[dict]]
"""Gives records; its argument is the time now, microseconds. May raise OSError."""


class Sampled:
    """Source and stream in one. `folder` is where the ring lies, `room` its bytes on disk, `period` seconds.
    Raises OSError when the ring can't be opened."""

    def __init__(self, name: str, ask: Ask, folder: Path, *, period: float = 10.0, room: int = 8 * 1024 * 1024,
                 clock: Clock | None = None):
        self.name = self.source = name
        self.about: dict = {}
        self._ask = ask
        self._period = period
        self._clock = clock or Clock()
        self._ring = Ring(folder, name, room, self._clock)
        self._asking: threading.Thread | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ticked = 0.0
        self._complained = ""

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._tick()
        wake(self.name)

    def set_period(self, seconds: float) -> None:
        """From now on; called in the loop's thread."""
        if seconds != self._period:
            self._period = seconds
            if self._timer:
                self._timer.cancel()
                self._tick()

    def ask_now(self) -> None:
        """Do not wait for the period: something changed. Called in the loop's thread."""
        if not (self._asking and self._asking.is_alive()):
            self._asking = threading.Thread(target=self._sample, name=self.name, daemon=True)
            self._asking.start()

    def welcome(self, cursors: dict[str, str]) -> None:
        """The ring finds its place by the cursor of each reading."""

    def streams(self) -> Iterable[Stream]:
        return [self]

    def released(self, stream: str) -> None:
        """Samples don't end."""

    def moving(self) -> bool:
        # A hanging disk is no reason to restart the agent: it would hang again.
        return self._clock.steady() - self._ticked < 3 * self._period + 30

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._asking:
            self._asking.join(1.0)
        self._ring.close()

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        return self._ring.read(cursor, max_records, max_bytes)

    def _tick(self) -> None:
        self._ticked = self._clock.steady()
        self._timer = self._loop.call_later(self._period, self._tick)
        if self._asking and self._asking.is_alive():
            self._complain("takes longer than its period: is a disk or a sensor stuck?")
        else:
            self.ask_now()

    def _sample(self) -> None:
        try:
            found = self._ask(int(self._clock.wall() * 1e6))
        except Exception as error:  # what a machine's sensors can do wrong has no end; the next period tries again
            self._complain(f"can't be sampled: {error!r}")
            return
        for record in found:
            if not self._ring.append(record):
                self._complain("a sample could not be kept: is the disk full?")
        if found:
            self._wake(self.name)

    def _complain(self, what: str) -> None:
        if what != self._complained:
            self._complained = what
            log.warning("%s: %s", self.name, what)
