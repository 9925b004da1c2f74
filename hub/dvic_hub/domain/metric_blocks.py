"""Hardware samples packed: 1.4 to 3 bytes a value instead of 20 as JSON.

A block holds the samples of one node in columns, one for each metric:

    header   JSON: number of samples, and of each metric its name, how many decimals it has, which samples hold it
    numbers  the times, then each metric's values as whole numbers of its last decimal (see columns.py)

Whole numbers are kept exactly. Others keep SIGNIFICANT digits: a temperature or a rate is not known better, and noise
in the last bits of a float is what does not compress. What even so is no decimal number is kept as the 8 bytes of a
float. Older time is kept in coarser steps, as means (`coarsen`). Pure.
"""

import math
import struct
from array import array
from collections.abc import Callable

import msgspec
import zstandard

from .blocks import DamagedBlock
from .columns import offsets, pack_numbers, unpack_numbers

SIGNIFICANT = 5
"""Digits kept of a value that is not whole."""

TIERS = ((2, 60), (14, 600))
"""Coarser steps for older time: from this many days on, means over this many seconds."""

BLOCK_SAMPLES = 360
"""Samples that a block is filled up to: an hour at the default period."""

_HEAD = struct.Struct("<II")
_MOST_DECIMALS = 9
_LARGEST = 2**53
_AS_FLOATS = -1
_LEVEL = 9

Sample = tuple[int, dict[str, float]]
"""Time in microseconds, and name to value."""

Wanted = Callable[[str], object]
"""Says of a metric's name whether it is looked for."""


class _Column(msgspec.Struct, array_like=True):
    """`present` is empty when every sample has this metric, else a hexadecimal bit set of those that have."""

    name: str
    decimals: int
    present: str = ""


class _Header(msgspec.Struct, array_like=True):
    samples: int
    columns: list[_Column]


def pack(samples: list[Sample]) -> bytes:
    """A block of samples, in their order."""
    names = sorted({name for _, values in samples for name in values})
    columns, parts = [], [pack_numbers([time for time, _ in samples])]
    for name in names:
        held = [index for index, (_, values) in enumerate(samples) if name in values]
        present = "" if len(held) == len(samples) else f"{sum(1 << index for index in held):x}"
        decimals, part = _pack_values([samples[index][1][name] for index in held])
        columns.append(_Column(name, decimals, present))
        parts.append(part)
    header = msgspec.json.encode(_Header(len(samples), columns))
    body = zstandard.ZstdCompressor(level=_LEVEL).compress(header + b"".join(parts))
    return _HEAD.pack(len(header), len(samples)) + body


def unpack(data: bytes, wanted: Wanted | None = None) -> list[Sample]:
    """The samples of a block, of all metrics or of those that are `wanted` alone; raises DamagedBlock."""
    try:
        size, count = _HEAD.unpack_from(data)
        body = zstandard.ZstdDecompressor().decompress(memoryview(data)[_HEAD.size:])
        header = msgspec.json.decode(body[:size], type=_Header)
        rows = [int(column.present, 16).bit_count() if column.present else count for column in header.columns]
        bounds = offsets([size, *(8 * number for number in (count, *rows))])[1:]
        if header.samples != count or bounds[-1] != len(body):
            raise DamagedBlock("a block of metrics has another size than its header says")
        times = unpack_numbers(body[bounds[0]:bounds[1]], count)
        samples: list[Sample] = [(time, {}) for time in times]
        for column, number, start, end in zip(header.columns, rows, bounds[1:], bounds[2:], strict=False):
            if wanted is not None and not wanted(column.name):
                continue
            values = _unpack_values(column.decimals, body[start:end], number)
            held = range(count) if not column.present else _bits(int(column.present, 16), count)
            for index, value in zip(held, values, strict=True):
                samples[index][1][column.name] = value
    except (struct.error, zstandard.ZstdError, msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise DamagedBlock(f"a block of metrics can't be read ({error})") from None
    return samples


def coarsen(samples: list[Sample], step: int) -> list[Sample]:
    """Means over `step` seconds; each bucket has the time at which it begins."""
    buckets: dict[int, dict[str, list[float]]] = {}
    width = step * 1_000_000
    for time, values in samples:
        bucket = buckets.setdefault(time // width * width, {})
        for name, value in values.items():
            bucket.setdefault(name, []).append(value)
    return [(time, {name: math.fsum(values) / len(values) for name, values in bucket.items()})
            for time, bucket in sorted(buckets.items())]


def step_for_age(days: int) -> int:
    """The step in seconds in which a day of this age is kept; 0: as sampled."""
    return max((step for age, step in TIERS if days >= age), default=0)


def _pack_values(values: list[float]) -> tuple[int, bytes]:
    rounded = [value if value == int(value) else float(f"{value:.{SIGNIFICANT}g}")
               for value in values] if all(map(math.isfinite, values)) else []
    for decimals in range(_MOST_DECIMALS + 1):
        scale = 10 ** decimals
        numbers = [round(value * scale) for value in rounded]
        if not rounded or max(map(abs, numbers)) > _LARGEST:
            break
        if all(number / scale == value for number, value in zip(numbers, rounded, strict=True)):
            return decimals, pack_numbers(numbers)
    raw = array("d", values)
    return _AS_FLOATS, struct.pack(f"<{len(values)}d", *raw)


def _unpack_values(decimals: int, data: bytes, count: int) -> list[float]:
    if decimals == _AS_FLOATS:
        return list(struct.unpack(f"<{count}d", data))
    scale = 10 ** decimals
    return [number / scale for number in unpack_numbers(data, count)]


def _bits(value: int, count: int) -> list[int]:
    return [index for index in range(count) if value >> index & 1]
