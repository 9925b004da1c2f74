"""Heartbeats heard over UDP: let in by address, verified in threads in batches, counted once, never answered.

A signed one is a keepalive like any other (services/agents.py), with the same window of serials, so what was posted or
came over a WebSocket doesn't count here again, nor after a restart. Whatever does not verify is counted and forgotten:
an answer would tell a stranger something, or be sent to somebody whose address it borrowed.

`offer` is called for each datagram and costs microseconds; the work is done by `turn`, which a few tasks call again and
again: while one waits for the disk, another verifies.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from dvic_hub.domain import datagrams
from dvic_hub.domain.datagrams import Datagram, Floods, Gate
from dvic_hub.domain.keepalive import Beat, Seen, read_beat
from dvic_hub.domain.model import Node
from dvic_hub.errors import HubError, StoreError
from dvic_hub.services.agents import AgentService
from dvic_hub.services.device_reports import store_numbers
from dvic_hub.services.hosts import HostService
from dvic_hub.services.ingest import IngestService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.errors import WireError
from dvic_wire.signing import Jws, Purpose, verify

BATCH = 512
"""Heartbeats verified in one go of a thread, and stored in one transaction."""

GATHER_SECONDS = 0.05
"""For how long heartbeats are collected, where fewer than BATCH wait: each batch costs a thread's turn and a commit."""

MAX_WAITING_BEATS = 8192
"""Signed heartbeats that wait to be verified; further ones are dropped."""

log = logging.getLogger("dvic.heartbeats")


@dataclass
class Counters:
    """Datagrams since the start, by what became of them."""

    verified: int = 0
    refused: int = 0
    """Signed, but not so that it holds: another key, hub, transport or time, or an unknown node."""
    replayed: int = 0
    unsigned: int = 0
    """Of hosts whose network a setting names; others are junk."""
    junk: int = 0
    limited: int = 0
    """Not looked into: their address had sent too much."""
    dropped: int = 0
    """Too many waited, or they could not be stored."""


class HeartbeatService:
    """`hub` is the hub's fingerprint, `clock` gives Unix seconds, `steady` seconds that only grow."""

    def __init__(self, store: Store, fleet: FleetService, agents: AgentService, ingest: IngestService,
                 hosts: HostService, hub: str, clock: Callable[[], float], steady: Callable[[], float]):
        self._store = store
        self._fleet = fleet
        self._agents = agents
        self._ingest = ingest
        self._hosts = hosts
        self._hub = hub
        self._clock = clock
        self._steady = steady
        self._gate = Gate()
        self._waiting: deque[Datagram] = deque()
        self._some = asyncio.Event()
        self.counters = Counters()
        self.floods = Floods()
        """To be dropped before they are offered."""

    def offer(self, data: bytes, address: str) -> None:
        """A datagram has come."""
        now = self._steady()
        kind, datagram = self._gate.admit(data, address, now)
        if datagram is not None:
            self._wait(datagram)
        elif kind is datagrams.UNSIGNED and self._hosts.hear(address):
            self.counters.unsigned += 1
        else:
            if kind is datagrams.LIMITED:
                self.counters.limited += 1
            else:
                self.counters.junk += 1
            if self.floods.count(datagrams.key_of(address), now):
                log.warning("%s floods the heartbeats' port: it is dropped for %d s", address, datagrams.FLOOD_SECONDS)

    def lift_floods(self) -> None:
        """To be called each second."""
        self.floods.lift(self._steady())

    def _wait(self, datagram: Datagram) -> None:
        if len(self._waiting) >= MAX_WAITING_BEATS:
            self.counters.dropped += 1
            return
        self._waiting.append(datagram)
        self._some.set()

    async def turn(self) -> None:
        """Wait for heartbeats, and take a batch of them."""
        await self._some.wait()
        if len(self._waiting) < BATCH:
            await asyncio.sleep(GATHER_SECONDS)
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if not self._waiting:
            self._some.clear()
        if not batch:
            return
        beats = await asyncio.to_thread(self._verified, batch, self._clock())
        counted = self._count(batch, beats)
        self.counters.refused += len(batch) - sum(beat is not None for beat in beats)
        try:
            await self._store.nodes.seen(list({seen.id: seen for seen, _ in counted}.values()))
            for seen, beat in counted:
                await store_numbers(self._store, self._ingest, seen.id, beat.serial, beat.numbers, seen.time)
        except StoreError as error:
            self.counters.dropped += len(counted)
            log.warning("%d heartbeats are not kept: %s", len(counted), error)

    def _verified(self, batch: list[Datagram], now: float) -> list[tuple[Node, Beat] | None]:
        """Of each what it says and who says it, or None. In a thread; the fleet is only looked up in."""
        return [self._read(datagram.text, now) for datagram in batch]

    def _read(self, text: str, now: float) -> tuple[Node, Beat] | None:
        try:
            jws = Jws(text)
            claimed = jws.claims.get("iss")
            node = self._fleet.node(claimed) if isinstance(claimed, str) else None
            if node is None or node.revoked:
                return None
            claims = verify(jws, node.key, Purpose.KEEPALIVE_UDP, audience=self._hub, now=now)
            return node, read_beat(claims, node.id)
        except WireError as error:
            log.debug("a heartbeat was refused: %s", error)
            return None

    def _count(self, batch: list[Datagram], beats: list[tuple[Node, Beat] | None]) -> list[tuple[Seen, Beat]]:
        """Those that count, in order."""
        counted: list[tuple[Seen, Beat]] = []
        now = self._steady()
        for datagram, found in zip(batch, beats, strict=True):
            if found is None:
                continue
            node, beat = found
            try:
                counted.append((self._agents.count_beat(node.id, beat, datagram.address)[1], beat))
            except HubError:
                self.counters.replayed += 1
                continue
            self.counters.verified += 1
            self._gate.was_good(datagram, now)
        return counted
