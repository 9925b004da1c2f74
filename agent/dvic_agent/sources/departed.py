"""Files that lost their name while somebody may still write to them: followed until they have been quiet, then over.

They are kept open, or nothing of them could be read. What they hold of the disk is bounded: while the hub is away,
programs that rotate their files must not fill /tmp with deleted ones.
"""

from dataclasses import dataclass

from .log_file import LogFile
from .open_files import Key, OpenFiles

MAX_HELD_BYTES = 64 * 1024 * 1024
"""Bytes that all of them together may occupy; the oldest is let go of first, and what was unread is a gap."""


@dataclass
class _Departed:
    file: LogFile
    since: float
    size: int = -1


class Departed:
    """`linger`: seconds of quiet after which such a file is over. Times are steady seconds."""

    def __init__(self, open_files: OpenFiles, linger: float, held_bytes: int = MAX_HELD_BYTES):
        self._open = open_files
        self._linger = linger
        self._held_bytes = held_bytes
        self._files: dict[Key, _Departed] = {}

    def add(self, file: LogFile, now: float) -> None:
        """Its name is gone."""
        file.present = False
        self._open.keep(file.key, True)
        self._files[file.key] = _Departed(file, now)

    def came_back(self, file: LogFile) -> None:
        """It has a name again."""
        file.present = True
        self.forget(file.key)
        self._open.keep(file.key, False)

    def forget(self, key: Key) -> None:
        self._files.pop(key, None)

    def look(self, now: float, tick: float) -> list[LogFile]:
        """Every `tick` seconds; returns the files of which there is something to read, be it their end."""
        found, held = [], 0
        for gone in reversed(self._files.values()):
            size = self._open.size(gone.file.key)
            held += size or 0
            if held > self._held_bytes:
                self._open.drop(gone.file.key)
                held -= size or 0
                size = None
            if size is not None and size != gone.size:
                gone.since, gone.size = now, size
                gone.file.changed = True
                gone.file.size = size
                found.append(gone.file)
            elif not gone.file.over and now - gone.since >= (tick if size is None else self._linger):
                gone.file.over = True
                found.append(gone.file)
        return found
