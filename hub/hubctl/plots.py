"""Pure: numbers over time as a small plot of one line, and numbers for people.

    >>> sparkline([0, 1, 2, 3, None, 3], 6)
    '▁▃▆█ █'
"""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The values in at most `width` places, from their least to their greatest; a blank where there are none.
    Neighbours that share a place are averaged."""
    cells = [_mean(part) for part in _parts(values, width)]
    known = [value for value in cells if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if value is None else BARS[round((value - low) * scale)] for value in cells)


def bars(values: Sequence[float | None], width: int, height: int) -> list[str]:
    """The values as upright bars in `height` lines of at most `width` places, from 0 (or the least, where one is below
    it) to their greatest; neighbours that share a place are averaged.

    >>> bars([1, 2, 4], 3, 2)
    ['  █', '▄██']
    """
    cells = [_mean(part) for part in _parts(values, width)]
    known = [value for value in cells if value is not None]
    low, high = min([0.0, *known]), max(known, default=0.0)
    steps = len(BARS) * height
    tall = [0 if value is None or high <= low else round((value - low) / (high - low) * steps) for value in cells]
    lines = []
    for line in range(height - 1, -1, -1):
        filled = [min(max(each - line * len(BARS), 0), len(BARS)) for each in tall]
        lines.append("".join(BARS[each - 1] if each else " " for each in filled).rstrip())
    return lines


def number(value: float | None) -> str:
    """Three or four digits and a letter: 0.25, 12.5, 1.5k, 3.2G; nothing for no number."""
    if value is None or not math.isfinite(value):
        return ""
    letters = iter(("", "k", "M", "G", "T"))
    letter = next(letters)
    while abs(value) >= 1000 and letter != "T":
        value, letter = value / 1000, next(letters)
    digits = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + letter


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def summary(values: Sequence[float | None]) -> dict[str, float | None]:
    """Last, least, mean and greatest of the numbers that are there."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return dict.fromkeys(("last", "min", "mean", "max"))
    return {"last": known[-1], "min": min(known), "mean": sum(known) / len(known), "max": max(known)}


def _parts(values: Sequence[float | None], width: int) -> list[Sequence[float | None]]:
    if len(values) <= width:
        return [[value] for value in values]
    edges = [place * len(values) // width for place in range(width + 1)]
    return [values[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None
