"""The key that signs the apt repository: `releases.key`, an OpenPGP key with Ed25519, made when it is first needed.

apt knows no other signatures than OpenPGP's, so this is not the hub's own key but one beside it; machines get its
public half in the install script (docs/decisions/0013). Here alone OpenPGP is spoken.
"""

import os
import stat
from pathlib import Path

from pysequoia import SignatureMode, Tsk, sign

from dvic_hub.errors import HubError

KEY_FILE = "releases.key"

USER = "DVIC hub, packages"


class ReleaseKeyError(HubError):
    """The key that signs packages can't be used; str(error) says what to do."""

    code, title = "release-key", "The key that signs packages can't be used"


class ReleaseKey:
    """Signs; `public` is the ASCII-armored key that verifies."""

    def __init__(self, secret: bytes):
        self._key = Tsk.from_bytes(secret)
        certificate = self._key.extract_certificate()
        self.public = str(certificate)
        self.fingerprint = certificate.fingerprint.upper()

    def sign_clear(self, text: str) -> str:
        """The text with its signature around it, as `InRelease` has it."""
        return sign(self._key.signer(), text.encode(), mode=SignatureMode.CLEAR).decode()

    def sign_detached(self, data: bytes) -> str:
        """The armored signature alone, as `Release.gpg` has it."""
        return sign(self._key.signer(), data, mode=SignatureMode.DETACHED).decode()


def load_or_create(state_dir: Path) -> ReleaseKey:
    """The key, made now if there is none; it does not expire. Raises ReleaseKeyError."""
    path = state_dir / KEY_FILE
    try:
        if not path.exists():
            _write_new(path, bytes(Tsk.generate(USER, validity_seconds=None)))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ReleaseKeyError(f"{path} can be read by others: run chmod 600 {path}")
        return ReleaseKey(path.read_bytes())
    except OSError as error:
        raise ReleaseKeyError(f"{path}: {error.strerror}") from error
    except RuntimeError as error:
        raise ReleaseKeyError(f"{path} is damaged ({error}): restore it from a backup") from None


def _write_new(path: Path, data: bytes) -> None:
    """Whole or not at all, mode 0600 from the first moment, and never over a key that another process made."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink(missing_ok=True)
