"""Carries one run: starts its command with the user's rights, writes its output down, notes how it ended.

- output.jsonl gets `start`, then `out` and `err` in the order of time. The end record comes from whoever outlives this
  process (see ending.py), after outcome.json has told it what happened.
- The run is over when its own process has ended. What it left behind in the background is ended by the backend.
- SIGTERM only sets a mark: the command gets its own, and its last words are still written down.
- A disk without room costs output, which is counted as cut; it ends nothing.
"""

import fcntl
import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from dvic_wire.records import run_output, run_start
from dvic_wire.runs import RunSpec

from . import tree
from .answers import answer_input
from .command import Account, Started, resolve_account, start
from .ending import Outcome
from .errors import Refusal, StartFailed
from .pieces import Pieces
from .rundir import RunDir

READ_BYTES = 64 * 1024

KILL_AGAIN_SECONDS = 0.1
"""Between two rounds of SIGKILL, for what forks faster than it is killed."""


class Output:
    """The file of records: whole lines or nothing, times that never go back. `since`: time of the last record in it."""

    def __init__(self, run: RunDir, since: int = 0):
        self._handle = run.open("output.jsonl", os.O_WRONLY | os.O_APPEND)
        self._size = os.fstat(self._handle).st_size
        self._last = since

    def now(self) -> int:
        self._last = max(self._last, time.time_ns() // 1000)
        return self._last

    def write(self, record: dict) -> bool:
        """Append one record; False when there is no room for it (nothing of it is left then)."""
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
        with suppress(OSError):
            if os.write(self._handle, line) == len(line):
                self._size += len(line)
                return True
            os.ftruncate(self._handle, self._size)
        return False

    def sync(self) -> None:
        """Return when all of it is on the disk, or the disk has failed."""
        with suppress(OSError):
            os.fsync(self._handle)


class Recorder:
    """One command from its start to its outcome. `keeper`: a pipe that closes when the supervisor dies, -1: none.
    `others`: all of the run's processes save ourselves, where nobody but us kills those that ignore SIGTERM."""

    def __init__(self, run: RunDir, spec: RunSpec, keeper: int = -1,
                 others: Callable[[], list[tree.Process]] | None = None):
        self._run = run
        self._keeper = keeper
        self._others = others
        self._kill_at = float("inf")
        self._output = Output(run)
        self._pieces = Pieces(spec.output)
        self._cut = 0
        self._selector = selectors.DefaultSelector()
        self._status: int | None = None
        self._stopped = False
        self.orphaned = False
        """The supervisor died before the command ended."""

    def run(self, spec: RunSpec, limit_memory: bool) -> Outcome:
        """Start the command, follow it, return how it ended."""
        wake, woken = socket.socketpair()
        wake.setblocking(False)
        woken.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._told_to_stop)
        if self._stopped:
            return Outcome(stopped=True)
        try:
            account = resolve_account(spec.user)
            started = self._begin(spec, account, limit_memory)
        except (Refusal, StartFailed, OSError) as error:
            return Outcome(error=str(error), stopped=self._stopped)
        self._output.write(run_start(self._output.now(), started.pid, account.name))
        if self._stopped:  # told so before the command was there to be told
            os.kill(started.pid, signal.SIGTERM)
        self._follow(started, wake)
        return self._outcome()

    def _begin(self, spec: RunSpec, account: Account, limit_memory: bool) -> Started:
        return start(self._run.run, spec, account, limit_memory, answer_input(self._run))

    def _told_to_stop(self, *_: object) -> None:
        self._stopped = True

    def _follow(self, started: Started, wake: socket.socket) -> None:
        streams = {started.out: "out", started.err: "err"}
        for handle in (*streams, wake, *([self._keeper] if self._keeper >= 0 else [])):
            self._selector.register(handle, selectors.EVENT_READ)
        while self._status is None:
            self._mind_stopping()
            for key, _ in self._selector.select(self._patience()):
                if key.fd in streams:
                    self._read(key.fd, streams[key.fd], READ_BYTES)
                elif key.fd == self._keeper:
                    self._lost_supervisor()
                else:
                    wake.recv(4096)
            if self._pieces.due(time.monotonic()) == 0:
                self._keep(self._pieces.flush())
            self._status = tree.reap().get(started.pid, self._status)
        for handle, stream in streams.items():  # what the pipes still hold; a background process may go on for ever
            self._read(handle, stream, fcntl.fcntl(handle, fcntl.F_GETPIPE_SZ))
        self._keep(self._pieces.finish())

    def _patience(self) -> float | None:
        """Seconds until something is due though nothing happens, None: never."""
        now = time.monotonic()
        due = [self._pieces.due(now), max(0.0, self._kill_at - now) if self._others and self._stopped else None]
        return min((seconds for seconds in due if seconds is not None), default=None)

    def _mind_stopping(self) -> None:
        if self._stopped and self._kill_at == float("inf"):
            self._kill_at = time.monotonic() + tree.KILL_GRACE
            # We may be killed too: what is known by now is for whoever writes the end.
            note_outcome(self._run, Outcome(stopped=True, seconds=tree.seconds_since_start(), cut=self._all_cut()))
        if self._others and time.monotonic() >= self._kill_at:
            for process in self._others():
                tree.send(process, signal.SIGKILL)
            self._kill_at = time.monotonic() + KILL_AGAIN_SECONDS

    def _read(self, handle: int, stream: str, most: int) -> None:
        while most > 0:
            try:
                data = os.read(handle, min(most, READ_BYTES))
            except BlockingIOError:
                return
            if not data:
                with suppress(KeyError):
                    self._selector.unregister(handle)
                return
            self._keep(self._pieces.feed(stream, data, time.monotonic()))
            most -= len(data)

    def _keep(self, pieces: Iterable[tuple[str, bytes]]) -> None:
        for stream, data in pieces:
            if not self._output.write(run_output(self._output.now(), stream, data)):
                self._cut += len(data)

    def _lost_supervisor(self) -> None:
        """The supervisor was killed: nobody is left who could end the tree, so it ends here and now."""
        self._selector.unregister(self._keeper)
        self.orphaned = self._stopped = True
        for process in tree.descendants(os.getpid()):
            tree.send(process, signal.SIGKILL)

    def _outcome(self) -> Outcome:
        code = os.waitstatus_to_exitcode(self._status)
        return Outcome(exit_code=max(code, -1), signal=max(-code, 0), stopped=self._stopped,
                       seconds=tree.seconds_since_start(), cut=self._all_cut())

    def _all_cut(self) -> int:
        return self._pieces.cut + self._cut


def note_outcome(run: RunDir, outcome: Outcome) -> None:
    """Write it down for whoever writes the end; on a full disk the end is decided without it."""
    with suppress(OSError):
        run.write("outcome.json", json.dumps(outcome.to_json()).encode())
