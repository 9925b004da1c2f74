"""Packages that the hub serves: an admin adds and removes them; apt reads them, unsigned requests, signed answers.

A package is installed as root on every machine that trusts this hub's repository, so only an admin may add one.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Time, Timeout, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.apt_index import Release

PIECE_SECONDS = 30
"""Seconds in which the next piece of a package must have come."""

_PLAIN = "text/plain"


class ReleaseItem(msgspec.Struct):
    """`name` is the file's, `size` in bytes, `sha256` in hex."""

    name: str
    package: str
    version: str
    architecture: str
    size: int
    sha256: str
    added: Time | None


class ReleaseList(msgspec.Struct):
    """By name."""

    items: list[ReleaseItem]
    next: str


async def add_release(doors: Doors, call: Call) -> ReleaseItem:
    return _item(await doors.releases.add(_pieces(call.request), call.actor))


async def list_releases(doors: Doors, call: Call) -> ReleaseList:
    shown, following = page_of(await doors.releases.all(), lambda release: release.name, call.query)
    return ReleaseList([_item(release) for release in shown], following)


async def remove_release(doors: Doors, call: Call) -> None:
    await doors.releases.remove(call.path["release"], call.actor)


async def apt_key(doors: Doors, call: Call) -> web.Response:
    return web.Response(text=await doors.releases.public_key(), content_type="application/pgp-keys")


async def apt_index(doors: Doors, call: Call) -> web.Response:
    return _bytes(await doors.releases.index_file(call.path["index"]), _PLAIN)


async def apt_by_hash(doors: Doors, call: Call) -> web.Response:
    return _bytes(await doors.releases.index_file(f"by-hash/SHA256/{call.path['hash']}"), "application/octet-stream")


async def apt_package(doors: Doors, call: Call) -> web.StreamResponse:
    path = await doors.releases.package(call.path["release"])
    return web.FileResponse(path, headers={"Content-Type": "application/vnd.debian.binary-package"})


def _bytes(data: bytes, kind: str) -> web.Response:
    return web.Response(body=data, content_type=kind)


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(PIECE_SECONDS):
                piece = await request.content.readany()
        except TimeoutError:
            raise Timeout(f"nothing came for {PIECE_SECONDS} s", limit=PIECE_SECONDS) from None
        if not piece:
            return
        yield piece


def _item(release: Release) -> ReleaseItem:
    control = release.control
    return ReleaseItem(release.name, control.package, control.version, control.architecture, release.size,
                       release.sha256, show_time(release.added))
