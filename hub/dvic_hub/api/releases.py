"""Packages that the hub serves: an admin adds and removes them; apt reads them, unsigned requests, signed answers.

A package is installed as root on every machine that trusts this hub's repository, so only an admin may add one.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Time, Timeout, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.apt_index import Release
from dvic_hub.domain.model import KeptManifest
from dvic_hub.errors import BadRequest
from dvic_hub.services.manifests import MAX_MANIFEST
from dvic_wire.errors import MalformedMessage
from dvic_wire.versions import MAX_VERSION, check_version

PIECE_SECONDS = 30
"""Seconds in which the next piece of a package must have come."""

_PLAIN = "text/plain"


class NewRelease(msgspec.Struct, forbid_unknown_fields=True):
    """How a package is signed for self-update: by a `manifest` made elsewhere, or else by the hub, which then writes
    into it from which version on hubs can be talked to (`minimum_hub`; empty: as the package says)."""

    manifest: Annotated[str, msgspec.Meta(max_length=MAX_MANIFEST)] = ""
    minimum_hub: Annotated[str, msgspec.Meta(max_length=MAX_VERSION)] = ""


class ReleaseItem(msgspec.Struct):
    """`name` is the file's, `size` in bytes, `sha256` in hex. `signed_by`: fingerprint of the key of its manifest (or
    empty: it has none), which is valid until `signed_until` and wants hubs from `minimum_hub` on."""

    name: str
    package: str
    version: str
    architecture: str
    size: int
    sha256: str
    added: Time | None
    signed_by: str
    signed_until: Time | None
    minimum_hub: str


class ReleaseList(msgspec.Struct):
    """By name."""

    items: list[ReleaseItem]
    next: str


async def add_release(doors: Doors, call: Call) -> ReleaseItem:
    query: NewRelease = call.query
    if query.minimum_hub:
        try:
            check_version(query.minimum_hub)
        except MalformedMessage:
            raise BadRequest("minimum_hub is no version", field="minimum_hub") from None
    release = await doors.releases.add(_pieces(call.request), call.actor, query.manifest, query.minimum_hub)
    return _item(release, await doors.manifests.all())


async def list_releases(doors: Doors, call: Call) -> ReleaseList:
    shown, following = page_of(await doors.releases.all(), lambda release: release.name, call.query)
    manifests = await doors.manifests.all()
    return ReleaseList([_item(release, manifests) for release in shown], following)


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


def _item(release: Release, manifests: dict[str, KeptManifest]) -> ReleaseItem:
    control, kept = release.control, manifests.get(release.name)
    signed = ("", None, "")
    if kept is not None and kept.sha256 == release.sha256:
        signed = kept.signer, show_time(kept.expires * 1_000_000), kept.minimum_hub
    return ReleaseItem(release.name, control.package, control.version, control.architecture, release.size,
                       release.sha256, show_time(release.added), *signed)
