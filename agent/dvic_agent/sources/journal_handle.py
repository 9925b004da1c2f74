"""The few things of systemd-python's raw reader that the journal source needs, and no more.

`_Reader` is the C class under `systemd.journal.Reader`; it gives bytes. The package is optional (ImportError).
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from dvic_wire.limits import MAX_RECORD_TEXT

MACHINE_ID = Path("/etc/machine-id")
FOLDERS = (Path("/var/log/journal"), Path("/run/log/journal"))

MAX_FIELD = 2 * MAX_RECORD_TEXT
"""Bytes up to which the library unpacks a compressed field."""


class Handle(Protocol):
    """A place in a journal. All but close may raise OSError."""

    def has_files(self) -> bool: ...
    def process(self) -> bool:
        """Take note of what happened to the files; True when some came or went."""

    def seek_start(self) -> None:
        """Before the first entry."""

    def seek_end(self) -> bool:
        """On the last entry; False when there is none."""

    def seek(self, cursor: str) -> bool:
        """On the entry, or the next one behind it; False when there is none. Raises ValueError for no cursor."""

    def seek_time(self, time: int) -> bool:
        """On the first entry at or after that time (microseconds); False when there is none."""

    def next(self) -> bool: ...
    def entry(self) -> dict: ...
    def time(self) -> int: ...
    def cursor(self) -> str: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class SystemdHandle:
    """A Handle on systemd-python."""

    def __init__(self, reader, folder: Path | None):
        self._folder = folder
        reader.data_threshold = MAX_FIELD
        self._reader = reader
        # plain aliases: two calls less for each entry
        self.next = reader._next
        self.entry = reader._get_all
        self.time = reader._get_realtime
        self.cursor = reader._get_cursor
        self.seek_start = reader.seek_head
        self.fileno = reader.fileno
        self.close = reader.close

    def has_files(self) -> bool:
        if self._folder:  # the library's own answer only knows files under /var and /run
            return any(_journal_files(self._folder))
        return self._reader.has_persistent_files() or self._reader.has_runtime_files()

    def process(self) -> bool:
        self._reader.fileno()  # the library listens only from its first call
        return self._reader.process() == 2  # SD_JOURNAL_INVALIDATE

    def seek_end(self) -> bool:
        self._reader.seek_tail()
        return self._reader._previous()

    def seek(self, cursor: str) -> bool:
        try:
            self._reader.seek_cursor(cursor)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise ValueError(str(error)) from None
            raise
        return self._reader._next()

    def seek_time(self, time: int) -> bool:
        self._reader.seek_realtime(time)
        return self._reader._next()


def open_handle(folder: Path | None) -> Handle:
    """The machine's own journal, or the files of a folder. Raises OSError, and ImportError without systemd-python."""
    from systemd import _reader  # noqa: PLC0415 (a node without python3-systemd has no journal)

    try:
        if folder is None:
            return SystemdHandle(_reader._Reader(_reader.LOCAL_ONLY), None)
        return SystemdHandle(_reader._Reader(0, path=str(folder)), folder)
    except ValueError as error:
        raise OSError(str(error)) from None


def every_file_is_readable(folder: Path | None) -> bool:
    """Whether the agent sees all that journald writes: only then do missing numbers mean missing entries."""
    try:
        machine = MACHINE_ID.read_text().strip()
        folders = [path / machine for path in FOLDERS] if folder is None else [folder]
        return all(os.access(file, os.R_OK) for path in folders for file in _journal_files(path))
    except OSError:
        return False


def _journal_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.name.endswith((".journal", ".journal~")))
