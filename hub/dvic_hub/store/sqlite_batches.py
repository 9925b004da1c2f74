"""Batches into the database: records and cursor in one transaction, many batches in one group.

A batch of logs or run output is stored as the compressed frame in which it came, beside a small row that says what is
in it; nothing is compressed on the way in. The compaction joins such rows later (sqlite_compaction.py).
"""

import zlib
from dataclasses import replace

import apsw
import msgspec

from dvic_hub.domain import glance
from dvic_hub.domain.decoding import Kind, decode_records, kind_of
from dvic_hub.domain.model import IncomingBatch
from dvic_hub.domain.packages import NotHeld
from dvic_wire.runs import DISPATCHED, QUEUED, RUNNING, TERMINAL
from dvic_wire.streams import RUN_PREFIX, START, Verdict

from . import sqlite_containers, sqlite_package_rows
from .codecs import Codec
from .sqlite_cursors import Cursors
from .sqlite_days import Days

GONE = "gone"
"""State of a demo process whose log file was taken away."""

ROWS_A_STATEMENT = 20
"""Rows written by one statement: each call into SQLite gives up the interpreter, and getting it back can take long."""

INDEX_COLUMNS = 10
DATA_COLUMNS = 3


class Batches:
    """The BatchSink of the store. Used by the writer's thread alone."""

    def __init__(self, cursors: Cursors, days: Days) -> None:
        self._cursors = cursors
        self._days = days
        self._index: dict[str, list[tuple]] = {}
        self._data: dict[str, list[tuple]] = {}
        self._steps: list[tuple[int, bytes]] = []
        self._group_records = 0
        self._group_batches = 0
        self.records = 0
        self.batches = 0
        self.refused = 0

    def add(self, connection: apsw.Connection, batch: IncomingBatch) -> Verdict:
        kind = kind_of(batch.stream)
        if kind is Kind.RUN and not _run_is_open(connection, batch):
            self._cursors.end(connection, batch)
            self.refused += 1
            return Verdict(False, "", closed=True)
        verdict = self._cursors.check(connection, batch)
        if not verdict.accepted:
            self.refused += 1
            return verdict
        if kind is Kind.LOG:
            number = self._take(connection, kind, batch) if batch.count else 0
        else:
            try:
                with connection:  # a savepoint: all that the batch changes, or nothing
                    number = self._write(connection, kind, batch)
            except NotHeld:
                self._cursors.end(connection, batch)
                self.refused += 1
                return Verdict(False, START)
        ended = batch.closed or batch.run_end is not None
        self._cursors.move(batch, msgspec.json.encode(batch.about).decode() if batch.about else "", ended)
        self._group_batches += 1
        self._group_records += batch.count
        return replace(verdict, closed=ended, number=number)

    def flush(self, connection: apsw.Connection) -> None:
        for day, rows in self._index.items():
            _insert_many(connection, f"index_{day}", INDEX_COLUMNS, rows)
        for day, rows in self._data.items():
            _insert_many(connection, f"data_{day}", DATA_COLUMNS, rows)
        if self._steps:
            connection.executemany("INSERT INTO step_events (number, body) VALUES (?, ?)", self._steps)
        self._index.clear()
        self._data.clear()
        self._steps.clear()
        self._cursors.flush(connection)

    def committed(self) -> None:
        self.records += self._group_records
        self.batches += self._group_batches
        self._group_records = self._group_batches = 0
        self._cursors.committed()

    def rolled_back(self) -> None:
        self._index.clear()
        self._data.clear()
        self._steps.clear()
        self._group_records = self._group_batches = 0
        self._cursors.forget()
        self._days.rolled_back()

    def _take(self, connection: apsw.Connection, kind: Kind, batch: IncomingBatch) -> int:
        day, number, id = self._days.today(connection), self._days.number, self._days.next_id()
        stream = number(connection, day, batch.stream) if kind is Kind.RUN else 0
        self._index.setdefault(day, []).append((
            id, int(kind), number(connection, day, batch.node), number(connection, day, batch.source), stream,
            batch.first_time, batch.last_time, batch.levels, batch.count, _codec_of(batch)))
        self._data.setdefault(day, []).append((id, b"", _bytes_of(batch)))
        if batch.steps:
            self._steps.append((id, batch.steps))
        return id

    def _write(self, connection: apsw.Connection, kind: Kind, batch: IncomingBatch) -> int:
        """What is not logs comes seldom, and goes into the database at once. Returns the number of output of a run."""
        number = 0
        if kind is Kind.PACKAGE:
            return sqlite_package_rows.write(connection, batch.package)
        if kind is Kind.RUN:
            _move_run(connection, batch)
            if batch.count:
                number = self._take(connection, kind, batch)
        elif batch.count:
            day, id = self._days.today(connection), self._days.next_id()
            connection.execute(
                f"INSERT INTO metrics_{day} VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",  # noqa: S608
                (id, int(kind), self._days.number(connection, day, batch.node), batch.first_time,
                 batch.last_time, batch.count, _codec_of(batch), _bytes_of(batch)))
            records = decode_records(kind, batch.records_json)
            if kind is Kind.HARDWARE:
                _keep_latest(connection, batch.node, id, records)
            elif kind is Kind.CONTAINERS:
                sqlite_containers.keep(connection, batch.node, records)
            else:
                _keep_demos(connection, batch.node, records)
        if batch.facts:
            connection.execute("UPDATE node SET facts = json_patch(facts, ?) WHERE id = ?",
                               (msgspec.json.encode(batch.facts).decode(), batch.node))
        return number


def _codec_of(batch: IncomingBatch) -> int:
    return int(Codec.FRAME if batch.frame else Codec.RECORDS)


def _bytes_of(batch: IncomingBatch) -> bytes:
    return batch.frame or zlib.compress(batch.records_json, 1)


def _insert_many(connection: apsw.Connection, table: str, columns: int, rows: list[tuple]) -> None:
    line = f"({', '.join('?' * columns)})"
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        part = rows[start:start + ROWS_A_STATEMENT]
        connection.execute(f"INSERT INTO {table} VALUES {', '.join([line] * len(part))}",  # noqa: S608
                           [value for row in part for value in row])


def _run_is_open(connection: apsw.Connection, batch: IncomingBatch) -> bool:
    """Whether output of this run is still expected from this node."""
    row = connection.execute("SELECT state FROM run_node WHERE run = ? AND node = ?",
                             (batch.stream.removeprefix(RUN_PREFIX), batch.node)).fetchall()
    return bool(row) and row[0][0] not in TERMINAL


def _move_run(connection: apsw.Connection, batch: IncomingBatch) -> None:
    run = batch.stream.removeprefix(RUN_PREFIX)
    if batch.run_start:
        connection.execute("UPDATE run_node SET state = ?, started = ? WHERE run = ? AND node = ? AND state IN (?, ?)",
                           (RUNNING, batch.run_start, run, batch.node, QUEUED, DISPATCHED))
        connection.execute("UPDATE run_node SET started = ? WHERE run = ? AND node = ? AND started = 0",
                           (batch.run_start, run, batch.node))
    if batch.run_end:
        end = batch.run_end
        connection.execute(
            "UPDATE run_node SET state = ?, reason = ?, exit_code = ?, cut = ?, ended = ? WHERE run = ? AND node = ?",
            (end["state"], end.get("reason", ""), end.get("exit_code", -1), end.get("cut", 0), batch.last_time, run,
             batch.node))


def _keep_latest(connection: apsw.Connection, node: str, number: int, records: list) -> None:
    samples = [record for record in records if record.values is not msgspec.UNSET]
    if not samples:
        return
    newest = samples[-1]
    connection.execute("INSERT INTO latest VALUES (?, ?, ?) ON CONFLICT (node) DO UPDATE SET time = excluded.time, "
                       "body = excluded.body", (node, newest.time, msgspec.json.encode(newest.values).decode()))
    held = connection.execute("SELECT minute, history FROM glance WHERE node = ?", (node,)).fetchall()
    seen = [(sample.time, glance.figures_of(sample.values)) for sample in samples]
    minute, history = glance.extended(*(held[0] if held else (0, glance.EMPTY)), seen)
    connection.execute("INSERT OR REPLACE INTO glance VALUES (?, ?, ?, ?, ?, ?)",
                       (node, number, newest.time, msgspec.json.encode(seen[-1][1]).decode(), minute, history))


def _keep_demos(connection: apsw.Connection, node: str, records: list) -> None:
    """What is gone is kept no longer: its log file, which is all that made it a demo, is not there any more."""
    newest = {demo.file: (record.time, demo)
              for record in records if record.demos is not msgspec.UNSET for demo in record.demos}
    connection.executemany(
        "INSERT INTO demo VALUES (?, ?, ?, ?) ON CONFLICT (node, file) DO UPDATE SET time = excluded.time, "
        "body = excluded.body",
        [(node, file, time, msgspec.json.encode(demo).decode()) for file, (time, demo) in newest.items()])
    connection.executemany("DELETE FROM demo WHERE node = ? AND file = ?",
                           [(node, file) for file, (_, demo) in newest.items() if demo.state == GONE])
