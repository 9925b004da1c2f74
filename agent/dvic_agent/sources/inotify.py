"""The kernel's inotify by ctypes: what changes in a directory, told without polling (inotify(7)).

    watcher = Inotify()
    wd = watcher.add(b"/tmp", CREATE | MODIFY)
    for event in watcher.read(): ...          # never blocks; fileno() is for the event loop
"""

import ctypes
import errno
import os
import struct
from typing import NamedTuple

MODIFY = 0x2
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
OVERFLOW = 0x4000
"""The kernel dropped events: look at everything again."""
IGNORED = 0x8000
"""The watch is gone (directory deleted, unmounted)."""
ISDIR = 0x4000_0000

_ONESHOT = 0x8000_0000
_ONLYDIR = 0x0100_0000
_DONT_FOLLOW = 0x0200_0000

_HEAD = struct.Struct("iIII")
_BUFFER = 256 * 1024


class Event(NamedTuple):
    """`wd` is what `add` returned, -1 for OVERFLOW; `name` the entry in the directory, b"" for itself."""

    wd: int
    mask: int
    name: bytes


class Inotify:
    """One inotify instance. Raises OSError where the kernel has no more of them (fs.inotify.max_user_instances)."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._fd

    def add(self, directory: bytes, mask: int, *, follow: bool = True) -> int:
        """Watch a directory; returns its number. Raises OSError (missing, no permission, no directory, too many)."""
        flags = mask | _ONLYDIR | (0 if follow else _DONT_FOLLOW)
        return self._call("inotify_add_watch", self._fd, ctypes.c_char_p(directory), ctypes.c_uint32(flags))

    def add_file(self, fd: int, mask: int) -> int:
        """Watch an open file for one event; returns its number. Raises OSError (no permission, too many)."""
        return self._call("inotify_add_watch", self._fd, ctypes.c_char_p(b"/proc/self/fd/%d" % fd),
                          ctypes.c_uint32(mask | _ONESHOT))

    def remove(self, wd: int) -> None:
        """End a watch; one that is gone already is no error."""
        try:
            self._call("inotify_rm_watch", self._fd, wd)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise

    def read(self) -> list[Event]:
        """The events that wait now, at most one buffer of them; [] when there are none."""
        try:
            data = os.read(self._fd, _BUFFER)
        except BlockingIOError:
            return []
        events, at = [], 0
        while at < len(data):
            wd, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            events.append(Event(wd, mask, data[at:at + length].rstrip(b"\0") if length else b""))
            at += length
        return events

    def close(self) -> None:
        """End all watches; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _call(self, name: str, *arguments: object) -> int:
        result = getattr(self._libc, name)(*arguments)
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result
