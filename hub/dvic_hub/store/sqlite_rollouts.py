"""Rollouts, and each node's way through them."""

import apsw

from dvic_hub.domain.model import Page, Rollout, RolloutNode, RunNode
from dvic_hub.errors import Conflict
from dvic_wire.updates import TERMINAL

from .rows import BOOL, Table
from .sqlite_readers import Readers
from .sqlite_runs import RUN_NODES, page_by_time, read_place
from .sqlite_writer import Writer

ROLLOUTS = Table("rollout", Rollout, {"older": BOOL, "halt_on_error": BOOL})
ROLLOUT_NODES = Table("rollout_node", RolloutNode)


class SqliteRollouts:
    """Implements port.Rollouts."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add(self, rollout: Rollout, nodes: list[RolloutNode]) -> None:
        def job(connection: apsw.Connection) -> None:
            try:
                ROLLOUTS.insert(connection, [rollout])
                ROLLOUT_NODES.insert(connection, nodes)
            except apsw.ConstraintError:
                raise Conflict("a rollout of this id exists") from None

        await self._writer.run(job)

    async def get(self, id: str) -> Rollout | None:
        found = await self._readers.run(lambda connection: ROLLOUTS.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None

    async def nodes(self, rollout: str) -> list[RolloutNode]:
        return await self._readers.run(lambda connection: ROLLOUT_NODES.select(
            connection, "WHERE rollout = ? ORDER BY position, node", (rollout,)))

    async def runs(self, rollout: str) -> dict[str, RunNode]:
        rest = "WHERE (run, node) IN (SELECT run, node FROM rollout_node WHERE rollout = ? AND run != '')"
        rows = await self._readers.run(lambda connection: RUN_NODES.select(connection, rest, (rollout,)))
        return {row.node: row for row in rows}

    async def active(self) -> list[str]:
        return await self._readers.run(lambda connection: [
            id for (id,) in connection.execute("SELECT id FROM rollout WHERE ended = 0 ORDER BY created, id")])

    async def open_nodes(self) -> dict[str, str]:
        return await self._readers.run(lambda connection: dict(
            connection.execute("SELECT node, rollout FROM rollout_node WHERE ended = 0")))

    async def move(self, rollout: str, node: str, from_state: str, to: str, **changes: object) -> bool:
        if from_state in TERMINAL:  # whatever the caller says: from an end no way leads on
            return False
        return await self._writer.run(lambda connection: ROLLOUT_NODES.update(
            connection, {"state": to, **changes}, "rollout = ? AND node = ? AND state = ?",
            (rollout, node, from_state)) > 0)

    async def forgive(self, rollout: str, nodes: list[str]) -> None:
        await self._writer.run(lambda connection: connection.executemany(
            "UPDATE rollout_node SET forgiven = 1 WHERE rollout = ? AND node = ?",
            [(rollout, node) for node in nodes]).fetchall())

    async def update(self, id: str, **changes: object) -> bool:
        return await self._writer.run(lambda connection: ROLLOUTS.update(
            connection, changes, "id = ? AND ended = 0", (id,)) > 0)

    async def list(self, limit: int, before: str = "") -> Page:
        created, id = read_place(before) if before else (2**62, "")
        rest = "WHERE (created, id) < (?, ?) ORDER BY created DESC, id DESC LIMIT ?"
        rows = await self._readers.run(lambda connection: ROLLOUTS.select(connection, rest, (created, id, limit + 1)))
        return page_by_time(rows, limit)
