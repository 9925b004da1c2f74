"""The JSON of a batch to typed records, strictly: what can't be kept as it should be is refused before it is stored.

Pure. Raises MalformedMessage that names the field (`records[3].time`), or LimitExceeded that names the limit too.

    >>> batch = decode_batch(b'{"kind":"batch","stream":"journal", ... {"time":1,"level":"info","message":"x"}]}')
    >>> batch.kind, batch.records[0].message
    (Kind.LOG, 'x')
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import UNSET

from dvic_wire.codec import load_json
from dvic_wire.errors import LimitExceeded, MalformedMessage
from dvic_wire.limits import (
    MAX_ABOUT_BYTES,
    MAX_CONTAINER_STATES,
    MAX_CURSOR,
    MAX_DEMOS,
    MAX_DEPTH,
    MAX_FIELD_TEXT,
    MAX_FIELDS,
    MAX_METRIC_NAME,
    MAX_METRICS,
    MAX_OBJECT_BYTES,
    MAX_OBJECTS,
    MAX_RECORD_TEXT,
    MAX_RECORDS,
    MAX_STREAM_NAME,
)
from dvic_wire.runs import TERMINAL
from dvic_wire.streams import (
    CONTAINERS,
    DEMOS,
    FILE_PREFIX,
    HARDWARE,
    JOURNAL,
    MOUNT_PREFIX,
    PACKAGE_PREFIX,
    RUN_PREFIX,
)

from .record_types import LEVEL_NUMBER, ContainerRecord, DemoRecord, LogRecord, PackageRecord, RunRecord, SampleRecord


class Kind(IntEnum):
    """What a stream carries; the numbers are stored."""

    LOG = 0
    RUN = 1
    HARDWARE = 2
    DEMOS = 3
    PACKAGE = 4
    CONTAINERS = 5


@dataclass(frozen=True)
class DecodedBatch:
    """A batch whose every record holds. `records_json` is the array as it came; `run` the run's id (Kind.RUN).
    `levels`: bit i is set when a record of level LEVELS[i] is in it."""

    kind: Kind
    stream: str
    from_cursor: str
    to_cursor: str
    source: str
    about: dict
    closed: bool
    records_json: bytes
    records: list
    first_time: int
    last_time: int
    levels: int
    run: str = ""


class _Envelope(msgspec.Struct):
    """The batch without its records: a newer minor version may add members, so unknown ones are passed over."""

    kind: str
    stream: Annotated[str, msgspec.Meta(max_length=MAX_STREAM_NAME)]
    from_cursor: Annotated[str, msgspec.Meta(max_length=MAX_CURSOR)]
    to_cursor: Annotated[str, msgspec.Meta(max_length=MAX_CURSOR)]
    source: Annotated[str, msgspec.Meta(max_length=MAX_STREAM_NAME)]
    records: msgspec.Raw
    about: msgspec.Raw = msgspec.Raw(b"{}")
    closed: bool = False


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_RECORDS = {kind: msgspec.json.Decoder(Annotated[list[record], msgspec.Meta(max_length=MAX_RECORDS)])
            for kind, record in ((Kind.LOG, LogRecord), (Kind.RUN, RunRecord), (Kind.HARDWARE, SampleRecord),
                                 (Kind.DEMOS, DemoRecord), (Kind.PACKAGE, PackageRecord),
                                 (Kind.CONTAINERS, ContainerRecord))}
_RAW_RECORDS = msgspec.json.Decoder(list[msgspec.Raw])
_ONE_OF = {Kind.RUN: ("start", "out", "err", "step", "end", "gap"), Kind.HARDWARE: ("values", "facts", "gap"),
           Kind.DEMOS: ("demos", "gap"), Kind.PACKAGE: ("package", "gap"),
           Kind.CONTAINERS: ("containers", "gap")}
_RUN_ID = re.compile(r"[a-z0-9]{12,32}\Z")
_PACKAGE_FILE = re.compile(r"[0-9]{1,10}:[0-9a-f]{16}(:[0-9a-f]{16})?\Z")
_PLACE = re.compile(r" - at (?:`key` in )?`\$\.?(.*)`\Z", re.DOTALL)
_TOO_LONG = re.compile(r"of length <= (\d+)")
_LENGTHS = {
    "": {MAX_STREAM_NAME: "MAX_STREAM_NAME", MAX_CURSOR: "MAX_CURSOR"},
    "records": {MAX_RECORD_TEXT: "MAX_RECORD_TEXT", MAX_FIELD_TEXT: "MAX_FIELD_TEXT", MAX_FIELDS: "MAX_FIELDS",
                MAX_METRIC_NAME: "MAX_METRIC_NAME", MAX_METRICS: "MAX_METRICS", MAX_DEMOS: "MAX_DEMOS",
                MAX_CONTAINER_STATES: "MAX_CONTAINER_STATES",
                MAX_RECORDS: "MAX_RECORDS", MAX_OBJECTS: "MAX_OBJECTS", MAX_OBJECT_BYTES: "MAX_OBJECT_BYTES"},
}
"""Names of limits by their values, which is all that msgspec says: of the batch itself, and of its records."""


def kind_of(stream: str) -> Kind:
    """What a stream of this name carries; raises MalformedMessage when there is no such stream."""
    if stream == JOURNAL or stream.startswith((FILE_PREFIX, MOUNT_PREFIX)):
        return Kind.LOG
    if stream == HARDWARE:
        return Kind.HARDWARE
    if stream == DEMOS:
        return Kind.DEMOS
    if stream == CONTAINERS:
        return Kind.CONTAINERS
    if stream.startswith(RUN_PREFIX) and _RUN_ID.match(stream, len(RUN_PREFIX)):
        return Kind.RUN
    if stream.startswith(PACKAGE_PREFIX) and _PACKAGE_FILE.match(stream, len(PACKAGE_PREFIX)):
        return Kind.PACKAGE
    raise MalformedMessage("there is no such stream", "stream")


def decode_batch(data: bytes) -> DecodedBatch:
    """Read the JSON of a `batch` message."""
    envelope = _decode(_ENVELOPE, data, "")
    if envelope.kind != "batch":
        raise MalformedMessage("must be batch", "kind")
    kind = kind_of(envelope.stream)
    records_json = bytes(envelope.records)
    records = decode_records(kind, records_json)
    times = [record.time for record in records] or [0]
    levels = 0
    if kind is Kind.LOG:
        for level in {record.level for record in records}:
            levels |= 1 << LEVEL_NUMBER[level]
    return DecodedBatch(kind, envelope.stream, envelope.from_cursor, envelope.to_cursor, envelope.source,
                        _about(bytes(envelope.about)), envelope.closed, records_json, records, min(times), max(times),
                        levels, envelope.stream[len(RUN_PREFIX):] if kind is Kind.RUN else "")


def decode_records(kind: Kind, records_json: bytes) -> list:
    """The typed records of a JSON array."""
    records = _decode(_RECORDS[kind], records_json, "records")
    if kind in _ONE_OF:
        _check_shape(kind, records)
    return records


def raw_records(records_json: bytes) -> list[bytes]:
    """The records of a checked array, each as the bytes that came."""
    return [bytes(raw) for raw in _RAW_RECORDS.decode(records_json)]


def records_of_message(data: bytes) -> bytes:
    """The records array of a batch message that was checked before."""
    return bytes(_ENVELOPE.decode(data).records)


def _about(raw: bytes) -> dict:
    if raw == b"{}":
        return {}
    if len(raw) > MAX_ABOUT_BYTES:
        raise LimitExceeded("MAX_ABOUT_BYTES", MAX_ABOUT_BYTES, len(raw), "about")
    value = load_json(raw)
    if not isinstance(value, dict):
        raise MalformedMessage("must be object", "about")
    return value


def _check_shape(kind: Kind, records: list) -> None:
    """A record that may be one of several things is exactly one of them, and a run's end is its last record."""
    members = _ONE_OF[kind]
    for index, record in enumerate(records):
        if sum(getattr(record, member) is not UNSET for member in members) != 1:
            raise MalformedMessage(f"must hold exactly one of {', '.join(members)}", f"records[{index}]")
        if kind is Kind.RUN and record.end is not UNSET:
            if record.end.state not in TERMINAL:
                raise MalformedMessage("is no end of a run", f"records[{index}].end.state")
            if index != len(records) - 1:
                raise MalformedMessage("must be the last record", f"records[{index}].end")


def _decode(decoder: msgspec.json.Decoder, data: bytes, root: str) -> object:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _explain(str(error), root) from None
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"not JSON ({error})", root) from None
    except UnicodeDecodeError:
        raise MalformedMessage("not UTF-8", root) from None
    except RecursionError:
        raise LimitExceeded("MAX_DEPTH", MAX_DEPTH, field=root) from None


def _explain(text: str, root: str) -> MalformedMessage | LimitExceeded:
    """msgspec's words to the field and the limit that they are about."""
    found = _PLACE.search(text)
    place = found.group(1) if found else ""
    reason = text[:found.start()] if found else text
    field = root + place if place.startswith("[") or not root or not place else f"{root}.{place}"
    too_long = _TOO_LONG.search(reason)
    if too_long and int(too_long.group(1)) in _LENGTHS[root]:
        allowed = int(too_long.group(1))
        return LimitExceeded(_LENGTHS[root][allowed], allowed, field=field)
    return MalformedMessage(reason[:1].lower() + reason[1:], field)
