"""One mount namespace that is looked into: its log files, found and opened through whichever of its processes lives."""

import errno
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .inside import folder_inside, list_inside, open_inside
from .namespaces import Home
from .open_files import Key, OpenFiles

MAX_INSIDE = 100
"""Log files followed in one container."""

MAX_OPEN_INSIDE = 4
"""Descriptors held for files of one container."""

Naming = Callable[[Home], tuple[str, str] | None]
"""Name and image of a container, None where nobody tells them."""


@dataclass
class Found:
    """What a look gave. `refused`: names that are not read, and why; `whole`: all names were looked at;
    `more`: there are files that wait, for MAX_INSIDE are followed."""

    files: dict[Key, tuple[bytes, os.stat_result]] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    whole: bool = True
    more: bool = False


class Container:
    """`since`: when it was first seen, steady seconds; `due`: when to look again."""

    def __init__(self, number: int, since: float, proc: str, named: Naming = lambda home: None):
        self.number = number
        self.since = since
        self.due = since
        self.pids: tuple[int, ...] = ()
        self.home = Home()
        self.files = OpenFiles(MAX_OPEN_INSIDE, self._open)
        self._proc = proc
        self._named = named
        self._known: set[Key] = set()

    @property
    def called(self) -> dict[str, str]:
        """For the fields of its lines: name and image where its engine tells them, otherwise what the kernel tells."""
        name, image = self._named(self.home) or ("", "")
        return {"container": name or self.home.short or f"mnt:{self.number}", **({"image": image} if image else {})}

    def look(self, folders: Sequence[bytes], wanted: re.Pattern, theirs: Callable[[Key], bool]) -> Found:
        """The log files in those of the folders that are `theirs`. A new file is opened at once: it may be all that is
        left of the container a moment later. Raises OSError."""
        found = Found()
        for folder in folders:
            try:
                with folder_inside(self.number, self.pids, folder, self._proc) as fd:
                    listing = list_inside(fd, wanted, theirs)
            except (FileNotFoundError, NotADirectoryError):
                continue
            found.whole &= listing.whole
            for name, status in listing.files:
                key, path = (status.st_dev, status.st_ino), os.path.join(folder, name)
                if key in self._known or self._first(key, path, found):
                    found.files[key] = (path, status)
        if found.whole:
            self._known &= found.files.keys()
        return found

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

    def _open(self, path: bytes, key: Key) -> int:
        folder, name = os.path.split(path)
        with folder_inside(self.number, self.pids, folder, self._proc) as fd:
            return open_inside(fd, name, key)
