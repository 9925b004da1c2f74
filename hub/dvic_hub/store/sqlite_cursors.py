"""The cursors that the hub holds, as the writer's thread sees them.

Read from the database when a node is first heard of, then kept: the writer is the only one to change them. What a group
changes counts for the batches behind it at once, and for good only when the group is on the disk.
"""

from dataclasses import dataclass, replace

import apsw

from dvic_hub.domain.model import IncomingBatch
from dvic_hub.errors import NotFound
from dvic_wire.errors import LimitExceeded
from dvic_wire.limits import MAX_STREAMS
from dvic_wire.streams import START, Verdict, accept

KEPT_STREAMS = 200_000
"""Streams kept in memory; past it all are forgotten and read again as needed."""


@dataclass(frozen=True)
class Stream:
    """One line of the table `stream`; `about` is JSON."""

    cursor: str
    source: str
    about: str


class Cursors:
    """Used by the writer's thread alone."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[str, Stream]] = {}
        self._changed: dict[tuple[str, str], Stream | None] = {}
        self._kept = 0

    def check(self, connection: apsw.Connection, batch: IncomingBatch) -> Verdict:
        """The compare-and-set rule; raises NotFound for a node that was removed, LimitExceeded for too many streams."""
        streams = self._nodes.get(batch.node) or self._load(connection, batch.node)
        held = streams.get(batch.stream)
        verdict = accept(held.cursor if held else START, batch.from_cursor, batch.to_cursor)
        if verdict.accepted and held is None and not batch.closed and len(streams) >= MAX_STREAMS:
            raise LimitExceeded("MAX_STREAMS", MAX_STREAMS, field="stream")
        return verdict

    def move(self, batch: IncomingBatch, about: str, ended: bool) -> None:
        """The cursor after a batch that was accepted; `about` is JSON, "" when nothing new is said. `ended`: nothing
        more can come of the stream, and its cursor is forgotten."""
        streams = self._nodes[batch.node]
        if not ended:
            held = streams.get(batch.stream)
            now = Stream(batch.to_cursor, batch.source, about or (held.about if held else "{}"))
            streams[batch.stream] = self._changed[batch.node, batch.stream] = now
        elif streams.pop(batch.stream, None):
            self._changed[batch.node, batch.stream] = None

    def end(self, connection: apsw.Connection, batch: IncomingBatch) -> None:
        """Nobody wants the batch's stream any more; raises NotFound for a node that was removed."""
        if self._load(connection, batch.node).pop(batch.stream, None):
            self._changed[batch.node, batch.stream] = None

    def put_before(self, connection: apsw.Connection, node: str, stream: str, mark: str) -> None:
        """Put a mark before the cursor of an open stream, which its source understands; may be done twice."""
        held = self._load(connection, node).get(stream)
        if held and not held.cursor.startswith(mark):
            marked = replace(held, cursor=mark + held.cursor)
            self._nodes[node][stream] = self._changed[node, stream] = marked

    def flush(self, connection: apsw.Connection) -> None:
        """Write what changed."""
        if not self._changed:
            return
        gone = [key for key, stream in self._changed.items() if stream is None]
        set_now = [(*key, stream.cursor, stream.source, stream.about)
                   for key, stream in self._changed.items() if stream is not None]
        self._changed.clear()
        if gone:
            connection.executemany("DELETE FROM stream WHERE node = ? AND name = ?", gone)
        connection.executemany(
            "INSERT INTO stream VALUES (?, ?, ?, ?, ?) ON CONFLICT (node, name) DO UPDATE SET "
            "cursor = excluded.cursor, source = excluded.source, about = excluded.about", set_now)

    def committed(self) -> None:
        if self._kept > KEPT_STREAMS:
            self.forget()

    def forget(self, node: str = "") -> None:
        """What was kept of a node (or of all) is read anew: its rows were changed in another way."""
        self._changed.clear()
        if node:
            self._nodes.pop(node, None)
        else:
            self._nodes.clear()
            self._kept = 0

    def _load(self, connection: apsw.Connection, node: str) -> dict[str, Stream]:
        if node in self._nodes:
            return self._nodes[node]
        if not connection.execute("SELECT 1 FROM node WHERE id = ?", (node,)).fetchall():
            raise NotFound("there is no such node")
        rows = connection.execute("SELECT name, cursor, source, about FROM stream WHERE node = ?", (node,))
        self._nodes[node] = streams = {name: Stream(*rest) for name, *rest in rows}
        self._kept += len(streams) + 1
        return streams
