"""The package files of some directories, each a stream; told by inotify, so that an update is read at once.

- A package is known by its path and its owner. Another user's file under a path is another package; what was there
  before has ended.
- Links, FIFOs, directories and devices of that name are never opened.
- A file that went has ended: its stream closes, and the hub keeps what it last showed.
- When the kernel dropped events, or has no inotify left, the directories are listed again.
"""

import asyncio
import fnmatch
import itertools
import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dvic_wire.streams import PACKAGE_PREFIX

from .. import clock as clocks
from . import inotify
from .inotify import Inotify
from .package_answers import PackageAnswers
from .package_file import GonePackage, PackageStream, stream_name
from .source import Stream, Wake

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between looks at what only time decides."""

BREATH = 0.02
"""Seconds that events may gather before they are looked at again."""

RESCAN = 60.0
"""Seconds after which the directories are listed whatever the events said."""

MAX_PACKAGES = 500
"""Package files followed at a time, at most half of them of one owner; more are named in the agent's log and wait."""

MAX_LISTED = 5 * MAX_PACKAGES
"""Names looked at in one directory."""

MAX_COMPLAINTS = 1000
"""Names that were complained about and are remembered."""

_CHANGED = inotify.CLOSE_WRITE | inotify.MOVED_TO
_LEFT = inotify.MOVED_FROM | inotify.DELETE
_DIRECTORY_GONE = inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT | inotify.IGNORED
_MASK = _CHANGED | _LEFT | inotify.ATTRIB | inotify.DELETE_SELF | inotify.MOVE_SELF


class Packages:
    """A source. `answers`: where publishers look for what could not be used."""

    def __init__(self, directories: Sequence[Path], answers: Path, pattern: str = "dvic_package_*", *,
                 clock: clocks.Clock | None = None, max_packages: int = MAX_PACKAGES, tick: float = TICK):
        self._directories = [os.fsencode(directory) for directory in directories]
        self._wanted = re.compile(os.fsencode(fnmatch.translate(pattern))).match
        self._clock = clock or clocks.Clock()
        self._answers = PackageAnswers(answers)
        self._max_packages = max_packages
        self._tick_seconds = tick
        self._streams: dict[str, Stream] = {}
        self._by_path: dict[bytes, PackageStream] = {}
        self._of_owner: Counter[int] = Counter()
        self._watched: dict[int, bytes] = {}
        self._inotify: Inotify | None = None
        self._complained: set[bytes] = set()
        self._rescan_at = 0.0
        self._ticked = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._breath: asyncio.TimerHandle | None = None

    # the promise

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        try:
            self._inotify = Inotify()
        except OSError as error:
            log.warning("packages are looked for once a second: no inotify (%s)", error.strerror)
        else:
            self._loop.add_reader(self._inotify.fileno(), self._events)
        self._tick()

    def welcome(self, cursors: dict[str, str]) -> None:
        gone = [name for name in cursors if name.startswith(PACKAGE_PREFIX) and name not in self._streams]
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

    def moving(self) -> bool:
        return self._clock.steady() - self._ticked < 30 * TICK

    def stop(self) -> None:
        for timer in (self._timer, self._breath):
            if timer:
                timer.cancel()
        if self._inotify:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()

    # events

    def _events(self) -> None:
        """Look at what the kernel told, then let events gather for a breath."""
        self._loop.remove_reader(self._inotify.fileno())
        self._breath = self._loop.call_later(BREATH, self._listen)
        changed: set[bytes] = set()
        for event in self._inotify.read():
            if event.mask & (inotify.OVERFLOW | _DIRECTORY_GONE):
                self._lost_sight(event)
            elif self._wanted(event.name) and not event.mask & inotify.ISDIR and event.wd in self._watched:
                changed.add(os.path.join(self._watched[event.wd], event.name))
        for path in changed:
            self._look(path)

    def _listen(self) -> None:
        self._loop.add_reader(self._inotify.fileno(), self._events)

    def _lost_sight(self, event: inotify.Event) -> None:
        if event.mask & inotify.OVERFLOW:
            log.info("the kernel dropped file events: listing the directories of packages again")
        elif event.wd in self._watched:
            del self._watched[event.wd]
            if not event.mask & inotify.IGNORED:
                self._inotify.remove(event.wd)
        self._rescan_at = 0.0

    # what is there

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

    def _complain(self, path: bytes, what: str) -> None:
        if path not in self._complained and len(self._complained) < MAX_COMPLAINTS:
            self._complained.add(path)
            log.warning("%s %s", ascii(os.fsdecode(path)), what)

    # what time decides

    def _tick(self) -> None:
        now = self._ticked = self._clock.steady()
        self._timer = self._loop.call_later(self._tick_seconds, self._tick)
        if now >= self._rescan_at:
            self._rescan()
        elif len(self._watched) < len(self._directories):
            for directory in set(self._directories) - set(self._watched.values()):
                self._list(directory, set())
        for stream in list(self._by_path.values()):
            if stream.waiting:
                self._wake(stream.name)

    def _rescan(self) -> bool:
        """List the directories; returns whether that was possible for all."""
        self._rescan_at = self._clock.steady() + (RESCAN if self._inotify else self._tick_seconds)
        present: set[bytes] = set()
        complete = True
        for directory in self._directories:
            complete &= self._list(directory, present)
        if complete:
            for path in set(self._by_path) - present:
                self._look(path)
        return complete

    def _list(self, directory: bytes, present: set[bytes]) -> bool:
        try:
            if self._inotify and directory not in self._watched.values():
                self._watched[self._inotify.add(directory, _MASK)] = directory
            with os.scandir(directory) as names:
                wanted = (entry.path for entry in names if self._wanted(entry.name))
                paths = list(itertools.islice(wanted, MAX_LISTED + 1))
        except FileNotFoundError:
            return True
        except OSError as error:
            self._complain(directory, f"can't be watched: {error.strerror}")
            return False
        for path in paths[:MAX_LISTED]:
            if self._look(path):
                present.add(path)
        return len(paths) <= MAX_LISTED
