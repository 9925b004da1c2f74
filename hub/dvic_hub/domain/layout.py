"""Reads the layout of a package's page. Pure.

    layout = read_layout('<package name="readout"><canvas><histo name="adc/ch1" line-color="red"/></canvas></package>')

A layout is what a user wrote, or a program that nobody looked at: it is read with defusedxml, may hold no document type
and so no entity (bombs, files from elsewhere), and is bounded in depth and number. BadLayout holds every fault that was
found, each with its line; the page goes on with the last good layout.

The result is plain data for the page: `{"element", "line", attribute: value..., "text", "children"}`, an attribute
under its own name, numbers as numbers. `draw` becomes {"axis", "at"}.
"""

import io
from difflib import get_close_matches
from typing import Any
from xml.sax import SAXParseException, handler
from xml.sax.xmlreader import AttributesImpl, InputSource, Locator

from defusedxml.common import DefusedXmlException
from defusedxml.sax import make_parser

from dvic_hub.domain.layout_grammar import (
    ELEMENTS,
    MAX_LAYOUT_DEPTH,
    MAX_LAYOUT_ELEMENTS,
    MAX_LAYOUT_TEXT,
    ROOT,
    BadValue,
)
from dvic_hub.domain.packages import LayoutFault

Tree = dict[str, Any]

MOST_FAULTS = 20
"""After so many faults the rest of a file is not looked at."""


class BadLayout(Exception):
    """A layout can't be used; `faults` in the order of their lines."""

    def __init__(self, faults: list[LayoutFault]) -> None:
        super().__init__(f"line {faults[0].line}: {faults[0].reason}")
        self.faults = faults


def check_layout(text: str) -> list[LayoutFault]:
    """What is wrong with a layout; nothing when it is good."""
    try:
        read_layout(text)
    except BadLayout as bad:
        return bad.faults
    return []


def read_layout(text: str) -> Tree:
    """The layout as a tree; raises BadLayout."""
    reader = _Reader()
    parser = make_parser()
    parser.forbid_dtd = True
    parser.setContentHandler(reader)
    parser.setFeature(handler.feature_external_ges, False)
    source = InputSource()
    source.setByteStream(io.BytesIO(text.encode("utf-8", "replace")))
    source.setEncoding("utf-8")  # whatever the file's first line says: the text came as text
    try:
        parser.parse(source)
    except SAXParseException as error:
        # the file's faults before it are the reason more often than what the parser stumbled over
        reader.faults.append(LayoutFault(error.getLineNumber() or 0, (error.getColumnNumber() or 0) + 1,
                                         f"not well-formed XML: {error.getMessage()}"))
    except DefusedXmlException:
        reader.fault("a layout may hold no <!DOCTYPE>: entities and files from elsewhere are refused. Leave it out")
    except _Enough:
        pass
    if reader.faults:
        raise BadLayout(reader.faults)
    assert reader.top is not None, "a well-formed file has a root"
    return reader.top


class _Enough(Exception):
    """There are faults enough, or going on would cost too much."""


class _Reader(handler.ContentHandler):
    """Builds the tree, and notes what is wrong on the way. Below an element that is not known nothing is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.top: Tree | None = None
        self.faults: list[LayoutFault] = []
        self._open: list[Tree | None] = []
        self._count = 0
        self._place: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self._place = locator

    def fault(self, reason: str) -> None:
        line, column = (self._place.getLineNumber(), self._place.getColumnNumber()) if self._place else (1, 0)
        self.faults.append(LayoutFault(line or 1, (column or 0) + 1, reason))
        if len(self.faults) >= MOST_FAULTS:
            raise _Enough

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self._count += 1
        if self._count > MAX_LAYOUT_ELEMENTS or len(self._open) >= MAX_LAYOUT_DEPTH:
            self._too_much()
        parent = self._open[-1] if self._open else None
        if self._open and parent is None:
            self._open.append(None)
            return
        allowed = ELEMENTS[parent["element"]].holds if parent else (ROOT,)
        if name not in allowed:
            self.fault(_not_allowed(name, parent["element"] if parent else "", allowed))
            self._open.append(None)
            return
        node: Tree = {"element": name, "line": self._place.getLineNumber() if self._place else 0}
        self._attributes(node, attrs)
        if ELEMENTS[name].holds:
            node["children"] = []
        if ELEMENTS[name].text:
            node["text"] = ""
        if parent:
            parent["children"].append(node)
        else:
            self.top = node
        self._open.append(node)

    def characters(self, content: str) -> None:
        node = self._open[-1]
        if node is None:
            return
        if "text" in node:
            node["text"] += content
            if len(node["text"]) > MAX_LAYOUT_TEXT:
                self.fault(f"a text of more than {MAX_LAYOUT_TEXT} characters: make it shorter")
                self._open[-1] = None
        elif content.strip():
            self.fault(f"words in <{node['element']}>: put them into <text>, where that may stand")

    def endElement(self, name: str) -> None:
        node = self._open.pop()
        if node is None:
            return
        if "text" in node:
            node["text"] = node["text"].strip()
        if name == "table" and len({child["element"] for child in node["children"]}) > 1:
            self.fault("a <table> holds rows or columns, not both: put a <table> into the row or the column")
        if name == "tabbedPanel" and not node["children"]:
            self.fault("a <tabbedPanel> without a <tab>")
        if name == "canvas":
            self._canvas(node)

    def _attributes(self, node: Tree, attrs: AttributesImpl) -> None:
        element = ELEMENTS[node["element"]]
        for key, text in attrs.items():
            kind = element.attributes.get(key)
            if kind is None:
                self.fault(f"<{node['element']}> has no attribute {key!r}{_close(key, tuple(element.attributes))}")
                continue
            try:
                if len(text) > MAX_LAYOUT_TEXT:
                    raise BadValue(f"is longer than {MAX_LAYOUT_TEXT} characters")
                node[key] = kind.read(text)
            except BadValue as wrong:
                self.fault(f"<{node['element']}>: {key}={_short(text)} {wrong}")
        for key in element.needs:
            if key not in attrs:
                self.fault(f"<{node['element']}> needs the attribute {key!r}")
        least, most = node.get("minimum"), node.get("maximum")
        if isinstance(least, float) and isinstance(most, float) and least >= most:
            self.fault(f"<{node['element']}>: minimum={least:g} is not below maximum={most:g}")

    def _canvas(self, node: Tree) -> None:
        """What only a canvas as a whole can tell: an axis is there for what is linked to it, and each only once."""
        axes = [child["element"] for child in node["children"] if child["element"].endswith("-axis")]
        for each in sorted({axis for axis in axes if axes.count(axis) > 1}):
            self.fault(f"a <canvas> with more than one <{each}>")
        for child in node["children"]:
            linked = child.get("linked-axis", "y")
            if linked != "y" and f"{linked}-axis" not in axes:
                name = _short(child.get("name", ""))
                self.fault(f"linked-axis={linked!r} of {name}, but the canvas has no <{linked}-axis>")

    def _too_much(self) -> None:
        if len(self._open) >= MAX_LAYOUT_DEPTH:
            self.fault(f"elements more than {MAX_LAYOUT_DEPTH} deep: make it flatter")
        else:
            self.fault(f"more than {MAX_LAYOUT_ELEMENTS} elements: make several packages of it")
        raise _Enough


def _not_allowed(name: str, parent: str, allowed: tuple[str, ...]) -> str:
    if not parent:
        return f"the file begins with <{_short(name, '')}>: wants <{ROOT}>"
    if name in ELEMENTS:
        homes = " or ".join(f"<{each}>" for each, element in ELEMENTS.items() if name in element.holds)
        return f"<{name}> may not stand in <{parent}>" + (f": it belongs into {homes}" if homes else "")
    return f"there is no element <{_short(name, '')}>{_close(name, allowed)}"


def _close(given: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(given[:100], known, 1)
    if near:
        return f" (did you mean {near[0]}?)"
    return f" (it has {', '.join(known)})" if known else ""


def _short(text: str, quote: str = '"') -> str:
    return f"{quote}{text if len(text) <= 60 else text[:59] + '…'}{quote}"
