"""Sessions on terminals: what must outlive a restart of the hub."""

import apsw

from dvic_hub.domain.model import EVERY_SESSION, Page, SessionQuery, TerminalSession
from dvic_hub.errors import Conflict

from .rows import BOOL, JSON, Table
from .sqlite_readers import Readers
from .sqlite_runs import page_by_time, read_place
from .sqlite_writer import Writer

SESSIONS = Table("terminal", TerminalSession, {"argv": JSON, "recorded": BOOL})


class SqliteSessions:
    """Implements port.Sessions."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add(self, session: TerminalSession) -> None:
        def job(connection: apsw.Connection) -> None:
            try:
                SESSIONS.insert(connection, [session])
            except apsw.ConstraintError:
                raise Conflict("a session of this id exists") from None

        await self._writer.run(job)

    async def get(self, id: str) -> TerminalSession | None:
        found = await self._readers.run(lambda connection: SESSIONS.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None

    async def open(self) -> list[TerminalSession]:
        return await self._readers.run(lambda connection: SESSIONS.select(connection, "WHERE ended = 0 ORDER BY id"))

    async def recorded_before(self, time: int) -> list[TerminalSession]:
        return await self._readers.run(lambda connection: SESSIONS.select(
            connection, "WHERE ended != 0 AND ended < ? AND recording != 0 ORDER BY ended", (time,)))

    async def update(self, id: str, **changes: object) -> None:
        await self._writer.run(lambda connection: SESSIONS.update(connection, changes, "id = ?", (id,)))

    async def list(self, limit: int, before: str = "", query: SessionQuery = EVERY_SESSION) -> Page:
        where, values = ["(created, id) < (?, ?)"], [*(read_place(before) if before else (2**62, ""))]
        for wanted, condition, value in ((query.node, "node = ?", query.node), (query.by, "created_by = ?", query.by)):
            if wanted:
                where.append(condition)
                values.append(value)
        if query.open is not None:
            where.append("ended = 0" if query.open else "ended != 0")
        rest = f"WHERE {' AND '.join(where)} ORDER BY created DESC, id DESC LIMIT ?"
        rows = await self._readers.run(lambda connection: SESSIONS.select(connection, rest, (*values, limit + 1)))
        return page_by_time(rows, limit)
