"""A process and everything that came from it, however often it forked and whatever session it moved to.

A subreaper (prctl(2)) inherits the orphans among its descendants, so nothing leaves the tree by forking twice. Signals
go through pidfds that are checked against the start time read before: none meets a process that took over a pid.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36

KILL_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL, in both backends."""

KILL_PATIENCE = 10.0
"""Seconds after which processes that survive SIGKILL (another user's, stuck in the kernel) are left alone."""

_POLL = 0.02


@dataclass(frozen=True)
class Process:
    """`started`: clock ticks since boot, which with the pid names a process for good."""

    pid: int
    parent: int
    started: int


def become_subreaper() -> None:
    """From now on orphaned descendants become our children. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def read_process(pid: int) -> Process | None:
    """None when there is no such process, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] in (b"Z", b"X") and not _has_threads(pid):
        return None
    return Process(pid, int(fields[1]), int(fields[19]))


def seconds_since_start() -> float:
    """How long this very process exists, seconds."""
    own = read_process(os.getpid())
    ticks = own.started if own else 0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def memory_is_limited() -> bool:
    """Whether our own cgroup has a memory limit (cgroups(7): version 2, or the memory controller of version 1)."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        try:
            if not controllers and Path(f"/sys/fs/cgroup{path}/memory.max").read_text().strip() != "max":
                return True
            if "memory" in controllers.split(","):
                limit = Path(f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes").read_text()
                return int(limit) < 1 << 60
        except OSError:
            continue
    return False


def descendants(root: int) -> list[Process]:
    """Every living process below `root`, without itself. A zombie's children are seen: they have a new parent."""
    children: dict[int, list[Process]] = {}
    for process in _all():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        below = children.pop(waiting.pop(), [])
        found.extend(below)
        waiting.extend(process.pid for process in below)
    return found


def with_variable(name: str, value: str) -> list[Process]:
    """Processes that were started with name=value in their environment (a hint: a process may change it)."""
    wanted = b"\0" + f"{name}={value}".encode() + b"\0"
    found = []
    for process in _all():
        try:
            if wanted in b"\0" + Path(f"/proc/{process.pid}/environ").read_bytes():
                found.append(process)
        except OSError:
            continue
    return found


def send(process: Process, number: int) -> None:
    """Signal exactly this process; nothing happens when it is gone or not ours to signal."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        now = read_process(process.pid)
        if now is not None and now.started == process.started:
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass
    finally:
        os.close(handle)


def reap() -> dict[int, int]:
    """Collect every child that has ended: pid to wait status."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def kill_all(members: Callable[[], list[Process]], patience: float = KILL_PATIENCE) -> bool:
    """SIGKILL to all that `members` finds, again and again until it finds none (new forks too); reaps our children.

    False when something was still alive after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while left := members():
        for process in left:
            send(process, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
        reap()
    return True


def end_all(members: Callable[[], list[Process]], grace: float = KILL_GRACE) -> bool:
    """SIGTERM to all that `members` finds, after `grace` seconds kills; reaps our children."""
    for process in members():
        send(process, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while members() and time.monotonic() < deadline:
        time.sleep(_POLL)
        reap()
    return kill_all(members)


def in_own_cgroup(name: str) -> list[Process]:
    """Every living process of our own cgroup and those below it, without us; none when it is not called `name`."""
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        place = {"": "", "name=systemd": "systemd"}.get(controllers)
        if place is None or Path(path).name != name:
            continue
        for file in Path("/sys/fs/cgroup", place, path.lstrip("/")).rglob("cgroup.procs"):
            found += [int(pid) for pid in file.read_text().split()]
    return [process for pid in set(found) - {os.getpid()} if (process := read_process(pid))]


def _has_threads(pid: int) -> bool:
    """A process whose first thread has ended looks like a zombie while its other threads go on."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def _all() -> list[Process]:
    return [process for name in os.listdir("/proc") if name.isdigit() and (process := read_process(int(name)))]
