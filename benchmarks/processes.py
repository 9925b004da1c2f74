"""Start programs for a benchmark, weigh them, stop them by their pid.

Memory is PSS (`/proc/PID/smaps_rollup`): each shared page counts by its share, so mapped journal files and libraries
are not counted against whoever maps them. CPU is the kernel's own count of a whole process tree (`/proc/PID/stat`).
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Program:
    """A started program; `name` is for tables."""

    name: str
    process: subprocess.Popen

    @property
    def tree(self) -> list[int]:
        """Its pid and those of all its descendants."""
        return [self.process.pid, *_descendants(self.process.pid)]

    def pss(self) -> int:
        """Bytes of the whole tree."""
        return sum(_rollup(pid, "Pss:") for pid in self.tree)

    def private(self) -> int:
        """Bytes that only this tree holds."""
        return sum(_rollup(pid, "Private_Clean:") + _rollup(pid, "Private_Dirty:") for pid in self.tree)

    def cpu(self) -> float:
        """Seconds of CPU so far, waited-for children included."""
        return sum(_cpu_ticks(pid) for pid in self.tree) / TICKS

    def stop(self) -> None:
        """SIGTERM to its group, then SIGKILL."""
        for sign, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            if self.process.poll() is not None:
                return
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def start(name: str, argv: Sequence[str | Path], *, core: int | None = None, log: Path | None = None,
          env: dict[str, str] | None = None, cwd: Path | None = None) -> Program:
    """Start `argv` in a session of its own, pinned to `core` where one is given; its output goes to `log`."""
    command = [str(part) for part in argv]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    with open(log, "ab") if log else open(os.devnull, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                                   env={**os.environ, **(env or {})}, cwd=cwd)
    return Program(name, process)


def need(program: str, package: str) -> str:
    """The path of a peer's program; SystemExit that says how to install it."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin:/lib/systemd:/usr/lib/systemd")
    if not found:
        raise SystemExit(f"{program} is missing: install/test.sh --peers installs it (Debian package {package})")
    return found


def free_port(below: int = 32768) -> int:
    """A TCP port of 127.0.0.1 that nothing listens on, under the ephemeral range (some programs take no other)."""
    for port in random.sample(range(20000, below), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise SystemExit("no free TCP port below the ephemeral range")


def wait_for_port(port: int, program: Program, patience: float = 60) -> None:
    """Until something listens; SystemExit when the program ended instead."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if program.process.poll() is not None:
            raise SystemExit(f"{program.name} ended with {program.process.returncode} before it listened")
        time.sleep(0.1)
    raise SystemExit(f"{program.name} did not listen on port {port} within {patience:.0f} s")


def machine() -> str:
    """The machine in one line, for the tables."""
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), os.uname().machine)
    system = next((line.partition("=")[2].strip('"') for line in Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("PRETTY_NAME=")), "Linux")
    return f"{os.cpu_count()} cores of {model}, {system}, Linux {os.uname().release}"


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in map(int, task.read_text().split()):
                found += [child, *_descendants(child)]
        except (OSError, ValueError):
            continue
    return found


def _rollup(pid: int, key: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))
