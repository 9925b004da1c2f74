"""Recordings of terminals on the disk: `state_dir/recordings/<session>.cast`, asciicast v2, for the hub's user alone.

A recording and the session's row go together: `save` puts what came into the file, then the caller commits the file's
length and the output's offset in one row. After a crash the file is cut back to the length in the row, and the machine
sends the output from that offset on again, so nothing is in it twice and nothing is missing.
"""

import os
from contextlib import suppress
from pathlib import Path

from dvic_hub.errors import NotFound
from dvic_wire.asciicast import CastHeader, CastWriter

FOLDER = "recordings"


class RecordingFailed(Exception):
    """Nothing more can be recorded; says why."""


class Recordings:
    """The folder of them. Everything here blocks: call it in a thread."""

    def __init__(self, state_dir: Path, limit: int):
        self._folder = state_dir / FOLDER
        self._limit = limit

    def path(self, session: str) -> Path:
        return self._folder / f"{session}.cast"

    def begin(self, session: str, header: CastHeader) -> "Recording":
        """A new recording, on the disk with its header. Raises RecordingFailed."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(self.path(session), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            recording = Recording(handle, 0, self._limit)
            recording.write([CastWriter.header(header)])
        except (OSError, RecordingFailed) as error:
            raise RecordingFailed(f"it can't be recorded: {error}") from None
        return recording

    def go_on(self, session: str, length: int) -> "Recording":
        """A recording as it was at `length` bytes. Raises RecordingFailed."""
        try:
            handle = os.open(self.path(session), os.O_WRONLY | os.O_CLOEXEC)
            os.ftruncate(handle, min(length, os.fstat(handle).st_size))
        except OSError as error:
            raise RecordingFailed(f"its recording can't be gone on with: {error}") from None
        return Recording(handle, os.fstat(handle).st_size, self._limit)

    def remove(self, session: str) -> None:
        with suppress(FileNotFoundError):
            self.path(session).unlink()

    def check(self, session: str) -> Path:
        """The file; raises NotFound where there is none."""
        path = self.path(session)
        if not path.is_file():
            raise NotFound("there is no recording of this session")
        return path


class Recording:
    """One file that is being written. `output` and `resize` collect lines, at once; `write` puts lines on the disk."""

    def __init__(self, handle: int, length: int, limit: int):
        self._handle = handle
        self._limit = limit
        self._cast = CastWriter()
        self._lines: list[str] = []
        self.length = length

    @property
    def held_back(self) -> int:
        """Bytes of output, the last ones given, that are in no line yet."""
        return self._cast.held_back

    def output(self, at: float, data: bytes) -> None:
        """`at`: seconds since the beginning."""
        self._lines.append(self._cast.output(at, data))

    def resize(self, at: float, cols: int, rows: int) -> None:
        self._lines.append(self._cast.resize(at, cols, rows))

    def take(self) -> list[str]:
        """The lines to write next."""
        lines, self._lines = self._lines, []
        return lines

    def write(self, lines: list[str]) -> None:
        """Return when they are on the disk. Raises RecordingFailed; the file then is as it was before."""
        data = "".join(lines).encode("utf-8", "replace")
        if self.length + len(data) > self._limit:
            raise RecordingFailed(f"its recording would be larger than {self._limit} bytes")
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._handle, data[written:], self.length + written)
            os.fdatasync(self._handle)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._handle, self.length)
            raise RecordingFailed(f"its recording can't be written: {error.strerror}") from None
        self.length += len(data)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
