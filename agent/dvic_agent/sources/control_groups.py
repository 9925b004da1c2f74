"""Which control groups of containers and services begin and end, told by the kernel as it happens.

An engine has a group made for each container before the container's first process is in its own tree, and the group is
removed when the last process has ended. Folders in /sys/fs/cgroup can be watched by inotify like any other: so nobody
has to look often for containers that may never come, and one that no look met is known all the same.

Groups are watched from the top down to those of containers. What a container makes below its own is its own business.
"""

import errno
import os
import time
from pathlib import Path

from . import inotify
from .inotify import Inotify
from .namespaces import Group, home_of

MOUNTED = Path("/sys/fs/cgroup")

MAX_WATCHED = 2000
"""Groups that are watched at most, and those of people (below user.slice) only while it is less than half as many;
what begins in another is found later, by its processes."""

MAX_KNOWN = 5000
"""Groups of containers and services that are known at a time; of people while it is less than half as many."""

MAX_PROCESSES = 64
"""Processes of one group that are told."""

MAX_DEPTH = 12
"""Groups below one another that are watched."""


def tree_of(mounted: Path = MOUNTED) -> Path | None:
    """The unified tree, or systemd's own where there are several; None where there is neither."""
    return next((tree for tree in (mounted, mounted / "systemd") if (tree / "cgroup.procs").exists()), None)


class ControlGroups:
    """Used by one thread. `tree`: where the groups are; None: nothing is ever told."""

    def __init__(self, tree: Path | None):
        self._tree = tree
        self._inotify: Inotify | None = None
        self._folders: dict[int, str] = {}
        """Path of each watched group, "" for the top."""
        self._watched: dict[str, int] = {}
        self._known: dict[str, tuple[Group, int]] = {}
        """Groups of containers and of services that are there, and the inodes of their folders."""
        self._number = 0
        self.trouble = ""
        """Why not all that begins is heard of."""
        if tree is not None:
            try:
                self._inotify = Inotify()
                self._watch("", [])
            except OSError:
                self.close()

    @property
    def told(self) -> bool:
        """Whether all that begins is heard of."""
        return self._inotify is not None and not self.trouble

    def fileno(self) -> int:
        """For poll(2): readable when something began or ended; -1 when nothing is ever told."""
        return self._inotify.fileno() if self._inotify else -1

    def close(self) -> None:
        if self._inotify:
            self._inotify.close()
            self._inotify = None

    def changes(self) -> tuple[list[Group], list[Group]]:
        """Those that began and those that ended since this was asked last, or since the watch began."""
        begun: list[Group] = []
        ended: list[Group] = []
        for event in self._inotify.read() if self._inotify else ():
            if event.mask & inotify.OVERFLOW:
                self._compare(begun, ended)
            elif event.mask & inotify.ISDIR and event.wd in self._folders:
                path = f"{self._folders[event.wd]}/{os.fsdecode(event.name)}"
                if event.mask & inotify.DELETE:
                    self._end(path, ended)
                else:
                    self._begin(path, begun)
        return begun, ended

    def processes(self, group: Group) -> list[int]:
        """Those in the group or, where an engine made another for them in it, in the first one there."""
        folder = self._place(group.path)
        try:
            if found := _processes(folder):
                return found
            with os.scandir(folder) as names:
                below = next((entry.path for entry in names if entry.is_dir(follow_symlinks=False)), None)
            return _processes(below) if below else []
        except OSError:
            return []  # it has ended

    def _place(self, path: str) -> str:
        return f"{self._tree}{path}"

    def _begin(self, path: str, begun: list[Group]) -> None:
        home = home_of(path)
        if home.short and home != home_of(os.path.dirname(path)) and path not in self._known:
            if len(self._known) < _share(MAX_KNOWN, path):
                self._number = max(self._number + 1, time.time_ns())
                group = Group(path, self._number, home)
                self._known[path] = group, self._inode(path)
                begun.append(group)
            else:
                self.trouble = f"there are more than {MAX_KNOWN} (MAX_KNOWN, half of them of people)"
        if not home.id:
            self._watch(path, begun)

    def _end(self, path: str, ended: list[Group]) -> None:
        self._forget(path)  # the kernel does not, for groups
        if known := self._known.pop(path, None):
            ended.append(known[0])

    def _watch(self, path: str, begun: list[Group]) -> None:
        """Hear of what begins in this group, and find what is there already."""
        if path.count("/") > MAX_DEPTH or (path not in self._watched
                                           and len(self._watched) >= _share(MAX_WATCHED, path)):
            self.trouble = f"there are more than {MAX_WATCHED} (MAX_WATCHED, half of them of people), or deeper ones"
            return
        place = os.fsencode(self._place(path))
        try:
            watch = self._inotify.add(place, inotify.CREATE | inotify.DELETE, follow=not path)
        except OSError as error:
            if not path:
                raise
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self.trouble = f"one can't be watched: {error.strerror}"
            return
        if self._watched.get(path) != watch:
            self._forget(path)
        self._folders[watch], self._watched[path] = path, watch
        try:
            with os.scandir(place) as names:
                below = [os.fsdecode(entry.name) for entry in names if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return
        for name in below:
            self._begin(f"{path}/{name}", begun)

    def _compare(self, begun: list[Group], ended: list[Group]) -> None:
        """Events were lost: see what is there."""
        for path, (_, inode) in list(self._known.items()):
            if not inode or self._inode(path) != inode:
                self._end(path, ended)
        for path in [path for path in self._watched if not self._inode(path)]:
            self._forget(path)
        self._watch("", begun)

    def _forget(self, path: str) -> None:
        """Watch it no more."""
        if (watch := self._watched.pop(path, None)) is not None:
            del self._folders[watch]
            self._inotify.remove(watch)

    def _inode(self, path: str) -> int:
        """0: it is not there any more."""
        try:
            return os.stat(self._place(path)).st_ino
        except OSError:
            return 0


def of_people(path: str) -> bool:
    """Whether somebody may have made this group who is not root."""
    return path.startswith("/user.slice/")


def _share(most: int, path: str) -> int:
    """How many may be there when this one comes."""
    return most // 2 if of_people(path) else most


def _processes(folder: str) -> list[int]:
    """Raises OSError."""
    with open(f"{folder}/cgroup.procs", "rb", buffering=0) as told:
        return [int(pid) for pid in told.read(8 * MAX_PROCESSES).split(b"\n")[:MAX_PROCESSES] if pid.isdigit()]
