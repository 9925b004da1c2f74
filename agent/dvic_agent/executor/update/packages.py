"""apt and dpkg, asked without a person to answer: what is installed, install this file, put that one back.

apt comes first, because it may fetch what the package needs besides; where all that is there, no network is needed.
Settings that the machine's owner changed stay as they are. No other package is ever removed for it.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..command import SEARCH_PATH
from .telling import Teller

INSTALL_SECONDS = 900
"""Seconds that apt or dpkg may take."""

LOCK_SECONDS = 120
"""Seconds to wait for another apt that is at work."""

QUERY_SECONDS = 30

ENVIRON = {"PATH": SEARCH_PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
           "APT_LISTCHANGES_FRONTEND": "none", "NEEDRESTART_SUSPEND": "1"}

_KEEP_SETTINGS = ("--force-confold", "--force-confdef")

_APT = ("apt-get", "-q", "-y", "--no-install-recommends", "--no-remove", "--allow-downgrades",
        "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "-o", "Dpkg::Use-Pty=0", "-o", "APT::Sandbox::User=root",
        "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20",
        *(part for option in _KEEP_SETTINGS for part in ("-o", f"Dpkg::Options::={option}")))

_FORCE = ("--force-downgrade", "--force-depends", "--force-conflicts", "--force-breaks", "--force-overwrite",
          "--force-remove-reinstreq", *_KEEP_SETTINGS)

_WHOLE = {"installed", "triggers-awaited", "triggers-pending"}
"""dpkg's states of a package whose own files and scripts are done."""

_GONE = {"not-installed", "config-files"}


class PackageProblem(Exception):
    """A tool failed; says what it said. `code`: its exit code, -1 where it has none."""

    def __init__(self, reason: str, code: int = -1):
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Deb:
    """What a package file says of itself. `unpacked` in bytes."""

    package: str
    version: str
    architecture: str
    unpacked: int


def ask(argv: list[str], seconds: float = QUERY_SECONDS) -> bytes:
    """The output of a tool that only looks; raises PackageProblem."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRON, timeout=seconds,
                              check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackageProblem(f"{argv[0]}: {error}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise PackageProblem(f"{argv[0]}: {said[-500:] or f'exit code {done.returncode}'}", done.returncode)
    return done.stdout


@dataclass(frozen=True)
class Present:
    """What dpkg has of a package. `whole`: its version when it is wholly installed, else "". `removed`: nothing of it
    is there but its settings."""

    whole: str = ""
    removed: bool = False


def present(package: str) -> Present:
    """Asks dpkg; where that can't be asked, nothing is whole and nothing is removed."""
    try:
        said = ask(["dpkg-query", "--show", "--showformat=${Status}\t${Version}", package]).decode("utf-8", "replace")
    except PackageProblem as error:
        return Present(removed=error.code == 1)  # dpkg-query(1): no such package; others are fatal
    status, _, version = said.partition("\t")
    _, flag, state = (status.split() + ["", "", ""])[:3]
    return Present(version.strip() if flag == "ok" and state in _WHOLE else "", state in _GONE)


def architecture() -> str:
    """This machine's, as Debian calls it; raises PackageProblem."""
    return ask(["dpkg", "--print-architecture"]).decode().strip()


def read_deb(deb: Path) -> Deb:
    """Raises PackageProblem when it is no package."""
    form = "--showformat=${Package}\n${Version}\n${Architecture}\n${Installed-Size}"
    said = ask(["dpkg-deb", "--show", form, str(deb)])
    package, version, architecture, size = [*said.decode("utf-8", "replace").split("\n"), "", "", "", ""][:4]
    return Deb(package, version, architecture, 1024 * int(size) if size.isdigit() else 0)


class Packages:
    """Changes what is installed; tells what the tools print. Each method returns "", or what went wrong."""

    def __init__(self, teller: Teller):
        self._teller = teller

    def install(self, deb: Path, package: str, again: bool) -> str:
        """`again`: it was begun before and cut off. What was cut off while it was unpacked is for dpkg: apt takes it
        for installed, or for lost."""
        if again:
            self._call("dpkg", *_KEEP_SETTINGS, "--configure", "-a")
            if not present(package).whole and not self._call("dpkg", *_KEEP_SETTINGS, "--install", str(deb)):
                return ""
        return self._call(*_APT, "install", str(deb))

    def put_back(self, deb: Path, package: str, version: str) -> str:
        """By apt, or against all objections by dpkg."""
        objection = self._call(*_APT, "install", str(deb))
        if present(package).whole == version:
            return ""
        self._teller.say(f"apt does not put it back ({objection or 'it sees nothing to do'}), dpkg is told to")
        problem = self._call("dpkg", *_FORCE, "--install", str(deb))
        self._call("dpkg", *_KEEP_SETTINGS, "--configure", "-a")
        return problem

    def _call(self, *argv: str) -> str:
        done = self._teller.call(list(argv), INSTALL_SECONDS, ENVIRON)
        said = "apt" if argv[0] == "apt-get" else argv[0]
        return f"{said} said: {done.said}" if done.code else ""
