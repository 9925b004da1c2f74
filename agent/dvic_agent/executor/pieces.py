"""Bytes of two pipes to pieces of output: pure.

- A piece is whole lines where that can be had within HOLD_SECONDS, so that a reader sees lines and not letters.
- A piece never ends inside a UTF-8 character, save at the end of the output.
- What one pipe holds back is let go before a piece of the other: order is kept by time.
- After `limit` bytes of both together the rest is only counted.
"""

from collections.abc import Iterator

HOLD_SECONDS = 0.1
"""How long a line without its end is held back."""

MAX_PIECE = 64 * 1024
"""Bytes after which a piece is let go without waiting for the end of its line."""


class Pieces:
    """Takes what was read and gives (stream, bytes) pieces. `now` is any clock that only goes forward, seconds."""

    def __init__(self, limit: int):
        self._room = limit
        self._held = {"out": b"", "err": b""}
        self._since = {"out": 0.0, "err": 0.0}
        self.cut = 0
        """Bytes that were left out."""

    def feed(self, stream: str, data: bytes, now: float) -> Iterator[tuple[str, bytes]]:
        """Take bytes of `stream`; yields what can be let go."""
        kept = data[:self._room]
        self._room -= len(kept)
        self.cut += len(data) - len(kept)
        if not kept:
            return
        other = "err" if stream == "out" else "out"
        yield from self._let_go(other, whole(self._held[other]))
        held = self._held[stream] + kept
        end = held.rfind(b"\n") + 1
        if end or not self._held[stream]:
            self._since[stream] = now
        if not end and len(held) >= MAX_PIECE:
            end = whole(held)
        self._held[stream] = held
        yield from self._let_go(stream, end)

    def due(self, now: float) -> float | None:
        """Seconds until `flush` should be called, None when nothing is held."""
        waiting = [self._since[stream] for stream, held in self._held.items() if whole(held)]
        return max(0.0, min(waiting) + HOLD_SECONDS - now) if waiting else None

    def flush(self) -> Iterator[tuple[str, bytes]]:
        """Let go what is held, save the beginning of a character."""
        for stream, held in self._held.items():
            yield from self._let_go(stream, whole(held))

    def finish(self) -> Iterator[tuple[str, bytes]]:
        """Let go everything: the pipes are closed. A character that the limit cut in two is left out and counted."""
        for stream, held in self._held.items():
            end = whole(held) if self.cut else len(held)
            self.cut += len(held) - end
            yield from self._let_go(stream, end)

    def _let_go(self, stream: str, end: int) -> Iterator[tuple[str, bytes]]:
        if end:
            held = self._held[stream]
            self._held[stream] = held[end:]
            yield from ((stream, piece) for piece in by_kind(held[:end]))


def whole(data: bytes) -> int:
    """The length of `data` without the beginning of a UTF-8 character at its end that further bytes could complete."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >> 3 == 0b11110 else 3 if byte >> 4 == 0b1110 else 2 if byte >> 5 == 0b110 else 1
        return len(data) - back if needed > back else len(data)
    return len(data)


def by_kind(data: bytes) -> Iterator[bytes]:
    """`data` as it is where it is UTF-8, else cut at line ends into stretches that are and stretches that are not."""
    if _is_text(data):
        yield data
        return
    stretch, text = b"", True
    for line in data.splitlines(keepends=True):
        if stretch and _is_text(line) != text:
            yield stretch
            stretch = b""
        text = _is_text(line)
        stretch += line
    yield stretch


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
