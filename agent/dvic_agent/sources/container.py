"""One mount namespace that is looked into: its log files and packages, found and opened through whichever of its
processes lives."""

import errno
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fnmatch import translate

from .expected import SOON
from .held_folders import HeldFolders
from .holds import SETTLED, Closings, Holds
from .inside import folder_inside, list_inside, may_be_unmounted, open_inside, root_inside
from .namespaces import Home, Namespace
from .open_files import Key, OpenFiles, key_of

MAX_INSIDE = 100
"""Log files followed in one container."""

MAX_PACKAGES_INSIDE = 20
"""Package files followed in one container."""

MAX_OPEN_INSIDE = 4
"""Descriptors held for files of one container."""

Naming = Callable[[Home], tuple[str, str] | None]
"""Name and image of a container, None where nobody tells them."""

NEWBORN, FRESH = 0.3, 2.0
"""Seconds for which a container is looked into again at once, and then often, from when it was in its own tree."""


@dataclass
class Found:
    """What a look gave. `refused`: names that are not read, and why; `whole`: all names were looked at;
    `more`: there are files that wait, for MAX_INSIDE are followed, or MAX_PACKAGES_INSIDE; `changed`: names came or
    went since the look before."""

    files: dict[Key, tuple[bytes, os.stat_result]] = field(default_factory=dict)
    packages: dict[bytes, os.stat_result] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    whole: bool = True
    more: bool = False
    changed: bool = False


class Wanted:
    """By what names log files and packages are found; `packages` None: not at all."""

    def __init__(self, logs: str, packages: str | None):
        translated = [os.fsencode(translate(pattern)) for pattern in (logs, packages) if pattern]
        self.packages = re.compile(translated[1]) if packages else None
        self.any = re.compile(b"|".join(b"(?:%b)" % pattern for pattern in translated))


class Container:
    """`since`: when it was first seen, steady seconds; `due`: when to look again; `owner`: the user behind it;
    `seen`: when it was first in a tree of its own; `over`: no process of it is there any more."""

    def __init__(self, number: int, since: float, proc: str, closings: Closings, owner: int = 0,
                 named: Naming = lambda home: None):
        self.number = number
        self.since = since
        self.due = since
        self.owner = owner
        self.pids: tuple[int, ...] = ()
        self.home = Home()
        self.files = OpenFiles(MAX_OPEN_INSIDE, self.open)
        self.seen: float | None = None
        self.over = False
        self.logged = False
        """There was a file of it once."""
        self.folders = HeldFolders()
        self.holds = Holds(number, self.files, closings)
        self._proc = proc
        self._named = named
        self._known: dict[Key, tuple[int, int]] = {}
        """Size and time of change of each log file, at the last look."""
        self._listed: dict[bytes, int] = {}
        """When each folder had changed last, at the last look."""
        self._apart: dict[int, bool] = {}
        """Of a device, whether somebody in there could unmount it."""

    @property
    def name(self) -> str:
        """What people call it, by the kernel's word."""
        return self.home.short or f"mnt:{self.number}"

    def expected(self, now: float) -> bool:
        """Whether its folder may be there at the next look: an engine makes a namespace, and moves into the container's
        tree as late as the machine is busy."""
        return self.seen is None and now - self.since < (SOON if self.home.engine else FRESH)

    def newborn(self, now: float) -> bool:
        """Whether its program may be about to write, and to end."""
        return self.seen is not None and now - self.seen < NEWBORN

    def fresh(self, now: float) -> bool:
        """Whether it may be gone at the look after."""
        return self.seen is not None and now - self.seen < FRESH

    @property
    def called(self) -> dict[str, str]:
        """For the fields of its lines: name and image where its engine tells them, otherwise what the kernel tells."""
        name, image = self._named(self.home) or ("", "")
        return {"container": name or self.name, **({"image": image} if image else {})}

    @property
    def told(self) -> dict[str, str]:
        """What the hub is told of it."""
        name, image = self._named(self.home) or ("", "")
        called = {key: value for key, value in (("name", name), ("image", image)) if value}
        return {**(self.home.told or {"id": self.name}), **called}

    @property
    def home_id(self) -> str:
        """What stays the same when it is started again, where its engine or systemd has a name for it."""
        return f"{self.home.engine} {self.home.id or self.home.unit}" if self.home.short else self.name

    def lost(self, last: Found, now: float) -> bool:
        """Whether it wrote what no look met: it lived for a moment, nothing of it is known, and something was there
        that its engine, or it, has taken away."""
        return self.fresh(now) and last.changed and not self.logged

    def is_another(self, namespace: Namespace) -> bool:
        """Whether the number was given to another namespace since: to other processes, that live elsewhere or of which
        it is not known where."""
        return not set(self.pids) & set(namespace.pids) and (self.home != namespace.home or not namespace.home.short)

    def look(self, folders: Sequence[bytes], wanted: Wanted, theirs: Callable[[Key], bool], now: float) -> Found:
        """The log files and packages in those of the folders that are `theirs`. A new log file is opened at once: it
        may be all that is left of the container a moment later. Raises OSError."""
        found = Found()
        arrived = self.expected(now) and bool(self.home.engine) and self._has_own_root()
        for folder in folders:
            try:
                with self._folder(folder) as fd:
                    if not theirs(key_of(os.fstat(fd))):
                        continue
                    self._hold(folder, fd, now)
                    changed = os.fstat(fd).st_mtime_ns
                    found.changed |= self._listed.get(folder, changed) != changed
                    self._listed[folder] = changed
                    listing = list_inside(fd, wanted.any)
            except (FileNotFoundError, NotADirectoryError):
                continue
            found.whole &= listing.whole
            for name, status in listing.files:
                key, path = (status.st_dev, status.st_ino), os.path.join(folder, name)
                if wanted.packages and wanted.packages.fullmatch(name):
                    if len(found.packages) < MAX_PACKAGES_INSIDE:
                        found.packages[path] = status
                    else:
                        found.more = True
                elif key in self._known or self._first(key, path, found, now):
                    state = status.st_size, status.st_mtime_ns
                    self.holds.looked(key, path, now, self._known.get(key, state) != state)
                    self._known[key] = state
                    found.files[key] = (path, status)
        if found.whole:
            for key in self._known.keys() - found.files.keys():
                del self._known[key]
                self.holds.gone(key, now)
        self.holds.tend(now)
        self.logged |= bool(found.files or found.packages)
        if arrived and self.seen is None:
            self.seen = now
        return found

    def close(self) -> None:
        """Let go of everything."""
        self.folders.close()
        self.files.close()

    def _has_own_root(self) -> bool:
        """Its tree may have no folder that we look for, or the machine's."""
        return root_inside(self.number, self.pids, self._proc) != key_of(os.stat("/"))

    def _folder(self, path: bytes) -> AbstractContextManager[int]:
        if self.over:
            return self.folders.use(path)
        return folder_inside(self.number, self.pids, path, self._proc)

    def _hold(self, path: bytes, fd: int, now: float) -> None:
        """Keep the folder too, so that what came into it last can be found when the container has ended."""
        if self.seen is None:
            self.seen = now
        if self.over:
            return
        if now - self.seen < SETTLED or not self._is_apart(os.fstat(fd).st_dev, path):
            self.folders.hold(path, fd)
        else:
            self.folders.drop(path)

    def _first(self, key: Key, path: bytes, found: Found, now: float) -> bool:
        if len(self._known) >= MAX_INSIDE:
            found.more = True
            return False
        try:
            self.holds.found(key, path, now, self._is_apart(key[0], os.path.dirname(path)))
        except OSError as error:
            if error.errno != errno.EACCES:  # that one is told in its stream
                found.refused[path] = f"is not read: {error.strerror}"
                return False
        return True

    def _is_apart(self, device: int, folder: bytes) -> bool:
        if device not in self._apart:
            if len(self._apart) >= MAX_INSIDE:
                self._apart.clear()
            self._apart[device] = not self.over and may_be_unmounted(self.number, self.pids, folder, self._proc)
        return self._apart[device]

    def open(self, path: bytes, key: Key | None = None) -> int:
        """Open a regular file of it, `key` where that is given. Raises OSError."""
        folder, name = os.path.split(path)
        with self._folder(folder) as fd:
            return open_inside(fd, name, key)
