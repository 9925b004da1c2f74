"""The layout of a package that has none: tabs by the first part of the objects' names, canvases side by side. Pure.

    adc/ch1, adc/ch2, tdc/ch1, rate   ->   tabs "adc" (2 canvases), "tdc" (1) and "other" (1)

The same objects make the same layout, so a page that is drawn anew does not jump.
"""

import re
from collections.abc import Iterable, Sequence
from math import ceil, sqrt

from dvic_hub.domain.layout import Tree

MOST_ON_A_TAB = 16
"""Canvases that are looked at together; more become tabs in the tab."""
MOST_SIDE_BY_SIDE = 4
REST = "other"


def automatic_layout(package: str, objects: Iterable[tuple[str, str, int]]) -> Tree:
    """`objects`: name, `histogram` or `graph`, and how many axes it has."""
    known = sorted(objects, key=lambda each: _in_order(each[0]))
    groups: dict[str, list[tuple[str, str, int]]] = {}
    for each in known:
        head, slash, rest = each[0].partition("/")
        groups.setdefault(head if slash and rest else REST, []).append(each)
    alone = [name for name, members in groups.items() if len(members) == 1 and name != REST]
    if len(alone) == len(groups) or len(groups) > 2 * MOST_ON_A_TAB:
        groups = {REST: known}  # names with a slash that say nothing
    if len(groups) < 2:
        return _node("package", name=package, children=_shared_out(known))
    named = sorted(groups, key=lambda name: (name == REST, _in_order(name)))
    tabs = [_node("tab", title=name, children=_shared_out(groups[name])) for name in named]
    return _node("package", name=package, children=[_node("tabbedPanel", children=tabs)])


def _shared_out(objects: Sequence[tuple[str, str, int]]) -> list[Tree]:
    if len(objects) <= MOST_ON_A_TAB:
        return [_grid(objects)] if objects else []
    parts = [objects[at:at + MOST_ON_A_TAB] for at in range(0, len(objects), MOST_ON_A_TAB)]
    first = 1
    tabs = []
    for part in parts:
        tabs.append(_node("tab", title=f"{first} to {first + len(part) - 1}", children=[_grid(part)]))
        first += len(part)
    return [_node("tabbedPanel", children=tabs)]


def _grid(objects: Sequence[tuple[str, str, int]]) -> Tree:
    width = min(MOST_SIDE_BY_SIDE, ceil(sqrt(len(objects))))
    rows = [objects[at:at + width] for at in range(0, len(objects), width)]
    return _node("table", children=[_node("row", children=[_canvas(*each) for each in row]) for row in rows])


def _canvas(name: str, kind: str, axes: int) -> Tree:
    drawn = _node("graph" if kind == "graph" else "histo", name=name)
    if axes == 2:
        drawn["draw-option"] = "colz"
    return _node("canvas", name=name, children=[drawn])


def _node(element: str, **values: object) -> Tree:
    return {"element": element, "line": 0, **values}


def _in_order(name: str) -> list[tuple[int, int, str]]:
    """ch2 before ch10."""
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(part[:18]), "") if at % 2 else (1, 0, part) for at, part in enumerate(parts) if part]
