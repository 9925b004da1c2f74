"""What sources of files share: directories in which names come, change and go, told by inotify, without polling.

- Every name may be hostile; only those that fit the pattern are looked at, and only so many of one directory.
- When the kernel dropped events, or has no inotify left, the directories are listed again (once a second at most), and
  all are listed once a minute whatever the events said.
"""

import asyncio
import fnmatch
import itertools
import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from pathlib import Path

from .. import clock as clocks
from . import inotify
from .inotify import Inotify
from .source import Wake

TICK = 1.0
"""Seconds between looks at what only time decides."""

BREATH = 0.02
"""Seconds that events may gather before they are looked at again: a busy writer then costs one look, not thousands."""

DEEP_BREATH = 0.25
"""The same while MANY events come at a time: mostly of files in the directory that are not ours."""

MANY = 1000

RESCAN = 60.0
"""Seconds after which the directories are listed whatever the events said."""

MAX_COMPLAINTS = 1000
"""Names that were complained about and are remembered, so that each is complained about once."""

LEFT = inotify.MOVED_FROM | inotify.DELETE
_DIRECTORY_GONE = inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT | inotify.IGNORED


class Folders(ABC):
    """Base of such a source, which says what it does about names: `_changed`, `_found`, `_compared`, `_by_time`.
    `mask`: events of inotify that it wants; `noun`: its files, for people; `listed`: names looked at in a directory."""

    def __init__(self, directories: Sequence[Path], pattern: str, mask: int, noun: str, listed: int,
                 clock: clocks.Clock | None, tick: float):
        self._directories = [os.fsencode(directory) for directory in directories]
        self._wanted = re.compile(os.fsencode(fnmatch.translate(pattern))).match
        self._mask = mask | inotify.DELETE_SELF | inotify.MOVE_SELF
        self._noun = noun
        self._listed = listed
        self._log = logging.getLogger(type(self).__module__)
        self._clock = clock or clocks.Clock()
        self._tick_seconds = tick
        self._watched: dict[int, bytes] = {}
        self._inotify: Inotify | None = None
        self._complained: set[bytes] = set()
        self._rescan_at = 0.0
        self._ticked = 0.0
        self._tick_timer: asyncio.TimerHandle | None = None
        self._breath_timer: asyncio.TimerHandle | None = None

    # what a source says

    @abstractmethod
    def _changed(self, told: list[tuple[bytes, int]]) -> None:
        """Paths that fit the pattern, and the events' masks, in order."""

    @abstractmethod
    def _found(self, path: bytes, status: os.stat_result) -> Hashable | None:
        """A listing has this path: by what it is known, None for what is none of the source's."""

    @abstractmethod
    def _compared(self, present: set) -> None:
        """All directories were listed, and `present` is what was found."""

    @abstractmethod
    def _by_time(self, now: float) -> None:
        """Look at what only time decides."""

    # the promise

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        try:
            self._inotify = Inotify()
        except OSError as error:
            self._log.warning("%s are looked for once a second: no inotify (%s)", self._noun, error.strerror)
        else:
            self._loop.add_reader(self._inotify.fileno(), self._events)
        self._tick()

    def moving(self) -> bool:
        return self._clock.steady() - self._ticked < 30 * TICK

    def stop(self) -> None:
        for timer in (self._tick_timer, self._breath_timer):
            if timer:
                timer.cancel()
        if self._inotify:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()

    # inside

    def _events(self) -> None:
        """Look at what the kernel told, then let events gather for a breath."""
        self._loop.remove_reader(self._inotify.fileno())
        events = self._inotify.read()
        self._breath_timer = self._loop.call_later(BREATH if len(events) < MANY else DEEP_BREATH, self._listen)
        told = []
        for event in events:
            if event.mask & (inotify.OVERFLOW | _DIRECTORY_GONE):
                self._lost_sight(event)
            elif self._wanted(event.name) and not event.mask & inotify.ISDIR and event.wd in self._watched:
                told.append((os.path.join(self._watched[event.wd], event.name), event.mask))
        self._changed(told)

    def _listen(self) -> None:
        self._loop.add_reader(self._inotify.fileno(), self._events)

    def _lost_sight(self, event: inotify.Event) -> None:
        if event.mask & inotify.OVERFLOW:
            self._log.info("the kernel dropped file events: listing the directories of %s again", self._noun)
        elif event.wd in self._watched:
            del self._watched[event.wd]
            if not event.mask & inotify.IGNORED:
                self._inotify.remove(event.wd)
        self._rescan_at = 0.0

    def _tick(self) -> None:
        now = self._ticked = self._clock.steady()
        self._tick_timer = self._loop.call_later(self._tick_seconds, self._tick)
        if now >= self._rescan_at:
            self._rescan()
        elif len(self._watched) < len(self._directories):
            for directory in set(self._directories) - set(self._watched.values()):
                self._list(directory, set())
        self._by_time(now)

    def _rescan(self) -> bool:
        """List the directories; returns whether that was possible for all."""
        self._rescan_at = self._clock.steady() + (RESCAN if self._inotify else self._tick_seconds)
        complete = True
        present: set[Hashable] = set()
        for directory in self._directories:
            complete &= self._list(directory, present)
        if complete:
            self._compared(present)
        return complete

    def _list(self, directory: bytes, present: set) -> bool:
        try:
            if self._inotify and directory not in self._watched.values():
                self._watched[self._inotify.add(directory, self._mask)] = directory
            with os.scandir(directory) as names:
                wanted = (entry for entry in names if self._wanted(entry.name))
                entries = list(itertools.islice(wanted, self._listed + 1))
        except FileNotFoundError:
            return True
        except OSError as error:
            self._complain(directory, f"can't be watched: {error.strerror}")
            return False
        for entry in entries[:self._listed]:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            known = self._found(entry.path, status)
            if known is not None:
                present.add(known)
        return len(entries) <= self._listed

    def _complain(self, path: bytes, what: str) -> None:
        if path not in self._complained and len(self._complained) < MAX_COMPLAINTS:
            self._complained.add(path)
            self._log.warning("%s %s", ascii(os.fsdecode(path)), what)
