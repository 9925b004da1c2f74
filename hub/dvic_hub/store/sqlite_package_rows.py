"""The rows of histogram packages: an update written, snapshots thinned. In the writer's thread, in its transaction.

An object is a row for as long as it stays the same, `since` one snapshot and `until` another. So an update costs what
changed in it, and a snapshot that goes takes only the objects that no other one shows.
"""

import apsw
import msgspec
import zstandard

from dvic_hub.domain.package_objects import ObjectAbout
from dvic_hub.domain.packages import NotHeld, ObjectChange, Package, PackageChange, after, is_kept

from .rows import BOOL, Form, Table

PACKAGES = Table("package", Package, {"gone": BOOL})
LEVEL = 3
"""Of zstd: half the time of zlib's level 1, and smaller."""

ABOUT = Form(lambda value: msgspec.json.encode(value).decode(), msgspec.json.Decoder(ObjectAbout).decode)


def write(connection: apsw.Connection, change: PackageChange) -> int:
    """Take an update; returns the number of its snapshot, 0 where there is none. Raises NotHeld."""
    if change.gone:
        PACKAGES.update(connection, {"gone": True}, "id = ?", (change.id,))
        return 0
    found = PACKAGES.select(connection, "WHERE id = ?", (change.id,))
    before = found[0] if found else None
    if change.problem:
        if before:
            PACKAGES.update(connection, {"problem": change.problem, "gone": False}, "id = ?", (change.id,))
        else:
            PACKAGES.insert(connection, [after(None, change, 0)])
        return 0
    if change.layout is None and change.layout_hash and (not before or before.layout_hash != change.layout_hash):
        raise NotHeld
    held = {name: (id, hash, position) for id, name, hash, position in connection.execute(
        "SELECT id, name, hash, position FROM package_object WHERE package = ? AND until = 0", (change.id,))}
    if any(each.data is None and held.get(each.name, (0, ""))[1] != each.hash for each in change.objects):
        raise NotHeld
    number = connection.execute(
        "INSERT INTO package_snapshot (package, instance, serial, skipped, time, received, kept, objects) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        (change.id, change.instance, change.serial, change.skipped, change.time, change.received,
         is_kept(before, change), len(change.objects))).get
    _write_objects(connection, change.id, number, change.objects, held)
    if before:
        PACKAGES.delete(connection, "id = ?", (change.id,))
    PACKAGES.insert(connection, [after(before, change, number)])
    thin(connection, change.id, change.last)
    return number


def thin(connection: apsw.Connection, package: str, last: int) -> None:
    """Take away snapshots behind the last few, save those that are kept longer, and references."""
    limit = connection.execute("SELECT number FROM package_snapshot WHERE package = ? ORDER BY number DESC LIMIT 1 "
                               "OFFSET ?", (package, last)).get
    if limit is not None:
        rows = connection.execute(
            "SELECT number FROM package_snapshot WHERE package = ? AND kept = 0 AND number <= ? AND number NOT IN "
            "(SELECT snapshot FROM package_reference WHERE package = ?)", (package, limit, package)).fetchall()
        for (number,) in rows:
            remove_snapshot(connection, package, number)


def remove_snapshot(connection: apsw.Connection, package: str, number: int) -> None:
    """With the objects that no other snapshot shows."""
    connection.execute("DELETE FROM package_snapshot WHERE number = ?", (number,))
    before, after = (connection.execute(
        f"SELECT {what} FROM package_snapshot WHERE package = ? AND number {side} ?", (package, number)).get  # noqa: S608
        for what, side in (("max(number)", "<"), ("min(number)", ">")))
    if after is not None:  # else it is the newest, and what it shows is current
        connection.execute("DELETE FROM package_object WHERE package = ? AND until BETWEEN 1 AND ? AND since > ?",
                           (package, after, before or 0))


def remove(connection: apsw.Connection, package: str) -> bool:
    for table in ("package_object", "package_snapshot", "package_reference"):
        connection.execute(f"DELETE FROM {table} WHERE package = ?", (package,))  # noqa: S608
    return PACKAGES.delete(connection, "id = ?", (package,)) > 0


def remove_of_node(connection: apsw.Connection, node: str) -> None:
    for (id,) in connection.execute("SELECT id FROM package WHERE node = ?", (node,)).fetchall():
        remove(connection, id)


def _write_objects(connection: apsw.Connection, package: str, number: int, objects: tuple[ObjectChange, ...],
                   held: dict[str, tuple[int, str, int]]) -> None:
    ended, moved, new = [], [], []
    compress = zstandard.ZstdCompressor(level=LEVEL).compress
    for position, each in enumerate(objects):
        id, hash, place = held.pop(each.name, (0, "", 0))
        if hash == each.hash:
            if place != position:
                moved.append((position, id))
            continue
        if id:
            ended.append((number, id))
        new.append((package, number, each.name, each.hash, position, ABOUT.write(each.about),
                    compress(each.data)))
    ended += [(number, id) for id, _, _ in held.values()]
    connection.executemany("UPDATE package_object SET until = ? WHERE id = ?", ended)
    connection.executemany("UPDATE package_object SET position = ? WHERE id = ?", moved)
    connection.executemany("INSERT INTO package_object (package, until, since, name, hash, position, about, data) "
                           "VALUES (?, 0, ?, ?, ?, ?, ?, ?)", new)
