"""What systemd hears of the agent: READY, STATUS, WATCHDOG, RELOADING, STOPPING (sd_notify).

The watchdog is fed from the event loop, and only while the sources move: a loop that hangs feeds nothing because it
runs nothing, and a reader that hangs is asked for. Without systemd all of it does nothing.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping

NEVER_SLOWER = 0.5
"""The share of the watchdog's time after which it is fed."""


class Supervisor:
    """`notify(text)` sends to systemd. `watchdog` is the seconds that systemd waits for a feed; 0: it does not."""

    def __init__(self, notify: Callable[[str], None], watchdog: float = 0.0):
        self._notify = notify
        self._watchdog = watchdog
        self._status = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Supervisor":
        """As systemd set it up for this process (NOTIFY_SOCKET, WATCHDOG_USEC)."""
        if not environment.get("NOTIFY_SOCKET"):
            return cls(lambda text: None)
        from sdnotify import SystemdNotifier  # noqa: PLC0415 (only where systemd is)

        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        micros = environment.get("WATCHDOG_USEC", "")
        return cls(SystemdNotifier().notify, int(micros) / 1e6 if mine and micros.isdigit() else 0.0)

    def ready(self) -> None:
        self._notify("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; sent when it changed."""
        line = text.replace("\n", " ")
        if line != self._status:
            self._status = line
            self._notify(f"STATUS={line}")

    def reloading(self) -> None:
        """Followed by `ready` when it is done."""
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        self._notify("STOPPING=1")

    def feed(self, moving: bool) -> bool:
        """Feed the watchdog when all moves; whether it was fed."""
        if moving:
            self._notify("WATCHDOG=1")
        return moving

    async def watch(self, moving: Callable[[], bool]) -> None:
        """Feed in time for as long as `moving()`; until cancelled. Ends at once when there is no watchdog."""
        while self._watchdog > 0:
            self.feed(moving())
            await asyncio.sleep(self._watchdog * NEVER_SLOWER)
