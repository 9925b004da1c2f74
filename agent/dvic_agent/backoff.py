"""When to try the hub again: pure, from 0.5 s to 60 s, with jitter so that a thousand agents don't come back at once.

The n-th wait lies between half and the whole of a ceiling that doubles from 1 s to 60 s. A connection that stood for
STEADY seconds starts the row anew; a hub that names a wait of its own (`Refused.retry`) is obeyed, up to MAX_ASKED.
"""

import random
from collections.abc import Callable

SHORTEST = 0.5
"""Seconds of the shortest wait."""

LONGEST = 60.0
"""Seconds of the longest wait of the agent's own."""

MAX_ASKED = 3600.0
"""Seconds that a hub may ask an agent to stay away."""

STEADY = 30.0
"""Seconds after which a connection counts as a success."""


class Backoff:
    """The row of waits. `uniform(low, high)` is the source of chance."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform):
        self._uniform = uniform
        self._failures = 0

    def next(self, stood: float = 0.0, asked: float = 0.0) -> float:
        """Seconds to wait now, after a connection that stood for `stood` seconds, when the hub asked for `asked`."""
        if stood >= STEADY:
            self._failures = 0
        ceiling = min(LONGEST, 2 * SHORTEST * 2 ** min(self._failures, 16))
        self._failures += 1
        own = self._uniform(ceiling / 2, ceiling)
        if asked <= 0:
            return own
        least = min(asked, MAX_ASKED)
        return least + self._uniform(0, min(least, LONGEST) / 4)
