"""The enrolment token: where the hub is, whose key it must show, and the right to join once.

    dvic1.<base64url of {"url": ..., "hub": <fingerprint>, "seed": <base64url, 32 bytes>}>.<checksum>

The secret is the seed of an Ed25519 key. The new node signs its request with it, so the secret itself never travels;
the hub keeps only the fingerprint of its public half, from which the seed can't be found.
The checksum (8 hex digits of SHA-256) names a token that was cut off while copying before anything is sent.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass

from .errors import InvalidToken, MalformedMessage
from .signing import PrivateKey, b64decode, b64encode

PREFIX = "dvic1"
MAX_TOKEN = 2000
"""Characters of a token."""


@dataclass(frozen=True, repr=False)
class EnrolmentToken:
    """`url` is the hub's base address, `hub` the fingerprint of its key, `seed` the secret (32 bytes)."""

    url: str
    hub: str
    seed: bytes

    @classmethod
    def make(cls, url: str, hub: str) -> "EnrolmentToken":
        return cls(url.rstrip("/"), hub, secrets.token_bytes(32))

    @property
    def key(self) -> PrivateKey:
        """The key that signs the enrolment request."""
        return PrivateKey.from_seed(self.seed)

    @property
    def id(self) -> str:
        """What the hub keeps: the fingerprint of the public half."""
        return self.key.fingerprint

    def encode(self) -> str:
        body = b64encode(json.dumps({"url": self.url, "hub": self.hub, "seed": b64encode(self.seed)}).encode())
        return f"{PREFIX}.{body}.{_checksum(body)}"

    @classmethod
    def decode(cls, text: str) -> "EnrolmentToken":
        """Read a token; raises InvalidToken that says what is wrong with it."""
        text = text.strip()
        if len(text) > MAX_TOKEN:
            raise InvalidToken(f"an enrolment token has at most {MAX_TOKEN} characters")
        parts = text.split(".")
        if parts[0] != PREFIX:
            raise InvalidToken(f"an enrolment token starts with {PREFIX}.")
        if len(parts) != 3 or not secrets.compare_digest(parts[2].encode(), _checksum(parts[1]).encode()):
            raise InvalidToken("the enrolment token is incomplete or mistyped: copy the whole of it")
        try:
            value = json.loads(b64decode(parts[1]))
            token = cls(value["url"], value["hub"], b64decode(value["seed"]))
        except (ValueError, KeyError, TypeError, MalformedMessage, RecursionError):
            raise InvalidToken("the enrolment token is damaged") from None
        if len(token.seed) != 32 or not isinstance(token.hub, str) or len(token.hub) != 43:
            raise InvalidToken("the enrolment token is damaged")
        if not isinstance(token.url, str) or not token.url.startswith(("https://", "http://")):
            raise InvalidToken("the enrolment token names no http address")
        return token


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:8]
