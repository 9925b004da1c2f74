"""Nodes come, get names and tags, are barred and go.

- A token's secret is a key's seed that never travels: the request is signed with it, and inside it the node signs that
  it holds its own key. The hub keeps the token's fingerprint only.
- The same node may ask again with the same token (its first answer may have been lost): it gets the same answer.
- A revoked or removed key never comes back; a machine that shall come back makes a new one.
- Whatever changes something is in the audit log before it is done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dvic_hub.domain.dependencies import BEHIND, check_chain
from dvic_hub.domain.leaving import AWAY, MAX_LEAVE_REASON, read_node_leave, removed_text, sign_leave
from dvic_hub.domain.model import BarredKey, Node, Token
from dvic_hub.domain.naming import check_name, check_tags, free_name
from dvic_hub.domain.people import Actor
from dvic_hub.domain.session import tidy_facts
from dvic_hub.errors import BadRequest, Conflict, Forbidden, Gone, HubError, NotFound, TooMany
from dvic_hub.services.agents import AgentService
from dvic_hub.services.audit import AuditService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.errors import MalformedMessage, SignatureRefused
from dvic_wire.limits import MAX_NAME
from dvic_wire.signing import PrivateKey, PublicKey, Purpose, SharedKey, check_time, peek, sign, verify
from dvic_wire.tokens import EnrolmentToken

MAX_TOKENS = 10_000
"""Enrolment tokens that the hub keeps; those that let nobody in any more make room when it is full."""

MAX_JOINED_SHOWN = 1000
"""Nodes told of one enrolment token, of all that joined with it."""

MAX_TOKEN_TTL = 366 * 86_400
"""Seconds that an enrolment token may last."""

REPLY_TTL = 300
"""Seconds of validity of the hub's answer; its freshness is the node's nonce."""

ENROLMENTS_AT_A_TIME = 8
"""Requests that are checked at the same time; each costs two signatures."""

ENROLMENTS_WAITING = 200
"""Requests that may wait for that; the next is told to come back."""

NAME_TRIES = 20
"""How often another free name is looked for when somebody else took it meanwhile."""

HMAC = "hmac"
ED25519 = "ed25519"
"""Kinds of keys that the hub makes for devices."""

_SECOND = 1_000_000

_REFUSALS: dict[str, tuple[str, str]] = {
    "expired": ("token-expired", "the enrolment token has expired: ask for a new one"),
    "used-up": ("token-used", "the enrolment token is used up: ask for a new one"),
    "revoked": ("token-revoked", "the enrolment token was revoked"),
    "unknown": ("token-unknown", "this hub does not know the enrolment token"),
}


@dataclass(frozen=True)
class _Request:
    """A request to join whose signatures hold."""

    token: str
    key: PublicKey
    name: str
    facts: dict[str, str]
    nonce: str


class EnrolmentService:
    """`identity` is the hub's key, `url` its base address for tokens, `on_gone` is told the id of a node that was
    revoked or is about to be removed. `clock` gives Unix seconds."""

    def __init__(self, store: Store, fleet: FleetService, agents: AgentService, audit: AuditService,
                 identity: PrivateKey, url: str, clock: Callable[[], float], *, max_nodes: int = 10_000,
                 on_gone: Callable[[str], Awaitable[None]] | None = None):
        self._store = store
        self._fleet = fleet
        self._agents = agents
        self._audit = audit
        self._identity = identity
        self._url = url
        self._clock = clock
        self._max_nodes = max_nodes
        self._on_gone = on_gone
        self._checking = asyncio.Semaphore(ENROLMENTS_AT_A_TIME)
        self._waiting = 0

    # ---- tokens

    async def create_token(self, ttl: int, uses: int, tags: dict[str, str], note: str,
                           actor: Actor) -> tuple[str, Token]:
        """Make a token for `uses` nodes (-1: any number) and `ttl` seconds; its text is known only to the caller."""
        if not 1 <= ttl <= MAX_TOKEN_TTL:
            raise BadRequest(f"ttl is 1 to {MAX_TOKEN_TTL} seconds", field="ttl", limit=MAX_TOKEN_TTL)
        if uses == 0 or uses < -1:
            raise BadRequest("uses is at least 1, or -1 for any number", field="uses")
        check_tags(tags)
        now = self._now()
        known = len(await self._store.tokens.all())
        if known >= MAX_TOKENS and known - await self._store.tokens.forget_over(now) >= MAX_TOKENS:
            raise Conflict(f"the hub keeps at most {MAX_TOKENS} enrolment tokens: revoke what is not needed any more",
                           code="limit", limit=MAX_TOKENS)
        secret = EnrolmentToken.make(self._url, self._identity.fingerprint)
        token = Token(secret.id, now + ttl * _SECOND, uses, dict(tags), now, actor.name, note)
        detail = {"ttl": ttl, "uses": uses, "tags": tags, "note": note}
        async with self._audit.record(actor, "token.add", token.id, detail):
            await self._store.tokens.add(token)
        return secret.encode(), token

    async def tokens(self) -> list[Token]:
        return await self._store.tokens.all()

    async def token_and_nodes(self, id: str) -> tuple[Token, list[tuple[str, int]]]:
        """A token, and (node id, when) of those that joined with it, the newest first. Raises NotFound."""
        token = await self._store.tokens.get(id)
        if token is None:
            raise NotFound(f"there is no enrolment token {id}")
        return token, await self._store.tokens.used_by(id, MAX_JOINED_SHOWN)

    async def revoke_token(self, id: str, actor: Actor) -> bool:
        """False when there is no such token, or it was revoked before."""
        async with self._audit.record(actor, "token.revoke", id) as entry:
            done = await self._store.tokens.revoke(id, self._now())
            entry.outcome = "" if done else "not-found: nothing to revoke"
        return done

    async def token_fault(self, text: str) -> str:
        """Why nobody can enrol with this token, in a sentence; "" when somebody can, or at least its last user may ask
        again. Raises InvalidToken for what is no token."""
        given = await asyncio.to_thread(_id_of, text)
        token = await self._store.tokens.get(given) if given else None
        if token is None:
            return _REFUSALS["unknown"][1]
        if token.revoked:
            return _REFUSALS["revoked"][1]
        return _REFUSALS["expired"][1] if token.expires <= self._now() else ""

    # ---- joining

    async def enrol(self, jws: str, address: str) -> str:
        """Let a machine in; returns the signed reply.

        Raises Gone or NotFound with codes token-expired, token-used, token-revoked, token-unknown; Forbidden with
        wrong-hub, signature, key-forbidden; BadRequest with clock; MalformedMessage; TooMany.
        """
        if self._waiting >= ENROLMENTS_WAITING:
            raise TooMany("too many machines are enrolling at once", retry=10)
        self._waiting += 1
        try:
            async with self._checking:
                request = await self._checked(jws)
        finally:
            self._waiting -= 1
        return await self._join(request, address)

    async def _checked(self, jws: str) -> _Request:
        """Verify both signatures; the token is looked up first, which costs less."""
        claimed = peek(jws)[1]
        if claimed.get("aud") != self._identity.fingerprint:
            raise Forbidden("this enrolment token is for another hub", code="wrong-hub")
        token_key = PublicKey.from_jwk(claimed.get("token_jwk"))
        token = await self._store.tokens.get(token_key.fingerprint)
        if token is None or claimed.get("iss") != token.id:
            raise NotFound(_REFUSALS["unknown"][1], code="token-unknown")
        now = self._clock()
        try:
            return await asyncio.to_thread(_verify_request, jws, token_key, self._identity.fingerprint, now)
        except _OutOfTime:
            ahead = int(now - claimed["iat"])
            raise BadRequest(f"the machine's clock is wrong: the hub's is {int(now)}, {ahead} s ahead of the request",
                             code="clock") from None
        except SignatureRefused:
            raise Forbidden("the signature does not hold", code="signature") from None

    async def _join(self, request: _Request, address: str) -> str:
        id, now = request.key.node_id, self._now()
        if await self._store.nodes.forbidden_key(id):
            raise Forbidden("this machine's key was revoked or removed here: make a new one", code="key-forbidden")
        token = await self._store.tokens.get(request.token)
        tags = token.tags if token is not None else {}
        if await self._store.nodes.get(id) is None and len(self._fleet) >= self._max_nodes:
            raise Conflict(f"this hub takes at most {self._max_nodes} nodes", code="limit", limit=self._max_nodes)
        actor = Actor(f"token {request.token[:8]}", "", address)
        detail = {"id": id, "token": request.token}
        async with self._audit.record(actor, "node.enrol", request.name or id, detail) as entry:
            for _ in range(NAME_TRIES):
                name = free_name(request.name, id, lambda text: self._fleet.view(text) is not None)
                node = Node(id, name, request.key.raw, dict(tags), request.facts, address=address, enrolled=now)
                outcome = await self._store.tokens.enrol(request.token, node, now)
                if outcome != "name-taken":
                    break
                await self._reload_names()
            if outcome in _REFUSALS:
                raise _refusal(outcome)
            if outcome not in ("ok", "known"):
                raise Conflict("no free name was found", code="name-taken")
            entry.outcome = f"{outcome}: {name}"
            known = await self._fleet.announce(id) or node
        claims = {"iss": self._identity.fingerprint, "aud": id, "nonce": request.nonce, "name": known.name,
                  "jwk": self._identity.public.jwk(), "time": now}
        return await asyncio.to_thread(sign, self._identity, Purpose.ENROLLED, claims, now=self._clock(), ttl=REPLY_TTL)

    async def _reload_names(self) -> None:
        """Another process of this hub may have enrolled nodes that are not known here yet."""
        for row in await self._store.nodes.all():
            if self._fleet.node(row.id) is None:
                await self._fleet.reload(row.id)

    # ---- nodes

    async def add_device(self, name: str, tags: dict[str, str], public_key: PublicKey | None, generate: str,
                         actor: Actor) -> tuple[Node, str]:
        """Add a device that can't enrol itself: by its public key, or with one made here, whose text is returned:
        `generate` "ed25519" gives a PEM text that is not kept, "hmac" 43 characters of base64url that the hub knows
        as well. Raises Conflict `name-taken`, `known` or Forbidden `key-forbidden`."""
        if (public_key is None) == (not generate):
            raise BadRequest("give the device's public key, or ask for one to be made", field="jwk")
        check_name(name)
        check_tags(tags)
        if len(self._fleet) >= self._max_nodes:
            raise Conflict(f"this hub takes at most {self._max_nodes} nodes", code="limit", limit=self._max_nodes)
        key, text = _device_key(generate) if generate else (public_key, "")
        assert key is not None
        if await self._store.nodes.forbidden_key(key.node_id):
            raise Forbidden("this key was revoked or removed here: make a new one", code="key-forbidden")
        shared = isinstance(key, SharedKey)
        node = Node(key.node_id, name, b"" if shared else key.raw, dict(tags), enrolled=self._now(),
                    secret=key.raw if shared else b"")
        detail = {"id": node.id, "tags": tags, "key made here": generate}
        async with self._audit.record(actor, "node.add", name, detail):
            self._check_free(name, node.id)
            await self._store.nodes.add(node)
        await self._fleet.announce(node.id)
        return node, text

    async def rename(self, id: str, name: str, actor: Actor) -> Node:
        """Give a node another name; raises NotFound, Conflict `name-taken`."""
        node = await self._node(id)
        check_name(name)
        behind = [view for view in self._fleet.views() if view.tags.get(BEHIND, "").lower() == node.name.lower()]
        async with self._audit.record(actor, "node.rename", node.name, {"id": id, "name": name, "behind": len(behind)}):
            self._check_free(name, id)
            changed = await self._changed(id, name=name)
            for view in behind:  # what is behind it stays behind it
                await self._changed(view.id, tags={**view.tags, BEHIND: name})
        return changed

    async def tag(self, id: str, tags: dict[str, str | None], actor: Actor) -> Node:
        """Set tags, or take away those whose value is None."""
        node = await self._node(id)
        wanted = {key: value for key, value in {**node.tags, **tags}.items() if value is not None}
        check_tags(wanted)
        view = self._fleet.view(id)
        if view is not None:
            check_chain(view, wanted, self._fleet.view)
        async with self._audit.record(actor, "node.tag", node.name, {"id": id, "tags": tags}):
            return await self._changed(id, tags=wanted)

    async def revoke(self, id: str, actor: Actor) -> Node:
        """Bar a node's key for ever; its history stays."""
        node = await self._node(id)
        if node.revoked:
            return node
        async with self._audit.record(actor, "node.revoke", node.name, {"id": id}):
            await self._store.nodes.forbid_key(BarredKey(id, node.public_key, node.name, self._now()))
            changed = await self._changed(id, revoked=self._now())
            await self._agents.disconnect(id, "revoked", "this node's key was revoked", AWAY)
            await self._gone(id)
        return changed

    async def remove(self, id: str, actor: Actor, reason: str = "") -> None:
        """Bar a node's key and forget the node. Its machine is told to forget the hub, now or when it next connects."""
        if len(reason) > MAX_LEAVE_REASON or not (reason + " ").isprintable():
            raise BadRequest(f"a reason is one line of at most {MAX_LEAVE_REASON} characters", field="reason",
                             limit=MAX_LEAVE_REASON)
        node = await self._node(id)
        async with self._audit.record(actor, "node.remove", node.name, {"id": id, "reason": reason}):
            barred = BarredKey(id, node.public_key, node.name, self._now(), actor.name, reason)
            await self._store.nodes.forbid_key(barred)
            await self._changed(id, revoked=node.revoked or self._now())
            leave = await asyncio.to_thread(sign_leave, self._identity, id, actor.name, reason, self._clock())
            await self._agents.disconnect(id, "removed", removed_text(barred), AWAY, leave)
            await self._gone(id)
            await self._store.nodes.remove(id)
            await self._fleet.announce(id)

    async def leave(self, jws: str, address: str) -> str:
        """A machine leaves by its owner's will: its key is barred, its history stays. Returns the hub's LEAVE for it;
        asking again gives the same. Raises NotFound `unknown`, Forbidden `signature`, BadRequest `clock`."""
        claimed = peek(jws)[1].get("iss")
        id = claimed if isinstance(claimed, str) else ""
        row, barred = self._fleet.node(id), await self._store.nodes.forbidden_key(id)
        known = row or barred
        if known is None or not known.public_key:
            raise NotFound("no such node is enrolled here", code="unknown")
        try:
            claims, reason = await asyncio.to_thread(read_node_leave, jws, PublicKey(known.public_key),
                                                     self._identity.fingerprint)
        except SignatureRefused:
            raise Forbidden("the signature does not hold", code="signature") from None
        now = self._clock()
        try:
            check_time(claims, now)
        except SignatureRefused:
            raise BadRequest(f"the machine's clock is wrong: the hub's is {int(now)}", code="clock") from None
        if row is not None and not row.revoked:
            await self.revoke(id, Actor(f"node {row.name}", "", address))
            await self._changed(id, status=f"left: {reason}" if reason else "left")
        leave = await asyncio.to_thread(sign_leave, self._identity, id, "its owner", reason, now)
        return leave.jws

    # ---- inside

    async def _gone(self, id: str) -> None:
        if self._on_gone is not None:
            await self._on_gone(id)

    async def _node(self, id: str) -> Node:
        node = await self._store.nodes.get(id)
        if node is None or node.id != id:
            raise NotFound(f"there is no node {id}")
        return node

    async def _changed(self, id: str, **changes: object) -> Node:
        if await self._store.nodes.update(id, **changes) is None:
            raise NotFound(f"the node {id} has just been removed")
        node = await self._fleet.announce(id)
        if node is None:
            raise NotFound(f"the node {id} has just been removed")
        return node

    def _check_free(self, name: str, id: str) -> None:
        other = self._fleet.view(name)
        if other is not None and other.id != id:
            raise Conflict(f"there is a node {other.name} already", code="name-taken", field="name")

    def _now(self) -> int:
        return int(self._clock() * _SECOND)


def _device_key(kind: str) -> tuple[PublicKey | SharedKey, str]:
    """What the hub keeps of a new device's key, and the text for the device."""
    if kind == HMAC:
        shared = SharedKey.generate()
        return shared, shared.text()
    private = PrivateKey.generate()
    return private.public, private.pem()


def _id_of(text: str) -> str:
    return EnrolmentToken.decode(text).id


class _OutOfTime(Exception):
    """The signature holds, its time does not."""


def _verify_request(jws: str, token_key: PublicKey, hub: str, now: float) -> _Request:
    """Both signatures of a request to join, in a thread. Raises SignatureRefused, MalformedMessage or _OutOfTime."""
    claims = verify(jws, token_key, Purpose.ENROL_TOKEN, audience=hub, now=None)
    try:
        check_time(claims, now)
    except SignatureRefused:
        raise _OutOfTime from None
    inner, nonce, name = claims.get("node"), claims.get("nonce"), claims.get("name", "")
    facts = claims.get("facts", {})
    if not isinstance(inner, str) or not isinstance(name, str) or not isinstance(facts, dict):
        raise MalformedMessage("node and name are texts, facts an object", "request")
    if not isinstance(nonce, str) or not 16 <= len(nonce) <= MAX_NAME:
        raise MalformedMessage(f"is 16 to {MAX_NAME} characters", "request.nonce")
    key = PublicKey.from_jwk(peek(inner)[1].get("jwk"))
    proof = verify(inner, key, Purpose.ENROL_NODE, audience=hub, now=None)
    if proof.get("iss") != key.node_id or proof.get("token") != token_key.fingerprint or proof.get("nonce") != nonce:
        raise SignatureRefused("the node signed for another request")
    return _Request(token_key.fingerprint, key, name[:MAX_NAME], tidy_facts(facts), nonce)


def _refusal(outcome: str) -> HubError:
    code, detail = _REFUSALS[outcome]
    return NotFound(detail, code=code) if outcome == "unknown" else Gone(detail, code=code)
