"""How many log records of each level there were over time: what a chart over the logs shows. Pure.

Rows of the index say from when to when their records are, of which levels, and how many; where that decides, nothing
more is read. Else the marks of a block (times and levels) do, and the messages only where a text is looked for.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from dvic_wire.streams import LEVELS

from .model import LevelCounts

MAX_BUCKETS = 500
"""Buckets of one answer."""

_MS = 1000
_SECOND = 1000 * _MS
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

STEPS = (*(number * _MS for number in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
         *(number * _SECOND for number in (1, 2, 5, 10, 15, 30)),
         *(number * _MINUTE for number in (1, 2, 5, 10, 15, 30)),
         *(number * _HOUR for number in (1, 2, 3, 6, 12)),
         *(number * _DAY for number in (1, 2, 5, 10, 50, 100, 1000)))
"""Lengths of buckets, in microseconds: such as clocks and people divide time."""


def step_for(span: int, buckets: int) -> int:
    """The shortest step of which `buckets` are enough for a span, wherever it begins."""
    for step in STEPS:
        if span // step + 2 <= buckets:
            return step
    return STEPS[-1] * (span // (STEPS[-1] * max(1, buckets - 2)) + 1)


class LevelCounter:
    """Counts the records between `since` and `until` (both included) in at most `buckets` buckets."""

    def __init__(self, since: int, until: int, levels: int, buckets: int) -> None:
        self._since = since
        self._until = max(since, until)
        self._levels = levels
        self._step = step_for(self._until - since, buckets)
        self._start = since - since % self._step
        size = (self._until - self._start) // self._step + 1
        self._counts = [[0] * size for _ in LEVELS]

    def add_row(self, first: int, last: int, levels: int, count: int) -> bool:
        """Count a row by what the index says of it; False when that does not say enough."""
        place = self._place(first, last)
        if place is None or levels & (levels - 1) or not levels & self._levels:
            return False
        self._counts[levels.bit_length() - 1][place] += count
        return True

    def add_marks(self, first: int, last: int, times: Sequence[int], levels: bytes) -> None:
        """Count the records of a block, of which `first` and `last` are the outermost times."""
        place = self._place(first, last)
        if place is not None:
            for level, counts in enumerate(self._counts):
                if self._levels >> level & 1:
                    counts[place] += levels.count(level)
            return
        self.add(zip(times, levels, strict=True))

    def add(self, records: Iterable[tuple[int, int]]) -> None:
        """Count records one by one: time and number of the level of each."""
        since, until, start, step = self._since, self._until, self._start, self._step
        found = Counter(((time - start) // step, level) for time, level in records if since <= time <= until)
        for (place, level), count in found.items():
            if self._levels >> level & 1:
                self._counts[level][place] += count

    def result(self, complete_since: int = 0) -> LevelCounts:
        return LevelCounts(self._start, self._step, self._counts, self._since, self._until, complete_since)

    def _place(self, first: int, last: int) -> int | None:
        """The one bucket that holds both times, if there is one."""
        if first < self._since or last > self._until:
            return None
        place = (first - self._start) // self._step
        return place if (last - self._start) // self._step == place else None
