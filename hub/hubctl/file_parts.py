"""A file between this machine and the hub, in parts: a lost connection or a hub that restarts costs the part under way.

    bring    announce it with its hash, send what the hub lacks; a bring that was broken off goes on
    fetch    read it from the hub into a file beside the target, check it, and only then give it its name
"""

import grp
import hashlib
import os
import pwd
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from .client import Client
from .errors import NotReachable, Refused, Usage

PART_BYTES = 4 * 1024 * 1024
"""Bytes of one part; the hub takes no larger ones."""

GIVE_UP = 300.0
"""Seconds without the hub after which hubctl stops trying."""

PAUSE = 1.0
"""Seconds between two tries."""

T = TypeVar("T")
Progress = Callable[[int], None]
"""Is told how many bytes there are by now."""


def patiently(work: Callable[[], T], give_up: float = GIVE_UP, pause: float = PAUSE) -> T:
    """What `work` returns, tried again while the hub is not reachable. Only for what may be done twice."""
    begun = time.monotonic()
    while True:
        try:
            return work()
        except NotReachable:
            if time.monotonic() + pause > begun + give_up:
                raise
            time.sleep(pause)


def hash_of(path: Path) -> tuple[int, str]:
    """Size and SHA-256 (hex); raises Usage where it can't be read."""
    if path.is_dir():
        raise Usage(f"{path} is a folder", "pack it first: tar -czf FILE.tgz FOLDER")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Usage(f"{path} is no plain file", "write what it gives into a file first")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except OSError as error:
        raise Usage(f"{path} can't be read: {error.strerror}", "give another file") from None


def bring(client: Client, path: Path, progress: Progress) -> dict:
    """Have the whole file at the hub; returns what the hub says of it."""
    size, digest = hash_of(path)
    body = {"name": path.absolute().name, "size": size, "sha256": digest}
    kept = patiently(lambda: client.post("files", body=body))  # the same file is announced once only
    with path.open("rb") as file:
        while not kept["sha256"]:
            progress(kept["received"])
            file.seek(kept["received"])
            part = file.read(min(PART_BYTES, size - kept["received"]))
            if not part:
                raise Refused(f"{path} became shorter while it was sent", "try again")
            kept = _send(client, kept, part)
    progress(size)
    return kept


def _send(client: Client, kept: dict, part: bytes) -> dict:
    try:
        return client.put_bytes("files", kept["id"], data=part, offset=kept["received"])
    except NotReachable:
        pass
    except Refused as refused:
        if refused.code not in ("offset", "timeout"):
            raise
    return patiently(lambda: client.get("files", kept["id"]))  # it may have been taken all the same


def fetch(client: Client, kept: dict, target: Path, keep: bool, progress: Progress) -> None:
    """Read a whole file from the hub. `keep`: with its mode, and its owner where we are root."""
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{target.name[:200]}.", dir=target.parent)
    except OSError as error:
        raise Usage(f"{target} can't be written: {error.strerror}", "give another place") from None
    digest, at = hashlib.sha256(), 0
    try:
        with os.fdopen(handle, "wb") as file:
            while at < kept["size"]:
                progress(at)
                start, end = at, min(at + PART_BYTES, kept["size"])
                part = patiently(lambda: client.part("files", kept["id"], "content", start=start, end=end))  # noqa: B023 (at once)
                if len(part) != end - start:
                    raise Refused(f"the hub sent {len(part)} bytes of the file in the place of {end - start}")
                file.write(part)
                digest.update(part)
                at = end
            if digest.hexdigest() != kept["sha256"]:
                raise Refused("what has come is not what the hub has: its SHA-256 is another", "try again")
            _give_rights(file.fileno(), kept, keep)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except OSError as error:
        raise Usage(f"{target} can't be written: {error.strerror}", "make room, or give another place") from None
    finally:
        Path(beside).unlink(missing_ok=True)
    progress(kept["size"])


def _give_rights(handle: int, kept: dict, keep: bool) -> None:
    umask = os.umask(0o077)
    os.umask(umask)
    if keep and kept["mode"] >= 0:
        with suppress(KeyError, OSError):
            if os.geteuid() == 0:
                os.fchown(handle, pwd.getpwnam(kept["owner"]).pw_uid, grp.getgrnam(kept["group"]).gr_gid)
    os.fchmod(handle, kept["mode"] if keep and kept["mode"] >= 0 else 0o666 & ~umask)


def rights_of(path: Path) -> dict:
    """Mode, owner and group of a file, as an order to copy it has them."""
    found = path.stat()
    rights = {"mode": found.st_mode & 0o777, "owner": "", "group": ""}
    with suppress(KeyError):
        rights["owner"] = pwd.getpwuid(found.st_uid).pw_name
    with suppress(KeyError):
        rights["group"] = grp.getgrgid(found.st_gid).gr_name
    return rights
