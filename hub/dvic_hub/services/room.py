"""Room in memory for what waits for the disk: so many bytes for all connections together, given in order of asking.

    await room.take(size)      # a guess, before the work that shows the real size
    room.change(real - size)
    room.give(real)            # when it is over, however it ended
"""

import asyncio
from collections import deque


class Room:
    """`limit` bytes. What is larger than all of it gets in when nothing else is there."""

    def __init__(self, limit: int):
        self._limit = limit
        self._line: deque[tuple[asyncio.Future, int]] = deque()
        self.taken = 0

    async def take(self, size: int) -> None:
        """Return when `size` bytes are taken; waits behind those that asked before."""
        if not self._line and self._fits(size):
            self.taken += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._line.append((turn, size))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            raise

    def change(self, by: int) -> None:
        """What was taken turned out larger or smaller."""
        self.taken += by
        self._admit()

    def give(self, size: int) -> None:
        """Give back what was taken."""
        self.taken -= size
        self._admit()

    def _fits(self, size: int) -> bool:
        return self.taken + size <= self._limit or not self.taken

    def _admit(self) -> None:
        """One at a time: what it took for a guess it will correct before the next may come."""
        while self._line and (self._line[0][0].cancelled() or self._fits(self._line[0][1])):
            turn, size = self._line.popleft()
            if not turn.cancelled():
                self.taken += size
                turn.set_result(None)
                return
