"""Silences: made and ended by people, by maintenance windows, and by time; and which one counts for a node.

The rows are the store's. They are read again each second, so that whichever hub made or ended one, all know of it, and
one whose time has come ends without anybody; each node for which that changes anything is told as changed.
"""

import asyncio
from collections.abc import Callable, Iterable

from dvic_hub.bus.port import Bus
from dvic_hub.domain import silences as rules
from dvic_hub.domain.events import NodeChanged
from dvic_hub.domain.liveness import REVOKED, NodeView
from dvic_hub.domain.model import Silence
from dvic_hub.domain.people import Actor
from dvic_hub.domain.silences import MAX_SILENCES, Rule, SilenceOrder
from dvic_hub.domain.windows import WINDOW_ID, Calendar, ended_since
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.audit import AuditService
from dvic_hub.services.runs import new_id
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store

REMEMBERED = 3600
"""Seconds for which a silence that ended is remembered: longer than what happened in it may wait to be told or not."""

_SECOND = 1_000_000

Looks = tuple[str, dict[str, str], str]
"""What of a node a silence looks at: its name, tags and system."""


class SilenceService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Store, bus: Bus, fleet: FleetService, audit: AuditService, clock: Callable[[], float]):
        self._store = store
        self._bus = bus
        self._fleet = fleet
        self._audit = audit
        self._clock = clock
        self._rules: tuple[Rule, ...] = ()
        self._found: dict[str, tuple[Looks, Silence | None]] = {}
        self._ended: list[tuple[Rule, int]] = []
        self._calendar = Calendar()
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Read what there is. The fleet must have started."""
        now = self._clock()
        self._ended = [(Rule.of(ended), ended.until) for window in await self._store.silences.windows()
                       for ended in ended_since(window, now - REMEMBERED, now)]
        await self._read()

    def of(self, view: NodeView) -> Silence | None:
        """The silence that counts for a node now. Remembered until the node or the silences change, as it is asked for
        every node of every list."""
        if not self._rules:
            return None
        looks, known = _looks(view), self._found.get(view.id)
        if known is None or known[0] != looks:
            known = self._found[view.id] = looks, rules.silence_of(view, self._rules)
        found = known[1]
        return found if found is not None and rules.is_on(found, self._clock()) else None

    def at(self, view: NodeView, moment: float) -> Silence | None:
        """The silence that counted for a node at a moment that is not long ago (REMEMBERED)."""
        if (now := self.of(view)) is not None and rules.is_on(now, moment):
            return now
        was = [(rule, rule.silence.until) for rule in self._rules] + self._ended
        return next((rule.silence for rule, until in was
                     if rule.silence.created <= moment * _SECOND < until and rule.means(view)), None)

    def all(self) -> list[Silence]:
        """Those that are on, the one that ends last first."""
        now = self._clock()
        return [rule.silence for rule in self._rules if rules.is_on(rule.silence, now)]

    async def meant(self, silences: Iterable[Silence]) -> list[int]:
        """How many nodes each of them means now."""
        views, wanted = self._fleet.views(), [Rule.of(silence) for silence in silences]
        return await asyncio.to_thread(lambda: [sum(rule.means(view) for view in views) for rule in wanted])

    async def add(self, order: SilenceOrder, actor: Actor) -> Silence:
        """Raises BadRequest, InvalidSelector, LimitExceeded; Conflict when there are too many."""
        wanted = rules.check_order(order)
        views = [view for view in self._fleet.views() if view.state != REVOKED and wanted.matches(view)]
        if order.fixed and not views:
            raise BadRequest("the selector names no node", code="no-nodes", field="selector")
        now = int(self._clock() * _SECOND)
        silence = Silence(new_id(self._clock()), order.selector, now + order.seconds * _SECOND, now, actor.name,
                          order.reason, order.fixed, [view.id for view in views] if order.fixed else [])
        detail = {"silence": silence.id, "seconds": order.seconds, "fixed": order.fixed, "nodes": len(views),
                  "reason": order.reason}
        async with self._audit.record(actor, "silence.add", order.selector, detail):
            if not await self._store.silences.add(silence, MAX_SILENCES):
                raise Conflict(f"at most {MAX_SILENCES} silences may be there", code="limit", limit=MAX_SILENCES)
        await self.tick()
        return silence

    async def end(self, id: str, actor: Actor) -> None:
        """Before its time; raises NotFound."""
        if id.startswith(WINDOW_ID):
            raise Conflict(f"a maintenance window makes this silence: remove {id.removeprefix(WINDOW_ID)} among the "
                           "windows", code="of-a-window")
        found = next((silence for silence in await self._on() if silence.id == id), None)
        if found is None:
            raise NotFound(f"there is no silence {id} (any more)")
        async with self._audit.record(actor, "silence.end", id, {"selector": found.selector}):
            await self._store.silences.remove(id)
        await self.tick()

    async def tick(self) -> None:
        """Take what is there as it is, and tell of each node that is silenced, or is no longer. Called each second."""
        async with self._lock:  # a reading of before must not come in last
            ids, by_windows = await self._store.silences.ids(), await self._by_windows()
            made = {one.id for one in self.all() if not one.id.startswith(WINDOW_ID)}
            held = [rule.silence for rule in self._rules if rule.silence.id.startswith(WINDOW_ID)]
            if made != ids or held != _longest_first(by_windows):
                await self._read()

    # ---- inside

    async def _read(self) -> None:
        """Take over what there is; what is over is forgotten."""
        before, after, views = self._rules, rules.rules_of(await self._on()), self._fleet.views()
        now, lasting = int(self._clock() * _SECOND), [rule.silence for rule in after]
        self._ended = [(rule, until) for rule, until in self._ended if now - until < REMEMBERED * _SECOND]
        self._ended += [(rule, min(rule.silence.until, now)) for rule in before if rule.silence not in lasting]
        found, changed = await asyncio.to_thread(_compared, views, before, after)
        self._rules, self._found = after, found
        for view in changed:
            self._bus.publish(NodeChanged(view.id, view.state))

    async def _on(self) -> list[Silence]:
        rows, now, on = await self._store.silences.all(), self._clock(), []
        for row in rows:
            if rules.is_on(row, now):
                on.append(row)
            else:
                await self._store.silences.remove(row.id)
        return on + await self._by_windows()

    async def _by_windows(self) -> list[Silence]:
        """Of the maintenance windows that are on now."""
        return self._calendar.silences(await self._store.silences.windows(), self._clock())


def _longest_first(silences: list[Silence]) -> list[Silence]:
    return [rule.silence for rule in rules.rules_of(silences)]


def _looks(view: NodeView) -> Looks:
    return view.name, view.tags, view.os


def _compared(views: list[NodeView], before: tuple[Rule, ...], after: tuple[Rule, ...]
              ) -> tuple[dict[str, tuple[Looks, Silence | None]], list[NodeView]]:
    """What counts for each node by the rules `after`, and the nodes for which that is something else than `before`. Of
    thousands of nodes it takes a moment, in which the hub has other things to do: it is not for the event loop."""
    found = {view.id: (_looks(view), rules.silence_of(view, after)) for view in views}
    return found, [view for view in views if rules.silence_of(view, before) != found[view.id][1]]
