"""Pure: log records as hubctl shows them. History (REST) and live events (stream) become the same item first.

    table   11-20 10:00:00.123 web-1    error   sshd[812]: Failed password for root
    wide    with the year, the source beside the unit, the writer's uid, and the record's further fields
"""

from collections.abc import Hashable
from functools import lru_cache
from zlib import crc32

from .harmless import escape, one_line
from .output import Listing, level_style, paint
from .tables import cell_width
from .times import clock, moment_of, short_clock, to_rfc3339

FIELDS = ("time", "node", "source", "level", "unit", "pid", "uid", "message", "fields")
NODE_COLOURS = ("cyan", "green", "magenta", "blue", "yellow")
LEVEL_WIDTH = 8
JOURNAL = "journal"
"""The source in which a field `container` is a program's claim, and the unit is the machine's word."""
WIDEST_NODE = 24
"""Places that a node's name takes at most where names stand under each other."""

LISTING = Listing(columns=(), name=lambda item: item["node"], fields=FIELDS, empty="No log record is like that.")


def item_of(record: dict) -> dict:
    """The item of a record: the fields that the machine-readable forms promise, and `node_id` for telling apart."""
    return {"time": to_rfc3339(moment_of(record.get("time"))), "node": record.get("node", ""),
            "source": record.get("source", ""), "level": record.get("level", ""), "unit": record.get("unit") or "",
            "pid": record.get("pid"), "uid": record.get("uid"), "message": record.get("message", ""),
            "fields": record.get("fields") or {},
            "node_id": record.get("node_id") or record.get("node", "")}


def identity(item: dict) -> tuple[str, int, Hashable]:
    """What makes a record this one, for Follower."""
    return item["node_id"], moment_of(item["time"]), (item["source"], item["level"], item["unit"], item["pid"],
                                                      item["message"])


@lru_cache(1000)
def node_colour(name: str) -> str:
    """The same colour for the same node, always."""
    return NODE_COLOURS[crc32(name.encode("utf-8", "replace")) % len(NODE_COLOURS)]


class LineWriter:
    """Turns items into lines for the terminal; the column of names grows with the names that come."""

    def __init__(self, colour: bool, wide: bool = False):
        self._colour = colour
        self._wide = wide
        self._node_width = 8

    def line(self, item: dict) -> str:
        """One item as one line, or more where its message has several (the rest indented)."""
        node = one_line(item["node"])
        self._node_width = max(self._node_width, min(cell_width(node), WIDEST_NODE))
        node += " " * (self._node_width - cell_width(node))
        when = moment_of(item["time"])
        time = f"{clock(when)}.{when % 1_000_000:06d}" if self._wide else short_clock(when)
        level = one_line(item["level"]).ljust(LEVEL_WIDTH)
        first, *others = escape(item["message"].rstrip("\n")).split("\n")
        if self._colour:
            style = level_style(item["level"])
            time, node, level = paint(time, "dim"), paint(node, node_colour(item["node"])), paint(level, style)
            first = paint(first, style) if style in ("red", "bold red") else first
        lines = [f"{time} {node} {level} {one_line(self._origin(item))}: {first}"]
        lines += [f"    {other}" for other in others]
        if self._wide and item["fields"]:
            fields = one_line(" ".join(f"{key}={value}" for key, value in item["fields"].items()))
            lines.append(f"    {paint(fields, 'dim') if self._colour else fields}")
        return "\n".join(lines)

    def _origin(self, item: dict) -> str:
        """Who wrote it: the unit where there is one, or the container, otherwise the source."""
        unit, source, container = item["unit"], item["source"], item["fields"].get("container")
        if isinstance(container, str) and source != JOURNAL and not self._wide:
            unit = container
        name = f"{source}/{unit}" if self._wide and unit else unit.removesuffix(".service") or source
        process = [str(item["pid"])] if item["pid"] is not None else []
        whose = [f"uid {item['uid']}"] if self._wide and item["uid"] is not None else []
        return f"{name}[{', '.join(process + whose)}]" if process or whose else name
