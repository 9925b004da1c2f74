"""The folders of a container, kept open: it may live for a few milliseconds only, and who has its folder can read what
it left there when it has ended.

That holds up no engine: it lets go of a container's file system whoever has it open. A folder that somebody in there
could unmount is held while the container is new only, for it would be busy.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class HeldFolders:
    """Used by the thread that looks, the one that reads, and the loop, which closes them."""

    def __init__(self) -> None:
        self._held: dict[bytes, int] = {}
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self._held)

    def hold(self, path: bytes, fd: int) -> None:
        """Keep another descriptor of `fd`, in place of the one that is kept of this path."""
        with self._lock:
            before, self._held[path] = self._held.get(path), os.dup(fd)
            if before is not None:
                os.close(before)

    @contextmanager
    def use(self, path: bytes) -> Iterator[int]:
        """A descriptor of the folder. Raises OSError: ENOENT when none is kept."""
        with self._lock:
            if path not in self._held:
                raise OSError(errno.ENOENT, "it is not there any more")
            fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._held[path])
        try:
            yield fd
        finally:
            os.close(fd)

    def drop(self, path: bytes) -> None:
        with self._lock:
            if (fd := self._held.pop(path, None)) is not None:
                os.close(fd)

    def close(self) -> None:
        with self._lock:
            for fd in self._held.values():
                os.close(fd)
            self._held.clear()
