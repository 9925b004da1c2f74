"""The log file of one process: opened at the first line, safe in a directory that everybody may write to.

- Created with O_EXCL|O_NOFOLLOW under a random name, readable by all (0644: the agent is another user).
- One write(2) with O_APPEND a line, so that lines of several threads never mix.
- A forked child opens a file of its own at its first line; the parent's is never touched by it.
- Before each write the descriptor is checked to be still our file: a program may close descriptors that it does not
  know (to become a daemon) and get the same number for a file of its own; the file may have been deleted by a cleaner.
- When the file reaches `max_bytes` it is renamed to `<path>.1` (the one before is dropped) and a new one begins.
- What can't be written is counted; the next line that can be written is preceded by a record that says how many.
- `write` never raises.
"""

import fcntl
import os
import pwd
import re
import secrets
import sys
import threading
import time

from . import lines

PREFIX = "dvic_log_"

MAX_BYTES = 16 * 1024 * 1024
"""Size at which a file is rotated, bytes; a process keeps at most twice this on the disk."""

RETRY = 1.0
"""Seconds between tries to open a file after one failed."""

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


class _Open:
    """What one process knows of its file. A fork leaves this to the parent: the child starts a new one."""

    def __init__(self):
        self.lock = threading.RLock()
        self.start = now()
        self.handle = -1
        self.identity = None
        self.path = ""
        self.torn = False
        self.lost = 0
        self.reason = ""
        self.retry_at = 0.0
        self.busy = False


class LogFile:
    """Where lines go. `name` tells people which program it is (default: the script's name); `directory` is
    DVIC_LOG_DIR or /tmp. Safe to share between threads and across forks."""

    def __init__(self, name=None, directory=None, max_bytes=MAX_BYTES):
        self.name = name or _program_name()
        self.directory = directory
        self.max_bytes = max_bytes
        self._of_process = {}

    @property
    def path(self):
        """The file's path in this process, "" before the first line."""
        return self._mine().path

    def write(self, line):
        """Append one line (bytes with the newline at its end). Never raises; returns whether it is in the file."""
        try:
            mine = self._mine()
            with mine.lock:
                if mine.busy:
                    # A signal handler or destructor that logs while this very thread is inside: no state is touched.
                    mine.lost += 1
                    if _is_ours(mine) and os.write(mine.handle, line) == len(line):
                        mine.lost -= 1
                        return True
                    return False
                mine.busy = True
                try:
                    return self._write(mine, line)
                finally:
                    mine.busy = False
        except Exception:
            return False

    def close(self):
        """Close the file; a later line opens a new one."""
        mine = self._mine()
        with mine.lock:
            _forget(mine)

    def _mine(self):
        # setdefault is atomic, so threads of a fresh child agree on one state without needing a lock that the fork
        # may have copied while it was held.
        pid = os.getpid()
        mine = self._of_process.get(pid)
        if mine is None:
            mine = self._of_process.setdefault(pid, _Open())
            for other in list(self._of_process):
                inherited = self._of_process.pop(other, None) if other != pid else None
                if inherited is not None:
                    _forget(inherited)
        return mine

    def _write(self, mine, line):
        try:
            status = _status(mine)
            if status is None or status.st_nlink == 0:
                _forget(mine)
                self._open(mine)
            elif status.st_size + len(line) > self.max_bytes and status.st_size > 0:
                self._rotate(mine)
            if mine.lost:
                self._tell_loss(mine)
            _put(mine, line)
            return True
        except OSError as error:
            mine.lost += 1
            mine.reason = error.strerror or str(error)
            return False

    def _tell_loss(self, mine):
        said = "%d lines could not be written: %s" % (mine.lost, mine.reason)
        _put(mine, lines.record(now(), "warning", said, {"lost": mine.lost}))
        mine.lost = 0

    def _open(self, mine):
        if time.monotonic() < mine.retry_at:
            raise OSError(0, mine.reason)
        try:
            self._create(mine, self._new_path())
        except OSError:
            mine.retry_at = time.monotonic() + RETRY
            raise

    def _new_path(self):
        directory = self.directory or os.environ.get("DVIC_LOG_DIR") or "/tmp"  # noqa: S108 (the agent looks there)
        name = _UNSAFE.sub("-", self.name)[:32].strip("-.")
        return os.path.join(directory, PREFIX + (name + "-" if name else "") + secrets.token_hex(6))

    def _create(self, mine, path):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(path, flags, 0o644)
        if handle <= 2:
            # The program closed its standard streams: what it prints must not land in the log.
            low, handle = handle, fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, 3)
            os.close(low)
        os.fchmod(handle, 0o644)
        status = os.fstat(handle)
        mine.handle, mine.path, mine.torn = handle, path, False
        mine.identity = (status.st_dev, status.st_ino)
        try:
            _put(mine, lines.header(os.getpid(), sys.executable or "", _user(), self.name, mine.start))
        except OSError:
            # A file without its header would say nothing of its writer.
            _forget(mine)
            os.unlink(path)
            raise

    def _rotate(self, mine):
        path = mine.path
        try:
            here = os.lstat(path)
            if (here.st_dev, here.st_ino) != mine.identity:
                raise OSError("somebody else's file has our name")
            os.rename(path, path + ".1")
            _forget(mine)
            self._create(mine, path)
        except OSError:
            # A name of ours is taken: begin elsewhere rather than grow without end.
            _forget(mine)
            self._create(mine, self._new_path())


def now():
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def _put(mine, line):
    if mine.torn:
        # A write that the disk cut short left a line without its end.
        line = b"\n" + line
    written = os.write(mine.handle, line)
    mine.torn = written != len(line)
    if mine.torn:
        raise OSError(28, "No space left on device")


def _status(mine):
    """fstat of our file; None when there is none, or when the descriptor is no longer ours."""
    if mine.handle < 0:
        return None
    try:
        status = os.fstat(mine.handle)
    except OSError:
        return None
    return status if (status.st_dev, status.st_ino) == mine.identity else None


def _is_ours(mine):
    return _status(mine) is not None


def _forget(mine):
    if _is_ours(mine):
        try:
            os.close(mine.handle)
        except OSError:
            pass
    mine.handle, mine.identity, mine.path = -1, None, ""


def _program_name():
    script = os.path.basename(getattr(sys, "argv", [""])[0] or "") or "python"
    return script[:-3] if script.endswith(".py") else script


def _user():
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except Exception:
        return str(os.geteuid())
