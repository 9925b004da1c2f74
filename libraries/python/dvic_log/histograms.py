"""What programs call histograms, as the UHI serialization; nothing of what makes them is imported. May raise anything.

`taken(value)` copies what is there now, quickly; `line(copy)` makes the JSON of it, later, elsewhere. Taken are:

- what offers the serialization itself (`_to_uhi_`: boost-histogram, hist), and a dict that is one already;
- what follows UHI's PlottableHistogram (uproot, and any object with `kind`, `axes`, `values()`, `variances()`);
- what numpy.histogram and numpy.histogram2d return: (counts, edges), (counts, x edges, y edges);
- a plain list of counts: bins 0 to n; and graphs (graph.py).

JSON has neither NaN nor infinities: they become the texts "NaN", "Infinity", "-Infinity".
"""

import json
import math

from .graph import Graph

STORAGES = {
    "int": ("values",), "double": ("values",), "weighted": ("values", "variances"),
    "mean": ("counts", "values", "variances"),
    "weighted_mean": ("sum_of_weights", "sum_of_weights_squared", "values", "variances"),
}
"""The arrays of each kind of storage."""

MAX_AXES = 2
"""Axes of one histogram."""

MAX_BINS = 400000
"""Bins of one histogram, flow bins among them: the hub takes no more."""

MAX_POINTS = 100000
"""Points of one graph: the hub takes no more."""

_EXACT = 2.0 ** 53


class NotAHistogram(Exception):
    """What was given can't be published; str(error) says why."""


def taken(value, title=""):
    """A copy of a histogram or graph: a dict, in which only arrays are not yet JSON. Raises NotAHistogram."""
    if isinstance(value, Graph):
        return _checked_graph(value.copy())
    if isinstance(value, dict):
        if "dvic_graph" in value:
            return _checked_graph(json.loads(_dump(value)))
        if "uhi_schema" not in value:
            raise NotAHistogram("a dict must be a histogram in the UHI serialization, with uhi_schema")
        return _checked(value)
    if hasattr(value, "_to_uhi_"):
        return _checked(value._to_uhi_())
    if all(hasattr(value, member) for member in ("kind", "axes", "values", "variances")):
        return _checked(_plottable(value))
    if isinstance(value, tuple) and len(value) in (2, 3):
        return _checked(_binned(*value))
    return _checked(_counted(value))


def line(copy):
    """The JSON of a copy, one line of bytes without its newline."""
    try:
        text = _dump(copy)
    except ValueError:  # a NaN or an infinity is in it
        text = _dump(_finite(json.loads(json.dumps(copy, default=_plain))))
    return text.encode("utf-8", "backslashreplace")


# ---- the serialization


def _checked(given):
    """The copy of a serialized histogram: dense, with arrays of its own, small enough."""
    if given.get("uhi_schema") != 1:
        raise NotAHistogram("it is of UHI schema %r, and this writes schema 1" % (given.get("uhi_schema"),))
    axes, storage = [dict(axis) for axis in given["axes"]], given["storage"]
    if not 1 <= len(axes) <= MAX_AXES:
        raise NotAHistogram("it has %d axes, and 1 or %d can be shown: project it first" % (len(axes), MAX_AXES))
    shape = [extent(axis) for axis in axes]
    _check_bins(shape)
    names = STORAGES.get(storage.get("type"))
    if names is None:
        raise NotAHistogram("there is no storage %r" % (storage.get("type"),))
    made = {"type": storage["type"]}
    for name in names:
        dense = storage.get(name, [])
        if "index" in storage or name not in storage:
            dense = _scattered(shape, storage.get("index", [[]] * len(shape)), dense)
        made[name] = _copy(dense)
        _check_shape(made[name], shape, name)
    for axis in axes:
        for name in ("edges", "categories"):
            if name in axis:
                axis[name] = _plain(axis[name])
    rest = {name: given[name] for name in ("metadata", "writer_info") if given.get(name)}
    return dict({"uhi_schema": 1, "axes": axes, "storage": made}, **rest)


def _check_bins(shape):
    bins = math.prod(shape)
    if bins > MAX_BINS:
        raise NotAHistogram("it has %d bins, at most %d (MAX_BINS): rebin it" % (bins, MAX_BINS))


def extent(axis):
    """Bins of a serialized axis, flow bins among them."""
    kind = axis.get("type")
    if kind == "regular":
        return axis["bins"] + axis["underflow"] + axis["overflow"]
    if kind == "variable":
        return len(axis["edges"]) - 1 + axis["underflow"] + axis["overflow"]
    if kind in ("category_str", "category_int"):
        return len(axis["categories"]) + axis["flow"]
    if kind == "boolean":
        return 2
    raise NotAHistogram("there is no axis of the type %r" % (kind,))


def _scattered(shape, index, values):
    """The dense array of one that names only some bins."""
    flat = [0] * math.prod(shape)
    places = [list(_plain(axis)) for axis in _plain(index)]
    for number, value in enumerate(_plain(values)):
        place = 0
        for axis, size in zip(places, shape):
            place = place * size + axis[number]
        flat[place] = value
    if len(shape) == 1:
        return flat
    return [flat[row * shape[1]:(row + 1) * shape[1]] for row in range(shape[0])]


def _check_shape(array, shape, name):
    have = list(array.shape) if hasattr(array, "shape") else [len(array)]
    if len(shape) == 2 and not hasattr(array, "shape"):
        have += sorted({len(row) for row in array}) or [shape[1]]
    if have != list(shape) and not (len(shape) == 2 and shape[0] == 0 and have[0] == 0):
        raise NotAHistogram("its %s are %s, and its axes want %s" % (
            name, " x ".join(map(str, have)), " x ".join(map(str, shape))))


# ---- what is no serialization yet


def _plottable(histogram):
    """By UHI's PlottableHistogram: without flow bins, which the protocol does not know."""
    _check_bins([len(axis) for axis in histogram.axes])
    kind = str(getattr(histogram.kind, "value", histogram.kind)).upper()
    values, variances = histogram.values(), histogram.variances()
    counts = histogram.counts() if hasattr(histogram, "counts") else None
    if kind == "MEAN":
        if counts is None:
            raise NotAHistogram("a profile needs counts()")
        storage = {"type": "mean", "counts": counts, "values": values,
                   "variances": variances if variances is not None else _zeros(values)}
    elif variances is not None:
        storage = {"type": "weighted", "values": values, "variances": variances}
    else:
        storage = {"type": "double", "values": values}
    named = {name: text for name in ("title", "name", "label")
             for text in [getattr(histogram, name, None)] if isinstance(text, str) and text}
    return {"uhi_schema": 1, "axes": [_axis(axis) for axis in histogram.axes], "storage": storage, "metadata": named}


def _axis(axis):
    bins = [axis[number] for number in range(len(axis))]
    named = {name: text for name in ("name", "label", "title")
             for text in [getattr(axis, name, None)] if isinstance(text, str) and text}
    rest = {"metadata": named} if named else {}
    if bins and isinstance(bins[0], str):
        return dict(rest, type="category_str", categories=bins, flow=False)
    if bins and not isinstance(bins[0], tuple) and not hasattr(bins[0], "__len__"):
        return dict(rest, type="category_int", categories=[int(number) for number in bins], flow=False)
    edges = [float(bins[0][0])] + [float(each[1]) for each in bins] if bins else [0.0, 1.0]
    circular = bool(getattr(getattr(axis, "traits", None), "circular", False))
    return dict(_edged(edges if bins else None), circular=circular, **rest)


def _edged(edges):
    """An axis without flow bins; None: one without bins."""
    if edges is None:
        return _regular(0.0, 1.0, 0)
    if len(edges) < 2:
        raise NotAHistogram("an axis has at least two edges")
    width = (edges[-1] - edges[0]) / (len(edges) - 1)
    if width > 0 and all(abs(edges[0] + number * width - edge) <= 1e-9 * max(abs(width), abs(edge) * 1e-3)
                         for number, edge in enumerate(edges)):
        return _regular(edges[0], edges[-1], len(edges) - 1)
    return {"type": "variable", "edges": edges, "underflow": False, "overflow": False, "circular": False}


def _regular(lower, upper, bins):
    return {"type": "regular", "lower": lower, "upper": upper, "bins": bins, "underflow": False, "overflow": False,
            "circular": False}


def _binned(counts, *edges):
    _check_bins([len(each) for each in edges])
    axes = [_edged([float(edge) for edge in each]) for each in edges]
    return {"uhi_schema": 1, "axes": axes, "storage": {"type": "double", "values": counts}}


def _counted(counts):
    try:
        size = len(counts)
        nested = size > 0 and hasattr(counts[0], "__len__")
    except TypeError:
        raise NotAHistogram("a %s is no histogram" % type(counts).__name__)
    if isinstance(counts, (str, bytes)) or not hasattr(counts, "__getitem__"):
        raise NotAHistogram("a %s is no histogram" % type(counts).__name__)
    sizes = (size, len(counts[0])) if nested else (size,)
    _check_bins(sizes)
    axes = [_regular(0, bins or 1, bins) for bins in sizes]
    return {"uhi_schema": 1, "axes": axes, "storage": {"type": "double", "values": counts}}


def _checked_graph(graph):
    if len(graph["x"]) > MAX_POINTS:
        raise NotAHistogram("it has %d points, at most %d (MAX_POINTS)" % (len(graph["x"]), MAX_POINTS))
    return graph


# ---- numbers


def _copy(array):
    """The numbers as they are now."""
    if hasattr(array, "dtype"):
        return array.copy()
    return [list(row) if hasattr(row, "__len__") else row for row in array]


def _zeros(array):
    copy = _copy(array)
    if hasattr(copy, "dtype"):
        return copy * 0
    return [[0] * len(row) if isinstance(row, list) else 0 for row in copy]


def _plain(value):
    """What json calls for what it does not know: arrays, and numbers of numpy's."""
    if hasattr(value, "dtype") and hasattr(value, "astype") and value.dtype.kind == "f" and value.size:
        whole = value.astype("int64") if abs(value).max() < _EXACT else value  # a NaN compares false
        if whole is not value and (whole == value).all():
            return whole.tolist()  # shorter, and the same numbers
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, (list, tuple)):
        return list(value)
    raise TypeError("a %s is no number" % type(value).__name__)


def _dump(value):
    return json.dumps(value, separators=(",", ":"), default=_plain, allow_nan=False)


def _finite(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return value
