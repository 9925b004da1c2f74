"""Runs: ordered, sent, followed and ended. What happens next is decided by domain.dispatch alone.

Everything is in rows: a hub that is killed at any moment goes on from them. What is kept in memory (when a request was
last sent over a connection) only paces what is sent again, and an executor starts an id once however often it is sent.

    create   audit, then rows; nothing is sent before they are on the disk
    start    queued -> dispatched by conditional update, then sent: nobody else can have started it
    answer   RunReply moves dispatched to running or to an end; the end of a started run comes in its stream
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dvic_hub.bus.port import Bus
from dvic_hub.domain import dispatch
from dvic_hub.domain.dispatch import Decision, RunOrder, Seat
from dvic_hub.domain.events import Event, NodeChanged, RunChanged
from dvic_hub.domain.liveness import REMOVED, REVOKED
from dvic_hub.domain.model import Run, RunNode
from dvic_hub.domain.people import Actor
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.agents import AgentService
from dvic_hub.services.audit import AuditService
from dvic_hub.services.rounds import Rounds
from dvic_hub.services.run_signing import RunSigner
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.errors import LimitExceeded
from dvic_wire.limits import MAX_SIGNED_BYTES
from dvic_wire.messages import RunReply
from dvic_wire.runs import DISPATCHED, LOST, QUEUED, TERMINAL

CLOCK_JUMP = 30.0
"""Seconds between the wall clock and the steady one that count as: the clock was set, grant every node a new grace."""

MAX_ROWS_SHOWN = 20
"""Names of nodes that the audit entry of a run lists."""

RUN = "run"
"""The kind of run that people order; updates are counted and bounded by their rollout."""

ENDED = "ended"
"""State in the event that tells that a whole run is over."""

_SECOND = 1_000_000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

log = logging.getLogger("dvic.runs")


@dataclass
class _Pacing:
    """What was last sent for one run, by node, over its present connection. Lost at a restart without harm."""

    sent: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    unanswered: dict[str, int] = field(default_factory=dict)

    def note_request(self, node: str, now: float) -> None:
        self.sent[node] = now
        self.unanswered[node] = self.unanswered.get(node, 0) + 1

    def note_cancel(self, node: str, now: float) -> None:
        self.asked[node] = now
        self.unanswered[node] = self.unanswered.get(node, 0) + 1

    def answered(self, node: str) -> bool:
        """Count an answer; True when another message is still unanswered."""
        left = self.unanswered.get(node, 0)
        self.unanswered[node] = max(0, left - 1)
        return left > 1

    def forget(self, node: str) -> None:
        for book in (self.sent, self.asked, self.unanswered):
            book.pop(node, None)


class RunService:
    """`clock` gives Unix seconds, `steady` seconds that no one sets (None: not watched). `max_active`: runs of the kind
    run that may be open."""

    def __init__(self, store: Store, bus: Bus, fleet: FleetService, agents: AgentService, audit: AuditService,
                 signer: RunSigner, clock: Callable[[], float], *, max_active: int = 500,
                 steady: Callable[[], float] | None = time.monotonic):
        self._store = store
        self._bus = bus
        self._fleet = fleet
        self._agents = agents
        self._audit = audit
        self._signer = signer
        self._clock = clock
        self._steady = steady
        self._max_active = max_active
        self._graced = clock()
        self._offset = clock() - steady() if steady else 0.0
        self._pacing: dict[str, _Pacing] = {}
        self._rounds = Rounds("run", log)
        self._advancing = asyncio.Lock()
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to listen for ends of runs and for nodes that come and go."""
        self._unsubscribe = self._bus.subscribe(self._hear)

    def stop(self) -> None:
        self._unsubscribe()

    async def woken(self, timeout: float) -> None:
        """Return when something happened to a run, or after `timeout` seconds: then tick() again."""
        await self._rounds.woken(timeout)

    # ---- people

    async def create(self, order: RunOrder, actor: Actor) -> Run:
        """Order a run on the nodes that the selector names now. Raises BadRequest, InvalidSelector, LimitExceeded, and
        Conflict when too many runs are open."""
        dispatch.check_order(order)
        views = [view for view in self._fleet.select(order.selector) if view.state != REVOKED]
        if not views:
            raise BadRequest("the selector names no node", code="no-nodes", field="selector")
        if order.kind == RUN and len(await self._store.runs.active(RUN)) >= self._max_active:
            raise Conflict(f"at most {self._max_active} runs may be open", code="limit", limit=self._max_active)
        now = int(self._clock() * _SECOND)
        run = Run(order.id or new_id(self._clock()), order.selector, order.spec, now, actor.name, order.reason,
                  order.batch, order.max_failures, now + order.queue * _SECOND, operator=order.operator,
                  kind=order.kind, detail=order.detail)
        size = len((await self._signer.request(run, views[0].id)).jws)
        if size > MAX_SIGNED_BYTES:
            raise LimitExceeded("MAX_SIGNED_BYTES", MAX_SIGNED_BYTES, size)
        rows = [RunNode(run.id, view.id, position) for position, view in enumerate(views)]
        detail = {"run": run.id, "nodes": len(rows), "names": [view.name for view in views[:MAX_ROWS_SHOWN]],
                  "argv": list(order.spec.argv), "script": order.spec.script, "user": order.spec.user,
                  "reason": order.reason}
        async with self._audit.record(actor, f"{order.kind}.create", order.selector, detail):
            await self._store.runs.add(run, rows)
        self._bus.publish(RunChanged(run.id, "", QUEUED, {"nodes": len(rows)}))
        self._rounds.mark(run.id)
        return run

    async def cancel(self, run_id: str, actor: Actor, nodes: list[str] | None = None, why: str = "") -> Run:
        """Ask for the end of a run, on all its nodes or on some. What has not been sent ends at once; what runs ends
        when its node says so. `why` is told with it. Raises NotFound; asking again, or when it is over, changes
        nothing."""
        run = await self._run(run_id)
        if run.ended:
            return run
        async with self._audit.record(actor, "run.cancel", run_id, {"nodes": nodes if nodes is not None else "all",
                                                                        **({"why": why} if why else {})}):
            if nodes is None:
                await self._store.runs.update(run_id, cancelled=run.cancelled or int(self._clock() * _SECOND))
            await self._ask_to_cancel(run_id, nodes, f"{actor.name} ({why})" if why else actor.name)
        self._rounds.mark(run_id)
        return await self._run(run_id)

    async def _ask_to_cancel(self, run_id: str, nodes: list[str] | None, who: str) -> None:
        """Write down on the rows (None: on all) who wants them ended."""
        asked, wanted = f"{dispatch.CANCEL_ASKED}{who}"[:dispatch.MAX_REASON], None if nodes is None else set(nodes)
        while True:
            rows = [row for row in await self._store.runs.nodes(run_id) if row.state not in TERMINAL
                    and row.reason != asked and (wanted is None or row.node in wanted)]
            if not rows:
                return
            await asyncio.gather(*(self._store.runs.move(run_id, row.node, frozenset({row.state}), row.state,
                                                         reason=asked) for row in rows))

    # ---- nodes

    async def on_connected(self, node: str) -> None:
        """The node's connection stands: send again what it has not answered, and start what waited for it."""
        for row in await self._store.runs.active_on(node):
            if row.run in self._pacing:
                self._pacing[row.run].forget(node)
            run = await self._store.runs.get(row.run)
            if run is None:
                continue
            if row.state == DISPATCHED and not dispatch.cancel_asked(run, row):
                await self._send_request(run, node)
            self._rounds.mark(row.run)

    async def on_reply(self, node: str, reply: RunReply) -> None:
        """What an agent says of a run on itself; of runs and states that don't fit nothing is believed."""
        newer = reply.run in self._pacing and self._pacing[reply.run].answered(node)
        row = next((row for row in await self._store.runs.active_on(node) if row.run == reply.run), None)
        to = dispatch.after_reply(row, reply.state, newer) if row is not None else None
        if row is None or to is None:
            return
        await self._move(row, to, reply.reason[:dispatch.MAX_REASON])

    async def on_gone(self, node: str) -> None:
        """The node was revoked or is about to be removed: its rows end."""
        for row in await self._store.runs.active_on(node):
            await self._move(row, LOST, "the node was removed or its key revoked")

    # ---- time

    async def tick(self, now: float) -> None:
        """Look at the runs that something happened to, and every rounds.SWEEP seconds at all open ones."""
        self._watch_clock(now)
        await self._rounds.go(now, self._active, self.advance)

    async def _active(self) -> set[str]:
        """The open runs; what was kept of any other is forgotten."""
        active = set(await self._store.runs.active())
        self._pacing = {run: pacing for run, pacing in self._pacing.items() if run in active}
        return active

    async def advance(self, run_id: str, now: float) -> None:
        """Carry out what dispatch.decide says of one run."""
        async with self._advancing:
            run = await self._store.runs.get(run_id)
            if run is None or run.ended:
                return
            rows = await self._store.runs.nodes(run_id)
            pacing = self._pacing.setdefault(run_id, _Pacing())
            decision = dispatch.decide(run, rows, self._seats(rows), pacing.sent, pacing.asked, now)
            await self._carry_out(run, {row.node: row for row in rows}, decision)

    async def _carry_out(self, run: Run, rows: dict[str, RunNode], decision: Decision) -> None:
        await asyncio.gather(*(self._move(rows[end.node], end.state, end.reason) for end in decision.ends))
        taken = await asyncio.gather(*(self._dispatch(rows[node]) for node in decision.start))
        started = [node for node, mine in zip(decision.start, taken, strict=True) if mine]
        await self._all(self._send_request(run, node) for node in (*started, *decision.again))
        await self._all(self._send_cancel(run, rows[node]) for node in decision.cancel)
        if decision.over and all(row.state in TERMINAL for row in await self._store.runs.nodes(run.id)):
            await self._store.runs.update(run.id, ended=int(self._clock() * _SECOND))
            self._bus.publish(RunChanged(run.id, "", ENDED))

    async def _dispatch(self, row: RunNode) -> bool:
        """Take the row for sending; False when it is no longer queued."""
        moved = await self._store.runs.move(row.run, row.node, frozenset({QUEUED}), DISPATCHED,
                                            dispatched=int(self._clock() * _SECOND))
        if moved:
            self._bus.publish(RunChanged(row.run, row.node, DISPATCHED))
        return moved

    async def _move(self, row: RunNode, to: str, reason: str) -> None:
        now = int(self._clock() * _SECOND)
        changes: dict = {"ended": now, "reason": reason} if to in TERMINAL else {"started": now}
        if await self._store.runs.move(row.run, row.node, frozenset({row.state}), to, **changes):
            self._bus.publish(RunChanged(row.run, row.node, to, {"reason": reason} if reason else {}))
        self._rounds.mark(row.run)

    # ---- sending

    async def _send_request(self, run: Run, node: str) -> None:
        if await self._agents.send(node, await self._signer.request(run, node)):
            self._pacing.setdefault(run.id, _Pacing()).note_request(node, self._clock())

    async def _send_cancel(self, run: Run, row: RunNode) -> None:
        if await self._agents.send(row.node, await self._signer.cancel(run.id, row.node, dispatch.canceller(run, row))):
            self._pacing.setdefault(run.id, _Pacing()).note_cancel(row.node, self._clock())

    async def _all(self, sending: Iterable) -> None:
        """Send side by side: one slow connection holds up no other."""
        for result in await asyncio.gather(*sending, return_exceptions=True):
            if isinstance(result, Exception):
                log.error("a run's message could not be sent: %r", result)

    # ---- inside

    def _seats(self, rows: list[RunNode]) -> dict[str, Seat]:
        seats = {}
        for row in rows:
            node = self._fleet.node(row.node)
            if node is not None:
                since, heard = self._agents.since(row.node), node.last_seen / _SECOND
                seats[row.node] = Seat(self._agents.connected(row.node), max(since, self._graced),
                                       max(heard, self._graced), bool(node.revoked))
        return seats

    def _watch_clock(self, now: float) -> None:
        """After the clock was set forward everything looks long ago: count from now instead."""
        if self._steady is None:
            return
        offset = now - self._steady()
        if abs(offset - self._offset) > CLOCK_JUMP:
            log.warning("the clock was set by %d s", offset - self._offset)
            self._graced = now
        self._offset = offset

    async def _run(self, id: str) -> Run:
        run = await self._store.runs.get(id)
        if run is None:
            raise NotFound(f"there is no run {id}")
        return run

    def _hear(self, event: Event) -> None:
        if isinstance(event, RunChanged) and event.node:
            self._rounds.mark(event.run)
        elif isinstance(event, NodeChanged) and event.state in (REVOKED, REMOVED):
            self._rounds.mark_all()


def new_id(now: float) -> str:
    """A run's id: 9 letters of time (ms), so that ids sort by age, and 11 random ones."""
    ticks, text = int(now * 1000), ""
    while ticks:
        ticks, digit = divmod(ticks, 36)
        text = _DIGITS[digit] + text
    return text.rjust(9, "0") + "".join(secrets.choice(_DIGITS) for _ in range(11))
