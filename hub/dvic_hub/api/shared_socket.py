"""One monitoring service live for who has a share of it: `GET /api/v1/shared`, a WebSocket for pages of other sites.

    client  {"share": "dvics_..."}                     first, within PATIENCE seconds
    hub     {"kind": "snapshot", "service": {...}, "cycles": [...]}
    hub     {"kind": "service", "cycle": 41, ...}      one or more JSON objects a text frame, as in /api/v1/stream
    client  {"again": true}                            a new snapshot, at most one a second
    hub     {"kind": "snapshot", ...}

Only pages of the sites that the setting embed_origins names may open it, besides the hub's own. Which machine a step
ran on, and where its log lines are, is not told. Who has no share any more is cut off at the next look (services.live).
"""

import asyncio

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Time, show_time
from dvic_hub.api.route import Call
from dvic_hub.api.services import CycleItem, shown_cycle
from dvic_hub.api.stream_socket import HEARTBEAT, SocketOutlet, end_with, text_frame
from dvic_hub.domain.service_description import Component
from dvic_hub.domain.subscriptions import Filter
from dvic_hub.errors import BadRequest, HubError, NotSignedIn
from dvic_hub.services.live import BACKLOG_BYTES

PATIENCE = 10.0
"""Seconds in which who opens the socket has to show a share."""

MAX_SHARED_BYTES = 1024
"""Bytes of one message of such a client."""

CYCLES_SHOWN = 10
"""Cycles in a snapshot."""

AGAIN = 1.0
"""Seconds between two snapshots for one client at least."""


class SharedService(msgspec.Struct):
    """The service as far as a share shows it."""

    name: str
    title: str
    on: bool
    due: Time | None
    components: tuple[Component, ...]


class Snapshot(msgspec.Struct, tag_field="kind", tag="snapshot"):
    """How it stands; cycles newest first."""

    service: SharedService
    cycles: list[CycleItem]


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    share: str = ""
    again: bool = False


_SAID = msgspec.json.Decoder(_Said)


async def shared(doors: Doors, call: Call) -> web.StreamResponse:
    """Serve one who looks, until either side ends it."""
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=MAX_SHARED_BYTES, timeout=5)
    if not socket.can_prepare(call.request).ok:
        raise web.HTTPUpgradeRequired(reason="open this address as a WebSocket")
    with doors.shares.looking():
        await socket.prepare(call.request)
        try:
            share = (await _said(socket, PATIENCE)).share
            name = await doors.shares.service_of(share)
            await _show(doors, socket, call.request.transport, share, name)
        except (HubError, TimeoutError) as error:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(error).encode()[:100])
        except ConnectionError:
            pass
    return socket


async def _show(doors: Doors, socket: web.WebSocketResponse, transport: asyncio.Transport | None, share: str,
                name: str) -> None:
    if transport is None:
        return
    outlet = SocketOutlet(transport)
    guards = [asyncio.create_task(end_with(socket, outlet)), asyncio.create_task(_recheck(doors, share, outlet))]
    subscription = doors.live.subscribe((Filter(kinds=("service",), service=name),), outlet, text_frame)
    try:
        while True:
            if outlet.backlog() > BACKLOG_BYTES:
                outlet.close("slow", "it asks and does not read")
                return
            outlet.write(text_frame(msgspec.json.encode(await _snapshot(doors, name))))
            await asyncio.sleep(AGAIN)
            await _said(socket, None)
    finally:
        doors.live.unsubscribe(subscription)
        for guard in guards:
            guard.cancel()
        await asyncio.gather(*guards, return_exceptions=True)


async def _said(socket: web.WebSocketResponse, timeout: float | None) -> _Said:
    """The client's next message. Raises ConnectionError where it left, BadRequest, TimeoutError."""
    message = await socket.receive(timeout)
    if message.type is not WSMsgType.TEXT:
        raise ConnectionResetError("who looked has gone")
    try:
        return _SAID.decode(message.data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadRequest('send {"share": "dvics_..."} or {"again": true}', code="malformed") from None


async def _snapshot(doors: Doors, name: str) -> Snapshot:
    service = doors.cycles.get(name)
    page = await doors.store.services.cycles(name, CYCLES_SHOWN)
    cycles = [shown_cycle(doors, cycle) for cycle in page.items]
    for cycle in cycles:
        for step in cycle.steps:
            step.node = step.place = step.trouble_place = ""
    described = service.description
    return Snapshot(SharedService(name, described.title, not service.off, show_time(service.due),
                                  described.components), cycles)


async def _recheck(doors: Doors, share: str, outlet: SocketOutlet) -> None:
    while True:
        await asyncio.sleep(doors.live.recheck)
        try:
            await doors.shares.service_of(share)
        except NotSignedIn as error:
            outlet.close("not-signed-in", str(error))
            return
        except HubError:
            continue
