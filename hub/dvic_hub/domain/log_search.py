"""Searching logs: what a query wants, which records of a block are that, and the newest of many. Pure.

The order of all log records is (time, batch, position), newest first; a page's cursor is the key of its last record.
Blocks overlap in time, so the search takes them by their last record, newest first, and may stop as soon as it holds
enough records that are newer than all that the remaining blocks can have.
"""

import fnmatch
import heapq
import re
from dataclasses import dataclass
from typing import Protocol

from dvic_hub.errors import BadRequest
from dvic_wire.streams import LEVELS

from . import token_filter
from .blocks import Key
from .model import LogItem, LogQuery
from .record_types import LEVEL_NUMBER, MAX_TIME

_CURSOR = re.compile(r"([0-9a-f]{1,14})\.([0-9a-f]{1,16})\.([0-9a-f]{1,8})\Z")


class Block(Protocol):
    """What is searched: blocks.LogBlock or blocks.FreshBlock."""

    @property
    def count(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def times(self) -> list[int]: ...
    @property
    def levels(self) -> bytes: ...
    def key(self, index: int) -> Key: ...
    def whose(self, index: int) -> tuple[str, str]: ...
    def record(self, index: int) -> dict: ...
    def holding(self, needle: str) -> list[int]: ...
_PLACE = re.compile(r"([0-9a-f]{1,16})\.([0-9a-f]{1,8})\Z")


def write_cursor(key: Key) -> str:
    return ".".join(f"{number:x}" for number in key)


def place_of(key: Key) -> str:
    """The part of a key that no two records share."""
    return f"{key[1]:x}.{key[2]:x}"


def read_place(text: str) -> tuple[int, int]:
    """Batch and position; raises BadRequest when the text is no place."""
    found = _PLACE.match(text)
    if not found:
        raise BadRequest("is not the place of a record", field="place")
    batch, position = (int(number, 16) for number in found.groups())
    return min(batch, 2**63 - 1), position


def read_cursor(text: str) -> Key:
    """Raises BadRequest when the text is none of ours."""
    found = _CURSOR.match(text)
    if not found:
        raise BadRequest("is not a cursor of this list", field="cursor")
    time, batch, position = (int(number, 16) for number in found.groups())
    return time, min(batch, 2**63 - 1), position


@dataclass(frozen=True)
class Wanted:
    """A LogQuery made ready: times between `since` and `until` (both included), `levels` a mask."""

    since: int
    until: int
    levels: int
    source: str
    unit: re.Pattern | None
    needle: str
    pieces: tuple[bytes, ...]
    before: Key | None
    limit: int
    arrived: int = 0

    @classmethod
    def of(cls, query: LogQuery) -> "Wanted":
        """Raises BadRequest for a level or a cursor that is none."""
        if query.level and query.level not in LEVELS:
            raise BadRequest(f"must be one of {', '.join(LEVELS)}", field="level")
        before = read_cursor(query.before) if query.before else None
        until = min(query.until or MAX_TIME, before[0] if before else MAX_TIME)
        least = LEVEL_NUMBER[query.level] if query.level else 0
        return cls(query.since, until, (1 << len(LEVELS)) - (1 << least), query.source,
                   re.compile(fnmatch.translate(query.unit)) if query.unit else None, token_filter.fold(query.grep),
                   token_filter.pieces_of(query.grep), before, query.limit, query.arrived)

    def pick(self, block: Block, since: int = 0) -> list[tuple[Key, int]]:
        """The records of a block that are wanted and not older than `since` either."""
        since = max(self.since, since)
        indexes = block.holding(self.needle) if self.needle else range(block.count)
        if not indexes:
            return []
        times, levels, until, mask = block.times, block.levels, self.until, self.levels
        picked = [(block.key(index), index) for index in indexes
                  if since <= times[index] <= until and mask >> levels[index] & 1]
        if self.arrived:
            picked = [entry for entry in picked if entry[0][1] >= self.arrived]
        if self.before:
            picked = [entry for entry in picked if entry[0] < self.before]
        if self.unit:
            picked = [entry for entry in picked if any(map(self.unit.match, block.whose(entry[1])))]
        return picked


class Newest:
    """The newest records of all that were offered, never more than are wanted (and one, to know of a next page)."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._heap: list[tuple[Key, str, str, Block, int]] = []
        self.held = 0
        """Bytes of the blocks that had something for the page; what was put out by newer records still counts."""

    @property
    def _full(self) -> bool:
        return len(self._heap) > self._wanted.limit

    def offer(self, node: str, source: str, block: Block) -> None:
        kept = False
        for key, index in self._wanted.pick(block, self._heap[0][0][0] if self._full else 0):
            entry = (key, node, source, block, index)
            if not self._full:
                heapq.heappush(self._heap, entry)
            elif key > self._heap[0][0]:
                heapq.heapreplace(self._heap, entry)
            else:
                continue
            kept = True
        self.held += block.size if kept else 0

    def settled(self, newest_left: int) -> bool:
        """Whether no block whose last record is of `newest_left` or before can change the page."""
        return self._full and newest_left < self._heap[0][0][0]

    def may_pause(self, newest_left: int) -> bool:
        """Whether a page that ends before `newest_left` is a step forward."""
        return newest_left + 1 < self._wanted.until

    def page(self, newest_left: int | None = None) -> tuple[list[LogItem], str]:
        """The records, newest first; and the cursor of the next page, "" at the end.

        `newest_left`: blocks up to that time were not looked into yet; the page ends before it.
        """
        entries = sorted(self._heap, key=lambda entry: entry[0], reverse=True)
        if newest_left is not None:
            entries = [entry for entry in entries if entry[0][0] > newest_left]
        cut = entries[:self._wanted.limit]
        following = write_cursor(cut[-1][0]) if len(entries) > len(cut) and cut else ""
        if not following and newest_left is not None:
            following = write_cursor((newest_left + 1, 0, 0))
        return [LogItem(node, source, block.record(index), place_of(key)) for key, node, source, block, index in cut], \
            following
