"""One log file as a stream, whatever happens to it while it is read.

The cursor is "<offset>;<length>:<hash>": the offset of the next unread line, and a fingerprint of the file's head (at
most 256 bytes before the offset). A file that is shorter than the offset was truncated; one whose head differs was
replaced. Either reads as a gap and starts again at 0.

A last line without a newline waits for one, until its writer has closed the file and left it alone, or until the file
has ended. A line of more than 1 MiB is cut; the search for its end stops after 16 MiB, behind which a new line is taken
to begin.

What the event loop sets (`path`, `present`, `changed`, `whole`, `over`, `size`) are plain flags; the reader thread does
all the reading.
"""

import errno
import hashlib
import os
import pwd
import re
from dataclasses import dataclass

from dvic_wire import records
from dvic_wire.limits import MAX_RECORD_TEXT, MAX_STREAM_NAME
from dvic_wire.streams import FILE_PREFIX, Gap

from ..clock import Clock
from .log_lines import MAX_HEADER_BYTES, header_of, record_of
from .open_files import Key, OpenFiles
from .source import Reading
from .text import printable
from .vanished import GONE, farewell

CHUNK = 256 * 1024
"""Bytes read at a time."""

MAX_LINE_SEARCH = 16 * 1024 * 1024
"""Bytes in which the end of one line is looked for."""

HEAD = 256
"""Bytes of a file's head that go into its fingerprint."""

STALE = 60
"""Seconds without a change after which a last line without a newline counts as whole, whoever still has it open."""

MAX_PATH_TEXT = 1024
"""Characters of a path as it is reported."""

_CURSOR = re.compile(r"(\d{1,18});(\d{1,3}):([0-9a-f]{16})")


@dataclass(frozen=True)
class Place:
    """A place in a file: the content of a cursor."""

    offset: int
    length: int
    digest: str

    @classmethod
    def parse(cls, cursor: str) -> "Place | None":
        """None for a cursor that is not one of a file."""
        found = _CURSOR.fullmatch(cursor)
        return cls(int(found[1]), int(found[2]), found[3]) if found else None

    @classmethod
    def at(cls, fd: int, offset: int) -> "Place":
        length = min(offset, HEAD)
        return cls(offset, length, _digest(os.pread(fd, length, 0)))

    def holds(self, fd: int) -> bool:
        """Whether the file still has the head that this place was taken with."""
        return _digest(os.pread(fd, self.length, 0)) == self.digest

    def __str__(self) -> str:
        return f"{self.offset};{self.length}:{self.digest}"


NOTHING_READ = Place(0, 0, hashlib.sha256(b"").hexdigest()[:16])
"""The cursor of a file that could not be read: it was reported, and will be read from its beginning."""


class LogFile:
    """The stream of one file, known by device and inode, whatever its name becomes."""

    def __init__(self, key: Key, path: bytes, uid: int, files: OpenFiles, clock: Clock):
        self.key = key
        self.name = f"{FILE_PREFIX}{key[0]}:{key[1]}"
        self.uid = uid
        self.about: dict = {}
        self.present = True
        self.changed = True
        self.whole = False
        self.over = False
        self.waiting = False
        """A line without its end is there."""
        self.header: dict | None = None
        self._writer = {"uid": uid}
        """Of each record: whose the file is, and the process that its first line claims."""
        self._files = files
        self._clock = clock
        self.size = 0
        self._listed = (-1, 0)
        self._learned = False
        self._searched = (0, 0)
        """Where a line begins, and up to where its end was looked for in vain."""
        self.called(path)

    def called(self, path: bytes) -> None:
        """The file has this name (now)."""
        self.path = path
        self.source = printable(os.path.basename(path), MAX_STREAM_NAME)
        if self.about:
            self.about = {**self.about, "path": printable(path, MAX_PATH_TEXT)}

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        now = int(self._clock.wall() * 1e6)
        over, changed, self.changed = self.over, self.changed, False
        try:
            with self._files.use(self.key, self.path) as fd:
                self._learn(fd)
                return self._read(fd, cursor, max_records, max_bytes, now, over)
        except OSError as error:
            self.changed = changed
            return self._unreadable(error, cursor, now, over)

    def grew(self, status: os.stat_result) -> bool:
        """Whether the file changed since the last look, by what a listing tells."""
        state = status.st_size, status.st_mtime_ns
        changed, self._listed = state != self._listed, state
        self.changed |= changed
        return changed

    def learn(self) -> None:
        """Read who wrote the file, if that is not yet known."""
        if not self._learned:
            try:
                with self._files.use(self.key, self.path) as fd:
                    self._learn(fd)
            except OSError:
                return

    def _read(self, fd: int, cursor: str, max_records: int, max_bytes: int, now: int, over: bool) -> Reading:
        status = os.fstat(fd)
        self.size = status.st_size
        place = Place.parse(cursor) or NOTHING_READ
        want = min(max(max_bytes, 4096), CHUNK)
        data = os.pread(fd, want, place.offset)
        found: list[dict] = []
        lost = self._lost(fd, cursor, place)
        if lost:
            # What was read just now is of another life of the file: begin again.
            found.append(records.gap(now, lost))
            place, self._learned = NOTHING_READ, False
            self._learn(fd)
            data = os.pread(fd, want, 0)
        start = place.offset
        start, data = self._behind_nuls(fd, start, data, want)
        if data.startswith(b"\0"):
            return Reading(found, str(Place.at(fd, start)), more=True)
        last = len(data) < want
        patient = not (over or self.whole or now / 1e6 - status.st_mtime > STALE)
        used = self._lines(data, start, max_records, now, found)
        self.waiting = False
        if not used and data:
            if not last:
                used, last = self._long_line(fd, start, now, patient, found)
            elif patient:
                self.waiting = True
        if last and 0 < len(data) - used and b"\n" not in data[used:] and len(found) < max_records:
            if patient:
                self.waiting = True
            else:
                self._take(data[used:], start, now, 0, found)
                used = len(data)
        at_end = last and (used >= len(data) or self.waiting)
        if not found and start + used == place.offset and cursor:
            return Reading([], cursor, closed=over and at_end, more=not at_end)
        return Reading(found, str(Place.at(fd, start + used)) if start + used or found else cursor,
                       closed=over and at_end, more=not at_end)

    def _lost(self, fd: int, cursor: str, place: Place) -> Gap | None:
        if cursor not in ("", GONE) and Place.parse(cursor) is None:
            return Gap("reset", "the hub's cursor is not one of a file")
        if os.fstat(fd).st_size < place.offset:
            return Gap("truncated", f"{self.source} is shorter than what was read of it", unit="bytes")
        if not place.holds(fd):
            return Gap("replaced", f"{self.source} no longer begins as it did", unit="bytes")
        return None

    def _behind_nuls(self, fd: int, start: int, data: bytes, want: int) -> tuple[int, bytes]:
        """A writer that kept its offset while the file was truncated leaves a hole, as long as it may be: step over.
        Zeros that really stand there are read, MAX_LINE_SEARCH at a time: others want to be read too."""
        most = start + MAX_LINE_SEARCH
        while data.startswith(b"\0") and start < most:
            rest = data.lstrip(b"\0")
            start += len(data) - len(rest)
            if not rest:
                after = _next_data(fd, start)
                most += after - start
                start = after
            data = os.pread(fd, want, start)
        return start, data

    def _lines(self, data: bytes, start: int, max_records: int, now: int, found: list[dict]) -> int:
        """Take the whole lines of `data`; returns how many bytes they are."""
        used = 0
        while len(found) < max_records and (end := data.find(b"\n", used)) >= 0:
            self._take(data[used:end], start + used, now, 0, found)
            used = end + 1
        return used

    def _take(self, line: bytes, offset: int, now: int, cut: int, found: list[dict]) -> None:
        if offset == 0 and header_of(line) is not None:
            return
        record = record_of(line, now, cut)
        if record:
            record.update(self._writer)
            found.append(record)

    def _long_line(self, fd: int, start: int, now: int, patient: bool, found: list[dict]) -> tuple[int, bool]:
        """A line that is longer than a chunk: bytes used, and whether the file ends behind them. Its head is kept, its
        end is looked for, but not twice in the same place."""
        begin, searched = self._searched
        at = max(start, searched) if begin == start else start
        limit = start + MAX_LINE_SEARCH
        length, after = limit - start, limit
        last = False
        while at < limit:
            data = os.pread(fd, min(CHUNK, limit - at), at)
            if (end := data.find(b"\n")) >= 0:
                length, after = at + end - start, at + end + 1
                break
            at += len(data)
            if not data:
                self._searched = (start, at)
                if patient:
                    self.waiting = True
                    return 0, True
                length, after, last = at - start, at, True
                break
        kept = os.pread(fd, min(length, MAX_RECORD_TEXT), start)
        self._take(kept, start, now, length - len(kept), found)
        return after - start, last

    def _learn(self, fd: int) -> None:
        """Owner (the truth) and header (a claim), once the first line is whole."""
        if self._learned:
            return
        head = os.pread(fd, MAX_HEADER_BYTES, 0)
        self._learned = b"\n" in head or len(head) == MAX_HEADER_BYTES
        self.header = header_of(head.split(b"\n", 1)[0]) if b"\n" in head else None
        if self.header and "pid" in self.header:
            self._writer["pid"] = self.header["pid"]
        about = {"path": printable(self.path, MAX_PATH_TEXT), "owner": _owner(self.uid), "uid": self.uid}
        self.about = {**about, "header": self.header} if self.header is not None else about

    def _unreadable(self, error: OSError, cursor: str, now: int, over: bool) -> Reading:
        """What to say when the file can't be read: once, or that it is gone for good."""
        if not self.about:
            self.about = {"path": printable(self.path, MAX_PATH_TEXT), "owner": _owner(self.uid), "uid": self.uid}
        unread = not cursor or cursor == str(NOTHING_READ)
        if not self.present:
            if not over:
                return Reading([], cursor)
            place = Place.parse(cursor) or NOTHING_READ
            if cursor == GONE or (not self.changed and place.offset == self.size and not unread):
                return Reading([], cursor, closed=True)
            missed = self.size - place.offset if self.size > place.offset else -1
            lost = Gap("deleted", f"{self.source} went before it was read to its end", missed, "bytes")
            return farewell(cursor, lost, self._clock)
        if error.errno in (errno.EACCES, errno.EPERM) and not cursor:
            text = f"{self.source} can't be read: {error.strerror}; let the agent's user or group read it"
            return Reading([records.log(now, "warning", text)], str(NOTHING_READ))
        return Reading([], cursor)


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:16]


def _next_data(fd: int, offset: int) -> int:
    """Where the file holds something again behind a hole; its end when it does not."""
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return max(offset, os.fstat(fd).st_size)


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return str(uid)
