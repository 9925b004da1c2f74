"""Samples on disk until the hub has them: they exist nowhere else. Bounded, the oldest give way.

Two files, `<name>.0.ring` and `<name>.1.ring`; the newer one grows, and when it has half of the room, the older one is
emptied and takes over. A line is `<crc32, 8 hex digits> <JSON>`, of which the JSON is

    {"ring": "5f1c...", "next": 17}    a mark: what follows has this ring id and counts from this serial
    [17, {"time": ...}]                a serial and its record

Every opening writes a mark with a new random id. So a cursor `<ring id>:<serial>` can't be mistaken for another one,
even when a power cut took the end of the ring after the hub had stored it: reading goes on with the mark behind.
A line that was torn or changed does not fit its checksum; serials that are missing are told as a gap.
"""

import json
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from threading import Lock

from dvic_wire import records
from dvic_wire.streams import Gap

from .clock import Clock
from .sources.source import Reading

ID_BYTES = 8

_CURSOR = re.compile(r"([0-9a-f]{16}):(\d{1,15})")


@dataclass(frozen=True)
class _Line:
    """`record` is None for a mark, whose `serial` is the one before the next."""

    ring: str
    serial: int
    record: dict | None
    file: int
    after: int
    """Offset behind the line."""
    size: int


class Ring:
    """`append` and `read` may be called from different threads, and do nothing any more once it is closed.
    Raises OSError when it can't be opened."""

    def __init__(self, folder: Path, name: str, max_bytes: int, clock: Clock | None = None):
        self._paths = [folder / f"{name}.{i}.ring" for i in (0, 1)]
        self._half = max_bytes // 2
        self._clock = clock or Clock()
        self._lock = Lock()
        self._place: tuple[str, int, int] | None = None
        """A cursor that was given out, and the file and offset where reading goes on from it."""
        self._unread = False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._files = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                       for path in self._paths]
        self._id = secrets.token_hex(ID_BYTES)
        self._current, self._next = self._recover()
        self._mark()

    @property
    def cursor(self) -> str:
        """The place behind the newest record."""
        return f"{self._id}:{self._next - 1}"

    def append(self, record: dict) -> bool:
        """Keep a record. False when the disk has no room: it is lost, and the reader will be told."""
        with self._lock:
            if not self._files:
                return False
            serial, self._next = self._next, self._next + 1
            data = _encode([serial, record])
            if len(data) > self._half // 2:
                return False
            if os.fstat(self._files[self._current]).st_size + len(data) > self._half:
                self._turn_over(serial)
            written = self._write(data)
            # What the reader has not fetched yet must outlive a power cut; what it fetched is on its way to the hub.
            if written and self._unread:
                os.fdatasync(self._files[self._current])
            self._unread = True
            return written

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        """As Stream.read promises."""
        with self._lock:
            found: list[dict] = []
            size, more = 0, False
            if not self._files:
                return Reading([], cursor)
            ring, serial, lines = self._behind(cursor)
            known = _CURSOR.fullmatch(cursor)
            if known and ring is None:
                found.append(self._gap("overrun", "the ring has nothing of that time any more"))
            last: _Line | None = None
            for line in lines:
                if line.record is None:
                    # serials go on behind a mark of the same ring; a new ring has nothing to do with the one before
                    if ring == line.ring and line.serial > serial:
                        found.append(self._gap("overrun", "the ring was full", line.serial - serial))
                    ring, serial, last = line.ring, line.serial, line
                    continue
                if len(found) >= max_records or size >= max_bytes:
                    more = True
                    break
                if line.serial > serial + 1:
                    found.append(self._gap("overrun", "no room on the disk, or a damaged ring",
                                           line.serial - serial - 1))
                found.append(line.record)
                size += line.size
                ring, serial, last = line.ring, line.serial, line
            self._unread = more
            if last is None:
                return Reading([], cursor)
            self._place = f"{ring}:{serial}", last.file, last.after
            return Reading(found, self._place[0], more=more)

    def close(self) -> None:
        with self._lock:
            for file in self._files:
                os.close(file)
            self._files = []

    def _gap(self, reason: str, detail: str, missed: int = -1) -> dict:
        return records.gap(int(self._clock.wall() * 1e6), Gap(reason, detail, missed, "samples"))

    # reading

    def _behind(self, cursor: str) -> tuple[str | None, int, Iterator[_Line]]:
        """The ring id and serial of a cursor and the lines behind it; (None, 0, all lines) when it is not known."""
        if self._place and self._place[0] == cursor:
            ring, _, serial = cursor.partition(":")
            return ring, int(serial), self._lines(self._place[1], self._place[2], ring, int(serial))
        known = _CURSOR.fullmatch(cursor)
        if not known:
            return None, 0, self._lines()
        wanted, serial = known[1], int(known[2])
        if not any(line.ring == wanted for line in self._lines()):
            return None, 0, self._lines()
        behind = dropwhile(lambda line: line.ring != wanted, self._lines())
        return wanted, serial, (line for line in behind if line.ring != wanted or line.serial > serial)

    def _lines(self, file: int | None = None, offset: int = 0, ring: str = "", serial: int = 0) -> Iterator[_Line]:
        """All whole lines, the older file first; or those from an offset on in `file`, where `ring` is in force."""
        for number in ((1 - self._current, self._current) if file is None else (file, 1 - file)):
            if file is not None and number != file and number != self._current:
                return
            with open(self._files[number], "rb", closefd=False) as data:
                data.seek(offset)
                at, offset = offset, 0
                for raw in data:
                    at += len(raw)
                    value = _decode(raw)
                    if isinstance(value, dict):
                        ring, serial = value["ring"], value["next"] - 1
                        yield _Line(ring, serial, None, number, at, len(raw))
                    elif value is not None and ring:
                        serial, record = value
                        yield _Line(ring, serial, record, number, at, len(raw))

    # writing

    def _recover(self) -> tuple[int, int]:
        """Cut off what was torn; return the file that grows and the next serial."""
        newest, following = 0, 1
        for number in (0, 1):
            end = serial = 0
            with open(self._files[number], "rb", closefd=False) as data:
                for raw in data:
                    value = _decode(raw)
                    if raw.endswith(b"\n"):
                        end += len(raw)
                    if value is not None:
                        serial = value["next"] if isinstance(value, dict) else value[0] + 1
            os.ftruncate(self._files[number], end)
            if serial > following:
                newest, following = number, serial
        return newest, following

    def _turn_over(self, serial: int) -> None:
        self._current = 1 - self._current
        os.ftruncate(self._files[self._current], 0)
        if self._place and self._place[1] == self._current:
            self._place = None
        self._mark(serial)

    def _mark(self, serial: int | None = None) -> None:
        """On the disk before any cursor with its id is given out: an id that is not found was given up on purpose."""
        self._write(_encode({"ring": self._id, "next": self._next if serial is None else serial}))
        os.fdatasync(self._files[self._current])

    def _write(self, data: bytes) -> bool:
        file = self._files[self._current]
        end = os.fstat(file).st_size
        try:
            if os.pwrite(file, data, end) == len(data):
                return True
        except OSError:
            pass
        os.ftruncate(file, end)
        return False


def _encode(value: object) -> bytes:
    body = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _decode(raw: bytes) -> dict | list | None:
    """The content of a line, None when it is damaged."""
    body = raw[9:].rstrip(b"\n")
    try:
        if not raw.endswith(b"\n") or raw[8:9] != b" " or int(raw[:8], 16) != zlib.crc32(body):
            return None
        return json.loads(body)
    except ValueError:
        return None
