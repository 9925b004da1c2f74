"""POST /api/v1/keepalive and /records: "alive", and what there is to log, from devices that hold no WebSocket. The
signature is the credential."""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call
from dvic_hub.domain.keepalive import Beat
from dvic_hub.domain.model import Node
from dvic_hub.services.device_reports import store_numbers, store_records
from dvic_wire.signing import Purpose

MAX_KEEPALIVE_BYTES = 8 * 1024
"""One posted keepalive, bytes of JSON."""

MAX_POSTED_RECORDS_BYTES = 128 * 1024
"""Records posted at once by a device, bytes of the signed text."""


class KeepaliveBody(msgspec.Struct, forbid_unknown_fields=True):
    """`keepalive`: JWS of purpose dvic-keepalive-post+jws."""

    keepalive: Annotated[str, msgspec.Meta(max_length=MAX_KEEPALIVE_BYTES)]


class RecordsBody(msgspec.Struct, forbid_unknown_fields=True):
    """`records`: JWS of purpose dvic-records-post+jws: a keepalive with log records in it."""

    records: Annotated[str, msgspec.Meta(max_length=MAX_POSTED_RECORDS_BYTES)]


class KeepaliveAnswer(msgspec.Struct):
    """`time`: the hub's clock in microseconds since 1970, for devices without one. `serial`: the highest that counted:
    the next one must be above it."""

    time: int
    serial: int
    name: str


async def keepalive(doors: Doors, call: Call) -> KeepaliveAnswer:
    node, beat = await doors.agents.beat_posted(call.body.keepalive, call.address)
    return await _answer(doors, node, beat)


async def records(doors: Doors, call: Call) -> KeepaliveAnswer:
    node, beat = await doors.agents.beat_posted(call.body.records, call.address, Purpose.RECORDS_POST)
    await store_records(doors.store, doors.ingest, node.id, beat.serial, beat.records)
    return await _answer(doors, node, beat)


async def _answer(doors: Doors, node: Node, beat: Beat) -> KeepaliveAnswer:
    await store_numbers(doors.store, doors.ingest, node.id, beat.serial, beat.numbers, doors.now())
    known = doors.fleet.node(node.id) or node
    return KeepaliveAnswer(doors.now(), max(known.serial, beat.serial), known.name)
