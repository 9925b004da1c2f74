"""What a rule says of one histogram: bad, good, or neither. Pure.

Neither is: too few entries, numbers that are not finite, no reference, one with other bins, an object of a sort that
the kind does not look at. Then nothing is raised and nothing cleared; `why` says which it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from .alarm_rules import Rule
from .histogram_contents import Contents, contents_of
from .histogram_statistics import chi_squared, hottest, kolmogorov, mean

BAD, GOOD, UNSURE = "bad", "good", "unsure"
MAX_NAMED = 5
"""Empty bins that an alarm names."""

_NO_NUMBERS = (ArithmeticError, ValueError, msgspec.MsgspecError)
_BEYOND = "it has numbers that can't be computed with"

COMPARING = ("package-chi2", "package-kolmogorov")
"""Kinds that need a reference."""


@dataclass(frozen=True)
class Judged:
    """`text`: what is wrong and the limit, to stand behind the object's name; `value`: the figure."""

    state: str
    text: str = ""
    value: str = ""
    why: str = ""


def judge_data(rules: Sequence[Rule], data: bytes, references: Sequence[bytes | None]) -> list[Judged]:
    """An object by each rule, from its JSON and its reference's. Numbers that are beyond what can be computed with
    (their arrays were only counted when they came) are neither bad nor good."""
    try:
        contents = contents_of(data)
    except _NO_NUMBERS:
        return [_unsure(_BEYOND)] * len(rules)
    read: dict[bytes | None, Contents | None] = {None: None}
    found = []
    for rule, given in zip(rules, references, strict=True):
        try:
            if given not in read:
                read[given] = contents_of(given)
            found.append(judge(rule, contents, read[given]))
        except _NO_NUMBERS:
            found.append(_unsure(_BEYOND))
    return found


def judge(rule: Rule, contents: Contents, reference: Contents | None = None) -> Judged:
    """`reference`: what it is compared with, for kinds that compare."""
    if contents.means is not None and rule.kind == "package-mean":
        return _mean(rule, contents, _mean_of_values(contents))
    if not contents.shape:
        return _unsure("a graph has no bins")
    if not contents.finite:
        return _unsure("a bin is not finite")
    if contents.entries() < rule.number("entries") or not any(contents.bins):
        return _unsure("too few entries")
    if rule.kind in COMPARING:
        if reference is None:
            return _unsure("no reference")
        if reference.axes != contents.axes or not reference.finite or (reference.means is None) != (
                contents.means is None):
            return _unsure("the reference has other bins, or some that are not finite")
        return _compared(rule, contents, reference)
    return _ALONE[rule.kind](rule, contents)


def _mean_of_values(contents: Contents) -> float | None:
    """Of a profile, weighted by its entries; of a graph, of its points."""
    if not contents.shape:
        return mean(contents.means, [1.0] * len(contents.means))
    if len(contents.shape) > 1 or not contents.finite:
        return None
    return mean(contents.means, contents.bins)


def _mean_of_places(rule: Rule, contents: Contents) -> Judged:
    if len(contents.shape) > 1 or contents.places is None:
        return _unsure("it has no one axis of numbers")
    return _mean(rule, contents, mean(contents.places, contents.bins))


def _mean(rule: Rule, contents: Contents, value: float | None) -> Judged:
    entries = contents.entries() if contents.shape and contents.finite else len(contents.means or ())
    if value is None or entries < rule.number("entries"):
        return _unsure("it has no mean, or too few entries")
    low, high, margin = (rule.number(name) for name in ("minimum", "maximum", "margin"))
    said = f"{value:.4g}"
    if low is not None and value < low:
        return Judged(BAD, f"mean {said} is below {low:g}", said)
    if high is not None and value > high:
        return Judged(BAD, f"mean {said} is above {high:g}", said)
    inside = (low is None or value >= low + margin) and (high is None or value <= high - margin)
    return Judged(GOOD if inside else UNSURE, value=said)


def _empty(rule: Rule, contents: Contents) -> Judged:
    first, last = int(rule.number("first")), int(rule.number("last") or contents.shape[0])
    if last > contents.shape[0]:
        return _unsure(f"it has only {contents.shape[0]} bins")
    width = contents.shape[1] if len(contents.shape) > 1 else 1
    found = [at for at in range((first - 1) * width, last * width) if contents.bins[at] == 0]
    if not found:
        return Judged(GOOD, value="0")
    named = ", ".join(_bin(contents, at) for at in found[:MAX_NAMED]) + (", …" if len(found) > MAX_NAMED else "")
    what = "bin is empty" if len(found) == 1 else "bins are empty"
    return Judged(BAD, f"{len(found)} {what} (limit: none): {named}", str(len(found)))


def _hot(rule: Rule, contents: Contents) -> Judged:
    found = hottest(contents.bins, contents.variances)
    if found is None:
        return Judged(GOOD, value="0")
    at, times = found
    return _bounded(rule, times, f"bin {_bin(contents, at)} holds {times:.4g} times the median of the others")


def _compared(rule: Rule, contents: Contents, reference: Contents) -> Judged:
    if contents.means is not None:
        return _unsure("profiles are not compared")
    if rule.kind == "package-kolmogorov":
        if len(contents.shape) > 1:
            return _unsure("it has two axes")
        distance = kolmogorov(contents.bins, reference.bins)
        said = "Kolmogorov distance from the reference is"
    else:
        found = chi_squared(contents.bins, contents.variances, reference.bins, reference.variances,
                            one_weighted=contents.weighted, other_weighted=reference.weighted)
        distance = found and found[0] / found[1]
        said = "chi-squared per degree of freedom from the reference is"
    return _unsure("it can't be compared") if distance is None else _bounded(rule, distance, f"{said} {distance:.4g}")


def _bounded(rule: Rule, value: float, text: str) -> Judged:
    above, clear = rule.number("above"), rule.number("clear")
    if value > above:
        return Judged(BAD, f"{text}, above {above:g}", f"{value:.4g}")
    return Judged(GOOD if value <= (above if clear is None else clear) else UNSURE, value=f"{value:.4g}")


def _bin(contents: Contents, at: int) -> str:
    """Counted from 1, as ROOT does."""
    if len(contents.shape) == 1:
        return str(at + 1)
    return f"({at // contents.shape[1] + 1}, {at % contents.shape[1] + 1})"


def _unsure(why: str) -> Judged:
    return Judged(UNSURE, why=why)


_ALONE: dict[str, Callable[[Rule, Contents], Judged]] = {
    "package-mean": _mean_of_places, "package-empty-bin": _empty, "package-hot-bin": _hot}
