"""What an update does to the machine: packages, the agent's services, and the unit that goes on after a power cut."""

import re
import shutil
import time
from pathlib import Path

from . import rescue
from .packages import ENVIRON, PackageProblem, Packages, Present, ask, present
from .repack import repack
from .telling import Teller

AGENT_UNITS = ("dvic-agent.service", "dvic-executor.socket")

SYSTEMCTL_SECONDS = 120

CODE = tuple(Path("/usr/lib/python3/dist-packages", name) for name in ("dvic_agent", "dvic_push", "dvic_wire"))
"""Where the package's Python code is."""


class Machine:
    """The real one. What changes something returns "", or what went wrong."""

    def __init__(self, teller: Teller):
        self._teller = teller
        self._packages = Packages(teller)

    def boot(self) -> str:
        """Which start of the machine this is."""
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def now(self) -> float:
        """Seconds of CLOCK_BOOTTIME, which nobody sets."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def present(self, package: str) -> Present:
        return present(package)

    def repack(self, package: str, staging: Path, target: Path) -> None:
        """Raises PackageProblem or OSError."""
        repack(package, staging, target)

    def install(self, deb: Path, package: str, again: bool) -> str:
        """`again`: it was begun before and cut off. Returns when the agent was started anew. Raises OSError."""
        since = time.monotonic()
        rescue.arm()
        problem = self._packages.install(deb, package, again)
        if not problem and self._agent_started() < since:
            self._restart()  # the package's scripts did not, or were not allowed to
        return problem

    def put_back(self, deb: Path, package: str, version: str) -> str:
        """Whatever happens, the agent is started anew."""
        problem = "" if present(package).whole == version else self._packages.put_back(deb, package, version)
        if problem:
            _drop_compiled()
        self._restart()
        return problem

    def disarm(self) -> None:
        """The update is over. Raises OSError."""
        rescue.disarm()

    def agent_state(self) -> str:
        """What systemd, and the agent by it, say of the agent's service: for people."""
        try:
            said = ask(["systemctl", "show", "--property=ActiveState,SubState,StatusText", AGENT_UNITS[0]]).decode()
        except PackageProblem:
            return ""
        shown = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        state = f"the agent's service is {shown.get('ActiveState', '?')} ({shown.get('SubState', '?')})"
        return f"{state}, it says: {shown['StatusText']}" if shown.get("StatusText") else state

    def _agent_started(self) -> float:
        """When the running agent was started, by time.monotonic(); infinity when it does not run."""
        try:
            said = ask(["systemctl", "show", "--property=ExecMainStartTimestampMonotonic", "--value", AGENT_UNITS[0]])
        except PackageProblem:
            return float("inf")
        found = re.match(rb"([0-9]+)\s*\Z", said)
        return int(found[1]) / 1e6 if found and int(found[1]) else float("inf")

    def _restart(self) -> None:
        for command in (("daemon-reload",), ("reset-failed", *AGENT_UNITS), ("restart", "--no-block", *AGENT_UNITS)):
            self._teller.call(["systemctl", *command], SYSTEMCTL_SECONDS, ENVIRON)


def _drop_compiled() -> None:
    """On a full disk Python 3.11 leaves compiled files that are cut off, and nothing starts that imports one. The
    sources, which dpkg has put back, do without."""
    for folder in CODE:
        for compiled in folder.rglob("__pycache__"):
            shutil.rmtree(compiled, ignore_errors=True)
