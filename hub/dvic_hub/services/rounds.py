"""Which of the open ones to look at now: those that something happened to at once, and every one of them now and then.

What is marked is in memory only, and may be: after a restart the first sweep finds all that is open in the store. One
that fails is looked at again with the next round, and holds up no other.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable

from dvic_hub.errors import HubError
from dvic_hub.loops import Wake

SWEEP = 5.0
"""Seconds between two looks at every open one."""


class Rounds:
    """`what` is looked at, for the log."""

    def __init__(self, what: str, log: logging.Logger):
        self._what = what
        self._log = log
        self._marked: set[str] = set()
        self._swept = float("-inf")
        self._wake = Wake()

    def mark(self, id: str) -> None:
        """Something happened to it: look at once."""
        self._marked.add(id)
        self._wake.set()

    def mark_all(self) -> None:
        """Something happened that may matter to each: look at all of them at once."""
        self._swept = float("-inf")
        self._wake.set()

    def again(self, id: str) -> None:
        """It could not go on yet: look once more, with the next round and no sooner."""
        self._marked.add(id)

    async def woken(self, timeout: float) -> None:
        """Return when something was marked, or after `timeout` seconds: then it is time for a round."""
        await self._wake.wait(timeout)

    async def go(self, now: float, active: Callable[[], Awaitable[Iterable[str]]],
                 look: Callable[[str, float], Awaitable[None]]) -> None:
        """Look at what is marked, and at all that are `active` when it is time (or the clock was set back)."""
        if not 0 <= now - self._swept < SWEEP:
            self._swept = now
            self._marked |= set(await active())
        todo, self._marked = self._marked, set()
        for id in todo:
            try:
                await look(id, now)
            except HubError as error:
                self.again(id)
                self._log.error("%s %s could not go on: %s", self._what, id, error)
