"""What of a histogram or a graph can be judged: contents and variances of its bins, without under- and overflow. Pure.

A profile's contents are its entries in each bin. Of counts without variances the variance is the count (Poisson).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from .package_objects import Boolean, CategoryInt, CategoryStr, Regular, Variable, parsed

_ARRAY = msgspec.json.Decoder()


@dataclass(frozen=True)
class Contents:
    """`shape`: bins of each axis, () of a graph; with two axes `bins` goes through y first. `axes`: what two histograms
    must have in common to be compared. `places`: where the bins of x are, None where they are names. `means`: of a
    profile, the mean of each bin; of a graph `bins` is empty and `means` its y."""

    shape: tuple[int, ...]
    bins: Sequence[float]
    variances: Sequence[float]
    weighted: bool
    axes: tuple
    places: Sequence[float] | None
    means: Sequence[float] | None = None

    @property
    def finite(self) -> bool:
        return all(map(math.isfinite, self.bins)) and all(map(math.isfinite, self.variances))

    def entries(self) -> float:
        """Effective ones: (sum of w)^2 / sum of w^2, as ROOT's TH1::GetEffectiveEntries counts. Of finite contents."""
        squares = math.fsum(self.variances)
        return math.fsum(self.bins) ** 2 / squares if squares > 0 else 0.0


def contents_of(data: bytes) -> Contents:
    """Of an object's JSON, which was checked when it came."""
    made = parsed(data)
    if not hasattr(made, "axes"):
        return Contents((), (), (), False, (), None, _numbers(made.y))
    storage, axes = made.storage, made.axes
    name = type(storage).__struct_config__.tag

    def array(member: str) -> list[float]:
        return list(_inside(_ARRAY.decode(getattr(storage, member)), axes))

    means = None
    if name == "mean":
        bins, means = array("counts"), array("values")
        variances = bins
    elif name == "weighted_mean":
        bins, variances, means = array("sum_of_weights"), array("sum_of_weights_squared"), array("values")
    else:
        bins = array("values")
        variances = array("variances") if name == "weighted" else bins
    return Contents(tuple(_flows(axis)[1] for axis in axes), bins, variances, name in ("weighted", "weighted_mean"),
                    tuple(map(_key, axes)), _places(axes[0]), means)


def _numbers(values: Sequence) -> list[float]:
    return [float(value) for value in values]


def _inside(array: list, axes: Sequence) -> Iterator[float]:
    """Without the flow bins, one after the other."""
    before, count = _flows(axes[0])
    for each in array[before:before + count]:
        if len(axes) == 1:
            yield float(each)
        else:
            yield from _inside(each, axes[1:])


def _flows(axis) -> tuple[int, int]:
    """Bins before the first, and how many there are."""
    if isinstance(axis, Regular | Variable):
        return int(axis.underflow), axis.extent() - axis.underflow - axis.overflow
    return 0, axis.extent() - (axis.flow if isinstance(axis, CategoryStr | CategoryInt) else 0)


def _key(axis) -> tuple:
    if isinstance(axis, Regular):
        return "regular", axis.lower, axis.upper, axis.bins
    if isinstance(axis, Variable):
        return "variable", *map(str, axis.edges)
    if isinstance(axis, Boolean):
        return ("boolean",)
    return "category", *axis.categories


def _places(axis) -> list[float] | None:
    """Middles of the bins."""
    if isinstance(axis, Regular):
        width = (axis.upper - axis.lower) / axis.bins if axis.bins else 0.0
        return [axis.lower + (number + 0.5) * width for number in range(axis.bins)]
    if isinstance(axis, Variable):
        edges = _numbers(axis.edges)
        return [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    if isinstance(axis, CategoryStr):
        return None
    return [0.0, 1.0] if isinstance(axis, Boolean) else _numbers(axis.categories)
