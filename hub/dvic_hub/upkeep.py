"""What is done to a hub from its own machine: setting it up, backing it up, putting a backup back, checking it.

A backup is a folder (mode 0700) that appears whole or not at all:

    dvic.db       state and history, of one moment
    hub.key       the identity that every node has pinned
    releases.key  what signs packages for apt, where there is one; the packages themselves are not in it
    signing.key   what signs them for self-update, where there is one
    hub.toml      the settings, for reading; restoring leaves the present ones alone
"""

import os
import shutil
import stat
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dvic_hub import identity, openpgp, signing_key
from dvic_hub.app import DATABASE
from dvic_hub.config import HubConfig
from dvic_hub.errors import BadRequest, Conflict, HubError, NotFound
from dvic_hub.store import sqlite_files

CONFIG_COPY = "hub.toml"

MORE_KEYS = (openpgp.KEY_FILE, signing_key.KEY_FILE)
"""Keys besides the identity, which are there once they were needed."""

LEAST_FREE_BYTES = 1024 * 1024 * 1024
"""Bytes free in the state folder's file system, below which `check` warns."""

LEAST_FREE_PART = 0.05
"""The same as a part of the file system."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked. `good` None: it works, but look at it. `advice`: what to do."""

    what: str
    good: bool | None
    said: str
    advice: str = ""


def write_config(file: Path, url: str, listen: str, state_dir: Path) -> bool:
    """Write a first hub.toml; False when there is one already, which is left alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} = {_toml_text(value)}" for key, value in (
        ("listen", listen), ("url", url), ("state_dir", str(state_dir.absolute())))]
    text = "# Settings of this hub; docs/settings.md lists them all.\n" + "\n".join(lines) + "\n"
    tomllib.loads(text)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as to:
        os.fchmod(handle, 0o644)  # whatever the umask is: the hub's user reads it, and it holds no secret
        to.write(text)
    return True


def work_as_owner(folder: Path) -> None:
    """As root, become for good the user to whom `folder` belongs: where a package made it that is the hub's own, who
    then owns all that is made there. Root's own folder, or none: nothing changes."""
    owner = _other_owner(folder)
    if owner is not None:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def hand_over(folder: Path) -> None:
    """As root, give the files of `folder` to the user to whom it belongs."""
    owner = _other_owner(folder)
    for path in folder.iterdir() if owner is not None else ():
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == 0:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _other_owner(folder: Path) -> os.stat_result | None:
    """The folder, when we are root and it is not root's."""
    if os.geteuid() != 0 or not folder.is_dir():
        return None
    found = folder.stat()
    return found if found.st_uid != 0 else None


def backup(config: HubConfig, config_file: Path | None, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy the hub, which may serve meanwhile, into the new folder `target`. Raises Conflict, NotFound, StoreError."""
    database, key = config.state_dir / DATABASE, config.state_dir / identity.KEY_FILE
    if not database.is_file() or not key.is_file():
        raise NotFound(f"there is no hub in {config.state_dir}")
    if target.exists():
        raise Conflict(f"{target} exists: a backup replaces nothing")
    beside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    beside.mkdir(mode=0o700)
    try:
        identity.load(config.state_dir).save(beside / identity.KEY_FILE)
        for name in MORE_KEYS:
            if (config.state_dir / name).is_file():
                _copy_secret(config.state_dir / name, beside / name)
        if config_file is not None and config_file.is_file():
            shutil.copyfile(config_file, beside / CONFIG_COPY)
        sqlite_files.backup(database, beside / DATABASE, progress)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def restore(config: HubConfig, source: Path, replace: bool) -> list[Path]:
    """Put a backup in the place of what is in the state folder; with `replace` that is moved aside, and returned.

    Raises Conflict while a hub runs there, or when there is one and `replace` is not given.
    """
    key = identity.load(source)
    state_key, database = config.state_dir / identity.KEY_FILE, config.state_dir / DATABASE
    if not (source / DATABASE).is_file():
        raise BadRequest(f"{source} is no backup: there is no {DATABASE} in it")
    if not replace and (state_key.exists() or database.exists()):
        raise Conflict(f"there is a hub in {config.state_dir}: give --replace to move it aside")
    config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    former = sqlite_files.restore(database, source / DATABASE)
    moved = [former] if former is not None else []
    if state_key.exists() and identity.load(config.state_dir).fingerprint != key.fingerprint:
        aside = state_key.with_name(_free_name(config.state_dir, identity.KEY_FILE))
        state_key.rename(aside)
        moved.append(aside)
    if not state_key.exists():
        key.save(state_key)
    for kept in (source / name for name in MORE_KEYS if (source / name).is_file()):
        target = config.state_dir / kept.name
        if target.exists() and target.read_bytes() != kept.read_bytes():
            aside = target.with_name(_free_name(config.state_dir, kept.name))
            target.rename(aside)
            moved.append(aside)
        _copy_secret(kept, target)
    hand_over(config.state_dir)
    return moved


def check(config: HubConfig, thorough: bool) -> Iterator[Finding]:
    """Everything that can be wrong with a hub on its machine, one finding after the other. Changes nothing."""
    yield _check_url(config)
    yield from _check_folder(config.state_dir)
    try:
        key = identity.load(config.state_dir)
        yield Finding("key", True, f"fingerprint {key.fingerprint}")
    except HubError as error:
        yield Finding("key", False, str(error))
    database = config.state_dir / DATABASE
    if not database.exists():
        yield Finding("database", False, f"{database} does not exist", "run dvic-hub setup, or restore a backup")
        return
    if database.stat().st_mode & 0o077:
        yield Finding("database", False, f"{database} can be read by others", f"run chmod 600 {database}")
    wrong = sqlite_files.check(database, thorough)
    for sentence in wrong:
        yield Finding("database", False, sentence, "restore a backup, and look at the disk")
    if not wrong:
        yield Finding("database", True, f"{database.stat().st_size / 2**20:.1f} MiB, no fault found")


def _check_url(config: HubConfig) -> Finding:
    local = any(host in config.url for host in ("//127.", "//localhost", "//[::1]"))
    if local:
        return Finding("url", None, f"{config.url} is reached from this machine only",
                       "set url to the address by which machines reach the hub")
    if config.url.startswith("http://"):
        return Finding("url", None, f"{config.url} is not encrypted", "put nginx with TLS before the hub")
    return Finding("url", True, config.url)


def _check_folder(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield Finding("state folder", False, f"{folder} does not exist", "run dvic-hub setup")
        return
    if folder.stat().st_mode & 0o077:
        yield Finding("state folder", None, f"{folder} can be looked into by others", f"run chmod 700 {folder}")
    if not os.access(folder, os.W_OK):
        yield Finding("state folder", False, f"{folder} can't be written", "run as the hub's user")
    room = shutil.disk_usage(folder)
    short = room.free < LEAST_FREE_BYTES or room.free < room.total * LEAST_FREE_PART
    yield Finding("disk", None if short else True, f"{room.free / 2**30:.1f} GiB free",
                  "make room, or lower retention_days: a full disk stops what nodes report" if short else "")


def _copy_secret(source: Path, target: Path) -> None:
    """Mode 0600 from the first moment."""
    data = source.read_bytes()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as to:
        to.write(data)


def _free_name(folder: Path, name: str) -> str:
    number = 1
    while (folder / f"{name}.before-restore-{number}").exists():
        number += 1
    return f"{name}.before-restore-{number}"


def _toml_text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
