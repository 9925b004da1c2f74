"""Who this node is and which hub it trusts: node.key and hub.json on disk.

- node.key (PKCS #8 PEM, mode 0600, owned by the agent's user) is made here on the first start and never leaves.
- hub.json (mode 0644, in the root-owned config folder) pins the hub's key; written once, by enrolment. The agent's
  process can't change whom it trusts.
- left.json takes hub.json's place when the machine leaves: a note for people, by the executor (executor/leaving.py).
- Files appear whole, with their final mode and owner, or not at all. What others could have read or changed is refused.
"""

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dvic_wire.errors import MalformedMessage
from dvic_wire.signing import PrivateKey, PublicKey

from .errors import IdentityError, NotEnrolled

KEY_FILE = "node.key"
NEW_KEY_FILE = "node.key.new"
"""A key that takes the place of the other as soon as a hub has accepted it."""
HUB_FILE = "hub.json"
LEFT_FILE = "left.json"


@dataclass(frozen=True)
class PinnedHub:
    """The hub that this node belongs to. `node` and `name` are what the hub calls this node; `fingerprint` is the
    hub's."""

    url: str
    key: PublicKey
    node: str
    name: str

    @property
    def fingerprint(self) -> str:
        return self.key.fingerprint


@dataclass(frozen=True)
class LeftHub:
    """The hub that this machine belonged to last. `node`: as which one. `by`, `reason`: who ended it and why. `time`:
    Unix seconds by this machine's clock."""

    url: str
    node: str
    by: str
    reason: str
    time: int

    def __str__(self) -> str:
        day = time.strftime("%Y-%m-%d", time.gmtime(self.time))
        why = f" ({self.reason})" if self.reason else ""
        return f"this machine left the hub at {self.url} on {day}, by {self.by or 'an admin'}{why}"


@dataclass(frozen=True)
class Identity:
    """A node that can connect."""

    key: PrivateKey
    hub: PinnedHub


def load_identity(config_dir: Path, private_dir: Path) -> Identity:
    """Both halves, checked against each other; raises NotEnrolled or IdentityError."""
    hub = load_hub(config_dir)
    finish_new_key(private_dir, hub)
    key = load_key(private_dir)
    if hub.node != key.public.node_id:
        raise IdentityError(f"{config_dir / HUB_FILE} was made for node {hub.node}, but the key in {private_dir} is "
                            f"{key.public.node_id}: enroll again with a new token")
    return Identity(key, hub)


def load_key(private_dir: Path, name: str = KEY_FILE) -> PrivateKey:
    """Read the node's key; raises IdentityError when it is missing, damaged or was readable for others."""
    path = private_dir / name
    try:
        _refuse_open_mode(path, 0o077, f"chmod 600 {path}; whoever may have read it can pose as this node, "
                                       "so better remove it and enroll again")
        return PrivateKey.load(path)
    except FileNotFoundError:
        raise IdentityError(f"there is no key at {path}: enroll this machine (dvic-agent enroll)") from None
    except (OSError, MalformedMessage) as error:
        raise IdentityError(f"the node's key can't be used: {error}") from None


def ensure_key(private_dir: Path, name: str = KEY_FILE) -> PrivateKey:
    """The node's key, made now if there is none. Raises IdentityError."""
    path = private_dir / name
    try:
        make_private_dir(private_dir)
        with as_owner_of(private_dir):
            if not path.exists():
                try:
                    PrivateKey.generate().save(path)
                except FileExistsError:
                    pass  # another process was faster; its key counts
            return load_key(private_dir, name)
    except OSError as error:
        raise IdentityError(f"the node's key can't be made: {error}") from None


def adopt_new_key(private_dir: Path) -> None:
    """Put the new key in the place of the old one. Raises IdentityError."""
    try:
        with as_owner_of(private_dir):
            os.replace(private_dir / NEW_KEY_FILE, private_dir / KEY_FILE)
            _sync_folder(private_dir)
    except FileNotFoundError:
        pass  # the agent and `enroll` both finish it; the other one was faster
    except OSError as error:
        raise IdentityError(f"the new key can't take the place of the old one: {error}") from None


def finish_new_key(private_dir: Path, hub: PinnedHub) -> None:
    """Go on where an enrolment with a new key was cut off: the hub that is pinned knows us by it."""
    try:
        waiting = load_key(private_dir, NEW_KEY_FILE).public.node_id
    except IdentityError:
        return
    if waiting == hub.node:
        adopt_new_key(private_dir)


def make_private_dir(path: Path) -> None:
    """Make the folder, mode 0700 from the first moment; raises IdentityError when an existing one lets others in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        _refuse_open_mode(path, 0o077, f"chmod 700 {path}")


def occupy(private_dir: Path) -> int:
    """Let no second agent use this folder; returns the handle that holds it until the process ends. Raises
    IdentityError: two of them would send everything twice and spoil each other's rings."""
    handle = os.open(private_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise IdentityError(f"another agent is running with {private_dir}: see systemctl status dvic-agent") from None
    return handle


def load_hub(config_dir: Path) -> PinnedHub:
    """Read the pinned hub; raises NotEnrolled when there is none, IdentityError when it can't be trusted."""
    path = config_dir / HUB_FILE
    try:
        _refuse_open_mode(path, 0o022, f"chmod 644 {path} after looking at what it says")
        value = json.loads(path.read_bytes())
        key = PublicKey.from_jwk(value["jwk"])
        hub = PinnedHub(value["url"], key, value["node"], value["name"])
        if key.fingerprint != value["hub"]:
            raise IdentityError(f"{path} names a fingerprint that is not its key's: enroll again")
    except FileNotFoundError:
        left = load_left(config_dir)
        raise NotEnrolled(
            f"{left}; to join again make a token at a hub and give it to `dvic-agent enroll`" if left else
            "this machine is not enrolled at a hub yet: make a token there (hubctl token create) and give it to "
            "`dvic-agent enroll`") from None
    except OSError as error:
        raise IdentityError(f"the pinned hub can't be read: {error}") from None
    except (ValueError, KeyError, TypeError, MalformedMessage) as error:
        raise IdentityError(f"{path} is damaged ({error}): enroll again") from None
    if not all(isinstance(text, str) for text in (hub.url, hub.node, hub.name)):
        raise IdentityError(f"{path} is damaged: enroll again")
    if not hub.url.startswith(("http://", "https://")):
        raise IdentityError(f"{path}: url must start with http:// or https://")
    return hub


def load_left(config_dir: Path) -> LeftHub | None:
    """What the note of the last leaving says; None where there is none that can be read."""
    try:
        value = json.loads((config_dir / LEFT_FILE).read_bytes())
        left = LeftHub(value["url"], value["node"], value["by"], value["reason"], value["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = (left.url, left.node, left.by, left.reason)
    return left if all(isinstance(text, str) for text in texts) and type(left.time) is int else None


def check_writable(config_dir: Path) -> None:
    """Raise IdentityError when hub.json can't be written there by us: better known before a token is used up."""
    place = config_dir
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise IdentityError(f"{config_dir} is not writable: run this as root")


def save_hub(config_dir: Path, hub: PinnedHub) -> None:
    """Write hub.json whole, mode 0644, in place of an older one or of the note of leaving; raises IdentityError."""
    path = config_dir / HUB_FILE
    text = json.dumps({"url": hub.url, "hub": hub.fingerprint, "jwk": hub.key.jwk(), "node": hub.node,
                       "name": hub.name}, indent=2) + "\n"
    try:
        config_dir.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode(), 0o644)
        (config_dir / LEFT_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise IdentityError(f"{path} can't be written: {error}; run this as root") from None


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Replace a file so that a reader or a power cut sees the old or the new one; raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask is
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def as_owner_of(path: Path) -> Iterator[None]:
    """Do file work as the folder's owner when we are root: the file is theirs from the first moment, and a link that
    they planted leads root nowhere."""
    owner = path.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    try:
        os.seteuid(owner.st_uid)
        try:
            yield
        finally:
            os.seteuid(0)
    finally:
        os.setegid(group)


def _refuse_open_mode(path: Path, forbidden: int, remedy: str) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & forbidden:
        raise IdentityError(f"{path} has mode {mode:04o} and is open to others: {remedy}")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
