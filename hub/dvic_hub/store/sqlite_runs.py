"""Runs, and each node's way through them."""

import json
from collections.abc import Iterable

import apsw

from dvic_hub.domain.dispatch import BAD_ENDS
from dvic_hub.domain.model import EVERY_RUN, Page, Run, RunNode, RunQuery
from dvic_hub.errors import BadRequest, Conflict
from dvic_wire.runs import TERMINAL, RunSpec

from .rows import Form, Table
from .sqlite_readers import Readers
from .sqlite_writer import Writer

SPEC = Form(lambda spec: json.dumps(spec.to_json()), lambda text: RunSpec.from_json(json.loads(text)))
RUNS = Table("run", Run, {"spec": SPEC})
RUN_NODES = Table("run_node", RunNode)

_SEARCHED = ("concat_ws(char(10), id, selector, reason, json_extract(spec, '$.script'), "
             "(SELECT group_concat(value, ' ') FROM json_each(spec, '$.argv')))")
"""What a text is looked for in: not what may be secret (environment and input)."""


class SqliteRuns:
    """Implements port.Runs."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add(self, run: Run, nodes: list[RunNode]) -> None:
        def job(connection: apsw.Connection) -> None:
            try:
                RUNS.insert(connection, [run])
                RUN_NODES.insert(connection, nodes)
            except apsw.ConstraintError:
                raise Conflict("a run of this id exists") from None

        await self._writer.run(job)

    async def get(self, id: str) -> Run | None:
        found = await self._readers.run(lambda connection: RUNS.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None

    async def nodes(self, run: str) -> list[RunNode]:
        return await self._nodes("WHERE run = ? ORDER BY position, node", (run,))

    async def active(self) -> list[str]:
        return await self._readers.run(lambda connection: [
            id for (id,) in connection.execute("SELECT id FROM run WHERE ended = 0 ORDER BY created, id")])

    async def active_on(self, node: str) -> list[RunNode]:
        rest = "WHERE node = ? AND state IN ('queued', 'dispatched', 'running') ORDER BY run"
        return await self._nodes(rest, (node,))

    async def move(self, run: str, node: str, from_states: frozenset[str], to: str, **changes: object) -> bool:
        states = sorted(from_states - TERMINAL)  # whatever the caller says: from an end no way leads on
        where = f"run = ? AND node = ? AND state IN ({', '.join('?' * len(states))})"
        return await self._writer.run(lambda connection: RUN_NODES.update(
            connection, {"state": to, **changes}, where, (run, node, *states)) > 0)

    async def update(self, id: str, **changes: object) -> None:
        await self._writer.run(lambda connection: RUNS.update(connection, changes, "id = ?", (id,)))

    async def _nodes(self, rest: str, values: Iterable[object]) -> list[RunNode]:
        return await self._readers.run(lambda connection: RUN_NODES.select(connection, rest, values))

    async def counts(self, runs: list[str]) -> dict[str, dict[str, int]]:
        def read(connection: apsw.Connection) -> dict[str, dict[str, int]]:
            found: dict[str, dict[str, int]] = {run: {} for run in runs}
            rows = connection.execute("SELECT run, state, count(*) FROM run_node WHERE run IN (SELECT value FROM "
                                      "json_each(?)) GROUP BY run, state", (json.dumps(runs),))
            for run, state, count in rows:
                found[run][state] = count
            return found

        return await self._readers.run(read)

    async def list(self, limit: int, before: str = "", query: RunQuery = EVERY_RUN) -> Page:
        """Newest first; the cursor is time and id of the last one."""
        where, values = ["(created, id) < (?, ?)"], [*(read_place(before) if before else (2**62, ""))]
        for wanted, condition, value in (
                (query.by, "created_by = ?", query.by),
                (query.node, "EXISTS (SELECT 1 FROM run_node WHERE run = run.id AND node = ?)", query.node),
                (query.text, f"instr(lower({_SEARCHED}), lower(?))", query.text),
                (query.active, "ended = ?", 0),
                (query.failed, "EXISTS (SELECT 1 FROM run_node WHERE run = run.id AND state IN (SELECT value FROM "
                               "json_each(?)))", json.dumps(sorted(BAD_ENDS)))):
            if wanted:
                where.append(condition)
                values.append(value)
        rest = f"WHERE {' AND '.join(where)} ORDER BY created DESC, id DESC LIMIT ?"
        rows = await self._readers.run(lambda connection: RUNS.select(connection, rest, (*values, limit + 1)))
        more = len(rows) > limit > 0
        return Page(rows[:limit], f"{rows[limit - 1].created:x}.{rows[limit - 1].id}" if more else "")


def read_place(cursor: str) -> tuple[int, str]:
    """A paging cursor of a list by time and id; raises BadRequest."""
    time, dot, id = cursor.partition(".")
    try:
        number = int(time, 16)
    except ValueError:
        number = -1
    if not dot or not 0 <= number < 2**62 or not id:
        raise BadRequest("is not a cursor of this list", field="cursor")
    return number, id
