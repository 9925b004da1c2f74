"""The records of `dvic_wire.records` as types, so that msgspec checks them while it parses.

Strict on purpose: an unknown member is refused. Records are handed to subscribers as the bytes that came, so a member
that this hub does not know could otherwise pass itself off as one that the hub adds (`node`, `kind`).
What a program wants to say beyond the known members goes into `fields`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dvic_wire.limits import (
    MAX_CONTAINER_STATES,
    MAX_DEMOS,
    MAX_FIELD_TEXT,
    MAX_FIELDS,
    MAX_METRIC_NAME,
    MAX_METRICS,
    MAX_OBJECT_BYTES,
    MAX_OBJECT_NAME,
    MAX_OBJECTS,
    MAX_RECORD_TEXT,
)
from dvic_wire.packages import MAX_SERIAL
from dvic_wire.streams import LEVELS

MAX_TIME = 253_402_300_799_999_999
"""The last microsecond of the year 9999: the end of what RFC 3339 can write."""

LEVEL_NUMBER = {level: number for number, level in enumerate(LEVELS)}

Level = Literal[LEVELS]
Time = Annotated[int, Meta(ge=0, le=MAX_TIME)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, Meta(max_length=MAX_FIELD_TEXT)]
Text = Annotated[str, Meta(max_length=MAX_RECORD_TEXT)]
Base64 = Annotated[str, Meta(max_length=8 * MAX_RECORD_TEXT)]
Title = Annotated[str, Meta(max_length=MAX_OBJECT_NAME)]
Serial = Annotated[int, Meta(ge=0, le=MAX_SERIAL)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
MetricName = Annotated[str, Meta(max_length=MAX_METRIC_NAME)]


class _Record(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Records hold no cycles, so the garbage collector need not look at millions of them."""


class GapMark(_Record):
    """What a gap record stands for."""

    reason: Name
    detail: Name | UnsetType = UNSET
    missed: Whole | UnsetType = UNSET
    unit: Name | UnsetType = UNSET


class LogRecord(_Record):
    """A line of a log."""

    time: Time
    level: Level
    message: Text
    unit: Name | UnsetType = UNSET
    identifier: Name | UnsetType = UNSET
    boot: Name | UnsetType = UNSET
    pid: Whole | UnsetType = UNSET
    uid: Whole | UnsetType = UNSET
    priority: Whole | UnsetType = UNSET
    binary: Base64 | UnsetType = UNSET
    cut: Whole | UnsetType = UNSET
    fields: Annotated[dict[Name, Name | Whole | float | bool], Meta(max_length=MAX_FIELDS)] | UnsetType = UNSET
    gap: GapMark | UnsetType = UNSET


class SampleRecord(_Record):
    """Of the stream `hardware`: exactly one of `values`, `facts` and `gap` (samples lost at the node)."""

    time: Time
    values: Annotated[dict[MetricName, float], Meta(max_length=MAX_METRICS)] | UnsetType = UNSET
    facts: Annotated[dict[Name, Name], Meta(max_length=MAX_FIELDS)] | UnsetType = UNSET
    gap: GapMark | UnsetType = UNSET
    level: Name | UnsetType = UNSET
    message: Name | UnsetType = UNSET


class Demo(_Record):
    """A process behind a log file."""

    file: Name
    name: Name | UnsetType = UNSET
    pid: Whole | UnsetType = UNSET
    executable: Name | UnsetType = UNSET
    user: Name | UnsetType = UNSET
    owner: Name | UnsetType = UNSET
    since: Time | UnsetType = UNSET
    state: Name | UnsetType = UNSET
    cpu: float | None | UnsetType = UNSET
    memory: float | None | UnsetType = UNSET


class DemoRecord(_Record):
    """Of the stream `demos`: exactly one of `demos` and `gap`."""

    time: Time
    demos: Annotated[list[Demo], Meta(max_length=MAX_DEMOS)] | UnsetType = UNSET
    gap: GapMark | UnsetType = UNSET
    level: Name | UnsetType = UNSET
    message: Name | UnsetType = UNSET


class ContainerState(_Record):
    """`exit_code` of one that has ended or is started again; not there where nobody knows it."""

    id: Name
    engine: Name
    state: Name
    since: Time = 0
    name: Name | UnsetType = UNSET
    image: Name | UnsetType = UNSET
    unit: Name | UnsetType = UNSET
    exit_code: Whole | UnsetType = UNSET


class ContainerRecord(_Record):
    """Of the stream `containers`: exactly one of `containers` and `gap`. `whole`: there are no others."""

    time: Time
    containers: Annotated[list[ContainerState], Meta(max_length=MAX_CONTAINER_STATES)] | UnsetType = UNSET
    whole: bool = False
    gap: GapMark | UnsetType = UNSET
    level: Name | UnsetType = UNSET
    message: Name | UnsetType = UNSET


class RunStart(_Record):
    pid: Whole
    user: Name | UnsetType = UNSET


class RunEnd(_Record):
    state: Name
    exit_code: Whole | UnsetType = UNSET
    reason: Name | UnsetType = UNSET
    cut: Whole | UnsetType = UNSET


class RunStep(_Record):
    """An update's. A name that this hub does not know (updates.STEPS) is of a newer agent: kept, and passed over."""

    name: Name
    text: Name | UnsetType = UNSET


class RunRecord(_Record):
    """Of a stream `run:...`: exactly one of `start`, `out`, `err`, `step`, `end` and `gap`."""

    time: Time
    start: RunStart | UnsetType = UNSET
    out: Text | UnsetType = UNSET
    err: Text | UnsetType = UNSET
    step: RunStep | UnsetType = UNSET
    end: RunEnd | UnsetType = UNSET
    binary: Base64 | UnsetType = UNSET
    gap: GapMark | UnsetType = UNSET
    level: Name | UnsetType = UNSET
    message: Name | UnsetType = UNSET


class PackageEntry(_Record):
    """An object of a package; `data` is its JSON as text, and not there where the hub has it."""

    name: Title
    hash: Digest
    data: Annotated[str, Meta(max_length=MAX_OBJECT_BYTES)] | UnsetType = UNSET


class PackageUpdate(_Record):
    """`layout` only where it is another than before; `layout_hash` is empty where there is none."""

    schema: int
    name: Title
    instance: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    serial: Serial
    objects: Annotated[list[PackageEntry], Meta(max_length=MAX_OBJECTS)]
    title: Title = ""
    skipped: Serial = 0
    layout_hash: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?$")] = ""
    layout: Text | UnsetType = UNSET


class PackageRecord(_Record):
    """Of a stream `package:...`: exactly one of `package` and `gap`."""

    time: Time
    package: PackageUpdate | UnsetType = UNSET
    gap: GapMark | UnsetType = UNSET
    level: Name | UnsetType = UNSET
    message: Name | UnsetType = UNSET
