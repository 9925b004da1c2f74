"""Batches as nodes send them, for tests of the store and the ingest."""

import json
import zlib

from dvic_hub.domain.decoding import decode_batch
from dvic_hub.domain.model import IncomingBatch, LogQuery
from dvic_hub.services.ingest import incoming
from dvic_hub.store.port import Store
from dvic_wire.records import log, sample

NOON = 1_763_640_000
"""Seconds: 2025-11-20 12:00 UTC."""

MICROSECONDS = 1_000_000


def message(stream: str, records: list, start: str = "", end: str = "1", *, source: str = "journal",
            **more: object) -> bytes:
    """The JSON of a batch message."""
    return json.dumps({"kind": "batch", "stream": stream, "from_cursor": start, "to_cursor": end, "source": source,
                       "records": records, **more}, ensure_ascii=False).encode()


def batch(node: str, stream: str, records: list, start: str = "", end: str = "1", *, framed: bool = True,
                   **more: object) -> IncomingBatch:
    """The same, checked and ready for the store."""
    data = message(stream, records, start, end, **more)
    return incoming(node, decode_batch(data), zlib.compress(data, 1) if framed else b"")


def lines(first: int, count: int, text: str = "line {}", *, level: str = "info", at: float = NOON,
          **extra: object) -> list:
    """Log records, numbered from `first`, a millisecond apart."""
    return [log(int(at * MICROSECONDS) + number * 1000, level, text.format(number), **extra)
            for number in range(first, first + count)]


def samples(first: int, count: int, at: float = NOON, every: float = 10.0) -> list:
    """Hardware samples, numbered from `first`."""
    return [sample(int((at + number * every) * MICROSECONDS), {"cpu": number % 100 + 0.5, "memory.used": 4096 * number})
            for number in range(first, first + count)]


async def all_pages(store: Store, **query: object) -> list[str]:
    """Messages of every page of a search, newest first."""
    found, before = [], ""
    while True:
        page = await store.streams.search(LogQuery(before=before, **query))
        found += [item.record["message"] for item in page.items]
        before = page.next
        if not before:
            return found


async def compact(store: Store) -> None:
    """Join all that can be joined."""
    while await store.streams.compact():
        pass
