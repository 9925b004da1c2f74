"""Pure: bytes that programs wrote, to text that can travel, losing nothing silently.

UTF-8 stays as it is. Anything else (NUL included) is shown with \\xNN and kept beside as base64. What is too long is
cut, and it is said by how many bytes.
"""

import base64

from dvic_wire.limits import MAX_RECORD_TEXT

MAX_BINARY = MAX_RECORD_TEXT // 4 * 3
"""Bytes of a message that is not text: its base64 then has MAX_RECORD_TEXT characters."""

_LONGEST_CHARACTER = 4


def readable(data: bytes, limit: int = MAX_RECORD_TEXT) -> tuple[str, str, int]:
    """The text (at most `limit` characters), its base64 where it is not UTF-8 ("" where it is), and the bytes cut."""
    kept = data if len(data) <= limit else _whole_characters(data[:limit])
    try:
        text = kept.decode()
        if "\0" not in text:
            return text, "", len(data) - len(kept)
    except UnicodeDecodeError:
        pass
    kept = data[:min(limit, MAX_BINARY)]
    text = kept.decode("utf-8", "backslashreplace").replace("\0", "\\x00")[:limit]
    return text, base64.b64encode(kept).decode("ascii"), len(data) - len(kept)


def printable(data: bytes, limit: int) -> str:
    """A name or other short text for people, in one line: at most `limit` characters, strange bytes and control
    characters escaped, so that a file's name can't take over a terminal."""
    text = data[:limit].decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text[:limit]


def well_formed(text: str) -> str:
    """`text` without lone surrogates, which JSON can claim and UTF-8 can't carry."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def _whole_characters(data: bytes) -> bytes:
    """`data` without the beginning of a character at its end."""
    for back in range(1, min(_LONGEST_CHARACTER, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if length > back else data
        if byte < 0x80:
            break
    return data
