"""Recordings of terminals as asciicast v2: lines of JSON, written piece by piece and read back.

    {"version": 2, "width": 80, "height": 24, "timestamp": 1763632800, "title": "ada: bash"}
    [0.248, "o", "$ "]           what was shown, so many seconds after the beginning
    [1.001, "r", "100x30"]       the window got another size

Only output is ever recorded; "i" (input) is neither written nor played. (https://docs.asciinema.org/manual/asciicast/v2/)
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .errors import MalformedMessage

OUTPUT, RESIZE = "o", "r"

_SIZE = re.compile(r"([0-9]{1,4})x([0-9]{1,4})\Z")


@dataclass(frozen=True)
class CastHeader:
    """`timestamp`: Unix seconds of the beginning."""

    width: int
    height: int
    timestamp: int = 0
    title: str = ""


@dataclass(frozen=True)
class CastEvent:
    """`at`: seconds since the beginning; `kind`: o or r; `data`: what was shown, or COLSxROWS."""

    at: float
    kind: str
    data: str


class CastWriter:
    """Makes lines. A character whose bytes come in two pieces is held back until it is whole."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def held_back(self) -> int:
        """Bytes that were given and are in no line yet."""
        return len(self._decoder.getstate()[0])

    @staticmethod
    def header(header: CastHeader) -> str:
        value = {"version": 2, "width": header.width, "height": header.height, "timestamp": header.timestamp}
        if header.title:
            value["title"] = header.title
        return json.dumps({**value, "env": {"TERM": "xterm-256color"}}, ensure_ascii=False) + "\n"

    def output(self, at: float, data: bytes) -> str:
        """The line of what was shown; "" while there is nothing whole to write."""
        text = self._decoder.decode(data)
        return _line(at, OUTPUT, text) if text else ""

    @staticmethod
    def resize(at: float, cols: int, rows: int) -> str:
        return _line(at, RESIZE, f"{cols}x{rows}")


def read_header(line: str) -> CastHeader:
    """The first line of a recording; raises MalformedMessage."""
    value = _parse(line)
    if not isinstance(value, dict) or value.get("version") != 2:
        raise MalformedMessage("is no asciicast of version 2", "header")
    width, height = value.get("width"), value.get("height")
    if type(width) is not int or type(height) is not int or width < 1 or height < 1:
        raise MalformedMessage("has no size", "header")
    stamp, title = value.get("timestamp", 0), value.get("title", "")
    return CastHeader(width, height, stamp if type(stamp) is int else 0, title if isinstance(title, str) else "")


def read_events(lines: Iterable[str]) -> Iterator[CastEvent]:
    """The events of the lines behind the header, those that are played; raises MalformedMessage."""
    for line in lines:
        if not line.strip():
            continue
        value = _parse(line)
        if not isinstance(value, list) or len(value) != 3 or not isinstance(value[1], str) or not isinstance(
                value[2], str) or type(value[0]) not in (int, float) or value[0] < 0:
            raise MalformedMessage("is no event of an asciicast", "event")
        if value[1] in (OUTPUT, RESIZE):
            yield CastEvent(float(value[0]), value[1], value[2])


def read_resize(event: CastEvent) -> tuple[int, int] | None:
    """Columns and rows of an event of the kind r."""
    found = _SIZE.match(event.data)
    return (int(found[1]), int(found[2])) if found else None


def _line(at: float, kind: str, text: str) -> str:
    return json.dumps([round(max(0.0, at), 6), kind, text], ensure_ascii=False) + "\n"


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedMessage("is no line of an asciicast", "line") from None
