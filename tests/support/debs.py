"""The packages as this checkout makes them, built once a test session.

DVIC_BUNDLE names a folder that keeps the hub's bundle, which takes a minute to build, for as long as its sources do not
change; DVIC_BUILD_VENV an environment to keep.
"""

import configparser
import os
import re
import shutil
import subprocess
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from made_once import alone

TOP = Path(__file__).parents[2]

BUILD_SECONDS = 900

NEWER = "99.0.0"
"""A version that any other is older than."""

BEFORE = "0.0.1"
"""The number that the agent of the commit before gets: older than any."""


@dataclass(frozen=True)
class Debs:
    """This checkout's packages, and the agent's once more under a higher number."""

    agent: Path
    hub: Path
    newer_agent: Path
    version: str

    @cached_property
    def agent_before(self) -> Path:
        """The agent of the commit before, built by that commit's own means."""
        out = self.agent.parent
        checkout = out / "before"
        _git("worktree", "add", "--detach", str(checkout), "HEAD~1")
        try:
            _build(out, "--version", BEFORE, "agent", top=checkout)
        finally:
            _git("worktree", "remove", "--force", str(checkout))
        return out / f"dvic-agent_{BEFORE}_all.deb"


def build_debs(out: Path, venv: Path) -> None:
    """Build into `out`, with the environment `venv`; raises AssertionError with the end of what was said."""
    bundle = os.environ.get("DVIC_BUNDLE")
    _build(out, "agent")
    _build(out, "--version", NEWER, "agent")
    _build(out, *(["--bundle", bundle] if bundle else []), "hub", venv=venv)


def debs_in(folder: Path) -> Debs:
    """What build_debs has made there."""
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg")
    version = setup["metadata"]["version"]
    return Debs(folder / f"dvic-agent_{version}_all.deb", folder / f"dvic-hub_{version}_amd64.deb",
                folder / f"dvic-agent_{NEWER}_all.deb", version)


def built(out: Path, kind: str, pattern: str, venv: Path) -> Path:
    """Something else that packaging/build.sh makes: its one file that matches."""
    _build(out, kind, venv=venv)
    [found] = out.glob(pattern)
    return found


def repacked(deb: Path, version: str, out: Path) -> Path:
    """The same package under another version, which its programs name as well; packed fast, not small."""
    tree = out / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True, timeout=BUILD_SECONDS)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.M))
    for metadata in tree.glob("usr/lib/dvic-hub/_internal/dvic-*.dist-info/METADATA"):
        metadata.write_text(re.sub(r"^Version: .*$", f"Version: {version}", metadata.read_text(), count=1, flags=re.M))
    package, _, architecture = deb.stem.split("_")
    target = out / f"{package}_{version}_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, target], check=True,
                   timeout=BUILD_SECONDS, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return target


def build_agent(out: Path, version: str = "") -> Path:
    """This checkout's agent, under another version if one is given."""
    _build(out, *(["--version", version] if version else []), "agent")
    [deb] = out.glob(f"dvic-agent_{version or '*'}_all.deb")
    return deb


def _git(*arguments: str) -> None:
    done = subprocess.run(["git", "-C", TOP, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{done.stderr}\n(a clone without history can't build the commit before)"


def _build(out: Path, *arguments: str, top: Path = TOP, venv: Path | None = None) -> None:
    """`venv`: an environment to keep, which one build uses at a time."""
    with alone(venv.with_suffix(".lock")) if venv else nullcontext():
        done = subprocess.run([top / "packaging/build.sh", "--out", out, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
                              env=({"DVIC_BUILD_VENV": str(venv)} if venv else {}) | os.environ)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
