"""Runs as transient systemd units: dvic-run-<id>.service in dvic.slice.

systemd gives what nothing else can: a cgroup that no process leaves, limits of memory and cpu for the whole tree, and
ExecStopPost, which runs whatever happened to the main process. The unit's main process is the recorder (as root; the
command is its child with the user's rights). All is started by argument lists, never by a shell.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .errors import StartFailed
from .rundir import RunDir
from .update.folder import UpdateDir

RECORDER_MEMORY = 32 * 1024 * 1024
"""Bytes that a run's own memory limit is raised by, for the recorder that lives in the same cgroup."""

STOP_SECONDS = 15
"""How long systemd waits for the recorder, which itself kills after tree.KILL_GRACE, and for ExecStopPost."""

UPDATE_STOP_SECONDS = 300
"""How long an update may go on with what it is at when the machine is stopped."""

UPDATE_SECONDS = 4 * 3600
"""After this long an update that neither ends nor moves is started again."""

START_SECONDS = 30
"""How long systemd may take to start a unit."""

_PLAIN = re.compile(r"[A-Za-z0-9._/+@:=-]+\Z")

_ALIVE = {"active", "activating", "deactivating", "reloading", "refreshing"}

Tool = Callable[[list[str]], subprocess.CompletedProcess]


def call(argv: list[str]) -> subprocess.CompletedProcess:
    """Run one of systemd's tools; raises StartFailed when it is missing or takes too long."""
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=START_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartFailed(f"{argv[0]}: {error}") from None


def own_command(state: Path, *arguments: str) -> list[str]:
    """How this very program is called again. -I: neither the environment nor the directory can change what it is."""
    return [sys.executable, "-I", "-m", "dvic_agent.executor", "--state-dir", str(state), *arguments]


def unit_name(run: str) -> str:
    return f"dvic-run-{run}.service"


def unit_command(run: str, spec: dict, state: Path) -> list[str]:
    """The systemd-run that starts a run. `spec`: the accepted RunSpec as JSON."""
    record, end = own_command(state, "record", run), own_command(state, "record-end", run)
    for part in end:
        if not _PLAIN.match(part):  # systemd would read blanks, quotes, $ and % in a property
            raise StartFailed(f"systemd can't be given the path {part}: use letters, digits and ._/+@:=- only")
    properties = {"Type": "exec", "KillMode": "control-group", "TimeoutStopSec": str(STOP_SECONDS),
                  "RuntimeMaxSec": str(spec.get("timeout", 300)), "OOMPolicy": "stop", "OOMScoreAdjust": "-1000",
                  "SyslogIdentifier": "dvic-run", "ExecStopPost": " ".join(end)}
    if spec.get("memory"):
        properties |= {"MemoryMax": str(spec["memory"] + RECORDER_MEMORY), "MemorySwapMax": "0"}
    if spec.get("cpu"):
        properties["CPUQuota"] = f"{spec['cpu']}%"
    return ["systemd-run", "--quiet", "--collect", f"--unit={unit_name(run)}", "--slice=dvic.slice",
            f"--description=DVIC run {run}", *(f"--property={name}={value}" for name, value in properties.items()),
            "--", *record]


def update_command(run: str, program: Path, state: Path) -> list[str]:
    """The systemd-run that starts, or goes on with, an update. What carries it is `program`, which is not in the
    package; told to stop it finishes what it is at, killed it is started again."""
    for part in (*own_command(state), str(program)):
        if not _PLAIN.match(part):
            raise StartFailed(f"systemd can't be given the path {part}: use letters, digits and ._/+@:=- only")
    properties = {"Type": "exec", "KillMode": "mixed", "TimeoutStopSec": str(UPDATE_STOP_SECONDS),
                  "Restart": "on-failure", "RestartSec": "5", "StartLimitIntervalSec": "600", "StartLimitBurst": "20",
                  "RuntimeMaxSec": str(UPDATE_SECONDS), "OOMPolicy": "continue", "OOMScoreAdjust": "-1000",
                  "SyslogIdentifier": "dvic-update",
                  "ExecStopPost": "-" + " ".join(own_command(state, "record-end", run))}
    return ["systemd-run", "--quiet", "--collect", f"--unit={unit_name(run)}", "--slice=dvic.slice",
            f"--description=DVIC update {run}", *(f"--property={name}={value}" for name, value in properties.items()),
            "--", sys.executable, "-I", str(program), "--state-dir", str(state), "carry"]


class UnitsBackend:
    """See backend.Backend. `tool` calls systemd's programs."""

    name = "systemd"

    def __init__(self, state: Path, tool: Tool = call):
        self._state = state
        self._tool = tool

    def start(self, run: RunDir) -> None:
        command = unit_command(run.run, run.request()["spec"], self._state)
        _hand_over(run)
        try:
            done = self._tool(command)
        except StartFailed:
            with suppress(StartFailed):
                self.stop(run)  # it may still come up later
            raise
        if done.returncode != 0:
            raise StartFailed(f"systemd did not start it: {done.stderr.strip() or done.returncode}")

    def start_update(self, run: RunDir) -> None:
        _hand_over(run)
        start_update(run.run, self._state, self._tool)

    def stop(self, run: RunDir) -> None:
        self._tool(["systemctl", "stop", "--no-block", unit_name(run.run)])

    def alive(self, run: RunDir) -> bool:
        return run.held() or _is_active(run.run, self._tool)  # held by its recorder; asking systemd costs a process

    def clear(self, run: RunDir) -> None:
        """Nothing: a unit that is not active has no processes."""


def start_update(run: str, state: Path, tool: Tool = call) -> None:
    """Start or go on with the update whose journal and program are below `state`. Raises StartFailed."""
    done = tool(update_command(run, UpdateDir(state).program, state))
    if done.returncode != 0 and not _is_active(run, tool):  # else somebody else was faster
        raise StartFailed(f"systemd did not start it: {done.stderr.strip() or done.returncode}")


def _hand_over(run: RunDir) -> None:
    """Give up the run's lock, which whoever carries the run takes over."""
    if run.lock >= 0:
        os.close(run.lock)
        run.lock = -1


def _is_active(run: str, tool: Tool) -> bool:
    shown = tool(["systemctl", "show", "--property=ActiveState", "--value", unit_name(run)])
    return shown.returncode != 0 or shown.stdout.strip() in _ALIVE


def systemd_is_here() -> bool:
    """Whether systemd is pid 1 and ours to ask: units need root."""
    try:
        first = Path("/proc/1/comm").read_text().strip()
    except OSError:
        return False
    return first == "systemd" and Path("/run/systemd/system").is_dir() and os.geteuid() == 0
