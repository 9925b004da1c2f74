"""Reading the executor's own files only where nobody but root, or the executor's own user, could have written them."""

import os
import stat
from pathlib import Path

from .errors import Untrusted

MAX_CONFIG_BYTES = 256 * 1024
"""Bytes of one configuration file."""


def check_owner(found: os.stat_result, name: str) -> None:
    """Raise Untrusted unless root or we own it and nobody else may write to it."""
    if found.st_uid not in (0, os.geteuid()):
        raise Untrusted(f"{name} belongs to user {found.st_uid}: give it to root (chown root)")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise Untrusted(f"{name} can be written by others: chmod go-w")


def open_directory(path: Path | str, parent: int | None = None) -> int:
    """A descriptor of a directory (below the descriptor `parent`) that is trusted and no symlink.

    Raises Untrusted or FileNotFoundError.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Untrusted(f"{path} is no plain directory: {error.strerror}") from None
    try:
        check_owner(os.fstat(handle), str(path))
    except Untrusted:
        os.close(handle)
        raise
    return handle


def read_config(directory: Path, name: str) -> bytes | None:
    """The content of directory/name, None where it does not exist; raises Untrusted when others could have written it.

    The directory counts too: whoever may write there could replace or delete the file.
    """
    try:
        folder = open_directory(directory)
    except FileNotFoundError:
        return None
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Untrusted(f"{directory / name} can't be read: {error.strerror}") from None
    finally:
        os.close(folder)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Untrusted(f"{directory / name} is no plain file")
        check_owner(found, str(directory / name))
        data = os.read(handle, MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise Untrusted(f"{directory / name} can't be read: {error.strerror}") from None
    finally:
        os.close(handle)
    if len(data) > MAX_CONFIG_BYTES:
        raise Untrusted(f"{directory / name} is larger than {MAX_CONFIG_BYTES} bytes")
    return data
