"""The processes of a trial, and their end: none of them, nor anything that they started, outlives it.

- Each is started in a session of its own, so that a Ctrl-C reaches only us and the order of the end is ours.
- We are the subreaper of all descendants (prctl(2)): what a child leaves behind becomes ours, and is found and ended.
- If we are killed ourselves the kernel sends each child SIGTERM (PR_SET_PDEATHSIG).
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

PATIENCE = 8.0
"""Seconds that a process gets to end by itself."""

MAX_LOG = 10 * 1024 * 1024
"""Bytes of a log at which it begins anew, at the next start."""

_libc = ctypes.CDLL(None, use_errno=True)


class Family:
    """Children by name, in the order in which they were started."""

    def __init__(self, logs: Path):
        self._logs = logs
        self._children: dict[str, subprocess.Popen] = {}
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(self, name: str, argv: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen:
        """Start a program whose output is added to `<logs>/<name>.log`."""
        path = self.log(name)
        keep = path.exists() and path.stat().st_size < MAX_LOG
        with path.open("ab" if keep else "wb") as output:
            return self._start(name, argv, environ, output)

    def start_in_view(self, name: str, argv: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen:
        """Start a program whose output goes to our terminal."""
        return self._start(name, argv, environ, None)

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def started(self) -> bool:
        """Whether anything of it was started and is not forgotten."""
        return bool(self._children)

    def ended(self) -> str:
        """The name of a child that has ended, "" while all go on."""
        return next((name for name, child in self._children.items() if child.poll() is not None), "")

    def forget(self, name: str) -> None:
        """A child that was meant to end has ended."""
        self._children.pop(name).wait()

    def end(self) -> None:
        """End all, the last started first; returns when nothing of the family is left."""
        for child in reversed(self._children.values()):
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
        for number, patience in ((signal.SIGTERM, PATIENCE / 2), (signal.SIGKILL, PATIENCE)):
            if _end_descendants(number, patience):
                return

    def _start(self, name, argv, environ, output) -> subprocess.Popen:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT if output else None, env=environ, start_new_session=True,
                                 preexec_fn=_die_with_parent)
        self._children[name] = child
        return child


def descendants(top: int) -> set[int]:
    """Every process below `top`, by /proc."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                stat = Path("/proc", entry, "stat").read_bytes()
                # the name in parentheses may hold anything, so count from its end
                parents[int(entry)] = int(stat[stat.rindex(b")") + 2:].split()[1])
    found: set[int] = set()
    while grown := {pid for pid, parent in parents.items() if parent in found | {top}} - found:
        found |= grown
    return found


def _end_descendants(number: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        _reap()
        left = descendants(os.getpid())
        if not left:
            return True
        if time.monotonic() > deadline:
            return False
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        time.sleep(0.05)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
