"""The newest state of each container of a node. Every function runs inside one transaction."""

import apsw
import msgspec

from dvic_wire.limits import MAX_CONTAINER_STATES

GONE = "gone"
"""State of a container that is told for the last time."""

_ROW = "INSERT OR REPLACE INTO container VALUES (?, ?, ?, ?, ?)"


def keep(connection: apsw.Connection, node: str, records: list) -> None:
    """Take in records of the stream `containers`, in order. Of more than one record may hold, the newest stay."""
    for record in records:
        if record.containers is msgspec.UNSET:
            continue
        if record.whole:
            remove_of_node(connection, node)
        connection.executemany(_ROW, [
            (node, one.engine, one.id, record.time, msgspec.json.encode(one).decode()) for one in record.containers])
        connection.executemany("DELETE FROM container WHERE node = ? AND engine = ? AND id = ?", [
            (node, one.engine, one.id) for one in record.containers if one.state == GONE])
        [(count,)] = connection.execute("SELECT count(*) FROM container WHERE node = ?", (node,)).fetchall()
        if count > MAX_CONTAINER_STATES:
            connection.execute("DELETE FROM container WHERE node = ?1 AND (engine, id) IN (SELECT engine, id "
                               "FROM container WHERE node = ?1 ORDER BY time LIMIT ?2)",
                               (node, count - MAX_CONTAINER_STATES))


def containers(connection: apsw.Connection, node: str) -> list[dict]:
    """Each with the time at which it was told."""
    return [{"time": time, **msgspec.json.decode(body)} for time, body in connection.execute(
        "SELECT time, body FROM container WHERE node = ? ORDER BY engine, id", (node,))]


def remove_of_node(connection: apsw.Connection, node: str) -> None:
    connection.execute("DELETE FROM container WHERE node = ?", (node,))
