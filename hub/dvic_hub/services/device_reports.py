"""What a device reports without cursors of its own: numbers become samples, records become lines of its log.

A device that can't hold a WebSocket has no cursors; the hub keeps them for it, and they name the keepalive's serial. A
node whose agent reports a real stream of the same name keeps that one: what is posted beside it is not stored.
"""

import msgspec

from dvic_hub.errors import Conflict, StoreError, StoreFull, TooMany
from dvic_hub.services.ingest import IngestService
from dvic_hub.store.port import Store
from dvic_wire.messages import Ack
from dvic_wire.streams import HARDWARE, JOURNAL

CURSOR_PREFIX = "keepalive:"

SOURCE = "device"
"""The source that people see of a device's records."""

TRIES = 3
"""How often it is tried again when another report of the same device came between."""


async def store_numbers(store: Store, ingest: IngestService, node: str, serial: int, numbers: dict[str, float],
                        time: int) -> bool:
    """Keep the numbers as one sample at `time` (microseconds); False when they could not be, or need not be."""
    if not numbers:
        return False
    ack = await _commit(store, ingest, node, HARDWARE, HARDWARE, serial, [{"time": time, "values": numbers}])
    return ack is not None and ack.stored


async def store_records(store: Store, ingest: IngestService, node: str, serial: int, records: list) -> None:
    """Keep log records. Raises MalformedMessage or LimitExceeded for what is none, Conflict when the node's agent
    reports its log, TooMany, StoreError."""
    if not records:
        return
    ack = await _commit(store, ingest, node, JOURNAL, SOURCE, serial, records)
    if ack is None:
        raise Conflict("this node's agent reports its log itself", code="has-agent")
    if ack.reason == "disk-full":
        raise StoreFull("the hub's disk is full: send it again, with another serial")
    if ack.reason:
        raise StoreError("the records could not be stored: send them again, with another serial")
    if not ack.stored:
        raise TooMany("too many reports of this device at once: send it again, with another serial", retry=5)


async def _commit(store: Store, ingest: IngestService, node: str, stream: str, source: str, serial: int,
                  records: list) -> Ack | None:
    """Store records in a stream whose cursor the hub keeps; None when it is the agent's."""
    ack = None
    for _ in range(TRIES):
        held = (await store.streams.cursors(node)).get(stream, "")
        if held and not held.startswith(CURSOR_PREFIX):
            return None
        batch = {"kind": "batch", "stream": stream, "from_cursor": held, "to_cursor": f"{CURSOR_PREFIX}{serial}",
                 "source": source, "records": records}
        ack = await ingest.commit(node, msgspec.json.encode(batch))
        if ack.stored or ack.reason:
            break
    return ack
