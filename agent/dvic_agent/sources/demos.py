"""The processes behind the log files: who wrote each file, whether it lives, what it uses.

A header only claims. It is followed when the process that it names belongs to the file's owner, and could have written
the file: it started before the header was written, or the file was written to since it started (a small board sets its
clock after its programs have started). Otherwise:

    alive        the claim holds: with cpu (percent of one core) and memory (bytes), told every period
    ended        there is no such process (any more), or its number is another one's by now; told when it changes
    unverified   there is one, but of another user, or the header does not say since when; nothing of it is told
    gone         the log file went away: the last word about it
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dvic_wire.streams import DEMOS

from ..clock import Clock
from .log_file import MAX_PATH_TEXT, LogFile
from .processes import PROC, Process, boot_time, look, owners
from .sampled import Sampled
from .text import printable

ALIVE, ENDED, UNVERIFIED, GONE = "alive", "ended", "unverified", "gone"

SLACK = 2_000_000
"""Microseconds by which a process may seem to have started after its own header: the kernel counts coarsely."""

IN_ONE_RECORD = 200
"""Processes told in one record."""


def judge(header: dict, uid: int, written: int, process: Process | None, users: frozenset[int],
          booted: int) -> str:
    """The state of the process that a header claims. `uid`: the file's owner; `written`: when the file was last written
    to; `users`: the process's; `booted`: when the machine started. Times in microseconds. Pure."""
    if process is None:
        return ENDED
    started = process.started(booted)
    if started > header.get("start", 0) + SLACK and started > written + SLACK:
        return ENDED
    if uid not in users or "start" not in header:
        return UNVERIFIED
    return ALIVE


@dataclass
class _Known:
    """What was told of a file's process, and what the next telling is calculated from."""

    claim: tuple
    demo: dict
    state: str
    since: int
    ticks: int = -1
    """Of a process whose claim was found to hold."""
    cpu: float = 0.0
    at: float = 0.0


class Demos(Sampled):
    """The source `demos`. `files` gives the log files that are there (LogFiles.files)."""

    def __init__(self, files: Callable[[], Iterable[LogFile]], folder: Path, *, period: float = 10.0,
                 room: int = 8 * 1024 * 1024, clock: Clock | None = None, proc: Path = PROC):
        clock = clock or Clock()
        super().__init__(DEMOS, self._records, folder, period=period, room=room, clock=clock)
        self._files = files
        self._proc = proc
        self._steady = clock.steady
        self._known: dict[str, _Known] = {}

    def set_period(self, seconds: float) -> None:
        """The hub's wish is for hardware; processes keep the period of the config."""

    def _records(self, now: int) -> list[dict]:
        booted = boot_time(self._proc)
        claims = self._claims()
        told: list[dict] = []
        for path in self._known.keys() - claims.keys():
            told.append({**self._known.pop(path).demo, "state": GONE, "since": now})
        for path, file in claims.items():
            told += self._look_at(path, file, now, booted)
        return [{"time": now, "demos": told[at:at + IN_ONE_RECORD]} for at in range(0, len(told), IN_ONE_RECORD)]

    def _claims(self) -> dict[str, LogFile]:
        """The files that name a process, by path. A program that rotates its file is told once, by the shorter name."""
        chosen: dict[tuple, LogFile] = {}
        for file in self._files():
            file.learn()
            if file.header is not None and "pid" in file.header:
                other = chosen.setdefault(_claim(file), file)
                if len(file.path) < len(other.path):
                    chosen[_claim(file)] = file
        return {printable(file.path, MAX_PATH_TEXT): file for file in chosen.values()}

    def _look_at(self, path: str, file: LogFile, now: int, booted: int) -> list[dict]:
        """What is to be told of one file: always of the living, of others when it is new."""
        known = self._known.get(path)
        if known and known.claim != _claim(file):
            known = None  # another program took the name
        pid = file.header["pid"]
        process = look(pid, self._proc)
        written = _written(file, now)
        if process and known and known.ticks == process.ticks:
            state = ALIVE  # the same process as before, whatever was done to the clock
        elif known and known.state == ENDED:
            state = ENDED  # a number that came back is another one's
        else:
            users = owners(pid, self._proc) if process else frozenset()
            state = judge(file.header, file.uid, written, process, users, booted)
        if known and state == known.state != ALIVE:
            return []
        if known is None or state != known.state:
            since = process.started(booted) if state == ALIVE and process else now if known else min(written, now)
            known = self._known[path] = _Known(_claim(file), _introduction(file, path), state, since)
        demo = {**known.demo, "state": state, "since": known.since}
        return [demo | self._use(known, process) if state == ALIVE and process else demo]

    def _use(self, known: _Known, process: Process) -> dict:
        """CPU since the look before, and memory."""
        at, known.at, before, known.cpu = self._steady(), self._steady(), (known.at, known.cpu), process.cpu
        use: dict = {"memory": process.memory}
        if known.ticks == process.ticks and at > before[0]:
            use["cpu"] = round(max(0.0, 100 * (process.cpu - before[1]) / (at - before[0])), 2)
        known.ticks = process.ticks
        return use


def _claim(file: LogFile) -> tuple:
    header = file.header
    return file.uid, header["pid"], header.get("start"), header.get("name")


def _introduction(file: LogFile, path: str) -> dict:
    claims = {name: file.header[name] for name in ("name", "pid", "executable", "user") if name in file.header}
    return {"file": path, **claims, "owner": file.about.get("owner", str(file.uid))}


def _written(file: LogFile, now: int) -> int:
    try:
        return int(os.lstat(file.path).st_mtime * 1e6)
    except OSError:
        return now
