"""STOMP over TCP, where the setting `stomp_listen` opens a port: for programs that were written for another broker.

There is no TLS here: what connects says its token or password in the clear, so this belongs on loopback, or behind
something that speaks TLS to the outside.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dvic_hub.api.doors import Doors
from dvic_hub.api.stomp_connection import StompConnection
from dvic_hub.api.stream_socket import SocketOutlet
from dvic_hub.config import endpoint_of
from dvic_hub.domain.stomp_session import error_frame
from dvic_hub.errors import HubError, TooMany

CHUNK = 64 * 1024
"""Bytes read in one go."""

LINGER = 5.0
"""Seconds in which a client may take what was said last."""


class NotServing(HubError):
    """The port can't be had."""

    code, title = "listen", "The hub can't serve STOMP"


@asynccontextmanager
async def serving_stomp(doors: Doors) -> AsyncIterator[tuple[str, int] | None]:
    """Serve while the block lasts; yields where (host, port), None when the setting is empty. Raises NotServing."""
    if not doors.config.stomp_listen:
        yield None
        return
    host, port = endpoint_of(doors.config.stomp_listen, "stomp_listen")

    serving: set[asyncio.Task] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        task.add_done_callback(serving.discard)
        await _serve(doors, reader, writer)

    try:
        server = await asyncio.start_server(serve, host, port, limit=CHUNK)
    except OSError as error:
        why = error.strerror or error
        raise NotServing(f"can't serve STOMP on {host} port {port}: {why}; see stomp_listen in hub.toml",
                         field="stomp_listen") from error
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        doors.stomp.leave_all()
        if serving:
            await asyncio.wait(serving, timeout=3 * LINGER)


async def _serve(doors: Doors, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    outlet = SocketOutlet(writer.transport)
    peer = writer.get_extra_info("peername")
    connection = StompConnection(doors, peer[0] if peer else "", outlet, bytes)
    closing = asyncio.create_task(_end_with(writer, outlet))
    try:
        await connection.serve(_chunks(reader))
    except TooMany as error:
        writer.write(error_frame(str(error), "1.0"))
    finally:
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGER):
                await writer.wait_closed()
        writer.transport.abort()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(CHUNK):
        yield data


async def _end_with(writer: asyncio.StreamWriter, outlet: SocketOutlet) -> None:
    await outlet.ended.wait()
    writer.close()
    await asyncio.sleep(LINGER)
    writer.transport.abort()
