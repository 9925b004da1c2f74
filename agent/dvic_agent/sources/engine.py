"""One container engine, asked through its socket: by GET requests and by nothing else.

    heard at once      GET /events: something happened to a container; by it names are known before a first line is
    asked at once      GET /containers/ID/json, of what something happened to
    asked now and then the whole list, and what is otherwise there than it was known, in case that an event was missed

A socket that hangs, ends, lies or floods harms nothing: every wait has an end, every answer and number a limit, and
after a failure there is a pause that grows (backoff.py). What was told until then stays, marked as not fresh.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp

from ..backoff import Backoff
from ..clock import Clock
from .engine_answers import ENDED, TROUBLE, Told, engine_of, event_of, inspected, listed, named
from .text import printable

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
"""Seconds for one answer."""

LIST_EVERY = 30.0
"""Seconds between two lists."""

GATHER = 0.1
"""Seconds in which events are gathered before containers are asked for."""

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of an engine's answer."""

MAX_EVENT = 64 * 1024
"""Bytes of one event; a longer one (it carries the container's labels) is passed over, and the list is asked for."""

MAX_TROUBLE = 300
"""Characters of why an engine can't be asked."""

MAX_LISTED = 300
"""Containers of one engine that are asked for; those that run come first."""

MAX_NAMED = 2000
"""Names of one engine's containers that are remembered."""


class EngineFailed(Exception):
    """The socket is not there, not for us, or no engine is behind it. The text is for people."""


class Engine:
    """`changed` is called, in the loop, when something is to be looked at. All members are the loop's; `told`,
    `buried` and `name_of` may be read from any thread."""

    def __init__(self, socket: Path, changed: Callable[[], None], clock: Clock | None = None):
        self.socket = socket
        self.told: dict[str, Told] = {}
        self.fresh = False
        self.trouble = ""
        """Why it can't be asked, for people."""
        self._changed = changed
        self._clock = clock or Clock()
        self._engine = ""
        self._names: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._last: OrderedDict[str, Told] = OrderedDict()
        """Of what died: its last word, in case that it is removed before it can be asked for."""
        self._buried: deque[Told] = deque(maxlen=MAX_LISTED)
        self._touched: set[str] = set()
        self._list_at = 0.0
        self._all = True
        """At the next list each container is asked for."""
        self._stirred = asyncio.Event()

    def name_of(self, id: str) -> tuple[str, str] | None:
        """Name and image of a container, of one that was removed a while ago too."""
        return self._names.get(id)

    def buried(self) -> list[Told]:
        """The last words about containers that were removed since it was asked."""
        return [self._buried.popleft() for _ in range(len(self._buried))]

    async def run(self) -> None:
        """Until it is cancelled."""
        waits = Backoff()
        while True:
            since = self._clock.steady()
            try:
                await self._follow()
            except aiohttp.ClientConnectorError as error:
                self._failed(error.os_error.strerror or str(error.os_error))
            except TimeoutError:
                self._failed(f"it has not answered within {ANSWER_SECONDS:g} s (ANSWER_SECONDS)")
            except Exception as error:  # what may be behind a socket has no end of ways to be wrong
                self._failed(str(error) or type(error).__name__)
            await asyncio.sleep(waits.next(self._clock.steady() - since))

    # one connection's life

    async def _follow(self) -> None:
        connector = aiohttp.UnixConnector(path=str(self.socket), limit=2)
        async with aiohttp.ClientSession(connector=connector, headers={"Accept-Encoding": "identity"},
                                         auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as http:
            self._engine = engine_of(await self._get(http, "/version")) or ""
            if not self._engine:
                raise EngineFailed("no container engine answers there")
            self._list_all()
            both = [asyncio.create_task(self._listen(http)), asyncio.create_task(self._ask(http))]
            try:
                done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)

    async def _listen(self, http: aiohttp.ClientSession) -> None:
        """Hear events until the engine ends them, which it does when it stops."""
        query = {"filters": '{"type":["container"]}'}
        async with http.get("http://engine/events", params=query, timeout=aiohttp.ClientTimeout(total=None),
                            allow_redirects=False) as answer:
            if answer.status != 200:
                raise EngineFailed(f"it answers {answer.status} to GET /events")
            self._list_all()  # for what happened before
            lines = Lines(MAX_EVENT)
            async for data in answer.content.iter_any():
                for line in lines.feed(data):
                    self._hear(line)
        raise EngineFailed("the engine has ended the connection")

    async def _ask(self, http: aiohttp.ClientSession) -> None:
        while True:
            if self._clock.steady() >= self._list_at:
                self._list_at = self._clock.steady() + LIST_EVERY
                await self._look_at_all(http)
            touched, self._touched = self._touched, set()
            for id in touched:
                await self._look_at(http, id)
            if touched:
                self._changed()
            self._stirred.clear()
            if not self._touched:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stirred.wait(), max(0.0, self._list_at - self._clock.steady()))
            await asyncio.sleep(GATHER)

    async def _look_at_all(self, http: aiohttp.ClientSession) -> None:
        all_of_them, self._all = self._all, False
        data = await self._get(http, "/containers/json", all="1")
        states = await asyncio.to_thread(listed, data, MAX_LISTED)
        if states is None:
            raise EngineFailed("it answers GET /containers/json with no list")
        for id in self.told.keys() - states.keys():
            self._bury(id)
        for id, state in states.items():
            if all_of_them or state != (self.told[id].state if id in self.told else ""):
                await self._look_at(http, id)
        if not self.fresh:
            log.info("containers are asked for at %s (%s)", self.socket, self._engine)
        self.fresh, self.trouble = True, ""
        self._changed()

    async def _look_at(self, http: aiohttp.ClientSession, id: str) -> None:
        answer = await self._get(http, f"/containers/{id}/json", one=True)
        if answer is None:
            return  # it is between two states: an event or the next list will tell
        if called := named(answer):
            self._remember(*called)
        found = inspected(answer, self._engine)
        if found and found.id == id:
            if found.state == ENDED and found.exit_code is None and id in self._last:
                found = self._last[id]
            if id in self.told or len(self.told) < MAX_LISTED:
                self.told[id] = found
        else:
            self._bury(id)

    async def _get(self, http: aiohttp.ClientSession, path: str, one: bool = False, **query: str) -> bytes | None:
        """An answer. Where `one` container is asked for: b"" when there is none, None when the engine fails at it."""
        async with asyncio.timeout(ANSWER_SECONDS), http.get(f"http://engine{path}", params=query,
                                                             allow_redirects=False) as answer:
            if one and (answer.status == 404 or answer.status >= 500):
                return b"" if answer.status == 404 else None
            if answer.status != 200:
                raise EngineFailed(f"it answers {answer.status} to GET {path}")
            data = bytearray()
            async for piece in answer.content.iter_any():
                data += piece
                if len(data) > MAX_ANSWER:
                    raise EngineFailed(f"its answer to GET {path} is larger than {MAX_ANSWER} bytes (MAX_ANSWER)")
            return bytes(data)

    # what was heard

    def _hear(self, line: bytes | None) -> None:
        if line is None:
            self._list_all()  # it was too long to be read
        elif event := event_of(line):
            if event.name:
                self._remember(event.id, event.name, event.image)
            if event.action in ("die", "died"):
                _keep(self._last, event.id, Told(event.id, self._engine, event.name, event.image, ENDED,
                                                 event.exit_code, event.time))
            if len(self._touched) < MAX_NAMED:
                self._touched.add(event.id)
        self._stirred.set()

    def _list_all(self) -> None:
        self._list_at, self._all = 0.0, True
        self._stirred.set()

    def _bury(self, id: str) -> None:
        """The engine has it no more."""
        told, last = self.told.pop(id, None), self._last.pop(id, None)
        if told and told.state == ENDED:
            self._buried.append(told)
        elif last:
            self._buried.append(last)

    def _remember(self, id: str, name: str, image: str) -> None:
        _keep(self._names, id, (name, image))

    def _failed(self, why: str) -> None:
        why = printable(why.encode("utf-8", "backslashreplace"), MAX_TROUBLE)
        if self.trouble != why:
            log.warning("%s %s can't be asked: %s", TROUBLE, self.socket, why)
        self.trouble, self.fresh = why, False
        self._changed()


class Lines:
    """Bytes to lines, of which none is longer than `most`: for such a one None is given."""

    def __init__(self, most: int):
        self._most = most
        self._rest = b""
        self._passing = False

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            passed, self._passing = self._passing, False
            if not passed:
                yield line if len(line) <= self._most else None
        if len(self._rest) > self._most:
            if not self._passing:
                self._passing = True
                yield None
            self._rest = b""


def _keep(held: OrderedDict, id: str, value: object) -> None:
    """As the newest of at most MAX_NAMED."""
    held[id] = value
    held.move_to_end(id)
    if len(held) > MAX_NAMED:
        held.popitem(last=False)
