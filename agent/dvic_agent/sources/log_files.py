"""The dvic_log files of some directories, each a stream; new ones and changes are told by inotify.

- A file is known by device and inode: a rename goes on as the same stream, a new file under an old name is a new one.
- A file that lost its name is read to its end, as long as its writers go on writing, and closed when it has been quiet.
- Links, FIFOs, directories and devices of that name are never opened. Every name in /tmp may be hostile.
- When the kernel dropped events, or has no inotify left, the directories are listed again (once a second at most).
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from dvic_wire.streams import FILE_PREFIX, Gap

from .. import clock as clocks
from . import inotify
from .departed import Departed
from .folders import LEFT, TICK, Folders
from .log_file import LogFile
from .open_files import Key, OpenFiles, key_of
from .source import Stream
from .vanished import VanishedStream

MAX_FILES = 4000
"""Log files followed at a time, at most half of them of one owner; more are named in the agent's own log and wait."""

MAX_LISTED = 5 * MAX_FILES
"""Names looked at in one directory: somebody may have made a million."""

MAX_OPEN = 256
"""Descriptors held for log files."""

_MASK = (inotify.CREATE | inotify.MODIFY | inotify.CLOSE_WRITE | inotify.ATTRIB | inotify.MOVED_FROM | inotify.MOVED_TO
         | inotify.DELETE)


class LogFiles(Folders):
    """A source. `linger`: seconds of quiet after which a file without a name has ended; `quiet`: seconds after its
    writer closed a file, until a last line without a newline counts as whole."""

    def __init__(self, directories: Sequence[Path], pattern: str = "dvic_log_*", *, clock: clocks.Clock | None = None,
                 max_open: int = MAX_OPEN, max_files: int = MAX_FILES, linger: float = 10.0, quiet: float = 2.0,
                 tick: float = TICK):
        super().__init__(directories, pattern, _MASK, "log files", MAX_LISTED, clock, tick)
        self._max_files = max_files
        self._quiet = quiet
        self._open = OpenFiles(max_open)
        self._streams: dict[str, Stream] = {}
        self._files: dict[Key, LogFile] = {}
        self._by_path: dict[bytes, LogFile] = {}
        self._departed = Departed(self._open, linger)
        self._of_owner: Counter[int] = Counter()
        self._written: dict[Key, float] = {}
        """Files whose writer closed them, and when."""

    # the promise

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

    def stop(self) -> None:
        super().stop()
        self._open.close()

    # what others may ask

    def files(self) -> list[LogFile]:
        """The files that are there now: for who wants to know about their writers."""
        return [file for file in list(self._files.values()) if file.present]

    # events

    def _changed(self, told: list[tuple[bytes, int]]) -> None:
        for name in {file.name for path, mask in told if (file := self._event(path, mask))}:
            self._wake(name)

    def _event(self, path: bytes, mask: int) -> LogFile | None:
        """What one event means; returns the file that may have something to read."""
        file = self._by_path.get(path)
        if mask & LEFT:
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

    # what time decides

    def _by_time(self, now: float) -> None:
        for file in self._departed.look(now, self._tick_seconds):
            self._wake(file.name)
        for key, since in list(self._written.items()):
            if now - since >= self._quiet:
                del self._written[key]
                self._files[key].whole = True
                if self._files[key].waiting:
                    self._wake(self._files[key].name)

    def _compared(self, present: set[Key]) -> None:
        """Wake what changed unnoticed."""
        for file in list(self._files.values()):
            if file.present and file.key not in present:
                self._left(file)
                self._wake(file.name)
            elif file.waiting:
                self._wake(file.name)  # its line may have become stale

    def _found(self, path: bytes, status: os.stat_result) -> Key | None:
        file = self._seen(path, status)
        if file and file.grew(status):
            self._wake(file.name)
        return file.key if file else None
