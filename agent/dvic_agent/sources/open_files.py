"""A bounded set of open files, so that a thousand log files don't need a thousand descriptors.

A file is opened without following a link and without blocking, and only when it is the regular file that was asked for
(by device and inode). The least recently used is closed first; one whose last name is gone is kept as long as possible,
because it can't be opened again.
"""

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

Key = tuple[int, int]
"""Device and inode."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass
class _Held:
    fd: int
    users: int = 0
    keep: bool = False
    dropped: bool = False


def key_of(status: os.stat_result) -> Key:
    return status.st_dev, status.st_ino


def open_regular(path: bytes, key: Key | None = None) -> int:
    """Open a regular file for reading; raises OSError: ELOOP for a link, EINVAL for what is no file, ESTALE when
    another file than `key` stands there. Nothing but a regular file is ever opened, a device least of all."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    fd = os.open(path, _FLAGS)
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and (key is None or key_of(status) == key):
        return fd
    os.close(fd)
    raise OSError(errno.ESTALE, "another file stands there now")


Opener = Callable[[bytes, Key], int]
"""Opens a regular file for reading, as open_regular does."""


class OpenFiles:
    """At most `limit` descriptors. Used by the event loop (which finds files) and the reader thread."""

    def __init__(self, limit: int, opener: Opener = open_regular):
        self._limit = limit
        self._opener = opener
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def use(self, key: Key, path: bytes) -> Iterator[int]:
        """The descriptor of the file, opened if need be; raises OSError as open_regular does."""
        held = self._acquire(key, path)
        try:
            yield held.fd
        finally:
            with self._lock:
                held.users -= 1
                if held.dropped and not held.users:
                    os.close(held.fd)

    def hold(self, key: Key, path: bytes) -> None:
        """Open the file now, so that it can still be read when its name is gone."""
        with self.use(key, path):
            pass

    def keep(self, key: Key, keep: bool) -> bool:
        """Close this one only after all others (its name is gone); returns whether it is open at all."""
        with self._lock:
            held = self._held.get(key)
            if held:
                held.keep = keep
            return held is not None

    def size(self, key: Key) -> int | None:
        """Bytes in the file now, None when it is not open."""
        with self._lock:
            held = self._held.get(key)
            return os.fstat(held.fd).st_size if held else None

    def drop(self, key: Key) -> None:
        """Close it, as soon as nobody reads from it."""
        with self._lock:
            if key in self._held:
                self._close(key)

    def close(self) -> None:
        with self._lock:
            for key in list(self._held):
                self._close(key)

    def _acquire(self, key: Key, path: bytes) -> _Held:
        with self._lock:
            held = self._held.get(key)
            if held is None:
                held = self._held[key] = _Held(self._opener(path, key))
            self._held.move_to_end(key)
            held.users += 1
            while len(self._held) > self._limit:
                idle = [key for key, other in self._held.items() if not other.users]
                if not idle:
                    break
                self._close(next((key for key in idle if not self._held[key].keep), idle[0]))
            return held

    def _close(self, key: Key) -> None:
        held = self._held.pop(key)
        held.dropped = True
        if not held.users:
            os.close(held.fd)
