"""What runs print and how they end: runs/<id>/output.jsonl, written by the executor's recorder, each a stream run:<id>.

The file holds run records, a JSON object a line, and only grows; the last line is the end. The cursor is a byte offset.
When the hub has stored the end, the executor is told to forget the run. A directory is there for as long as that did
not happen, so after a restart its stream is offered again, and the hub lets go of what it knows to be over.
"""

import asyncio
import json
import logging
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from dvic_wire import records
from dvic_wire.limits import MAX_RECORD_TEXT
from dvic_wire.streams import RUN_PREFIX, Gap

from ..clock import Clock
from . import inotify
from .inotify import Inotify
from .open_files import open_regular
from .source import Reading, Stream, Wake
from .vanished import GONE, VanishedStream, farewell

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds between looks for the folder of runs, while it is not there or inotify is not."""

OUTPUT = "output.jsonl"

MAX_LINE = 8 * MAX_RECORD_TEXT
"""Bytes of one line; a longer one is damaged."""

TAIL = 8192
"""Bytes before an offset in which an end record lies, if there is one."""

_CONTENTS = {"start", "out", "err", "step", "end"}
"""What a record holds besides its time."""

_RUN_ID = re.compile(r"[a-z0-9]{12,32}\Z")
_RUNS = inotify.CREATE | inotify.MOVED_TO | inotify.DELETE | inotify.DELETE_SELF
_RUN = inotify.MODIFY | inotify.CREATE | inotify.CLOSE_WRITE


class RunStream:
    """The output of one run."""

    source = "run"

    def __init__(self, run: str, path: Path, clock: Clock):
        self.name = f"{RUN_PREFIX}{run}"
        self.run = run
        self.about: dict = {}
        self._path = os.fsencode(path)
        self._clock = clock

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        if cursor == GONE:
            return Reading([], cursor, closed=True)
        try:
            fd = open_regular(self._path)
        except OSError as error:
            lost = Gap("deleted", f"the run's output can't be read: {error.strerror}", unit="bytes")
            return farewell(cursor, lost, self._clock)
        try:
            return self._read(fd, cursor, max_records, max_bytes)
        finally:
            os.close(fd)

    def ended(self) -> bool:
        """Whether the end is written."""
        try:
            fd = open_regular(self._path)
        except OSError:
            return True
        try:
            return _ends_at(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def _read(self, fd: int, cursor: str, max_records: int, max_bytes: int) -> Reading:
        size = os.fstat(fd).st_size
        if not (cursor == "" or cursor.isascii() and cursor.isdigit()) or len(cursor) > 18:
            return self._skip("reset", "the hub's cursor is not one of a run", size)
        offset = int(cursor or "0")
        if offset > size or (offset and os.pread(fd, 1, offset - 1) != b"\n"):
            # A power cut took lines that the hub has already; since then the executor wrote the end.
            return self._skip("truncated", "the run's output is not what was read of it", _new_line(fd, offset, size),
                              more=True)
        want = min(max(max_bytes, 4096), MAX_LINE)
        data = os.pread(fd, want, offset)
        while b"\n" not in data and len(data) == want < MAX_LINE:
            want = min(2 * want, MAX_LINE)
            data = os.pread(fd, want, offset)
        if b"\n" not in data:
            if len(data) == MAX_LINE and (behind := _behind_line(fd, offset + MAX_LINE)):
                return self._skip("corrupt", "a line of the run's output is too long", behind, more=True)
            # "0" says that the hub holds this stream, though nothing is in it yet
            return Reading([], cursor or ("0" if data else ""), closed=_ends_at(fd, offset))
        found: list[dict] = []
        used, ended = 0, False
        while len(found) < max_records and not ended and (newline := data.find(b"\n", used)) >= 0:
            record = _record(data[used:newline])
            used = newline + 1
            found.append(record or self._gap("corrupt", "a line of the run's output is damaged", 1))
            ended = record is not None and "end" in record
        return Reading(found, str(offset + used), closed=ended, more=not ended and offset + used < size)

    def _skip(self, reason: str, detail: str, offset: int, more: bool = False) -> Reading:
        return Reading([self._gap(reason, detail)], str(offset), more=more)

    def _gap(self, reason: str, detail: str, missed: int = -1) -> dict:
        return records.gap(int(self._clock.wall() * 1e6), Gap(reason, detail, missed))


class RunOutput:
    """The source. `folder` is the executor's runs/; `forget(run)` is called in the loop's thread when the hub has no
    more interest in a run that has ended."""

    def __init__(self, folder: Path, forget: Callable[[str], object], *, clock: Clock | None = None,
                 tick: float = TICK):
        self._folder = folder
        self._forget = forget
        self._clock = clock or Clock()
        self._tick_seconds = tick
        self._streams: dict[str, RunStream | VanishedStream] = {}
        self._let_go: dict[str, RunStream] = {}
        """Runs that the hub has no interest in and that have not ended yet, or whose directory is still there."""
        self._asked: set[str] = set()
        """Of those: the executor was told to forget them."""
        self._inotify: Inotify | None = None
        self._watched: dict[int, str] = {}
        """Watch to run; the folder of all is \"\"."""
        self._ticked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        try:
            self._inotify = Inotify()
        except OSError as error:
            log.warning("runs are looked for every %g s: no inotify (%s)", self._tick_seconds, error.strerror)
        else:
            self._loop.add_reader(self._inotify.fileno(), self._events)
        self._tick()

    def welcome(self, cursors: dict[str, str]) -> None:
        self._list()
        for name in cursors:
            if name.startswith(RUN_PREFIX) and name not in self._streams and name[4:] not in self._let_go:
                lost = Gap("deleted", "this machine has nothing of the run", unit="bytes")
                self._streams[name] = VanishedStream(name, lost, self._clock)

    def streams(self) -> Iterable[Stream]:
        return list(self._streams.values())

    def released(self, stream: str) -> None:
        known = self._streams.pop(stream, None)
        if isinstance(known, RunStream):
            self._let_go[known.run] = known
            self._forget_ended(known)

    def moving(self) -> bool:
        return self._clock.steady() - self._ticked < 30

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._inotify:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()

    def _forget_ended(self, stream: RunStream) -> None:
        if stream.ended() and stream.run not in self._asked:
            self._asked.add(stream.run)
            self._forget(stream.run)

    def _events(self) -> None:
        touched: set[str] = set()
        for event in self._inotify.read():
            run = self._watched.get(event.wd, "")
            if event.mask & inotify.IGNORED:
                self._watched.pop(event.wd, None)
            if not run:  # overflow, or something in the folder of runs
                self._list()
            elif event.name == OUTPUT.encode():
                touched.add(run)
        for run in touched:
            if run in self._let_go:
                self._forget_ended(self._let_go[run])
            else:
                self._wake(f"{RUN_PREFIX}{run}")

    def _tick(self) -> None:
        self._ticked = self._clock.steady()
        self._timer = self._loop.call_later(self._tick_seconds, self._tick)
        if self._inotify is None or "" not in self._watched.values():
            self._list()
            if self._inotify is None:
                for name in self._streams:
                    self._wake(name)

    def _list(self) -> None:
        """Look which runs there are."""
        try:
            self._watch("", self._folder, _RUNS)
            found = {name for name in os.listdir(self._folder) if _RUN_ID.match(name)}
        except FileNotFoundError:
            found = set()
        except OSError as error:
            log.debug("the runs can't be listed: %s", error)
            return
        for run in self._let_go.keys() - found:
            del self._let_go[run]
        self._asked &= found
        for run in found - self._let_go.keys():
            name = f"{RUN_PREFIX}{run}"
            if isinstance(self._streams.get(name), RunStream) or not self._add(run):
                continue
            self._wake(name)

    def _add(self, run: str) -> bool:
        folder = self._folder / run
        try:
            self._watch(run, folder, _RUN)
        except OSError:
            return False  # gone again
        self._streams[f"{RUN_PREFIX}{run}"] = RunStream(run, folder / OUTPUT, self._clock)
        return True

    def _watch(self, run: str, folder: Path, mask: int) -> None:
        if self._inotify and run not in self._watched.values():
            self._watched[self._inotify.add(os.fsencode(folder), mask, follow=not run)] = run


def _record(line: bytes) -> dict | None:
    """A run record, None for anything else."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict) and type(value.get("time")) is int and _CONTENTS & value.keys():
        return value
    return None


def _behind_line(fd: int, offset: int) -> int:
    """Behind the next newline; 0 while there is none."""
    while data := os.pread(fd, 256 * 1024, offset):
        if (newline := data.find(b"\n")) >= 0:
            return offset + newline + 1
        offset += len(data)
    return 0


def _new_line(fd: int, offset: int, size: int) -> int:
    """Where the line begins that goes over an offset, or the end record; the end of the file when there is none."""
    at = min(offset, size)
    if offset >= size and not _ends_at(fd, size):
        return size
    start = max(0, at - TAIL)
    return start + os.pread(fd, at - start - 1, start).rfind(b"\n") + 1


def _ends_at(fd: int, offset: int) -> bool:
    """Whether the line that ends at an offset is the end of the run."""
    start = max(0, offset - TAIL)
    lines = os.pread(fd, offset - start, start).rstrip(b"\n").rsplit(b"\n", 1)
    record = _record(lines[-1])
    return record is not None and "end" in record
