"""A STOMP client reduced to its frames, over TCP or a WebSocket, for what no client library would do.

    link = await tcp_link(place)
    await link.connect(passcode=token)
    await link.say("SUBSCRIBE", id="1", destination="/topic/events")
    command, headers, body = await link.hear()
"""

import asyncio

import aiohttp

from dvic_hub.domain.stomp_frames import unescape, write_frame


class StompLink:
    """`send` takes bytes, `receive` returns some, b"" at the end."""

    def __init__(self, send, receive, close):
        self.send, self._receive, self.close = send, receive, close
        self._held = b""
        self.beats = 0

    async def say(self, command: str, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.send(write_frame(command, named, body, "1.2"))

    async def hear(self) -> tuple[str, dict[str, str], bytes] | None:
        """The next frame, heart-beats passed over; None when the other side closed."""
        async with asyncio.timeout(20):
            while True:
                while self._held.startswith(b"\n"):
                    self.beats += 1
                    self._held = self._held[1:]
                head, found, rest = self._held.partition(b"\n\n")
                if found:
                    command, *lines = head.decode().split("\n")
                    headers = {unescape(name, "1.2"): unescape(value, "1.2")
                               for name, _, value in (line.partition(":") for line in lines)}
                    length = int(headers.get("content-length", "0"))
                    if len(rest) > length:
                        assert rest[length:length + 1] == b"\0"
                        self._held = rest[length + 1:]
                        return command, headers, rest[:length]
                if not (data := await self._receive()):
                    return None
                self._held += data

    async def connect(self, version: str = "1.2", **headers: str) -> dict[str, str]:
        """Say CONNECT; the headers of CONNECTED."""
        await self.say("CONNECT", accept_version=version, host="x", **headers)
        command, said, body = await self.hear()
        assert command == "CONNECTED", body
        return said

    async def error(self) -> str:
        """The reason of the ERROR that comes next, and that the other side closes then."""
        command, headers, _ = await self.hear()
        assert command == "ERROR", headers
        assert await self.hear() is None
        return headers["message"]


async def tcp_link(place: tuple[str, int], limit: int = 2**20) -> StompLink:
    reader, writer = await asyncio.open_connection(*place, limit=limit)

    async def send(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    async def receive() -> bytes:
        try:
            return await reader.read(65536)
        except ConnectionError:
            return b""

    async def close() -> None:
        writer.close()

    link = StompLink(send, receive, close)
    link.transport = writer.transport
    return link


async def socket_link(http: aiohttp.ClientSession, url: str, **options: object) -> StompLink:
    socket = await http.ws_connect(f"{url}/stomp", max_msg_size=0, **options)

    async def receive() -> bytes:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return message.data.encode()
        return message.data if message.type is aiohttp.WSMsgType.BINARY else b""

    async def send(data: bytes) -> None:
        await socket.send_str(data.decode())

    link = StompLink(send, receive, socket.close)
    link.socket = socket
    return link
