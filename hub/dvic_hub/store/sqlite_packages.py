"""Histogram packages: what is read of them, and what people change. Updates come with batches (sqlite_package_rows)."""

from collections.abc import Set

import apsw
import zstandard

from dvic_hub.domain.model import Page
from dvic_hub.domain.packages import ObjectChange, Package, PackageObject, Reference, Snapshot
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_wire.packages import REMOVED

from . import sqlite_package_rows as rows
from .rows import Table
from .sqlite_cursors import Cursors
from .sqlite_package_rows import ABOUT, PACKAGES
from .sqlite_readers import Readers
from .sqlite_writer import Writer

REFERENCES = Table("package_reference", Reference)

PRUNED_AT_A_TIME = 200
"""Snapshots that one piece of work takes away."""

_AT = "package = ? AND since <= ? AND (until = 0 OR until > ?)"
_SNAPSHOT = ("SELECT number, package, instance, serial, skipped, time, received, kept, objects, coalesce((SELECT name "
             "FROM package_reference r WHERE r.package = s.package AND r.snapshot = s.number LIMIT 1), '') "
             "FROM package_snapshot s WHERE package = ? AND ")


class SqlitePackages:
    """Implements port.Packages."""

    def __init__(self, writer: Writer, readers: Readers, cursors: Cursors) -> None:
        self._writer = writer
        self._readers = readers
        self._cursors = cursors

    async def all(self) -> list[Package]:
        return await self._readers.run(lambda connection: PACKAGES.select(connection, "ORDER BY name, id"))

    async def ids(self) -> frozenset[str]:
        return await self._readers.run(lambda connection: frozenset(
            id for (id,) in connection.execute("SELECT id FROM package")))

    async def objects(self, id: str, number: int) -> list[PackageObject]:
        def read(connection: apsw.Connection) -> list[PackageObject]:
            found = connection.execute(f"SELECT name, hash, position, about, since, until FROM package_object "  # noqa: S608
                                       f"WHERE {_AT} ORDER BY position, name", (id, number, number))
            return [PackageObject(name, hash, position, ABOUT.read(about), since, until)
                    for name, hash, position, about, since, until in found]

        return await self._readers.run(read)

    async def data(self, id: str, number: int, names: list[str] | None, known: Set[str]) -> list[ObjectChange]:
        def read(connection: apsw.Connection) -> list[ObjectChange]:
            found = connection.execute(f"SELECT id, name, hash, about FROM package_object WHERE {_AT} "  # noqa: S608
                                       "ORDER BY position, name", (id, number, number)).fetchall()
            wanted = [row for row in found if row[2] not in known and (names is None or row[1] in names)]
            decompress = zstandard.ZstdDecompressor().decompress
            return [ObjectChange(name, hash, decompress(connection.execute(
                "SELECT data FROM package_object WHERE id = ?", (row,)).get), ABOUT.read(about))
                for row, name, hash, about in wanted]

        return await self._readers.run(read)

    async def snapshot(self, id: str, number: int) -> Snapshot | None:
        return await self._one_snapshot("number = ?", id, number)

    async def snapshot_at(self, id: str, time: int) -> Snapshot | None:
        return await self._one_snapshot("received <= ? ORDER BY number DESC LIMIT 1", id, time)

    async def history(self, id: str, since: int, until: int, limit: int, before: str = "") -> Page:
        if before and not (before.isascii() and before.isdigit() and len(before) <= 18):
            raise BadRequest("the cursor is not one of this list", field="cursor")
        found = await self._readers.run(lambda connection: [_snapshot(row) for row in connection.execute(
            _SNAPSHOT + "number < ? AND received >= ? AND received <= ? ORDER BY number DESC LIMIT ?",
            (id, int(before or 2**62), since, until or 2**62, limit + 1))])
        return Page(found[:limit], str(found[limit - 1].number) if len(found) > limit else "")

    async def references(self, id: str) -> list[Reference]:
        return await self._readers.run(lambda connection: REFERENCES.select(
            connection, "WHERE package = ? ORDER BY created DESC, name", (id,)))

    async def add_reference(self, reference: Reference, most: int) -> None:
        def job(connection: apsw.Connection) -> None:
            if not connection.execute("SELECT 1 FROM package_snapshot WHERE package = ? AND number = ?",
                                      (reference.package, reference.snapshot)).fetchall():
                raise NotFound(f"the snapshot {reference.snapshot} is not there (any more)")
            if connection.execute("SELECT count(*) FROM package_reference WHERE package = ?",
                                  (reference.package,)).get >= most:
                raise Conflict(f"a package has at most {most} references", code="limit", limit=most)
            try:
                REFERENCES.insert(connection, [reference])
            except apsw.ConstraintError:
                raise Conflict(f"there is a reference {reference.name} already", code="name-taken",
                               field="name") from None

        await self._writer.run(job)

    async def remove_reference(self, id: str, name: str) -> bool:
        return await self._writer.run(
            lambda connection: REFERENCES.delete(connection, "package = ? AND name = ?", (id, name)) > 0)

    async def upload_layout(self, id: str, text: str, now: int, by: str) -> bool:
        return await self._writer.run(lambda connection: PACKAGES.update(
            connection, {"uploaded": text, "uploaded_at": now, "uploaded_by": by}, "id = ?", (id,)) > 0)

    async def remove(self, id: str) -> bool:
        def job(connection: apsw.Connection) -> bool:
            found = PACKAGES.select(connection, "WHERE id = ?", (id,))
            if found:
                self._cursors.put_before(connection, found[0].node, found[0].stream, REMOVED)
            return rows.remove(connection, id)

        return await self._writer.run(job)

    async def prune(self, before: int, gone_before: int, most_bytes: int) -> int:
        def job(connection: apsw.Connection) -> int:
            gone = connection.execute(
                "SELECT id FROM package WHERE gone = 1 AND received < ? AND NOT EXISTS (SELECT 1 FROM "
                "package_reference WHERE package = package.id) LIMIT ?", (gone_before, PRUNED_AT_A_TIME)).fetchall()
            for (id,) in gone:
                rows.remove(connection, id)
            old = _oldest(connection, before)
            if not old and connection.execute("SELECT total(length(data)) FROM package_object").get > most_bytes:
                old = _oldest(connection, 2**62)
            for package, number in old:
                rows.remove_snapshot(connection, package, number)
            return len(gone) + len(old)

        return await self._writer.run(job)

    async def _one_snapshot(self, which: str, id: str, value: int) -> Snapshot | None:
        found = await self._readers.run(
            lambda connection: connection.execute(_SNAPSHOT + which, (id, value)).fetchall())
        return _snapshot(found[0]) if found else None


def _oldest(connection: apsw.Connection, before: int) -> list[tuple[str, int]]:
    """Snapshots that may go, the oldest first: neither references nor anybody's newest."""
    return connection.execute(
        "SELECT package, number FROM package_snapshot s WHERE received < ? AND number NOT IN (SELECT snapshot FROM "
        "package_reference) AND number NOT IN (SELECT snapshot FROM package) ORDER BY number LIMIT ?",
        (before, PRUNED_AT_A_TIME)).fetchall()


def _snapshot(row: tuple) -> Snapshot:
    number, package, instance, serial, skipped, time, received, kept, objects, reference = row
    return Snapshot(number, package, instance, serial, skipped, time, received, bool(kept), objects, reference)
