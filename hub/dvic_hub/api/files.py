"""Files on their way: brought in parts for machines, or come from a machine and read in parts.

A sender announces a file, then sends its parts in order, each with the offset at which it begins; after any loss it
asks what has been received and goes on there. The bytes are read with an ordinary `Range`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

import msgspec
from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Time, Timeout, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.errors import Conflict
from dvic_hub.services.spool import KeptFile
from dvic_wire.copies import MAX_COPY_BYTES, check_file_name

PART_SECONDS = 60
"""Seconds in which all of a part must have come."""

BYTES = "application/octet-stream"


class NewFile(msgspec.Struct, forbid_unknown_fields=True):
    """`sha256`: what it will be, in hex, where that is known; then the same person's file of the same name and hash
    that is here already is gone on with, and what comes is checked."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    size: Annotated[int, msgspec.Meta(ge=0, le=MAX_COPY_BYTES)]
    sha256: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^([0-9a-f]{64})?$")] = ""


class PartQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`offset`: where in the file the part begins; it must be what has been received."""

    offset: Annotated[int, msgspec.Meta(ge=0, le=MAX_COPY_BYTES)]


class FileItem(msgspec.Struct):
    """`received` of `size` bytes are here; `sha256` in hex when all are, else empty. `by`: who brought it, or asked a
    machine for it. `mode`, `owner`, `group`: as on the machine that it comes from, else -1 and empty."""

    id: str
    name: str
    size: int
    received: int
    sha256: str
    by: str
    created: Time | None
    mode: int
    owner: str
    group: str


class FileList(msgspec.Struct):
    """By id."""

    items: list[FileItem]
    next: str


async def add_file(doors: Doors, call: Call) -> FileItem:
    body: NewFile = call.body
    check_file_name(body.name, "name")
    return show_file(await doors.files.add(body.name, body.size, body.sha256, call.actor))


async def take_part(doors: Doors, call: Call) -> FileItem:
    return show_file(await doors.files.take(call.path["file"], call.query.offset, _pieces(call.request)))


async def list_files(doors: Doors, call: Call) -> FileList:
    shown, following = page_of(doors.files.all(), lambda kept: kept.id, call.query)
    return FileList([show_file(kept) for kept in shown], following)


async def show_one_file(doors: Doors, call: Call) -> FileItem:
    return show_file(doors.files.get(call.path["file"]))


async def read_file(doors: Doors, call: Call) -> web.StreamResponse:
    id, asked = call.path["file"], call.request.headers.get("Range", "")
    path = await doors.files.content(id, call.actor, first=not asked or asked.startswith("bytes=0-"))
    name = quote(doors.files.get(id).name, safe="")
    return web.FileResponse(path, headers={"Content-Type": BYTES,
                                           "Content-Disposition": f"attachment; filename*=UTF-8''{name}"})


async def remove_file(doors: Doors, call: Call) -> None:
    if call.path["file"] in doors.copies.needed():
        raise Conflict("a copy that is under way needs this file", code="in-use")
    await doors.files.remove(call.path["file"], call.actor)


def show_file(kept: KeptFile) -> FileItem:
    """A file as the API shows one."""
    about = kept.about or {}
    return FileItem(kept.id, kept.name, kept.size, kept.received, kept.sha256, kept.by,
                    show_time(int(kept.created * 1_000_000)), about.get("mode", -1), about.get("owner", ""),
                    about.get("group", ""))


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    try:
        async with asyncio.timeout(PART_SECONDS):
            while piece := await request.content.readany():
                yield piece
    except TimeoutError:
        raise Timeout(f"the part did not come within {PART_SECONDS} s", limit=PART_SECONDS) from None
