"""Gives memory that is no longer used back to the system. glibc keeps what starting up and a flood needed, for later;
an agent rests for most of its life, beside programs that need the room."""

import ctypes
from collections.abc import Callable


def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None  # another libc than glibc keeps nothing


_malloc_trim = _trim()


def give_back() -> None:
    """Takes about a millisecond."""
    if _malloc_trim is not None:
        _malloc_trim(0)
