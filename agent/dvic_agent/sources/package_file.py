"""One package file as a stream: always the newest state of it, and of that only what the hub does not have.

A reading is one record: the head, and the objects that differ from the update whose cursor the hub named (of the last
few that were read here; from any other cursor everything is sent). One batch is under way at a time, so on a slow line
what is sent next is what is newest then.

What can't be used (too large, of a newer schema, no package) becomes a gap, and is told to its publisher (`refused`).
The file is untrusted: opened without following links or waiting for a FIFO, read up to a limit, and only while its
owner is who it was when the stream began: the owner is part of the stream's name.
"""

import hashlib
import os
import pwd
import stat
from collections import OrderedDict
from collections.abc import Callable

from dvic_wire import packages, records
from dvic_wire.errors import WireError
from dvic_wire.limits import MAX_PACKAGE_BYTES, MAX_STREAM_NAME
from dvic_wire.packages import PackageFile, Unfinished
from dvic_wire.streams import PACKAGE_PREFIX, Gap

from ..clock import Clock
from .source import Reading
from .text import printable

REMEMBERED = 4
"""Updates whose digests are kept, to tell what is new since one of them."""

PATIENCE = 10.0
"""Seconds without a change after which a file that ends in the middle is taken for broken."""

MAX_PATH_TEXT = 1024
"""Characters of a package's path as it is reported."""

MAX_SHOWN_REASON = 500
"""Characters of what is wrong with a package."""

Refuse = Callable[[bytes, str, str], None]
"""Tells a publisher: path, instance ("": whichever it is), reason ("": all is well again)."""


def stream_name(path: bytes, uid: int, home: str = "") -> str:
    """A package is a file and its owner: another user's file of the same name is another package. `home`: of whose
    container it is, "" for the machine's own."""
    return f"{PACKAGE_PREFIX}{uid}:{hashlib.sha256(path).hexdigest()[:16]}{home and ':'}{home}"


class PackageStream:
    """The stream of one file. The event loop sets `present` and `over`; the reader thread does all the reading."""

    in_flight = 1
    """Batches under way at a time, of one record each (pump.py)."""

    def __init__(self, path: bytes, uid: int, refuse: Refuse, clock: Clock, home: str = ""):
        self.path = path
        self.uid = uid
        self.name = stream_name(path, uid, home)
        self.source = printable(os.path.basename(path), MAX_STREAM_NAME)
        self.about: dict = {"path": printable(path, MAX_PATH_TEXT), "owner": _owner(uid), "uid": uid}
        self.present = True
        self.over = False
        self.waiting = False
        """It ends in the middle; look again when its writer had time."""
        self._refuse = refuse
        self._clock = clock
        self._instance = ""
        self._known: OrderedDict[str, tuple[dict[str, str], str]] = OrderedDict()
        self._seen: tuple | None = None
        """What the file was when it was read last, and the cursor that it led to."""
        self._last = ""
        """The cursor of the last update that was read."""
        self._bad = ""
        """The same of one that the hub could not use."""
        self._refusal = ""

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        """The newest update, unless it is the one of `cursor`."""
        self.waiting = False
        if not self.present:
            return Reading([], cursor, closed=self.over)
        try:
            data, status = self._bytes(cursor)
        except OSError:
            return Reading([], cursor)  # gone, or no longer readable: a look at the directory will tell
        if data is None:
            return Reading([], cursor)
        reading = self._reading(cursor, data, status)
        if not self.waiting:
            self._seen = (state_of(status), reading.cursor)
        return reading

    def refused(self, reason: str) -> None:
        """The hub could not use the last update."""
        self._bad, self._refusal = self._last, f"the hub could not use it: {reason}"[:MAX_SHOWN_REASON]
        self._refuse(self.path, self._instance, self._refusal)

    def _reading(self, cursor: str, data: bytes, status: os.stat_result) -> Reading:
        now = int(self._clock.wall() * 1e6)
        try:
            file = packages.read_file(data)
        except Unfinished as error:
            if 0 <= now / 1e6 - status.st_mtime < PATIENCE:
                self.waiting = True
                return Reading([], cursor)
            return self._unusable(cursor, error, data, status, now)
        except WireError as error:
            return self._unusable(cursor, error, data, status, now)
        return self._update(cursor, file)

    def _update(self, cursor: str, file: PackageFile) -> Reading:
        if file.cursor == cursor or cursor == packages.REMOVED + file.cursor:
            return Reading([], cursor)
        if self._refusal and file.cursor != self._bad:
            self._refusal = ""
            self._refuse(self.path, file.head.instance, "")
        self._instance, self._last = file.head.instance, file.cursor
        held, layout = self._known.get(cursor, ({}, ""))
        self._known[file.cursor] = (file.held, packages.layout_digest(file.head))
        self._known.move_to_end(file.cursor)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return Reading([packages.record(file, held, layout)], file.cursor)

    def _unusable(self, cursor: str, error: WireError, data: bytes, status: os.stat_result, now: int) -> Reading:
        """Once for each state of the file: a gap that says why."""
        place = f"bad;{status.st_size};{packages.digest(data)}"
        reason = str(error)[:MAX_SHOWN_REASON]
        if self._refusal != reason:
            self._refusal = reason
            self._refuse(self.path, _instance_of(data), reason)
        if place == cursor:
            return Reading([], cursor)
        return Reading([records.gap(now, Gap("corrupt", reason, 1, "updates"))], place)

    def _bytes(self, cursor: str) -> tuple[bytes | None, os.stat_result]:
        """The content, one byte more than the limit where it is too large; None for a file that is not this stream's,
        or from which `cursor` was read already. Raises OSError."""
        handle = self._open()
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != self.uid:
                return None, status
            if self._seen == (state_of(status), cursor):
                return None, status
            pieces, size = [], 0
            while size <= MAX_PACKAGE_BYTES and (piece := os.read(handle, MAX_PACKAGE_BYTES + 1 - size)):
                pieces.append(piece)
                size += len(piece)
            return b"".join(pieces), status
        finally:
            os.close(handle)

    def _open(self) -> int:
        return os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


class GonePackage:
    """A package of which the hub holds a cursor, and whose file is not there any more: it is told that it has ended."""

    in_flight = 1

    def __init__(self, name: str):
        self.name = name
        self.source = "package"
        self.about: dict = {}

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        return Reading([], cursor, closed=True)


def state_of(status: os.stat_result) -> tuple:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _instance_of(data: bytes) -> str:
    """Whose update it is, where its head can be read at all."""
    try:
        return packages.read_head(data.partition(b"\n")[0]).instance
    except WireError:
        return ""


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return str(uid)
