"""The hub's live stream: one subscription that is kept up until it is closed.

A task of its own reads all the time, so that nothing piles up at the hub while history is fetched. What it hands out:

    Subscribed   from here on every event comes; what was stored before must be fetched
    Lost         the connection broke (it is being made again), or the hub dropped events: fetch what was missed
    dict         an event
    Reached      the mark of mark(): every event from before it has come

Reconnecting waits 0.5 s, then longer, up to 15 s. Only being refused ends it, or never having been connected at all.
"""

import asyncio
import contextlib
import json
import random
from collections import deque
from dataclasses import dataclass

import aiohttp

from .client import API, checked_url, problem, tls, unreachable
from .context import Context
from .errors import HubctlError, NotReachable

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
"""Seconds between two tries to connect, before a random part is taken off."""

HEARTBEAT = 15.0
"""Seconds between pings: a dead connection is known after one and a half of them."""

CONNECT_SECONDS = 15.0
MAX_FRAME = 64 * 1024 * 1024
"""Bytes of one frame of joined events."""


@dataclass(frozen=True)
class Subscribed:
    """`again` is False the first time."""

    again: bool


@dataclass(frozen=True)
class Reached:
    """The hub took up the same subscription again, after it had sent all that was waiting."""


@dataclass(frozen=True)
class Lost:
    """`broken`: the connection is gone, a Subscribed will follow; otherwise the hub dropped `missed` events."""

    reason: str
    broken: bool = True
    missed: int = 0


Item = Subscribed | Lost | Reached | dict


class LiveStream:
    """`async with LiveStream(context, filters) as stream: item = await stream.next()`"""

    def __init__(self, context: Context, filters: list[dict]):
        self._context = context
        self._request = json.dumps({"subscribe": filters})
        self._items: deque[Item | HubctlError] = deque()
        self._arrived = asyncio.Event()
        self._ever = False
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._marks = 0
        self._delay = FIRST_DELAY

    async def __aenter__(self) -> "LiveStream":
        headers = {"Authorization": f"Bearer {self._context.token}", "User-Agent": "hubctl"}
        secure = checked_url(self._context.url).scheme == "https"
        self._session = aiohttp.ClientSession(
            headers=headers, connector=aiohttp.TCPConnector(ssl=tls(self._context) if secure else True))
        self._task = asyncio.create_task(self._keep_up())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._session.close()

    async def mark(self) -> None:
        """Ask for a Reached behind everything that the hub has told by now. None comes where the connection breaks."""
        if self._socket is not None:
            self._marks += 1
            with contextlib.suppress(ConnectionError):
                await self._socket.send_str(self._request)

    async def next(self) -> "Item":
        """The next item; raises NotReachable or Refused when the stream can't go on."""
        while not self._items:
            self._arrived.clear()
            await self._arrived.wait()
        item = self._items.popleft()
        if isinstance(item, HubctlError):
            raise item
        return item

    def ready(self, limit: int = 1000) -> list[dict]:
        """The events that have come already, up to the next item that is no event."""
        events: list[dict] = []
        while self._items and len(events) < limit and isinstance(self._items[0], dict):
            events.append(self._items.popleft())
        return events

    def _put(self, item: "Item | HubctlError") -> None:
        self._items.append(item)
        self._arrived.set()

    async def _keep_up(self) -> None:
        while True:
            try:
                reason = await self._one_connection()
            except HubctlError as error:
                self._put(error)
                return
            self._put(Lost(reason))
            await asyncio.sleep(self._delay * random.uniform(0.5, 1))  # noqa: S311 - spreads load, guards nothing
            self._delay = min(self._delay * 2, LONGEST_DELAY)

    async def _one_connection(self) -> str:
        """Live through one connection; returns why it ended, raises when there is no point in another."""
        url = self._context.url.rstrip("/") + API + "/stream"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await self._session.ws_connect(url, heartbeat=HEARTBEAT, max_msg_size=MAX_FRAME)
            async with socket:
                self._marks = 0
                await socket.send_str(self._request)
                self._socket = socket
                async for message in socket:
                    if message.type != aiohttp.WSMsgType.TEXT:
                        break
                    self._take(message.data)
                return "the hub closed it" if socket.close_code in (1000, 1001) else "it broke off"
        except aiohttp.WSServerHandshakeError as error:
            return self._not_opened(error)
        except aiohttp.ClientConnectorCertificateError as error:
            raise unreachable(self._context.url, error.certificate_error) from None
        except (aiohttp.ClientError, OSError) as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            fault = unreachable(self._context.url, cause if isinstance(cause, OSError) else OSError(str(cause)))
            if not self._ever:
                raise fault from None
            return str(fault)
        finally:
            self._socket = None

    def _not_opened(self, error: aiohttp.WSServerHandshakeError) -> str:
        """No WebSocket was opened: for good where we are refused; otherwise the hub may be starting."""
        if error.status in (401, 403, 404, 426):
            raise problem(self._context, error.status, {"detail": f"the hub refuses the live stream ({error.status})"})
        if not self._ever:
            raise NotReachable(f"{self._context.url} opens no live stream ({error.status})",
                               "does its proxy pass WebSockets on?")
        return f"status {error.status}"

    def _subscribed(self) -> None:
        if self._marks:
            self._marks -= 1
            self._put(Reached())
            return
        self._put(Subscribed(self._ever))
        self._ever, self._delay = True, FIRST_DELAY

    def _take(self, frame: str) -> None:
        for line in frame.split("\n"):
            try:
                event = json.loads(line, object_pairs_hook=_first_wins) if line else None
            except (ValueError, RecursionError):
                event = None
            if not isinstance(event, dict):
                continue
            kind = event.get("kind")
            if kind == "subscribed":
                self._subscribed()
            elif kind == "gap":
                missed = event.get("missed")
                self._put(Lost("the hub dropped events", False, missed if type(missed) is int else 0))
            elif kind in ("problem", "error", "refused"):
                status = event.get("status")
                raise problem(self._context, status if type(status) is int else 400, event)
            else:
                self._put(event)


def _first_wins(pairs: list[tuple[str, object]]) -> dict:
    """The hub's own members stand before a node's record: a record that names a `node` itself must not pass for it."""
    return dict(reversed(pairs))
