"""Keys, fingerprints and signed messages: the one module that signs and verifies.

Rules:
- Everything signed is a compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037). Keepalives of devices for which that
  is too much may be signed with HS256 (RFC 7518) instead, by a key that the hub knows too: it proves nothing else.
- The algorithm and the key come from the record of who is expected, never from the message's header.
- A signature serves one purpose (`typ`), one audience (`aud`), a span of time (`iat`, `exp`) and one use (`jti`,
  a nonce or a serial, which the caller checks): a message for one door opens no other.
- A key's fingerprint is its JWK thumbprint (RFC 7638), 43 characters of base64url.

    >>> key = PrivateKey.generate()
    >>> text = sign(key, Purpose.RUN, {"aud": "n-abc", "jti": "1"}, now=1000, ttl=60)
    >>> verify(text, key.public, Purpose.RUN, audience="n-abc", now=1010)["jti"]
    '1'
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from .errors import LimitExceeded, MalformedMessage, SignatureExpired, SignatureRefused
from .limits import MAX_SIGNED_BYTES

ALGORITHM = "EdDSA"

SHARED_ALGORITHM = "HS256"

CLOCK_LEEWAY = 60
"""Seconds by which a signer's clock may be ahead of the verifier's, or the message older than its expiry."""

SHORT_HEADER = 256
"""Characters of a header up to which it is remembered what it says."""

LOADED_KEYS = 4096
"""Public keys that are kept ready to verify with."""

_BASE64URL = re.compile(rb"[A-Za-z0-9_-]*\Z")


class Purpose(StrEnum):
    """What a signature is for: the JWS header's `typ`."""

    HUB_PROOF = "dvic-hub-proof+jws"
    NODE_PROOF = "dvic-node-proof+jws"
    ENROL_TOKEN = "dvic-enrol-token+jws"
    ENROL_NODE = "dvic-enrol-node+jws"
    ENROLLED = "dvic-enrolled+jws"
    KEEPALIVE_WS = "dvic-keepalive-ws+jws"
    KEEPALIVE_POST = "dvic-keepalive-post+jws"
    KEEPALIVE_UDP = "dvic-keepalive-udp+jws"
    RECORDS_POST = "dvic-records-post+jws"
    RUN = "dvic-run+jws"
    CANCEL = "dvic-cancel+jws"
    OPERATOR = "dvic-operator+jws"
    RELEASE = "dvic-release+jws"
    RELEASE_KEYS = "dvic-release-keys+jws"
    UPDATE = "dvic-update+jws"
    UPDATE_CONFIRM = "dvic-update-confirm+jws"
    LEAVE = "dvic-leave+jws"
    ENROLL_SSH = "dvic-enroll-ssh+jws"
    ENROLL_ANSWER = "dvic-enroll-answer+jws"
    NODE_LEAVE = "dvic-node-leave+jws"
    TERMINAL = "dvic-terminal+jws"
    TERMINAL_INPUT = "dvic-terminal-input+jws"
    COPY = "dvic-copy+jws"


SHARED_PURPOSES = (Purpose.KEEPALIVE_POST, Purpose.KEEPALIVE_UDP, Purpose.RECORDS_POST)
"""All that a key which the hub knows too may sign."""


def b64encode(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64decode(text: str | bytes) -> bytes:
    """The inverse of b64encode; raises MalformedMessage on padding, other alphabets and stray bits."""
    data = text.encode("ascii", "replace") if isinstance(text, str) else text
    if not _BASE64URL.match(data) or len(data) % 4 == 1:
        raise MalformedMessage("is not base64url")
    decoded = base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))
    if b64encode(decoded).encode() != data:
        raise MalformedMessage("is not canonical base64url")
    return decoded


@lru_cache(LOADED_KEYS)
def _loaded(raw: bytes) -> Ed25519PublicKey:
    """A public key as the library verifies with it: making it costs a tenth of verifying."""
    return Ed25519PublicKey.from_public_bytes(raw)


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key: 32 bytes."""

    algorithm: ClassVar[str] = ALGORITHM

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise MalformedMessage("an Ed25519 public key has 32 bytes", "x")

    def check(self, signature: bytes, data: bytes) -> None:
        """Raise SignatureRefused unless `signature` is this key's under `data`; MalformedMessage for no signature."""
        if len(signature) != 64:
            raise MalformedMessage("an Ed25519 signature has 64 bytes", "jws")
        try:
            _loaded(self.raw).verify(signature, data)
        except InvalidSignature:
            raise SignatureRefused("the signature is wrong") from None

    @property
    def fingerprint(self) -> str:
        """RFC 7638 thumbprint with SHA-256: members in lexical order, no white space."""
        canonical = json.dumps(self.jwk(), sort_keys=True, separators=(",", ":"))
        return b64encode(hashlib.sha256(canonical.encode()).digest())

    @property
    def node_id(self) -> str:
        """The id of the node that owns this key: `n-` and 100 bits of the key's hash in base32."""
        return _node_id(b"dvic-node" + self.raw)

    def jwk(self) -> dict[str, str]:
        """The key as RFC 8037 writes it."""
        return {"crv": "Ed25519", "kty": "OKP", "x": b64encode(self.raw)}

    @classmethod
    def from_jwk(cls, value: object) -> "PublicKey":
        """Read a JWK; raises MalformedMessage unless it is a plain Ed25519 public key."""
        if not isinstance(value, dict) or value.get("kty") != "OKP" or value.get("crv") != "Ed25519":
            raise MalformedMessage("is not an Ed25519 key (kty OKP, crv Ed25519)", "jwk")
        if "d" in value or not isinstance(value.get("x"), str):
            raise MalformedMessage("must hold the public part x and no private part", "jwk")
        return cls(b64decode(value["x"]))


class PrivateKey:
    """An Ed25519 private key. Its text is shown by no repr."""

    algorithm = ALGORITHM

    def __init__(self, key: Ed25519PrivateKey):
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @classmethod
    def generate(cls) -> "PrivateKey":
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> "PrivateKey":
        """From the 32 bytes of RFC 8032; raises MalformedMessage on another length."""
        if len(seed) != 32:
            raise MalformedMessage("an Ed25519 seed has 32 bytes", "d")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> "PrivateKey":
        """Read a PKCS #8 PEM file; raises OSError, or MalformedMessage when it holds something else."""
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except ValueError as error:
            raise MalformedMessage("is not an unencrypted PEM private key", str(path)) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise MalformedMessage("is not an Ed25519 key", str(path))
        return cls(key)

    def save(self, path: Path) -> None:
        """Write a new PEM file, mode 0600 from the first moment; never over an existing one (FileExistsError).

        The file appears whole or not at all: it is written beside and linked into place.
        """
        beside = path.with_name(f".{path.name}.{os.getpid()}.new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.pem().encode())
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    def pem(self) -> str:
        """The private key as unencrypted PKCS #8 PEM text."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")

    def sign_bytes(self, data: bytes) -> bytes:
        """The bare Ed25519 signature, 64 bytes."""
        return self._key.sign(data)

    @property
    def fingerprint(self) -> str:
        return self.public.fingerprint


class SharedKey:
    """32 bytes that a device and the hub both know, for HMAC with SHA-256. Its text is shown by no repr."""

    algorithm = SHARED_ALGORITHM

    def __init__(self, raw: bytes):
        if len(raw) != 32:
            raise MalformedMessage("a shared key has 32 bytes", "k")
        self.raw = raw

    @classmethod
    def generate(cls) -> "SharedKey":
        return cls(secrets.token_bytes(32))

    @classmethod
    def from_text(cls, text: str) -> "SharedKey":
        """The inverse of `text`; raises MalformedMessage."""
        return cls(b64decode(text))

    def text(self) -> str:
        """The key as base64url, 43 characters: member `k` of a JWK (RFC 7518, section 6.4)."""
        return b64encode(self.raw)

    @property
    def node_id(self) -> str:
        """The id of the device that holds this key."""
        return _node_id(b"dvic-device" + self.raw)

    @property
    def fingerprint(self) -> str:
        """What the header names the key by: the id, since a thumbprint of the secret itself belongs nowhere."""
        return self.node_id

    def sign_bytes(self, data: bytes) -> bytes:
        """The HMAC, 32 bytes."""
        return hmac.digest(self.raw, data, "sha256")

    def check(self, signature: bytes, data: bytes) -> None:
        """Raise SignatureRefused unless `signature` is this key's under `data`."""
        if not hmac.compare_digest(signature, self.sign_bytes(data)):
            raise SignatureRefused("the signature is wrong")


def sign(key: PrivateKey | SharedKey, purpose: Purpose, claims: dict, *, now: float, ttl: float) -> str:
    """Sign `claims` for `purpose` from `now` (Unix seconds) for `ttl` seconds; returns the compact JWS."""
    header = {"alg": key.algorithm, "typ": str(purpose), "kid": key.fingerprint}
    payload = {**claims, "iat": int(now), "exp": int(now + ttl)}
    signed = f"{_segment(header)}.{_segment(payload)}"
    return f"{signed}.{b64encode(key.sign_bytes(signed.encode('ascii')))}"


class Jws:
    """A compact JWS taken apart, **unverified**. Its parts are decoded when they are asked for, and once."""

    def __init__(self, text: str):
        """Raises LimitExceeded or MalformedMessage."""
        self._header, self._claims, self.signature = _split(text)

    @property
    def header(self) -> Mapping[str, object]:
        return _short_header(self._header) if len(self._header) <= SHORT_HEADER else _object(self._header, "header")

    @cached_property
    def claims(self) -> dict:
        return _object(self._claims, "claims")

    @property
    def signed(self) -> bytes:
        """What the signature is under."""
        return f"{self._header}.{self._claims}".encode("ascii")


def verify(text: str | Jws, key: PublicKey | SharedKey, purpose: Purpose, *, audience: str, now: float | None,
           leeway: float = CLOCK_LEEWAY) -> dict:
    """Return the claims of a JWS when everything holds; raise SignatureRefused, MalformedMessage or LimitExceeded.

    `now` is Unix seconds; None skips the check of time, for exchanges whose freshness rests on a nonce of the
    verifier's own (a machine with a wrong clock must still be able to connect and be told so).
    The signature is checked before the claims are parsed, unless whoever took a Jws apart looked whose it claims to be.
    """
    jws = text if isinstance(text, Jws) else Jws(text)
    header = jws.header
    if isinstance(key, SharedKey) and purpose not in SHARED_PURPOSES:
        raise SignatureRefused("a key that the hub knows too signs keepalives and records, nothing else")
    if header.get("alg") != key.algorithm:
        raise SignatureRefused("the algorithm is not the one of the key on record")
    if header.get("typ") != str(purpose):
        raise SignatureRefused(f"signed for another purpose than {purpose}")
    if set(header) - {"alg", "typ", "kid"}:
        raise SignatureRefused("the header holds more than alg, typ and kid")
    key.check(jws.signature, jws.signed)
    claims = jws.claims
    if claims.get("aud") != audience:
        raise SignatureRefused("signed for another audience")
    check_time(claims, now, leeway)
    return claims


def check_time(claims: dict, now: float | None, leeway: float = CLOCK_LEEWAY) -> None:
    """Refuse claims that are not valid at `now` (Unix seconds; None checks only their form): SignatureExpired when they
    are over, SignatureRefused when they lie in the future. For verifiers that first look up what a message is about."""
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        raise SignatureRefused("iat and exp must be whole seconds")
    if now is None:
        return
    if now > expires + leeway:
        raise SignatureExpired(f"expired {int(now - expires)} s ago by this machine's clock")
    if issued > now + leeway:
        raise SignatureRefused(f"issued {int(issued - now)} s in the future by this machine's clock")


def peek(text: str) -> tuple[dict, dict]:
    """The header and claims of a JWS **unverified**: only to find out whose key to verify with."""
    jws = Jws(text)
    return dict(jws.header), jws.claims


def _segment(value: dict) -> str:
    return b64encode(json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode())


def _split(text: str) -> tuple[str, str, bytes]:
    if len(text) > MAX_SIGNED_BYTES:
        raise LimitExceeded("MAX_SIGNED_BYTES", MAX_SIGNED_BYTES, len(text))
    parts = text.split(".")
    if len(parts) != 3:
        raise MalformedMessage("a compact JWS has three parts", "jws")
    return parts[0], parts[1], b64decode(parts[2])


def _node_id(key: bytes) -> str:
    return "n-" + base64.b32encode(hashlib.sha256(key).digest())[:20].decode("ascii").lower()


@lru_cache(4096)
def _short_header(segment: str) -> Mapping[str, object]:
    """One key's headers are always the same text, so what they say is remembered."""
    return MappingProxyType(_object(segment, "header"))


def _object(segment: str, name: str) -> dict:
    try:
        value = json.loads(b64decode(segment))
    except (ValueError, RecursionError):
        raise MalformedMessage("is not JSON", name) from None
    if not isinstance(value, dict):
        raise MalformedMessage("must be an object", name)
    return value
