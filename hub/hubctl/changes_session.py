"""Changes of one kind as they come, until Ctrl-C: first how things stand, then each live event.

What changed while the connection was broken is told when it is back, from how things stand then. A session of its own
says what stands (`_standing`), as events, and how changes are written (`_write`), each once.
"""

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable

from .client import Client
from .errors import NotReachable
from .output import Screen, say
from .stream import LiveStream, Lost, Subscribed


class ChangesSession(ABC):
    """`wanted`: the filter of the live stream, of one kind. `form`: lines for people, or jsonl."""

    def __init__(self, client: Client, wanted: dict, form: str):
        self._client = client
        self._filter = wanted
        self._form = form
        self._screen = Screen.of(sys.stdout)

    async def follow(self) -> None:
        """Goes on until it is cancelled, or raises what ends the stream."""
        [kind] = self._filter["kinds"]
        async with LiveStream(self._client.context, [self._filter]) as stream:
            while True:
                item = await stream.next()
                if isinstance(item, dict):
                    self._write(event for event in (item, *stream.ready()) if event.get("kind") == kind)
                elif isinstance(item, Lost) and item.broken:
                    say(f"-- The connection to the hub is lost: {item.reason}. Trying again ...")
                else:
                    if isinstance(item, Subscribed) and item.again:
                        say("-- Connected again.")
                    await self._catch_up()

    async def _catch_up(self) -> None:
        try:
            self._write(await asyncio.to_thread(self._standing))
        except NotReachable:
            return  # it is just coming back: the stream breaks too, and this is asked again

    @abstractmethod
    def _standing(self) -> list[dict]:
        """How things stand, as events; asks the hub."""

    @abstractmethod
    def _write(self, events: Iterable[dict]) -> None:
        """Write what was not told yet."""
