"""One file between the spool and one machine: what has been sent, taken, received and made safe.

    Upload      to the machine: pieces while the machine's room allows, confirmed by CopyTaken
    Download    from it: pieces in order into memory, made safe in the spool by whoever saves, then confirmed

Nothing that a machine says is believed beyond its own file: offsets that don't fit count for nothing.
"""

import asyncio
from dataclasses import dataclass, field

from dvic_hub.services.room import Room
from dvic_wire.copies import COPY_WINDOW, FileAbout


@dataclass(eq=False)
class Upload:
    """`room`: of this machine, for all that is on its way to it unconfirmed. `moved`: when something of it was heard
    last, Unix seconds."""

    run: str
    node: str
    file: str
    size: int
    room: Room
    sent: int = 0
    taken: int = 0
    moved: float = 0.0
    task: asyncio.Task | None = None

    @property
    def offset(self) -> int:
        """How far it is, for people."""
        return self.taken

    def confirm(self, offset: int) -> bool:
        """The machine has taken all before `offset`; False when it can't have."""
        if not self.taken <= offset <= self.sent:
            return False
        self.room.give(offset - self.taken)
        self.taken = offset
        return True

    def lost(self) -> None:
        """The connection is gone, and what was under way with it."""
        if self.task is not None:
            self.task.cancel()
            self.task = None
        self.room.give(self.sent - self.taken)
        self.sent = self.taken

    def begin(self, offset: int) -> None:
        """The machine has said from where on it wants it."""
        self.lost()
        self.sent = self.taken = min(max(offset, 0), self.size)


@dataclass(eq=False)
class Download:
    """`safe` bytes are on the disk, `writing` are on their way there, `waiting` came behind them. `about`: None before
    the machine told. `saving`: held by whoever writes. `done`: all is there and is what the machine has read."""

    run: str
    node: str
    most: int
    about: FileAbout | None = None
    safe: int = 0
    moved: float = 0.0
    writing: int = 0
    waiting: bytearray = field(default_factory=bytearray)
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)
    done: bool = False

    @property
    def offset(self) -> int:
        """How far it is, for people."""
        return self.safe

    @property
    def whole(self) -> bool:
        """All bytes are safe."""
        return self.about is not None and self.safe == self.about.size

    @property
    def complete(self) -> bool:
        """The same, and what they should be is known."""
        return self.whole and bool(self.about.sha256)

    def take(self, offset: int, data: bytes) -> bool:
        """A piece; False when it is left out."""
        held = self.writing + len(self.waiting)
        if self.about is None or offset != self.safe + held or held + len(data) > COPY_WINDOW:
            return False
        if offset + len(data) > self.about.size:
            return False
        self.waiting += data
        return True

    def write(self) -> bytes:
        """What is to be written now, behind what is safe."""
        data = bytes(self.waiting)
        self.writing = len(data)
        self.waiting.clear()
        return data

    def written(self, data: bytes) -> None:
        self.safe += len(data)
        self.writing = 0

    def lost(self) -> None:
        """The machine sends again what is not safe, from where the next resume says."""
        self.waiting.clear()
