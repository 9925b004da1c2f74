"""Sessions: terminals on nodes that people open, share and replay. What is shown and typed: see session_socket."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import NO_NUL, Cursor, Limit, Time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.model import RunNode, SessionQuery, TerminalSession
from dvic_hub.domain.session_rules import MAX_TITLE
from dvic_hub.services.live_session import Person
from dvic_wire.terminals import MAX_TERMINAL_ARGUMENTS, SIZES

MAX_SESSION_BYTES = 512 * 1024
"""Bytes of an order to open a terminal, as JSON."""

CAST = "application/x-asciicast"

Side = Annotated[int, msgspec.Meta(ge=SIZES[0], le=SIZES[1])]
Argument = Annotated[str, msgspec.Meta(max_length=MAX_TERMINAL_ARGUMENTS, pattern=NO_NUL)]


class NewSession(msgspec.Struct, forbid_unknown_fields=True):
    """`node`: id or name. `user`: as whom (empty: as the machine's policy says). `argv`: what is started, without a
    shell; empty: the user's login shell. `cols`, `rows`: the window. `record`: absent: as the hub is set."""

    node: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    user: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL)] = ""
    argv: Annotated[list[Argument], msgspec.Meta(max_length=4096)] = []
    cols: Side = 80
    rows: Side = 24
    title: Annotated[str, msgspec.Meta(max_length=MAX_TITLE, pattern=NO_NUL)] = ""
    record: bool | None = None


class PersonItem(msgspec.Struct):
    """Somebody who is in a session. `read_only`: what they type is not taken."""

    name: str
    read_only: bool
    since: Time | None


class SessionItem(msgspec.Struct):
    """`state` and `exit_code`: as of a run (-1: there is none). `why`: what ended it, where it did not end by itself.
    `recorded`: it is (or was) recorded; `recording`: bytes of the recording, 0 where there is none (any more)."""

    id: str
    node: str
    node_id: str
    user: str
    argv: list[str]
    title: str
    by: str
    state: str
    exit_code: int
    created: Time | None
    ended: Time | None
    why: str
    cols: int
    rows: int
    recorded: bool
    recording: int
    people: list[PersonItem]


class SessionsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`node`: id or name. `by`: who opened it. `state`: `open` (it goes on) or `ended`."""

    node: Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)] = ""
    by: Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)] = ""
    state: Literal["", "open", "ended"] = ""
    limit: Limit = 50
    cursor: Cursor = ""


class SessionList(msgspec.Struct):
    """Newest first."""

    items: list[SessionItem]
    next: str


async def open_session(doors: Doors, call: Call) -> SessionItem:
    body: NewSession = call.body
    row = await doors.sessions.open(body.node, body.user, body.argv, (body.cols, body.rows), body.title, body.record,
                                    call.actor)
    return await shown(doors, row)


async def list_sessions(doors: Doors, call: Call) -> SessionList:
    query: SessionsQuery = call.query
    node = doors.fleet.view(query.node) if query.node else None
    wanted = SessionQuery(node.id if node else query.node, query.by, query.state == "open" if query.state else None)
    page = await doors.store.sessions.list(query.limit, query.cursor, wanted)
    return SessionList([await shown(doors, row) for row in page.items], page.next)


async def show_session(doors: Doors, call: Call) -> SessionItem:
    return await shown(doors, await doors.sessions.get(call.path["session"]))


async def end_session_of_all(doors: Doors, call: Call) -> SessionItem:
    return await shown(doors, await doors.sessions.end(call.path["session"], call.actor))


async def read_recording(doors: Doors, call: Call) -> web.StreamResponse:
    id = call.path["session"]
    path = await doors.sessions.recording(id, call.actor)
    return web.FileResponse(path, headers={"Content-Type": CAST,
                                           "Content-Disposition": f'attachment; filename="dvic-{id}.cast"'})


async def remove_recording(doors: Doors, call: Call) -> None:
    await doors.sessions.remove_recording(call.path["session"], call.actor)


async def shown(doors: Doors, row: TerminalSession) -> SessionItem:
    """A session as the API shows one."""
    nodes = await doors.store.runs.nodes(row.id)
    node = nodes[0] if nodes else RunNode(row.id, row.node, 0, "lost")
    reason = row.why or (node.reason if row.ended else "")
    return SessionItem(
        id=row.id, node=row.node_name, node_id=row.node, user=row.user, argv=row.argv, title=row.title,
        by=row.created_by, state=node.state, exit_code=node.exit_code, created=show_time(row.created),
        ended=show_time(row.ended), why=reason, cols=row.cols, rows=row.rows, recorded=row.recorded,
        recording=row.recording, people=show_people(doors.sessions.people(row.id)))


def show_people(people: Sequence[Person]) -> list[PersonItem]:
    return [PersonItem(person.actor.name, person.read_only, show_time(person.since)) for person in people]
