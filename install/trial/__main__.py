"""Run DVIC on this machine until Ctrl-C. Started by install/try.sh, which made the virtual environment.

(With --join TOKEN: one more node, see joining.py.)

In this order: hub, sign-in, enrolment, executor, agent, a demo program; then the node table, one command run on all
nodes, and the logs as they come in. Whatever ends first (a signal, the terminal, one of the parts) ends all of it.
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import secrets
import shlex
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from family import Family
from joining import Joined, folder_of, join
from parts import (
    TOP,
    Trial,
    TrialError,
    ask,
    check_port,
    get,
    is_enrolled,
    is_signed_in,
    own_id,
    what_hides_the_journal,
    write_settings,
)

START_SECONDS = 30.0
"""How long a part may take until it answers."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Ended(BaseException):
    """A signal told us to end. Not an Exception: nothing in between may take it for a failure of its own."""


def main() -> int:
    options = argparse.ArgumentParser(prog="install/try.sh", description=__doc__)
    options.add_argument("--state", type=Path, required=True)
    options.add_argument("--port", type=int, default=8420)
    options.add_argument("--join", metavar="TOKEN", default="")
    options.add_argument("--with", dest="program", type=Path, metavar="PROGRAM")
    given = options.parse_args()
    os.umask(0o022)  # what the executor reads must not be writable by a group
    for number in ENDING:
        signal.signal(number, _end)
    trial = Trial(given.state.resolve(), given.port)
    code, family, place = 0, None, trial.state
    try:
        node = Joined(folder_of(trial.state, given.join), Path(sys.executable).parent, trial.environ)
        place, what = (node.folder, "this node") if given.join else (trial.state, "a trial")
        place.mkdir(parents=True, exist_ok=True)
        with _only_one(place, what):
            (place / "log").mkdir(exist_ok=True)
            family = Family(place / "log")
            if given.join:
                _say(f"{join(node, given.join, family)}      (Ctrl-C ends it)")
            else:
                start(trial, family)
                if given.program:
                    family.start("program", [sys.executable, str(given.program)], trial.environ)
                show(trial, family, "histograms" if given.program else "")
            stay(family)
    except Ended:
        pass
    except TrialError as error:
        code = 1
        _complain(error)
    except BrokenPipeError:
        code = 1
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        if family is not None:
            _end_all(place, family)
    _quiet_stdout()
    return code


def _end_all(place: Path, family: Family) -> None:
    tell = _say if family.started() else lambda _: None
    tell("\nEnding what was started ...")
    family.end()
    tell("Nothing of it is running any more. What was stored stays in "
         f"{_short(place)}; the same command goes on from there.")


def start(trial: Trial, family: Family) -> None:
    """Start all parts; raises TrialError."""
    check_port(trial.port)
    write_settings(trial)
    hub = family.start("hub", [trial.program("dvic-hub"), "serve", "--config", str(trial.hub_config)], trial.environ)
    _await(family, "the hub", lambda: _healthy(trial.url))
    _say(f"hub       {trial.url} (pid {hub.pid})")
    if not is_signed_in(trial):
        sign_in(trial, family)
    if not is_enrolled(trial):
        enrol(trial)
    family.start("executor", [trial.program("dvic-executor"), *trial.agent_folders(), "--end-runs",
                              "--listen", str(trial.executor_socket)], trial.environ)
    agent = family.start("agent", [trial.program("dvic-agent"), "run", *trial.agent_folders()], trial.environ)
    family.start("demo", [sys.executable, str(TOP / "install" / "demo.py")], trial.environ)
    _await(family, "this machine's node", lambda: _connected(trial))
    _say(f"agent     enrolled and connected (pid {agent.pid})")
    if hidden := what_hides_the_journal():
        _say(f"journal   {hidden}; everything else works")


def sign_in(trial: Trial, family: Family) -> None:
    """The first start of a hub makes an admin with a one-time password: change it to one that the person can use."""
    if not trial.password.exists():
        once = trial.state / "one-time-password"
        _write_private(once, _one_time_password(family.log("hub").read_text("utf-8", "replace")))
        _write_private(trial.password, secrets.token_urlsafe(12))
        try:
            ask(trial, trial.program("hubctl"), "login", trial.url, "--user", "admin", "--password-file", str(once),
                "--new-password-file", str(trial.password))
        except TrialError:
            trial.password.unlink()
            raise
        once.unlink()
        return
    ask(trial, trial.program("hubctl"), "login", trial.url, "--user", "admin", "--password-file", str(trial.password))


def enrol(trial: Trial) -> None:
    made = json.loads(ask(trial, trial.program("hubctl"), "token", "create", "-o", "json"))
    token = made[0] if isinstance(made, list) else made
    ask(trial, trial.program("dvic-agent"), "enroll", *trial.agent_folders(), "-", given=token["token"] + "\n")


def show(trial: Trial, family: Family, page: str = "") -> None:
    """What came in so far, where to look at it (`page`: of the hub's page), and the beginning of what comes."""
    hubctl = trial.program("hubctl")
    _heading("hubctl nodes")
    _run_in_view(trial, family, "nodes", [hubctl, "nodes"])
    whom = _whom(trial)
    _heading(f"hubctl run {whom} -- uname -a")
    _run_in_view(trial, family, "run", [hubctl, "run", whom, "--", "uname", "-a"])
    password = trial.password.read_text().strip()
    _heading("In a browser")
    _say(f"{trial.url}{page and '/' + page}   (user: admin   password: {password})")
    if "SSH_CONNECTION" in os.environ:
        _say(f"from your own desk, after: ssh -L {trial.port}:127.0.0.1:{trial.port} {os.uname().nodename}")
    _heading("From another terminal")
    config, programs = (shlex.quote(_short(path)) for path in (trial.contexts, Path(hubctl).parent))
    _say(f"cd {shlex.quote(str(TOP))}\nexport DVIC_CONFIG={config} PATH={programs}:$PATH\nhubctl status")
    _say(f"or sign in as yourself: hubctl login {trial.url} --user admin"
         f"   (password: {password})")
    _say('Write a line: echo "hello" >> /tmp/dvic_log_hello')
    _heading("hubctl logs all -f      (Ctrl-C ends everything)")
    family.start_in_view("logs", [hubctl, "logs", "all", "-f", "-n", "10"], trial.environ)


def stay(family: Family) -> None:
    """Until a part has ended. Raises TrialError, unless that was the view of the logs because its terminal went."""
    while not (ended := family.ended()):
        time.sleep(0.2)
    if ended != "logs" or _terminal_is_there():
        raise TrialError(f"the part {ended!r} has ended", _last_lines(family.log(ended)))


def _whom(trial: Trial) -> str:
    """All nodes, or this trial's own where others have joined: they may be away, and are not worth waiting for."""
    known = (get(trial, "nodes") or {"items": []})["items"]
    return next((node["name"] for node in known if node["id"] == own_id(trial) and len(known) > 1), "all")


def _run_in_view(trial: Trial, family: Family, name: str, argv: list[str]) -> None:
    code = family.start_in_view(name, argv, trial.environ).wait()
    family.forget(name)
    if code != 0:
        raise TrialError(f"{' '.join(map(shlex.quote, ['hubctl', *argv[1:]]))} failed with code {code}")


def _healthy(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310
        return answer.status == 200
    return False


def _connected(trial: Trial) -> bool:
    # Not by "online": a hub that was away for a moment still takes the word that the node gave before.
    return any(node["connected"] for node in (get(trial, "nodes") or {"items": []})["items"])


def _await(family: Family, what: str, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not reached():
        if ended := family.ended():
            raise TrialError(f"the part {ended!r} did not start", _last_lines(family.log(ended)))
        if time.monotonic() > deadline:
            raise TrialError(f"{what} did not answer in {START_SECONDS:.0f} s", f"look into {family.log('hub').parent}")
        time.sleep(0.05)


def _one_time_password(said: str) -> str:
    found = re.findall(r"^ *password +(\S+)$", said, re.M)
    if not found:
        raise TrialError("the hub's log does not hold the admin's first password",
                         "remove .dvic and start again: only a hub's first start says it")
    return found[-1]


@contextlib.contextmanager
def _only_one(place: Path, what: str):
    lock = (place / "lock").open("a+")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TrialError(f"{what} is already running from {_short(place)}",
                             "look at it in its terminal, or end it there with Ctrl-C") from None
        yield


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def _end(_number: int, _frame: FrameType | None) -> None:
    raise Ended


def _last_lines(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").splitlines()[-12:]
    except OSError:
        return ""
    return "\n".join([*lines, f"({log})"])


def _terminal_is_there() -> bool:
    try:
        sys.stdout.flush()
        return os.write(sys.stdout.fileno(), b"\n") == 1
    except OSError:
        return False


def _short(path: Path) -> str:
    return str(path.relative_to(TOP)) if path.is_relative_to(TOP) else str(path)


def _heading(text: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    _say(f"\n{bold}== {text}{plain}")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone; what is to be ended must still be ended
        print(text, flush=True)


def _complain(error: TrialError) -> None:
    with contextlib.suppress(OSError):
        print(f"dvic: {error}", file=sys.stderr)
        for line in error.help.splitlines():
            print(f"      {line}", file=sys.stderr)


def _quiet_stdout() -> None:
    # Python flushes at exit; with the terminal gone that would be its last complaint.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())
