"""What a node reports at the moment: its open streams, and for log files whose they are."""

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.nodes import find
from dvic_hub.api.params import page_of
from dvic_hub.api.route import Call


class StreamItem(msgspec.Struct, omit_defaults=True):
    """An open stream. Of a log file: its `path`, who owns it (`owner`, `uid`: what the node's kernel says), and what
    its first line claims of the program that writes it (`claims`: anybody could have written that)."""

    stream: str
    source: str
    path: str = ""
    owner: str = ""
    uid: int | None = None
    claims: dict[str, str | int | float | bool | None] = {}


class StreamList(msgspec.Struct):
    items: list[StreamItem]
    next: str


async def list_streams(doors: Doors, call: Call) -> StreamList:
    known = await doors.store.streams.about(find(doors, call.path["node"]).id)
    return StreamList(*page_of([show_stream(name, one) for name, one in known.items()],
                               lambda item: item.stream, call.query))


def show_stream(name: str, known: dict) -> StreamItem:
    """The node's own words about a stream, as far as they have the types that they should."""
    about = known["about"]
    header, uid = about.get("header"), about.get("uid")
    return StreamItem(
        stream=name, source=known["source"], path=_text(about.get("path")), owner=_text(about.get("owner")),
        uid=uid if type(uid) is int else None,
        claims={key: value for key, value in header.items() if isinstance(value, str | int | float | bool | None)}
        if isinstance(header, dict) else {})


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
