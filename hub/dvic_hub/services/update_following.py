"""Updates that are under way: their steps and ends become states of their rollout's rows, and the hub gives its word.

Steps come over the bus, which may lose them; so those of an update that was not followed from its beginning (the hub
was restarted), and those of one that has ended, are read from what its run wrote. The word that the new agent was
welcomed is given when it is, again at each connection, and every CONFIRM_AGAIN seconds until the update has ended.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import msgspec

from dvic_hub.bus.port import Bus
from dvic_hub.domain.dispatch import MAX_REASON
from dvic_hub.domain.events import Event, NodeChanged, RolloutChanged, RunChanged, RunOutputStored
from dvic_hub.domain.model import Rollout, RolloutNode, RunNode
from dvic_hub.domain.update_progress import after_end, after_step, awaits_word
from dvic_hub.errors import HubError
from dvic_hub.services.agents import AgentService
from dvic_hub.services.run_signing import RunSigner
from dvic_hub.store.port import Store
from dvic_wire.runs import QUEUED
from dvic_wire.runs import TERMINAL as RUN_ENDS
from dvic_wire.updates import PENDING, STEPS, TERMINAL

CONFIRM_AGAIN = 20.0
"""Seconds after which a word that had no effect yet is given again."""

PAGE = 500
"""Records of an update's output that are read at a time."""

_SECOND = 1_000_000


@dataclass(frozen=True)
class Step:
    """`name` is one of dvic_wire.updates.STEPS, "" before the first; `text` is for people."""

    name: str = ""
    text: str = ""


class _Peek(msgspec.Struct, gc=False):
    """What is looked at of a record."""

    step: dict[str, str] | None = None


_PEEK = msgspec.json.Decoder(_Peek)


class UpdateFollower:
    """What it remembers of open rollouts between two looks is lost at a restart without harm. `mark` is told of a
    rollout to look at; `clock` gives Unix seconds."""

    def __init__(self, store: Store, bus: Bus, agents: AgentService, signer: RunSigner, clock: Callable[[], float],
                 mark: Callable[[str], None]):
        self._store = store
        self._bus = bus
        self._agents = agents
        self._signer = signer
        self._clock = clock
        self._mark = mark
        self._rollout_of: dict[str, str] = {}
        self._nodes: dict[str, str] = {}
        self._heard: dict[str, list[Step]] = {}
        self._last: dict[str, Step] = {}
        self._confirmed: dict[str, float] = {}

    def hear(self, event: Event) -> None:
        """Note what an event says of an update that is followed. To be called for each event."""
        if isinstance(event, RunOutputStored) and event.run in self._rollout_of:
            if steps := _steps_of(event.records):
                self._heard.setdefault(event.run, []).extend(steps)
                self._mark(self._rollout_of[event.run])
        elif isinstance(event, RunChanged) and event.run in self._rollout_of:
            self._mark(self._rollout_of[event.run])
        elif isinstance(event, NodeChanged):
            self._look_at(event.node)

    def on_connected(self, node: str) -> None:
        """A new connection stands: what was said over the one before may not have come."""
        self._confirmed.pop(node, None)
        self._look_at(node)

    def _look_at(self, node: str) -> None:
        if node in self._nodes:
            self._mark(self._nodes[node])

    def begins(self, rollout: Rollout, row: RolloutNode) -> None:
        """The row's update is about to be ordered: there is nothing of it to read."""
        self._rollout_of[row.run] = rollout.id
        self._last[row.run] = Step()

    async def follow(self, rollout: Rollout, row: RolloutNode, run: RunNode | None, now: float) -> RolloutNode:
        """The row as it is after what its node and its update have told by now."""
        if row.state in TERMINAL:
            return row
        self._nodes[row.node] = rollout.id
        if not row.run or run is None:
            return row
        self._rollout_of[row.run] = rollout.id
        try:
            return await self._follow(rollout, row, run, now)
        except HubError:
            self._last.pop(row.run, None)  # read it all again when the store is well
            raise

    async def _follow(self, rollout: Rollout, row: RolloutNode, run: RunNode, now: float) -> RolloutNode:
        heard, ended = self._heard.pop(row.run, []), run.state in RUN_ENDS
        if ended or row.run not in self._last:
            heard = await self._stored(row)
        last = self._last[row.run] = heard[-1] if heard else self._last.get(row.run, Step())
        for step in heard:
            for state in after_step(row.state, step.name):
                row = await self.go(rollout, row, state, step.text)
        if ended:
            may_wait = now * _SECOND < rollout.queue_until and not rollout.cancelled
            for state in after_end(row.state, run.state, last.name, bool(run.dispatched), may_wait):
                row = await self.go(rollout, row, state, run.reason or last.text)
            self._forget(row, run.run)
        elif run.state != QUEUED and awaits_word(row.from_version, self._agents.version(row.node), rollout.version):
            await self._confirm(rollout, row, now)
        return row

    async def go(self, rollout: Rollout, row: RolloutNode, state: str, reason: str) -> RolloutNode:
        """Move a row, and tell; the row as it is then. One that is not where it was thought to be stays."""
        now = int(self._clock() * _SECOND)
        changes: dict = {"reason": reason[:MAX_REASON], "changed": now}
        if state in TERMINAL:
            changes["ended"] = now
        elif state == PENDING:
            changes |= {"run": "", "sent": 0}
        if not await self._store.rollouts.move(rollout.id, row.node, row.state, state, **changes):
            return row
        row = replace(row, state=state, **changes)
        if state in TERMINAL:
            self._nodes.pop(row.node, None)
        self.tell(rollout, row)
        return row

    def tell(self, rollout: Rollout, row: RolloutNode) -> None:
        """Tell everyone where a row is now."""
        self._bus.publish(RolloutChanged(rollout.id, row.node, row.state, {
            "reason": row.reason, "from": row.from_version, "to": row.to_version, "run": row.run}))
        self._mark(rollout.id)

    async def _confirm(self, rollout: Rollout, row: RolloutNode, now: float) -> None:
        if 0 <= now - self._confirmed.get(row.node, float("-inf")) < CONFIRM_AGAIN:
            return
        if await self._agents.send(row.node, await self._signer.confirm(row.run, row.node, rollout.version)):
            self._confirmed[row.node] = now

    async def _stored(self, row: RolloutNode) -> list[Step]:
        """All steps of an update that are stored, in order."""
        found: list[Step] = []
        after = ""
        while True:
            page = await self._store.streams.run_output(row.run, row.node, after, PAGE)
            found += [_step(record["step"]) for record in page.items if _is_known(record.get("step"))]
            after = page.next
            if not after:
                return found

    def _forget(self, row: RolloutNode, run: str) -> None:
        self._confirmed.pop(row.node, None)
        for book in (self._rollout_of, self._heard, self._last):
            book.pop(run, None)


def _steps_of(records: Iterable[bytes]) -> list[Step]:
    found = (_PEEK.decode(record).step for record in records if b'"step"' in record)
    return [_step(step) for step in found if _is_known(step)]


def _is_known(step: dict | None) -> bool:
    """A step of a newer agent is passed over."""
    return step is not None and step["name"] in STEPS


def _step(record: dict) -> Step:
    return Step(record["name"], record.get("text", "")[:MAX_REASON])
