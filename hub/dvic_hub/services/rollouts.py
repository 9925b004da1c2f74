"""Rollouts: one package to many nodes, by an update a node. What happens next is decided by domain.rollout alone.

An update is a run of kind update on one node: sending, asking again, expiring and losing it are those of services.runs.
Its way is followed in update_following.py. Everything is in rows: a hub that is killed at any moment goes on from them.

    claim     pending -> sent with the id of a run that is not there yet, by conditional update
    order     the run of that id is made; a hub that was killed in between makes it when it is back
    halt      by people or by itself: nothing further is claimed, what is under way goes on
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from dvic_hub.bus.port import Bus
from dvic_hub.domain import rollout as rules
from dvic_hub.domain.dispatch import CANCEL_ASKED, MAX_REASON, RunOrder
from dvic_hub.domain.events import RolloutChanged
from dvic_hub.domain.liveness import REVOKED, SILENT, NodeView
from dvic_hub.domain.model import Rollout, RolloutNode, RunNode
from dvic_hub.domain.people import HUB, OPERATOR, Actor
from dvic_hub.domain.rollout import PACKAGE, Decision, Place, RolloutOrder
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.agents import AgentService
from dvic_hub.services.audit import AuditService
from dvic_hub.services.releases import ReleaseService
from dvic_hub.services.rounds import Rounds
from dvic_hub.services.run_signing import UPDATE, RunSigner
from dvic_hub.services.runs import ENDED, RunService, new_id
from dvic_hub.services.update_following import UpdateFollower
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.runs import RunSpec
from dvic_wire.updates import PENDING, SENT

BREATH = 0.1
"""Seconds between two looks at all, however much happens: a room full of machines that come back is one event."""

UPDATE_SECONDS = 3600
"""Seconds that an update may take on a node, besides those in which it waits for the hub's word."""

MAX_OPEN_ROLLOUTS = 20
"""Rollouts that may go on at a time."""

HALTED, RESUMED, CANCELLED = "halted", "resumed", "cancelled"
"""States in events that are about a whole rollout, besides runs.ENDED and "created"."""

_SECOND = 1_000_000

log = logging.getLogger("dvic.rollouts")


class RolloutService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Store, bus: Bus, fleet: FleetService, agents: AgentService, audit: AuditService,
                 run_service: RunService, releases: ReleaseService, signer: RunSigner, clock: Callable[[], float]):
        self._store = store
        self._bus = bus
        self._fleet = fleet
        self._agents = agents
        self._audit = audit
        self._runs = run_service
        self._releases = releases
        self._clock = clock
        self._rounds = Rounds("rollout", log)
        self._follower = UpdateFollower(store, bus, agents, signer, clock, self._rounds.mark)
        self._lock = asyncio.Lock()
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to listen for how updates go."""
        self._unsubscribe = self._bus.subscribe(self._follower.hear)

    def stop(self) -> None:
        self._unsubscribe()

    async def woken(self, timeout: float) -> None:
        """Return when something happened to a rollout, or after `timeout` seconds: then tick() again."""
        await asyncio.sleep(BREATH)
        await self._rounds.woken(timeout)

    # ---- people

    async def plan(self, order: RolloutOrder, actor: Actor) -> tuple[Rollout, list[RolloutNode]]:
        """What create() would do. Raises BadRequest, InvalidSelector, LimitExceeded; NotFound when there is no such
        package, Conflict when it may not be rolled out, or when one of the nodes is in another rollout."""
        rules.check_order(order)
        views = [view for view in self._fleet.select(order.selector) if view.state != REVOKED]
        if not views:
            raise BadRequest("the selector names no node", code="no-nodes", field="selector")
        text, manifest = await self._releases.for_rollout(PACKAGE, order.version)
        now = int(self._clock() * _SECOND)
        rollout = Rollout(
            new_id(self._clock()), order.selector, manifest.package, manifest.version, text, now, actor.name,
            order.older, order.confirm, order.canary, order.batch, order.max_failures, order.halt_on_error, order.soak,
            now + order.queue * _SECOND, order.reason)
        rows = rules.plan(rollout, {view.id: self._place(view) for view in views})
        taken = await self._store.rollouts.open_nodes()
        for row in rows:
            if row.state == PENDING and row.node in taken:
                raise Conflict(f"{self._name(row.node)} is in the rollout {taken[row.node]}, which has not ended: let "
                               "it end, or cancel it", code="rollout-open")
        return rollout, rows

    async def create(self, order: RolloutOrder, actor: Actor) -> Rollout:
        """Begin a rollout on the nodes that the selector names now. Raises as plan() does."""
        async with self._lock:
            rollout, rows = await self.plan(order, actor)
            if len(await self._store.rollouts.active()) >= MAX_OPEN_ROLLOUTS:
                raise Conflict(f"at most {MAX_OPEN_ROLLOUTS} rollouts may be open", code="limit",
                               limit=MAX_OPEN_ROLLOUTS)
            detail = {"rollout": rollout.id, "package": rollout.package, "version": rollout.version,
                      "nodes": len(rows), "canary": order.canary, "batch": order.batch, "older": order.older,
                      "max_failures": order.max_failures, "halt_on_error": order.halt_on_error, "reason": order.reason}
            async with self._audit.record(actor, "rollout.create", order.selector, detail):
                await self._store.rollouts.add(rollout, rows)
        self._tell(rollout, "created")
        self._rounds.mark(rollout.id)
        return rollout

    async def halt(self, id: str, actor: Actor) -> Rollout:
        """Start nothing further; what is under way goes on. Raises NotFound, and Conflict when it is over."""
        async with self._lock:
            rollout = await self._open(id)
            if not rollout.halted and not rollout.cancelled:
                async with self._audit.record(actor, "rollout.halt", id):
                    await self._set_halted(rollout, f"halted by {actor.name}")
        return await self._found(id)

    async def resume(self, id: str, actor: Actor) -> Rollout:
        """Go on with a halted rollout, and forgive what it halted for. Raises NotFound, and Conflict when it is over or
        not halted."""
        async with self._lock:
            rollout = await self._open(id)
            if not rollout.halted or rollout.cancelled:
                raise Conflict(f"the rollout {id} is not halted", code="not-halted")
            rows = await self._store.rollouts.nodes(id)
            forgiven = rules.blamed(rollout, rows, self._places(rows), self._clock())
            async with self._audit.record(actor, "rollout.resume", id, {"forgiven": len(forgiven),
                                                                       "halted for": rollout.halt_reason}):
                await self._store.rollouts.forgive(id, forgiven)
                await self._store.rollouts.update(id, halted=0, halt_reason="")
        self._tell(rollout, RESUMED)
        self._rounds.mark(id)
        return await self._found(id)

    async def cancel(self, id: str, actor: Actor) -> Rollout:
        """End it: what was not sent ends at once, what is being downloaded when its machine says so; what is being
        installed goes on to its end. Raises NotFound; asking again, or when it is over, changes nothing."""
        async with self._lock:
            rollout = await self._found(id)
            if not rollout.ended and not rollout.cancelled:
                async with self._audit.record(actor, "rollout.cancel", id):
                    await self._store.rollouts.update(id, cancelled=int(self._clock() * _SECOND))
                self._tell(rollout, CANCELLED)
        self._rounds.mark(id)
        return await self._found(id)

    # ---- nodes

    def on_connected(self, node: str) -> None:
        """The node's connection stands: it may be the agent that an update brought."""
        self._follower.on_connected(node)

    # ---- time

    async def tick(self, now: float) -> None:
        """Look at the rollouts that something happened to, and every rounds.SWEEP seconds at all open ones."""
        await self._rounds.go(now, self._store.rollouts.active, self.advance)

    async def advance(self, id: str, now: float) -> None:
        """Follow the updates of one rollout, and carry out what domain.rollout.decide says of it."""
        async with self._lock:
            rollout = await self._store.rollouts.get(id)
            if rollout is None or rollout.ended:
                return
            ordered, rows = await self._store.rollouts.runs(id), await self._store.rollouts.nodes(id)
            rows = await asyncio.gather(*(self._follower.follow(rollout, row, ordered.get(row.node), now)
                                          for row in rows))
            places = self._places(rows)
            decision = rules.decide(rollout, rows, places, ordered, now)
            await self._carry_out(rollout, {row.node: row for row in rows}, ordered, decision)

    # ---- carrying out

    async def _carry_out(self, rollout: Rollout, rows: dict[str, RolloutNode], ordered: dict[str, RunNode],
                         decision: Decision) -> None:
        await asyncio.gather(*(self._follower.go(rollout, rows[move.node], move.state, move.reason)
                               for move in decision.moves))
        why_not = await self._releases.why_not(rollout.manifest) if decision.start or decision.again else ""
        if decision.halt or why_not:
            await self._halt_by_itself(rollout, decision.halt or why_not)
            return
        await self._all(rollout, (self._send(rollout, rows[node]) for node in decision.start))
        await self._all(rollout, (self._order(rollout, rows[node]) for node in decision.again))
        for node in decision.cancel:
            if node in ordered and not ordered[node].reason.startswith(CANCEL_ASKED):
                await self._runs.cancel(rows[node].run, self._behalf(rollout))
        if decision.give_up:
            async with self._audit.record(HUB, "rollout.cancel", rollout.id, {"why": "nobody resumed it"}):
                await self._store.rollouts.update(rollout.id, cancelled=int(self._clock() * _SECOND))
            self._tell(rollout, CANCELLED)
            self._rounds.mark(rollout.id)
        if decision.over and all(row.ended for row in await self._store.rollouts.nodes(rollout.id)):
            await self._store.rollouts.update(rollout.id, ended=int(self._clock() * _SECOND))
            self._tell(rollout, ENDED)

    async def _halt_by_itself(self, rollout: Rollout, reason: str) -> None:
        async with self._audit.record(HUB, "rollout.halt", rollout.id, {"reason": reason}):
            await self._set_halted(rollout, reason)
        log.warning("rollout %s halted: %s", rollout.id, reason)

    async def _set_halted(self, rollout: Rollout, reason: str) -> None:
        await self._store.rollouts.update(rollout.id, halted=int(self._clock() * _SECOND),
                                          halt_reason=reason[:MAX_REASON])
        self._tell(rollout, HALTED, reason=reason)
        self._rounds.mark(rollout.id)

    async def _send(self, rollout: Rollout, row: RolloutNode) -> None:
        """Claim the row, with the version that the node has now; then order its update."""
        now, run = int(self._clock() * _SECOND), new_id(self._clock())
        version = self._agents.version(row.node) or row.from_version
        changes = {"run": run, "sent": now, "changed": now, "from_version": version, "reason": ""}
        if not await self._store.rollouts.move(rollout.id, row.node, PENDING, SENT, **changes):
            return
        row = replace(row, state=SENT, **changes)
        self._follower.tell(rollout, row)
        await self._order(rollout, row)

    async def _order(self, rollout: Rollout, row: RolloutNode) -> None:
        detail = {"rollout": rollout.id, "package": rollout.package, "version": rollout.version,
                  "manifest": rollout.manifest, "older": rollout.older, "confirm": rollout.confirm}
        spec = RunSpec((UPDATE, rollout.package, rollout.version), timeout=UPDATE_SECONDS + rollout.confirm)
        self._follower.begins(rollout, row)
        await self._runs.create(RunOrder(f"id:{row.node}", spec, reason=f"rollout {rollout.id}", kind=UPDATE,
                                         detail=detail, id=row.run), self._behalf(rollout))

    async def _all(self, rollout: Rollout, work: Iterable) -> None:
        """Side by side; one that fails is tried again with the next look, and holds up no other."""
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, Exception):
                self._rounds.again(rollout.id)
                log.error("an update of rollout %s could not be ordered yet: %s", rollout.id, result)

    # ---- inside

    @staticmethod
    def _behalf(rollout: Rollout) -> Actor:
        """Who is named by what follows from a rollout."""
        return Actor(rollout.created_by, OPERATOR)

    def _places(self, rows: list[RolloutNode]) -> dict[str, Place]:
        return {row.node: self._place(view) for row in rows if (view := self._fleet.view(row.node)) is not None
                and view.id == row.node}

    def _place(self, view: NodeView) -> Place:
        return Place(view.name, self._agents.connected(view.id), self._agents.since(view.id), view.state == SILENT,
                     view.state == REVOKED, self._agents.version(view.id) or view.node.agent_version)

    def _name(self, node: str) -> str:
        view = self._fleet.view(node)
        return view.name if view else node

    async def _found(self, id: str) -> Rollout:
        rollout = await self._store.rollouts.get(id)
        if rollout is None:
            raise NotFound(f"there is no rollout {id}")
        return rollout

    async def _open(self, id: str) -> Rollout:
        rollout = await self._found(id)
        if rollout.ended:
            raise Conflict(f"the rollout {id} has ended", code="rollout-ended")
        return rollout

    def _tell(self, rollout: Rollout, state: str, **detail: object) -> None:
        self._bus.publish(RolloutChanged(rollout.id, "", state, {"version": rollout.version, **detail}))
