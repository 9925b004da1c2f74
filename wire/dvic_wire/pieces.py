"""Bytes inside a JSON message: base64, in pieces of bounded length."""

import base64
import binascii

MAX_PIECE = 32 * 1024
"""Bytes of a terminal or of a file in one message."""


def encode_bytes(data: bytes) -> str:
    """Bytes as they stand in a message."""
    return base64.b64encode(data).decode("ascii")


def decode_bytes(text: object) -> bytes | None:
    """The inverse; None for what is no base64 or longer than MAX_PIECE."""
    if not isinstance(text, str) or len(text) > MAX_PIECE * 4 // 3 + 4:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) <= MAX_PIECE else None
