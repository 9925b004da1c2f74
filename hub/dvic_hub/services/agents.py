"""The agents that are connected, and the keepalives of all nodes.

- One connection a node. A second agent with the same key (another `instance`) is refused while the first one answers,
  and both are named in the node's `conflict` and in the audit log; a dead first one makes room.
- A keepalive's serial counts once, whatever transport it came by, and is on the disk before it is answered.
- Nothing here trusts an id that the peer merely names: domain.session proves it first, or the keepalive's signature.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from dvic_hub.domain.admission import Admission
from dvic_hub.domain.keepalive import Beat, Seen, read_beat
from dvic_hub.domain.model import Node
from dvic_hub.domain.people import Actor
from dvic_hub.domain.replay import Window
from dvic_hub.domain.session import Proved
from dvic_hub.errors import BadRequest, Conflict, Forbidden, NotFound, StoreFull, TooMany
from dvic_hub.services.audit import AuditService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.errors import SignatureRefused
from dvic_wire.messages import Goodbye, Message, Problem, Settings, Welcome
from dvic_wire.runs import RUNNING
from dvic_wire.signing import CLOCK_LEEWAY, Purpose, check_time, peek, verify

CONFLICT_RETRY = 60
"""Seconds after which the second of two agents with one key may try again."""

CONFLICT_MEMORY = 180
"""Seconds without another attempt, after which a conflict of two agents counts as settled."""

PROBES_AT_A_TIME = 100
"""Agents that are asked so at the same time."""

QUIET_LIMIT = 60.0
"""Seconds without a byte, after which an agent is asked whether it is still there."""

log = logging.getLogger("dvic.agents")


class AgentLine(Protocol):
    """One agent's connection, as its driver (api/agent_socket.py) offers it. `machine`: what it calls itself."""

    instance: str
    address: str
    machine: str

    async def send(self, message: Message) -> bool:
        """Hand a message to the connection; False when it is closed. Ends one that takes nothing any more."""

    async def answers(self) -> bool:
        """True when the agent shows within a few seconds that it is there."""

    async def part(self, message: Goodbye) -> None:
        """Say goodbye and close."""

    def quiet_for(self) -> float:
        """Seconds since the agent was last heard."""

    async def close(self, code: str, reason: str, retry: int = 0) -> None:
        """Refuse and close; an empty code closes without a word. Returns when it is closed."""


def conflict_text(older: AgentLine, newer: AgentLine) -> str:
    """Both of two agents with one key, in words."""
    return (f"{older.address} (machine {older.machine or 'unknown'}) and "
            f"{newer.address} (machine {newer.machine or 'unknown'}) use the same key")


class AgentService:
    """Connections and keepalives. `hub` is the hub's fingerprint, `settings` what every agent is asked for (see
    messages.Settings), `clock` gives Unix seconds."""

    def __init__(self, store: Store, fleet: FleetService, audit: AuditService, hub: str, clock: Callable[[], float], *,
                 settings: dict[str, object] | None = None, max_agents: int = 5000):
        self._store = store
        self._fleet = fleet
        self._audit = audit
        self._hub = hub
        self._clock = clock
        self._settings = settings or {}
        self._max_agents = max_agents
        self._lines: dict[str, AgentLine] = {}
        self._arriving: set[str] = set()
        self._connected: dict[str, float] = {}
        self._left: dict[str, float] = {}
        self._versions: dict[str, str] = {}
        self._conflicts: dict[str, float] = {}
        self._probing: dict[AgentLine, asyncio.Task] = {}
        self.admission = Admission()
        self.started = clock()
        self.replays = 0
        self.refused = 0

    # ---- connections

    def connected(self, node: str) -> bool:
        """True while the node's connection stands (after Welcome)."""
        return node in self._connected

    def since(self, node: str) -> float:
        """Connected, or not connected, since then (Unix seconds); this service's start at the earliest."""
        return self._connected.get(node, self._left.get(node, self.started))

    def version(self, node: str) -> str:
        """Of the agent whose connection stands; "" where none does."""
        return self._versions.get(node, "") if node in self._connected else ""

    def count(self) -> int:
        return len(self._connected)

    async def attach(self, node: str, line: AgentLine) -> None:
        """Make `line` the node's connection. Raises Conflict when another agent with this key is connected and answers,
        TooMany when there is no room or another one is arriving right now."""
        if node in self._arriving:
            raise TooMany("another connection of this node is being set up", retry=5)
        older = self._lines.get(node)
        if older is None and len(self._lines) >= self._max_agents:
            raise TooMany(f"this hub holds at most {self._max_agents} agents", retry=60)
        self._arriving.add(node)
        try:
            if older is not None:
                if older.instance != line.instance and await older.answers():
                    text = conflict_text(older, line)
                    await self._note_conflict(node, text, line)
                    if node in self._connected:
                        await older.send(Problem("conflict", text))  # its machine says so as well
                    raise Conflict(text)
                self.detach(node, older)
                await older.close("", "")
            self._lines[node] = line
        finally:
            self._arriving.discard(node)

    async def welcome(self, proved: Proved, address: str) -> Welcome:
        """Note who has come and build what it is greeted with."""
        known = self._fleet.node(proved.node)
        facts = {**(known.facts if known is not None else {}), **proved.facts}
        facts.pop("clock_offset", None)
        if abs(proved.clock) > CLOCK_LEEWAY:
            facts["clock_offset"] = f"{proved.clock} s"
        changes = {"facts": facts, "agent_version": proved.agent_version, "address": address, "last_seen": self._now()}
        try:
            await self._store.nodes.update(proved.node, **changes)
        except StoreFull as error:
            log.warning("what node %s says of itself is not kept: %s", proved.node, error)
        self._versions[proved.node] = proved.agent_version
        node = await self._fleet.announce(proved.node)
        if node is None:
            raise Forbidden("this node was removed from the hub", code="removed")
        if node.revoked:
            raise Forbidden("this node's key was revoked", code="revoked")
        running = [each.run for each in await self._store.runs.active_on(node.id) if each.state == RUNNING]
        cursors = await self._store.streams.cursors(node.id)
        return Welcome(node.id, node.name, cursors, node.serial, self._now(), running, dict(self._settings))

    def ready(self, node: str, line: AgentLine) -> bool:
        """The connection stands: messages may be sent. False when it lost its place meanwhile."""
        if self._lines.get(node) is not line:
            return False
        self._connected[node] = self._clock()
        self._left.pop(node, None)
        return True

    def detach(self, node: str, line: AgentLine) -> bool:
        """The connection is over; True when it was the node's."""
        if self._lines.get(node) is not line:
            return False
        del self._lines[node]
        self._versions.pop(node, None)
        if self._connected.pop(node, None) is not None:
            self._left[node] = self._clock()
        return True

    async def send(self, node: str, message: Message) -> bool:
        """Hand a message to the node's connection. False: it is not connected, nothing was sent. True: it was handed
        over, and may still be lost with the connection."""
        line = self._lines.get(node)
        return line is not None and node in self._connected and await line.send(message)

    async def ask(self, **settings: object) -> None:
        """Ask this of every agent from now on (messages.Settings), and of those that are connected at once."""
        self._settings.update(settings)
        await asyncio.gather(*(self.send(node, Settings(dict(settings))) for node in list(self._connected)),
                             return_exceptions=True)

    async def disconnect(self, node: str, code: str, reason: str, retry: int = 0, last: Message | None = None) -> None:
        """End the node's connection, if there is one, and tell why, after the word `last`. `retry` as in Refused."""
        line = self._lines.get(node)
        if line is not None:
            self.detach(node, line)
            if last is not None:
                await line.send(last)
            await line.close(code, reason, retry)

    async def close_all(self) -> None:
        """The hub stops: say goodbye and close every connection."""
        lines = list(self._lines.values())
        await asyncio.gather(*(line.part(Goodbye("restarting")) for line in lines), return_exceptions=True)

    # ---- two agents with one key

    async def _note_conflict(self, node: str, text: str, newer: AgentLine) -> None:
        self._conflicts[node] = self._clock()
        row = self._fleet.node(node)
        if row is None or row.conflict == text:
            return
        log.warning("node %s: %s", row.name, text)
        async with self._audit.record(Actor(f"node {row.name}", "", newer.address), "node.conflict", row.name,
                                      {"id": node, "conflict": text}):
            await self._store.nodes.update(node, conflict=text)
        await self._fleet.announce(node)

    async def tick(self, now: float) -> None:
        """Drop connections that are dead, forget conflicts that are settled. Called each second."""
        for line in self._lines.values():
            if line.quiet_for() > QUIET_LIMIT and line not in self._probing and len(self._probing) < PROBES_AT_A_TIME:
                self._probing[line] = asyncio.create_task(self._probe(line))
        for view in self._fleet.views() if not self._conflicts else ():
            if view.node.conflict:
                self._conflicts.setdefault(view.id, now)
        for node, last in list(self._conflicts.items()):
            if now - last > CONFLICT_MEMORY or now < last:
                del self._conflicts[node]
                if await self._store.nodes.update(node, conflict="") is not None:
                    await self._fleet.announce(node)

    async def _probe(self, line: AgentLine) -> None:
        try:
            if not await line.answers():
                await line.close("", "")
        finally:
            del self._probing[line]

    # ---- keepalives

    async def beat(self, node: str, jws: str, purpose: Purpose, address: str) -> tuple[Node, Beat]:
        """Take a keepalive of `node`. Returns when it is on the disk.

        Raises NotFound `unknown`, Forbidden `revoked` or `signature`, BadRequest `clock`, Conflict `replay`, and what
        is wrong with its claims as MalformedMessage or LimitExceeded.
        """
        row = self._fleet.node(node)
        if row is None:
            raise NotFound("no such node is enrolled here", code="unknown")
        if row.revoked:
            raise Forbidden("this node's key was revoked", code="revoked")
        beat = read_beat(await self._verified(row, jws, purpose), node, purpose is Purpose.RECORDS_POST)
        row, seen = self.count_beat(node, beat, address)
        await self._store.nodes.seen([seen])
        return row, beat

    def count_beat(self, node: str, beat: Beat, address: str) -> tuple[Node, Seen]:
        """Let a verified keepalive count: the node as it was before, and what must be stored before anything else is
        awaited, so that the order stays. Raises Forbidden `revoked`, Conflict `replay`."""
        row = self._fleet.node(node)
        if row is None or row.revoked:
            raise Forbidden("this node's key was revoked", code="revoked")
        window = Window(row.serial, row.serial_window).take(beat.serial)
        if window is None:
            self.replays += 1
            raise Conflict(f"serial {beat.serial} counted already or is too old; the highest is {row.serial}",
                           code="replay", limit=row.serial)
        seen = Seen(node, self._now(), address, beat.period, window.serial, window.seen, beat.status)
        self._fleet.heard(node, last_seen=seen.time, address=address, period=beat.period, serial=window.serial,
                          serial_window=window.seen, status=beat.status)
        return row, seen

    async def beat_posted(self, jws: str, address: str,
                          purpose: Purpose = Purpose.KEEPALIVE_POST) -> tuple[Node, Beat]:
        """A keepalive that came by POST: the node is the one that it claims and that its signature then proves."""
        claimed = peek(jws)[1].get("iss")
        if not isinstance(claimed, str):
            raise NotFound("no such node is enrolled here", code="unknown")
        return await self.beat(claimed, jws, purpose, address)

    def _now(self) -> int:
        return int(self._clock() * 1_000_000)

    async def _verified(self, row: Node, jws: str, purpose: Purpose) -> dict:
        """The claims; the reason of a refusal goes to the log, the peer learns the code."""
        now = self._clock()
        try:
            claims = await asyncio.to_thread(verify, jws, row.key, purpose, audience=self._hub, now=None)
        except SignatureRefused as error:
            self.refused += 1
            log.info("a keepalive for node %s was refused: %s", row.name, error)
            raise Forbidden("the signature does not hold", code="signature") from None
        if purpose is Purpose.KEEPALIVE_WS:
            return claims  # fresh by the connection that it came over, whatever was done to either clock since Welcome
        try:
            check_time(claims, now)
        except SignatureRefused as error:
            self.refused += 1
            log.info("a keepalive of node %s was refused: %s", row.name, error)
            raise BadRequest(f"the keepalive is out of its time; the hub's clock is {int(now)}", code="clock") from None
        return claims
