"""The little of WebSocket (RFC 6455) that a load generator needs, so that its own cost stays out of the figures."""

import base64
import secrets
from collections.abc import Iterator


def upgrade_request(host: str, port: int, path: str, **headers: str) -> bytes:
    """The HTTP request that opens a WebSocket without extensions (RFC 6455, section 4.1)."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
             *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def masked_text(payload: bytes) -> bytes:
    """A client's text frame, masked with zeros: the mask costs the server the same, and us nothing."""
    size = len(payload)
    if size < 126:
        head = bytes((0x81, 0x80 | size))
    elif size < 65536:
        head = bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x81, 0xFF)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


class Frames:
    """Bytes of a WebSocket connection, after its handshake, to the payloads of the frames that came whole."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(opcode, payload) of each whole frame."""
        held = self._held
        held += data
        at = 0
        while len(held) - at >= 2:
            size, begin = held[at + 1] & 0x7F, at + 2
            if size == 126:
                if len(held) - at < 4:
                    break
                size, begin = int.from_bytes(held[at + 2:at + 4], "big"), at + 4
            elif size == 127:
                if len(held) - at < 10:
                    break
                size, begin = int.from_bytes(held[at + 2:at + 10], "big"), at + 10
            if len(held) - begin < size:
                break
            yield held[at] & 0x0F, bytes(held[begin:begin + size])
            at = begin + size
        del held[:at]
