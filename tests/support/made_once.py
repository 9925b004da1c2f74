"""What takes long to make is made once a test session, also where several processes share its tests (pytest -n)."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def session_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole session, which all of its processes share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The session's folder of that name, filled by `make` when nobody has yet; whoever comes meanwhile waits."""
    folder = session_folder(factory) / name
    with alone(folder.with_suffix(".lock")):
        if not folder.is_dir():
            making = folder.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            make(making)
            making.rename(folder)
    return folder


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process at a time between here and the end."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
