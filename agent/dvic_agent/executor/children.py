"""Runs as child processes, for machines where systemd is not pid 1 (a container, a trial run) or we are not root.

    serve -> (forks twice, leaves the session) -> supervisor -> recorder -> command and all that comes from it

- Supervisor and recorder are both subreapers (prctl(2)), so a process that forks twice or opens a session of its own
  stays below them and is ended with the rest.
- Either may be killed: the supervisor outlives a killed recorder and ends the run; a recorder whose supervisor was
  killed ends the tree and the run itself; when both were, the next sweep finds the orphans by DVIC_RUN.
- `control` is a FIFO: a byte in it asks the supervisor to end the run. No pid is kept that another could take over.
- Memory is limited by setrlimit, so for each process alone; cpu shares are not limited here.
"""

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from . import tree
from .backend import write_end
from .command import RUN_VARIABLE
from .ending import TIMEOUT
from .errors import StartFailed
from .recording import record
from .rundir import RunDir

STOPPED = "stopped"
SUPERVISOR_KILLED = "supervisor killed"

_POLL_SECONDS = 0.05


class ChildrenBackend:
    """See backend.Backend."""

    name = "children"

    def start(self, run: RunDir) -> None:
        os.mkfifo("control", 0o600, dir_fd=run.handle)
        control = run.open("control", os.O_RDWR | os.O_NONBLOCK)
        timeout = run.request()["spec"].get("timeout", 300)
        try:
            pid = os.fork()
        except OSError as error:
            raise StartFailed(f"the machine can't start processes: {error.strerror}") from None
        if pid == 0:
            _detached(lambda: supervise(run, control, timeout), keep={run.handle, run.lock, control})
        os.close(control)
        if os.waitpid(pid, 0)[1] != 0:
            raise StartFailed("the machine can't start processes")

    def start_update(self, run: RunDir) -> None:
        raise StartFailed("an update needs systemd as pid 1")

    def stop(self, run: RunDir) -> None:
        with suppress(OSError):  # ENXIO: nobody reads, so nothing is left to end
            control = run.open("control", os.O_WRONLY | os.O_NONBLOCK)
            os.write(control, b"x")
            os.close(control)

    def alive(self, run: RunDir) -> bool:
        return run.held()

    def clear(self, run: RunDir) -> None:
        tree.kill_all(lambda: tree.with_variable(RUN_VARIABLE, run.run))


def supervise(run: RunDir, control: int, timeout: int) -> None:
    """Keep one run from its start to its end record. `timeout` in seconds."""
    tree.become_subreaper()
    deadline = time.monotonic() + timeout
    keeper, own_end = os.pipe()
    recorder = os.fork()
    if recorder == 0:
        os.close(own_end)
        os.close(control)
        _record(run, keeper)
    os.close(keeper)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    watched = os.pidfd_open(recorder)
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    poll.register(control, select.POLLIN)
    result = "success"
    ready: set[int] = set()
    while not ready and time.monotonic() < deadline:
        left = max(0.0, deadline - time.monotonic())
        ready = {handle for handle, _ in poll.poll(min(left, 3600) * 1000)}
    if watched not in ready:
        result = STOPPED if control in ready else TIMEOUT
        _ask_to_end(recorder, watched)
    status = os.waitpid(recorder, 0)[1]
    if os.WIFSIGNALED(status) and result == "success":
        result = f"signal {os.WTERMSIG(status)}"
    tree.reap()
    note = "" if tree.end_all(_below) else "some of its processes could not be ended"
    write_end(run, result, note)


def _record(run: RunDir, keeper: int) -> None:
    """The recorder's process: never returns."""
    try:
        tree.become_subreaper()
        if record(run, limit_memory=True, keeper=keeper):
            tree.kill_all(_below)
            write_end(run, SUPERVISOR_KILLED)
    finally:
        os._exit(0)


def _ask_to_end(recorder: int, watched: int) -> None:
    """SIGTERM to the whole tree, the recorder first; after the grace SIGKILL to all but the recorder, which then still
    writes down the last words; it goes too when it does not end."""
    signal.pidfd_send_signal(watched, signal.SIGTERM)
    for process in _below():
        if process.pid != recorder:
            tree.send(process, signal.SIGTERM)
    if _ends(watched, tree.KILL_GRACE):
        return
    deadline = time.monotonic() + tree.KILL_GRACE
    while not _ends(watched, _POLL_SECONDS) and time.monotonic() < deadline:
        for process in _below():
            if process.pid != recorder:
                tree.send(process, signal.SIGKILL)
    if not _ends(watched, 0):
        signal.pidfd_send_signal(watched, signal.SIGKILL)


def _ends(watched: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _below() -> list[tree.Process]:
    return tree.descendants(os.getpid())


def _detached(work: Callable[[], None], keep: set[int]) -> None:
    """In a fork: become a daemon that holds nothing of the caller but `keep`, do the work. Never returns."""
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open("/dev/null", os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) not in keep:
                with suppress(OSError):
                    os.close(int(name))
        os.chdir("/")
        signal.alarm(0)
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)
