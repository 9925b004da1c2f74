"""The hub's side of one agent's connection: messages and now in, messages and events out. No I/O.

    waiting      --Hello-->       asked        event LookUp: the driver fetches the node's row and calls introduce()
    asked        --introduce()--> challenged   sends HubProof (and Refused when no such node is enrolled)
    challenged   --NodeProof-->   proved       event Proved: the driver makes room for the connection, calls welcome()
                                               (a removed node gets Leave and Refused, a revoked one Refused)
    proved       --welcome()-->   standing     sends Welcome
    standing     --Batch, KeepAlive, RunReply, TerminalOutput, TerminalTaken, CopyPiece, CopyTaken, CopyFile,
                   Problem-->  event Spoke
                 --Goodbye-->  ended, event Left
    any          --Refused-->  ended, event Left: the agent does not want this hub
    any          --whatever else-->  ended     sends Refused (docs/protocol.md, section 3)

Signing and verifying happen inside `introduce` and `receive(NodeProof)`: call those two in a thread.
The hub proves itself to anybody who asks with a well-formed Hello, since the agent believes nothing before; whether a
node is revoked or was removed is told only to who has proved to be that node.
"""

import re
from dataclasses import dataclass

from dvic_hub.domain.leaving import AWAY, removed_text, sign_leave
from dvic_hub.domain.model import BarredKey
from dvic_wire.errors import SignatureRefused, WireError
from dvic_wire.limits import MAX_NAME, PROTOCOL_VERSIONS
from dvic_wire.messages import (
    Batch,
    CopyFile,
    CopyPiece,
    CopyTaken,
    Goodbye,
    Hello,
    HubProof,
    KeepAlive,
    Message,
    NodeProof,
    Problem,
    Refused,
    RunReply,
    TerminalOutput,
    TerminalTaken,
    Welcome,
)
from dvic_wire.signing import PrivateKey, PublicKey, Purpose, b64decode, sign, verify
from dvic_wire.versions import MAX_VERSION

HANDSHAKE_TIMEOUT = 10
"""Seconds from the open socket to Welcome."""

HANDSHAKE_TTL = 60
"""Seconds of validity in the hub's proof; its freshness is the agent's nonce."""

MAX_PROBLEMS = 1000
"""Messages of one connection that may be unusable before it is ended; an agent that looks for the faulty record in a
batch needs a dozen for each."""

MAX_REASON = 200
"""Characters that are kept of why an agent left."""

MAX_FACTS = 64
"""Facts of a node that are kept."""

MAX_FACT_TEXT = 256
"""Characters of one fact; what is longer is cut."""

NODE_ID = re.compile(r"n-[a-z2-7]{20}\Z")

WAITING, ASKED, CHALLENGED, PROVED, STANDING, ENDED = "waiting", "asked", "challenged", "proved", "standing", "ended"

ACCEPTS: dict[str, dict[type, str]] = {
    WAITING: {Hello: ASKED},
    ASKED: {},
    CHALLENGED: {NodeProof: PROVED},
    PROVED: {},
    STANDING: {Batch: STANDING, KeepAlive: STANDING, RunReply: STANDING, TerminalOutput: STANDING,
               TerminalTaken: STANDING, CopyPiece: STANDING, CopyTaken: STANDING, CopyFile: STANDING, Problem: STANDING,
               Goodbye: ENDED},
    ENDED: {},
}
"""Which message is taken in which state, and the state after it."""


@dataclass(frozen=True)
class LookUp:
    """Fetch the row of this node and call introduce()."""

    node: str


@dataclass(frozen=True)
class Proved:
    """The peer holds the node's key. `clock`: seconds by which the node's clock is ahead of the hub's."""

    node: str
    instance: str
    agent_version: str
    facts: dict[str, str]
    clock: int


@dataclass(frozen=True)
class Spoke:
    """A message of a standing connection."""

    message: Message


@dataclass(frozen=True)
class Left:
    """The agent said goodbye, or refused the hub."""

    reason: str


Event = LookUp | Proved | Spoke | Left


@dataclass(frozen=True)
class Step:
    """What follows from a call: messages to send, in order, and at most one event."""

    send: tuple[Message, ...] = ()
    event: Event | None = None


class HubSession:
    """One connection. `nonce` (base64url of at least 16 random bytes) must be fresh for every one."""

    def __init__(self, identity: PrivateKey, nonce: str):
        self.state = WAITING
        self.node = ""
        self._identity = identity
        self._nonce = nonce
        self._hello: Hello | None = None
        self._key: PublicKey | None = None
        self._revoked = False
        self._removed: BarredKey | None = None
        self._problems = 0

    @property
    def standing(self) -> bool:
        return self.state == STANDING

    @property
    def ended(self) -> bool:
        return self.state == ENDED

    def receive(self, message: Message, now: float) -> Step:
        """Take the agent's next message; `now` is Unix seconds."""
        if isinstance(message, Refused) and not self.ended:
            self.state = ENDED
            return Step(event=Left(f"{message.code}: {message.reason}"[:MAX_REASON]))
        after = ACCEPTS[self.state].get(type(message))
        if after is None:
            return self.refuse("order", f"{type(message).__name__} is out of order")
        self.state = after
        if isinstance(message, Hello):
            return self._hear(message)
        if isinstance(message, NodeProof):
            return self._check(message, now)
        if isinstance(message, Goodbye):
            return Step(event=Left(message.reason[:MAX_REASON]))
        return Step(event=Spoke(message))

    def introduce(self, key: PublicKey | None, revoked: bool, now: float, removed: BarredKey | None = None) -> Step:
        """Go on with the node's key on record (None: no such node), or with that of a node that was `removed`."""
        assert self.state == ASKED and self._hello is not None
        claims = {"iss": self._identity.fingerprint, "aud": self.node, "nonce": self._hello.nonce,
                  "hub_nonce": self._nonce, "protocol": _common_protocol(self._hello.protocols)}
        proof = HubProof(sign(self._identity, Purpose.HUB_PROOF, claims, now=now, ttl=HANDSHAKE_TTL))
        if removed is not None and removed.public_key:
            key = PublicKey(removed.public_key)
        if key is None:
            return Step((proof, *self.refuse("unknown", "no such node is enrolled here").send))
        self._key, self._revoked, self._removed = key, revoked, removed
        self.state = CHALLENGED
        return Step((proof,))

    def welcome(self, message: Welcome) -> Step:
        """The driver made room for this connection: it stands."""
        assert self.state == PROVED
        self.state = STANDING
        return Step((message,))

    def refuse(self, code: str, reason: str, retry: int = 0) -> Step:
        """End the connection and say why."""
        self.state = ENDED
        return Step((Refused(code, reason, retry),))

    def unusable(self, error: WireError, about: str = "") -> Step:
        """A frame that is no message, or a message that can't be used: before the connection stands it ends it, later
        it is answered with a Problem, MAX_PROBLEMS times."""
        self._problems += 1
        if self.standing and self._problems <= MAX_PROBLEMS:
            return Step((Problem(error.code, str(error), about),))
        return self.refuse(error.code, str(error), retry=60 if self.standing else 0)

    def _hear(self, hello: Hello) -> Step:
        if not NODE_ID.match(hello.node) or not _is_nonce(hello.nonce) or not 1 <= len(hello.instance) <= MAX_NAME:
            return self.refuse("malformed", "hello: node, nonce or instance is not one")
        if not _common_protocol(hello.protocols):
            spoken = ", ".join(map(str, PROTOCOL_VERSIONS))
            return self.refuse("protocol", f"this hub speaks protocol version {spoken}", retry=3600)
        self.node, self._hello = hello.node, hello
        return Step(event=LookUp(hello.node))

    def _check(self, proof: NodeProof, now: float) -> Step:
        assert self._hello is not None and self._key is not None
        try:
            claims = verify(proof.jws, self._key, Purpose.NODE_PROOF, audience=self._identity.fingerprint, now=None)
            if claims.get("iss") != self.node or claims.get("nonce") != self._nonce:
                raise SignatureRefused("signed by another node or for another connection")
            if claims.get("instance") != self._hello.instance:
                raise SignatureRefused("signed for another instance")
        except WireError:
            return self.refuse("signature", "the proof does not hold")
        if self._removed is not None:
            leave = sign_leave(self._identity, self.node, self._removed.removed_by, self._removed.reason, now)
            return Step((leave, *self.refuse("removed", removed_text(self._removed), retry=AWAY).send))
        if self._revoked:
            return self.refuse("revoked", "this node's key was revoked", retry=AWAY)
        return Step(event=Proved(self.node, self._hello.instance, self._hello.agent_version[:MAX_VERSION],
                                 tidy_facts(proof.facts), int(claims["iat"] - now)))


def tidy_facts(facts: dict) -> dict[str, str]:
    """What a node says of itself, within bounds: texts only, no control characters, cut where too long."""
    kept: dict[str, str] = {}
    for key, value in facts.items():
        if len(kept) < MAX_FACTS and isinstance(value, str) and 0 < len(key) <= MAX_NAME and key.isprintable():
            kept[key] = "".join(letter for letter in value[:MAX_FACT_TEXT] if letter.isprintable())
    return kept


def _common_protocol(offered: list) -> int:
    """The best version that both sides speak; 0: there is none."""
    return next((version for version in PROTOCOL_VERSIONS if version in offered), 0)


def _is_nonce(text: str) -> bool:
    try:
        return 16 <= len(b64decode(text)) <= 64
    except WireError:
        return False
