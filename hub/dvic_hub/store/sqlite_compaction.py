"""Joins small rows into blocks, a bounded piece of work at a time, and takes past days away.

Rows are read and packed in a reader's thread; the writer only exchanges them, in one transaction. A crash in between
loses nothing: the small rows are still there. Batch numbers go into the blocks, so cursors of pages stay true.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import apsw

from dvic_hub.domain import blocks, metric_blocks
from dvic_hub.domain.blocks import DamagedBlock
from dvic_hub.domain.decoding import Kind

from . import schema
from .codecs import Codec
from .sqlite_days import Days, day_of, days_between
from .sqlite_plan import Piece, plan_logs, plan_metrics
from .sqlite_readers import Readers
from .sqlite_reading import batches, demo_batches, pack_demo_batches, samples
from .sqlite_writer import Writer

PIECES_A_STEP = 8
"""Blocks made in one step: some tens of milliseconds of work."""

ROWS_A_DROP = 2000
"""Blocks of a past day that are taken away in one transaction."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Joined:
    """What takes the place of the rows `ids`; `row` is a line of index_D without its id, or of metrics_D."""

    piece: Piece
    ids: tuple[int, ...]
    row: tuple
    data: tuple


class Compaction:
    """One at a time: the caller (the store) sees to that. `clock` gives seconds since 1970."""

    def __init__(self, writer: Writer, readers: Readers, days: Days, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._readers = readers
        self._days = days
        self._clock = clock
        self._plan: deque[Piece] = deque()
        self._done: dict[str, int] = {}
        self._damaged: set[tuple[str, int]] = set()

    async def step(self) -> int:
        """Join some rows; returns how many, 0 when there is nothing to do."""
        if not self._plan:
            self._plan.extend(await self._readers.run(self._make_plan))
        pieces = [self._plan.popleft() for _ in range(min(PIECES_A_STEP, len(self._plan)))]
        if not pieces:
            return 0
        joined = [one for one in await self._readers.run(
            lambda connection: [self._join(connection, piece) for piece in pieces]) if one]
        done = await self._writer.run(lambda connection: sum(self._exchange(connection, one) for one in joined))
        return done or (await self.step() if self._plan else 0)

    async def unlist_before(self, day: str) -> int:
        """Forget the days before `day`: nothing of them is found any more. Returns how many there were."""
        schema.checked_day(day)

        def unlist(connection: apsw.Connection) -> int:
            old = [each for each in schema.days(connection) if each < day]
            self._days.keep_last_id(connection)
            for each in old:
                self._days.forget(connection, each)
            return len(old)

        return await self._writer.run(unlist)

    async def sweep(self) -> None:
        """Take away what is left of days that are unlisted."""
        for left in await self._readers.run(schema.leftover_days):
            while await self._writer.run(lambda connection, left=left: _take_away(connection, left)):
                pass

    def _make_plan(self, connection: apsw.Connection) -> list[Piece]:
        """The work of the first day that has some, oldest first."""
        now = self._clock()
        today = day_of(now)
        for day in schema.days(connection):
            over = day < today
            step = metric_blocks.step_for_age(days_between(day, today)) if over else 0
            if over and self._done.get(day) == step:
                continue
            pieces = plan_logs(connection, day, over) + plan_metrics(connection, day, over, step)
            pieces = [piece for piece in pieces if not any((day, id) in self._damaged for id in piece.ids)]
            if pieces:
                return pieces
            if over:
                self._done[day] = step
        return []

    def _join(self, connection: apsw.Connection, piece: Piece) -> Joined | None:
        try:
            if piece.kind in (Kind.LOG, Kind.RUN):
                return _join_logs(connection, piece)
            return _join_metrics(connection, piece)
        except DamagedBlock as error:
            log.error("%d rows of %s stay as they are: %s", len(piece.ids), piece.day, error)
            self._damaged.update((piece.day, id) for id in piece.ids)
            return None

    def _exchange(self, connection: apsw.Connection, one: Joined) -> int:
        """How many rows were replaced; 0 when the day is gone by now."""
        day = one.piece.day
        if day not in schema.days(connection):
            return 0
        self._days.keep_last_id(connection)
        if one.piece.kind in (Kind.LOG, Kind.RUN):
            for table in ("index", "data"):
                _delete(connection, f"{table}_{day}", one.ids)
            connection.execute(f"INSERT INTO index_{day} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                               (one.ids[0], *one.row))
            connection.execute(f"INSERT INTO data_{day} VALUES (?, ?, ?)", (one.ids[0], *one.data))  # noqa: S608
        else:
            _delete(connection, f"metrics_{day}", one.ids)
            if one.row:
                connection.execute(f"INSERT INTO metrics_{day} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                                   (one.ids[0], *one.row, *one.data))
        return len(one.ids)


def _join_logs(connection: apsw.Connection, piece: Piece) -> Joined | None:
    parts: list[tuple[int, list[dict]]] = []
    used: list[int] = []
    first, last, levels, count, text = 2**62, 0, 0, 0, 0
    index = ()
    for id in piece.ids:
        found = connection.execute(
            f"SELECT i.kind, i.node, i.source, i.stream, i.first, i.last, i.levels, i.count, i.codec, d.bytes "  # noqa: S608
            f"FROM index_{piece.day} i JOIN data_{piece.day} d USING (id) WHERE i.id = ?", (id,)).fetchall()
        if not found:
            return None  # the day is being taken away
        *index, row_first, row_last, row_levels, row_count, codec, data = found[0]
        parts += batches(id, codec, data, piece.kind is Kind.LOG)
        used.append(id)
        first, last, levels, count = min(first, row_first), max(last, row_last), levels | row_levels, count + row_count
        text += sum(len(record.get("message", "")) + len(record.get("binary", "")) + len(record.get("out", "")) +
                    len(record.get("err", "")) for record in parts[-1][1])
        if text > blocks.BLOCK_TEXT:
            break
    if piece.kind is Kind.LOG:
        packed, filter_bits = blocks.pack_logs(parts)
    else:
        packed, filter_bits = blocks.pack_records(parts), b""
    sealed = piece.seal or text > blocks.BLOCK_TEXT // 2
    codec = int(Codec.SEALED if sealed else Codec.OPEN)
    return Joined(piece, tuple(used), (*index, first, last, levels, count, codec), (filter_bits, packed))


def _join_metrics(connection: apsw.Connection, piece: Piece) -> Joined:
    numbered: list[tuple[int, list[dict]]] = []
    taken: list[metric_blocks.Sample] = []
    first, last, node, step = 2**62, 0, 0, 0
    for id in piece.ids:
        for node, row_first, row_last, codec, row_step, data in connection.execute(  # noqa: B007 (node: the last one's)
                f"SELECT node, first, last, codec, step, bytes FROM metrics_{piece.day} WHERE id = ?", (id,)):  # noqa: S608
            first, last, step = min(first, row_first), max(last, row_last), max(step, row_step)
            if piece.kind is Kind.HARDWARE:
                taken += samples(codec, data)
            else:
                numbered += demo_batches(id, codec, data)
    codec = int(Codec.SEALED if piece.seal else Codec.OPEN)
    if piece.kind is not Kind.HARDWARE:
        count = sum(len(records) for _, records in numbered)
        return Joined(piece, piece.ids, (int(piece.kind), node, first, last, count, codec, 0),
                      (pack_demo_batches(numbered),))
    if piece.step > step:
        taken = metric_blocks.coarsen(sorted(taken, key=lambda sample: sample[0]), piece.step)
    if not taken:
        return Joined(piece, piece.ids, (), ())  # facts and gaps alone: what they said is kept elsewhere
    return Joined(piece, piece.ids, (int(piece.kind), node, first, last, len(taken), codec, max(step, piece.step)),
                  (metric_blocks.pack(taken),))


def _delete(connection: apsw.Connection, table: str, ids: tuple[int, ...]) -> None:
    connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(id,) for id in ids])  # noqa: S608


def _take_away(connection: apsw.Connection, day: str) -> bool:
    """Delete some of an unlisted day, or its empty tables; False when nothing is left, or it is listed anew."""
    if day not in schema.leftover_days(connection):
        return False
    for tables in (("index", "data"), ("metrics",)):
        row = connection.execute(f"SELECT max(id) FROM (SELECT id FROM {tables[0]}_{day} ORDER BY id LIMIT ?)",  # noqa: S608
                                 (ROWS_A_DROP,)).fetchall()
        if row[0][0] is not None:
            for table in tables:
                connection.execute(f"DELETE FROM {table}_{day} WHERE id <= ?", (row[0][0],))  # noqa: S608
            return True
    for table in schema.DAY_TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table}_{day}")
    return False
