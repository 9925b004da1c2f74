"""Log search and run output over the tables of all days. Every function runs inside one read transaction."""

import heapq
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import apsw

from dvic_hub.domain import token_filter
from dvic_hub.domain.blocks import DamagedBlock
from dvic_hub.domain.log_search import Block, Newest, Wanted
from dvic_hub.domain.model import LogQuery, Page
from dvic_hub.errors import BadRequest
from dvic_wire.streams import RUN_PREFIX

from . import schema
from .sqlite_reading import batches, block, matching, number_of, texts

PAGE_BYTES = 64 * 1024 * 1024
"""Bytes of blocks, unpacked, that one page of a search holds in memory, and of a run's output in one page; a page that
would need more ends early, and the next one goes on."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """A row of the index that may hold what is wanted."""

    day: str
    id: int
    node: str
    source: str
    first: int
    last: int
    levels: int
    count: int
    codec: int


def search(connection: apsw.Connection, query: LogQuery, seconds: float, page_bytes: int = PAGE_BYTES) -> Page:
    """A page of LogItem, newest first; raises BadRequest. After `seconds`, or with `page_bytes` in memory, it ends with
    what there is by then, and goes on at the next page."""
    until = time.monotonic() + seconds
    wanted = Wanted.of(query)
    newest, left = Newest(wanted), None
    for candidate in candidates(connection, wanted, query.nodes):
        if newest.settled(candidate.last):
            break
        if (time.monotonic() > until or newest.held > page_bytes) and newest.may_pause(candidate.last):
            left = candidate.last
            break
        look_into(connection, candidate, newest.offer)
    return Page(*newest.page(left))


def look_into(connection: apsw.Connection, candidate: Candidate, offer: Callable[[str, str, Block], None]) -> None:
    """Hand over a row's node, source and block. One that is damaged is left out, and logged."""
    data = connection.execute(f"SELECT bytes FROM data_{candidate.day} WHERE id = ?", (candidate.id,)).get  # noqa: S608
    try:
        if data is None:
            raise DamagedBlock("its bytes are gone")
        offer(candidate.node, candidate.source, block(candidate.id, candidate.codec, data))
    except DamagedBlock as error:
        log.error("block %d of %s is left out of a search: %s", candidate.id, candidate.day, error)


def candidates(connection: apsw.Connection, wanted: Wanted, nodes: frozenset[str] | None, *,
               oldest_first: bool = False) -> Iterator[Candidate]:
    """The rows of all days that may hold what is wanted: by their last record, newest first, or by their first, oldest
    first."""
    days = [_candidates(connection, day, wanted, nodes, oldest_first) for day in reversed(schema.days(connection))]
    return heapq.merge(*days, key=lambda row: row.first if oldest_first else -row.last)


def _candidates(connection: apsw.Connection, day: str, wanted: Wanted, nodes: frozenset[str] | None,
                oldest_first: bool) -> Iterator[Candidate]:
    names = texts(connection, day)
    of_nodes, of_sources = matching(names, nodes, ""), matching(names, None, wanted.source)
    where = ["i.kind = 0", "i.last >= ?", "i.first <= ?", "i.levels & ?"]
    values: list[object] = [wanted.since, wanted.until, wanted.levels]
    for column, numbers in (("node", of_nodes), ("source", of_sources)):
        if numbers == "[]":
            return
        if numbers is not None:
            where.append(f"i.{column} IN (SELECT value FROM json_each(?))")  # noqa: S608
            values.append(numbers)
    bits, join = ("d.filter", f"JOIN data_{day} d USING (id)") if wanted.pieces else ("x''", "")
    rows = connection.execute(
        f"SELECT i.id, i.node, i.source, i.first, i.last, i.levels, i.count, i.codec, {bits} "  # noqa: S608
        f"FROM index_{day} i {join} WHERE {' AND '.join(where)} "
        f"ORDER BY {'i.first' if oldest_first else 'i.last DESC'}", values)
    for id, node, source, *about, bits in rows:
        if token_filter.may_hold(bits, wanted.pieces):
            yield Candidate(day, id, names[node], names[source], *about)


def run_output(connection: apsw.Connection, run: str, node: str, after: str, limit: int,
               page_bytes: int = PAGE_BYTES) -> Page:
    """Records of a run on one node, oldest first, each with its `place`. Blocks of one stream follow one another as its
    batches did."""
    place_after = _read_place(after)
    found: list[dict] = []
    last, size = place_after, 0
    for day in schema.days(connection):
        for place, record in _output(connection, day, run, node, place_after[0]):
            if place <= place_after:
                continue
            if len(found) >= limit or size > page_bytes:
                return Page(found, "{:x}.{:x}".format(*last) if found else "")
            found.append({**record, "place": "{:x}.{:x}".format(*place)})
            size += sum(len(record.get(part, "")) for part in ("out", "err", "binary"))
            last = place
    return Page(found, "")


def _output(connection: apsw.Connection, day: str, run: str, node: str,
            batch: int) -> Iterator[tuple[tuple[int, int], dict]]:
    """Batch number and position, and the record; from the block on that holds `batch`."""
    stream, owner = number_of(connection, day, RUN_PREFIX + run), number_of(connection, day, node)
    if not stream:
        return
    table, of_run = f"index_{day}", "kind = 1 AND stream = ? AND node = ?"
    first = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table} WHERE {of_run} AND id <= ?",  # noqa: S608
                               (stream, owner, batch)).get
    rows = connection.execute(
        f"SELECT id, codec, bytes FROM {table} JOIN data_{day} USING (id) WHERE {of_run} AND id >= ? "  # noqa: S608
        "ORDER BY id", (stream, owner, first))
    for id, codec, data in rows:
        try:
            for number, records in batches(id, codec, data, whole=False):
                for position, record in enumerate(records):
                    yield (number, position), record
        except DamagedBlock as error:
            log.error("block %d of %s is left out of a run's output: %s", id, day, error)


def _read_place(cursor: str) -> tuple[int, int]:
    batch, _, place = (cursor or "0.-1").partition(".")
    try:
        return int(batch, 16), int(place, 16)
    except ValueError:
        raise BadRequest("is not a cursor of this list", field="cursor") from None
