"""When a disk will be full if it goes on as it did: a slope that a log rotation or a copied file does not turn. Pure.

The slope is the median of the slopes between all pairs of points (Theil and Sen): up to 29 in 100 points may be wild.
It is taken over the last hours and, where there is as much, over the last day; the slower of the two counts, as a
nightly backup fills a disk for two hours and stops.
"""

from collections.abc import Sequence
from statistics import median

STEP = 600
"""Seconds that one point stands for."""

SPANS = (6 * 3600, 24 * 3600)
"""Seconds over which a slope is taken: the shorter one always, the longer one where there are points for it."""

LEAST_PART = 0.5
"""How much of a span must have been seen."""

_MOST_POINTS = 72
_SECOND = 1_000_000


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """The median slope between the points, in values a second; 0 where there are fewer than two."""
    found = [(values[right] - values[left]) / (times[right] - times[left])
             for right in range(len(times)) for left in range(right) if times[right] > times[left]]
    return median(found) if found else 0.0


def full_in(times: Sequence[int], values: Sequence[float], full: float = 100.0) -> float | None:
    """Seconds until the value is `full`, from the newest point on (times in microseconds, ascending); None when it does
    not grow, or when too little of it was seen."""
    if not times:
        return None
    left, newest, longest = full - values[-1], times[-1], None
    for span in SPANS:
        inside = [(time / _SECOND, value) for time, value in zip(times, values, strict=True)
                  if newest - time <= span * _SECOND]
        if inside[-1][0] - inside[0][0] < span * LEAST_PART:
            break
        points = inside[::-(len(inside) // _MOST_POINTS + 1)][::-1]
        grown = slope([time for time, _ in points], [value for _, value in points])
        if grown <= 0:
            return None
        longest = max(longest or 0.0, max(0.0, left) / grown)
    return longest
