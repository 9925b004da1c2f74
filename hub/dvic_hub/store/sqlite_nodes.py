"""Nodes and the tokens by which they join."""

from collections.abc import Sequence
from dataclasses import replace

import apsw

from dvic_hub.domain.keepalive import Seen
from dvic_hub.domain.model import BarredKey, Node, Token
from dvic_hub.errors import Conflict

from . import sqlite_package_rows
from .rows import BIG, JSON, Table
from .sqlite_cursors import Cursors
from .sqlite_readers import Readers
from .sqlite_writer import Writer

NODES = Table("node", Node, {"tags": JSON, "facts": JSON, "serial_window": BIG})
BARRED = Table("forbidden_key", BarredKey)
TOKENS = Table("token", Token, {"tags": JSON})


class SqliteNodes:
    """Implements port.Nodes."""

    def __init__(self, writer: Writer, readers: Readers, cursors: Cursors) -> None:
        self._writer = writer
        self._readers = readers
        self._cursors = cursors

    async def add(self, node: Node) -> None:
        await self._writer.run(lambda connection: _insert_node(connection, node))

    async def get(self, id_or_name: str) -> Node | None:
        found = await self._readers.run(lambda connection: NODES.select(
            connection, "WHERE id = ? OR name = ? ORDER BY id = ? DESC LIMIT 1", (id_or_name,) * 3))
        return found[0] if found else None

    async def all(self) -> list[Node]:
        return await self._readers.run(lambda connection: NODES.select(connection, "ORDER BY name"))

    async def update(self, id: str, **changes: object) -> Node | None:
        def job(connection: apsw.Connection) -> Node | None:
            try:
                NODES.update(connection, changes, "id = ?", (id,))
            except apsw.ConstraintError:
                raise Conflict("another node has this name", field="name") from None
            found = NODES.select(connection, "WHERE id = ?", (id,))
            return found[0] if found else None

        return await self._writer.run(job)

    async def seen(self, seen: Sequence[Seen]) -> None:
        rows = [(one.time, one.address, one.period, one.serial, str(one.serial_window), one.status, one.id)
                for one in seen]
        await self._writer.run(lambda connection: connection.executemany(
            "UPDATE node SET last_seen = ?, address = ?, period = ?, serial = ?, serial_window = ?, status = ? "
            "WHERE id = ?", rows))

    async def remove(self, id: str) -> bool:
        def job(connection: apsw.Connection) -> bool:
            self._cursors.forget(id)
            for table in ("stream", "latest", "glance", "demo", "container", "run_node"):
                connection.execute(f"DELETE FROM {table} WHERE node = ?", (id,))  # noqa: S608
            sqlite_package_rows.remove_of_node(connection, id)
            return NODES.delete(connection, "id = ?", (id,)) > 0

        return await self._writer.run(job)

    async def forbid_key(self, key: BarredKey) -> None:
        def job(connection: apsw.Connection) -> None:
            BARRED.delete(connection, "id = ?", (key.id,))
            BARRED.insert(connection, [key])

        await self._writer.run(job)

    async def forbidden_key(self, id: str) -> BarredKey | None:
        found = await self._readers.run(lambda connection: BARRED.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None


class SqliteTokens:
    """Implements port.Tokens."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add(self, token: Token) -> None:
        await self._writer.run(lambda connection: TOKENS.insert(connection, [token]))

    async def get(self, id: str) -> Token | None:
        found = await self._readers.run(lambda connection: TOKENS.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None

    async def all(self) -> list[Token]:
        return await self._readers.run(lambda connection: TOKENS.select(connection, "ORDER BY created DESC, id"))

    async def enrol(self, id: str, node: Node, now: int) -> str:
        return await self._writer.run(lambda connection: _enrol(connection, id, node, now))

    async def used_by(self, id: str, limit: int) -> list[tuple[str, int]]:
        return await self._readers.run(lambda connection: connection.execute(
            "SELECT node, time FROM token_use WHERE token = ? ORDER BY time DESC, node LIMIT ?",
            (id, limit)).fetchall())

    async def revoke(self, id: str, now: int) -> bool:
        return await self._writer.run(lambda connection: TOKENS.update(
            connection, {"revoked": now}, "id = ? AND revoked = 0", (id,)) > 0)

    async def forget_over(self, now: int) -> int:
        def job(connection: apsw.Connection) -> int:
            count = TOKENS.delete(connection, "expires <= ? OR revoked != 0 OR uses = 0", (now,))
            connection.execute("DELETE FROM token_use WHERE token NOT IN (SELECT id FROM token)")
            return count

        return await self._writer.run(job)


def _insert_node(connection: apsw.Connection, node: Node) -> None:
    try:
        NODES.insert(connection, [node])
    except apsw.ConstraintError:
        raise Conflict("a node of this name or key exists", field="name") from None


def _enrol(connection: apsw.Connection, id: str, node: Node, now: int) -> str:
    tokens = TOKENS.select(connection, "WHERE id = ?", (id,))
    if not tokens:
        return "unknown"
    token = tokens[0]
    used = connection.execute("SELECT count(*) FROM token_use WHERE token = ? AND node = ?", (id, node.id)).get
    if used and NODES.select(connection, "WHERE id = ?", (node.id,)):
        return "known"
    if token.revoked:
        return "revoked"
    if token.expires <= now:
        return "expired"
    if token.uses == 0:
        return "used-up"
    if NODES.select(connection, "WHERE id = ?", (node.id,)):
        connection.execute("INSERT OR REPLACE INTO token_use VALUES (?, ?, ?)", (id, node.id, now))
        return "known"
    if connection.execute("SELECT count(*) FROM node WHERE name = ?", (node.name,)).get:
        return "name-taken"
    _insert_node(connection, replace(node, tags={**token.tags, **node.tags}))
    connection.execute("INSERT OR REPLACE INTO token_use VALUES (?, ?, ?)", (id, node.id, now))
    if token.uses > 0:
        TOKENS.update(connection, {"uses": token.uses - 1}, "id = ?", (id,))
    return "ok"
