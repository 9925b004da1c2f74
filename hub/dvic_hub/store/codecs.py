"""How the bytes of a row of history are to be read; the numbers are stored."""

from enum import IntEnum


class Codec(IntEnum):
    FRAME = 0
    """zlib of the whole batch message, as it came."""
    RECORDS = 1
    """zlib of the array of records."""
    OPEN = 2
    """A block that may still be joined with others: domain.blocks, of samples domain.metric_blocks, of demo states
    zstd of lines, each the number of a batch and its records."""
    SEALED = 3
    """A block that is joined no more."""


FRESH = frozenset({Codec.FRAME, Codec.RECORDS})
"""Rows that are still as they came."""
