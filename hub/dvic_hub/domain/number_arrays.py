"""Whether a piece of JSON is an array of so many numbers, without making any of them. Pure.

What comes here was passed over by a strict JSON parser already, so it is JSON; what is left to find out is that nothing
but numbers is in it, and how many. By counting commas and brackets that takes a tenth of what parsing takes, and a
package has a hundred thousand numbers. "NaN", "Infinity" and "-Infinity" count as numbers.
"""

import re

MAX_DIGITS = 300
"""Digits in a row: a number with more is beyond what readers hold."""

_ODD = re.compile(rb'"(?:NaN|-?Infinity)"')
_WHOLE = b"0123456789-,[]"
_REAL = _WHOLE + b"+.eE"
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_TOO_LONG = b"0" * (MAX_DIGITS + 1)


def has_long_numbers(data: bytes) -> bool:
    """Whether there are more digits in a row than a number can have."""
    return _TOO_LONG in data.translate(_DIGITS)


def is_array(raw: bytes, shape: list[int], whole: bool = False) -> bool:
    """Whether JSON is an array of numbers of this shape, of one or two dimensions; `whole`: of whole ones."""
    if b'"' in raw and not whole:
        raw = _ODD.sub(b"0", raw)
    plain = raw.translate(None, b" \t")
    if plain.translate(None, _WHOLE if whole else _REAL) or not plain.startswith(b"["):
        return False
    return _is_row(plain[1:-1], shape[0]) if len(shape) == 1 else _is_table(plain, *shape)


def _is_row(inner: bytes, count: int) -> bool:
    return b"[" not in inner and (inner.count(b",") + 1 if inner else 0) == count


def _is_table(plain: bytes, rows: int, columns: int) -> bool:
    if not rows:
        return plain == b"[]"
    if not plain.startswith(b"[[") or not plain.endswith(b"]]"):
        return False
    inner = plain[2:-2]
    parts = inner.split(b"],[")
    return len(parts) == rows and inner.count(b"[") == rows - 1 and all(
        (part.count(b",") + 1 if part else 0) == columns for part in parts)
