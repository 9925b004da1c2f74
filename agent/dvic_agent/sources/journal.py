"""journald as one stream: every boot that it keeps, or from now on. The cursor is journald's own.

Entries are read raw, and only what is sent is converted (`journal_entries`): converting all makes it four times slower.
What may happen to a journal, and what follows:

- The entry of the cursor was vacuumed: a gap, then the oldest entry that is left behind it.
- Entries can't be read, or are missing in the count that journald keeps (the seqnum): a gap, and on with the next.
- The library fails at a place again and again: a gap, and on from a little later, each time in a larger step.
- The cursor is none, or of another journal that ends earlier: a gap, and on with what comes from now on.

The library tells of new entries by a descriptor. The loop only looks whether it is ready; all else is done by the
reader thread, because a journal handle must not be used by two threads.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from dvic_wire import records
from dvic_wire.streams import JOURNAL, Gap

from ..clock import Clock
from .journal_entries import Converter, JournalPlace
from .journal_handle import Handle, every_file_is_readable, open_handle
from .source import Reading, Stream, Wake

log = logging.getLogger(__name__)

BREATH = 0.05
"""Seconds that entries may gather before they are looked for again."""

LOOK_AGAIN = 30.0
"""Seconds after which the journal is looked at whatever was told: journald may have come only now."""

LET_GO = 120.0
"""Seconds without a reading after which the journal is closed: vacuumed files keep their disk space while open."""

TRIES = 2
"""Readings of one place, each with a fresh handle, before it is stepped over."""

FIRST_STEP = 1_000
"""Microseconds of the first step over a place that can't be read; each further one is ten times as long."""


class Journal:
    """Source and stream in one. `begin` is "start" or "now"; `folder` is another folder of journal files than the
    machine's own; `opener` makes the handle. `unavailable` says why there is nothing to read, "" otherwise."""

    name = JOURNAL
    source = JOURNAL

    def __init__(self, begin: str = "start", folder: Path | None = None, clock: Clock | None = None,
                 opener: Callable[[Path | None], Handle] = open_handle):
        self.about: dict = {}
        self.unavailable = ""
        self._begin = begin
        self._folder = folder
        self._clock = clock or Clock()
        self._opener = opener
        self._lock = threading.Lock()
        self._handle: Handle | None = None
        self._convert = Converter()
        self._sees_all = False
        self._at: str | None = None
        """The cursor that the handle stands at."""
        self._empty_at_begin = False
        self._step = FIRST_STEP
        self._recounted: str | None = None
        """A cursor behind which entries were missing once."""
        self._read_at = 0.0
        self._armed: int | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stopped = False

    # the promise of a source

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._open()
        self._look_again()
        wake(self.name)

    def welcome(self, cursors: dict[str, str]) -> None:
        """Nothing to do: the stream of the journal never ends."""

    def streams(self) -> Iterable[Stream]:
        return [self]

    def released(self, stream: str) -> None:
        """The journal does not end."""

    def moving(self) -> bool:
        return True  # a hanging read is the pump's to notice

    def stop(self) -> None:
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._disarm()
        with self._lock:
            self._close()

    # the promise of a stream

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        with self._lock:
            self._read_at = self._clock.steady()
            reading = None
            for _ in range(TRIES):
                try:
                    reading = self._read(cursor, max_records, max_bytes)
                    break
                except OSError as error:
                    log.warning("reading the journal failed: %s", error)
                    self._close()
            reading = reading or self._step_over(cursor)
            if not reading.more:
                self._tell_loop(self._rest)
            return reading

    def _read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        handle = self._handle or self._open()
        if handle is None:
            return Reading([], cursor)
        if handle.process():
            self._sees_all = every_file_is_readable(self._folder)
        here, found = self._go_to(handle, cursor)
        if here is None:
            return Reading(found, cursor)
        start, seen = JournalPlace.parse(self._at or ""), 0
        if cursor == "" and self._begin == "now" and not self._empty_at_begin:
            return Reading([], self._at or "")
        size, damaged = 0, 0
        while here or (len(found) < max_records and size < max_bytes):
            if not here and not handle.next():
                break
            here = False
            seen += 1
            try:
                record = self._convert(handle.entry(), handle.time())
            except (OSError, ValueError):
                damaged += 1
                continue
            found.append(record)
            size += len(record["message"]) + 200
        if not seen:
            return Reading(found, cursor) if not found else self._arrived(handle, found, cursor, more=False)
        place = JournalPlace.parse(handle.cursor())
        missing = place.behind(start) - seen if self._sees_all else 0
        if missing > 0 and self._recounted != cursor:
            # Perhaps a file was only just added: journald writes those of users beside its own. Look once more.
            self._recounted, self._at = cursor, None
            return self._read(cursor, max_records, max_bytes)
        if damaged or missing > 0:
            found.append(self._gap("corrupt", "entries can't be read: journalctl --verify tells where",
                                   damaged + max(missing, 0)))
        return self._arrived(handle, found, cursor, more=len(found) >= max_records or size >= max_bytes)

    def _arrived(self, handle: Handle, found: list[dict], cursor: str, more: bool) -> Reading:
        self._step = FIRST_STEP
        self._at = handle.cursor()
        return Reading(found, self._at, more=more)

    def _go_to(self, handle: Handle, cursor: str) -> tuple[bool | None, list[dict]]:
        """Stand at `cursor`. Returns whether the handle stands on an entry that is yet to be read (None: nowhere, come
        back later), and a gap when the entry of the cursor is gone."""
        if cursor == self._at:
            return False, []
        self._at = None
        if not cursor:
            return self._go_to_begin(handle)
        try:
            found = handle.seek(cursor)
        except ValueError:
            return self._go_to_end(handle, "the hub's cursor is not one of a journal")
        wanted = JournalPlace.parse(cursor)
        if found:
            place = JournalPlace.parse(handle.cursor())
            if place.is_entry_of(wanted):
                self._at = cursor
                return False, []
            missed = place.behind(wanted) - 1 if self._sees_all else -1
            return True, [self._gap("vacuumed", "the journal no longer has what follows what was read last",
                                    missed if missed > 0 else -1)]
        if not handle.seek_end():
            return None, []  # there is nothing at all (yet)
        end = JournalPlace.parse(handle.cursor())
        if end.is_before(wanted) or end.is_entry_of(wanted):
            # its last entries were lost, but the hub has them
            self._at = cursor
            return False, []
        if end.behind(wanted):
            raise OSError("what was read last can't be found, though the journal goes on behind it")
        return self._go_to_end(handle, "the journal is another one, and ends before what was read last")

    def _go_to_begin(self, handle: Handle) -> tuple[bool | None, list[dict]]:
        if self._begin == "now" and not self._empty_at_begin:
            if handle.seek_end():
                self._at = handle.cursor()
                return False, []
            # whatever comes now is newer than the agent's first look
            self._empty_at_begin = True
        handle.seek_start()
        return False, []

    def _go_to_end(self, handle: Handle, why: str) -> tuple[bool | None, list[dict]]:
        if not handle.seek_end():
            return None, []
        self._at = handle.cursor()
        return False, [self._gap("reset", why)]

    def _step_over(self, cursor: str) -> Reading:
        """Reading on from here failed, with fresh handles too: a gap, and on behind it."""
        try:
            handle = self._open()
            if handle is None:
                return Reading([], cursor)
            step, self._step = self._step, self._step * 10
            after = JournalPlace.parse(cursor).time + step
            if not (cursor and handle.seek_time(after)) and not handle.seek_end():
                return Reading([], cursor)
            # the entry stood on is given up with those before it
            reached = handle.cursor()
        except (OSError, ValueError) as error:
            self._close()
            self._say(f"the journal can't be read: {error}")
            return Reading([], cursor)
        self._at = reached
        if reached == cursor:
            return Reading([], cursor)
        gap = self._gap("corrupt", "a place of the journal can't be read: journalctl --verify tells where")
        return Reading([gap], reached, more=True)

    def _gap(self, reason: str, detail: str, missed: int = -1) -> dict:
        return records.gap(int(self._clock.wall() * 1e6), Gap(reason, detail, missed))

    # the handle

    def _open(self) -> Handle | None:
        """The handle, None when there is no journal or it can't be opened: said once."""
        try:
            handle = self._opener(self._folder)
        except OSError as error:
            self._say(f"the journal can't be opened: {error.strerror or error}")
            return None
        except ImportError:
            self._say("the journal can't be read: python3-systemd is not installed")
            return None
        self._at = None
        if not handle.has_files():
            handle.close()
            self._say("there is no journal: journald does not run here, or the agent may not read what it keeps")
            return None
        self._say("")
        self._handle = handle
        self._sees_all = every_file_is_readable(self._folder)
        return handle

    def _close(self) -> None:
        """The loop no longer looks at its descriptor, which may be another file's soon."""
        self._at = None
        if self._handle:
            handle, self._handle = self._handle, None
            self._tell_loop(self._disarm)
            handle.close()

    def _say(self, unavailable: str) -> None:
        if unavailable and unavailable != self.unavailable:
            log.warning("%s", unavailable)
        self.unavailable = unavailable

    # in the loop's thread

    def _tell_loop(self, call: Callable[[], None]) -> None:
        if not self._stopped:
            try:
                self._loop.call_soon_threadsafe(call)
            except RuntimeError:
                return  # the loop has ended

    def _rest(self) -> None:
        if not self._stopped and "breath" not in self._timers:
            self._timers["breath"] = self._loop.call_later(BREATH, self._arm)

    def _arm(self) -> None:
        """Wait for the library's descriptor to become ready, once."""
        self._timers.pop("breath", None)
        if self._lock.acquire(blocking=False):
            try:
                if self._handle and not self._stopped:
                    self._armed = self._handle.fileno()
                    self._loop.add_reader(self._armed, self._ready)
            finally:
                self._lock.release()

    def _ready(self) -> None:
        self._disarm()
        self._wake(self.name)

    def _disarm(self) -> None:
        if self._armed is not None:
            self._loop.remove_reader(self._armed)
            self._armed = None

    def _look_again(self) -> None:
        self._timers["look"] = self._loop.call_later(LOOK_AGAIN, self._look_again)
        if self._lock.acquire(blocking=False):
            try:
                if self._handle and self._clock.steady() - self._read_at > LET_GO:
                    self._disarm()
                    self._close()
            finally:
                self._lock.release()
        self._wake(self.name)
