"""The two clocks that the agent lives by, in one object so that tests can set them.

`steady` never goes back, whatever is done to the machine's time, and counts while the machine sleeps: every wait and
deadline. `wall` is Unix time as this machine believes it: only where somebody else will read it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Clock:
    """Both in seconds."""

    steady: Callable[[], float] = _since_boot
    wall: Callable[[], float] = time.time
