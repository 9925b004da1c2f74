"""Somebody in a session on a terminal, over the hub's own WebSocket: hubctl's link without keyboard and screen.

    with JoinedTerminal(rig, id) as anna:
        anna.type("ls\\n")
        anna.sees("letter")
"""

import asyncio
import json
import re
import threading
from concurrent.futures import Future
from types import SimpleNamespace

from rig import Rig

from hubctl.client import Client
from hubctl.terminal_link import Ended, TerminalLink

PATIENCE = 30.0


def open_session(rig: Rig, node: str, *argv: str, **more: object) -> str:
    """The id of a new session."""
    status, session = rig.request("POST", "/api/v1/sessions", {"node": node, "argv": list(argv), **more})
    assert status == 201, session
    return session["id"]


class JoinedTerminal:
    """`output`: what was shown; `said`: the objects about the session; `ended`: how it ended."""

    def __init__(self, rig: Rig, id: str, *, read_only: bool = False, size: tuple[int, int] | None = None,
                 token: str = "", url: str = ""):
        self.id = id
        self.output = b""
        self.said: list = []
        self.ended: Ended | None = None
        self.error: Exception | None = None
        context = SimpleNamespace(url=url or rig.url, token=token or rig.api_token, ca="")
        self._link = TerminalLink(Client(context), id, read_only, size)
        self._changed = threading.Condition()
        self._started: Future = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)

    def __enter__(self) -> "JoinedTerminal":
        self._thread.start()
        self._started.result(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def type(self, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        asyncio.run_coroutine_threadsafe(self._link.type(data), self._loop).result(PATIENCE)

    def resize(self, cols: int, rows: int) -> None:
        asyncio.run_coroutine_threadsafe(self._link.resize(cols, rows), self._loop).result(PATIENCE)

    def sees(self, wanted: str | bytes, after: int = 0) -> int:
        """Wait until this was shown behind place `after`; returns the place behind it."""
        data = wanted if isinstance(wanted, bytes) else wanted.encode()
        self.until(lambda: data in self.output[after:], f"{wanted!r} is shown")
        return self.output.index(data, after) + len(data)

    def sees_match(self, pattern: bytes, after: int = 0) -> re.Match:
        self.until(lambda: re.search(pattern, self.output[after:]), f"{pattern!r} is shown")
        return re.search(pattern, self.output[after:])

    def hears(self, key: str, value: object = None) -> None:
        """Wait until the hub said this about the session."""
        self.until(lambda: any(isinstance(item, dict) and key in item and value in (None, item[key])
                               for item in self.said), f"{key} {value} is said")

    def ends(self) -> Ended:
        self.until(lambda: self.ended, "the session ends")
        return self.ended

    def until(self, reached, what: str, patience: float = PATIENCE) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: reached() or self.error, patience), \
                f"{what}: not within {patience:.0f} s; said {self.said}; shown {self.output[-2000:]!r}"
            assert reached(), f"{what}: {self.error!r}; shown {self.output[-2000:]!r}"

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._link:
            self._started.set_result(None)
            reading = asyncio.create_task(self._read())
            await self._stop.wait()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        while self.ended is None and self.error is None:
            try:
                item = await self._link.next()
            except Exception as error:
                item = error
            with self._changed:
                if isinstance(item, bytes):
                    self.output += item
                elif isinstance(item, Ended):
                    self.ended = item
                elif isinstance(item, Exception):
                    self.error = item
                else:
                    self.said.append(item)
                self._changed.notify_all()


def events(cast: str) -> list:
    """A recording taken apart by nobody's code but this."""
    header, *lines = cast.splitlines()
    assert json.loads(header)["version"] == 2
    return [json.loads(line) for line in lines]


def shown_in(cast: str) -> str:
    return "".join(data for _, kind, data in events(cast) if kind == "o")
