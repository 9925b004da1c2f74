"""The keys whose manifests count, and the manifests of the packages that the hub serves."""

import apsw

from dvic_hub.domain.model import KeptManifest, SigningKey

from .rows import Table
from .sqlite_readers import Readers
from .sqlite_writer import Writer

KEYS = Table("release_key", SigningKey)
MANIFESTS = Table("manifest", KeptManifest)
SERIAL = "release_keys_serial"
"""Under this name the key set's serial is kept among the values."""


class SqliteReleases:
    """Implements port.Releases."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def keys(self) -> tuple[int, list[SigningKey]]:
        return await self._readers.run(lambda connection: (
            _serial(connection), KEYS.select(connection, "ORDER BY added, id")))

    async def add_key(self, key: SigningKey, time: int) -> bool:
        def job(connection: apsw.Connection) -> bool:
            if KEYS.select(connection, "WHERE id = ?", (key.id,)):
                return False
            KEYS.insert(connection, [key])
            _raise_serial(connection, time)
            return True

        return await self._writer.run(job)

    async def remove_key(self, id: str, time: int) -> bool:
        def job(connection: apsw.Connection) -> bool:
            if len(KEYS.select(connection)) < 2 or not KEYS.delete(connection, "id = ?", (id,)):
                return False
            _raise_serial(connection, time)
            return True

        return await self._writer.run(job)

    async def manifests(self) -> dict[str, KeptManifest]:
        rows = await self._readers.run(lambda connection: MANIFESTS.select(connection))
        return {row.name: row for row in rows}

    async def put_manifest(self, manifest: KeptManifest) -> None:
        def job(connection: apsw.Connection) -> None:
            MANIFESTS.delete(connection, "name = ?", (manifest.name,))
            MANIFESTS.insert(connection, [manifest])

        await self._writer.run(job)

    async def remove_manifest(self, name: str) -> bool:
        return await self._writer.run(lambda connection: MANIFESTS.delete(connection, "name = ?", (name,)) > 0)


def _serial(connection: apsw.Connection) -> int:
    found = connection.execute("SELECT value FROM value WHERE key = ?", (SERIAL,)).fetchall()
    return int(found[0][0]) if found else 0


def _raise_serial(connection: apsw.Connection, time: int) -> None:
    connection.execute("INSERT OR REPLACE INTO value VALUES (?, ?)",
                       (SERIAL, str(max(_serial(connection) + 1, time))))
