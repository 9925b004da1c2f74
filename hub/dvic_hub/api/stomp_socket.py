"""STOMP over WebSocket: `GET /stomp`, subprotocols v10.stomp to v12.stomp.

Anybody may knock; CONNECT says who it is. A page of another site is turned away by its Origin before that, as on every
WebSocket of the hub. Each frame to the client is a text message of its own; what the client sends may be cut anywhere.
"""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import WSCloseCode, WSMsgType, web

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call
from dvic_hub.api.stomp_connection import StompConnection
from dvic_hub.api.stream_socket import HEARTBEAT, SocketOutlet, text_frame
from dvic_hub.domain.stomp_frames import MAX_STOMP_BODY_BYTES, MAX_STOMP_HEAD_BYTES
from dvic_hub.errors import TooMany

PROTOCOLS = ("v12.stomp", "v11.stomp", "v10.stomp")

MAX_STOMP_MESSAGE_BYTES = MAX_STOMP_HEAD_BYTES + MAX_STOMP_BODY_BYTES


async def stomp(doors: Doors, call: Call) -> web.StreamResponse:
    """Serve one client until either side ends it."""
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=MAX_STOMP_MESSAGE_BYTES, timeout=5,
                                   protocols=PROTOCOLS)
    if not socket.can_prepare(call.request).ok:
        raise web.HTTPUpgradeRequired(reason="open this address as a WebSocket")
    await socket.prepare(call.request)
    if (transport := call.request.transport) is None:
        return socket
    outlet = SocketOutlet(transport)
    connection = StompConnection(doors, call.address, outlet, text_frame)
    closing = asyncio.create_task(_end_with(socket, outlet))
    try:
        await connection.serve(_chunks(socket))
    except TooMany as error:
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=str(error).encode()[:100])
    finally:
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        if not socket.closed:
            await socket.close()
    return socket


async def _chunks(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            yield message.data.encode()
        elif message.type is WSMsgType.BINARY:
            yield message.data


async def _end_with(socket: web.WebSocketResponse, outlet: SocketOutlet) -> None:
    await outlet.ended.wait()
    code = {"slow": WSCloseCode.TRY_AGAIN_LATER, "stopping": WSCloseCode.GOING_AWAY,
            "not-signed-in": WSCloseCode.POLICY_VIOLATION}.get(outlet.why[0], WSCloseCode.OK)
    await socket.close(code=code, message=outlet.why[1].encode()[:100])
