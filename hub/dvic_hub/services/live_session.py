"""One terminal while it goes on: what it shows to whom, what is typed into it, what is safe. In memory, no waiting.

    offset of output   ... acked <= safe <= received,   acked <= what everybody in it has been sent
    number of input    ... taken < the ones in `_waiting` <= the last one

- The machine may be sent an acknowledgement only for what is in the recording and in the row, and has gone out to
  everybody who is in the session: so a hub that is killed loses nothing, and all wait for the slowest.
- An input is kept until the machine says that the terminal has taken it, and sent again after each reconnection. Its
  number makes sure that it is typed once.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace

from dvic_hub.domain.model import TerminalSession
from dvic_hub.domain.people import Actor
from dvic_hub.domain.session_rules import common_size, nudge
from dvic_hub.domain.terminal_screen import Screen
from dvic_hub.services.recordings import Recording
from dvic_wire.messages import TerminalAck, TerminalInput, TerminalResume
from dvic_wire.signing import PrivateKey
from dvic_wire.terminals import (
    MAX_TERMINAL_PIECE,
    TERMINAL_TAIL,
    TERMINAL_WINDOW,
    Input,
    Resized,
    Typed,
    sign_input,
)

INPUT_WINDOW = 64 * 1024
"""Bytes of input that may wait for the terminal; then no more is read from whoever types."""

_NUMBERS = 2**32
"""Inputs, and people, of one life of the hub, so that the next one's numbers are higher without a look at the last."""


@dataclass(eq=False)
class Person:
    """Somebody in a session. `window`: columns and rows, once told. What is to be sent waits here: bytes of the
    terminal, or objects about the session."""

    actor: Actor
    read_only: bool
    since: int
    window: tuple[int, int] | None = None
    waiting: deque[bytes | dict] = field(default_factory=deque)
    n: int = 0
    """Their number in the session: 1 is who came first of all."""
    acknowledges: bool = False
    """They say how far they have drawn what was sent; else sending it counts."""
    offset: int = 0
    """Output before it has been sent, and drawn where they say so."""
    unseen: int = 0
    """Bytes from there on that were sent and, as far as they said, not drawn."""
    skip: int = 0
    """Bytes of the next output that they have seen already: before the hub was started again."""
    blank: bool = False
    """They came while the hub itself did not know the screen yet."""
    busy_since: float = 0.0
    more: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    ended: str | None = None
    """Why they are to leave."""

    def tell(self, what: bytes | dict) -> None:
        self.waiting.append(what)
        self.more.set()

    def sent(self, size: int) -> None:
        """So many bytes of output have gone out to them."""
        if self.acknowledges:
            self.unseen += size
        else:
            self.offset += size
            self.busy_since = 0.0

    def seen(self, offset: int, now: float) -> None:
        """They have drawn everything before `offset`; never more counts than was sent."""
        drawn = min(offset - self.offset, self.unseen)
        if drawn > 0:
            self.offset += drawn
            self.unseen -= drawn
            self.busy_since = now if self.unseen else 0.0

    def end(self, why: str) -> None:
        self.ended = self.ended if self.ended is not None else why
        self.more.set()
        self.leaving.set()

    def describe(self) -> dict:
        return {"n": self.n, "name": self.actor.name, "read_only": self.read_only, "since": self.since}


class LiveSession:
    """`row` as it was opened; `recording` None where nothing is recorded. `now`: Unix seconds, wherever it is asked."""

    def __init__(self, row: TerminalSession, recording: Recording | None, now: float):
        self.row = row
        self.recording = recording
        self.people: list[Person] = []
        self._came = (row.starts - 1) * _NUMBERS
        self.alone_since = now
        self.over = False
        self.failed = ""
        """Why it can't be recorded any more."""
        self.received = self.safe = self.acked = row.offset
        self.saving = asyncio.Lock()
        self.dirty = asyncio.Event()
        """Something is to be made safe."""
        self.room = asyncio.Event()
        self.screen = Screen(max(0, row.offset - TERMINAL_TAIL))
        self._key = PrivateKey.from_seed(row.key)
        self._n = row.starts * _NUMBERS
        self._waiting: deque[tuple[int, str, int]] = deque()
        self._waiting_bytes = 0
        self._flowing = False
        self.asked = False
        """The machine was told to carry it, over its present connection."""

    # ---- the machine

    def resume(self) -> TerminalResume:
        """What to say when the machine is there (again)."""
        self._flowing, self.asked = False, True
        return TerminalResume(self.row.id, min(self.received, self.screen.end))

    def lost(self) -> None:
        """The machine is not connected any more."""
        self._flowing = self.asked = False

    def show(self, offset: int, data: bytes, now: float) -> bool:
        """The machine's output. False where it does not fit: bytes are missing before it, or more is under way than may
        be."""
        if not 0 <= offset <= self.received or offset + len(data) - self.acked > TERMINAL_WINDOW + MAX_TERMINAL_PIECE:
            return False
        self.screen.add(offset, data)
        if self.screen.end >= self.received:
            self._fill_blanks()
        new = data[self.received - offset:]
        if not new:
            return True
        self.received += len(new)
        if self.recording is not None:
            self.recording.output(self._seconds(now), new)
        for person in self.people:
            known, person.skip = min(person.skip, len(new)), max(0, person.skip - len(new))
            person.offset += known
            if known < len(new):
                person.tell(new[known:])
        self.dirty.set()
        return True

    def taken(self, n: int) -> list[TerminalInput]:
        """The terminal has taken the inputs up to `n`; returns what is to be sent (again)."""
        while self._waiting and self._waiting[0][0] <= n:
            self._waiting_bytes -= self._waiting.popleft()[2]
        self.room.set()
        if self._flowing:
            return []
        self._flowing = True
        return [TerminalInput(self.row.id, jws) for _, jws, _ in self._waiting]

    def acknowledge(self) -> TerminalAck | None:
        """The acknowledgement to send, if there is a new one."""
        offset = min([self.safe, *(person.offset for person in self.people)])
        if offset <= self.acked:
            return None
        self.acked = offset
        return TerminalAck(self.row.id, offset)

    # ---- people

    @property
    def has_room(self) -> bool:
        """Whether more may be typed now."""
        return self._waiting_bytes < INPUT_WINDOW

    def type(self, data: bytes, now: float) -> list[TerminalInput]:
        """Sign what was typed; returns what is to be sent now."""
        pieces = [data[at:at + MAX_TERMINAL_PIECE] for at in range(0, len(data), MAX_TERMINAL_PIECE)]
        return [message for piece in pieces for message in self._sign(Typed(piece), now)]

    def join(self, person: Person, offset: int, now: float) -> list[TerminalInput]:
        """Add somebody. `offset`: what they have seen already, -1: nothing."""
        self._came += 1
        person.n = self._came
        person.skip = offset - self.received if self.received < offset <= self.received + TERMINAL_WINDOW else 0
        missed = b"" if person.skip else self.screen.since(offset) if offset >= 0 else None
        person.blank = missed is None and self.screen.end < self.received
        self._begin(person, missed)
        self.people.append(person)
        self.tell_people()
        if missed is None and self.screen.alternate:
            return [message for size in nudge(self.row.cols, self.row.rows) for message in self._sign(size, now)]
        return []

    def leave(self, person: Person, now: float) -> list[TerminalInput]:
        """Somebody has gone."""
        if person not in self.people:
            return []
        self.people.remove(person)
        if not self.people:
            self.alone_since = now
        self.tell_people()
        return self._fit(now)

    def resize(self, person: Person, cols: int, rows: int, now: float) -> list[TerminalInput]:
        """Somebody's window has another size."""
        person.window = (cols, rows)
        return self._fit(now)

    def tell(self, what: dict) -> None:
        for person in self.people:
            person.tell(what)

    def tell_people(self) -> None:
        self.tell({"people": [person.describe() for person in self.people]})

    def describe(self, fresh: bool, screen: int) -> dict:
        """The first word to who joins. `fresh`: the window begins anew; `screen`: bytes that come before `offset`."""
        return {"session": {"id": self.row.id, "node": self.row.node_name, "title": self.row.title,
                            "by": self.row.created_by, "recorded": self.row.recorded and not self.failed},
                "screen": screen, "fresh": fresh, "size": [self.row.cols, self.row.rows]}

    # ---- inside

    def _begin(self, person: Person, missed: bytes | None) -> None:
        """Their first words: what they have missed; None: the screen."""
        first = self.screen.opening() if missed is None else missed
        person.offset = self.received - len(first)
        person.tell({**self.describe(missed is None, len(first)), "offset": self.received + person.skip,
                     "you": person.n})
        if first:
            person.tell(first)

    def _fill_blanks(self) -> None:
        """The screen is known now: show it to who came before that."""
        for person in self.people:
            if person.blank:
                person.blank = False
                self._begin(person, None)

    def _fit(self, now: float) -> list[TerminalInput]:
        """Make the terminal as large as fits into the windows of all who can type."""
        windows = [person.window for person in self.people if person.window and not person.read_only]
        cols, rows = common_size(windows, (self.row.cols, self.row.rows))
        if (cols, rows) == (self.row.cols, self.row.rows):
            return []
        self.row = replace(self.row, cols=cols, rows=rows)
        if self.recording is not None:
            self.recording.resize(self._seconds(now), cols, rows)
        self.dirty.set()
        self.tell({"size": [cols, rows]})
        return self._sign(Resized(cols, rows), now)

    def _sign(self, given: Input, now: float) -> list[TerminalInput]:
        self._n += 1
        jws = sign_input(self._key, self.row.id, self._n, given, now=now)
        size = len(given.data) if isinstance(given, Typed) else 16
        self._waiting.append((self._n, jws, size))
        self._waiting_bytes += size
        return [TerminalInput(self.row.id, jws)] if self._flowing else []

    def _seconds(self, now: float) -> float:
        return now - self.row.created / 1_000_000
