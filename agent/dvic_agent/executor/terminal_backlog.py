"""What a terminal wrote and a hub may still ask for: pure.

    kept        acknowledged       sent              end
    |---tail---------|---------------|----------------|
    <- TERMINAL_TAIL ><------- at most TERMINAL_WINDOW ->

Offsets count bytes from the terminal's start. `sent` belongs to the connection that there is now: a new one begins
where it wants to, and no earlier than what is kept.
"""

from dvic_wire.terminals import MAX_TERMINAL_PIECE, TERMINAL_TAIL, TERMINAL_WINDOW


class Backlog:
    def __init__(self) -> None:
        self._bytes = bytearray()
        self._kept = 0
        self._acknowledged = 0
        self._sent = 0

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self._kept + len(self._bytes)

    @property
    def room(self) -> int:
        """How many bytes may be added."""
        return max(0, TERMINAL_WINDOW - (self.end - self._acknowledged))

    @property
    def is_safe(self) -> bool:
        """Everything has been acknowledged."""
        return self._acknowledged == self.end

    def add(self, data: bytes) -> None:
        self._bytes += data

    def resume(self, offset: int) -> None:
        """Somebody wants everything from `offset` on."""
        self._sent = max(self._kept, min(offset, self.end))

    def acknowledge(self, offset: int) -> None:
        """Everything before `offset` is safe elsewhere."""
        self._acknowledged = max(self._acknowledged, min(offset, self.end))
        spare = self._acknowledged - TERMINAL_TAIL - self._kept
        if spare > 0:
            del self._bytes[:spare]
            self._kept += spare
            self._sent = max(self._sent, self._kept)

    def take(self) -> tuple[int, bytes] | None:
        """The next piece to send with its offset; None when all was sent."""
        start = self._sent - self._kept
        data = bytes(self._bytes[start:start + MAX_TERMINAL_PIECE])
        if not data:
            return None
        offset, self._sent = self._sent, self._sent + len(data)
        return offset, data
