"""What a source of streams promises to the pump that drives it.

A source owns one or more streams. A stream can be read again from any cursor that it ever gave out, for as long as its
past exists; where the past is gone the first record is a gap (`dvic_wire.records.gap`) and the cursor moves on, so the
chain of cursors at the hub never breaks. Streams keep no book of what was sent: the hub does.

Life:  start(wake) -> welcome(cursors) at every connection -> read(...) in a reader thread, as often as woken -> stop()

- `wake(name)` may be called from any thread: that stream may have something to read.
- `Stream.read` may block on the disk for a moment; it runs in the agent's one reader thread, never in the event loop.
- Nothing here raises for what a user's file or journal holds: bad content becomes a record that says so.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

Wake = Callable[[str], None]


@dataclass(frozen=True)
class Reading:
    """What one read gave. `records` (may be empty) lie between the cursor asked for and `cursor`.

    `closed`: the stream has ended and this is its last batch; `more`: there is more to read right now.
    A reading without records whose cursor did not move and that is not closed is not sent.
    """

    records: list[dict]
    cursor: str
    closed: bool = False
    more: bool = False


class Stream(Protocol):
    """One stream: `name` on the wire, `source` as people see it, `about` (JSON) of what is known of it.

    It may have two things more. `in_flight`: batches under way at a time, of one record each, for a stream of which
    only the newest state counts; `refused(reason)`: the hub could not use its last batch."""

    name: str
    source: str
    about: dict

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        """Read from just behind `cursor` ("" is the beginning). `max_bytes` bounds the text of the records, roughly:
        one record may pass it."""


class Source(Protocol):
    """A set of streams that comes and goes."""

    def start(self, wake: Wake) -> None:
        """Begin to watch. Called once, in the event loop's thread, with the loop running."""

    def welcome(self, cursors: dict[str, str]) -> None:
        """The hub's cursors of all open streams of this node, at each connection. Streams of this source that no longer
        exist become streams that read as one gap and close."""

    def streams(self) -> Iterable[Stream]:
        """The streams that exist now, by reference; called when the pump was woken for an unknown name or all."""

    def released(self, stream: str) -> None:
        """The hub has stored the end of this stream: what was kept for it can go."""

    def moving(self) -> bool:
        """False when the source is stuck (its watcher died, its reader hangs): the watchdog is not fed then."""

    def stop(self) -> None:
        """Stop watching and close what is open."""
