"""Which files of a container are kept open, so that its last lines can be read when it has ended.

Where nobody in there could unmount what a file is on (it is on the container's root, or they may unmount nothing at
all), it is open as long as the container runs. Elsewhere an open file would make the mount busy, so it is open only
while a writer of it has it open too, which keeps the mount busy anyway:

    open      it grew, and nobody closed it          kept
    closed    a writer closed it (inotify says so)   kept for LINGER seconds, for who reads it
    unknown   it was there before it was watched     kept for SETTLED seconds

A watch tells of one closing, and is set again at the next look: nobody can make more work of it than that.
"""

import math
from dataclasses import dataclass

from . import inotify
from .inotify import Inotify
from .open_files import Key, OpenFiles

OPEN, CLOSED, UNKNOWN = "open", "closed", "unknown"

LINGER = 0.5
"""Seconds for which a file is kept open that its writer has closed."""

SETTLED = 10.0
"""Seconds after which a container, or a file in it, is not new any more."""


def keeps(writer: str, since: float, now: float) -> bool:
    """Whether to keep a file open that may be on a mount of its own. Pure."""
    return writer == OPEN or now - since < (LINGER if writer == CLOSED else SETTLED)


class Closings:
    """Tells which files were closed by a writer; one inotify instance for all containers."""

    def __init__(self) -> None:
        try:
            self._inotify: Inotify | None = Inotify()
        except OSError:
            self._inotify = None  # then nothing is known of any writer
        self._watched: dict[int, tuple[int, Key]] = {}

    def watch(self, fd: int, whose: tuple[int, Key]) -> bool:
        """Tell of the next closing of an open file; returns whether that is possible. `whose`: namespace and key."""
        if self._inotify is None:
            return False
        try:
            self._watched[self._inotify.add_file(fd, inotify.CLOSE_WRITE)] = whose
        except OSError:
            return False
        return True

    def told(self) -> list[tuple[int, Key]]:
        """Those that were closed since this was asked last."""
        if self._inotify is None:
            return []
        found = [(event.mask, self._watched.pop(event.wd, None)) for event in self._inotify.read()]
        return [whose for mask, whose in found if whose and mask & inotify.CLOSE_WRITE]

    def forget(self, number: int) -> None:
        """That namespace is gone."""
        for wd in [wd for wd, whose in self._watched.items() if whose[0] == number]:
            del self._watched[wd]
            self._inotify.remove(wd)

    def close(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None


@dataclass
class _Seen:
    path: bytes
    writer: str
    since: float
    held: bool = True
    watched: bool = False
    closed: bool = False
    """A writer closed it, and no look was since."""


class Holds:
    """The open files of the namespace `number`. Used by the thread that looks; `used` and `unseen` by others too."""

    def __init__(self, number: int, files: OpenFiles, closings: Closings):
        self._number = number
        self._files = files
        self._closings = closings
        self._seen: dict[Key, _Seen] = {}
        """Of the files that are not always kept."""

    def found(self, key: Key, path: bytes, now: float, apart: bool) -> None:
        """There is a new file; `apart`: somebody could unmount what it is on. Raises OSError."""
        if apart:
            self._seen[key] = _Seen(path, UNKNOWN, now)
        self._open(key, path)

    def looked(self, key: Key, path: bytes, now: float, grew: bool) -> None:
        """A look found it again."""
        seen = self._seen.get(key)
        if seen is None:
            return
        if grew:
            seen.writer = CLOSED if seen.closed else OPEN if seen.watched else UNKNOWN
            seen.since, seen.held = now, True
        seen.path, seen.closed = path, False
        if grew or (seen.held and not seen.watched):
            try:
                self._open(key, path)
            except OSError:
                seen.held = False

    def closed(self, key: Key, now: float) -> None:
        """A writer closed it; the watch is used up."""
        if seen := self._seen.get(key):
            seen.writer, seen.since, seen.closed, seen.watched = CLOSED, now, True, False

    def tend(self, now: float) -> None:
        """Let go of what need not be open any more."""
        for key, seen in list(self._seen.items()):
            if seen.held and not keeps(seen.writer, seen.since, now):
                seen.held = False
                self._files.drop(key)

    def due(self) -> float:
        """When a file whose writer has closed it is to be let go of."""
        return min((seen.since + LINGER for seen in self._seen.values() if seen.held and seen.writer == CLOSED),
                   default=math.inf)

    def used(self, key: Key) -> None:
        """It was read: close it again where it is not kept."""
        seen = self._seen.get(key)
        if seen is not None and not seen.held:
            self._files.drop(key)

    def unseen(self, key: Key) -> bool:
        """Whether it was written to, perhaps, since it was looked at."""
        seen = self._seen.get(key)
        return seen is not None and seen.closed

    def gone(self, key: Key, now: float) -> None:
        """Its name is gone: what is open of it is read, if that is soon."""
        if seen := self._seen.get(key):
            seen.writer, seen.since = UNKNOWN, now

    def forget(self, key: Key) -> None:
        """Nobody wants more of it."""
        self._seen.pop(key, None)
        self._files.drop(key)

    def _open(self, key: Key, path: bytes) -> None:
        with self._files.use(key, path) as fd:
            seen = self._seen.get(key)
            if seen is not None and not seen.watched:
                seen.watched = self._closings.watch(fd, (self._number, key))
