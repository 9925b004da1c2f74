"""Histogram packages as the hub keeps them, and what an update that came makes of them. Pure.

A package is one file of one node, or of a container there, and its owner (the stream's name says all), so its id stays
over restarts of program, agent and hub. An update names all of its objects; of those that the hub has it brings no
data. The hub believes the digests of nobody: what came is hashed again, and what did not come must be there under that
hash (NotHeld).
"""

import hashlib
import re
from base64 import b32encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from msgspec import UNSET

from dvic_hub.domain.decoding import DecodedBatch
from dvic_hub.domain.package_objects import ObjectAbout, check_object
from dvic_hub.domain.record_types import PackageUpdate
from dvic_wire.errors import LimitExceeded, MalformedMessage
from dvic_wire.limits import MAX_LAYOUT_BYTES, MAX_NAME
from dvic_wire.packages import check_schema, digest, is_object_name, is_package_name
from dvic_wire.streams import PACKAGE_PREFIX

MAX_NODE_PACKAGES = 1000
"""Packages that the hub keeps of one node, those whose file is gone among them."""

MAX_REFERENCES = 100
"""References of one package."""

MAX_PROBLEM = 1000
"""Characters of what is wrong with a package."""

MAX_CONTAINER = 128
"""Characters of the name of a package's container."""

SHORT_ID = 12
"""Characters of a container's id as people see it."""

UPDATE, PROBLEM, GONE, REMOVED, LAYOUT, REFERENCE = "update", "problem", "gone", "removed", "layout", "reference"
"""What subscribers are told of a package."""

_CARRIED = ("kept", "layout", "layout_hash", "layout_changed", "layout_problem", "layout_line", "uploaded",
            "uploaded_at", "uploaded_by")
"""What an update leaves as it was, unless it says something of it."""

_OWNER = re.compile(PACKAGE_PREFIX + r"([0-9]{1,10}):")
_LONG_ID = re.compile(r"[0-9a-f]{64}\Z")
_NO_NAME = re.compile(r"[^A-Za-z0-9._@-]+")


@dataclass(frozen=True)
class LayoutFault:
    """A place in a layout that can't be used; lines and columns count from 1, 0: of no single place."""

    line: int
    column: int
    reason: str


CheckLayout = Callable[[str], list[LayoutFault]]
"""What is wrong with a layout; [] where nothing is."""


@dataclass(frozen=True)
class ObjectChange:
    """An object of an update; `data` None: as the hub has it."""

    name: str
    hash: str
    data: bytes | None = None
    about: ObjectAbout | None = None


@dataclass(frozen=True)
class PackageChange:
    """What a batch says of a package. `gone`: its file is not there any more; `problem`: an update could not be used
    (and nothing else is said). `container`: whose file it is, "" for the machine's own. `layout`: a new published one,
    None: as before (`layout_hash` says which); `fault`: why it can't be taken. `last`, `every`: snapshots that are
    kept, and seconds between those kept longer."""

    id: str
    node: str
    stream: str
    owner: str
    uid: int
    path: str
    received: int
    container: str = ""
    name: str = ""
    title: str = ""
    instance: str = ""
    serial: int = 0
    skipped: int = 0
    time: int = 0
    objects: tuple[ObjectChange, ...] = ()
    layout_hash: str = ""
    layout: str | None = None
    fault: LayoutFault | None = None
    problem: str = ""
    gone: bool = False
    last: int = 20
    every: int = 60


@dataclass(frozen=True)
class Package:
    """A row: the newest state. Times are microseconds. `kept`: when the last snapshot was taken that is kept longer.
    `layout`: the last good one that was published; `layout_problem`, `layout_line`: of a newer one that was not;
    `uploaded`: a person's, which goes before it, with when and by whom. `container`: its short id, name or unit."""

    id: str
    node: str
    stream: str
    name: str
    title: str
    owner: str
    uid: int
    path: str
    instance: str
    serial: int
    skipped: int
    time: int
    received: int
    gone: bool = False
    problem: str = ""
    snapshot: int = 0
    kept: int = 0
    layout: str = ""
    layout_hash: str = ""
    layout_changed: int = 0
    layout_problem: str = ""
    layout_line: int = 0
    uploaded: str = ""
    uploaded_at: int = 0
    uploaded_by: str = ""
    container: str = ""

    @property
    def layout_origin(self) -> str:
        return "uploaded" if self.uploaded else "published" if self.layout else ""


@dataclass(frozen=True)
class PackageObject:
    """An object as it is kept: since the snapshot `since` until the one `until` (0: it still is)."""

    name: str
    hash: str
    position: int
    about: ObjectAbout
    since: int = 0
    until: int = 0


@dataclass(frozen=True)
class Snapshot:
    """One state of a package that is kept. `number` grows over all packages; `kept`: longer than the last few.
    `reference`: the name of one that it is, "" otherwise."""

    number: int
    package: str
    instance: str
    serial: int
    skipped: int
    time: int
    received: int
    kept: bool
    objects: int
    reference: str = ""


@dataclass(frozen=True)
class Reference:
    """A snapshot that people compare with; it is kept until they remove this."""

    package: str
    name: str
    snapshot: int
    time: int
    note: str
    created: int
    created_by: str


@dataclass(frozen=True)
class PackageEvent:
    """Something happened to a package. `changed`: objects with their data, of an update; `gone`: names of those that it
    has no more."""

    package: Package
    event: str
    changed: tuple[ObjectChange, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def node(self) -> str:
        return self.package.node


class NotHeld(Exception):
    """The hub does not have what an update takes for known: its cursor is forgotten, so that everything is sent."""


def package_id(node: str, stream: str) -> str:
    """Opaque, and the same for ever."""
    whole = hashlib.sha256(f"dvic-package\0{node}\0{stream}".encode()).digest()
    return "p-" + b32encode(whole).decode().lower()[:16]


def change_of(node: str, batch: DecodedBatch, received: int, check_layout: CheckLayout, *, last: int = 20,
              every: int = 60, refusal: str = "") -> PackageChange:
    """What a batch of a package's stream says. Raises MalformedMessage that names the place, LimitExceeded. `refusal`:
    why the hub itself refused what a gap stands for."""
    owner = _OWNER.match(batch.stream)
    common = {"id": package_id(node, batch.stream), "node": node, "stream": batch.stream, "received": received,
              "owner": _text(batch.about.get("owner")), "uid": int(owner[1]) if owner else 0,
              "path": _text(batch.about.get("path")), "container": _container_of(batch), "last": last, "every": every}
    if not batch.records:
        return PackageChange(**common, gone=batch.closed)
    if len(batch.records) > 1:
        raise MalformedMessage("a batch of a package has one record", "records")
    record = batch.records[0]
    if record.gap is not UNSET:
        detail = record.gap.detail if record.gap.detail is not UNSET else record.gap.reason
        return PackageChange(**common, name=_name_of(batch.source), problem=(refusal or detail)[:MAX_PROBLEM])
    update: PackageUpdate = record.package
    check_schema(update.schema)
    if not is_package_name(update.name):
        raise MalformedMessage(f"must be 1 to {MAX_NAME} letters, digits and . _ @ -", "package.name")
    layout = None if update.layout is UNSET else update.layout
    if layout is not None:
        size = len(layout.encode())
        if size > MAX_LAYOUT_BYTES:
            raise LimitExceeded("MAX_LAYOUT_BYTES", MAX_LAYOUT_BYTES, size, field="package.layout")
        if digest(layout.encode()) != update.layout_hash:
            raise MalformedMessage("is not what its hash says", "package.layout")
    faults = check_layout(layout) if layout else []
    return PackageChange(
        **common, name=update.name, title=update.title, instance=update.instance, serial=update.serial,
        skipped=update.skipped, time=record.time, objects=tuple(_objects(update)), layout_hash=update.layout_hash,
        layout=layout, fault=faults[0] if faults else None)


def is_kept(before: Package | None, change: PackageChange) -> bool:
    """Whether the snapshot of an update is kept longer than the last few: the first in each span of `every` seconds."""
    span = change.every * 1_000_000
    return before is None or change.received // span != before.kept // span


def after(before: Package | None, change: PackageChange, number: int) -> Package:
    """The row after a change whose snapshot is `number`."""
    if before and change.gone:
        return replace(before, gone=True)
    if before and change.problem:
        return replace(before, problem=change.problem, gone=False)
    row = Package(
        id=change.id, node=change.node, stream=change.stream, name=change.name, title=change.title, owner=change.owner,
        uid=change.uid, path=change.path, instance=change.instance, serial=change.serial, skipped=change.skipped,
        time=change.time, received=change.received, problem=change.problem, snapshot=number,
        container=change.container)
    if before:
        row = replace(row, **{name: getattr(before, name) for name in _CARRIED})
    if is_kept(before, change) and number:
        row = replace(row, kept=change.received)
    if change.fault:
        return replace(row, layout_hash=change.layout_hash, layout_problem=change.fault.reason[:MAX_PROBLEM],
                       layout_line=change.fault.line)
    if change.layout is None and change.layout_hash:
        return row
    text = change.layout or ""
    return replace(row, layout=text, layout_hash=change.layout_hash, layout_problem="", layout_line=0,
                   layout_changed=row.layout_changed if text == row.layout else change.received)


def _objects(update: PackageUpdate) -> Iterable[ObjectChange]:
    seen: set[str] = set()
    for index, given in enumerate(update.objects):
        place = f"objects[{index}] ({ascii(given.name)})"
        if not is_object_name(given.name):
            raise MalformedMessage("has a name that can't be shown", place)
        if given.name in seen:
            raise MalformedMessage("is there twice", place)
        seen.add(given.name)
        if given.data is UNSET:
            yield ObjectChange(given.name, given.hash)
            continue
        data = given.data.encode()
        if digest(data) != given.hash:
            raise MalformedMessage("is not what its hash says", place)
        yield ObjectChange(given.name, given.hash, data, check_object(data, place))


def _name_of(source: str) -> str:
    """A name for a package of which nothing but its file is known."""
    name = _NO_NAME.sub("-", source.removeprefix("dvic_package_"))[:MAX_NAME]
    return name if is_package_name(name) else "package"


def _container_of(batch: DecodedBatch) -> str:
    """As people call it: the name that its engine tells, the short id, or systemd's unit."""
    told = batch.about.get("container")
    if not isinstance(told, dict):
        return ""
    found = next((text for text in (_text(told.get(member)) for member in ("name", "id", "unit")) if text), "")
    return found[:SHORT_ID if _LONG_ID.match(found) else MAX_CONTAINER]


def _text(value: object) -> str:
    return value[:1024] if isinstance(value, str) else ""
