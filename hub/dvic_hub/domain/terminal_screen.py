"""The end of what a terminal has shown, kept for those who join later. Pure.

A joiner's window is cleared and gets the last TERMINAL_TAIL bytes. Of a full-screen program (one that uses the
alternate screen) that is seldom all of its screen: it is asked to draw itself anew.
"""

import re

from dvic_wire.terminals import TERMINAL_TAIL

CLEAR = b"\x1b[!p\x1b[H\x1b[2J"
"""Soft reset, then an empty window."""

ENTER_ALTERNATE = b"\x1b[?1049h"

_ALTERNATE = re.compile(rb"\x1b\[\?(?:1049|1047|47)([hl])")
_LONGEST = 8
"""Bytes of the longest sequence that _ALTERNATE finds."""


class Screen:
    """`start`, `end`: offsets of the bytes that are kept; at first none, from `start` on."""

    def __init__(self, start: int = 0):
        self._bytes = bytearray()
        self.end = start
        self.alternate = False
        self._cut = start > 0

    def add(self, offset: int, data: bytes) -> None:
        """What was shown from `offset` on; what is known already is passed over."""
        if not self._bytes and offset > self.end:
            self.end = offset
        new = data[max(0, self.end - offset):]
        if not new or offset > self.end:
            return
        for found in _ALTERNATE.finditer(bytes(self._bytes[-_LONGEST + 1:]) + new):
            self.alternate = found[1] == b"h"
        self._bytes += new
        self.end += len(new)
        if len(self._bytes) > 2 * TERMINAL_TAIL:
            del self._bytes[:-TERMINAL_TAIL]
            self._cut = True

    def opening(self) -> bytes:
        """What puts a window into about the same state; nothing while nothing was shown."""
        if not self._bytes:
            return b""
        tail = bytes(self._bytes[-TERMINAL_TAIL:])
        if self._cut or len(self._bytes) > TERMINAL_TAIL:  # it may begin within a sequence or a character
            tail = tail[tail.find(b"\n") + 1:]
        return CLEAR + (ENTER_ALTERNATE if self.alternate else b"") + tail

    def since(self, offset: int) -> bytes | None:
        """Everything from `offset` on; None where that is not kept."""
        start = self.end - len(self._bytes)
        return bytes(self._bytes[offset - start:]) if start <= offset <= self.end else None
