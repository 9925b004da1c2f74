"""Which texts a block surely does not hold: a bit for each run of four characters within its words.

People search for parts of words (`refus` finds `refused`), so the filter keeps the four-character pieces of every word
instead of whole words. A text can only be in the block when all of its own pieces are; of a text without four word
characters in a row nothing is known. Case is folded as `fold` does it. Pure.

The bitmap is a power of two and about a fifth full: 8 characters that are not there pass it once in a thousand blocks.
"""

import re
import sys
from array import array

MIN_BITS = 1 << 8
MAX_BITS = 1 << 16
"""Bits of one block's filter of words."""
BITS_A_PIECE = 4
_LONG = 64

_PIECE = 4
_WORDS = re.compile(rb"[0-9a-z_\x80-\xff]{4,}")
_APART = {0x130: 0x131, 0x212A: 0x138, 0x3A3: 0x3C3, 0x3C2: 0x3C3}
"""Two characters whose lower case begins with an ASCII letter, which a search of bytes would not see, and the sigma,
whose lower case depends on its neighbours."""
_MIX = 0x9E3779B1
"""2**32 divided by the golden ratio: multiplying by it spreads neighbouring pieces over the bitmap."""


def fold(text: str) -> str:
    """Case ignored: every character on its own, so that a part of a text folds to a part of the folded text."""
    if text.isascii():
        return text.lower()
    return text.translate(_APART).lower()


def build(folded: bytes) -> bytes:
    """The filter of a block from the folded UTF-8 text of all its messages; b"" when there is nothing to say."""
    words = set(_WORDS.findall(folded))
    if not words:
        return b""
    pieces = _pieces(words)
    size = MIN_BITS
    while size < len(pieces) * BITS_A_PIECE and size < MAX_BITS:
        size *= 2
    bits = bytearray(size)
    mask = size - 1
    for piece in pieces:
        bits[(piece * _MIX & 0xFFFFFFFF) >> 16 & mask] = 1
    return _to_bits(bits)


def pieces_of(text: str) -> tuple[bytes, ...]:
    """What a block must hold all of when it holds `text`; empty when the filter can't help."""
    found: list[bytes] = []
    for word in _WORDS.findall(fold(text).encode("utf-8", "replace")):
        found += [word[start:start + _PIECE] for start in range(len(word) - _PIECE + 1)]
    return tuple(dict.fromkeys(found))


def may_hold(filter_bits: bytes, pieces: tuple[bytes, ...]) -> bool:
    """False when the block surely lacks one of the pieces. An empty filter excludes nothing."""
    size = len(filter_bits) * 8
    if not size:
        return True
    for piece in pieces:
        place = (int.from_bytes(piece, "little") * _MIX & 0xFFFFFFFF) >> 16 & (size - 1)
        if not filter_bits[place >> 3] >> (place & 7) & 1:
            return False
    return True


def _pieces(words: set[bytes]) -> set[int]:
    """Every run of four bytes in the words, as a number. Words of one length are cut together, column by column, so
    that the loops run in C: there are thousands of words in a block, but few lengths."""
    by_length: dict[int, list[bytes]] = {}
    for word in words:
        by_length.setdefault(len(word), []).append(word)
    pieces: set[int] = set()
    for length, same in by_length.items():
        if length > _LONG:
            for word in same:
                for start in range(_PIECE):
                    _add(pieces, word[start:length - (length - start) % _PIECE])
            continue
        joined = b"".join(same)
        for start in range(length - _PIECE + 1):
            column = bytearray(len(same) * _PIECE)
            for place in range(_PIECE):
                column[place::_PIECE] = joined[start + place::length]
            _add(pieces, bytes(column))
    return pieces


def _add(pieces: set[int], data: bytes) -> None:
    numbers = array("I", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    pieces.update(numbers)


def _to_bits(flags: bytearray) -> bytes:
    """One byte a flag to one bit a flag, lowest first."""
    digits = flags.translate(_DIGITS)[::-1]
    return int(digits, 2).to_bytes(len(flags) // 8, "little")


_DIGITS = bytes.maketrans(b"\0\1", b"01")
