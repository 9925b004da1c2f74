"""How one machine's update goes, as one table, and the signed papers that it rests on.

    pending -> sent -> downloading -> installing -> confirming -> updated
                                      installing, confirming -> rolling-back -> rolled-back

On the wire an update is a run (its id, its stream, its end) whose order carries two papers, each a JWS:

    manifest  RELEASE, by a signing key: which package file this is. An offline key may have signed it.
    key set   RELEASE_KEYS, by the hub's identity key: whose manifests count. Its serial only grows, so that a signing
              key that was taken out can't come back.

The machine's owner may name the signing keys instead (policy.toml); then the hub's key set counts for nothing.
"""

import re
from dataclasses import dataclass

from .errors import InvalidTransition, MalformedMessage, SignatureRefused
from .signing import PrivateKey, PublicKey, Purpose, peek, sign, verify
from .versions import check_version

PENDING = "pending"
SENT = "sent"
DOWNLOADING = "downloading"
INSTALLING = "installing"
CONFIRMING = "confirming"
ROLLING_BACK = "rolling-back"
UPDATED = "updated"
ROLLED_BACK = "rolled-back"
FAILED = "failed"
REFUSED = "refused"
EXPIRED = "expired"
CANCELLED = "cancelled"
LOST = "lost"
UNCHANGED = "unchanged"

STEPS = (DOWNLOADING, INSTALLING, CONFIRMING, ROLLING_BACK, ROLLED_BACK, UPDATED)
"""What a machine tells of itself while it updates."""

_ENDS = (UPDATED, ROLLED_BACK, FAILED, REFUSED, EXPIRED, CANCELLED, LOST, UNCHANGED)
TERMINAL = frozenset(_ENDS)

TRANSITIONS: dict[str, frozenset[str]] = {
    # its turn has not come; unchanged: it has this version already, as the hub knows or, later, the machine says
    PENDING: frozenset({SENT, UNCHANGED, CANCELLED, EXPIRED, REFUSED, LOST}),
    SENT: frozenset({DOWNLOADING, REFUSED, EXPIRED, CANCELLED, FAILED, LOST, PENDING, UNCHANGED}),
    # until here nothing on the machine has changed, so it can be cancelled, and failing leaves it as it was
    DOWNLOADING: frozenset({INSTALLING, FAILED, CANCELLED, LOST}),
    INSTALLING: frozenset({CONFIRMING, ROLLING_BACK, FAILED, LOST}),
    CONFIRMING: frozenset({UPDATED, ROLLING_BACK, LOST}),
    # failed: the previous version could not be put back either; somebody has to look
    ROLLING_BACK: frozenset({ROLLED_BACK, FAILED, LOST}),
    **{state: frozenset() for state in _ENDS},
}

STATES = tuple(TRANSITIONS)


def advance(state: str, to: str) -> str:
    """Return `to` when the table has an arrow from `state`; raise InvalidTransition otherwise."""
    if to not in TRANSITIONS.get(state, ()):
        raise InvalidTransition(f"an update that is {state} can't become {to}")
    return to


RELEASE_AUDIENCE = "dvic-machines"
"""The audience of both papers: any machine of any hub; what they may do there is the key set's and the policy's."""

MANIFEST_TTL = 365 * 86_400
"""Seconds that a manifest is valid unless its signer says otherwise."""

KEY_SET_TTL = 10 * 365 * 86_400
"""Seconds that a key set is valid; a newer one replaces it long before."""

MAX_SIGNING_KEYS = 16
"""Keys in one key set."""

MAX_PACKAGE_BYTES = 256 * 1024 * 1024
"""Bytes of a package that a machine downloads."""

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}\Z")
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Manifest:
    """One package file. `size` in bytes, `sha256` in hex; `minimum_hub`: the oldest hub that it can talk to ("": any);
    `expires`: Unix seconds, 0 before it is signed."""

    package: str
    version: str
    architecture: str
    size: int
    sha256: str
    minimum_hub: str = ""
    expires: int = 0

    @property
    def file_name(self) -> str:
        """As Debian names it: without the version's epoch."""
        return f"{self.package}_{self.version.partition(':')[2] or self.version}_{self.architecture}.deb"

    def sign(self, key: PrivateKey, *, now: float, ttl: float = MANIFEST_TTL) -> str:
        """The manifest's JWS, valid from `now` (Unix seconds) for `ttl` seconds."""
        claims = {"iss": key.fingerprint, "aud": RELEASE_AUDIENCE, "package": self.package, "version": self.version,
                  "architecture": self.architecture, "size": self.size, "sha256": self.sha256,
                  "minimum_hub": self.minimum_hub}
        return sign(key, Purpose.RELEASE, claims, now=now, ttl=ttl)


@dataclass(frozen=True)
class KeySet:
    """Whose manifests count. `serial` grows by at least one at each change."""

    serial: int
    keys: tuple[PublicKey, ...]

    def sign(self, hub: PrivateKey, *, now: float, ttl: float = KEY_SET_TTL) -> str:
        """The key set's JWS by the hub's identity key."""
        claims = {"iss": hub.fingerprint, "aud": RELEASE_AUDIENCE, "serial": self.serial,
                  "keys": [key.jwk() for key in self.keys]}
        return sign(hub, Purpose.RELEASE_KEYS, claims, now=now, ttl=ttl)


def read_manifest(text: str, keys: tuple[PublicKey, ...], *, now: float | None) -> Manifest:
    """The manifest, signed by one of `keys` and valid at `now` (None: whatever the time). Raises SignatureRefused,
    SignatureExpired, LimitExceeded, or MalformedMessage that names the field."""
    header, _ = peek(text)
    key = next((key for key in keys if key.fingerprint == header.get("kid")), None)
    if key is None:
        raise SignatureRefused("the manifest is signed by no key that counts here")
    claims = verify(text, key, Purpose.RELEASE, audience=RELEASE_AUDIENCE, now=now)
    for field, form in (("package", _PACKAGE), ("architecture", _PACKAGE), ("sha256", _HEX64)):
        if not isinstance(claims.get(field), str) or not form.match(claims[field]):
            raise MalformedMessage("is none", f"manifest.{field}")
    size, minimum = claims.get("size"), claims.get("minimum_hub", "")
    if type(size) is not int or not 0 < size <= MAX_PACKAGE_BYTES:
        raise MalformedMessage(f"must be 1 to {MAX_PACKAGE_BYTES} bytes", "manifest.size")
    if minimum != "":
        check_version(minimum)
    return Manifest(claims["package"], check_version(claims.get("version")), claims["architecture"], size,
                    claims["sha256"], minimum, claims["exp"])


def read_key_set(text: str, hub: PublicKey, *, now: float | None) -> KeySet:
    """The key set, signed by the hub. Raises as read_manifest does."""
    claims = verify(text, hub, Purpose.RELEASE_KEYS, audience=RELEASE_AUDIENCE, now=now)
    serial, keys = claims.get("serial"), claims.get("keys")
    if type(serial) is not int or serial < 1:
        raise MalformedMessage("must be a whole number from 1 on", "key set.serial")
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_SIGNING_KEYS:
        raise MalformedMessage(f"must be 1 to {MAX_SIGNING_KEYS} keys", "key set.keys")
    return KeySet(serial, tuple(PublicKey.from_jwk(key) for key in keys))
