"""The fleet: every node with its state now, kept in memory for selectors, and a loop that tells when a state changes.

The rows are the store's; what is kept here is a copy that is read again whenever a NodeChanged names a node. Keepalives
move the copy at once, before they are on the disk, so liveness never waits for it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from dvic_hub.bus.port import Bus
from dvic_hub.domain import liveness
from dvic_hub.domain.events import Event, NodeChanged
from dvic_hub.domain.liveness import NodeView
from dvic_hub.domain.model import Node
from dvic_hub.errors import HubError
from dvic_hub.store.port import Store
from dvic_wire import selectors

log = logging.getLogger("dvic.watch")


class FleetService:
    """All nodes. `clock` gives Unix seconds. `start()` before anything else is asked."""

    def __init__(self, store: Store, bus: Bus, clock: Callable[[], float]):
        self._store = store
        self._bus = bus
        self._clock = clock
        self._nodes: dict[str, Node] = {}
        self._names: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._last_tick = 0.0
        self._stale: set[str] = set()
        self._reading: asyncio.Task | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Read every node and begin to listen for changes."""
        self._unsubscribe = self._bus.subscribe(self._hear)
        now = self._clock()
        for node in await self._store.nodes.all():
            self._put(liveness.after_clock_step(node, now))
            self._states[node.id] = liveness.state_of(self._nodes[node.id], now)

    async def stop(self) -> None:
        self._unsubscribe()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    # ---- asking

    def __len__(self) -> int:
        return len(self._nodes)

    def node(self, id: str) -> Node | None:
        """The row as it is known here."""
        return self._nodes.get(id)

    def state_of(self, node: Node, now: float) -> str:
        return liveness.state_of(node, now)

    def view(self, id_or_name: str) -> NodeView | None:
        """One node, by id or by name."""
        node = self._nodes.get(id_or_name) or self._nodes.get(self._names.get(id_or_name.lower(), ""))
        return None if node is None else liveness.view_of(node, self._clock())

    def views(self) -> list[NodeView]:
        """Every node, by name."""
        now = self._clock()
        views = [liveness.view_of(node, now) for node in self._nodes.values()]
        return sorted(views, key=lambda view: (view.name, view.id))

    def select(self, selector: str) -> list[NodeView]:
        """The nodes that a selector names, by name; raises InvalidSelector or LimitExceeded."""
        wanted = selectors.parse(selector)
        return [view for view in self.views() if wanted.matches(view)]

    def counts(self) -> dict[str, int]:
        """Nodes in each state."""
        now, found = self._clock(), dict.fromkeys(liveness.STATES, 0)
        for node in self._nodes.values():
            found[liveness.state_of(node, now)] += 1
        return found

    # ---- changing

    def heard(self, id: str, **changes: object) -> None:
        """A sign of life: move the copy of the row (last_seen, period, serial ...) at once."""
        node = self._nodes.get(id)
        if node is not None:
            self._nodes[id] = replace(node, **changes)
            self._tell_if_changed(id, self._clock())

    async def reload(self, id: str) -> Node | None:
        """Read one row again; None when it is gone. What this process heard since the row was written stays."""
        row, known = await self._store.nodes.get(id), self._nodes.get(id)
        if row is None or row.id != id:
            self._forget(id)
            return None
        now = self._clock()
        if known is not None and (known.last_seen > row.last_seen or liveness.after_clock_step(row, now) is not row):
            row = replace(row, last_seen=known.last_seen, address=known.address, period=known.period,
                          serial=known.serial, serial_window=known.serial_window, status=known.status)
        self._put(liveness.after_clock_step(row, now))
        return self._nodes[id]

    async def announce(self, id: str) -> Node | None:
        """Read one row again and tell everyone that it changed. To be called by whoever changed it."""
        node = await self.reload(id)
        state = liveness.REMOVED if node is None else liveness.state_of(node, self._clock())
        if node is not None:
            self._states[id] = state
        self._bus.publish(NodeChanged(id, state))
        return node

    def tick(self, now: float) -> None:
        """Tell of every node whose state changed with time. Called each second."""
        if now < self._last_tick - liveness.CLOCK_STEP:
            log.warning("the clock was set back by %d s", self._last_tick - now)
            for id, node in self._nodes.items():
                self._nodes[id] = liveness.after_clock_step(node, now)
        self._last_tick = now
        for id in list(self._nodes):
            self._tell_if_changed(id, now)

    # ---- inside

    def _tell_if_changed(self, id: str, now: float) -> None:
        state = liveness.state_of(self._nodes[id], now)
        if self._states.get(id) != state:
            self._states[id] = state
            self._bus.publish(NodeChanged(id, state))

    def _put(self, node: Node) -> None:
        known = self._nodes.get(node.id)
        if known is not None and self._names.get(known.name.lower()) == node.id:
            del self._names[known.name.lower()]
        self._nodes[node.id] = node
        self._names[node.name.lower()] = node.id

    def _forget(self, id: str) -> None:
        node = self._nodes.pop(id, None)
        self._states.pop(id, None)
        if node is not None and self._names.get(node.name.lower()) == id:
            del self._names[node.name.lower()]

    def _hear(self, event: Event) -> None:
        """A row changed, here or at another hub: read it again, soon."""
        if isinstance(event, NodeChanged):
            self._stale.add(event.node)
            if self._reading is None or self._reading.done():
                self._reading = asyncio.get_running_loop().create_task(self._read_stale())

    async def _read_stale(self) -> None:
        while self._stale:
            id = self._stale.pop()
            try:
                await self.reload(id)
            except HubError as error:
                log.warning("node %s could not be read again: %s", id, error)
