"""What hubctl, the hub and the machine that opens ssh say to each other while they enrol another machine by ssh. Pure.

    source -> hub      a Question: the host keys that the target shows, and a sealing key that was made for this run
    hubctl -> source   which host key was accepted, and the Secret, sealed
    hub    -> source   the installer, sealed (it holds an enrolment token)

The question is a line of the run's output that begins with MARK. It is shown to nobody but read by the hub.
"""

import base64
import binascii
import hashlib
import ipaddress
import json
import re
from dataclasses import asdict, dataclass

from .errors import LimitExceeded, MalformedMessage
from .sealing import check_public

SSH_PORT = 22

MARK = "dvic-push-question "
"""What the line begins with that holds the question; the rest of it is JSON."""

COMPLAINT = "dvic-push: "
"""What the last line of error output begins with that says why it failed."""

SECRET, SCRIPT = "secret", "script"
"""What is sealed, as it stands in what a sealed text is about."""

MAX_HOST_KEYS = 16
"""Host keys that one target may show."""

MAX_HOST_KEY = 4096
"""Characters of one host key."""

MAX_SECRET_BYTES = 32 * 1024
"""A password, a private key and its passphrase together, bytes."""

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,62}\$?\Z")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?\Z")
_ZONE = re.compile(r"[A-Za-z0-9_.-]{1,15}\Z")
_KIND = re.compile(r"[a-z0-9@.-]{1,64}\Z")
_PREFERRED = ("ssh-ed25519", "ecdsa-", "ssh-rsa")


@dataclass(frozen=True)
class Target:
    """Where to sign in and as whom. str() is how people write it."""

    user: str
    host: str
    port: int = SSH_PORT

    def __str__(self) -> str:
        return f"{self.user}@{self.place}"

    @property
    def place(self) -> str:
        """HOST, or HOST:PORT where the port is not ssh's own."""
        host = f"[{self.host}]" if ":" in self.host and self.port != SSH_PORT else self.host
        return host if self.port == SSH_PORT else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Target":
        """USER@HOST[:PORT]; an IPv6 address with a port stands in brackets. Raises MalformedMessage."""
        user, at, place = text.rpartition("@")
        if not at:
            raise MalformedMessage("write USER@HOST or USER@HOST:PORT", "target")
        host, port = split_place(place)
        return cls(user, host, port).checked()

    def checked(self) -> "Target":
        """Itself, when each part can be given to ssh without being taken for anything else; raises MalformedMessage."""
        if not _USER.match(self.user):
            raise MalformedMessage("is no user's name", "target.user")
        check_host(self.host)
        if type(self.port) is not int or not 0 < self.port < 65536:
            raise MalformedMessage("must be 1 to 65535", "target.port")
        return self


def split_place(text: str) -> tuple[str, int]:
    """HOST[:PORT] as (host, port); raises MalformedMessage."""
    bracketed = re.fullmatch(r"\[(.+)\](?::(\d{1,5}))?", text)
    if bracketed:
        host, port = bracketed.groups()
    elif text.count(":") > 1:  # an IPv6 address as it is
        host, port = text, None
    else:
        host, colon, port = text.partition(":")
        if colon and not re.fullmatch(r"[0-9]{1,5}", port):
            raise MalformedMessage("must be 1 to 65535", "target.port")
    number = int(port) if port else SSH_PORT
    if not 0 < number < 65536:
        raise MalformedMessage("must be 1 to 65535", "target.port")
    return check_host(host), number


def check_host(host: str) -> str:
    """A name or an address; raises MalformedMessage."""
    address, percent, zone = host.partition("%")
    try:
        ipaddress.ip_address(address)
        if not percent or _ZONE.match(zone):
            return host
    except ValueError:
        if _HOST.match(host):
            return host
    raise MalformedMessage("is neither a host's name nor an address", "target.host")


@dataclass(frozen=True)
class HostKey:
    """A public host key as ssh writes it: `kind` and `blob` (base64)."""

    kind: str
    blob: str

    @property
    def fingerprint(self) -> str:
        """As ssh shows it: SHA256:..."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.kind} {self.blob}"

    @classmethod
    def parse(cls, text: object) -> "HostKey":
        """`KIND BLOB`; raises MalformedMessage, also where the blob is of another kind."""
        kind, _, blob = text.partition(" ") if isinstance(text, str) and len(text) <= MAX_HOST_KEY else ("", "", "")
        try:
            raw = base64.b64decode(blob, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not _KIND.match(kind) or raw[:4] != len(kind).to_bytes(4, "big") or raw[4:4 + len(kind)] != kind.encode():
            raise MalformedMessage("is no public key of ssh", "host key")
        return cls(kind, blob)


def scanned(text: str) -> tuple[HostKey, ...]:
    """The keys in what ssh-keyscan printed, the best kind first; what is no key is left out."""
    found = []
    for line in text.splitlines():
        _, _, rest = line.strip().partition(" ")
        try:
            found.append(HostKey.parse(" ".join(rest.split()[:2])))
        except MalformedMessage:
            continue
    return tuple(sorted(dict.fromkeys(found), key=_rank))[:MAX_HOST_KEYS]


def _rank(key: HostKey) -> tuple[int, str]:
    place = next((number for number, kind in enumerate(_PREFERRED) if key.kind.startswith(kind)), len(_PREFERRED))
    return place, key.kind


@dataclass(frozen=True)
class Question:
    """What the source found and needs: `keys` that the target shows, best first, and `seal`, a public sealing key."""

    keys: tuple[HostKey, ...]
    seal: str

    def line(self) -> str:
        return MARK + json.dumps({"keys": [str(key) for key in self.keys], "seal": self.seal}, separators=(",", ":"))

    @classmethod
    def parse(cls, line: str) -> "Question":
        """From its line; raises MalformedMessage."""
        try:
            value = json.loads(line.removeprefix(MARK))
            keys, seal = value["keys"], value["seal"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise MalformedMessage("is no question", "question") from None
        if not isinstance(keys, list) or not 0 < len(keys) <= MAX_HOST_KEYS:
            raise MalformedMessage(f"must be 1 to {MAX_HOST_KEYS} host keys", "question.keys")
        check_public(seal)
        return cls(tuple(HostKey.parse(key) for key in keys), seal)


@dataclass(frozen=True, repr=False)
class Secret:
    """What signs in: a `password` (also for sudo), or the text of a private `key` with its `passphrase`."""

    password: str = ""
    key: str = ""
    passphrase: str = ""

    def encode(self) -> bytes:
        """As it is sealed; raises MalformedMessage or LimitExceeded."""
        if not (self.password or self.key):
            raise MalformedMessage("needs a password or a key", SECRET)
        if any(mark in self.password + self.passphrase for mark in "\n\r\0"):
            raise MalformedMessage("must be one line", "password")
        data = json.dumps(asdict(self)).encode()
        if len(data) > MAX_SECRET_BYTES:
            raise LimitExceeded("MAX_SECRET_BYTES", MAX_SECRET_BYTES, len(data))
        return data

    @classmethod
    def decode(cls, data: bytes) -> "Secret":
        try:
            secret = cls(**json.loads(data))
            secret.encode()
        except (ValueError, TypeError, RecursionError):
            raise MalformedMessage("is damaged", SECRET) from None
        return secret


def about(what: str, run: str, target: Target, fingerprint: str) -> str:
    """What a sealed text is about: it opens for this run, this target and this host key only."""
    return "\n".join((what, run, str(target), fingerprint))


def is_encrypted(key: str) -> bool:
    """Whether the text of a private key asks for a passphrase; raises MalformedMessage where it is no private key."""
    lines = [line.strip() for line in key.strip().splitlines()]
    if not lines or not re.fullmatch(r"-----BEGIN [A-Z ]*PRIVATE KEY-----", lines[0]):
        raise MalformedMessage("is no private key (PEM, or as ssh-keygen writes it)", "key")
    if "OPENSSH" not in lines[0]:
        return "ENCRYPTED" in lines[0] or any(line.startswith("Proc-Type:") and "ENCRYPTED" in line for line in lines)
    try:
        raw = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage("is a damaged private key", "key") from None
    head = b"openssh-key-v1\0"
    if not raw.startswith(head):
        raise MalformedMessage("is a damaged private key", "key")
    size = int.from_bytes(raw[len(head):len(head) + 4], "big")
    return raw[len(head) + 4:len(head) + 4 + size] != b"none"
