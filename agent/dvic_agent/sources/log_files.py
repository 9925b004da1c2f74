"""The dvic_log files of some directories, each a stream; new ones and changes are told by inotify.

- A file is known by device and inode: a rename goes on as the same stream, a new file under an old name is a new one.
- A file that lost its name is read to its end, as long as its writers go on writing, and closed when it has been quiet.
- Links, FIFOs, directories and devices of that name are never opened. Every name in /tmp may be hostile.
- When the kernel dropped events, or has no inotify left, the directories are listed again (once a second at most).
"""

import asyncio
import errno
import fnmatch
import itertools
import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dvic_wire.streams import FILE_PREFIX, Gap

from .. import clock as clocks
from . import inotify
from .departed import Departed
from .inotify import Inotify
from .log_file import LogFile
from .open_files import Key, OpenFiles, key_of
from .source import Stream, Wake
from .vanished import VanishedStream

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between looks at what only time decides."""

BREATH = 0.02
"""Seconds that events may gather before they are looked at again: a busy writer then costs one look, not thousands."""

DEEP_BREATH = 0.25
"""The same while MANY events come at a time: mostly of files in the directory that are not ours."""

MANY = 1000

RESCAN = 60.0
"""Seconds after which the directories are listed whatever the events said."""

MAX_FILES = 4000
"""Log files followed at a time, at most half of them of one owner; more are named in the agent's own log and wait."""

MAX_LISTED = 5 * MAX_FILES
"""Names looked at in one directory: somebody may have made a million."""

MAX_OPEN = 256
"""Descriptors held for log files."""

MAX_COMPLAINTS = 1000
"""Names that were complained about and are remembered, so that each is complained about once."""

_MASK = (inotify.CREATE | inotify.MODIFY | inotify.CLOSE_WRITE | inotify.ATTRIB | inotify.MOVED_FROM | inotify.MOVED_TO
         | inotify.DELETE | inotify.DELETE_SELF | inotify.MOVE_SELF)
_LEFT = inotify.MOVED_FROM | inotify.DELETE
_DIRECTORY_GONE = inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT | inotify.IGNORED


class LogFiles:
    """A source. `linger`: seconds of quiet after which a file without a name has ended; `quiet`: seconds after its
    writer closed a file, until a last line without a newline counts as whole."""

    def __init__(self, directories: Sequence[Path], pattern: str = "dvic_log_*", *, clock: clocks.Clock | None = None,
                 max_open: int = MAX_OPEN, max_files: int = MAX_FILES, linger: float = 10.0, quiet: float = 2.0,
                 tick: float = TICK):
        self._directories = [os.fsencode(directory) for directory in directories]
        self._wanted = re.compile(os.fsencode(fnmatch.translate(pattern))).match
        self._clock = clock or clocks.Clock()
        self._max_files = max_files
        self._quiet = quiet
        self._tick_seconds = tick
        self._open = OpenFiles(max_open)
        self._streams: dict[str, Stream] = {}
        self._files: dict[Key, LogFile] = {}
        self._by_path: dict[bytes, LogFile] = {}
        self._departed = Departed(self._open, linger)
        self._of_owner: Counter[int] = Counter()
        self._written: dict[Key, float] = {}
        """Files whose writer closed them, and when."""
        self._watched: dict[int, bytes] = {}
        self._inotify: Inotify | None = None
        self._complained: set[bytes] = set()
        self._rescan_at = 0.0
        self._ticked = 0.0
        self._tick_timer: asyncio.TimerHandle | None = None
        self._breath_timer: asyncio.TimerHandle | None = None

    # the promise

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        try:
            self._inotify = Inotify()
        except OSError as error:
            log.warning("log files are looked for once a second: no inotify (%s)", error.strerror)
        else:
            self._loop.add_reader(self._inotify.fileno(), self._events)
        self._tick()

    def welcome(self, cursors: dict[str, str]) -> None:
        gone = [name for name in cursors if name.startswith(FILE_PREFIX) and name not in self._streams]
        if gone and not self._rescan():
            return  # a directory can't be listed now: who knows what is in it
        for name in gone:
            if name not in self._streams:
                lost = Gap("deleted", "the file was gone when the agent looked for it", unit="bytes")
                self._streams[name] = VanishedStream(name, lost, self._clock)

    def streams(self) -> Iterable[Stream]:
        return list(self._streams.values())

    def released(self, stream: str) -> None:
        known = self._streams.pop(stream, None)
        if isinstance(known, LogFile):
            self._forget(known)
        # its inode may be another file's by now
        self._rescan_at = 0.0

    def moving(self) -> bool:
        return self._clock.steady() - self._ticked < 30 * TICK

    def stop(self) -> None:
        for timer in (self._tick_timer, self._breath_timer):
            if timer:
                timer.cancel()
        if self._inotify:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()
        self._open.close()

    # what others may ask

    def files(self) -> list[LogFile]:
        """The files that are there now: for who wants to know about their writers."""
        return [file for file in list(self._files.values()) if file.present]

    # events

    def _events(self) -> None:
        """Look at what the kernel told, then let events gather for a breath."""
        self._loop.remove_reader(self._inotify.fileno())
        touched: set[str] = set()
        events = self._inotify.read()
        self._breath_timer = self._loop.call_later(BREATH if len(events) < MANY else DEEP_BREATH, self._listen)
        for event in events:
            if event.mask & (inotify.OVERFLOW | _DIRECTORY_GONE):
                self._lost_sight(event)
            elif self._wanted(event.name) and not event.mask & inotify.ISDIR and event.wd in self._watched:
                file = self._event(os.path.join(self._watched[event.wd], event.name), event.mask)
                if file:
                    touched.add(file.name)
        for name in touched:
            self._wake(name)

    def _listen(self) -> None:
        self._loop.add_reader(self._inotify.fileno(), self._events)

    def _lost_sight(self, event: inotify.Event) -> None:
        if event.mask & inotify.OVERFLOW:
            log.info("the kernel dropped file events: listing the log directories again")
        elif event.wd in self._watched:
            del self._watched[event.wd]
            if not event.mask & inotify.IGNORED:
                self._inotify.remove(event.wd)
        self._rescan_at = 0.0

    def _event(self, path: bytes, mask: int) -> LogFile | None:
        """What one event means; returns the file that may have something to read."""
        file = self._by_path.get(path)
        if mask & _LEFT:
            if file:
                self._left(file)
            return file
        if file is None or mask & (inotify.CREATE | inotify.MOVED_TO):
            file = self._seen(path) or file
        if file:
            file.changed = True
            if mask & inotify.CLOSE_WRITE:
                self._written[file.key] = self._clock.steady()
            elif mask & inotify.MODIFY:
                file.whole = False
                self._written.pop(file.key, None)
        return file

    # what is there

    def _seen(self, path: bytes, status: os.stat_result | None = None) -> LogFile | None:
        """There is a name. Returns its file, an old one or a new; None for what is not to be read."""
        try:
            status = status or os.lstat(path)
        except OSError:
            return None  # gone again
        if not stat.S_ISREG(status.st_mode):
            self._complain(path, "is no regular file and is not read")
            return None
        key = key_of(status)
        before = self._by_path.get(path)
        if before and before.key != key:
            self._left(before)
        file = self._files.get(key)
        if file is None:
            return self._add(key, path, status)
        if file.over:
            return None  # its end is under way; see released
        if file.path != path and not (file.present and self._is_at(file.path, key)):
            if self._by_path.get(file.path) is file:
                del self._by_path[file.path]
            file.called(path)
        if not file.present:
            self._departed.came_back(file)
        self._by_path[file.path] = file
        return file

    def _add(self, key: Key, path: bytes, status: os.stat_result) -> LogFile | None:
        if len(self._files) >= self._max_files or self._of_owner[status.st_uid] >= self._max_files // 2:
            self._complain(path, f"waits: {len(self._files)} log files are followed already (MAX_FILES, half of them "
                                 "of one owner)")
            return None
        self._of_owner[status.st_uid] += 1
        file = LogFile(key, path, status.st_uid, self._open, self._clock)
        self._files[key] = self._by_path[path] = file
        self._streams[file.name] = file
        try:
            self._open.hold(key, path)
        except OSError as error:
            if error.errno != errno.EACCES:  # that one is told in its stream
                self._complain(path, f"can't be opened: {error.strerror}")
        self._wake(file.name)
        return file

    def _left(self, file: LogFile) -> None:
        """The name is gone: keep the file open as long as there may be something in it."""
        if self._by_path.get(file.path) is file:
            del self._by_path[file.path]
        if file.present:
            self._departed.add(file, self._clock.steady())

    def _forget(self, file: LogFile) -> None:
        self._open.drop(file.key)
        if self._files.pop(file.key, None):
            self._of_owner[file.uid] -= 1
        self._departed.forget(file.key)
        self._written.pop(file.key, None)
        if self._by_path.get(file.path) is file:
            del self._by_path[file.path]

    @staticmethod
    def _is_at(path: bytes, key: Key) -> bool:
        try:
            return key_of(os.lstat(path)) == key
        except OSError:
            return False

    def _complain(self, path: bytes, what: str) -> None:
        if path not in self._complained and len(self._complained) < MAX_COMPLAINTS:
            self._complained.add(path)
            log.warning("%s %s", ascii(os.fsdecode(path)), what)

    # what time decides

    def _tick(self) -> None:
        now = self._ticked = self._clock.steady()
        self._tick_timer = self._loop.call_later(self._tick_seconds, self._tick)
        if now >= self._rescan_at:
            self._rescan()
        elif len(self._watched) < len(self._directories):
            for directory in set(self._directories) - set(self._watched.values()):
                self._list(directory, set())
        for file in self._departed.look(now, self._tick_seconds):
            self._wake(file.name)
        for key, since in list(self._written.items()):
            if now - since >= self._quiet:
                del self._written[key]
                self._files[key].whole = True
                if self._files[key].waiting:
                    self._wake(self._files[key].name)

    def _rescan(self) -> bool:
        """List the directories; returns whether that was possible for all. Wakes what changed unnoticed."""
        self._rescan_at = self._clock.steady() + (RESCAN if self._inotify else self._tick_seconds)
        complete = True
        present: set[Key] = set()
        for directory in self._directories:
            complete &= self._list(directory, present)
        if complete:
            for file in list(self._files.values()):
                if file.present and file.key not in present:
                    self._left(file)
                    self._wake(file.name)
                elif file.waiting:
                    self._wake(file.name)  # its line may have become stale
        return complete

    def _list(self, directory: bytes, present: set[Key]) -> bool:
        try:
            if self._inotify and directory not in self._watched.values():
                self._watched[self._inotify.add(directory, _MASK)] = directory
            with os.scandir(directory) as names:
                wanted = (entry for entry in names if self._wanted(entry.name))
                entries = list(itertools.islice(wanted, MAX_LISTED + 1))
        except FileNotFoundError:
            return True
        except OSError as error:
            self._complain(directory, f"can't be watched: {error.strerror}")
            return False
        for entry in entries[:MAX_LISTED]:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            file = self._seen(entry.path, status)
            if file:
                present.add(file.key)
                if file.grew(status):
                    self._wake(file.name)
        return len(entries) <= MAX_LISTED
