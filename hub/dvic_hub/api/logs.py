"""Searching stored log records."""

from typing import Annotated, Any, Literal

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import NO_NUL, Cursor, Limit, SelectorText, Time, TimeText, read_time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.log_search import read_place
from dvic_hub.domain.long_records import is_long, shortened
from dvic_hub.domain.model import LogItem, LogQuery
from dvic_wire.limits import MAX_RECORD_TEXT
from dvic_wire.streams import LEVELS

Glob = Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL, description="A shell glob; empty: all.")]

Grep = Annotated[str, msgspec.Meta(max_length=1000, pattern=NO_NUL)]
Place = Annotated[str, msgspec.Meta(max_length=32, pattern=NO_NUL)]
TextLimit = Annotated[int, msgspec.Meta(ge=0, le=MAX_RECORD_TEXT)]


class LogsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`grep`: text that the message holds, in capitals or not. `text`: characters of each message, and of each field,
    that are wanted at most (0: all); a longer message comes cut and with its `length`. `arrived`: the `place` of a
    record; only what came in its batch or later is wanted, however old it is: what a live stream has missed. `unit`: of
    systemd, or the name (or short id) of a container."""

    selector: SelectorText = "all"
    since: TimeText = ""
    until: TimeText = ""
    level: Annotated[Literal[("", *LEVELS)], msgspec.Meta(description="This level and worse.")] = ""
    source: Glob = ""
    unit: Glob = ""
    grep: Grep = ""
    text: TextLimit = 0
    arrived: Place = ""
    limit: Limit = 100
    cursor: Cursor = ""


class LogEntry(msgspec.Struct, omit_defaults=True):
    """One record. `binary`: base64 of a message that was not UTF-8; `cut`: bytes left out of a long one; `gap`: the
    record stands for a loss; `fields`: further named values. `place`: no other record has it, the same record has the
    same in live events, and of two records the one that arrived later has the larger (two hexadecimal numbers).
    `length`: characters of the message, where less of it was asked for."""

    time: Time | None
    node: str
    node_id: str
    source: str
    level: str
    message: str
    place: str
    unit: str | None = None
    pid: int | None = None
    identifier: str | None = None
    uid: int | None = None
    boot: str | None = None
    priority: int | None = None
    binary: str | None = None
    cut: int | None = None
    gap: dict[str, Any] | None = None
    fields: dict[str, Any] | None = None
    length: int | None = None


class LogList(msgspec.Struct):
    """Newest first."""

    items: list[LogEntry]
    next: str


_OPTIONAL = ("unit", "pid", "identifier", "uid", "boot", "priority", "binary", "cut", "gap", "fields",
             "length")


async def search_logs(doors: Doors, call: Call) -> LogList:
    query: LogsQuery = call.query
    now = doors.now()
    page = await doors.store.streams.search(LogQuery(
        nodes=selected(doors, query.selector), since=read_time(query.since, now, "since"),
        until=read_time(query.until, now, "until"), level=query.level, source=query.source, unit=query.unit,
        grep=query.grep, limit=query.limit, before=query.cursor,
        arrived=read_place(query.arrived)[0] if query.arrived else 0))
    names = {view.id: view.name for view in doors.fleet.views()}
    return LogList([show_record(item, names.get(item.node, item.node), query.text) for item in page.items], page.next)


def selected(doors: Doors, selector: str) -> frozenset[str] | None:
    """Ids of the nodes; None for all, whose history may be of nodes that are gone."""
    views = doors.fleet.select(selector)
    return None if selector.strip().lower() in ("", "all") else frozenset(view.id for view in views)


def show_record(item: LogItem, name: str, most: int = 0) -> LogEntry:
    """A stored record as the API shows one; with `most` characters of its texts (0: all)."""
    record = shortened(item.record, most) if most and is_long(item.record, most) else item.record
    return LogEntry(show_time(record["time"]), name, item.node, item.source, record["level"], record["message"],
                    item.place, **{key: record[key] for key in _OPTIONAL if key in record})
