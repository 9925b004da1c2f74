"""Columns of whole numbers as bytes that compress well: differences, cut into byte planes.

Neighbouring numbers of a log or a metric differ little, so the high planes are all zeros. Everything here runs at the
speed of C loops; a variable-length code of each number would not.
"""

import sys
from array import array
from collections.abc import Iterable
from itertools import accumulate
from operator import sub

_WIDTH = 8


def pack_numbers(numbers: list[int]) -> bytes:
    """Eight bytes a number (-2**61 to 2**61), laid out for a compressor."""
    differences = array("q", [*numbers[:1], *map(sub, numbers[1:], numbers)])
    zigzag = array("Q", [(value << 1) ^ (value >> 63) if value >= 0 else ((-value) << 1) - 1 for value in differences])
    if sys.byteorder == "big":
        zigzag.byteswap()
    raw = zigzag.tobytes()
    return b"".join(raw[plane::_WIDTH] for plane in range(_WIDTH))


def unpack_numbers(data: bytes | memoryview, count: int) -> list[int]:
    """The inverse; raises ValueError when `data` is not `count` numbers."""
    if len(data) != count * _WIDTH:
        raise ValueError("a column has another length than its block")
    raw = bytearray(count * _WIDTH)
    for plane in range(_WIDTH):
        raw[plane::_WIDTH] = data[plane * count:(plane + 1) * count]
    zigzag = array("Q", bytes(raw))
    if sys.byteorder == "big":
        zigzag.byteswap()
    return list(accumulate((value >> 1) ^ -(value & 1) for value in zigzag))


def offsets(lengths: Iterable[int]) -> list[int]:
    """Where each of several joined pieces begins, and, last, where they end."""
    return list(accumulate(lengths, initial=0))
