"""Where runs live on the disk, and who may read what.

    STATE/runs/            root:GROUP 0750
    STATE/runs/<id>/       root:GROUP 0750, appears whole (made as .new-<id>, then renamed)
        output.jsonl       root:GROUP 0640, run records; the last line is the end (see dvic_wire.records)
        request.json       root 0600, what was accepted: spec within this machine's limits, who asked
        lock               root 0600, flock held by whoever carries the run: recorder, supervisor
        outcome.json       root 0600, how the command ended, by the recorder (see ending.py)
        cancelled          root 0600, why it is to be ended, before it is ended
        control            root 0600, FIFO of the children backend
        answer             root 0600, FIFO: what the run is told (see answers.py)
    STATE/executor/        root 0700: lock (one decision at a time), seen/ (the replay list), update/

Every path below STATE is opened relative to a directory descriptor and without following symlinks. An id is checked
against RUN_ID before it becomes a name. Modes are the narrowest from the first moment and widened afterwards.
"""

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dvic_wire.records import run_end

from .errors import Refusal
from .trusted import open_directory

RUN_ID = re.compile(r"[a-z0-9]{12,32}\Z")
MAX_FILE_BYTES = 2 * 1024 * 1024
"""Bytes of one small file of a run directory (a request with its script)."""

_TAIL = 8192
"""Bytes at the end of an output file within which the end record lies."""


def check_run_id(run: object) -> str:
    """The id, when it can safely be a file's name; raises Refusal."""
    if not isinstance(run, str) or not RUN_ID.match(run):
        raise Refusal("malformed", "a run id has 12 to 32 small letters and digits")
    return run


class RunDir:
    """One run's directory, held open by `handle`."""

    def __init__(self, run: str, handle: int):
        self.run = run
        self.handle = handle
        self.lock = -1

    def close(self) -> None:
        """Close the directory, and the lock where it was taken by `hold` (a forked process keeps its own copy)."""
        for handle in (self.handle, self.lock):
            if handle >= 0:
                os.close(handle)

    def open(self, name: str, flags: int) -> int:
        """A descriptor of a file here; never through a symlink, new ones are 0600."""
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.handle)

    def write(self, name: str, data: bytes) -> None:
        """Write a file so that it appears whole and is on the disk."""
        with os.fdopen(self.open(f".{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(f".{name}", name, src_dir_fd=self.handle, dst_dir_fd=self.handle)

    def read(self, name: str) -> bytes | None:
        try:
            with os.fdopen(self.open(name, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                return file.read(MAX_FILE_BYTES)
        except FileNotFoundError:
            return None

    def read_json(self, name: str) -> dict:
        """A small file's object, {} when it is missing or damaged."""
        with suppress(ValueError):
            value = json.loads(self.read(name) or b"{}")
            if isinstance(value, dict):
                return value
        return {}

    def request(self) -> dict:
        return self.read_json("request.json")

    def cancel(self, reason: str) -> None:
        """Note that the run is being ended and why; the first reason stays."""
        if self.cancelled() is None:
            self.write("cancelled", reason.encode("utf-8", "replace"))

    def cancelled(self) -> str | None:
        data = self.read("cancelled")
        return None if data is None else data.decode("utf-8", "replace")

    def hold(self) -> None:
        """Take the run's lock, waiting for it. It is held until every process with a copy of it has closed it."""
        self.lock = self.open("lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def held(self) -> bool:
        """Whether somebody carries this run. Asking does not disturb others who ask."""
        handle = self.open("lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def end(self) -> dict | None:
        """The content of the end record, None while there is none."""
        with os.fdopen(self.open("output.jsonl", os.O_RDONLY), "rb") as file:
            return _last(_tail(file.fileno())).get("end")

    def finish(self, state: str, exit_code: int = -1, reason: str = "", cut: int = 0) -> bool:
        """Append the end record, once: False when there is one. A line that was cut off by a crash is removed first
        (no reader has taken it, readers take whole lines). Returns after it is on the disk."""
        handle = self.open("output.jsonl", os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            last = _mended(handle)
            if "end" in last:
                return False
            now = max(time.time_ns() // 1000, last.get("time", 0))
            record = run_end(now, state, exit_code, reason[:1000], cut)
            os.write(handle, json.dumps(record, separators=(",", ":")).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        return True

    def mend(self) -> dict:
        """Remove a line that was cut off by a crash, for whoever goes on writing; returns the last record or {}."""
        handle = self.open("output.jsonl", os.O_RDWR | os.O_APPEND)
        try:
            return _mended(handle)
        finally:
            os.close(handle)


class StateDir:
    """STATE as a whole. `group` is the gid that may read output (the agent's)."""

    def __init__(self, path: Path, group: int):
        self.path = path
        self.group = group
        if not path.exists():
            path.mkdir(parents=True)
            path.chmod(0o755)  # the agent, another user, has to pass through
        state = open_directory(path)
        try:
            self._runs = _folder(state, "runs", 0o750, group)
            self._own = _folder(state, "executor", 0o700, -1)
        finally:
            os.close(state)
        self.seen = _folder(self._own, "seen", 0o700, -1)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """One decision at a time: between looking whether an id is new and its start nobody else decides."""
        handle = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._own)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def runs(self) -> list[str]:
        """Ids of the runs whose directories exist, oldest name order not promised."""
        return [name for name in os.listdir(self._runs) if RUN_ID.match(name)]

    def create(self, run: str, request: dict) -> RunDir:
        """A new run's directory, with its lock held by the caller from before it can be seen."""
        hidden = f".new-{run}"
        os.mkdir(hidden, 0o700, dir_fd=self._runs)
        found = RunDir(run, self._enter(hidden))
        found.write("request.json", json.dumps(request).encode())
        output = found.open("output.jsonl", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        _share(output, self.group, 0o640)
        os.close(output)
        found.hold()
        _share(found.handle, self.group, 0o750)
        os.rename(hidden, run, src_dir_fd=self._runs, dst_dir_fd=self._runs)
        return found

    def find(self, run: str) -> RunDir | None:
        """An existing run's directory; a symlink in its place counts as none."""
        try:
            return RunDir(check_run_id(run), self._enter(run))
        except OSError:
            return None

    @contextmanager
    def opened(self, run: str) -> Iterator[RunDir | None]:
        """`find`, closed afterwards."""
        found = self.find(run)
        try:
            yield found
        finally:
            if found is not None:
                found.close()

    def forget(self, run: str) -> bool:
        """Delete an ended run's directory; False when it has not ended or does not exist."""
        with self.opened(run) as found:
            if found is None or found.end() is None:
                return False
        shutil.rmtree(run, dir_fd=self._runs)
        return True

    def clear_half_made(self) -> None:
        """Remove directories whose making was cut short. Only inside `deciding`."""
        for name in os.listdir(self._runs):
            if name.startswith(".new-"):
                shutil.rmtree(name, dir_fd=self._runs)

    def age(self, run: str) -> float:
        """Seconds since a run's output last changed."""
        with self.opened(run) as found:
            if found is None:
                return 0.0
            return time.time() - os.stat("output.jsonl", dir_fd=found.handle, follow_symlinks=False).st_mtime

    def _enter(self, name: str) -> int:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._runs)


def _folder(parent: int, name: str, mode: int, group: int) -> int:
    """Make (if need be) and open a directory of ours below `parent`; Untrusted for a symlink or a foreign owner."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    handle = open_directory(name, parent)
    _share(handle, group, mode)
    return handle


def _share(handle: int, group: int, mode: int) -> None:
    """Give a file of ours to the group and only then widen its mode."""
    if group >= 0:
        os.fchown(handle, -1, group)
    os.fchmod(handle, mode)


def _tail(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    return os.pread(handle, _TAIL, max(0, size - _TAIL))


def _mended(handle: int) -> dict:
    """The last record, {} if none; the beginning of a line behind it is cut off."""
    tail = _tail(handle)
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(handle, _end_of_last_line(handle, os.fstat(handle).st_size))
    return _last(tail)


def _last(tail: bytes) -> dict:
    """The record in the last whole line of `tail`, {} where that line is longer than it."""
    whole = tail[:tail.rfind(b"\n") + 1]
    with suppress(ValueError):
        value = json.loads(whole[whole.rfind(b"\n", 0, -1) + 1:])
        if isinstance(value, dict):
            return value
    return {}


def _end_of_last_line(handle: int, size: int) -> int:
    """The offset just behind the last newline."""
    while size:
        start = max(0, size - 65536)
        found = os.pread(handle, size - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        size = start
    return 0
