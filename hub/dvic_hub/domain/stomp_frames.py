r"""STOMP frames, versions 1.0 to 1.2: bytes to frames and back. Pure, and bounded before anything is believed.

    COMMAND \n  header:value \n  header:value \n  \n  body \0

- A line may end with CR LF; empty lines between frames are heart-beats.
- Of a header that stands twice the first counts. `content-length` lets a body hold NUL; without it NUL ends the body.
- Escapes in headers: none in 1.0 and in CONNECT, `\n \c \\` in 1.1, `\r` too in 1.2; any other is an error.
"""

import re
from dataclasses import dataclass, field

from dvic_wire.errors import LimitExceeded, MalformedMessage

VERSIONS = ("1.2", "1.1", "1.0")
"""Best first."""

MAX_STOMP_HEAD_BYTES = 16 * 1024
"""Command and headers of one STOMP frame, bytes."""

MAX_STOMP_HEADERS = 64
"""Headers of one STOMP frame."""

MAX_STOMP_BODY_BYTES = 256 * 1024
"""The body of one STOMP frame that a client sends, bytes."""

COMMANDS = frozenset({"CONNECT", "STOMP", "SUBSCRIBE", "UNSUBSCRIBE", "SEND", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT",
                      "DISCONNECT"})
"""What clients say."""

PLAIN = frozenset({"CONNECT", "STOMP", "CONNECTED"})
"""Frames whose headers are never escaped, so that every version can read them."""

_BEATS = re.compile(rb"(\r?\n)+")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(r"[0-9]{1,9}\Z")
_ESCAPES = {"1.0": {}, "1.1": {"n": "\n", "c": ":", "\\": "\\"}, "1.2": {"n": "\n", "c": ":", "\\": "\\", "r": "\r"}}


@dataclass(frozen=True)
class Frame:
    """One frame. `headers`: unescaped."""

    command: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Parser:
    """`feed` it what comes, in pieces of any size, then take frames with `next` until it has none.

    `version` is the one that was agreed on; it counts from the next frame on.
    """

    def __init__(self) -> None:
        self.version = "1.0"
        self._held = bytearray()
        self._searched = 0
        self._head: tuple[str, dict[str, str], int | None] | None = None

    def feed(self, data: bytes) -> None:
        self._held += data

    def next(self) -> Frame | None:
        """The next whole frame. Raises MalformedMessage or LimitExceeded; nothing more can be read then."""
        if self._head is None:
            self._head = self._read_head()
        if self._head is None:
            return None
        command, headers, length = self._head
        end = self._end_of_body(length)
        if end < 0:
            return None
        body = bytes(self._held[:end])
        del self._held[:end + 1]
        self._head, self._searched = None, 0
        if body and command != "SEND":
            raise MalformedMessage(f"{command} has no body", "body")
        return Frame(command, headers, body)

    def _read_head(self) -> tuple[str, dict[str, str], int | None] | None:
        """Command, headers and content-length, taken off what is held; None when they are not there yet."""
        if beats := _BEATS.match(self._held):
            del self._held[:beats.end()]
            self._searched = 0
        found = _END_OF_HEAD.search(self._held, max(0, self._searched - 3))
        size = found.end() if found else len(self._held)
        if size > MAX_STOMP_HEAD_BYTES:
            raise LimitExceeded("MAX_STOMP_HEAD_BYTES", MAX_STOMP_HEAD_BYTES, size)
        if found is None:
            self._searched = len(self._held)
            return None
        head = bytes(self._held[:found.start()])
        del self._held[:found.end()]
        self._searched = 0
        return read_head(head, self.version)

    def _end_of_body(self, length: int | None) -> int:
        """Where the NUL behind the body stands; -1 when it has not come yet."""
        if length is not None:
            if len(self._held) <= length:
                return -1
            if self._held[length]:
                raise MalformedMessage("no NUL stands behind the body", "content-length")
            return length
        end = self._held.find(b"\0", self._searched)
        if (len(self._held) if end < 0 else end) > MAX_STOMP_BODY_BYTES:
            raise LimitExceeded("MAX_STOMP_BODY_BYTES", MAX_STOMP_BODY_BYTES, len(self._held))
        if end < 0:
            self._searched = len(self._held)
        return end


def read_head(head: bytes, version: str) -> tuple[str, dict[str, str], int | None]:
    """Command, headers and content-length of a frame's head; raises MalformedMessage or LimitExceeded."""
    try:
        first, *lines = head.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise MalformedMessage("is not UTF-8", "headers") from None
    command = first.removesuffix("\r")
    if command not in COMMANDS:
        raise MalformedMessage("is no command of a STOMP client", "command")
    if len(lines) > MAX_STOMP_HEADERS:
        raise LimitExceeded("MAX_STOMP_HEADERS", MAX_STOMP_HEADERS, len(lines))
    version = "1.0" if command in PLAIN else version
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.removesuffix("\r").partition(":")
        if not colon or not name or "\0" in line:
            raise MalformedMessage("a header is name:value", "headers")
        headers.setdefault(unescape(name, version), unescape(value, version))
    if version == "1.0" and "accept-version" not in headers:
        headers = {name: value.strip(" ") for name, value in headers.items()}
    length = headers.get("content-length")
    if length is None:
        return command, headers, None
    if not _LENGTH.match(length):
        raise MalformedMessage("is a number of bytes", "content-length")
    if int(length) > MAX_STOMP_BODY_BYTES:
        raise LimitExceeded("MAX_STOMP_BODY_BYTES", MAX_STOMP_BODY_BYTES, int(length))
    return command, headers, int(length)


def write_frame(command: str, headers: dict[str, str], body: bytes, version: str) -> bytes:
    """A frame as bytes. A body goes with its length."""
    plain = "1.0" if command in PLAIN else version
    lines = [command, *(f"{escape(name, plain)}:{escape(value, plain)}" for name, value in headers.items())]
    if body:
        lines.append(f"content-length:{len(body)}")
    return "\n".join(lines).encode() + b"\n\n" + body + b"\0"


def escape(text: str, version: str) -> str:
    """Text as a header's name or value; what 1.0 (which has no escapes) can't write becomes a space."""
    known = _ESCAPES[version]
    if not known:
        return re.sub(r"[\r\n\0]", " ", text)
    for letter, meant in sorted(known.items(), key=lambda pair: pair[0] != "\\"):
        text = text.replace(meant, "\\" + letter)
    return re.sub("[\r\0]", " ", text)


def unescape(text: str, version: str) -> str:
    """The inverse; raises MalformedMessage for an escape that the version does not have."""
    known = _ESCAPES[version]
    if not known or "\\" not in text:
        return text

    def meant(found: re.Match) -> str:
        if found[1] not in known:
            raise MalformedMessage("has an escape that there is not", "headers")
        return known[found[1]]

    return re.sub(r"\\(.?)", meant, text, flags=re.S)
