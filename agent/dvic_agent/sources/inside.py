"""Opening files in another mount namespace, through /proc/PID/root, without being led anywhere.

- The folder is looked for from the container's own root, step by step, and no link is followed, whoever made it.
- A name in the folder that is a link or a mount of its own (a file of the machine that was bound there) is left alone.
- What a name is, is looked at before it is opened (O_PATH), and it is opened by what was looked at: a device or a FIFO
  never is, however fast somebody changes names.
- Before anything is believed, the process is seen to live in the namespace that was meant: its number may have been
  given to another one.

openat2(2) would do this in one call, but a unit with RestrictSUIDSGID= may not use it: its filter can't see the flags.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from .census import MAX_STATUS_BYTES, namespace_of
from .open_files import Key, key_of

MAX_NAMES = 5000
"""Names looked at in one folder of a container, whatever they are."""

_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


_SYS_ADMIN = 21
_BOUNDS = re.compile(rb"^CapBnd:\s*([0-9a-f]+)", re.MULTILINE)

T = TypeVar("T")


class Listing(NamedTuple):
    """The files of a folder that were asked for, and whether all names were looked at."""

    files: list[tuple[bytes, os.stat_result]]
    whole: bool


@contextlib.contextmanager
def folder_inside(namespace: int, pids: Sequence[int], path: bytes, proc: str = "/proc") -> Iterator[int]:
    """A descriptor of a folder in the namespace, found through one of its processes. Raises OSError: ESRCH when none of
    them lives there any more."""
    fd = _folder(namespace, pids, path, proc)
    try:
        yield fd
    finally:
        os.close(fd)


def list_inside(fd: int, wanted: re.Pattern) -> Listing:
    """The regular files of a folder whose names fit."""
    files: list[tuple[bytes, os.stat_result]] = []
    looked, whole = 0, True
    with os.scandir(fd) as names:
        for entry in names:
            looked += 1
            if looked > MAX_NAMES:
                whole = False
                break
            name = os.fsencode(entry.name)
            if not wanted.fullmatch(name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone again
            if stat.S_ISREG(status.st_mode):
                files.append((name, status))
    return Listing(files, whole)


def open_inside(folder: int, name: bytes, key: Key | None) -> int:
    """Open the regular file `key` of a folder for reading, whichever it is where that is None. Raises OSError: EXDEV
    for a mount, EINVAL for a link and whatever is no file, ESTALE when another file stands there."""
    seen = os.open(_single(name), _LOOK, dir_fd=folder)
    try:
        status = os.fstat(seen)
        if _mount_of(seen) != _mount_of(folder):
            raise OSError(errno.EXDEV, "another file system was mounted there")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if key is not None and key_of(status) != key:
            raise OSError(errno.ESTALE, "another file stands there now")
        return os.open(f"/proc/self/fd/{seen}", _READ)
    finally:
        os.close(seen)


def may_be_unmounted(namespace: int, pids: Sequence[int], path: bytes, proc: str = "/proc") -> bool:
    """Whether those who live there could unmount what the folder is on: another mount than their root, and they have
    the right to unmount at all. Raises OSError as folder_inside does."""
    def look(process: int, root: int) -> bool:
        folder = _descend(root, path)
        try:
            if _mount_of(folder) == _mount_of(root):
                return False
        finally:
            os.close(folder)
        with open(f"/proc/self/fd/{process}/status", "rb", buffering=0) as status:
            bounds = _BOUNDS.search(status.read(MAX_STATUS_BYTES))
        return bounds is None or bool(int(bounds[1], 16) >> _SYS_ADMIN & 1)

    return _through(namespace, pids, proc, look)


def root_inside(namespace: int, pids: Sequence[int], proc: str = "/proc") -> Key:
    """Which folder those who live there have for their root. Raises OSError as folder_inside does."""
    return _through(namespace, pids, proc, lambda process, root: key_of(os.fstat(root)))


def _folder(namespace: int, pids: Sequence[int], path: bytes, proc: str) -> int:
    return _through(namespace, pids, proc, lambda process, root: _descend(root, path))


def _through(namespace: int, pids: Sequence[int], proc: str, look: Callable[[int, int], T]) -> T:
    """What `look` finds, given descriptors of a process that lives there and of its root."""
    failed = OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    for pid in pids:
        try:
            process = os.open(f"{proc}/{pid}", _LOOK | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            # from here on it is this process, or an error
            try:
                root = os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=process)
            except FileNotFoundError:
                continue  # it is ending: that says nothing of the folder
            try:
                if namespace_of(".", process) == namespace:
                    return look(process, root)
            finally:
                os.close(root)
        except OSError as error:
            failed = error
        finally:
            os.close(process)
    raise failed


def _descend(root: int, path: bytes) -> int:
    """A descriptor, for listing, of the folder `path` below `root`."""
    fd = os.dup(root)
    try:
        for step in filter(None, path.split(b"/")):
            deeper = os.open(_single(step), _LOOK | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = deeper
        return os.open(".", _LIST, dir_fd=fd)
    finally:
        os.close(fd)


def _single(name: bytes) -> bytes:
    """A name that is one step down and no other way."""
    if name in (b"", b".", b"..") or b"/" in name:
        raise OSError(errno.EINVAL, "not a name in a folder")
    return name


def _mount_of(fd: int) -> bytes:
    """The number of the mount that a descriptor was opened through."""
    with open(f"/proc/self/fdinfo/{fd}", "rb", buffering=0) as told:
        return next(line for line in told.read().splitlines() if line.startswith(b"mnt_id:"))
