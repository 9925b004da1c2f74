"""The package files of some directories, each a stream; told by inotify, so that an update is read at once.

- A package is known by its path and its owner. Another user's file under a path is another package; what was there
  before has ended.
- Links, FIFOs, directories and devices of that name are never opened.
- A file that went has ended: its stream closes, and the hub keeps what it last showed.
- When the kernel dropped events, or has no inotify left, the directories are listed again.
"""

import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dvic_wire.streams import PACKAGE_PREFIX, is_contained_package

from .. import clock as clocks
from . import inotify
from .folders import LEFT, TICK, Folders
from .package_answers import PackageAnswers
from .package_file import GonePackage, PackageStream, stream_name
from .source import Stream

log = logging.getLogger(__name__)

MAX_PACKAGES = 500
"""Package files followed at a time, at most half of them of one owner; more are named in the agent's log and wait."""

MAX_LISTED = 5 * MAX_PACKAGES
"""Names looked at in one directory."""

_MASK = inotify.CLOSE_WRITE | inotify.MOVED_TO | LEFT | inotify.ATTRIB


class Packages(Folders):
    """A source. `answers`: where publishers look for what could not be used; `containers`: another source has those of
    containers."""

    def __init__(self, directories: Sequence[Path], answers: Path, pattern: str = "dvic_package_*", *,
                 clock: clocks.Clock | None = None, max_packages: int = MAX_PACKAGES, tick: float = TICK,
                 containers: bool = False):
        super().__init__(directories, pattern, _MASK, "packages", MAX_LISTED, clock, tick)
        self._answers = PackageAnswers(answers)
        self._max_packages = max_packages
        self._containers = containers
        self._streams: dict[str, Stream] = {}
        self._by_path: dict[bytes, PackageStream] = {}
        self._of_owner: Counter[int] = Counter()

    # the promise

    def welcome(self, cursors: dict[str, str]) -> None:
        gone = [name for name in cursors if name.startswith(PACKAGE_PREFIX) and name not in self._streams
                and not (self._containers and is_contained_package(name))]
        if gone and not self._rescan():
            return  # a directory can't be listed now: who knows what is in it
        for name in gone:
            self._streams.setdefault(name, GonePackage(name))

    def streams(self) -> Iterable[Stream]:
        return list(self._streams.values())

    def released(self, stream: str) -> None:
        known = self._streams.pop(stream, None)
        if isinstance(known, PackageStream):
            self._of_owner[known.uid] -= 1
            self._answers.forget(known.path)
        self._rescan_at = 0.0  # a file of this name may be there again

    # what is there

    def _changed(self, told: list[tuple[bytes, int]]) -> None:
        for path in {path for path, _ in told}:
            self._look(path)

    def _found(self, path: bytes, status: os.stat_result) -> bytes | None:
        return path if self._look(path) else None

    def _compared(self, present: set[bytes]) -> None:
        for path in set(self._by_path) - present:
            self._look(path)

    def _by_time(self, now: float) -> None:
        for stream in list(self._by_path.values()):
            if stream.waiting:
                self._wake(stream.name)

    def _look(self, path: bytes) -> PackageStream | None:
        """What a path is now; wakes what may have something to read."""
        known = self._by_path.get(path)
        try:
            status = os.lstat(path)
        except OSError:
            status = None
        if status is not None and not stat.S_ISREG(status.st_mode):
            self._complain(path, "is no regular file and is not read")
            status = None
        if known and (status is None or status.st_uid != known.uid):
            self._left(known)
            known = None
        if status is None:
            return None
        if known is None:
            known = self._add(path, status.st_uid)
        if known:
            self._wake(known.name)
        return known

    def _add(self, path: bytes, uid: int) -> PackageStream | None:
        name = stream_name(path, uid)
        before = self._streams.get(name)
        if isinstance(before, PackageStream) and not before.over:
            before.present = True
            self._by_path[path] = before
            return before
        if before is not None:
            return None  # its end is under way; see released
        if self._of_owner[uid] >= self._max_packages // 2 or len(self._by_path) >= self._max_packages:
            self._complain(path, f"waits: {len(self._by_path)} packages are followed already (MAX_PACKAGES, half of "
                                 "them of one owner)")
            return None
        self._of_owner[uid] += 1
        stream = self._streams[name] = self._by_path[path] = PackageStream(path, uid, self._refuse, self._clock)
        return stream

    def _left(self, stream: PackageStream) -> None:
        self._by_path.pop(stream.path, None)
        stream.present, stream.over = False, True
        self._wake(stream.name)

    def _refuse(self, path: bytes, instance: str, reason: str) -> None:
        """From the reader thread, one at a time."""
        if reason:
            log.warning("package %s is not shown: %s", ascii(os.fsdecode(path)), reason)
        self._answers.tell(path, instance, reason)
