"""Live events out over WebSocket: `GET /api/v1/stream`.

    client  {"subscribe": [{"kinds": ["log"], "selector": "tag:room=lab", "level": "warning"}]}
    hub     {"kind": "subscribed", "filters": 1}
    hub     {"kind": "log", "node": "web-1", ...}\n{"kind": "log", ...}     one or more JSON objects a text frame
    hub     {"kind": "gap", "missed": 512}                                 the client was too slow for so many

A new `subscribe` replaces the one before. Whatever else the client sends is answered with {"kind": "problem", ...} and
ends the stream. The token is looked at again every RECHECK seconds (services.live): who is signed out hears no more.
"""

import asyncio
import struct

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from dvic_hub.api.doors import Doors
from dvic_hub.api.middleware import describe
from dvic_hub.api.params import refusal
from dvic_hub.api.route import REQUEST_ID, TOKEN, Call
from dvic_hub.domain.subscriptions import MAX_FILTERS, Filter
from dvic_hub.errors import BadRequest, HubError, NotSignedIn
from dvic_hub.services.live import BACKLOG_BYTES, Subscription
from dvic_wire.errors import WireError

MAX_SUBSCRIBE_BYTES = 64 * 1024
"""Bytes of one message of a stream's client."""

HEARTBEAT = 30
"""Seconds between pings; a client that answers none within half of it is gone."""

_TEXT = 0x81
_CLOSE_CODES = {"slow": WSCloseCode.TRY_AGAIN_LATER, "stopping": WSCloseCode.GOING_AWAY,
                "not-signed-in": WSCloseCode.POLICY_VIOLATION}


class Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """What a client says: one or more filters; an event is sent when any of them wants it."""

    subscribe: list[Filter]


_SUBSCRIBE = msgspec.json.Decoder(Subscribe)


def text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame (RFC 6455, section 5.2), so that one frame serves every subscriber."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", _TEXT, size)
    elif size < 65536:
        head = struct.pack("!BBH", _TEXT, 126, size)
    else:
        head = struct.pack("!BBQ", _TEXT, 127, size)
    return head + payload


class SocketOutlet:
    """A subscriber's transport. Frames go to it whole, beside the control frames that aiohttp writes there."""

    def __init__(self, transport: asyncio.Transport):
        self._transport = transport
        self.ended = asyncio.Event()
        self.why = ("", "")

    def write(self, frame: bytes) -> None:
        if self.ended.is_set() or self._transport.is_closing():
            raise ConnectionResetError("the subscriber has gone")
        self._transport.write(frame)

    def backlog(self) -> int:
        return self._transport.get_write_buffer_size()

    def close(self, code: str, reason: str) -> None:
        """What is still unsent to a slow client, or to one that has gone, would keep the socket open: it is cut.
        Only the first reason counts."""
        if self.ended.is_set():
            return
        self.why = (code, reason)
        self.ended.set()
        if code in ("slow", "gone"):
            self._transport.abort()


async def stream(doors: Doors, call: Call) -> web.StreamResponse:
    """Serve one subscriber until either side ends it."""
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=MAX_SUBSCRIBE_BYTES, timeout=5)
    if not socket.can_prepare(call.request).ok:
        raise web.HTTPUpgradeRequired(reason="open this address as a WebSocket")
    await socket.prepare(call.request)
    transport = call.request.transport
    if transport is None:
        return socket
    outlet = SocketOutlet(transport)
    guards = [asyncio.create_task(end_with(socket, outlet)), asyncio.create_task(_recheck(doors, call, outlet))]
    subscription: Subscription | None = None
    try:
        async for message in socket:
            try:
                filters = read_filters(message.type, message.data)
                if subscription is None:
                    subscription = doors.live.subscribe(filters, outlet, text_frame)
                else:
                    doors.live.change(subscription, filters)
            except (HubError, WireError) as error:
                problem = msgspec.to_builtins(describe(error, call.request[REQUEST_ID]))
                await socket.send_str(msgspec.json.encode({"kind": "problem", **problem}).decode())
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"the subscription can't be used")
                break
            if outlet.backlog() > BACKLOG_BYTES:
                outlet.close("slow", "it asks and does not read")
                break
            outlet.write(text_frame(msgspec.json.encode({"kind": "subscribed", "filters": len(filters)})))
    except ConnectionError:
        pass
    finally:
        if subscription is not None:
            doors.live.unsubscribe(subscription)
        for guard in guards:
            guard.cancel()
        await asyncio.gather(*guards, return_exceptions=True)
    return socket


def read_filters(kind: WSMsgType, data: object) -> tuple[Filter, ...]:
    """The filters of a client's message; raises BadRequest that names the field."""
    if kind is not WSMsgType.TEXT or not isinstance(data, str):
        raise BadRequest("send one JSON text: {\"subscribe\": [...]}", code="malformed")
    try:
        wanted = _SUBSCRIBE.decode(data).subscribe
    except msgspec.ValidationError as error:
        raise refusal(error, Subscribe) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest(f"not JSON: {error}", code="malformed") from None
    if not 1 <= len(wanted) <= MAX_FILTERS:
        raise BadRequest(f"a subscription has 1 to {MAX_FILTERS} filters", field="subscribe", limit=MAX_FILTERS)
    return tuple(wanted)


async def end_with(socket: web.WebSocketResponse, outlet: SocketOutlet) -> None:
    """Close the socket once its outlet has ended, and say why."""
    await outlet.ended.wait()
    code, reason = outlet.why
    await socket.close(code=_CLOSE_CODES.get(code, WSCloseCode.OK), message=reason.encode()[:100])


async def _recheck(doors: Doors, call: Call, outlet: SocketOutlet) -> None:
    while True:
        await asyncio.sleep(doors.live.recheck)
        try:
            await doors.people.authenticate(call.request[TOKEN], call.address)
        except NotSignedIn as error:
            outlet.close("not-signed-in", str(error))
            return
        except HubError:
            continue
