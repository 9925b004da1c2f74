"""One mount namespace that is looked into: its log files and packages, found and opened through whichever of its
processes lives."""

import errno
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fnmatch import translate

from .held_folders import HeldFolders
from .inside import folder_inside, list_inside, open_inside
from .namespaces import Home
from .open_files import Key, OpenFiles, key_of

MAX_INSIDE = 100
"""Log files followed in one container."""

MAX_PACKAGES_INSIDE = 20
"""Package files followed in one container."""

MAX_OPEN_INSIDE = 4
"""Descriptors held for files of one container."""


@dataclass
class Found:
    """What a look gave. `refused`: names that are not read, and why; `whole`: all names were looked at;
    `more`: there are files that wait, for MAX_INSIDE are followed, or MAX_PACKAGES_INSIDE."""

    files: dict[Key, tuple[bytes, os.stat_result]] = field(default_factory=dict)
    packages: dict[bytes, os.stat_result] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    whole: bool = True
    more: bool = False


class Wanted:
    """By what names log files and packages are found; `packages` None: not at all."""

    def __init__(self, logs: str, packages: str | None):
        translated = [os.fsencode(translate(pattern)) for pattern in (logs, packages) if pattern]
        self.packages = re.compile(translated[1]) if packages else None
        self.any = re.compile(b"|".join(b"(?:%b)" % pattern for pattern in translated))


class Container:
    """`since`: when it was first seen, steady seconds; `due`: when to look again; `seen`: one of its own folders was
    there at a look; `over`: no process of it is there any more."""

    def __init__(self, number: int, since: float, proc: str):
        self.number = number
        self.since = since
        self.due = since
        self.pids: tuple[int, ...] = ()
        self.home = Home()
        self.seen = False
        self.over = False
        self.folders = HeldFolders()
        self.files = OpenFiles(MAX_OPEN_INSIDE, self.open)
        self._proc = proc
        self._known: set[Key] = set()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.home.short or f"mnt:{self.number}"

    @property
    def told(self) -> dict[str, str]:
        """What the hub is told of it."""
        return self.home.told or {"id": self.name}

    @property
    def home_id(self) -> str:
        """What stays the same when it is started again, where its engine or systemd has a name for it."""
        return f"{self.home.engine} {self.home.id or self.home.unit}" if self.home.short else self.name

    def look(self, folders: Sequence[bytes], wanted: Wanted, theirs: Callable[[Key], bool], hold: bool = False) -> Found:
        """The log files and packages in those of the folders that are `theirs`. A new log file is opened at once: it may
        be all that is left of the container a moment later; with `hold` the folder is kept too. Raises OSError."""
        found = Found()
        for folder in folders:
            try:
                with self._folder(folder) as fd:
                    if not theirs(key_of(os.fstat(fd))):
                        continue
                    self.seen = True
                    if hold and not self.over:
                        self.folders.hold(folder, fd)
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
                elif key in self._known or self._first(key, path, found):
                    found.files[key] = (path, status)
        if found.whole:
            self._known &= found.files.keys()
        if not hold:
            self.folders.close()
        return found

    def close(self) -> None:
        """Let go of everything."""
        self.folders.close()
        self.files.close()

    def _folder(self, path: bytes) -> AbstractContextManager[int]:
        if self.over:
            return self.folders.use(path)
        return folder_inside(self.number, self.pids, path, self._proc)

    def _first(self, key: Key, path: bytes, found: Found) -> bool:
        if len(self._known) >= MAX_INSIDE:
            found.more = True
            return False
        try:
            self.files.hold(key, path)
        except OSError as error:
            if error.errno != errno.EACCES:  # that one is told in its stream
                found.refused[path] = f"is not read: {error.strerror}"
                return False
        self._known.add(key)
        return True

    def open(self, path: bytes, key: Key | None = None) -> int:
        """Open a regular file of it, `key` where that is given. Raises OSError."""
        folder, name = os.path.split(path)
        with self._folder(folder) as fd:
            return open_inside(fd, name, key)
