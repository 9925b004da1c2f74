"""Signs of life: numbered so that each counts once, signed by the hub's clock.

Serials are reserved on disk in blocks: the file holds the first number that was never given out, and is moved on before
a block is used. After a crash the rest of a block is skipped, never repeated, and no clock has a part in it.
"""

import logging
from pathlib import Path

from dvic_wire.limits import KEEPALIVE_TTL, MAX_STATUS_TEXT
from dvic_wire.messages import KeepAlive
from dvic_wire.signing import Purpose, sign

from .identity import Identity, write_whole

log = logging.getLogger(__name__)

BLOCK = 1000
"""Serials reserved at a time: one write in some hours."""


class Serials:
    """Grows with every call, across restarts. `path` is a file in the agent's private folder."""

    def __init__(self, path: Path):
        self._path = path
        self._next = self._reserved = self._load()

    def seen(self, highest: int) -> None:
        """The hub has seen serials up to `highest` (the file may be lost, or come from an old backup)."""
        if highest >= self._next:
            self._next = highest + 1

    def take(self) -> int:
        """A serial that was never given before."""
        if self._next >= self._reserved:
            self._reserve(self._next + BLOCK)
        serial, self._next = self._next, self._next + 1
        return serial

    def _load(self) -> int:
        try:
            return max(1, int(self._path.read_text()))
        except FileNotFoundError:
            return 1
        except (OSError, ValueError) as error:
            log.warning("%s can't be read (%s): going on from what the hub has seen", self._path, error)
            return 1

    def _reserve(self, end: int) -> None:
        try:
            write_whole(self._path, b"%d\n" % end, 0o600)
        except OSError as error:
            # alive is alive, also with a full disk: the next Welcome tells a restarted agent what was used
            log.warning("%s can't be written: %s", self._path, error)
        self._reserved = end


def keepalive(identity: Identity, serial: int, period: int, hub_time: float, status: str = "") -> KeepAlive:
    """The message "alive, and again within `period` seconds"; `hub_time`: Unix seconds, by the hub's clock."""
    claims = {"iss": identity.key.public.node_id, "aud": identity.hub.fingerprint, "serial": serial, "period": period}
    if status:
        claims["status"] = status[:MAX_STATUS_TEXT]
    return KeepAlive(sign(identity.key, Purpose.KEEPALIVE_WS, claims, now=hub_time, ttl=KEEPALIVE_TTL))
