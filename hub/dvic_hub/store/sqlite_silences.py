"""Silences that are not over, and maintenance windows."""

import apsw

from dvic_hub.domain.model import Silence
from dvic_hub.domain.windows import Window
from dvic_hub.errors import Conflict

from .rows import BOOL, JSON, Table
from .sqlite_readers import Readers
from .sqlite_writer import Writer

SILENCES = Table("silence", Silence, {"fixed": BOOL, "nodes": JSON})
WINDOWS = Table("maintenance_window", Window)


class SqliteSilences:
    """Implements port.Silences."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add(self, silence: Silence, most: int) -> bool:
        def job(connection: apsw.Connection) -> bool:
            if connection.execute("SELECT count(*) FROM silence").get >= most:
                return False
            try:
                SILENCES.insert(connection, [silence])
            except apsw.ConstraintError:
                raise Conflict("a silence of this id exists") from None
            return True

        return await self._writer.run(job)

    async def ids(self) -> frozenset[str]:
        return await self._readers.run(lambda connection: frozenset(
            id for (id,) in connection.execute("SELECT id FROM silence")))

    async def all(self) -> list[Silence]:
        return await self._readers.run(lambda connection: SILENCES.select(connection, "ORDER BY created, id"))

    async def remove(self, id: str) -> bool:
        return await self._writer.run(lambda connection: SILENCES.delete(connection, "id = ?", (id,)) > 0)

    async def windows(self) -> list[Window]:
        return await self._readers.run(lambda connection: WINDOWS.select(connection, "ORDER BY name"))

    async def put_window(self, window: Window, most: int) -> bool:
        def job(connection: apsw.Connection) -> bool:
            replaced = WINDOWS.delete(connection, "name = ?", (window.name,))
            if not replaced and connection.execute("SELECT count(*) FROM maintenance_window").get >= most:
                return False
            WINDOWS.insert(connection, [window])
            return True

        return await self._writer.run(job)

    async def remove_window(self, name: str) -> bool:
        return await self._writer.run(lambda connection: WINDOWS.delete(connection, "name = ?", (name,)) > 0)
