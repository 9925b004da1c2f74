"""Figures of histograms that rules look at: a mean, a hot bin, distances from a reference. Pure.

Each takes contents and variances of bins, all finite, and returns None where there is nothing to say: no entries, no
bin to compare, negative counts.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import median

Numbers = Sequence[float]

HOT_ENTRIES = 20
"""Effective entries that a hot bin has at least: by chance a bin of fewer may hold many times what the others do."""


def mean(places: Numbers, weights: Numbers) -> float | None:
    """Of a histogram as it is filled: the bins' places, weighted by their contents."""
    whole = math.fsum(weights)
    if whole <= 0:
        return None
    found = math.fsum(place * weight for place, weight in zip(places, weights, strict=True) if weight) / whole
    return found if math.isfinite(found) else None


def hottest(bins: Numbers, variances: Numbers) -> tuple[int, float] | None:
    """The fullest bin with HOT_ENTRIES, and how many times the level of the others it holds. The level is their median,
    which other hot bins do not move; where more than half are empty, their mean. All others empty: infinite."""
    able = [at for at, (content, variance) in enumerate(zip(bins, variances, strict=True))
            if variance > 0 and content > 0 and content * content >= HOT_ENTRIES * variance]
    if not able or len(bins) < 2:
        return None
    at = max(able, key=bins.__getitem__)
    others = [*bins[:at], *bins[at + 1:]]
    level = median(others)
    if level <= 0:
        level = math.fsum(others) / len(others)
    return at, bins[at] / level if level > 0 else math.inf


def chi_squared(one: Numbers, one_variances: Numbers, other: Numbers, other_variances: Numbers, *,
                one_weighted: bool = False, other_weighted: bool = False) -> tuple[float, int] | None:
    """How far the shapes of two histograms are apart, and the degrees of freedom: bins that are not empty in both, less
    one. Neither needs to be scaled.

    The three cases of N. Gagunashvili, "Chi-square tests for comparing weighted histograms", Nucl. Instr. Meth. A 614
    (2010) 287, as ROOT's TH1::Chi2Test has them as UU, UW and WW.
    """
    if min((*one, *other), default=0) < 0 and not (one_weighted and other_weighted):
        return None
    if one_weighted and not other_weighted:
        one, one_variances, other, other_variances = other, other_variances, one, one_variances
    first, second = math.fsum(one), math.fsum(other)
    if first <= 0 or second <= 0:
        return None
    if not one_weighted and not other_weighted:
        parts = [(second * n - first * m) ** 2 / (n + m) / (first * second)
                 for n, m in zip(one, other, strict=True) if n or m]
    elif one_weighted and other_weighted:
        rows = [row for row in zip(one, one_variances, other, other_variances, strict=True) if row[0] or row[2]]
        if any(s1 <= 0 and s2 <= 0 for _, s1, _, s2 in rows):
            return None
        parts = [(first * w2 - second * w1) ** 2 / (first * first * s2 + second * second * s1)
                 for w1, s1, w2, s2 in rows]
    else:
        # a bin without weights has no variance of its own: that of one mean weight, as ROOT takes it
        usual = math.fsum(other_variances) / second
        if usual <= 0:
            return None
        parts = [_mixed(n, w, s if s > 0 else usual, first, second)
                 for n, w, s in zip(one, other, other_variances, strict=True) if n or w]
    found = math.fsum(parts)
    return (found, len(parts) - 1) if len(parts) > 1 and math.isfinite(found) else None


def _mixed(n: float, w: float, variance: float, count: float, weight: float) -> float:
    """A bin of counts (`n` of `count`) beside one of weights (`w` of `weight`): from the best common probability."""
    rest = weight * w - count * variance
    probability = (rest + math.sqrt(rest * rest + 4 * weight * weight * variance * n)) / (2 * weight * weight)
    expected = count * probability
    return ((n - expected) ** 2 / expected if expected > 0 else 0.0) + (w - weight * probability) ** 2 / variance


def kolmogorov(one: Numbers, other: Numbers) -> float | None:
    """The greatest distance between the cumulative shapes of two histograms, 0 to 1: the distance of ROOT's
    TH1::KolmogorovTest (option "M"). Weights enter by the shapes alone."""
    first, second = math.fsum(one), math.fsum(other)
    if first <= 0 or second <= 0 or min((*one, *other), default=0) < 0:
        return None
    return max(abs(a / first - b / second) for a, b in zip(accumulate(one), accumulate(other), strict=True))
