"""Whose manifests count: the keys that sign packages for self-update."""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Note, PageQuery, Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.model import SigningKey
from dvic_hub.errors import BadRequest
from dvic_wire.errors import MalformedMessage
from dvic_wire.signing import PublicKey, b64decode, b64encode

KeyText = Annotated[str, msgspec.Meta(max_length=64, description="The `x` of an Ed25519 JWK.")]


class NewReleaseKey(msgspec.Struct, forbid_unknown_fields=True):
    """`x`: of the key to add. Or `generate`: the hub replaces its own key by a new one; the one before still counts
    until it is removed, and what it had signed is signed anew."""

    x: KeyText = ""
    note: Note = ""
    generate: bool = False


class ReleaseKeyItem(msgspec.Struct):
    """`id` is the fingerprint, `x` the public key. `own`: the hub itself signs with it. `packages`: how many of those
    that the hub serves it has signed."""

    id: str
    x: str
    note: str
    added: Time | None
    added_by: str
    own: bool
    packages: int


class ReleaseKeyList(msgspec.Struct):
    """`serial` is that of the key set, and grows with each change."""

    items: list[ReleaseKeyItem]
    next: str
    serial: int


async def list_release_keys(doors: Doors, call: Call) -> ReleaseKeyList:
    query: PageQuery = call.query
    serial, keys = await doors.release_keys.all()
    items = [await _item(doors, key) for key in keys]
    shown, following = page_of(items, lambda item: f"{item.added} {item.id}", query)
    return ReleaseKeyList(shown, following, serial)


async def add_release_key(doors: Doors, call: Call) -> ReleaseKeyItem:
    body: NewReleaseKey = call.body
    if body.generate == bool(body.x):
        raise BadRequest("give a key to add, or ask for a new one", field="x")
    if body.generate:
        made, before = await doors.release_keys.renew(call.actor)
        if before is not None:
            await doors.manifests.sign_anew(before, made)
        _, keys = await doors.release_keys.all()
        return await _item(doors, next(key for key in keys if key.id == made.fingerprint))
    try:
        public = PublicKey(b64decode(body.x))
    except MalformedMessage:
        raise BadRequest("x is no Ed25519 public key in base64url", field="x") from None
    return await _item(doors, await doors.release_keys.add(public, body.note, call.actor))


async def remove_release_key(doors: Doors, call: Call) -> None:
    await doors.release_keys.remove(call.path["key"], call.actor)


async def _item(doors: Doors, key: SigningKey) -> ReleaseKeyItem:
    own = await doors.release_keys.own()  # there is one: a key is being shown
    signed = sum(kept.signer == key.id for kept in (await doors.manifests.all()).values())
    return ReleaseKeyItem(key.id, b64encode(key.public_key), key.note, show_time(key.added), key.added_by,
                          own is not None and own.fingerprint == key.id, signed)
