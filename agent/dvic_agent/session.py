"""The agent's half of one connection, as a pure machine: frames and now in, messages and frames out, no I/O.

    new --open()--> hello-sent --HubProof--> proof-sent --Welcome--> open --Goodbye, Refused, a fault--> closed

Rules (docs/protocol.md, "Connecting"):
- Until the hub has proved that it holds the pinned key, nothing but the proof is believed. A `Refused` before that
  ends the connection (anyone could have cut it anyway), but it is nobody's word: no wait that it asks for is obeyed.
- What arrives in a state whose row in ACCEPTS does not name it ends the connection with `Refused(order)`.
- On an open connection a frame that is no message is answered with `Problem` and passed over.

    >>> session = Session(key, hub, facts={}, version="1", instance="i", nonce="n")     # doctest: +SKIP
    >>> session.open(now=0.0); session.take_frames()                                    # doctest: +SKIP
    ['{"kind":"hello", ...}']
"""

import secrets
from dataclasses import dataclass

from dvic_wire import codec
from dvic_wire.errors import LimitExceeded, WireError
from dvic_wire.limits import MAX_HANDSHAKE_BYTES, MAX_MESSAGE_BYTES, PROTOCOL_VERSIONS
from dvic_wire.messages import (
    Ack,
    CopyPiece,
    CopyResume,
    CopyTaken,
    Goodbye,
    Hello,
    HubProof,
    Leave,
    Message,
    NodeProof,
    Problem,
    Refused,
    RunAnswer,
    RunCancel,
    RunRequest,
    Settings,
    TerminalAck,
    TerminalInput,
    TerminalResume,
    UpdateConfirm,
    Welcome,
)
from dvic_wire.signing import PrivateKey, Purpose, b64encode, sign, verify

from .identity import PinnedHub

HANDSHAKE_SECONDS = 10.0
"""From the first frame to Welcome, seconds."""

PROOF_TTL = 60
"""Seconds written into the node's proof; its freshness is the hub's nonce."""

NEW, HELLO_SENT, PROOF_SENT, OPEN, CLOSED = "new", "hello-sent", "proof-sent", "open", "closed"

ACCEPTS: dict[str, tuple[type, ...]] = {
    NEW: (),
    HELLO_SENT: (HubProof,),
    PROOF_SENT: (Welcome, Leave, Refused, Goodbye),
    OPEN: (Ack, RunRequest, RunCancel, RunAnswer, UpdateConfirm, TerminalResume, TerminalInput, TerminalAck,
           CopyResume, CopyPiece, CopyTaken, Settings, Problem, Leave, Refused, Goodbye),
    CLOSED: (),
}
"""What the hub may say in each state."""

NEXT: dict[tuple[str, type], str] = {
    (HELLO_SENT, HubProof): PROOF_SENT,
    (PROOF_SENT, Welcome): OPEN,
    (PROOF_SENT, Refused): CLOSED,
    (PROOF_SENT, Goodbye): CLOSED,
    (OPEN, Refused): CLOSED,
    (OPEN, Goodbye): CLOSED,
}
"""Where a message leads; one that is not here leaves the state as it is."""


@dataclass(frozen=True)
class Ended:
    """The connection is over. `code`: as in Refused, or goodbye, timeout, not-the-hub. `retry`: seconds that a proved
    hub asked for. `proved`: whether whoever ended it had proved to be the hub."""

    code: str
    reason: str
    retry: float = 0.0
    proved: bool = False


Event = (Welcome | Ack | RunRequest | RunCancel | RunAnswer | UpdateConfirm | TerminalResume | TerminalInput
         | TerminalAck | CopyResume | CopyPiece | CopyTaken | Settings | Problem | Leave | Ended)


class Session:
    """One connection. `now` is any clock that never goes back, seconds; `wall` Unix seconds, only written into what
    is signed. `nonce` and `instance` are random texts (see messages.Hello)."""

    def __init__(self, key: PrivateKey, hub: PinnedHub, *, facts: dict, version: str, instance: str, nonce: str = ""):
        self.state = NEW
        self.welcome: Welcome | None = None
        self._key = key
        self._hub = hub
        self._facts = facts
        self._version = version
        self._instance = instance
        self._nonce = nonce or b64encode(secrets.token_bytes(16))
        self._frames: list[str] = []
        self._deadline = 0.0
        self.opened_at = 0.0

    @property
    def is_open(self) -> bool:
        return self.state == OPEN

    def hub_time(self, now: float) -> float:
        """Unix seconds by the hub's clock, of an open session; this machine's wall clock has no part in it."""
        return self.welcome.time / 1e6 + (now - self.opened_at)

    def open(self, now: float) -> None:
        """Say Hello. Once."""
        if self.state != NEW:
            raise RuntimeError("a session opens once")
        self.state = HELLO_SENT
        self._deadline = now + HANDSHAKE_SECONDS
        self._put(Hello(self._key.public.node_id, list(PROTOCOL_VERSIONS), self._nonce, self._instance,
                        self._version))

    def receive(self, frame: str | bytes, now: float, wall: float) -> list[Event]:
        """Take a frame from the hub; returns what it means. Never raises for what a frame holds."""
        if self.state in (NEW, CLOSED):
            return []
        try:
            # who has proved to be the hub may say more: Welcome holds the cursors of all streams
            message = codec.decode(frame, MAX_HANDSHAKE_BYTES if self.state == HELLO_SENT else MAX_MESSAGE_BYTES)
        except WireError as error:
            return self._unreadable(error)
        if not isinstance(message, ACCEPTS[self.state]):
            return self._out_of_order(message)
        before = self.state
        self.state = NEXT.get((self.state, type(message)), self.state)
        if before == HELLO_SENT:
            return self._prove(message, wall)
        if isinstance(message, Refused):
            return [Ended(message.code, message.reason, float(max(0, message.retry)), proved=True)]
        if isinstance(message, Goodbye):
            return [Ended("goodbye", f"the hub says goodbye ({message.reason})", proved=True)]
        if isinstance(message, Welcome):
            self.welcome = message
            self.opened_at = now
        return [message]

    def expire(self, now: float) -> list[Event]:
        """Give up a handshake that takes too long; call at `deadline`."""
        if self.state not in (HELLO_SENT, PROOF_SENT) or now < self._deadline:
            return []
        proved = self.state == PROOF_SENT
        self.state = CLOSED
        return [Ended("timeout", f"the hub did not finish the handshake within {HANDSHAKE_SECONDS:g} s",
                      proved=proved)]

    @property
    def deadline(self) -> float | None:
        """When to call `expire`; None when nothing is waited for."""
        return self._deadline if self.state in (HELLO_SENT, PROOF_SENT) else None

    def send(self, message: Message) -> bool:
        """Queue a message; False when the connection is not open (any more)."""
        if not self.is_open:
            return False
        self._put(message)
        return True

    def close(self, reason: str = "stopping") -> None:
        """End it from our side, with a word when it is open."""
        self.send(Goodbye(reason))
        self.state = CLOSED

    def take_frames(self) -> list[str]:
        """The text frames to send now, in order."""
        frames, self._frames = self._frames, []
        return frames

    def _prove(self, message: HubProof, wall: float) -> list[Event]:
        try:
            claims = verify(message.jws, self._hub.key, Purpose.HUB_PROOF, audience=self._key.public.node_id, now=None)
        except WireError as error:
            return self._not_the_hub(f"its proof does not hold against the pinned key ({error})")
        hub_nonce = claims.get("hub_nonce")
        if claims.get("iss") != self._hub.fingerprint or claims.get("nonce") != self._nonce:
            return self._not_the_hub("its proof answers another question than ours (replayed?)")
        if not isinstance(hub_nonce, str) or not 16 <= len(hub_nonce) <= 128:
            return self._not_the_hub("its proof holds no nonce of its own")
        if claims.get("protocol") not in PROTOCOL_VERSIONS:
            return self._end("protocol", "the hub speaks no protocol version that this agent does: update the older "
                                         "of the two", proved=True)
        claims = {"iss": self._key.public.node_id, "aud": self._hub.fingerprint, "nonce": hub_nonce,
                  "instance": self._instance}
        self._put(NodeProof(sign(self._key, Purpose.NODE_PROOF, claims, now=wall, ttl=PROOF_TTL), self._facts))
        return []

    def _unreadable(self, error: WireError) -> list[Event]:
        if self.is_open:
            self._put(Problem(error.code, str(error)))
            return []
        code = "limit" if isinstance(error, LimitExceeded) else "malformed"
        return self._end(code, f"the hub's frame can't be read ({error})", proved=self.state == PROOF_SENT)

    def _out_of_order(self, message: Message) -> list[Event]:
        kind = codec.KIND_OF[type(message)]
        if self.state == HELLO_SENT and isinstance(message, Refused):
            self.state = CLOSED
            return [Ended(message.code, f"someone who has not proved to be the hub says: {message.reason[:200]}")]
        return self._end("order", f"{kind} can't come now ({self.state})", proved=self.state != HELLO_SENT)

    def _not_the_hub(self, why: str) -> list[Event]:
        self._end("signature", "the proof does not hold", proved=False)
        return [Ended("not-the-hub", f"whoever answers at {self._hub.url} is not the hub of this node: {why}")]

    def _end(self, code: str, reason: str, proved: bool) -> list[Event]:
        self._put(Refused(code, reason))
        self.state = CLOSED
        return [Ended(code, reason, proved=proved)]

    def _put(self, message: Message) -> None:
        self._frames.append(codec.encode(message))
