"""A terminal at a node, over a connection that is made again by itself. No screen and no keyboard: see terminal_window.

    async with TerminalLink(client, id) as link:
        await link.type(b"ls\\n")
        while True:
            item = await link.next()     # bytes that the terminal shows, objects about the session, Away, Back, Ended

What was typed while the connection was broken is sent when it stands again; output is asked for from the byte on that
was not seen. Only being refused ends it, the session's end, or a hub that stays away for longer than a session waits.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from dataclasses import dataclass

import aiohttp

from .client import API, Client, checked_url, problem, tls, unreachable
from .errors import HubctlError, NotReachable, Refused

GIVE_UP = 75.0
"""Seconds without the hub after which there is nothing to come back to: a session waits 60."""

DELAYS = (0.2, 0.5, 1.0, 2.0)
"""Seconds between two tries to connect; the last one repeats."""

HEARTBEAT = 10.0
"""Seconds between pings: a dead connection is known after one and a half of them."""

CONNECT_SECONDS = 10.0

MAX_TYPED_BYTES = 64 * 1024
"""Bytes typed that wait for a connection; what is more is left out."""

MAX_FRAME = 1024 * 1024
"""Bytes of one frame from the hub."""


@dataclass(frozen=True)
class Away:
    """The hub is not reachable; trying again."""

    reason: str


@dataclass(frozen=True)
class Back:
    """It is again. `fresh`: what comes next is the whole screen, not only what was missed."""

    fresh: bool


@dataclass(frozen=True)
class Ended:
    """The session is over. `exit_code`: -1 where there is none."""

    state: str
    exit_code: int
    reason: str


Item = bytes | dict | Away | Back | Ended


class TerminalLink:
    """`size`: of our window, told at each connection."""

    def __init__(self, client: Client, id: str, read_only: bool = False, size: tuple[int, int] | None = None):
        self._client = client
        self._id = id
        self._read_only = read_only
        self._size = size
        self._offset = -1
        self._typed: deque[bytes] = deque()
        self._items: asyncio.Queue[Item | HubctlError] = asyncio.Queue(64)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._ever = False

    async def __aenter__(self) -> "TerminalLink":
        context = self._client.context
        secure = checked_url(context.url).scheme == "https"
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {context.token}", "User-Agent": "hubctl"},
            connector=aiohttp.TCPConnector(ssl=tls(context) if secure else True))
        self._task = asyncio.create_task(self._keep_up())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(2):
                    await self._socket.close()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._http.close()

    async def next(self) -> Item:
        """Raises NotReachable or Refused when it can't go on."""
        item = await self._items.get()
        if isinstance(item, HubctlError):
            raise item
        return item

    def empty(self) -> bool:
        """Nothing has come that was not handed out."""
        return self._items.empty()

    async def type(self, data: bytes) -> None:
        """As from a keyboard."""
        if sum(map(len, self._typed)) < MAX_TYPED_BYTES:
            self._typed.append(data)
        await self._send_typed()

    async def resize(self, cols: int, rows: int) -> None:
        self._size = (cols, rows)
        await self._send_size()

    async def _send_typed(self) -> None:
        while self._typed and self._socket is not None and not self._socket.closed:
            data = self._typed.popleft()
            with contextlib.suppress(ConnectionError):
                await self._socket.send_bytes(data)

    async def _send_size(self) -> None:
        if self._socket is not None and self._size and not self._read_only:
            with contextlib.suppress(ConnectionError):
                await self._socket.send_str(json.dumps({"size": list(self._size)}))

    async def _keep_up(self) -> None:
        tries, away_since = 0, 0.0
        while True:
            try:
                reason = await self._one_connection()
            except HubctlError as error:
                await self._items.put(error)
                return
            if reason is None:
                return
            if self._socket_stood:
                tries, away_since = 0, time.monotonic()
                await self._items.put(Away(reason))
            if time.monotonic() - away_since > GIVE_UP:
                await self._items.put(NotReachable(f"{reason}; the hub did not come back in {GIVE_UP:.0f} s",
                                                   f"look how it ended: hubctl sessions show {self._id}"))
                return
            await asyncio.sleep(DELAYS[min(tries, len(DELAYS) - 1)])
            tries += 1

    async def _one_connection(self) -> str | None:
        """Why it broke, None when the session is over; raises when there is no point in another."""
        self._socket_stood = False
        url = f"{self._client.context.url.rstrip('/')}{API}/sessions/{self._id}/attach"
        query = {"read_only": "true" if self._read_only else "false", "offset": str(max(-1, self._offset))}
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await self._http.ws_connect(url, params=query, heartbeat=HEARTBEAT, max_msg_size=MAX_FRAME)
            async with socket:
                return await self._converse(socket)
        except aiohttp.WSServerHandshakeError as error:
            return await self._not_opened(error)
        except aiohttp.ClientConnectorCertificateError as error:
            raise unreachable(self._client.context.url, error.certificate_error) from None
        except (aiohttp.ClientError, OSError) as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            fault = unreachable(self._client.context.url, cause if isinstance(cause, OSError) else OSError(str(cause)))
            if not self._ever:
                raise fault from None
            return str(fault)
        finally:
            self._socket = None

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> str | None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self._offset += len(message.data)
                await self._items.put(message.data)
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            value = json.loads(message.data)
            if "session" in value:
                await self._begin(socket, value)
            elif "ended" in value:
                await self._items.put(_ended(value["ended"]))
                return None
            await self._items.put(value)
        if socket.close_code == 1008:
            raise Refused("the hub has put us out: our sign-in is no longer valid", "sign in again: hubctl login")
        return "the hub closed it" if socket.close_code in (1000, 1001) else "the connection broke"

    async def _begin(self, socket: aiohttp.ClientWebSocketResponse, value: dict) -> None:
        """The hub's first word. What comes next is either the screen, up to the offset, or what we missed."""
        self._offset = value["offset"] - value["screen"]  # below 0 where clearing takes more than was shown
        if self._ever:
            await self._items.put(Back(value["fresh"]))
        self._ever = self._socket_stood = True
        self._socket = socket
        await self._send_size()
        await self._send_typed()

    async def _not_opened(self, error: aiohttp.WSServerHandshakeError) -> str | None:
        """No WebSocket was opened: the session may be over, or we are refused; otherwise the hub may be starting."""
        if error.status in (404, 409):
            session = await asyncio.to_thread(lambda: self._client.get("sessions", self._id))
            if session["ended"]:
                await self._items.put(Ended(session["state"], session["exit_code"], session["why"]))
                return None
        if error.status in (401, 403, 404, 409, 426):
            raise problem(self._client.context, error.status,
                          {"detail": f"the hub does not let us into the session ({error.status})"})
        if not self._ever:
            raise NotReachable(f"{self._client.context.url} opens no terminal ({error.status})",
                               "does its proxy pass WebSockets on?")
        return f"status {error.status}"


def _ended(value: dict) -> Ended:
    return Ended(str(value.get("state")), int(value.get("exit_code", -1)), str(value.get("reason", "")))
