"""Tables that fit: plain columns, two spaces apart, cut to the terminal's width and never cut where there is none.

Written here and not by rich, which takes 0.7 s for 2,000 rows where this takes 0.03 s, cuts cells also in a pipe, and
fills every line with blanks. Cells are made harmless; colour is put on after measuring.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from .harmless import one_line

GAP = 2
"""Blanks between columns."""

RESET = "\x1b[0m"
STYLES = {"bold": "\x1b[1m", "dim": "\x1b[2m", "red": "\x1b[31m", "green": "\x1b[32m", "yellow": "\x1b[33m",
          "blue": "\x1b[34m", "magenta": "\x1b[35m", "cyan": "\x1b[36m", "bold red": "\x1b[1;31m"}


@dataclass(frozen=True)
class Column:
    """`value` takes an item to its text. `least`: to how many places it may be cut to fit, 0: not at all.
    `wide`: only with -o wide. `style` names one of STYLES for an item, "" for none."""

    title: str
    value: Callable[[dict], object]
    least: int = 0
    right: bool = False
    wide: bool = False
    style: Callable[[dict], str] | None = None


def render(columns: Sequence[Column], items: Iterable[dict], width: int = 0, colour: bool = False) -> Iterator[str]:
    """The lines of a table, its heading first. `width` 0: as wide as it becomes."""
    items = list(items)
    cells = [[_text(column.value(item)) for column in columns] for item in items]
    natural = [max([len(column.title), *(cell_width(row[place]) for row in cells)])
               for place, column in enumerate(columns)]
    widths = fit(natural, [column.least for column in columns], width)
    shown = [place for place, size in enumerate(widths) if size]
    yield _line([column.title for column in columns], columns, widths, shown, lambda place: "bold" if colour else "")
    for item, row in zip(items, cells, strict=True):
        yield _line(row, columns, widths, shown, _styles_of(columns, item) if colour else None)


def fit(natural: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Widths of the columns in `width` places; 0 stands for a column that is left out.

    First the widest of those that may be cut are cut, then columns are left out from the right. The first one stays.
    """
    widths = list(natural)
    while width and (too_much := _total(widths) - width) > 0:
        places = [place for place, size in enumerate(widths) if least[place] and size > least[place]]
        kept = [place for place, size in enumerate(widths) if size]
        if places:
            widest = max(places, key=lambda place: widths[place])
            next_size = max((widths[place] for place in places if widths[place] < widths[widest]), default=0)
            widths[widest] -= max(1, min(too_much, widths[widest] - max(next_size, least[widest])))
        elif len(kept) > 1:
            widths[kept[-1]] = 0
        else:
            widths[kept[0]] = width
    return _grown_back(widths, natural, width)


def cell_width(text: str) -> int:
    """Places that a text takes on the terminal."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int) -> str:
    """The text in at most `width` places; an ellipsis says that it was longer."""
    if cell_width(text) <= width:
        return text
    return (text[:width - 1] if text.isascii() else set_cell_size(text, width - 1)) + "…"


def paint(text: str, style: str) -> str:
    """The text in a style of STYLES; as it is for ""."""
    return f"{STYLES[style]}{text}{RESET}" if style else text


def _grown_back(widths: list[int], natural: Sequence[int], width: int) -> list[int]:
    """Leaving out a column may have made room for others that were cut: the leftmost get it first."""
    if not width:
        return widths
    for place, size in enumerate(widths):
        if size:
            widths[place] = min(natural[place], size + max(0, width - _total(widths)))
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (sum(1 for size in widths if size) - 1)


def _styles_of(columns: Sequence[Column], item: dict) -> Callable[[int], str]:
    def style(place: int) -> str:
        chosen = columns[place].style
        return chosen(item) if chosen else ""
    return style


def _line(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int], shown: Sequence[int],
          style: Callable[[int], str] | None) -> str:
    parts = []
    for place in shown:
        text = cut(row[place], widths[place])
        blanks = " " * (widths[place] - cell_width(text))
        painted = paint(text, style(place)) if style and text else text
        last = place == shown[-1]
        parts.append(blanks + painted if columns[place].right else painted if last else painted + blanks)
    return (" " * GAP).join(parts).rstrip(" ")


def _text(value: object) -> str:
    return one_line(str(value)) if value is not None else ""
