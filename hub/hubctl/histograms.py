"""Histograms and graphs of packages, as the hub hands them out (docs/histograms.md), for people and for files. Pure.

JSON has neither NaN nor infinities: they come as the texts "NaN", "Infinity", "-Infinity". The files of scikit-hep's
uhi have them as JSON can't, which Python reads: `for_uhi` writes them so.
"""

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

STORAGES = {"int": ("values",), "double": ("values",), "weighted": ("values", "variances"),
            "mean": ("counts", "values", "variances"),
            "weighted_mean": ("sum_of_weights", "sum_of_weights_squared", "values", "variances")}
"""The arrays of each kind of storage."""

_ODD = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FORMULA = ("=", "+", "-", "@", "\t")
"""What a text must not begin with that a spreadsheet opens."""


@dataclass(frozen=True)
class Bin:
    """Of one axis. `flow`: it takes what lies beyond the axis."""

    low: object
    high: object
    flow: bool = False


def is_graph(data: dict) -> bool:
    return "dvic_graph" in data


def bins(axis: dict) -> list[Bin]:
    """The bins of an axis, those for underflow and overflow among them, in the order of the arrays."""
    kind = axis["type"]
    if kind == "boolean":
        return [Bin(False, False), Bin(True, True)]
    if kind in ("category_str", "category_int"):
        named = [Bin(each, each) for each in axis["categories"]]
        return named + ([Bin("(other)", "(other)", True)] if axis["flow"] else [])
    edges = _edges(axis)
    under = [Bin(-math.inf, edges[0], True)] if axis["underflow"] else []
    over = [Bin(edges[-1], math.inf, True)] if axis["overflow"] else []
    return under + [Bin(low, high) for low, high in zip(edges, edges[1:], strict=False)] + over


def shown_values(data: dict) -> list[float | None]:
    """What a small plot of a one-dimensional histogram shows: the bins on the axis; None for what is no number."""
    values = numbers(data["storage"]["values"])
    return [value if math.isfinite(value) else None
            for value, each in zip(values, bins(data["axes"][0]), strict=True) if not each.flow]


def entries(data: dict) -> float:
    """What was filled in, flow bins too: of a profile its counts or weights."""
    storage = data["storage"]
    for name in ("counts", "sum_of_weights", "values"):
        if name in storage:
            return math.fsum(value for value in _flat(storage[name]) if math.isfinite(value))
    return 0.0


def mean_and_width(data: dict) -> tuple[float, float] | None:
    """Mean and standard deviation with one axis, by the middles of its bins; None where there is none."""
    if is_graph(data) or len(data["axes"]) != 1 or data["axes"][0]["type"] not in ("regular", "variable"):
        return None
    if data["storage"]["type"] not in ("int", "double", "weighted"):
        return None
    values = numbers(data["storage"]["values"])
    pairs = [((each.low + each.high) / 2, value) for each, value in zip(bins(data["axes"][0]), values, strict=True)
             if not each.flow and math.isfinite(value) and math.isfinite(each.low + each.high)]
    total = math.fsum(value for _, value in pairs)
    if total <= 0:
        return None
    mean = math.fsum(at * value for at, value in pairs) / total
    return mean, math.sqrt(max(0.0, math.fsum(value * (at - mean) ** 2 for at, value in pairs) / total))


def kind_text(entry: dict) -> str:
    """What an object is, from the list of a package: `regular x variable, weighted`."""
    axes = " x ".join(entry["axes"]) or entry["kind"]
    return f"{axes}, {entry['storage']}"


def as_csv(data: dict) -> str:
    """One line a bin or point, under a head."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in _graph_rows(data) if is_graph(data) else _histogram_rows(data):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def for_uhi(objects: dict[str, dict]) -> str:
    """Histograms by name, as a JSON file that uhi's own reader takes."""
    return json.dumps({name: _odd_numbers(data) for name, data in objects.items() if not is_graph(data)},
                      ensure_ascii=False)


def numbers(values: list) -> list[float]:
    return [_ODD.get(value, value) if isinstance(value, str) else value for value in values]


def _histogram_rows(data: dict) -> Iterator[list]:
    names = STORAGES[data["storage"]["type"]]
    sides = [bins(axis) for axis in data["axes"]]
    yield [f"{side}_{end}" for side in "xy"[:len(sides)] for end in ("low", "high")] + list(names)
    columns = [data["storage"][name] for name in names]
    for at, first in enumerate(sides[0]):
        if len(sides) == 1:
            yield [first.low, first.high, *(column[at] for column in columns)]
        else:
            for place, second in enumerate(sides[1]):
                yield [first.low, first.high, second.low, second.high, *(column[at][place] for column in columns)]


def _graph_rows(data: dict) -> Iterator[list]:
    columns = {"x": data["x"], "y": data["y"]}
    for side in ("x", "y"):
        for end in ("low", "high"):
            if f"{side}_errors" in data:
                columns[f"{side}_error_{end}"] = data[f"{side}_errors"][end]
    yield list(columns)
    yield from (list(row) for row in zip(*columns.values(), strict=True))


def _cell(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str) and value.startswith(_FORMULA) and value not in _ODD:
        return "'" + value
    return value


def _edges(axis: dict) -> list[float]:
    if axis["type"] == "variable":
        return numbers(axis["edges"])
    low, high, count = axis["lower"], axis["upper"], axis["bins"]
    return [low + (high - low) * number / count for number in range(count)] + [high] if count else [low]


def _flat(values: list) -> Iterator[float]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield _ODD.get(value, value) if isinstance(value, str) else value


def _odd_numbers(data: dict) -> dict:
    """The same with numbers where texts stand for numbers: in arrays of bins and edges, never in names."""
    axes = [{**axis, "edges": numbers(axis["edges"])} if "edges" in axis else axis for axis in data["axes"]]
    storage = {name: value if name == "type" else _nested(value) for name, value in data["storage"].items()}
    return {**data, "axes": axes, "storage": storage}


def _nested(values: list) -> list:
    return [_nested(value) if isinstance(value, list) else _ODD.get(value, value) if isinstance(value, str) else value
            for value in values]
