"""The command of a run: whose it is, what it is started with, and the moment of starting it.

The child of `start` gives up everything that the recorder has before it executes anything: its own session, default
signals, no inherited descriptors, the user's groups, group and user. Whatever fails on the way is told to the parent
over a pipe that closes itself when the execution succeeds.
A script is never written where it could be changed or not be executed: it is an anonymous file in memory, read through
/proc/self/fd by the interpreter that its #! line names.
"""

import fcntl
import grp
import json
import os
import pwd
import resource
import signal
import termios
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvic_wire.runs import RunSpec

from .errors import Refusal, StartFailed

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RUN_VARIABLE = "DVIC_RUN"
"""Environment variable of every run's processes: the run's id. The sweep finds orphans by it."""


@dataclass(frozen=True)
class Account:
    """Who a run runs as. `groups` are all of the user's; `switch`: root has to become this user first."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    shell: str
    switch: bool


def resolve_account(name: str) -> Account:
    """The account of that name, "" being our own user; raises Refusal for an unknown one or one we can't become."""
    own = os.geteuid()
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(own)
    except KeyError:
        if name:
            raise Refusal("user", f"there is no user {name} on this machine") from None
        return Account(str(own), own, os.getegid(), (os.getegid(),), "/", "/bin/sh", False)
    if own not in (0, entry.pw_uid):
        raise Refusal("user", f"the executor runs as user {_name_of(own)} and can't become {name}: start it as root")
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir or "/", entry.pw_shell or "/bin/sh",
                   own == 0)


def become(account: Account) -> None:
    """As root, become that user for good. Raises OSError."""
    os.setgroups(account.groups)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def environment(run: str, account: Account, spec: RunSpec) -> dict[str, str]:
    """What the command sees: a login's usual variables, then what was asked for; nothing of the executor's own."""
    return {"PATH": SEARCH_PATH, "HOME": account.home, "USER": account.name, "LOGNAME": account.name,
            "SHELL": account.shell, "LANG": "C.UTF-8", **dict(spec.env), RUN_VARIABLE: run}


def script_argv(script: str, path: str, arguments: tuple[str, ...]) -> list[str]:
    """How a script lying at `path` is started: by its #! line, as the kernel would, or by /bin/sh."""
    first = script.split("\n", 1)[0]
    interpreter = first[2:].strip().split(None, 1) if first.startswith("#!") else []
    return [*(part.strip() for part in interpreter or ["/bin/sh"]), path, *arguments]


class Started:
    """A running command: its pid and the reading ends of its pipes (not blocking)."""

    def __init__(self, pid: int, out: int, err: int):
        self.pid = pid
        self.out = out
        self.err = err


def start(run: str, spec: RunSpec, account: Account, limit_memory: bool, stdin: int = -1) -> Started:
    """Start the command; raises StartFailed that says what failed. `limit_memory`: by setrlimit (no cgroup does it).
    `stdin`: a descriptor in the place of the spec's text; it is closed here."""
    stdin = stdin if stdin >= 0 else _memory_file("stdin", spec.stdin)
    script = _memory_file("script", spec.script) if spec.script else -1
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    report, report_end = os.pipe()
    for handle in (out_end, err_end):
        os.fchown(handle, account.uid, account.gid)  # so that /dev/stdout and /dev/stderr can be opened
    argv = script_argv(spec.script, f"/proc/self/fd/{script}", spec.argv) if spec.script else list(spec.argv)
    # Until the child has default handlers a SIGTERM waits, or it would end in a handler that is not the child's.
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid == 0:
        _become_command(argv, spec, account, environment(run, account, spec),
                        (stdin, out_end, err_end, report_end, script), spec.memory if limit_memory else 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, usual)
    for handle in (stdin, script, out_end, err_end, report_end):
        if handle >= 0:
            os.close(handle)
    with os.fdopen(report, "rb") as file:
        problem = file.read()
    if problem:
        os.waitpid(pid, 0)
        os.close(out)
        os.close(err)
        raise StartFailed(json.loads(problem))
    os.set_blocking(out, False)
    os.set_blocking(err, False)
    return Started(pid, out, err)


def start_in_terminal(run: str, spec: RunSpec, account: Account, limit_memory: bool, master: int, slave: int,
                      login: bool) -> Started:
    """Start the command on a terminal that becomes its controlling one; `slave` is closed here. `login`: it is a shell
    that shall behave as after a login. Raises StartFailed. What is returned has `master` as its output."""
    with suppress(OSError):  # who is not root owns it already
        os.fchown(slave, account.uid, _terminal_group(account))
        os.fchmod(slave, 0o620)
    report, report_end = os.pipe()
    variables = {**environment(run, account, spec), "TERM": "xterm-256color"}
    argv = [f"-{os.path.basename(spec.argv[0])}"] if login else list(spec.argv)
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid == 0:
        _become_command(argv, spec, account, variables, (slave, slave, slave, report_end, -1),
                        spec.memory if limit_memory else 0, spec.argv[0], True)
    signal.pthread_sigmask(signal.SIG_SETMASK, usual)
    os.close(slave)
    os.close(report_end)
    with os.fdopen(report, "rb") as file:
        problem = file.read()
    if problem:
        os.waitpid(pid, 0)
        raise StartFailed(json.loads(problem))
    return Started(pid, master, -1)


def _terminal_group(account: Account) -> int:
    try:
        return grp.getgrnam("tty").gr_gid
    except KeyError:
        return account.gid


def _memory_file(name: str, text: str) -> int:
    handle = os.memfd_create(f"dvic-{name}", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _become_command(argv: list[str], spec: RunSpec, account: Account, variables: dict[str, str],
                    handles: tuple[int, int, int, int, int], memory: int, program: str = "",
                    terminal: bool = False) -> None:
    """In the child: never returns. `program`: what is executed, where argv[0] says something else; `terminal`: stdin
    is one, and becomes the controlling one."""
    stdin, out, err, report, script = handles
    step = "the command could not be prepared"
    try:
        os.setsid()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2:
                _close_on_exec(int(name), int(name) != script)
        for handle, number in ((stdin, 0), (out, 1), (err, 2)):
            os.dup2(handle, number)
        if terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.umask(0o022)
        Path("/proc/self/oom_score_adj").write_text("0")
        if account.switch:
            step = f"it could not become user {account.name}"
            become(account)
        step = f"the working directory {spec.cwd or account.home} can't be entered"
        enter(spec.cwd, account.home)
        step = f"{program or argv[0]} can't be executed"
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.execvpe(program or argv[0], argv, variables)  # noqa: S606 (no shell, on purpose)
    except BaseException as error:
        reason = error.strerror if isinstance(error, OSError) else repr(error)
        os.write(report, json.dumps(f"{step}: {reason}").encode())
    finally:
        os._exit(127)


def _close_on_exec(handle: int, closes: bool) -> None:
    try:
        os.set_inheritable(handle, not closes)
    except OSError:
        pass  # the directory's own descriptor is gone already


def enter(wanted: str, home: str) -> None:
    """Go to the directory asked for; a home that can't be entered is only a default, so / takes its place."""
    if wanted:
        os.chdir(wanted)
        return
    try:
        os.chdir(home)
    except OSError:
        os.chdir("/")
