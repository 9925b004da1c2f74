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

RECORDER_MEMORY = 32 * 1024 * 1024
"""Bytes that a run's own memory limit is raised by, for the recorder that lives in the same cgroup."""

STOP_SECONDS = 15
"""How long systemd waits for the recorder, which itself kills after tree.KILL_GRACE, and for ExecStopPost."""

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


class UnitsBackend:
    """See backend.Backend. `tool` calls systemd's programs."""

    name = "systemd"

    def __init__(self, state: Path, tool: Tool = call):
        self._state = state
        self._tool = tool

    def start(self, run: RunDir) -> None:
        command = unit_command(run.run, run.request()["spec"], self._state)
        os.close(run.lock)  # the recorder takes it over
        run.lock = -1
        try:
            done = self._tool(command)
        except StartFailed:
            with suppress(StartFailed):
                self.stop(run)  # it may still come up later
            raise
        if done.returncode != 0:
            raise StartFailed(f"systemd did not start it: {done.stderr.strip() or done.returncode}")

    def stop(self, run: RunDir) -> None:
        self._tool(["systemctl", "stop", "--no-block", unit_name(run.run)])

    def alive(self, run: RunDir) -> bool:
        if run.held():  # by its recorder; asking systemd costs a process
            return True
        shown = self._tool(["systemctl", "show", "--property=ActiveState", "--value", unit_name(run.run)])
        return shown.returncode != 0 or shown.stdout.strip() in _ALIVE

    def clear(self, run: RunDir) -> None:
        """Nothing: a unit that is not active has no processes."""


def systemd_is_here() -> bool:
    """Whether systemd is pid 1 and ours to ask: units need root."""
    try:
        first = Path("/proc/1/comm").read_text().strip()
    except OSError:
        return False
    return first == "systemd" and Path("/run/systemd/system").is_dir() and os.geteuid() == 0
