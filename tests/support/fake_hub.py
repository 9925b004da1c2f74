"""A hub that works, in memory: the protocol's rules with the wire package alone, and nothing that outlives the test.

`HubMemory` is what the hub knows, `HubHalf` its pure half of one connection (frames in, frames out), `FakeHub` a real
aiohttp server around both. Faults are asked for by plain attributes: `full`, `refusal`, `silent`, `twice` ...
"""

import asyncio
import secrets
import ssl
import time
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from dvic_wire import codec, messages
from dvic_wire.errors import WireError
from dvic_wire.limits import MAX_FRAME_BYTES
from dvic_wire.signing import PrivateKey, PublicKey, Purpose, b64encode, peek, sign, verify
from dvic_wire.streams import accept
from dvic_wire.tokens import EnrolmentToken


@dataclass
class HubMemory:
    """Everything that a hub keeps, and the faults that it shall have."""

    key: PrivateKey = field(default_factory=PrivateKey.generate)
    nodes: dict = field(default_factory=dict)
    """Public keys by node id."""
    cursors: dict = field(default_factory=dict)
    """By node, then stream."""
    records: dict = field(default_factory=dict)
    """Lists by stream's name (of all nodes)."""
    closed: list = field(default_factory=list)
    """Streams whose end was stored."""
    about: dict = field(default_factory=dict)
    order: list = field(default_factory=list)
    """The kind of every message of an open connection, as they came."""
    heard: list = field(default_factory=list)
    """Every message but batches, in order."""
    serials: list = field(default_factory=list)
    believes: list = field(default_factory=list)
    """Runs that it believes to be running."""
    settings: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)
    """Uses left of each enrolment token, by id."""

    proof_key: PrivateKey | None = None
    """Sign the proof with another key than the pinned one."""
    replayed_proof: str = ""
    """Answer with this proof whatever the challenge."""
    refusal: messages.Refused | None = None
    """Refuse whoever has proved to be a node."""
    removed: bool = False
    """Every node is: it is told to leave."""
    full: bool = False
    """The disk is."""
    twice: bool = False
    """Answer each batch twice."""
    unusable: str = ""
    """A word that no record may hold: such a batch is answered with a Problem."""
    keep_cursors: bool = True
    lose: set = field(default_factory=set)
    """Streams whose stored batches are not answered."""

    def enrolled(self, key: PrivateKey) -> None:
        self.nodes[key.public.node_id] = key.public

    def leave(self, node: str) -> messages.Leave:
        """The order to forget this hub."""
        claims = {"iss": self.key.fingerprint, "aud": node, "by": "root", "reason": "sold"}
        return messages.Leave(sign(self.key, Purpose.LEAVE, claims, now=time.time(), ttl=60))

    def texts(self, stream: str) -> list[str]:
        """What was stored of a stream, in order."""
        return [record.get("message", "") for record in self.records.get(stream, [])]

    def commit(self, node: str, batch: messages.Batch) -> list[messages.Message]:
        """Store a batch by the compare-and-set rule; returns the answers."""
        held = self.cursors.setdefault(node, {})
        if self.full:
            return [messages.Ack(batch.stream, batch.from_cursor, False, reason="disk-full", retry=1)]
        if self.unusable and any(self.unusable in str(record.get("message")) for record in batch.records):
            return [messages.Problem("malformed", "records: holds what can't be stored", batch.stream)]
        verdict = accept(held.get(batch.stream, ""), batch.from_cursor, batch.to_cursor)
        if verdict.accepted:
            self.records.setdefault(batch.stream, []).extend(batch.records)
            self.about[batch.stream] = batch.about
            if batch.closed:
                held.pop(batch.stream, None)
                self.closed.append(batch.stream)
            else:
                held[batch.stream] = verdict.cursor
        if verdict.accepted and batch.stream in self.lose:
            return []
        answer = messages.Ack(batch.stream, verdict.cursor, verdict.accepted, closed=verdict.accepted and batch.closed)
        return [answer, answer] if self.twice else [answer]


class HubHalf:
    """One connection: `receive` takes a frame and returns messages to send. `over` once it has ended."""

    def __init__(self, memory: HubMemory, nonce: str = ""):
        self.memory = memory
        self.node = ""
        self.open = False
        self.over = False
        self._nonce = nonce or b64encode(secrets.token_bytes(16))
        self._hello: messages.Hello | None = None

    def receive(self, frame: str | bytes) -> list[messages.Message]:
        if self.over:
            return []
        try:
            message = codec.decode(frame)
        except WireError as error:
            return self._refuse(error.code, str(error))
        if self._hello is None:
            return self._greet(message)
        if not self.open:
            return self._admit(message)
        return self._listen(message)

    def _greet(self, message: messages.Message) -> list[messages.Message]:
        memory = self.memory
        if not isinstance(message, messages.Hello):
            return self._refuse("order", "hello comes first")
        self._hello = message
        memory.heard.append(message)
        claims = {"iss": memory.key.fingerprint, "aud": message.node, "nonce": message.nonce,
                  "hub_nonce": self._nonce, "protocol": 1}
        signed = sign(memory.proof_key or memory.key, Purpose.HUB_PROOF, claims, now=time.time(), ttl=60)
        proof = messages.HubProof(memory.replayed_proof or signed)
        if message.node not in memory.nodes:
            return [proof, *self._refuse("unknown", "no such node is enrolled here")]
        return [proof]

    def _admit(self, message: messages.Message) -> list[messages.Message]:
        memory, hello = self.memory, self._hello
        if not isinstance(message, messages.NodeProof):
            return self._refuse("order", "the proof comes next")
        try:
            claims = verify(message.jws, memory.nodes[hello.node], Purpose.NODE_PROOF,
                            audience=memory.key.fingerprint, now=None)
        except WireError as error:
            return self._refuse("signature", str(error))
        if (claims["iss"], claims["nonce"], claims["instance"]) != (hello.node, self._nonce, hello.instance):
            return self._refuse("signature", "proves something else")
        memory.heard.append(message)
        if memory.removed:
            return [memory.leave(hello.node), *self._refuse("removed", "this node was removed from the hub by root")]
        if memory.refusal is not None:
            self.over = True
            return [memory.refusal]
        self.open, self.node = True, hello.node
        cursors = memory.cursors.setdefault(self.node, {}) if memory.keep_cursors else {}
        return [messages.Welcome(self.node, "ada", dict(cursors), max(memory.serials, default=0),
                                 int(time.time() * 1e6), list(memory.believes), dict(memory.settings))]

    def _listen(self, message: messages.Message) -> list[messages.Message]:
        self.memory.order.append(type(message))
        if isinstance(message, messages.Batch):
            return self.memory.commit(self.node, message)
        self.memory.heard.append(message)
        if isinstance(message, messages.KeepAlive):
            claims = verify(message.jws, self.memory.nodes[self.node], Purpose.KEEPALIVE_WS,
                            audience=self.memory.key.fingerprint, now=time.time())
            self.memory.serials.append(claims["serial"])
        if isinstance(message, messages.Goodbye):
            self.over = True
        return []

    def _refuse(self, code: str, reason: str) -> list[messages.Message]:
        self.over = True
        return [messages.Refused(code, reason)]


class FakeHub:
    """The server: `async with FakeHub(memory) as hub`, then `hub.url`. `changed` is set at whatever happens."""

    def __init__(self, memory: HubMemory | None = None, tls: ssl.SSLContext | None = None):
        self.memory = memory or HubMemory()
        self._tls = tls
        self.url = ""
        self.connections = 0
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.silent = asyncio.Event()
        """Set: connections are taken and nothing is answered."""
        self.held = asyncio.Event()
        """Set: batches are stored, and answered only when it is cleared and the next frame comes."""
        self.drop_after = -1
        """Cut the connection, unanswered, after that many stored batches."""
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "FakeHub":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=1024 * 1024)
        app.add_routes([web.get("/api/v1/agent", self._agent), web.post("/api/v1/enroll", self._enrol),
                        web.post("/api/v1/leave", self._leave),
                        web.get("/api/v1/hub-key", self._hub_key)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self._tls)
        await site.start()
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        await self.cut()
        await self._runner.cleanup()

    async def cut(self) -> None:
        """End every connection without a word."""
        for socket in list(self.sockets.values()):
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        self.sockets.clear()

    async def send(self, node: str, message: messages.Message) -> None:
        await self.sockets[node].send_str(codec.encode(message))

    async def until(self, true, seconds: float = 20.0):
        """Wait until `true()`; returns what it gave."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(true)
            return true()

    def make_token(self, uses: int = 1) -> EnrolmentToken:
        token = EnrolmentToken.make(self.url, self.memory.key.fingerprint)
        self.memory.tokens[token.id] = uses
        return token

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _agent(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES + 1, compress=False)
        await socket.prepare(request)
        half = HubHalf(self.memory)
        self.connections += 1
        async for frame in socket:
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            if self.silent.is_set():
                continue
            for message in half.receive(frame.data):
                if isinstance(message, messages.Ack) and self._cuts(request):
                    break
                if not (isinstance(message, messages.Ack) and self.held.is_set()):
                    await socket.send_str(codec.encode(message))
            if half.open and not half.over:
                self.sockets[half.node] = socket
            await self._note()
            if half.over:
                await socket.close()
                break
        if self.sockets.get(half.node) is socket:
            del self.sockets[half.node]
        await self._note()
        return socket

    def _cuts(self, request: web.Request) -> bool:
        if self.drop_after < 0:
            return False
        self.drop_after -= 1
        if self.drop_after >= 0 or request.transport is None:
            return False
        request.transport.abort()
        return True

    async def _hub_key(self, request: web.Request) -> web.Response:
        return web.json_response({"jwk": self.memory.key.public.jwk(), "fingerprint": self.memory.key.fingerprint})

    async def _leave(self, request: web.Request) -> web.Response:
        text = (await request.json())["request"]
        node = peek(text)[1]["iss"]
        if abs(peek(text)[1]["iat"] - time.time()) > 300:
            return _problem(400, "clock", f"the hub's clock is {int(time.time())}")
        verify(text, self.memory.nodes[node], Purpose.NODE_LEAVE, audience=self.memory.key.fingerprint, now=time.time())
        self.memory.removed = True
        return web.json_response({"leave": self.memory.leave(node).jws})

    async def _enrol(self, request: web.Request) -> web.Response:
        text = (await request.json())["request"]
        claimed = peek(text)[1]
        if claimed["aud"] != self.memory.key.fingerprint:
            return _problem(403, "wrong-hub", "this token is another hub's")
        token_key = PublicKey.from_jwk(claimed["token_jwk"])
        if abs(claimed["iat"] - time.time()) > 300:
            return _problem(400, "clock", f"the hub's clock is {int(time.time())}")
        if token_key.fingerprint not in self.memory.tokens:
            return _problem(404, "token-unknown", "this hub does not know the token")
        claims = verify(text, token_key, Purpose.ENROL_TOKEN, audience=self.memory.key.fingerprint, now=time.time())
        node_key = PublicKey.from_jwk(peek(claims["node"])[1]["jwk"])
        inner = verify(claims["node"], node_key, Purpose.ENROL_NODE, audience=self.memory.key.fingerprint,
                       now=time.time())
        if (inner["token"], inner["nonce"], inner["iss"]) != (claims["iss"], claims["nonce"], node_key.node_id):
            return _problem(403, "signature", "the inner signature is for something else")
        if node_key.node_id not in self.memory.nodes:
            if not self.memory.tokens[token_key.fingerprint]:
                return _problem(410, "token-used", "the token is used up")
            self.memory.tokens[token_key.fingerprint] -= 1
            self.memory.nodes[node_key.node_id] = node_key
        await self._note()
        reply = {"iss": self.memory.key.fingerprint, "aud": node_key.node_id, "nonce": claims["nonce"],
                 "name": claims["name"], "jwk": self.memory.key.public.jwk(), "time": int(time.time() * 1e6)}
        return web.json_response({"reply": sign(self.memory.proof_key or self.memory.key, Purpose.ENROLLED, reply,
                                                now=time.time(), ttl=300)})


def _problem(status: int, code: str, detail: str) -> web.Response:
    return web.json_response({"type": f"urn:dvic:problem:{code}", "status": status, "code": code, "detail": detail},
                             status=status, content_type="application/problem+json")
