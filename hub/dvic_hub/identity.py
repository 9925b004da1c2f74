"""The hub's identity: one Ed25519 key in `hub.key`, made at the first start and never again.

Its fingerprint is in every enrolment token and pinned by every node, so losing this file means enrolling every machine
again: `dvic-hub backup` carries it.
"""

import os
import stat
from pathlib import Path

from dvic_hub.errors import HubError
from dvic_wire.errors import MalformedMessage
from dvic_wire.signing import PrivateKey

KEY_FILE = "hub.key"


class IdentityError(HubError):
    """The key file can't be used; str(error) says what to do."""

    code, title = "identity", "The hub's key can't be used"


def load(state_dir: Path) -> PrivateKey:
    """Read the key; raises IdentityError when it is missing, damaged or readable by others."""
    path = state_dir / KEY_FILE
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise IdentityError(f"{path} can be read by others: run chmod 600 {path}, and think about who has read it")
        return PrivateKey.load(path)
    except FileNotFoundError:
        raise IdentityError(f"{path} does not exist: run dvic-hub setup, or restore a backup") from None
    except OSError as error:
        raise IdentityError(f"{path} can't be read: {error.strerror}") from error
    except MalformedMessage as error:
        raise IdentityError(f"{error}: restore it from a backup") from error


def load_or_create(state_dir: Path) -> tuple[PrivateKey, bool]:
    """The key, and whether it was made just now. Raises IdentityError."""
    path = state_dir / KEY_FILE
    if os.path.lexists(path):
        return load(state_dir), False
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        PrivateKey.generate().save(path)
    except FileExistsError:
        return load(state_dir), False
    except OSError as error:
        raise IdentityError(f"{path} can't be written: {error.strerror}") from error
    return load(state_dir), True
