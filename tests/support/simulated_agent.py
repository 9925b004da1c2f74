"""An agent reduced to its protocol: enrols, proves itself, sends what it is told to. For load and for fault tests.

It speaks with the wire package alone, so it also shows how little a client in another language needs.
"""

import secrets
import time
from dataclasses import dataclass, field

import aiohttp

from dvic_wire import codec, messages
from dvic_wire.limits import MAX_FRAME_BYTES
from dvic_wire.signing import PrivateKey, PublicKey, Purpose, b64encode, sign, verify
from dvic_wire.tokens import EnrolmentToken


class Declined(Exception):
    """The hub refused the connection or the enrolment; holds what it said."""


@dataclass
class SimulatedAgent:
    """One node. `url` is the hub's base address, `hub` its fingerprint."""

    url: str
    hub: str
    key: PrivateKey = field(default_factory=PrivateKey.generate)
    name: str = ""
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    serial: int = 0
    agent_version: str = "0.0.0"
    os: str = "simulated"
    welcome: messages.Welcome | None = None
    socket: aiohttp.ClientWebSocketResponse | None = None

    @property
    def id(self) -> str:
        return self.key.public.node_id

    def enrolment(self, token: EnrolmentToken) -> str:
        """The signed request to join."""
        now, nonce = time.time(), secrets.token_urlsafe(16)
        proof = sign(self.key, Purpose.ENROL_NODE, {"iss": self.id, "aud": self.hub, "jwk": self.key.public.jwk(),
                                                    "token": token.id, "nonce": nonce}, now=now, ttl=300)
        return sign(token.key, Purpose.ENROL_TOKEN, {
            "iss": token.id, "aud": self.hub, "token_jwk": token.key.public.jwk(), "nonce": nonce, "name": self.name,
            "facts": {"os": self.os}, "node": proof}, now=now, ttl=300)

    async def enrol(self, http: aiohttp.ClientSession, token: EnrolmentToken) -> None:
        async with http.post(f"{self.url}/api/v1/enroll", json={"request": self.enrolment(token)}) as answer:
            body = await answer.json(content_type=None)
            if answer.status != 200:
                raise Declined(body)

    async def connect(self, http: aiohttp.ClientSession) -> messages.Welcome:
        """Open the WebSocket and go through the handshake."""
        self.socket = await http.ws_connect(f"{self.url}/api/v1/agent", max_msg_size=MAX_FRAME_BYTES, compress=0)
        nonce = b64encode(secrets.token_bytes(16))
        await self.send(messages.Hello(self.id, [1], nonce, self.instance, self.agent_version))
        proof = await self.receive()
        if not isinstance(proof, messages.HubProof):
            raise Declined(proof)
        hub_key = PublicKey.from_jwk((await self._hub_key(http))["jwk"])
        claims = verify(proof.jws, hub_key, Purpose.HUB_PROOF, audience=self.id, now=None)
        if claims["nonce"] != nonce or hub_key.fingerprint != self.hub:
            raise Declined("the hub proved itself with another nonce or key")
        jws = sign(self.key, Purpose.NODE_PROOF, {"iss": self.id, "aud": self.hub, "nonce": claims["hub_nonce"],
                                                  "instance": self.instance}, now=time.time(), ttl=60)
        await self.send(messages.NodeProof(jws, {"os": self.os, "machine_id": self.instance}))
        answer = await self.receive()
        if not isinstance(answer, messages.Welcome):
            raise Declined(answer)
        self.welcome, self.serial = answer, answer.serial
        return answer

    async def _hub_key(self, http: aiohttp.ClientSession) -> dict:
        async with http.get(f"{self.url}/api/v1/hub-key") as answer:
            return await answer.json()

    def keepalive(self, purpose: Purpose = Purpose.KEEPALIVE_WS, period: int = 10, **more: object) -> str:
        """The next signed keepalive."""
        self.serial += 1
        claims = {"iss": self.id, "aud": self.hub, "serial": self.serial, "period": period, **more}
        return sign(self.key, purpose, claims, now=time.time(), ttl=300)

    async def send(self, message: messages.Message, compressed: bool = False) -> None:
        assert self.socket is not None
        if compressed:
            await self.socket.send_bytes(codec.encode_compressed(message))
        else:
            await self.socket.send_str(codec.encode(message))

    async def receive(self, timeout: float = 20) -> messages.Message:
        """The next message; raises Declined when the socket closes instead."""
        assert self.socket is not None
        frame = await self.socket.receive(timeout)
        if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            raise Declined(f"closed: {frame.type.name} {frame.data} {frame.extra}")
        return codec.decode(frame.data)

    async def close(self) -> None:
        if self.socket is not None:
            await self.socket.close()
