"""Text from elsewhere, made safe to show on a terminal.

Names, log lines and output come from machines that may be hostile: an escape sequence could repaint the screen, set the
window's title or make the terminal type an answer, and a bidirectional override could show a line as another one.
Such characters are written out (`\\x1b`, `\\u202e`): visible and without effect.
"""

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 (save for tab and newline), DEL and C1, where 0x9b is a one-character escape
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"  # line separators and what turns the direction of text
    "\ud800-\udfff]"  # halves of surrogate pairs: no UTF-8 can carry them
)
_UNSAFE_OR_BREAK = re.compile(_UNSAFE.pattern[:-1] + "\t\n]")
_SPACES = {"\t": " ", "\n": "\\n", "\r": "\\r"}


def escape(text: str) -> str:
    """Lines stay lines and tabs stay tabs; everything else that a terminal would obey is written out."""
    # what Python calls printable holds none of it, and is found out ten times as fast
    return text if text.isprintable() else _UNSAFE.sub(_written_out, text)


def one_line(text: str) -> str:
    """The same, for a cell of a table or a name: newlines are written out too, tabs are spaces."""
    return text if text.isprintable() else _UNSAFE_OR_BREAK.sub(_written_out_too, text)


def escape_json(text: str) -> str:
    """JSON text with what json.dumps lets through (C1, DEL, directions) as \\u escapes: the same JSON, safe to show.
    Such characters only occur inside its strings."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def is_harmless(text: str) -> bool:
    return not _UNSAFE.search(text)


def _written_out(found: re.Match[str]) -> str:
    number = ord(found.group())
    if found.group() == "\r":
        return "\\r"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _written_out_too(found: re.Match[str]) -> str:
    return _SPACES.get(found.group()) or _written_out(found)
