"""GET /api/v1/agent: the agents' WebSocket. Drives domain.session, which decides what may come when.

- Nothing deeper than the signature check happens for a peer that has not proved who it is (small frames,
  HANDSHAKE_TIMEOUT).
- Batches are handed to the ingest in the order in which they came, several at a time; when MAX_IN_FLIGHT of them wait
  for the disk, or too much of all connections together does, nothing more is read, and the agent, whose sources can be
  read again, waits.
- A peer that takes nothing for WRITE_TIMEOUT is dropped. What one connection does, or how it ends, touches no other.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable

from aiohttp import WSMsgType, web

from dvic_hub.api.agent_frames import AgentWebSocket, is_batch, json_of, message_of, stream_of
from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call
from dvic_hub.domain.leaving import AWAY
from dvic_hub.domain.session import HANDSHAKE_TIMEOUT, HubSession, Left, LookUp, Proved, Spoke, Step
from dvic_hub.errors import Conflict, Forbidden, HubError, NotFound, StoreError, TooMany
from dvic_hub.services.agents import CONFLICT_RETRY
from dvic_wire import codec
from dvic_wire.errors import LimitExceeded, MalformedMessage, WireError
from dvic_wire.limits import MAX_HANDSHAKE_BYTES, MAX_MESSAGE_BYTES
from dvic_wire.messages import (
    CopyFile,
    CopyPiece,
    CopyTaken,
    Goodbye,
    KeepAlive,
    Message,
    NodeProof,
    Problem,
    RunReply,
    TerminalOutput,
    TerminalTaken,
)
from dvic_wire.signing import Purpose, b64encode

MAX_IN_FLIGHT = 32
"""Messages of one connection that may wait for the disk."""

MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024
"""Their bytes of JSON together; a single one may pass it."""

WRITE_TIMEOUT = 20.0
"""Seconds in which a peer must take what is sent to it."""

MAX_UNSENT = 4 * 1024 * 1024
"""Bytes that may wait for a peer that does not read."""

MAX_COMPLAINTS = 20
"""Lines in the hub's log that one connection may cause."""

USUAL_RATIO = 8
"""Times by which an inflated frame is taken to be larger, until it is known."""

ANSWER_TIMEOUT = 3.0
"""Seconds in which a live agent answers a ping."""

_FRAMES = (WSMsgType.TEXT, WSMsgType.BINARY)

log = logging.getLogger("dvic.agents")


async def agent(doors: Doors, call: Call) -> web.StreamResponse:
    """One connection, from its first byte to its last."""
    if "Origin" in call.request.headers:
        raise Forbidden("agents are no web pages", code="origin", field="Origin")
    connection = AgentConnection(doors, call)
    if not connection.socket.can_prepare(call.request).ok:
        raise web.HTTPUpgradeRequired()
    await connection.run()
    return connection.socket


class AgentConnection:
    """Implements services.agents.AgentLine over a WebSocket."""

    def __init__(self, doors: Doors, call: Call):
        self.socket = AgentWebSocket()
        self.address = call.address
        self.instance = ""
        self.machine = ""
        self._doors = doors
        self._request = call.request
        self._session = HubSession(doors.identity, b64encode(secrets.token_bytes(16)))
        self._heard = asyncio.Event()
        self._heard_at = asyncio.get_running_loop().time()
        self._tasks: set[asyncio.Task] = set()
        self._bytes = 0
        self._room = asyncio.Event()
        self._blocked = False
        self._replies = asyncio.Lock()
        self._complaints = 0
        self._newest: asyncio.Task | None = None

    # ---- as the services see it

    async def send(self, message: Message) -> bool:
        transport = self._request.transport
        if transport is None or self.socket.closed:
            return False
        if transport.get_write_buffer_size() > MAX_UNSENT:
            self._drop("it does not read")
            return False
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self.socket.send_str(codec.encode(message))
        except TimeoutError:
            self._drop("it does not read")
            return False
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def answers(self) -> bool:
        if self._blocked:
            return True
        self._heard.clear()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self.socket.ping()
                await self._heard.wait()
        except (TimeoutError, ConnectionError, RuntimeError):
            return False
        return True

    def quiet_for(self) -> float:
        return 0.0 if self._blocked else asyncio.get_running_loop().time() - self._heard_at

    async def part(self, message: Goodbye) -> None:
        await self.send(message)
        await self._close()

    async def close(self, code: str, reason: str, retry: int = 0) -> None:
        if not code:
            self._drop("")
            return
        await self._say(self._session.refuse(code, reason, retry))
        await self._close()

    # ---- one connection's life

    async def run(self) -> None:
        """Returns when the connection is over and nothing of it is under way any more."""
        try:
            with self._doors.agents.admission.enter(self.address):
                await self.socket.prepare(self._request)
                stands = await self._shake_hands()
            if stands:
                self._track(self._doors.runs.on_connected(self._session.node), 0)
                self._doors.rollouts.on_connected(self._session.node)
                self._track(self._doors.sessions.on_connected(self._session.node), 0)
                self._track(self._doors.copies.on_connected(self._session.node), 0)
                await self._serve()
        except (ConnectionError, web.HTTPException):
            if not self.socket.prepared:
                raise
        finally:
            if self._doors.agents.detach(self._session.node, self):
                self._doors.sessions.on_gone(self._session.node)
                self._doors.copies.on_gone(self._session.node)
            if self.socket.prepared:
                await self._close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _shake_hands(self) -> bool:
        """True when the connection stands."""
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                while not self._session.ended:
                    frame = await self.socket.receive()
                    if frame.type in _FRAMES:
                        await self._greet(frame.type, frame.data)
                    elif not await self._control(frame.type, frame.data):
                        return False
                    if self._session.standing:
                        return True
        except TimeoutError:
            await self._say(self._session.refuse("order", f"the handshake took more than {HANDSHAKE_TIMEOUT} s"))
        except StoreError as error:
            log.error("a connection from %s could not be set up: %s", self.address, error)
            await self._say(self._session.refuse("busy", "the hub's database failed", retry=10))
        return False

    async def _greet(self, kind: WSMsgType, data: bytes) -> None:
        """One message of the handshake; what is heavy (signatures) runs in a thread."""
        now = self._doors.clock()
        try:
            if kind is WSMsgType.BINARY:
                data = codec.inflate(data, MAX_HANDSHAKE_BYTES)
            message = message_of(data)
        except WireError as error:
            await self._say(self._session.unusable(error))
            return
        if isinstance(message, NodeProof):
            step = await asyncio.to_thread(self._session.receive, message, now)
        else:
            step = self._session.receive(message, now)
        await self._say(step)
        if isinstance(step.event, LookUp):
            row = await self._doors.store.nodes.get(step.event.node)
            known = row is not None and row.id == step.event.node
            key, revoked = (row.public, bool(row.revoked)) if known else (None, False)
            removed = None if known else await self._doors.store.nodes.forbidden_key(step.event.node)
            await self._say(await asyncio.to_thread(self._session.introduce, key, revoked, now, removed))
        elif isinstance(step.event, Proved):
            await self._admit(step.event)

    async def _admit(self, proved: Proved) -> None:
        """The peer is who it says: make it the node's connection and greet it."""
        agents = self._doors.agents
        self.instance, self.machine = proved.instance, proved.facts.get("machine_id", "")
        try:
            await agents.attach(proved.node, self)
            welcome = await agents.welcome(proved, self.address)
        except Conflict as error:
            await self._say(self._session.refuse("conflict", str(error), CONFLICT_RETRY))
        except TooMany as error:
            await self._say(self._session.refuse("busy", str(error), error.retry))
        except Forbidden as error:
            # one that was removed this very moment is told how when it asks again
            await self._say(self._session.refuse(error.code, str(error), AWAY if error.code == "revoked" else 0))
        else:
            self.socket.trust(self._request)
            self._touch()
            await self._say(self._session.welcome(welcome))
            agents.ready(proved.node, self)

    async def _serve(self) -> None:
        """Read until the connection is over."""
        while not self._session.ended:
            frame = await self.socket.receive()
            self._touch()
            if frame.type in _FRAMES:
                await self._take(frame.type, frame.data)
            elif not await self._control(frame.type, frame.data):
                return

    async def _control(self, kind: WSMsgType, data: bytes) -> bool:
        """Pings and pongs; False when the socket is over."""
        if kind is WSMsgType.PING:
            await self.socket.pong(data)
        return kind in (WSMsgType.PING, WSMsgType.PONG)

    # ---- messages of a standing connection

    async def _take(self, kind: WSMsgType, frame: bytes) -> None:
        packed = kind is WSMsgType.BINARY
        held = min(MAX_MESSAGE_BYTES, USUAL_RATIO * len(frame)) if packed else len(frame)
        await self._make_room(held)
        room = self._doors.ingest.room
        try:
            data = json_of(kind, frame)
            room.change(len(data) - held)
            held = len(data)
            if is_batch(data):
                self._newest = self._track(self._commit(data, frame if packed else b"", self._newest), held)
                held = 0  # given back when it is stored
                return
            step = self._session.receive(message_of(data), self._doors.clock())
        except WireError as error:
            step = self._session.unusable(error)
        finally:
            room.give(held)
        await self._say(step)
        if isinstance(step.event, Left):
            log.info("node %s left: %r", self._session.node, step.event.reason)
        elif isinstance(step.event, Spoke):
            await self._hear(step.event.message)

    async def _hear(self, message: Message) -> None:
        if isinstance(message, KeepAlive):
            self._track(self._beat(message), 0)
        elif isinstance(message, TerminalOutput):
            await self._doors.sessions.on_output(self._session.node, message)
        elif isinstance(message, TerminalTaken):
            await self._doors.sessions.on_taken(self._session.node, message)
        elif isinstance(message, CopyPiece):
            self._doors.copies.on_piece(self._session.node, message)
        elif isinstance(message, CopyTaken):
            self._doors.copies.on_taken(self._session.node, message)
        elif isinstance(message, CopyFile):
            await self._doors.copies.on_file(self._session.node, message)
        elif isinstance(message, RunReply):
            self._track(self._reply(message), 0)
        elif isinstance(message, Problem) and self._complaints < MAX_COMPLAINTS:
            self._complaints += 1
            log.warning("node %s could not use a message: %.200r (%.40r)", self._session.node, message.reason,
                        message.code)

    async def _commit(self, data: bytes, frame: bytes, before: asyncio.Task | None) -> None:
        """Store a batch and answer it, after the one `before` it was answered."""
        try:
            step = Step((await self._doors.ingest.commit(self._session.node, data, frame),))
        except (MalformedMessage, LimitExceeded) as error:
            step = self._session.unusable(error, stream_of(data))
        except NotFound:
            await self._doors.agents.disconnect(self._session.node, "removed", "this node was removed from the hub")
            return
        if before is not None and not before.done():
            await asyncio.wait({before})
        await self._say(step)

    async def _beat(self, message: KeepAlive) -> None:
        node = self._session.node
        try:
            await self._doors.agents.beat(node, message.jws, Purpose.KEEPALIVE_WS, self.address)
        except WireError as error:
            await self._say(self._session.unusable(error, "keepalive"))
        except StoreError as error:
            if self._complaints < MAX_COMPLAINTS:
                self._complaints += 1
                log.error("a keepalive of node %s is not on the disk: %s", node, error)
        except HubError as error:
            if error.code in ("revoked", "unknown"):
                await self._doors.agents.disconnect(node, error.code, str(error))
            else:
                await self._say(self._session.unusable(_as_wire(error), "keepalive"))

    async def _reply(self, message: RunReply) -> None:
        async with self._replies:
            await self._doors.runs.on_reply(self._session.node, message)
            self._doors.pushes.on_reply(self._session.node, message)

    # ---- inside

    async def _make_room(self, size: int) -> None:
        """Wait until one more message of `size` bytes may wait for the disk, and take the room for it: this is the
        back-pressure that the agent feels."""
        self._blocked = True
        while self._tasks and (len(self._tasks) >= MAX_IN_FLIGHT or self._bytes + size > MAX_IN_FLIGHT_BYTES):
            self._room.clear()
            await self._room.wait()
        await self._doors.ingest.room.take(size)
        self._blocked = False
        self._touch()

    def _track(self, work: Awaitable[None], size: int) -> asyncio.Task:
        """Let `work` go on beside the reading. Tasks start in the order in which they are made."""
        self._bytes += size
        task = asyncio.ensure_future(work)
        self._tasks.add(task)

        def done(task: asyncio.Task) -> None:
            self._tasks.discard(task)
            self._bytes -= size
            self._doors.ingest.room.give(size)
            self._room.set()
            if not task.cancelled() and task.exception() is not None:
                log.error("a message of node %s failed", self._session.node, exc_info=task.exception())
                self._drop("the hub failed")

        task.add_done_callback(done)
        return task

    async def _say(self, step: Step) -> None:
        for message in step.send:
            await self.send(message)

    async def _close(self) -> None:
        if not self.socket.closed:
            try:
                await self.socket.close()
            except (ConnectionError, RuntimeError):
                pass

    def _touch(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._heard.set()

    def _drop(self, why: str) -> None:
        """End the connection without a word."""
        if why:
            log.warning("node %s at %s is dropped: %s", self._session.node or "?", self.address, why)
        if self._request.transport is not None:
            self._request.transport.abort()


def _as_wire(error: HubError) -> WireError:
    wire = WireError(str(error))
    wire.code = error.code
    return wire
