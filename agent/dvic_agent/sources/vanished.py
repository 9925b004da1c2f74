"""A stream whose past is gone: it reads as one gap and closes, so that its cursor at the hub does not stay for ever."""

from dvic_wire import records
from dvic_wire.streams import Gap

from ..clock import Clock
from .source import Reading

GONE = "gone"
"""The cursor behind the last word of a stream that has nothing left to read."""


def farewell(cursor: str, lost: Gap, clock: Clock) -> Reading:
    """The end of such a stream; the gap is told once."""
    told = [] if cursor == GONE else [records.gap(int(clock.wall() * 1e6), lost)]
    return Reading(told, GONE, closed=True)


class VanishedStream:
    """Stands for a stream that the hub has a cursor of and this machine has nothing of."""

    def __init__(self, name: str, lost: Gap, clock: Clock):
        self.name = name
        self.source = name
        self.about: dict = {}
        self._lost = lost
        self._clock = clock

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        return farewell(cursor, self._lost, self._clock)
