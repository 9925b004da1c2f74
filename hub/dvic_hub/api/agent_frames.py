"""The WebSocket of one agent: frames with limits, and messages out of them.

A peer that has not proved who it is gets MAX_HANDSHAKE_BYTES a frame; `trust()` raises that to MAX_FRAME_BYTES. A frame
over the limit is refused by its header, before its bytes are read, and the peer is told which limit it passed.
"""

import asyncio
from contextlib import suppress

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_websocket import WebSocketReader

from dvic_wire import codec
from dvic_wire.errors import LimitExceeded, MalformedMessage
from dvic_wire.limits import MAX_CONTROL_BYTES, MAX_DEPTH, MAX_FRAME_BYTES, MAX_HANDSHAKE_BYTES
from dvic_wire.messages import Message, Refused

CLOSE_TIMEOUT = 2.0
"""Seconds for which a closing connection waits for the peer's side of it."""

_BATCH = b'{"kind":"batch"'


class AgentWebSocket(web.WebSocketResponse):
    """A WebSocket without compression, whose text frames are bytes and whose pings are its reader's to answer."""

    def __init__(self) -> None:
        super().__init__(max_msg_size=MAX_HANDSHAKE_BYTES, compress=False, autoping=False, decode_text=False,
                         timeout=CLOSE_TIMEOUT)
        self._limit = ("MAX_HANDSHAKE_BYTES", MAX_HANDSHAKE_BYTES)

    def trust(self, request: web.Request) -> None:
        """Allow frames of full size from now on.

        aiohttp fixes the limit when a connection opens, so its parser is replaced by one with another limit. The peer
        is silent at this point: it waits for Welcome.
        """
        self._limit = ("MAX_FRAME_BYTES", MAX_FRAME_BYTES)
        protocol = request.protocol
        protocol._payload_parser = None
        self._parser = WebSocketReader(self._reader, MAX_FRAME_BYTES, compress=False, decode_text=False)
        protocol.set_parser(self._parser)

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        """Close; a peer whose frame was over the limit learns which one first."""
        if code == WSCloseCode.MESSAGE_TOO_BIG and not self.closed:
            error = LimitExceeded(*self._limit)
            with suppress(ConnectionError, RuntimeError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self.send_str(codec.encode(Refused(error.code, str(error), 60)))
            message = str(error).encode()
        return await super().close(code=code, message=message, drain=drain)


def is_batch(data: bytes) -> bool:
    """True when the JSON is that of a batch; raises MalformedMessage or LimitExceeded when it is no message."""
    return data.startswith(_BATCH) or _head(data).kind == "batch"


def stream_of(data: bytes) -> str:
    """The stream that a faulty batch names, for telling its sender; "" when it can't be read."""
    try:
        return _head(data).stream
    except (MalformedMessage, LimitExceeded):
        return ""


def json_of(type: WSMsgType, data: bytes) -> bytes:
    """The JSON of a frame: a binary frame is inflated."""
    return codec.inflate(data) if type is WSMsgType.BINARY else data


def message_of(data: bytes) -> Message:
    """The message of a frame's JSON, unless it is a batch; raises MalformedMessage or LimitExceeded. It is small: a few
    kilobytes that inflate to megabytes would be seconds of work for the hub."""
    if len(data) > MAX_CONTROL_BYTES:
        raise LimitExceeded("MAX_CONTROL_BYTES", MAX_CONTROL_BYTES, len(data))
    try:
        return codec.decode(data.decode("utf-8"), MAX_CONTROL_BYTES)
    except UnicodeDecodeError:
        raise MalformedMessage("the frame is not UTF-8") from None


class _Head(msgspec.Struct):
    kind: str
    stream: str = ""


_HEAD = msgspec.json.Decoder(_Head)


def _head(data: bytes) -> _Head:
    try:
        return _HEAD.decode(data)
    except RecursionError:
        raise LimitExceeded("MAX_DEPTH", MAX_DEPTH) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedMessage(f"no message ({error})") from None
