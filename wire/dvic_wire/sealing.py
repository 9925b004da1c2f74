"""Secrets that travel sealed: only who holds the private half of a sealing key can open them.

The one module that encrypts; signing.py signs. X25519 with a fresh key for each sealed text, HKDF-SHA256 over both
public keys, ChaCha20-Poly1305 (as RFC 9180 puts them together). Each derived key seals one text, so the nonce is zero.
What a text is about (which run, which target ...) is authenticated with it: opened as anything else, it does not open.

    >>> key = SealingKey.generate()
    >>> key.open(seal(key.public, b"secret", "run 1"), "run 1")
    b'secret'

Sealing keeps a secret from whoever only carries it. Whose key it is sealed for has to be known by other means.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .errors import LimitExceeded, MalformedMessage, SignatureRefused
from .signing import b64decode, b64encode

MAX_SEALED_BYTES = 128 * 1024
"""What can be sealed in one text, bytes."""

_PURPOSE = b"dvic-sealed-1"
_NONCE = bytes(12)
_KEY_BYTES = 32
_TAG_BYTES = 16


class SealingKey:
    """The private half, made for one use and kept in memory only. Shown by no repr."""

    def __init__(self, key: X25519PrivateKey):
        self._key = key
        self.public = b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        """The public half, base64url."""

    @classmethod
    def generate(cls) -> "SealingKey":
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, raw: bytes) -> "SealingKey":
        """From the 32 bytes of RFC 7748; raises MalformedMessage on another length."""
        if len(raw) != _KEY_BYTES:
            raise MalformedMessage("an X25519 key has 32 bytes", "sealing key")
        return cls(X25519PrivateKey.from_private_bytes(raw))

    def open(self, text: str, about: str) -> bytes:
        """What was sealed for this key and about this; raises SignatureRefused, MalformedMessage or LimitExceeded."""
        if len(text) > 2 * MAX_SEALED_BYTES:
            raise LimitExceeded("MAX_SEALED_BYTES", MAX_SEALED_BYTES, len(text))
        data = b64decode(text)
        if len(data) < _KEY_BYTES + _TAG_BYTES:
            raise MalformedMessage("is too short", "sealed")
        sender, sealed = data[:_KEY_BYTES], data[_KEY_BYTES:]
        cipher = ChaCha20Poly1305(_derive(self._key, sender, sender + b64decode(self.public)))
        try:
            return cipher.decrypt(_NONCE, sealed, about.encode())
        except InvalidTag:
            raise SignatureRefused("the sealed text does not open: it is for another key or about something else") \
                from None


def seal(public: str, data: bytes, about: str, *, sender: SealingKey | None = None) -> str:
    """`data` for the holder of the private half of `public`, as text. `sender`: only tests give one, it must be fresh.

    Raises MalformedMessage for a bad key, LimitExceeded.
    """
    if len(data) > MAX_SEALED_BYTES:
        raise LimitExceeded("MAX_SEALED_BYTES", MAX_SEALED_BYTES, len(data))
    receiver = check_public(public)
    once = sender or SealingKey.generate()
    own = b64decode(once.public)
    key = _derive(once._key, receiver, own + receiver)
    return b64encode(own + ChaCha20Poly1305(key).encrypt(_NONCE, data, about.encode()))


def check_public(public: object) -> bytes:
    """The bytes of a public sealing key; raises MalformedMessage."""
    raw = b64decode(public) if isinstance(public, str) else b""
    if len(raw) != _KEY_BYTES:
        raise MalformedMessage("an X25519 key has 32 bytes", "sealing key")
    return raw


def _derive(private: X25519PrivateKey, public: bytes, both: bytes) -> bytes:
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # a point of small order: everybody would know the result
        raise MalformedMessage("is no usable X25519 key", "sealing key") from None
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE + both).derive(shared)
