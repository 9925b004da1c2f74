"""What a histogram or a graph of a package must be: the UHI serialization, or our own for graphs (docs/histograms.md).

Pure. The bytes stay as they came, for everybody who looks; what is made here is only what a list shows of them. Raises
MalformedMessage that names the place, or LimitExceeded.
"""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from dvic_hub.domain.number_arrays import MAX_DIGITS, has_long_numbers, is_array
from dvic_wire.errors import LimitExceeded, MalformedMessage
from dvic_wire.limits import MAX_BINS, MAX_DEPTH, MAX_OBJECT_BYTES, MAX_OBJECT_NAME, MAX_POINTS

UHI_SCHEMA = 1
GRAPH_SCHEMA = 1

MAX_AXES = 2
"""Axes of one histogram."""

MAX_METADATA = 64
"""Members of the metadata of a histogram or an axis."""

Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""JSON has no other word for the last three."""

Row = list[Number]
Text = Annotated[str, Meta(max_length=16 * 1024)]
Label = Annotated[str, Meta(max_length=MAX_OBJECT_NAME)]
Metadata = Annotated[dict[Text, str | float | bool], Meta(max_length=MAX_METADATA)]
WriterInfo = Annotated[dict[Text, Metadata], Meta(max_length=MAX_METADATA)]


class _Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Nothing that UHI does not know."""


class _Axis(_Part, tag_field="type", kw_only=True):
    metadata: Metadata | UnsetType = UNSET
    writer_info: WriterInfo | UnsetType = UNSET


class Regular(_Axis, tag="regular", kw_only=True):
    lower: float
    upper: float
    bins: Annotated[int, Meta(ge=0, le=MAX_BINS)]
    underflow: bool
    overflow: bool
    circular: bool

    def extent(self) -> int:
        return self.bins + self.underflow + self.overflow


class Variable(_Axis, tag="variable", kw_only=True):
    edges: Annotated[Row, Meta(min_length=2)]
    underflow: bool
    overflow: bool
    circular: bool

    def extent(self) -> int:
        return len(self.edges) - 1 + self.underflow + self.overflow


class CategoryStr(_Axis, tag="category_str", kw_only=True):
    categories: list[Text]
    flow: bool

    def extent(self) -> int:
        return len(self.categories) + self.flow


class CategoryInt(_Axis, tag="category_int", kw_only=True):
    categories: list[int]
    flow: bool

    def extent(self) -> int:
        return len(self.categories) + self.flow


class Boolean(_Axis, tag="boolean", kw_only=True):
    def extent(self) -> int:
        return 2


Axis = Regular | Variable | CategoryStr | CategoryInt | Boolean


class _Storage(_Part, tag_field="type"):
    values: Raw


class IntStorage(_Storage, tag="int"):
    pass


class DoubleStorage(_Storage, tag="double"):
    pass


class WeightedStorage(_Storage, tag="weighted"):
    variances: Raw


class MeanStorage(_Storage, tag="mean"):
    counts: Raw
    variances: Raw


class WeightedMeanStorage(_Storage, tag="weighted_mean"):
    sum_of_weights: Raw
    sum_of_weights_squared: Raw
    variances: Raw


Storage = IntStorage | DoubleStorage | WeightedStorage | MeanStorage | WeightedMeanStorage


class _Histogram(_Part):
    uhi_schema: int
    axes: Annotated[list[Axis], Meta(min_length=1, max_length=MAX_AXES)]
    storage: Storage
    metadata: Metadata | UnsetType = UNSET
    writer_info: WriterInfo | UnsetType = UNSET


class Errors(_Part):
    """Distances of the points' ends, downwards and upwards."""

    low: Row
    high: Row


class _Graph(_Part):
    dvic_graph: int
    type: Literal["scatter", "time"]
    x: Row
    y: Row
    x_errors: Errors | UnsetType = UNSET
    y_errors: Errors | UnsetType = UNSET
    title: Label = ""
    x_label: Label = ""
    y_label: Label = ""


class ObjectAbout(msgspec.Struct, frozen=True, gc=False):
    """What a list shows of an object. `axes`: their types, none of a graph; `storage`: of a graph its type."""

    kind: str
    axes: tuple[str, ...]
    storage: str
    title: str
    bytes: int


class _Peek(msgspec.Struct):
    uhi_schema: int | UnsetType = UNSET
    dvic_graph: int | UnsetType = UNSET


_USUAL = b'{"uhi_schema":%d,' % UHI_SCHEMA
"""How dvic_log begins a histogram, which needs no second look then."""

_PEEK = msgspec.json.Decoder(_Peek)
_HISTOGRAM = msgspec.json.Decoder(_Histogram)
_GRAPH = msgspec.json.Decoder(_Graph)


def check_object(data: bytes, place: str) -> ObjectAbout:
    """What an object's JSON is; `place` names it in an error."""
    if len(data) > MAX_OBJECT_BYTES:
        raise LimitExceeded("MAX_OBJECT_BYTES", MAX_OBJECT_BYTES, len(data), field=place)
    if b"\n" in data or b"\r" in data:
        raise MalformedMessage("must be JSON of one line", place)
    if has_long_numbers(data):
        raise MalformedMessage(f"has a number of more than {MAX_DIGITS} digits", place)
    if data.startswith(_USUAL):
        return _histogram(data, place)
    peek = _decoded(_PEEK, data, place)
    if peek.uhi_schema is not UNSET:
        _check_schema(peek.uhi_schema, UHI_SCHEMA, "uhi_schema", place)
        return _histogram(data, place)
    if peek.dvic_graph is not UNSET:
        _check_schema(peek.dvic_graph, GRAPH_SCHEMA, "dvic_graph", place)
        return _graph(data, place)
    raise MalformedMessage("is neither a histogram (uhi_schema) nor a graph (dvic_graph)", place)


def parsed(data: bytes) -> _Histogram | _Graph:
    """An object that `check_object` let through, with its arrays still as JSON."""
    if data.startswith(_USUAL) or _PEEK.decode(data).uhi_schema is not UNSET:
        return _HISTOGRAM.decode(data)
    return _GRAPH.decode(data)


def _histogram(data: bytes, place: str) -> ObjectAbout:
    histogram = _decoded(_HISTOGRAM, data, place)
    shape = [axis.extent() for axis in histogram.axes]
    if math.prod(shape) > MAX_BINS:
        raise LimitExceeded("MAX_BINS", MAX_BINS, math.prod(shape), field=place)
    storage = histogram.storage
    for name in storage.__struct_fields__:
        if not is_array(bytes(getattr(storage, name)), shape, isinstance(storage, IntStorage)):
            kind = "whole numbers" if isinstance(storage, IntStorage) else "numbers"
            raise MalformedMessage(f"must be {' x '.join(map(str, shape))} {kind}, as the axes say",
                                   f"{place}.storage.{name}")
    named = {} if histogram.metadata is UNSET else histogram.metadata
    title = next((named[name] for name in ("title", "label", "name")
                  if isinstance(named.get(name), str) and named[name]), "")
    return ObjectAbout("histogram", tuple(_tag(axis) for axis in histogram.axes), _tag(storage),
                       title[:MAX_OBJECT_NAME], len(data))


def _graph(data: bytes, place: str) -> ObjectAbout:
    graph = _decoded(_GRAPH, data, place)
    if len(graph.x) > MAX_POINTS:
        raise LimitExceeded("MAX_POINTS", MAX_POINTS, len(graph.x), field=place)
    columns = [graph.y] + [column for errors in (graph.x_errors, graph.y_errors) if errors is not UNSET
                           for column in (errors.low, errors.high)]
    if any(len(column) != len(graph.x) for column in columns):
        raise MalformedMessage("x, y and errors are not equally many", place)
    return ObjectAbout("graph", (), graph.type, graph.title, len(data))


def _check_schema(given: int, known: int, member: str, place: str) -> None:
    if given > known:
        raise MalformedMessage(f"is schema {given}, and this hub reads schema {known}: update the hub",
                               f"{place}.{member}")
    if given != known:
        raise MalformedMessage("there is no such schema", f"{place}.{member}")


def _tag(part: msgspec.Struct) -> str:
    return part.__struct_config__.tag


def _decoded(decoder: msgspec.json.Decoder, data: bytes, place: str) -> msgspec.Struct:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise MalformedMessage(str(error), place) from None
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"not JSON ({error})", place) from None
    except UnicodeDecodeError:
        raise MalformedMessage("not UTF-8", place) from None
    except RecursionError:
        raise LimitExceeded("MAX_DEPTH", MAX_DEPTH, field=place) from None
