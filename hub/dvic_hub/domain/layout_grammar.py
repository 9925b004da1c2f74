"""What may stand in a layout: its elements, their attributes and what each takes. Pure tables and their readers.

`layout.py` reads files by these tables and `layout_schema.py` makes docs/layout.xsd of them, so the two can't disagree.
`docs/layout.md` explains each (a test looks that none is missing).
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MAX_LAYOUT_DEPTH = 24
"""Elements inside each other."""
MAX_LAYOUT_ELEMENTS = 4000
"""Elements of one layout."""
MAX_LAYOUT_TEXT = 1000
"""Characters of one attribute or of one text."""

COLOURS = ("black", "white", "gray", "grey", "silver", "red", "maroon", "crimson", "pink", "orange", "gold", "yellow",
           "olive", "lime", "green", "teal", "cyan", "blue", "navy", "violet", "magenta", "purple", "brown", "none")
PALETTES = ("rainbow", "viridis", "cividis", "gray", "heat", "bird", "blue-red", "temperature")
POSITIONS = ("left", "right")
CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
FLAGS = ("true", "false")


class BadValue(ValueError):
    """An attribute's text is not what it takes; says what it takes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an attribute takes: how its text is read, and the same for an XSD, by pattern or by list."""

    name: str
    read: Callable[[str], object]
    pattern: str = ""
    choices: tuple[str, ...] = ()


def _text(text: str) -> str:
    return text


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or not re.fullmatch(_NUMBER, text.strip()):
        raise BadValue("wants a number such as 12, -0.5 or 1e6")
    return value


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text.strip()) or not least <= int(text) <= most:
            raise BadValue(f"wants a whole number from {least} to {most}")
        return int(text)
    return read


def _colour(text: str) -> str:
    if text not in COLOURS and not re.fullmatch(_HEX, text):
        raise BadValue("wants a colour: a name such as red or blue, or #rrggbb")
    return text


def _option(text: str) -> str:
    if not re.fullmatch(_OPTION, text):
        raise BadValue("wants ROOT's letters such as hist, e1 or colz, at most 40")
    return text


def _straight(text: str) -> dict[str, object]:
    found = re.fullmatch(r"([xy])=(.+)", text.strip())
    if not found:
        raise BadValue("wants y=NUMBER or x=NUMBER: where the reference line stands")
    return {"axis": found[1], "at": _number(found[2])}


def _pattern(text: str) -> str | list[str]:
    if text in PALETTES:
        return text
    colours = [each.strip() for each in text.split(",")]
    if len(colours) < 2:
        raise BadValue(f"wants {', '.join(PALETTES)}, or two or more colours with commas between")
    return [_colour(each) for each in colours]


def _names(text: str) -> list[str]:
    names = [each.strip() for each in text.split(",")]
    if not all(names):
        raise BadValue("wants names with commas between")
    return names


def _choice(name: str, choices: tuple[str, ...]) -> Kind:
    def read(text: str) -> str:
        if text not in choices:
            raise BadValue(f"wants {', '.join(choices[:-1])} or {choices[-1]}")
        return text
    return Kind(name, read, choices=choices)


def _flag(text: str) -> bool:
    if text not in FLAGS:
        raise BadValue("wants true or false")
    return text == "true"


_NUMBER = r"[+\-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+\-]?[0-9]{1,3})?"
_HEX = r"#[0-9a-fA-F]{6}"
_OPTION = r"[A-Za-z0-9 +*,.]{0,40}"
_ONE_COLOUR = f"({'|'.join(COLOURS)}|{_HEX})"

TEXT = Kind("text", _text)
NUMBER = Kind("number", _number, _NUMBER)
WIDTH = Kind("width", _whole(0, 20), r"[0-9]|1[0-9]|20")
WEIGHT = Kind("weight", _whole(1, 100), r"[1-9]|[1-9][0-9]|100")
HEIGHT = Kind("height", _whole(80, 2000), r"[89][0-9]|[1-9][0-9]{2}|1[0-9]{3}|2000")
STYLE = Kind("style", _whole(0, 49), r"[0-9]|[1-4][0-9]")
COLOUR = Kind("colour", _colour, _ONE_COLOUR)
OPTION = Kind("draw-option", _option, _OPTION)
STRAIGHT = Kind("straight-line", _straight, f"[xy]={_NUMBER}")
PATTERN = Kind("colour-pattern", _pattern, f"{'|'.join(PALETTES)}|{_ONE_COLOUR}( *, *{_ONE_COLOUR})+")
NAMES = Kind("names", _names, r"[^,]*[^,\s][^,]*(,[^,]*[^,\s][^,]*)*")
FLAG = Kind("flag", _flag, choices=FLAGS)
POSITION = _choice("position", POSITIONS)
CORNER = _choice("corner", CORNERS)
LINKED = _choice("linked-axis", ("y", "y2"))


@dataclass(frozen=True, slots=True)
class Element:
    """What an element takes. `text`: words may stand in it."""

    holds: tuple[str, ...] = ()
    attributes: Mapping[str, Kind] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    text: bool = False


_RANGE = {"minimum": NUMBER, "maximum": NUMBER}
_AXIS = {"title": TEXT, **_RANGE, "log": FLAG, "line-color": COLOUR, "label-color": COLOUR, "title-color": COLOUR}
_FURTHER = {**_AXIS, "position": POSITION}
_LOOK = {"name": TEXT, "title": TEXT, **_RANGE, "line-color": COLOUR, "line-width": WIDTH, "line-style": STYLE,
         "fill-color": COLOUR, "marker-color": COLOUR, "marker-style": STYLE, "draw-option": OPTION,
         "linked-axis": LINKED, "draw": STRAIGHT}
_PANELS = ("tabbedPanel", "table", "canvas", "text")

ELEMENTS: Mapping[str, Element] = {
    "package": Element(_PANELS, {"name": TEXT, "title": TEXT}),
    "tabbedPanel": Element(("tab",), {"name": TEXT}),
    "tab": Element(_PANELS, {"name": TEXT, "title": TEXT}),
    "table": Element(("row", "col"), {"name": TEXT, "title": TEXT}),
    "row": Element((*_PANELS, "col"), {"weight": WEIGHT}),
    "col": Element((*_PANELS, "row"), {"weight": WEIGHT}),
    "canvas": Element(("histo", "graph", "x-axis", "y-axis", "y2-axis", "color-axis", "legend", "text"),
                      {"name": TEXT, "title": TEXT, "weight": WEIGHT, "height": HEIGHT, "log-x": FLAG, "log-y": FLAG,
                       "log-z": FLAG, "grid": FLAG, "statistics": FLAG}),
    "histo": Element((), _LOOK, ("name",)),
    "graph": Element((), _LOOK, ("name",)),
    "x-axis": Element((), _AXIS),
    "y-axis": Element((), _AXIS),
    "y2-axis": Element((), _FURTHER),
    "color-axis": Element(("label",), {"pattern": PATTERN, "title": TEXT, **_RANGE}),
    "label": Element((), {"position": NUMBER}, ("position",), text=True),
    "legend": Element((), {"list": NAMES, "position": CORNER, "title": TEXT}),
    "text": Element((), {"x": NUMBER, "y": NUMBER, "color": COLOUR, "size": NUMBER}, text=True),
}
ROOT = "package"
