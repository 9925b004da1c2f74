"""What the kernel tells everybody of a process (proc(5)): two small files each, so that a thousand cost little."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """`ticks`: when it started, in the kernel's own count, which no clock change moves. `cpu`: seconds used so far.
    `memory`: resident bytes."""

    pid: int
    ticks: int
    cpu: float
    memory: int

    def started(self, boot_time: int) -> int:
        """Microseconds since 1970, by the machine's clock as it is now."""
        return boot_time + self.ticks * 1_000_000 // _TICK


def look(pid: int, proc: Path = PROC) -> Process | None:
    """The process, None when there is none (or only its zombie)."""
    try:
        # the name in parentheses may hold anything, parentheses too
        fields = (proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        if fields[0] in (b"Z", b"X"):
            return None
        return Process(pid, int(fields[19]), (int(fields[11]) + int(fields[12])) / _TICK, int(fields[21]) * _PAGE)
    except (OSError, ValueError, IndexError):
        return None


def owners(pid: int, proc: Path = PROC) -> frozenset[int]:
    """Real and effective user of a process; empty when there is none."""
    try:
        for line in (proc / str(pid) / "status").read_bytes().splitlines():
            if line.startswith(b"Uid:"):
                return frozenset(int(uid) for uid in line.split()[1:3])
    except (OSError, ValueError):
        pass
    return frozenset()


def boot_time(proc: Path = PROC) -> int:
    """When the machine started, microseconds since 1970 by its clock as it is now; 0 when that is not told."""
    try:
        for line in (proc / "stat").read_bytes().splitlines():
            if line.startswith(b"btime "):
                return int(line.split()[1]) * 1_000_000
    except (OSError, ValueError):
        pass
    return 0
