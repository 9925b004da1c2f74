"""Pushes: machines that are enrolled by ssh, from a node that is there already or from the hub.

    looking      ssh-keyscan is under way at the source
    asking       the host keys are known; a person has to accept one and send the secret, sealed for the source
    installing   the source signs in and runs the installer
    joining      the installer has ended well; the new node has to be seen online
    done, failed, cancelled

A push lives in memory alone, and so does all that must not be kept: the hub never has the secret, and gives the sealed
one on without keeping it. Started again, a hub knows its pushes no more: one that was not answered fails at its source
for want of an answer, one that was goes on there as the run that it is.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dvic_hub.bus.port import Bus
from dvic_hub.domain import known_hosts
from dvic_hub.domain.events import Event, RunChanged, RunOutputStored
from dvic_hub.domain.known_hosts import KnownHost
from dvic_hub.domain.liveness import ONLINE, NodeView
from dvic_hub.domain.naming import check_name, check_tags
from dvic_hub.domain.people import HUB, Actor
from dvic_hub.errors import BadRequest, Conflict, Forbidden, HubError, NotFound
from dvic_hub.services.agents import AgentService
from dvic_hub.services.audit import AuditService
from dvic_hub.services.enrolment import EnrolmentService
from dvic_hub.services.host_keys import HostKeyService
from dvic_hub.services.push_sources import HubSource, NodeSource, Source
from dvic_hub.services.run_signing import RunSigner
from dvic_hub.services.runs import RunService, new_id
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.errors import MalformedMessage, WireError
from dvic_wire.messages import RunReply
from dvic_wire.pushing import COMPLAINT, MARK, SCRIPT, HostKey, Question, Target, about
from dvic_wire.runs import CANCELLED as RUN_CANCELLED
from dvic_wire.runs import FINISHED, REFUSED, TERMINAL
from dvic_wire.sealing import seal

LOOKING, ASKING, INSTALLING, JOINING = "looking", "asking", "installing", "joining"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
ENDS = frozenset({DONE, FAILED, CANCELLED})

MAX_PUSHES = 50
"""Pushes that may go on at a time."""

MAX_LINES = 5000
"""Lines of one push that are kept; the first of more are forgotten."""

TOKEN_TTL = 1800
"""Seconds that the enrolment token of a push is good for; it counts once."""

ONLINE_SECONDS = 90.0
"""How long the new node may take to be seen online after the installer has ended."""

KEEP_SECONDS = 900.0
"""How long a push that is over can still be asked for."""

log = logging.getLogger("dvic.pushes")

MakeScript = Callable[[str], Awaitable[str]]
"""The text of a token to the installer's text."""


@dataclass(eq=False)
class Push:
    """One push. `source`: a node's id and `via` its name, both "" for the hub. `lines`: (stream, text), of which
    `forgotten` are no longer there. `node`: name of the new node. `ended`: Unix seconds."""

    id: str
    target: Target
    source: str
    via: str
    name: str
    tags: dict[str, str]
    actor: Actor
    carrier: Source | None = None
    state: str = LOOKING
    reason: str = ""
    question: Question | None = None
    known: KnownHost | None = None
    token: str = ""
    node: str = ""
    lines: list[tuple[str, str]] = field(default_factory=list)
    forgotten: int = 0
    ended: float = 0.0
    complaint: str = ""
    rest: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def count(self) -> int:
        return self.forgotten + len(self.lines)

    def tell(self) -> None:
        """Wake whoever waits for something new."""
        self.changed.set()
        self.changed = asyncio.Event()


class PushService:
    """`script` makes the installer for a token. `from_hub`: whether the hub itself may open ssh. `clock` gives Unix
    seconds, `online_seconds` is ONLINE_SECONDS."""

    def __init__(self, store: Store, bus: Bus, fleet: FleetService, agents: AgentService, audit: AuditService,
                 runs: RunService, signer: RunSigner, enrolment: EnrolmentService, hosts: HostKeyService,
                 script: MakeScript, clock: Callable[[], float], *, from_hub: bool = True,
                 online_seconds: float = ONLINE_SECONDS):
        self._store, self._bus, self._fleet, self._agents = store, bus, fleet, agents
        self._audit, self._runs, self._signer, self._enrolment = audit, runs, signer, enrolment
        self._hosts, self._script, self._clock = hosts, script, clock
        self._from_hub = from_hub
        self._online_seconds = online_seconds
        self._pushes: dict[str, Push] = {}
        self._tasks: set[asyncio.Task] = set()
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to listen for what nodes say."""
        self._unsubscribe = self._bus.subscribe(self._hear)

    async def stop(self) -> None:
        """End what the hub itself has started."""
        self._unsubscribe()
        for push in self._pushes.values():
            if isinstance(push.carrier, HubSource):
                await push.carrier.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- people

    async def create(self, target: Target, via: str, name: str, tags: dict[str, str], actor: Actor) -> Push:
        """Begin to enrol `target` from the node `via` ("": from the hub). Raises BadRequest, NotFound, Conflict,
        Forbidden."""
        if name:
            check_name(name)
            if self._fleet.view(name) is not None:
                raise Conflict(f"there is a node {name} already", code="name-taken", field="name")
        check_tags(tags)
        source = self._source(via)
        self._forget_old()
        if sum(push.state not in ENDS for push in self._pushes.values()) >= MAX_PUSHES:
            raise Conflict(f"at most {MAX_PUSHES} machines are enrolled by ssh at a time", code="limit",
                           limit=MAX_PUSHES)
        push = Push(new_id(self._clock()), target, source.id if source else "", source.name if source else "", name,
                    dict(tags), actor)
        push.carrier = NodeSource(self._runs, self._agents, self._signer, push.source) if source else HubSource(
            lambda stream, line: self._line(push, stream, line), lambda state, reason: self._over(push, state, reason))
        detail = {"push": push.id, "via": push.via or "the hub", "name": name, "tags": tags}
        async with self._audit.record(actor, "push.create", str(target), detail):
            self._pushes[push.id] = push
            try:
                await push.carrier.start(push.id, target, actor)
            except BaseException:
                del self._pushes[push.id]
                raise
        return push

    def get(self, id: str) -> Push:
        """Raises NotFound."""
        if id not in self._pushes:
            raise NotFound("no such push is known: the hub may have been started again since")
        return self._pushes[id]

    async def follow(self, id: str, after: int, state: str, wait: float) -> Push:
        """The push, when it has more than `after` lines or another state than `state`, or after `wait` seconds."""
        push = self.get(id)
        try:
            async with asyncio.timeout(wait):
                while push.count <= after and push.state == state and state not in ENDS:
                    await push.changed.wait()
        except TimeoutError:
            pass
        return push

    async def answer(self, id: str, fingerprint: str, secret: str, actor: Actor) -> Push:
        """The host key with this fingerprint is accepted; `secret` is sealed for the source. Raises NotFound,
        Conflict, BadRequest, Forbidden."""
        push = self.get(id)
        if push.actor.name != actor.name:
            raise Forbidden("somebody else has begun to enrol this machine")
        if push.state != ASKING or push.question is None:
            raise Conflict(f"nothing is asked for: it is {push.state}", code="state")
        key = next((key for key in push.question.keys if key.fingerprint == fingerprint), None)
        if key is None:
            raise BadRequest("is none of those that the machine shows", field="host_key")
        if push.known is not None and push.known.key != str(key):
            raise Conflict("another host key is known of this machine", code="host-key", field="host_key")
        push.state = INSTALLING
        push.tell()
        detail = {"push": id, "host_key": fingerprint, "via": push.via or "the hub", "first": push.known is None}
        try:
            async with self._audit.record(actor, "push.answer", str(push.target), detail):
                await self._hosts.remember(push.source, push.target, key, actor)
                if not await push.carrier.answer(await self._content(push, key, secret)):
                    raise Conflict(f"{push.via or 'the program on the hub'} is not there any more; nothing was sent",
                                   code="gone")
        except (HubError, WireError) as error:
            await self._give_up(push, str(error))
            raise
        return push

    async def cancel(self, id: str, actor: Actor) -> Push:
        push = self.get(id)
        if push.state not in ENDS:
            async with self._audit.record(actor, "push.cancel", str(push.target), {"push": id}):
                await push.carrier.cancel(actor)
        return push

    # ---- what is heard

    def on_reply(self, node: str, reply: RunReply) -> None:
        """A node could not hand the answer over: nothing will come of it."""
        push = self._pushes.get(reply.run)
        if push and push.source == node and push.state == INSTALLING and reply.state == REFUSED:
            self._task(self._give_up(push, reply.reason))

    def _hear(self, event: Event) -> None:
        if isinstance(event, RunOutputStored) and event.run in self._pushes:
            push = self._pushes[event.run]
            for raw in event.records if event.node == push.source else ():
                record = json.loads(raw)
                for stream in ("out", "err"):
                    self._piece(push, stream, record.get(stream, ""))
        elif isinstance(event, RunChanged) and event.run in self._pushes and event.state in TERMINAL:
            push = self._pushes[event.run]
            if event.node == push.source:
                self._over(push, event.state, str(event.detail.get("reason", "")))

    def _piece(self, push: Push, stream: str, text: str) -> None:
        *whole, push.rest[stream] = (push.rest.get(stream, "") + text).split("\n")
        for line in whole:
            self._line(push, stream, line)

    def _line(self, push: Push, stream: str, line: str) -> None:
        if push.state in ENDS:
            return
        if stream == "out" and line.startswith(MARK):
            if push.state == LOOKING and push.question is None:
                self._asked(push, line)
            return
        if stream == "err" and line.startswith(COMPLAINT):
            push.complaint = line.removeprefix(COMPLAINT)
            return
        push.lines.append((stream, line))
        if len(push.lines) > MAX_LINES:
            del push.lines[0]
            push.forgotten += 1
        push.tell()

    def _asked(self, push: Push, line: str) -> None:
        try:
            push.question = Question.parse(line)
        except MalformedMessage as error:
            self._task(self._give_up(push, f"{push.via or 'the hub'} said what is no question: {error}"))
            return
        self._task(self._compare(push, push.question))

    async def _compare(self, push: Push, question: Question) -> None:
        """What is known of this place decides whether anything is asked at all."""
        push.known = await self._hosts.find(push.source, push.target)
        if fault := known_hosts.changed(push.known, question.keys, f"--via {push.via}" if push.via else ""):
            log.warning("enrolling %s from %s: %s", push.target, push.via or "the hub", fault)
            await self._give_up(push, fault)
        elif push.state == LOOKING:
            push.state = ASKING
            push.tell()

    def _over(self, push: Push, state: str, reason: str) -> None:
        """The source has ended."""
        if push.state in ENDS or push.state == JOINING:
            return
        if state == FINISHED and push.state == INSTALLING:
            push.state = JOINING
            push.tell()
            self._task(self._await_node(push))
        elif state == RUN_CANCELLED:
            self._end(push, CANCELLED, reason)
        else:
            self._end(push, FAILED, push.complaint or reason or f"it ended too early ({state})")

    # ---- inside

    def _source(self, via: str) -> NodeView | None:
        if not via:
            if not self._from_hub:
                raise Forbidden("this hub opens no ssh itself (push_from_hub in hub.toml): name a node with --via",
                                code="push", field="via")
            return None
        view = self._fleet.view(via)
        if view is None:
            raise NotFound(f"there is no node {via}")
        if not self._agents.connected(view.id):
            raise Conflict(f"{view.name} is not connected", code="offline", field="via")
        return view

    async def _content(self, push: Push, key: HostKey, secret: str) -> dict:
        """What the source is told: the installer too is sealed, since it holds a token."""
        text, token = await self._enrolment.create_token(TOKEN_TTL, 1, push.tags, f"push to {push.target}", push.actor)
        push.token = token.id
        script = (await self._script(text)).encode()
        sealed = await asyncio.to_thread(seal, push.question.seal, script,
                                         about(SCRIPT, push.id, push.target, key.fingerprint))
        arguments = ["--name", push.name] if push.name else []
        return {"host_key": str(key), "secret": secret, "script": sealed, "arguments": arguments}

    async def _await_node(self, push: Push) -> None:
        """Until the node that used the token is seen online."""
        deadline = asyncio.get_running_loop().time() + self._online_seconds
        name = ""
        while asyncio.get_running_loop().time() < deadline:
            for id, _ in await self._store.tokens.used_by(push.token, 1):
                view = self._fleet.view(id)
                name = view.name if view else name
                if view and view.state == ONLINE and self._agents.connected(id):
                    push.node = view.name
                    self._end(push, DONE, "")
                    return
            await asyncio.sleep(0.2)
        missing = f"{name} has joined, but is not online" if name else "no node has joined"
        self._end(push, FAILED, f"the installer ended well, but {missing} within {self._online_seconds:.0f} s")

    async def _give_up(self, push: Push, reason: str) -> None:
        self._end(push, FAILED, reason)
        try:
            await push.carrier.cancel(HUB)
        except HubError as error:
            log.warning("push %s could not be ended at its source: %s", push.id, error)

    def _end(self, push: Push, state: str, reason: str) -> None:
        if push.state in ENDS:
            return
        push.state, push.reason, push.ended = state, reason, self._clock()
        log.info("enrolling %s from %s: %s %s", push.target, push.via or "the hub", state, push.node or reason)
        if push.token and state != DONE:
            self._task(self._enrolment.revoke_token(push.token, push.actor))
        push.tell()

    def _forget_old(self) -> None:
        now = self._clock()
        for push in list(self._pushes.values()):
            if push.ended and not 0 <= now - push.ended < KEEP_SECONDS:
                del self._pushes[push.id]

    def _task(self, work: Awaitable) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
