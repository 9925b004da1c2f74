"""The packages as this checkout makes them, built once a test session.

DVIC_BUNDLE names a folder that keeps the hub's bundle, which takes a minute to build, for as long as its sources do not
change; DVIC_BUILD_VENV an environment to keep.
"""

import configparser
import os
import re
import shutil
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
    _build(out, "agent")
    _build(out, "--version", NEWER, "agent")
    _build(out, *(["--bundle", bundle] if bundle else []), "hub")
    return Debs(out / f"dvic-agent_{version}_all.deb", out / f"dvic-hub_{version}_amd64.deb",
                out / f"dvic-agent_{NEWER}_all.deb", version)


def built(out: Path, kind: str, pattern: str) -> Path:
    """Something else that packaging/build.sh makes: its one file that matches."""
    _build(out, kind)
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


def _build(out: Path, *arguments: str) -> None:
    """With one environment for all that a test session builds, beside `out`."""
    environ = {"DVIC_BUILD_VENV": str(out.parent / "build-venv"), **os.environ}
    done = subprocess.run([TOP / "packaging/build.sh", "--out", out, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=BUILD_SECONDS, check=False, env=environ)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
