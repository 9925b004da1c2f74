"""The replay window of a node's keepalive serials: each serial counts once, whatever transport it came by.

The hub keeps the highest serial and one bit for each of the REPLAY_WINDOW serials that end there. A serial above the
highest counts and moves the window; one inside it counts when its bit is clear; one behind it is refused, as nothing is
known of it.

    highest 10, seen 10 and 8      9 counts, 8 is a replay, 11 counts, 10 - REPLAY_WINDOW is too old
"""

from dataclasses import dataclass

from dvic_wire.limits import REPLAY_WINDOW

MAX_SERIAL = 2**53 - 1
"""Highest serial of a keepalive: what every JSON reader takes as a whole number."""

_MASK = (1 << REPLAY_WINDOW) - 1


@dataclass(frozen=True)
class Window:
    """`serial` is the highest seen (0: none); bit i of `seen`: serial - i was seen."""

    serial: int = 0
    seen: int = 0

    def take(self, serial: int) -> "Window | None":
        """The window after `serial` counted, or None when it must not count (a replay, too old, out of range)."""
        if not 1 <= serial <= MAX_SERIAL:
            return None
        ahead = serial - self.serial
        if ahead > 0:
            kept = self.seen << ahead if ahead < REPLAY_WINDOW else 0
            return Window(serial, (kept | 1) & _MASK)
        bit = 1 << -ahead if -ahead < REPLAY_WINDOW else 0
        if not bit or self.seen & bit or ahead == 0:
            return None
        return Window(self.serial, self.seen | bit)
