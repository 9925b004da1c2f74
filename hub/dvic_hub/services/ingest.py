"""Batches of nodes into the store: checked, committed with their cursor, answered, told to whoever listens.

The order matters: nothing is answered or told before it is on the disk. What can't be stored for want of room is
answered so, and the node, whose sources can be read again, comes back later.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from msgspec import UNSET

from dvic_hub.bus.port import Bus
from dvic_hub.domain.decoding import DecodedBatch, Kind, decode_batch
from dvic_hub.domain.events import LogsStored, RawRecords, RunChanged, RunOutputStored, SamplesStored
from dvic_hub.domain.model import IncomingBatch
from dvic_hub.domain.packages import PackageChange
from dvic_hub.errors import StoreError, StoreFull
from dvic_hub.services.room import Room
from dvic_hub.store.port import Store
from dvic_wire.errors import LimitExceeded, MalformedMessage
from dvic_wire.messages import Ack
from dvic_wire.runs import RUNNING

DISK_FULL_RETRY = 10
"""Seconds after which a node may try again when the disk has no room."""

FAILED_RETRY = 5
"""The same when the database failed in another way."""

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Bytes of JSON that may wait for the disk, of all connections together."""

log = logging.getLogger(__name__)


class Steps(Protocol):
    """Who knows which records are events of monitoring services (CycleService)."""

    def found(self, node: str, records: list, source: str) -> tuple[bytes, Mapping[str, Sequence[int]]]:
        """The events among log records, as they are to be stored with them (b"": none), and whose they are: of each
        service the places of its records."""

    def wake(self) -> None:
        """Events were stored."""


class Packages(Protocol):
    """Who knows what becomes of histogram packages (PackageService)."""

    def change(self, node: str, batch: DecodedBatch) -> PackageChange:
        """What a batch says of a package; raises MalformedMessage, LimitExceeded."""

    def stored(self, change: PackageChange, number: int) -> None:
        """It is on the disk, as the snapshot of this number."""

    def refused(self, node: str, stream: str, reason: str) -> None:
        """A batch of this stream could not be used."""


class IngestService:
    """`announce` tells everyone that a node's row changed (FleetService.announce)."""

    def __init__(self, store: Store, bus: Bus, announce: Callable[[str], Awaitable[object]] | None = None,
                 steps: Steps | None = None, packages: Packages | None = None) -> None:
        self._store = store
        self._bus = bus
        self._announce = announce
        self._steps = steps
        self._packages = packages
        self._warned_full = False
        self.room = Room(MAX_WAITING_BYTES)
        """To be taken by who hands batches over, before they are inflated."""
        self.records = 0
        self.batches = 0
        self.refused = 0
        self.malformed = 0

    async def commit(self, node: str, data: bytes, frame: bytes = b"") -> Ack:
        """Store the batch whose JSON is `data`, and which came in the zlib frame `frame` (b"": it came as text).

        Raises MalformedMessage or LimitExceeded when it is no batch that could ever be stored, NotFound when the node
        was removed meanwhile.
        """
        try:
            decoded = decode_batch(data)
            batch = self._incoming(node, decoded, frame)
        except Exception:
            self.malformed += 1
            raise
        services: Mapping[str, Sequence[int]] = {}
        if self._steps and decoded.kind is Kind.LOG:
            steps, services = self._steps.found(node, decoded.records, decoded.source)
            batch = replace(batch, steps=steps)
        try:
            verdict = await self._store.streams.commit(batch)
        except StoreFull:
            return self._not_stored(decoded, "disk-full", DISK_FULL_RETRY)
        except StoreError:
            return self._not_stored(decoded, "store-failed", FAILED_RETRY)
        self._warned_full = False
        if not verdict.accepted:
            self.refused += 1
            return Ack(decoded.stream, verdict.cursor, stored=False, closed=verdict.closed)
        self.records += batch.count
        self.batches += 1
        self._tell(node, decoded, batch, verdict.number, services)
        if batch.package:
            self._packages.stored(batch.package, verdict.number)
        if batch.steps:
            self._steps.wake()
        if batch.facts and self._announce:
            await self._announce(node)
        return Ack(decoded.stream, verdict.cursor, closed=verdict.closed)

    def _incoming(self, node: str, decoded: DecodedBatch, frame: bytes) -> IncomingBatch:
        batch = incoming(node, decoded, frame)
        if decoded.kind is not Kind.PACKAGE:
            return batch
        if self._packages is None:
            raise MalformedMessage("nobody takes packages here", "stream")
        try:
            return replace(batch, package=self._packages.change(node, decoded))
        except (MalformedMessage, LimitExceeded) as error:
            self._packages.refused(node, decoded.stream, str(error))
            raise

    def _not_stored(self, decoded: DecodedBatch, reason: str, retry: int) -> Ack:
        if not self._warned_full:
            log.error("batches can't be stored (%s); nodes are told to try again in %d s", reason, retry)
            self._warned_full = True
        return Ack(decoded.stream, decoded.from_cursor, stored=False, reason=reason, retry=retry)

    def _tell(self, node: str, decoded: DecodedBatch, batch: IncomingBatch, number: int,
              services: Mapping[str, Sequence[int]]) -> None:
        publish, records = self._bus.publish, RawRecords(decoded.records_json)
        if batch.count and decoded.kind is Kind.LOG:
            publish(LogsStored(node, decoded.source, records, decoded.levels, number, services))
        elif batch.count and decoded.kind is Kind.RUN:
            publish(RunOutputStored(node, decoded.run, records, number))
        elif batch.count and decoded.kind is not Kind.PACKAGE:
            publish(SamplesStored(node, decoded.stream, records))
        if batch.run_end:
            publish(RunChanged(decoded.run, node, batch.run_end["state"], dict(batch.run_end)))
        elif batch.run_start:
            publish(RunChanged(decoded.run, node, RUNNING, {}))


def incoming(node: str, decoded: DecodedBatch, frame: bytes) -> IncomingBatch:
    """What the store is given of a batch that was checked."""
    run_end, run_start, facts = None, 0, None
    if decoded.kind is Kind.RUN:
        run_start = next((record.time for record in decoded.records if record.start is not UNSET), 0)
        end = decoded.records[-1].end if decoded.records else UNSET
        if end is not UNSET:
            run_end = {"state": end.state, "exit_code": _or(end.exit_code, -1), "reason": _or(end.reason, ""),
                       "cut": _or(end.cut, 0)}
    elif decoded.kind is Kind.HARDWARE:
        for record in decoded.records:
            if record.facts is not UNSET:
                facts = {**(facts or {}), **record.facts}
    return IncomingBatch(
        node=node, stream=decoded.stream, from_cursor=decoded.from_cursor, to_cursor=decoded.to_cursor,
        source=decoded.source, about=decoded.about, closed=decoded.closed, records_json=decoded.records_json,
        count=len(decoded.records), first_time=decoded.first_time, last_time=decoded.last_time, levels=decoded.levels,
        frame=frame, run_end=run_end, run_start=run_start, facts=facts)


def _or(value: object, default: object) -> object:
    return default if value is UNSET else value
