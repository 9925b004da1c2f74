"""A device's key and what it signs: compact JWS, by Ed25519 or by a key that the hub knows too (HS256)."""

import hashlib
import json
from binascii import a2b_base64, b2a_base64

from . import ed25519

_ED25519_DER = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes in a PKCS #8 file (RFC 8410)."""


def encoded(data):
    """base64url without padding."""
    return b2a_base64(data).decode().rstrip("\n=").replace("+", "-").replace("/", "_")


def decoded(text):
    return a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))


def _base32(data):
    """The first 20 characters of lower-case base32: those of the first 100 bits."""
    bits = int.from_bytes(data[:13], "big") >> 4
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[bits >> shift & 31] for shift in range(95, -1, -5))


class Ed25519Key:
    algorithm = "EdDSA"

    def __init__(self, seed):
        self._seed = seed
        self._public = ed25519.public_of(seed)
        self.node = "n-" + _base32(hashlib.sha256(b"dvic-node" + self._public).digest())

    def sign(self, data):
        return ed25519.sign(self._seed, self._public, data)


class SharedKey:
    algorithm = "HS256"

    def __init__(self, raw):
        self._inner = bytes(byte ^ 0x36 for byte in raw + bytes(32))
        self._outer = bytes(byte ^ 0x5C for byte in raw + bytes(32))
        self.node = "n-" + _base32(hashlib.sha256(b"dvic-device" + raw).digest())

    def sign(self, data):
        """HMAC (RFC 2104) with SHA-256."""
        return hashlib.sha256(self._outer + hashlib.sha256(self._inner + data).digest()).digest()


def read_key(text):
    """The key in what `hubctl node add --generate-key` wrote: PEM, or 43 characters of base64url. Raises ValueError."""
    text = text.strip()
    if text.startswith("-----BEGIN PRIVATE KEY-----"):
        der = decoded("".join(line.strip() for line in text.split("\n")[1:-1]))
        if len(der) == 48 and der.startswith(_ED25519_DER):
            return Ed25519Key(der[16:])
    elif len(text) == 43:
        raw = decoded(text)
        if len(raw) == 32:
            return SharedKey(raw)
    raise ValueError("the key file holds no key as hubctl node add --generate-key writes it")


def signed(key, purpose, claims):
    """The compact JWS of `claims` for `purpose`: keepalive-post, keepalive-udp or records-post."""
    header = {"alg": key.algorithm, "typ": "dvic-" + purpose + "+jws"}
    text = encoded(json.dumps(header).encode()) + "." + encoded(json.dumps(claims).encode())
    return text + "." + encoded(key.sign(text.encode()))
