"""The WebSocket to the hub: drives a Session, one connection after the other, for ever.

- Control messages (keepalives, replies) overtake everything: they go out before the next frame in a queue. Terminals,
  batches and copied files take turns, a frame each, so that none waits behind a flood of the other.
- The trust is the session's: the hub proves that it holds the pinned key. TLS (https) is checked as well, against the
  system's certificates or a file of the operator's.
- A connection whose other side is silent is cut: by the kernel when sent bytes are not acknowledged (TCP_USER_TIMEOUT),
  by `drop` when the hub leaves batches unanswered. WebSocket pings are only answered.
"""

import asyncio
import logging
import secrets
import socket
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import aiohttp

from dvic_wire.codec import encode
from dvic_wire.limits import MAX_FRAME_BYTES
from dvic_wire.messages import Message, Welcome

from .backoff import Backoff
from .clock import Clock
from .errors import AgentError, ConfigError, NotEnrolled
from .identity import Identity
from .session import Ended, Session

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20.0
"""From the first packet to the open WebSocket."""

CLOSE_SECONDS = 2.0
"""For a farewell; the connection is cut then."""

UNACKNOWLEDGED_MS = 30_000
"""Milliseconds that the kernel waits for the other side's acknowledgement before it ends the connection."""

UNSENT_BYTES = 128 * 1024
"""Bytes that the kernel may hold unsent: on a slow line what is in there can't be overtaken by a keepalive."""

ENROLMENT_POLL = 2.0
"""Seconds between looks whether this machine has been enrolled, or enrolled anew, or has left its hub."""

ANOTHER = "another"
"""Why a connection ended: this machine is somebody else now."""

PATH = "/api/v1/agent"


class Handler(Protocol):
    """What the link tells, in the loop's thread; must not block."""

    def opened(self, session: Session, welcome: Welcome) -> None: ...
    def received(self, message: Message) -> None: ...
    def closed(self, ended: Ended, wait: float) -> None:
        """The connection (or the try to get one) is over; the next try comes in `wait` seconds."""


class Link:
    """`identity` is asked anew at every connection, so enrolling needs no restart; `facts` likewise."""

    def __init__(self, identity: Callable[[], Identity], handler: Handler, *, facts: Callable[[], dict], version: str,
                 clock: Clock, ca_file: Path | None = None, backoff: Backoff | None = None):
        self.identity: Identity | None = None
        self._load_identity = identity
        self._handler = handler
        self._facts = facts
        self._version = version
        self._clock = clock
        self._tls = tls_context(ca_file) if ca_file else None
        self._backoff = backoff or Backoff()
        self._instance = secrets.token_hex(8)
        self._session: Session | None = None
        self._batches: deque[bytes] = deque()
        self._terminals: deque[str] = deque()
        self._copies: deque[str] = deque()
        self._more = asyncio.Event()
        self._cut: asyncio.Future[Ended] | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stopping.is_set():
            ended, stood = await self._connection()
            wait = self._backoff.next(stood, ended.retry if ended.proved else 0.0)
            if ended.code == "not-enrolled":
                wait = ENROLMENT_POLL
            if ended.code == ANOTHER:
                wait = 0.0
            if not self._stopping.is_set():
                self._handler.closed(ended, wait)
                await self._rest(wait)

    async def stop(self) -> None:
        """Say goodbye; `run` returns soon after."""
        self._stopping.set()
        if self._session is not None:
            self._session.close()
            self._more.set()
        self.drop("goodbye", "stopping")

    def send(self, message: Message) -> bool:
        """Send before any waiting batch; False when there is no open connection."""
        if self._session is None or not self._session.send(message):
            return False
        self._more.set()
        return True

    def send_batch(self, frame: bytes) -> None:
        """Send after what waits already. Without a connection it is dropped: its source will be read again."""
        if self._session is not None and self._session.is_open:
            self._batches.append(frame)
            self._more.set()

    def send_terminal(self, message: Message) -> None:
        """Send what a terminal says. Without a connection it is dropped: the hub asks for it again."""
        if self._session is not None and self._session.is_open:
            self._terminals.append(encode(message))
            self._more.set()

    def send_copy(self, message: Message) -> None:
        """Send what is said of a file that is copied; the same."""
        if self._session is not None and self._session.is_open:
            self._copies.append(encode(message))
            self._more.set()

    def drop(self, code: str, reason: str) -> None:
        """Cut the connection that there is; `run` goes on to the next."""
        if self._cut is not None and not self._cut.done():
            self._cut.set_result(Ended(code, reason))

    async def _rest(self, wait: float) -> None:
        """Wait that many seconds, or until the stop, or until this machine was enrolled (anew) or left its hub."""
        end = self._clock.steady() + wait
        while not self._stopping.is_set() and (left := end - self._clock.steady()) > 0:
            await _first_of(self._stopping.wait(), asyncio.sleep(min(left, ENROLMENT_POLL)))
            if left > ENROLMENT_POLL and self._is_another():
                return

    def _is_another(self) -> bool:
        known = self.identity
        try:
            found = self._load_identity()
        except NotEnrolled:
            return known is not None
        except AgentError:
            return False
        return known is None or (found.hub, found.key.public) != (known.hub, known.key.public)

    async def _connection(self) -> tuple[Ended, float]:
        """One connection from beginning to end; returns why it ended and for how long it was open, seconds."""
        try:
            self.identity = self._load_identity()
        except NotEnrolled as error:
            self.identity = None
            return Ended("not-enrolled", str(error)), 0.0
        except AgentError as error:
            return Ended("identity", str(error)), 0.0
        self._cut = asyncio.get_running_loop().create_future()
        opened_at: float | None = None
        try:
            async with aiohttp.ClientSession() as http:
                ws = await _first_of(self._dial(http), self._cut)
                if isinstance(ws, Ended):
                    return ws, 0.0
                ended = await self._converse(ws)
                if self._session is not None and self._session.welcome is not None:
                    opened_at = self._session.opened_at
                await self._farewell(ws)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            ended = Ended("network", f"{self.identity.hub.url} is not reachable: {explain(error)}")
        finally:
            self._session = self._cut = None
            for queue in (self._terminals, self._batches, self._copies):
                queue.clear()
        return ended, 0.0 if opened_at is None else self._clock.steady() - opened_at

    async def _dial(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        async with asyncio.timeout(CONNECT_SECONDS):
            ws = await http.ws_connect(self.identity.hub.url.rstrip("/") + PATH, max_msg_size=MAX_FRAME_BYTES + 1,
                                       compress=0, **({"ssl": self._tls} if self._tls else {}))
        _tune(ws)
        return ws

    async def _converse(self, ws: aiohttp.ClientWebSocketResponse) -> Ended:
        session = Session(self.identity.key, self.identity.hub, facts=self._facts(), version=self._version,
                          instance=self._instance)
        self._session = session
        session.open(self._clock.steady())
        self._more.set()
        return await _first_of(self._read(ws, session), self._write(ws, session), self._watch_identity(session),
                               self._cut)

    async def _watch_identity(self, session: Session) -> Ended:
        while True:
            await asyncio.sleep(ENROLMENT_POLL)
            if self._is_another():
                session.close()
                return Ended(ANOTHER, "this machine was enrolled anew, or left its hub")

    async def _read(self, ws: aiohttp.ClientWebSocketResponse, session: Session) -> Ended:
        while True:
            left = None if session.deadline is None else session.deadline - self._clock.steady()
            try:
                frame = await (ws.receive() if left is None else asyncio.wait_for(ws.receive(), max(0.0, left)))
            except TimeoutError:
                events = session.expire(self._clock.steady())
            else:
                if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    return Ended("network", _why_closed(ws, frame))
                events = session.receive(frame.data, self._clock.steady(), self._clock.wall())
            for event in events:
                if isinstance(event, Ended):
                    return event
                if isinstance(event, Welcome):
                    self._handler.opened(session, event)
                else:
                    self._handler.received(event)
            self._more.set()

    async def _write(self, ws: aiohttp.ClientWebSocketResponse, session: Session) -> Ended:
        while True:
            self._more.clear()
            try:
                await self._flush(ws, session)
                while self._terminals or self._batches or self._copies:
                    for queue in (self._terminals, self._batches, self._copies):
                        if queue:
                            await _send(ws, queue.popleft())
                            await self._flush(ws, session)
            except (ConnectionError, aiohttp.ClientError) as error:
                return Ended("network", f"the connection broke: {explain(error)}")
            await self._more.wait()

    async def _flush(self, ws: aiohttp.ClientWebSocketResponse, session: Session) -> None:
        for frame in session.take_frames():
            await ws.send_str(frame)

    async def _farewell(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Last words (Goodbye, Refused) and a closing handshake, for a moment only."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._flush(ws, self._session)
                await ws.close()
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            pass


async def _send(ws: aiohttp.ClientWebSocketResponse, frame: bytes | str) -> None:
    await (ws.send_bytes(frame) if isinstance(frame, bytes) else ws.send_str(frame))


def tls_context(ca_file: Path) -> ssl.SSLContext:
    """Trust exactly the certificates in `ca_file`; raises ConfigError."""
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"hub.ca_file {ca_file} can't be used: {error}") from None


def explain(error: BaseException) -> str:
    """An error of the network in words; some of them have none of their own."""
    if isinstance(error, asyncio.TimeoutError) and not str(error):
        return "no answer in time"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"it answers with HTTP {error.status}, is it a DVIC hub?"
    return str(error) or type(error).__name__


def _why_closed(ws: aiohttp.ClientWebSocketResponse, frame: aiohttp.WSMessage) -> str:
    if frame.type == aiohttp.WSMsgType.ERROR:
        return f"the connection broke: {explain(frame.data)}"
    return f"the connection was closed by the other side ({ws.close_code})"


def _tune(ws: aiohttp.ClientWebSocketResponse) -> None:
    sock = ws.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


async def _first_of(*awaitables):
    """The result of whichever ends first; the others are cancelled (futures are left alone)."""
    given = [a if isinstance(a, asyncio.Future) else asyncio.ensure_future(a) for a in awaitables]
    try:
        done, _ = await asyncio.wait(given, return_when=asyncio.FIRST_COMPLETED)
        first = next(task for task in given if task in done)
        return first.result()
    finally:
        ours = [task for task, a in zip(given, awaitables, strict=True) if task is not a]
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)
