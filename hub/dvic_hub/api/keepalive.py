"""POST /api/v1/keepalive: "alive", from devices that hold no WebSocket. The signature is the credential."""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call
from dvic_hub.services.device_numbers import store_numbers

MAX_KEEPALIVE_BYTES = 8 * 1024
"""One posted keepalive, bytes of JSON."""


class KeepaliveBody(msgspec.Struct, forbid_unknown_fields=True):
    """`keepalive`: JWS of purpose dvic-keepalive-post+jws."""

    keepalive: Annotated[str, msgspec.Meta(max_length=MAX_KEEPALIVE_BYTES)]


class KeepaliveAnswer(msgspec.Struct):
    """`time`: the hub's clock in microseconds since 1970, for devices without one. `serial`: the highest that counted:
    the next one must be above it."""

    time: int
    serial: int
    name: str


async def keepalive(doors: Doors, call: Call) -> KeepaliveAnswer:
    node, beat = await doors.agents.beat_posted(call.body.keepalive, call.address)
    await store_numbers(doors.store, doors.ingest, node.id, beat.serial, beat.numbers, doors.now())
    known = doors.fleet.node(node.id) or node
    return KeepaliveAnswer(doors.now(), max(known.serial, beat.serial), known.name)
