"""How often something may be tried: a token bucket a key, pure and bounded in memory.

An attempt is counted when it starts, so that a hundred at once count as a hundred; one that succeeds is given back.
"""

from collections import OrderedDict
from dataclasses import dataclass

MAX_KEYS = 10_000
"""Keys remembered in one book; the one unused for longest goes first."""


@dataclass(frozen=True)
class Allowance:
    """`burst` attempts at once, and one more every `seconds`."""

    burst: int
    seconds: float


class Attempts:
    """A book of attempts. Time is given in seconds of any clock that does not run backwards."""

    def __init__(self, allowance: Allowance, max_keys: int = MAX_KEYS):
        self.allowance = allowance
        self.max_keys = max_keys
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Count one attempt; returns 0 when it may go on, else the seconds until the next may."""
        spent = self._now_spent(key, now)
        if spent > self.allowance.burst - 1:
            return (spent - (self.allowance.burst - 1)) * self.allowance.seconds
        self._keep(key, now, spent + 1)
        return 0.0

    def give_back(self, key: str, now: float) -> None:
        """The attempt was a good one: it does not count."""
        if key in self._spent:
            self._keep(key, now, max(0.0, self._now_spent(key, now) - 1))

    def _now_spent(self, key: str, now: float) -> float:
        since, spent = self._spent.get(key, (now, 0.0))
        return max(0.0, spent - max(0.0, now - since) / self.allowance.seconds)

    def _keep(self, key: str, now: float, spent: float) -> None:
        self._spent[key] = (now, spent)
        self._spent.move_to_end(key)
        while len(self._spent) > self.max_keys:
            self._spent.popitem(last=False)
