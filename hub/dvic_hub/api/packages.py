"""Histogram packages: what programs publish, how it was before, what it is compared with, and how it is laid out.

`at` says of when: nothing (now), a snapshot's number, `time:` and a time (RFC 3339, or how long ago: `time:1h`), or
`reference:` and a name. The objects' JSON (docs/histograms.md) is handed out as it was published. Live updates are in
the stream's kind `package`.
"""

import hashlib
from typing import Annotated, Any

import msgspec
from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import (
    Cursor,
    Limit,
    Name,
    Note,
    Time,
    TimeText,
    page_of,
    read_time,
    show_time,
)
from dvic_hub.api.route import Call
from dvic_hub.domain.layout import BadLayout, read_layout
from dvic_hub.domain.layout_auto import automatic_layout
from dvic_hub.domain.model import Page
from dvic_hub.domain.package_lines import object_json
from dvic_hub.domain.packages import Package, PackageObject, Reference
from dvic_hub.errors import BadRequest, NotFound
from dvic_wire.limits import MAX_LAYOUT_BYTES, MAX_OBJECTS
from dvic_wire.packages import SCHEMA

MAX_LAYOUT_BODY = 4 * MAX_LAYOUT_BYTES
"""Bytes of a request that holds a layout as JSON text."""

MAX_NAMES_TEXT = 32 * 1024
"""Characters of the names and hashes in one query."""

At = Annotated[str, msgspec.Meta(max_length=100, description="A snapshot's number, `time:1h`, `reference:NAME`.")]
Names = Annotated[str, msgspec.Meta(max_length=MAX_NAMES_TEXT)]
LongText = Annotated[str, msgspec.Meta(max_length=MAX_LAYOUT_BYTES)]
ReferenceName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@-]+$")]

_NAMES = msgspec.json.Decoder(list[str])


class PackagesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`node`: id or name. `name`: the package's."""

    node: Name = ""
    name: Name = ""
    limit: Limit = 1000
    cursor: Cursor = ""


class AtQuery(msgspec.Struct, forbid_unknown_fields=True):
    at: At = ""


class ObjectsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`names`: a JSON list; empty: all. `known`: hashes that need not be sent, separated by commas."""

    names: Names = ""
    known: Names = ""
    at: At = ""


class HistoryQuery(msgspec.Struct, forbid_unknown_fields=True):
    since: TimeText = ""
    until: TimeText = ""
    limit: Limit = 100
    cursor: Cursor = ""


class ObjectEntry(msgspec.Struct):
    """`hash` changes exactly when the content does. `axes`: of a histogram, the type of each; `storage`: of a graph its
    type."""

    name: str
    hash: str
    kind: str
    axes: list[str]
    storage: str
    title: str
    bytes: int


class PackageItem(msgspec.Struct, omit_defaults=True):
    """`container`: whose file it is, by name, short id or unit; "": the machine's own. `instance`: new at each start of
    the program, `serial`: grows with each of its updates; `skipped`: updates before this one that were never sent.
    `time`: by the program, `received`: by the hub. `state`: live, or gone (its file is not there any more). `problem`:
    why a newer update could not be used. `layout`: where it comes from: uploaded, published or "". `objects` only where
    one package is asked for."""

    schema: int
    id: str
    name: str
    title: str
    node: str
    node_id: str
    owner: str
    container: str
    path: str
    instance: str
    serial: int
    skipped: int
    time: Time | None
    received: Time | None
    state: str
    problem: str
    snapshot: int
    layout: str
    object_count: int
    bytes: int | msgspec.UnsetType = msgspec.UNSET
    objects: list[ObjectEntry] | msgspec.UnsetType = msgspec.UNSET


class PackageList(msgspec.Struct):
    items: list[PackageItem]
    next: str


class ObjectItem(msgspec.Struct):
    """`data`: a histogram in the UHI serialization, or a graph (docs/histograms.md)."""

    name: str
    hash: str
    data: msgspec.Raw


class ObjectList(msgspec.Struct):
    """`package` names all objects; `objects` are those that were asked for and not known."""

    package: PackageItem
    objects: list[ObjectItem]


class SnapshotItem(msgspec.Struct):
    """`reference`: the name of one that it is."""

    snapshot: int
    instance: str
    serial: int
    skipped: int
    time: Time | None
    received: Time | None
    objects: int
    reference: str


class SnapshotList(msgspec.Struct):
    """Newest first."""

    items: list[SnapshotItem]
    next: str


class NewReference(msgspec.Struct, forbid_unknown_fields=True):
    """`snapshot` 0: the newest."""

    name: ReferenceName
    snapshot: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    note: Note = ""


class ReferenceItem(msgspec.Struct):
    name: str
    snapshot: int
    time: Time | None
    note: str
    created: Time | None
    created_by: str


class ReferenceList(msgspec.Struct):
    """Newest first."""

    items: list[ReferenceItem]


class LayoutText(msgspec.Struct, forbid_unknown_fields=True):
    text: LongText


class LayoutItem(msgspec.Struct):
    """The last good one. `tree`: the same as data (docs/layout.md), or a layout made of the objects' names where there
    is none. `problem` and `line`: of a newer one that the program published and that can't be used."""

    origin: str
    text: str
    tree: dict[str, Any]
    changed: Time | None
    changed_by: str
    problem: str
    line: int


class LayoutProblem(msgspec.Struct):
    line: int
    column: int
    reason: str


class LayoutCheck(msgspec.Struct):
    """`tree`: as of LayoutItem; empty where it is not ok."""

    ok: bool
    problems: list[LayoutProblem]
    tree: dict[str, Any]


async def list_packages(doors: Doors, call: Call) -> PackageList:
    node = doors.fleet.view(call.query.node) if call.query.node else None
    if call.query.node and node is None:
        raise NotFound(f"there is no node {call.query.node}")
    found = [package for package in doors.packages.all()
             if (not node or package.node == node.id) and call.query.name in ("", package.name)]
    shown, following = page_of(found, lambda package: f"{package.name} {package.id}", call.query)
    return PackageList([_item(doors, package) for package in shown], following)


async def show_package(doors: Doors, call: Call) -> web.Response:
    package, number = await _at(doors, call)
    return _answer(call, msgspec.json.encode(await _whole(doors, package, number)))


async def package_objects(doors: Doors, call: Call) -> web.Response:
    package, number = await _at(doors, call)
    known = frozenset(call.query.known.split(","))
    found = await doors.store.packages.data(package.id, number, _names(call.query.names), known)
    whole = msgspec.json.encode(await _whole(doors, package, number))
    objects = b",".join(object_json(each.name, each.hash, each.data) for each in found)
    return _answer(call, b'{"package":%b,"objects":[%b]}' % (whole, objects))


async def package_history(doors: Doors, call: Call) -> SnapshotList:
    query, now = call.query, doors.now()
    package = doors.packages.get(call.path["package"])
    page: Page = await doors.store.packages.history(package.id, read_time(query.since, now, "since"),
                                                    read_time(query.until, now, "until"), query.limit, query.cursor)
    return SnapshotList([SnapshotItem(each.number, each.instance, each.serial, each.skipped, show_time(each.time),
                                      show_time(each.received), each.objects, each.reference)
                         for each in page.items], page.next)


async def remove_package(doors: Doors, call: Call) -> None:
    await doors.packages.remove(call.path["package"], call.actor)


async def list_references(doors: Doors, call: Call) -> ReferenceList:
    package = doors.packages.get(call.path["package"])
    return ReferenceList([_reference(each) for each in await doors.store.packages.references(package.id)])


async def add_reference(doors: Doors, call: Call) -> ReferenceItem:
    body: NewReference = call.body
    return _reference(await doors.packages.add_reference(call.path["package"], body.name, body.snapshot, body.note,
                                                         call.actor))


async def remove_reference(doors: Doors, call: Call) -> None:
    await doors.packages.remove_reference(call.path["package"], call.path["reference"], call.actor)


async def show_layout(doors: Doors, call: Call) -> LayoutItem:
    return await _layout(doors, doors.packages.get(call.path["package"]))


async def set_layout(doors: Doors, call: Call) -> LayoutItem:
    if not call.body.text.strip():
        raise BadRequest("an empty text is no layout; DELETE goes back to the published one", field="text")
    return await _layout(doors, await doors.packages.set_layout(call.path["package"], call.body.text, call.actor))


async def reset_layout(doors: Doors, call: Call) -> None:
    await doors.packages.set_layout(call.path["package"], "", call.actor)


async def check_layout(doors: Doors, call: Call) -> LayoutCheck:
    doors.packages.get(call.path["package"])
    faults = doors.packages.check_layout(call.body.text)
    return LayoutCheck(not faults, [LayoutProblem(each.line, each.column, each.reason) for each in faults],
                       {} if faults else read_layout(call.body.text))


async def _at(doors: Doors, call: Call) -> tuple[Package, int]:
    package, now = doors.packages.get(call.path["package"]), doors.now()
    return package, await doors.packages.number_at(package, call.query.at, lambda text: read_time(text, now, "at"))


async def _whole(doors: Doors, package: Package, number: int) -> PackageItem:
    """As it was at that snapshot."""
    item = _item(doors, package)
    objects = await doors.store.packages.objects(package.id, number)
    if number != package.snapshot:
        then = await doors.store.packages.snapshot(package.id, number)
        if then is None:
            raise NotFound(f"the snapshot {number} of {package.name} is not there any more")
        item.instance, item.serial, item.skipped, item.snapshot = then.instance, then.serial, then.skipped, number
        item.time, item.received = show_time(then.time), show_time(then.received)
    item.objects = [_entry(each) for each in objects]
    item.object_count, item.bytes = len(objects), sum(each.about.bytes for each in objects)
    return item


def _item(doors: Doors, package: Package) -> PackageItem:
    view = doors.fleet.view(package.node)
    return PackageItem(
        schema=SCHEMA, id=package.id, name=package.name, title=package.title, node=view.name if view else package.node,
        node_id=package.node, owner=package.owner, container=package.container, path=package.path,
        instance=package.instance, serial=package.serial, skipped=package.skipped, time=show_time(package.time),
        received=show_time(package.received), state="gone" if package.gone else "live", problem=package.problem,
        snapshot=package.snapshot, layout=package.layout_origin, object_count=doors.packages.object_count(package))


def _entry(each: PackageObject) -> ObjectEntry:
    about = each.about
    return ObjectEntry(each.name, each.hash, about.kind, list(about.axes), about.storage, about.title, about.bytes)


def _reference(each: Reference) -> ReferenceItem:
    return ReferenceItem(each.name, each.snapshot, show_time(each.time), each.note, show_time(each.created),
                         each.created_by)


async def _layout(doors: Doors, package: Package) -> LayoutItem:
    uploaded = package.layout_origin == "uploaded"
    text, problem, line = package.uploaded or package.layout, package.layout_problem, package.layout_line
    tree = None
    try:
        tree = read_layout(text) if text else None
    except BadLayout as bad:  # stored by a hub of another version
        problem, line = bad.faults[0].reason, bad.faults[0].line
    if tree is None:
        objects = await doors.store.packages.objects(package.id, package.snapshot)
        tree = automatic_layout(package.name, ((each.name, each.about.kind, len(each.about.axes)) for each in objects))
    return LayoutItem(package.layout_origin, text, tree,
                      show_time(package.uploaded_at if uploaded else package.layout_changed),
                      package.uploaded_by if uploaded else "", problem, line)


def _names(text: str) -> list[str] | None:
    if not text:
        return None
    try:
        names = _NAMES.decode(text)
    except msgspec.MsgspecError:
        raise BadRequest('names is a JSON list of texts, such as ["adc/ch1"]', field="names") from None
    if len(names) > MAX_OBJECTS:
        raise BadRequest(f"a package has at most {MAX_OBJECTS} objects", field="names", limit=MAX_OBJECTS)
    return names


def _answer(call: Call, body: bytes) -> web.Response:
    """With an ETag; nothing but 304 for who has it already. Deflated where the client takes that."""
    tag = hashlib.blake2b(body, digest_size=16).hexdigest()
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    if any(each.value == tag for each in call.request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    response = web.Response(body=body, content_type="application/json", headers=headers)
    response.enable_compression()
    return response
