"""A terminal over WebSocket: `GET /api/v1/sessions/{session}/attach`.

    binary frames, both ways     what the terminal shows; what is typed (at most MAX_KEYS_BYTES a frame)
    client  {"size": [100, 30]}  the window's columns and rows; the terminal is as large as fits into all windows
    client  {"seen": 1290}       the output before this offset is drawn (with `acknowledge=true`)
    client  {"ping": 7}          answered by {"pong": 7}, for who can't otherwise find out that the line is dead
    hub     {"session": {...}, "offset": 1234, "screen": 56, "fresh": true, "size": [80, 24], "you": 2}     first
    hub     {"people": [{"n": 2, "name": "olga", "read_only": false, "since": 1763632800000000}]}
    hub     {"size": [80, 24]}   {"node": "away"}   {"node": "here"}   {"note": "..."}
    hub     {"ended": {"state": "finished", "exit_code": 0, "reason": ""}}        last

`offset` counts bytes of the terminal's output: the place behind the `screen` bytes that are sent first. Who comes back
asks for the bytes from an offset on (`?offset=`) and gets only those, where the hub still has them (`fresh` is false).
With `read_only=true` nothing that is sent is typed. With `acknowledge=true` output counts as taken when the client says
that it has drawn it, not when it was sent: the terminal waits for a page that is behind. What programs ask of the
terminal is to be answered by one of all who are in it: the first of `people` who can type, `you` being one's own `n`.
The token is looked at again all the time, as for the live stream.
"""

import asyncio
import json
from contextlib import suppress
from typing import Annotated, Literal

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import TOKEN, Call
from dvic_hub.domain.people import OPERATOR, require
from dvic_hub.errors import Forbidden, HubError, NotSignedIn
from dvic_hub.services.live_session import LiveSession, Person
from dvic_wire.errors import WireError
from dvic_wire.terminals import read_size

MAX_KEYS_BYTES = 64 * 1024
"""Bytes of one message of somebody in a session."""

HEARTBEAT = 15
"""Seconds between pings; who answers none within half of it is gone."""

LEAVE_SECONDS = 5.0
"""How long the last words to somebody may take."""

FRAME_BYTES = 64 * 1024
"""Bytes of output that are joined into one frame."""

_CLOSE = {"ended": WSCloseCode.OK, "restarting": WSCloseCode.GOING_AWAY, "slow": WSCloseCode.TRY_AGAIN_LATER,
          "not-signed-in": WSCloseCode.POLICY_VIOLATION}


class AttachQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`offset`: bytes of output that were seen already (-1: begin with what is on the screen). `acknowledge`: the
    client says what it has drawn."""

    read_only: Literal["true", "false"] = "false"
    acknowledge: Literal["true", "false"] = "false"
    offset: Annotated[int, msgspec.Meta(ge=-1, le=2**53 - 1)] = -1


async def attach(doors: Doors, call: Call) -> web.StreamResponse:
    """One person's part in a session, until either side ends it."""
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=MAX_KEYS_BYTES, timeout=5)
    if not socket.can_prepare(call.request).ok:
        raise web.HTTPUpgradeRequired(reason="open this address as a WebSocket")
    query: AttachQuery = call.query
    live, person = await doors.sessions.join(call.path["session"], call.actor, query.read_only == "true",
                                             query.offset, query.acknowledge == "true")
    guards: list[asyncio.Task] = []
    try:
        await socket.prepare(call.request)
        guards = [asyncio.create_task(_show(doors, live, person, socket)),
                  asyncio.create_task(_recheck(doors, call, person)), asyncio.create_task(_cut(call, person))]
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                await doors.sessions.type(live, person, message.data)
            elif message.type is WSMsgType.TEXT:
                await _control(doors, live, person, socket, message.data)
    except (ConnectionError, WireError):
        pass
    finally:
        await doors.sessions.leave(live, person)
        for guard in guards:
            guard.cancel()
        await asyncio.gather(*guards, return_exceptions=True)
        if socket.prepared and not socket.closed:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"a message can't be used")
    return socket


async def _control(doors: Doors, live: LiveSession, person: Person, socket: web.WebSocketResponse, text: str) -> None:
    """What a client says about itself; raises MalformedMessage."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    match value:
        case {"seen": int(offset)}:
            doors.sessions.seen(live, person, offset)
        case {"ping": int(number)}:
            await socket.send_str(json.dumps({"pong": number}))  # not queued: who takes nothing is read no further
        case _:
            size = read_size(value.get("size") if isinstance(value, dict) else None)
            await doors.sessions.resize(live, person, size.cols, size.rows)


async def _show(doors: Doors, live: LiveSession, person: Person, socket: web.WebSocketResponse) -> None:
    """Send what waits for somebody, output joined into frames, until they are to leave."""
    with suppress(ConnectionError):
        while person.waiting or person.ended is None:
            if not person.waiting:
                person.more.clear()
                await person.more.wait()
                continue
            what = person.waiting.popleft()
            if isinstance(what, dict):
                await socket.send_str(json.dumps(what))
                continue
            pieces, size = [what], len(what)
            while person.waiting and isinstance(person.waiting[0], bytes) and size < FRAME_BYTES:
                pieces.append(person.waiting.popleft())
                size += len(pieces[-1])
            person.busy_since = person.busy_since or doors.clock()
            await socket.send_bytes(b"".join(pieces))
            doors.sessions.sent(live, person, size)
        await socket.close(code=_CLOSE.get(person.ended, WSCloseCode.OK), message=person.ended.encode()[:100])


async def _cut(call: Call, person: Person) -> None:
    """Who is to leave and takes not even that is cut off."""
    await person.leaving.wait()
    await asyncio.sleep(LEAVE_SECONDS)
    if call.request.transport is not None:
        call.request.transport.abort()


async def _recheck(doors: Doors, call: Call, person: Person) -> None:
    while True:
        await asyncio.sleep(doors.live.recheck)
        try:
            require(await doors.people.authenticate(call.request[TOKEN], call.address), OPERATOR)
        except (NotSignedIn, Forbidden):
            person.waiting.clear()
            person.end("not-signed-in")
            return
        except HubError:
            continue
