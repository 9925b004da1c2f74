"""The lines after a record, as the search finds those before it: the oldest of all that were offered. Pure.

Blocks are taken by their first record, oldest first; the search may stop as soon as it holds enough records that are
older than all that the remaining blocks can have.
"""

import heapq

from .blocks import Key
from .log_search import Block, Wanted, place_of
from .model import LogItem


class Oldest:
    """The oldest records behind `after`, never more than `limit` (and one, to know whether there are more)."""

    def __init__(self, wanted: Wanted, after: Key, limit: int) -> None:
        self._wanted = wanted
        self._after = after
        self._limit = limit
        self._heap: list[tuple[Key, str, str, Block, int]] = []
        self.held = 0
        """Bytes of the blocks that had something."""

    def offer(self, node: str, source: str, block: Block) -> None:
        kept = False
        for key, index in self._wanted.pick(block, self._after[0]):
            if key <= self._after:
                continue
            entry = ((-key[0], -key[1], -key[2]), node, source, block, index)  # a heap gives its smallest away
            if len(self._heap) <= self._limit:
                heapq.heappush(self._heap, entry)
            elif entry[0] > self._heap[0][0]:
                heapq.heapreplace(self._heap, entry)
            else:
                continue
            kept = True
        self.held += block.size if kept else 0

    def settled(self, oldest_left: int) -> bool:
        """Whether no block whose first record is of `oldest_left` or later can change the answer."""
        return len(self._heap) > self._limit and oldest_left > -self._heap[0][0][0]

    def items(self, oldest_left: int | None = None) -> tuple[list[LogItem], bool]:
        """The records, oldest first, and whether there are more. `oldest_left`: blocks from that time on were not
        looked into; the answer ends before it."""
        entries = sorted(self._heap, key=lambda entry: entry[0], reverse=True)
        if oldest_left is not None:
            entries = [entry for entry in entries if -entry[0][0] < oldest_left]
        cut = entries[:self._limit]
        found = [LogItem(node, source, block.record(index), place_of((-key[0], -key[1], -key[2])))
                 for key, node, source, block, index in cut]
        return found, oldest_left is not None or len(entries) > len(cut)
