"""What an update keeps on the disk: STATE/executor/update/, root 0700.

    journal.json    the update that is under way (plan.Journal); its absence means that there is none
    program.pyz     carries the update, also after a power cut: the executor as it was when it began (rescue.py)
    new.deb         the package that is to be installed, whole and checked (new.part while it comes)
    previous.deb    what is put back (previous/ while it is made)
    installed.deb   the package that the last update installed: the next one's previous.deb
    confirmed       the hub's word for this update, written by the executor
    lock            flock, held by whoever carries the update
    keys.json       the highest key set that was seen (orders.py)

A file appears whole or not at all, and is on the disk before anybody goes on.
"""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from .plan import Journal

FOLDER = "executor/update"


class UpdateDir:
    """The folder below the state folder `state`."""

    def __init__(self, state: Path):
        self.path = state / FOLDER
        self.program = self.path / "program.pyz"
        self.new = self.path / "new.deb"
        self.part = self.path / "new.part"
        self.previous = self.path / "previous.deb"
        self.staging = self.path / "previous"
        self.installed = self.path / "installed.deb"
        self.lock = self.path / "lock"
        self._journal = self.path / "journal.json"
        self._confirmed = self.path / "confirmed"

    def make(self) -> None:
        self.path.mkdir(mode=0o700, exist_ok=True)

    def journal(self) -> Journal | None:
        """The update under way, None where there is none (a damaged journal is none)."""
        with suppress(TypeError):
            return Journal.from_json(read_json(self._journal))
        return None

    def save(self, journal: Journal) -> None:
        """Raises OSError when the disk does not take it."""
        write_whole(self._journal, json.dumps(journal.to_json()).encode())

    def clear(self) -> None:
        """Remove what an update leaves, its journal last."""
        for path in (self.new, self.part, self.previous, self._confirmed):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.staging, ignore_errors=True)
        self._journal.unlink(missing_ok=True)
        sync_folder(self.path)

    def confirm(self, run: str, version: str) -> None:
        write_whole(self._confirmed, json.dumps({"run": run, "version": version}).encode())

    def confirmed(self, run: str) -> bool:
        return read_json(self._confirmed).get("run") == run


def goes_on(state: Path, run: str) -> bool:
    """Whether this run is an update that is not over, so that its end is not for others to write."""
    journal = UpdateDir(state).journal()
    return journal is not None and journal.run == run


def read_json(path: Path) -> dict:
    """A small file's object, {} when it is missing or damaged."""
    with suppress(OSError, ValueError):
        value = json.loads(path.read_bytes())
        if isinstance(value, dict):
            return value
    return {}


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file so that whoever looks, also after a power cut, sees the old or the new one. Raises OSError."""
    beside = path.with_name(f".{path.name}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
        sync_folder(path.parent)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def put_in_place(source: Path, target: Path) -> None:
    """Give a file that is written its name, for good. Raises OSError."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.rename(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
