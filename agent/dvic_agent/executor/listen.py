"""The executor as a server of its own, where no systemd listens for it: a Unix socket, one forked process a request.

The socket is for the agent's group alone (0660). No more than MAX_PROCESSES requests are under way at a time; others
wait in the kernel's queue. Runs that were started live on when the server ends, unless it was told to end them.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from . import tree
from .backend import Backend
from .errors import ExecutorError, Refusal
from .policy import Policy, load_policy
from .rundir import StateDir
from .serve import Executor, handle
from .sweep import drop_old_ids, sweep, wait_until_idle

MAX_PROCESSES = 32
"""Requests answered at the same time."""

REQUEST_LIFE_SECONDS = 120
"""After this long a process that answers one request gives up, whatever it waits for."""

SWEEP_SECONDS = 30
"""How often runs are looked at whose keepers may have been killed together."""


def answer_one(connection: socket.socket, config_dir: Path, state: StateDir, backend: Backend) -> None:
    """Serve one connection, for a bounded time."""
    signal.alarm(REQUEST_LIFE_SECONDS)
    handle(connection, Executor(config_dir, state, backend).answer)


def sweep_all(state: StateDir, backend: Backend, config_dir: Path) -> int:
    """`dvic-executor sweep`; returns the exit code."""
    try:
        keep_days = load_policy(config_dir).keep_days
    except Refusal:
        keep_days = Policy().keep_days  # a damaged policy starts nothing, but what has run still ends
    with state.deciding():
        sweep(state, backend, keep_days * 86400)
        drop_old_ids(state, time.time())
    return 0


class Listener:
    """The accept loop. `path` of the socket; its directory must exist."""

    def __init__(self, path: Path, config_dir: Path, state: StateDir, backend: Backend):
        self._path = path
        self._config_dir = config_dir
        self._state = state
        self._backend = backend
        self._children: set[int] = set()
        self._stopping = False

    def run(self, end_runs: bool) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit code. Raises ExecutorError when the socket is in use."""
        server = self._bind()
        wake, woken = socket.socketpair()
        for end in (wake, woken, server):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        next_sweep = 0.0
        try:
            while not self._stopping:
                if time.monotonic() >= next_sweep:
                    self._fork(lambda: sweep_all(self._state, self._backend, self._config_dir), server)
                    next_sweep = time.monotonic() + SWEEP_SECONDS
                room = [server] if len(self._children) < MAX_PROCESSES else []
                ready, _, _ = select.select([wake, *room], [], [], max(0.0, next_sweep - time.monotonic()))
                if wake in ready:
                    wake.recv(4096)
                self._children -= tree.reap().keys()
                if server in ready:
                    self._accept(server)
        finally:
            self._path.unlink(missing_ok=True)
            server.close()
        return self._end_runs() if end_runs else 0

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _accept(self, server: socket.socket) -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return  # the client is gone already, or no descriptors are left: the next turn tries again
        with connection:
            connection.setblocking(True)
            self._fork(lambda: answer_one(connection, self._config_dir, self._state, self._backend), server)

    def _fork(self, work: Callable[[], object], server: socket.socket) -> None:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            server.close()
            work()
            code = 0
        except Exception as error:
            print(f"dvic-executor: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    def _bind(self) -> socket.socket:
        """The listening socket. It appears under its name, in place of a dead one, when it is ready for all."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(FileNotFoundError,
                                                                                  ConnectionRefusedError):
            probe.connect(str(self._path))
            raise ExecutorError(f"another executor serves {self._path}")
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(beside))
        os.chown(beside, -1, self._state.group)
        beside.chmod(0o660)
        server.listen(64)
        beside.rename(self._path)
        return server

    def _end_runs(self) -> int:
        for run in self._state.runs():
            with self._state.opened(run) as found:
                if found is not None and found.end() is None:
                    found.cancel("the executor was stopped")
                    self._backend.stop(found)
        return 0 if wait_until_idle(self._state, self._backend, 2 * tree.KILL_GRACE + tree.KILL_PATIENCE) else 1
