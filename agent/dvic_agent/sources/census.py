"""Which processes live in which mount namespace, asked of /proc again and again at little cost.

Looking for new processes is one listing of /proc. What a process said is believed for FULL seconds; a new one is asked
at each look for as long, because a container's first process moves into its namespace a moment after it began.
"""

import os
import re

from .namespaces import Home, Namespace, cgroup_of, home_of, residents

FULL = 2.0
"""Seconds after which every process is asked again."""

MAX_CGROUP_BYTES = 16 * 1024
"""Bytes read of /proc/PID/cgroup."""

_NUMBER = re.compile(r"mnt:\[(\d{1,20})\]")


def namespace_of(pid: int | str, folder: int | None = None) -> int | None:
    """The number of a process's mount namespace, None when that is not told. `pid`: its folder in /proc, or "." where
    `folder` is a descriptor of it."""
    try:
        found = _NUMBER.fullmatch(os.readlink(f"{pid}/ns/mnt", dir_fd=folder))
    except OSError:
        return None
    return int(found[1]) if found else None


class Census:
    """`proc`: where /proc is mounted. Used by one thread."""

    def __init__(self, proc: str = "/proc"):
        self._proc = proc
        self._said: dict[int, int] = {}
        self._since: dict[int, float] = {}
        self._homes: dict[int, tuple[int, float, Home]] = {}
        """Of a namespace: the process by which it is known, since when, and who lives there."""
        self._full_at = 0.0

    def look(self, now: float) -> dict[int, Namespace]:
        """The namespaces other than the machine's and the agent's own, by number. `now`: steady seconds."""
        full = now >= self._full_at
        if full:
            self._full_at = now + FULL
        pids = {int(name) for name in os.listdir(self._proc) if name.isdigit()}
        for pid in self._since.keys() - pids:
            del self._since[pid]
            self._said.pop(pid, None)
        for pid in pids:
            if now - self._since.setdefault(pid, now) < FULL or full:
                self._ask(pid)
        own = {self._said.get(1), self._said.get(os.getpid())}
        there = residents(self._said, own)
        for number in self._homes.keys() - there.keys():
            del self._homes[number]
        return {number: Namespace(number, pids, self._home(number, pids[0], now)) for number, pids in there.items()}

    def _ask(self, pid: int) -> None:
        number = namespace_of(f"{self._proc}/{pid}")
        if number is None:
            self._said.pop(pid, None)  # it has ended, or nobody may ask it
        else:
            self._said[pid] = number

    def _home(self, number: int, pid: int, now: float) -> Home:
        """Asked again while it is new: an engine may move the first process into its control group a moment later."""
        by, since, home = self._homes.get(number, (0, now, Home()))
        if by != pid or now - since < FULL:
            if (told := self._cgroup(pid)) is not None and (found := home_of(told)) != Home():
                home = found
            self._homes[number] = (pid, since, home)
        return home

    def _cgroup(self, pid: int) -> str | None:
        try:
            with open(f"{self._proc}/{pid}/cgroup", "rb", buffering=0) as file:
                return cgroup_of(file.read(MAX_CGROUP_BYTES).decode("utf-8", "backslashreplace"))
        except OSError:
            return None
