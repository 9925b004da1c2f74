"""The hub's own key that signs packages' manifests: `signing.key`, Ed25519, made when it is first needed.

It is another one than the hub's identity, so that it can be replaced (services/release_keys.py), and so that packages
can be signed on a machine that is connected to nothing instead.
"""

import os
import stat
from pathlib import Path

from dvic_hub.errors import HubError
from dvic_wire.errors import MalformedMessage
from dvic_wire.signing import PrivateKey

KEY_FILE = "signing.key"


class SigningKeyError(HubError):
    """The key file can't be used; str(error) says what to do."""

    code, title = "signing-key", "The key that signs manifests can't be used"


def load(state_dir: Path) -> PrivateKey | None:
    """The key; None when none was made yet. Raises SigningKeyError."""
    path = state_dir / KEY_FILE
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SigningKeyError(f"{path} can be read by others: run chmod 600 {path}, and think of replacing it")
        return PrivateKey.load(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SigningKeyError(f"{path} can't be read: {error.strerror}") from error
    except MalformedMessage as error:
        raise SigningKeyError(f"{error}: restore it from a backup, or remove it and make a new one") from error


def save(state_dir: Path, key: PrivateKey) -> None:
    """Keep this key in the place of the one before; whole or not at all. Raises SigningKeyError."""
    path = state_dir / KEY_FILE
    beside = path.with_name(f"{KEY_FILE}.{os.getpid()}.next")
    try:
        beside.unlink(missing_ok=True)
        key.save(beside)
        beside.rename(path)
    except OSError as error:
        raise SigningKeyError(f"{path} can't be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
