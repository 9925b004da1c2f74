"""Which processes live in which mount namespace, asked of /proc again and again at little cost.

The kernel tells which number it gave to a process last (/proc/loadavg): those between two looks are who came, so /proc
is listed only now and then, to see who left. Who is new is asked again when it is twice as old, for YOUNG seconds,
because a container's first process moves into its namespace a moment after it began; the others are asked in turns, all
of them in ROUND seconds.
"""

import os
import re
from collections import deque
from collections.abc import Iterable

from .namespaces import Home, Namespace, cgroup_of, home_of, residents

YOUNG = 2.0
"""Seconds for which a process, or who lives in a namespace, is new and asked again."""

ROUND = 10.0
"""Seconds in which every process is asked again: hardly any moves when it is older."""

LIST = 2.0
"""Seconds after which /proc is listed again when anybody came or left."""

LIST_ANYWAY = 10.0
"""The same whatever the kernel tells."""

PROBED = 200
"""New numbers that are asked one by one; where there are more, /proc is listed."""

MAX_CGROUP_BYTES = 16 * 1024
"""Bytes read of /proc/PID/cgroup."""

MAX_STATUS_BYTES = 4 * 1024
"""Bytes read of /proc/PID/status."""

_COUNTS = re.compile(rb"/\d+ (\d+)")
_GROUP = re.compile(rb"^Tgid:\s*(\d+)", re.MULTILINE)
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def namespace_of(pid: int | str, folder: int | None = None) -> int | None:
    """The number of a process's mount namespace, None when that is not told. `pid`: its folder in /proc, or "." where
    `folder` is a descriptor of it, or its number where that is one of /proc."""
    try:
        told = os.readlink(f"{pid}/ns/mnt", dir_fd=folder)
        return int(told.removeprefix("mnt:[").removesuffix("]"))
    except (OSError, ValueError):
        return None


class Census:
    """`proc`: where /proc is mounted. Used by one thread."""

    def __init__(self, proc: str = "/proc"):
        self._path = proc
        self._proc = os.open(proc, _FOLDER)
        try:
            self._counts = os.open("loadavg", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            self._counts = -1
        self._last = -1
        """The number that was given last at the look before."""
        self._listed = b""
        """What the kernel told when /proc was listed."""
        self._list_at = self._anyway_at = self._looked = self._stirred_at = 0.0
        self._said: dict[int, int] = {}
        self._young: dict[int, tuple[float, float]] = {}
        """Since when a new process is known, and when it is asked again."""
        self._turns: deque[int] = deque()
        """All processes, the next to be asked first."""
        self._own: set[int | None] = set()
        self._there: dict[int, tuple[int, ...]] = {}
        self._known: dict[int, Namespace] = {}
        self._unsettled = 0.0
        """Until when a home may be another one."""
        self._homes: dict[int, tuple[tuple[int, ...], float, Home]] = {}
        """Of a namespace: the processes by which it is known, since when, and who lives there."""

    def close(self) -> None:
        for fd in (self._proc, self._counts):
            if fd >= 0:
                os.close(fd)
        self._proc = self._counts = -1

    def somebody_left(self) -> None:
        """A process was not there any more when it was needed: see at the next look who else."""
        self._list_at = self._anyway_at = 0.0

    def expect(self, pids: Iterable[int], now: float) -> None:
        """These are about to move into a namespace of their own: ask them at each look."""
        for pid in pids:
            if pid in self._young or pid in self._said:
                self._young[pid] = (now, now)

    def stirred(self, now: float) -> bool:
        """Whether processes came of late: what begins a container is mostly several."""
        return now - self._stirred_at < YOUNG

    def look(self, now: float) -> dict[int, Namespace]:
        """The namespaces other than the machine's and the agent's own, by number; the same dict as before when nothing
        is new. `now`: steady seconds."""
        changed = self._come_and_gone(now)
        joined = set()
        for pid in self._due(now):
            if self._ask(pid):
                changed = True
                joined.add(self._said.get(pid, 0))
        # a number is given anew as soon as it is free: those by whom it was known may have left a moment ago
        for pid in [pid for number in joined & self._there.keys() for pid in self._there[number]]:
            changed |= self._ask(pid)
        if changed:
            self._there = residents(self._said, self._own)
            for number in self._homes.keys() - self._there.keys():
                del self._homes[number]
        if changed or now < self._unsettled:
            self._known = {number: Namespace(number, pids, self._home(number, pids, now))
                           for number, pids in self._there.items()}
        return self._known

    def _come_and_gone(self, now: float) -> bool:
        """See who is new, and now and then who is not there any more; returns whether anybody left."""
        # "0.20 0.18 0.12 1/80 11206": the tasks that there are, and the last number that was given
        found = _COUNTS.search(os.pread(self._counts, 128, 0)) if self._counts >= 0 else None
        told = found[0] if found else b""
        before, self._last = self._last, int(found[1]) if found else -1
        new = range(before + 1, self._last + 1)
        if self._last != before or not told:
            self._stirred_at = now
        if (told and before >= 0 and self._last >= before and len(new) <= PROBED
                and (now < self._list_at or told == self._listed) and now < self._anyway_at):
            for pid in new:
                if namespace_of(pid, self._proc) is not None:
                    self._young[pid] = (now, now)
                    self._turns.append(pid)
            return False
        self._listed, self._list_at, self._anyway_at = told, now + LIST, now + LIST_ANYWAY
        return self._list(now)

    def _list(self, now: float) -> bool:
        pids = {int(name) for name in os.listdir(self._path) if name.isdigit()}
        known = set(self._turns)
        new = sorted(pids - known)
        self._young.update(dict.fromkeys(new, (now, now)))
        self._turns.extend(new)
        gone = known - pids  # threads among them: they have numbers, and are in no list
        if gone:
            self._turns = deque(pid for pid in self._turns if pid in pids)
            for pid in gone:
                self._young.pop(pid, None)
                self._said.pop(pid, None)
        self._own = {namespace_of(1, self._proc), namespace_of("self", self._proc)}
        return bool(gone)

    def _due(self, now: float) -> list[int]:
        """Whom to ask: who is new, and the next of the others."""
        due = [pid for pid, (_, at) in self._young.items() if now >= at]
        for pid in due:
            since, _ = self._young[pid]
            if now - since >= YOUNG:
                del self._young[pid]
            else:
                self._young[pid] = (since, now + (now - since))
        turns = int(len(self._turns) * min(1.0, (now - self._looked) / ROUND))
        if turns:
            self._looked = now
        for _ in range(turns):
            due.append(self._turns[0])
            self._turns.rotate(-1)
        return due

    def _ask(self, pid: int) -> bool:
        """Returns whether it says something new."""
        before, number = self._said.get(pid), namespace_of(pid, self._proc)
        if number is not None and number == before:
            return False
        if number is None or (number not in self._own and not self._is_process(pid)):
            self._young.pop(pid, None)  # it has ended, or nobody may ask it
            return self._said.pop(pid, None) is not None
        self._said[pid] = number
        return True

    def _is_process(self, pid: int) -> bool:
        """And no thread of one: those have numbers in /proc too."""
        told = self._read(pid, "status", MAX_STATUS_BYTES)
        found = _GROUP.search(told) if told else None
        return found is not None and int(found[1]) == pid

    def _home(self, number: int, pids: tuple[int, ...], now: float) -> Home:
        """Asked again while it is new: an engine may move the first process into its control group a moment later. What
        is known of a number is nothing worth when none of its processes is left."""
        by, since, home = self._homes.get(number, ((), now, Home()))
        if not set(by) & set(pids):
            since, home = now, Home()
        self._unsettled = max(self._unsettled, since + YOUNG)
        if by[:1] != pids[:1] or now - since < YOUNG:
            if (told := self._cgroup(pids[0])) is not None and (found := home_of(told)) != Home():
                home = found
        self._homes[number] = (pids, since, home)
        return home

    def _cgroup(self, pid: int) -> str | None:
        told = self._read(pid, "cgroup", MAX_CGROUP_BYTES)
        return None if told is None else cgroup_of(told.decode("utf-8", "backslashreplace"))

    def _read(self, pid: int, name: str, most: int) -> bytes | None:
        try:
            fd = os.open(f"{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return None
        try:
            return os.read(fd, most)
        except OSError:
            return None
        finally:
            os.close(fd)
