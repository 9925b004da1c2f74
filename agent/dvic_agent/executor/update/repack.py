"""Makes a package file again out of what is installed, so that it can be put back.

It is what dpkg knows of the package (control fields, maintainer scripts) with the files as they lie on the disk. A
configuration file that the machine's owner has changed is left out: packed as it is now, dpkg would take the change for
the package's own and one day replace it without asking. Left out, it stays where it is, changed.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .folder import put_in_place
from .packages import INSTALL_SECONDS, PackageProblem, ask

SCRIPTS = {"preinst", "postinst", "prerm", "postrm", "config"}

ROOT, ADMINDIR = Path("/"), Path("/var/lib/dpkg")

_NOT_CONTROL = {"status", "conffiles", "config-version"}
"""Fields that dpkg adds to a package's control file."""


def repack(package: str, staging: Path, target: Path, *, root: Path = ROOT, admindir: Path = ADMINDIR) -> None:
    """Write the installed `package` to `target`; `staging` is a folder of ours to work in. `root`: where the files lie,
    `admindir`: what dpkg knows. Raises PackageProblem or OSError."""
    query = ["dpkg-query", f"--admindir={admindir}"]
    shutil.rmtree(staging, ignore_errors=True)
    try:
        (staging / "DEBIAN").mkdir(parents=True)
        (staging / "DEBIAN").chmod(0o755)
        status = ask([*query, "--status", package]).decode("utf-8", "surrogateescape")
        settings = _settings(status, root)
        changed = {name for name, same in settings.items() if not same}
        _write_control(staging / "DEBIAN", query, package, status, [name for name, same in settings.items() if same])
        listed = ask([*query, "--listfiles", package]).decode("utf-8", "surrogateescape").splitlines()
        for name in listed:
            if name.startswith("/") and name != "/." and name not in changed:
                _copy(root / name[1:], staging / name[1:])
        beside = staging.with_suffix(".part")
        ask(["dpkg-deb", "-Zgzip", "--build", str(staging), str(beside)], INSTALL_SECONDS)
        put_in_place(beside, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write_control(folder: Path, query: list[str], package: str, status: str, settings: list[str]) -> None:
    fields = "".join(text for name, text in _fields(status) if name.lower() not in _NOT_CONTROL)
    (folder / "control").write_text(fields, "utf-8", "surrogateescape")
    if settings:
        (folder / "conffiles").write_text("".join(f"{name}\n" for name in settings), "utf-8", "surrogateescape")
    for name in ask([*query, "--control-list", package]).decode().split():
        path = folder / Path(name).name
        path.write_bytes(ask([*query, "--control-show", package, name]))
        path.chmod(0o755 if name in SCRIPTS else 0o644)


def _fields(status: str) -> Iterator[tuple[str, str]]:
    """(name, whole text) of each field."""
    name, text = "", ""
    for line in status.splitlines(keepends=True):
        if line[:1].isspace() and name:
            text += line
        elif ":" in line:
            if name:
                yield name, text
            name, text = line.partition(":")[0], line
    if name:
        yield name, text


def _settings(status: str, root: Path) -> dict[str, bool]:
    """The package's configuration files, and of each whether it lies there as the package brought it."""
    text = next((text for name, text in _fields(status) if name.lower() == "conffiles"), "")
    found = {}
    for line in text.splitlines()[1:]:
        name, digest, *flags = line.split()
        try:
            now = hashlib.md5((root / name[1:]).read_bytes(), usedforsecurity=False).hexdigest()
        except OSError:
            now = ""
        if not flags:  # obsolete: it belongs to a version before
            found[name] = now == digest
    return found


def _copy(source: Path, target: Path) -> None:
    """As it is, with owner, mode and time; what was deleted since is left out."""
    try:
        found = source.lstat()
    except FileNotFoundError:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        if source.is_dir():  # /lib in older packages, where it leads to /usr/lib
            target.mkdir(exist_ok=True)
            return
        target.symlink_to(os.readlink(source))
    elif source.is_dir():
        target.mkdir(exist_ok=True)
        target.chmod(found.st_mode & 0o7777)
    elif source.is_file():
        shutil.copy2(source, target)
    else:
        raise PackageProblem(f"{source} is no plain file")
    if os.geteuid() == 0:
        os.lchown(target, found.st_uid, found.st_gid)
