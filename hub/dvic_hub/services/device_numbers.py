"""The numbers that a device carries in its keepalives become samples, as if it had a hardware stream of its own.

A device that can't hold a WebSocket has no cursors; the hub keeps one for it that names the keepalive's serial. A node
whose agent reports a real hardware stream keeps that one: its numbers are not stored.
"""

import msgspec

from dvic_hub.services.ingest import IngestService
from dvic_hub.store.port import Store
from dvic_wire.streams import HARDWARE

CURSOR_PREFIX = "keepalive:"

TRIES = 3
"""How often it is tried again when another keepalive of the same device came between."""


async def store_numbers(store: Store, ingest: IngestService, node: str, serial: int, numbers: dict[str, float],
                        time: int) -> bool:
    """Keep the numbers as one sample at `time` (microseconds); False when they could not be, or need not be."""
    if not numbers:
        return False
    for _ in range(TRIES):
        held = (await store.streams.cursors(node)).get(HARDWARE, "")
        if held and not held.startswith(CURSOR_PREFIX):
            return False
        batch = {"kind": "batch", "stream": HARDWARE, "from_cursor": held, "to_cursor": f"{CURSOR_PREFIX}{serial}",
                 "source": HARDWARE, "records": [{"time": time, "values": numbers}]}
        ack = await ingest.commit(node, msgspec.json.encode(batch))
        if ack.stored or ack.reason:
            return ack.stored
    return False
