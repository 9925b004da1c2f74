"""What is to be joined into larger blocks, or kept in coarser steps: read from the small rows alone.

Rows of one node and source are joined when together they fill a block, when there are many of them, or when their day
is over. Every function runs inside one read transaction.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from dvic_hub.domain.blocks import BLOCK_RECORDS
from dvic_hub.domain.decoding import Kind
from dvic_hub.domain.metric_blocks import BLOCK_SAMPLES

from .codecs import Codec

MANY_ROWS = 50
"""Rows of one node and source that are joined even if they hold few records."""

WINDOW_ROWS = 300_000
"""Rows looked at for one plan, oldest first."""


@dataclass(frozen=True)
class Piece:
    """Rows that become one block. `seal`: it will not be joined again. `step`: of samples, the seconds to reduce to."""

    day: str
    kind: Kind
    ids: tuple[int, ...]
    seal: bool
    step: int = 0


def plan_logs(connection: apsw.Connection, day: str, over: bool) -> list[Piece]:
    """`over`: the day is past, nothing more will arrive in it."""
    return _plan(connection, f"index_{day}", "kind, node, source, stream", day, over, BLOCK_RECORDS)


def plan_metrics(connection: apsw.Connection, day: str, over: bool, step: int) -> list[Piece]:
    """Samples of a day that is past are also brought to `step`, if they are finer."""
    pieces = _plan(connection, f"metrics_{day}", "kind, node", day, over, BLOCK_SAMPLES)
    if pieces or not step or not over:
        return pieces
    rows = connection.execute(
        f"SELECT kind, node, id, count FROM metrics_{day} WHERE kind = ? AND step < ? "  # noqa: S608
        "ORDER BY kind, node, id LIMIT ?", (int(Kind.HARDWARE), step, WINDOW_ROWS))
    return [Piece(day, Kind.HARDWARE, ids, True, step) for _, ids, _ in _chunks(rows, 2, 10 * BLOCK_SAMPLES)]


def _plan(connection: apsw.Connection, table: str, key: str, day: str, over: bool, full: int) -> list[Piece]:
    window = (f"SELECT {key}, id, count, codec FROM {table} WHERE codec < {int(Codec.SEALED)} "  # noqa: S608
              f"ORDER BY id LIMIT {WINDOW_ROWS}")
    crowded = connection.execute(f"SELECT count(*) FROM ({window})").get >= WINDOW_ROWS  # noqa: S608
    ready = "1" if over else f"sum(count) >= {full} OR count(*) >= {2 if crowded else MANY_ROWS}"
    rows = connection.execute(
        f"WITH open AS ({window}), ready AS (SELECT {key} FROM open GROUP BY {key} HAVING {ready}) "  # noqa: S608
        f"SELECT {key}, id, count FROM open WHERE ({key}) IN (SELECT {key} FROM ready) ORDER BY {key}, id")
    width = key.count(",") + 1
    return [Piece(day, Kind(group[0]), ids, over or count >= full // 2)
            for group, ids, count in _chunks(rows, width, full) if over or len(ids) > 1 or count >= full]


def _chunks(rows: Iterator[tuple], width: int, full: int) -> Iterator[tuple[tuple, tuple[int, ...], int]]:
    """Rows (key, id, count), sorted by key, in portions of about `full` records: key, ids and how many records."""
    key: tuple = ()
    ids: list[int] = []
    total = 0
    for row in rows:
        if ids and (row[:width] != key or total >= full):
            yield key, tuple(ids), total
            ids, total = [], 0
        key = row[:width]
        ids.append(row[width])
        total += row[width + 1]
    if ids:
        yield key, tuple(ids), total
