"""This machine leaves its hub: the hub's key is forgotten, what it started is ended.

- The order (LEAVE) must be signed by the pinned hub for this very node. Neither its age nor whether it came before
  matters: it only takes rights away, a machine whose clock is wrong must be able to leave too, and it can't hit whoever
  this machine becomes: the node's id is its key's, and whoever joins after leaving makes a new key (see NOTE).
- The note of who ended it and why is on the disk before hub.json goes, so that a power cut in between leaves a machine
  that belongs to the hub still, and is told again.
- An update that is under way goes on to its end: no hub confirms it any more, so it puts the version from before back.
"""

import json
import os
import time
from pathlib import Path

from dvic_wire.errors import WireError
from dvic_wire.signing import Purpose, verify

from . import tree
from .backend import Backend
from .errors import Refusal
from .rundir import StateDir
from .sweep import sweep
from .trusted import open_directory, read_config
from .verify import PinnedHub, load_hub

HUB_FILE = "hub.json"

NOTE = "left.json"
"""Beside hub.json while there is none: which hub this machine left as which node, who ended it, why and when."""

MAX_WORDS = 200
"""Characters of each of who and why that are kept."""

END_SECONDS = tree.KILL_GRACE + tree.KILL_PATIENCE
"""How long runs may take to end before the answer is given; they go on ending."""

LEFT = "left"


def leave(config_dir: Path, state: StateDir, backend: Backend, jws: str, now: float) -> dict:
    """Carry out a LEAVE; returns the answer. Raises Refusal, Untrusted, OSError."""
    claims = check_leave(jws, load_hub(config_dir))
    forget(config_dir, state, backend, _words(claims.get("by")), _words(claims.get("reason")), now)
    return {"state": LEFT}


def check_leave(jws: str, hub: PinnedHub) -> dict:
    """The claims of a LEAVE by this hub for this node, whatever its age; raises Refusal."""
    try:
        claims = verify(jws, hub.key, Purpose.LEAVE, audience=hub.node, now=None)
    except WireError as error:
        raise Refusal("signature", f"the order to leave does not hold: {error}") from None
    if claims.get("iss") != hub.fingerprint:
        raise Refusal("signature", "the order to leave names another hub as its signer")
    return claims


def forget(config_dir: Path, state: StateDir, backend: Backend, by: str, reason: str, now: float) -> None:
    """Forget the hub, end its runs and drop what they wrote. `now`: Unix seconds, for the note. Raises Untrusted,
    OSError."""
    with state.deciding():
        _unpin(config_dir, by, reason, now)
        ending = [run for run in state.runs() if _is_to_end(state, backend, run)]
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        with state.deciding():
            sweep(state, backend, keep=-1.0)
            if not set(ending) & set(state.runs()):
                break
        time.sleep(0.05)


def _is_to_end(state: StateDir, backend: Backend, run: str) -> bool:
    """Whether it is no update; it is told to end, where it has not ended."""
    with state.opened(run) as found:
        if found is None or "spec" not in found.request():
            return False
        if found.end() is None:
            found.cancel("this machine left the hub")
            backend.stop(found)
    return True


def _unpin(config_dir: Path, by: str, reason: str, now: float) -> None:
    """Write the note, then remove hub.json; both are on the disk afterwards."""
    data = read_config(config_dir, HUB_FILE)
    if data is None:
        return
    known = _object(data)
    note = {name: known.get(name, "") for name in ("url", "hub", "node", "name")}
    note |= {"by": by, "reason": reason, "time": int(now)}
    folder = open_directory(config_dir)
    try:
        beside = f".{NOTE}.{os.getpid()}"
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644, dir_fd=folder)
        with os.fdopen(handle, "w") as file:
            os.fchmod(handle, 0o644)  # the agent, another user, tells of it
            json.dump(note, file)
            file.flush()
            os.fsync(handle)
        os.rename(beside, NOTE, src_dir_fd=folder, dst_dir_fd=folder)
        os.unlink(HUB_FILE, dir_fd=folder)
        os.fsync(folder)
    finally:
        os.close(folder)


def _object(data: bytes) -> dict:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _words(value: object) -> str:
    """Who or why, harmless to show."""
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:MAX_WORDS])
