"""The packages as this checkout makes them, built once a test session.

DVIC_BUNDLE names a bundle of the hub to take instead of building it (a minute), DVIC_BUILD_VENV an environment to keep.
"""

import configparser
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parents[2]

BUILD_SECONDS = 900

NEWER = "99.0.0"
"""A version that any other is older than."""


@dataclass(frozen=True)
class Debs:
    """This checkout's packages, and the agent's once more under a higher number."""

    agent: Path
    hub: Path
    newer_agent: Path
    version: str


def build_debs(out: Path) -> Debs:
    """Build into `out`; raises AssertionError with the end of what was said."""
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    version = setup["metadata"]["version"]
    bundle = os.environ.get("DVIC_BUNDLE")
    _build("--out", str(out), "agent")
    _build("--out", str(out), "--version", NEWER, "agent")
    _build("--out", str(out), *(["--bundle", bundle] if bundle else []), "hub")
    return Debs(out / f"dvic-agent_{version}_all.deb", out / f"dvic-hub_{version}_amd64.deb",
                out / f"dvic-agent_{NEWER}_all.deb", version)


def build_agent(out: Path, version: str) -> Path:
    """This checkout's agent under that version."""
    _build("--out", str(out), "--version", version, "agent")
    return out / f"dvic-agent_{version}_all.deb"


def _build(*arguments: str) -> None:
    done = subprocess.run([TOP / "packaging/build.sh", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
