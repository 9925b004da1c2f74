"""Files on their way through the hub: `state_dir/copies/`, for the hub's user alone.

    <id>.data     what has come of it, on the disk up to `received`
    <id>.json     what is known of it (KeptFile); a file without it does not exist

A file is announced with its size, and room is set aside for it; its bytes come in order, and what is told to have come
is on the disk. So whoever sends it, a person or a machine, goes on from `received` after any loss. The SHA-256 is made
when all has come. Everything here that touches the disk blocks: call it in a thread.
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dvic_hub.errors import BadRequest, Conflict, HubError, NotFound, StoreError, StoreFull, TooLarge

FOLDER = "copies"

SPARE_BYTES = 256 * 1024 * 1024
"""Bytes that stay free on the hub's disk when room is set aside for a file."""

MAX_FILES = 1000
"""Files that the hub keeps at a time."""


@dataclass(frozen=True)
class KeptFile:
    """`received` of `size` bytes are here. `sha256`: of what came, "" before all did; `expected` is what the sender
    said that it would be, "" for nothing. `by`: who brought it; times are Unix seconds. `about`: of a file that comes
    from a machine, dvic_wire.copies.FileAbout as JSON."""

    id: str
    name: str
    size: int
    by: str
    created: float
    used: float
    received: int = 0
    sha256: str = ""
    expected: str = ""
    about: dict | None = None

    @property
    def whole(self) -> bool:
        return bool(self.sha256)


class Spool:
    """`most`: bytes of one file; `limit`: of all together."""

    def __init__(self, state_dir: Path, most: int, limit: int):
        self._folder = state_dir / FOLDER
        self._most = most
        self._limit = limit
        self._files: dict[str, KeptFile] = {}

    def load(self) -> None:
        """Take up what a hub before us kept; what is half made goes."""
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.suffix == ".json" and path.name[0] != ".":
                    self._load_one(path)
            for kept in self.all():
                if kept.received == kept.size and not kept.whole:  # the hash was not made any more
                    with suppress(HubError):
                        self._finish(kept)
            for path in self._folder.iterdir():
                if path.stem not in self._files or path.name[0] == ".":
                    path.unlink()

    def all(self) -> list[KeptFile]:
        """Oldest first."""
        return sorted(self._files.values(), key=lambda kept: (kept.created, kept.id))

    def get(self, id: str) -> KeptFile:
        """Raises NotFound."""
        if id not in self._files:
            raise NotFound(f"there is no file {id} here, or no longer")
        return self._files[id]

    def path(self, id: str) -> Path:
        """Where its bytes are. Raises NotFound."""
        return self._folder / f"{self.get(id).id}.data"

    def begin(self, name: str, size: int, by: str, now: float, *, id: str = "", expected: str = "",
              about: dict | None = None) -> KeptFile:
        """Set room aside for a file. The same person's unfinished file of the same name and `expected` hash is gone on
        with. Raises TooLarge, Conflict, StoreFull."""
        for kept in self._files.values():
            if expected and not id and (kept.name, kept.size, kept.by, kept.expected) == (name, size, by, expected):
                return self.use(kept.id, now)
        if size > self._most:
            raise TooLarge(f"a file may have {self._most} bytes, this one has {size}", field="size", limit=self._most)
        if len(self._files) >= MAX_FILES:
            raise Conflict(f"the hub keeps at most {MAX_FILES} files", code="limit", limit=MAX_FILES)
        held = sum(kept.size for kept in self._files.values())
        if held + size > self._limit:
            raise Conflict(f"files on their way may have {self._limit} bytes together, and have {held} already: "
                           "remove some, or wait until they expire", code="spool-full", limit=self._limit)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        missing = sum(kept.size - kept.received for kept in self._files.values())
        if shutil.disk_usage(self._folder).free < size + missing + SPARE_BYTES:
            raise StoreFull(f"the hub's disk has no room for a file of {size} bytes")
        kept = KeptFile(id or secrets.token_hex(10), name, size, by, now, now, expected=expected, about=about)
        with _disk():
            os.close(os.open(self._folder / f"{kept.id}.data", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            self._save(kept)
        return self._finish(kept) if not size else kept

    def write(self, id: str, offset: int, data: bytes, now: float) -> KeptFile:
        """Take bytes; return when they are on the disk. Raises NotFound, Conflict where they do not go on at
        `received`, TooLarge, BadRequest where all has come and is not what was announced, StoreFull."""
        kept = self.get(id)
        if offset != kept.received:
            raise Conflict(f"{kept.received} bytes of this file are here: go on from there", code="offset",
                           limit=kept.received)
        if offset + len(data) > kept.size:
            raise TooLarge(f"this file was announced with {kept.size} bytes", limit=kept.size)
        with _disk():
            handle = os.open(self._folder / f"{id}.data", os.O_WRONLY | os.O_CLOEXEC)
            try:
                written = 0
                while written < len(data):
                    written += os.pwrite(handle, data[written:], offset + written)
                os.fdatasync(handle)
            finally:
                os.close(handle)
            kept = self._save(replace(kept, received=offset + len(data), used=now))
        return self._finish(kept) if kept.received == kept.size and not kept.whole else kept

    def read(self, id: str, offset: int, most: int) -> bytes:
        """A part of what has come. Raises NotFound, OSError."""
        with self.path(id).open("rb") as file:
            return os.pread(file.fileno(), most, offset)

    def use(self, id: str, now: float) -> KeptFile:
        """Note that somebody needs it still. Raises NotFound."""
        with _disk():
            return self._save(replace(self.get(id), used=now))

    def describe(self, id: str, about: dict) -> KeptFile:
        """Note what a machine says of it. Raises NotFound."""
        with _disk():
            return self._save(replace(self.get(id), about=about))

    def remove(self, id: str) -> None:
        """Nothing of it is left; it may be gone already."""
        self._files.pop(id, None)
        for ending in ("json", "data"):
            with suppress(OSError):
                (self._folder / f"{id}.{ending}").unlink()

    def _finish(self, kept: KeptFile) -> KeptFile:
        with _disk(), self.path(kept.id).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if kept.expected and kept.expected != digest:
            self.remove(kept.id)
            raise BadRequest(f"what has come is not what was announced: its sha256 is {digest}, not {kept.expected}",
                             code="checksum", field="sha256")
        return self._save(replace(kept, sha256=digest))

    def _save(self, kept: KeptFile) -> KeptFile:
        beside, place = self._folder / f".{kept.id}.json", self._folder / f"{kept.id}.json"
        with beside.open("w", encoding="utf-8") as file:
            json.dump(asdict(kept), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
        self._files[kept.id] = kept
        return kept

    def _load_one(self, path: Path) -> None:
        with suppress(OSError, ValueError, TypeError):
            kept = KeptFile(**json.loads(path.read_text("utf-8")))
            data = self._folder / f"{kept.id}.data"
            if kept.id == path.stem and data.stat().st_size >= kept.received:
                os.truncate(data, kept.received)
                self._files[kept.id] = kept


@contextmanager
def _disk() -> Iterator[None]:
    """Turns an error of the disk into one of the hub's."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull("the hub's disk has no room for the file") from error
        raise StoreError(f"the file can't be kept: {error}") from error
