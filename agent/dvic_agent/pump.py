"""Drives the sources: one reader thread turns what a stream holds into frames, by the window's turns.

    source --wake--> window --turn--> reader thread (read, encode, compress) --frame--> link --ack--> window

Whatever touches a source (welcome, streams, released, read) happens one after the other, never two at a time, so
sources need no locks of their own. Only `wake` may come from any thread at any time.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dvic_wire import codec
from dvic_wire.errors import LimitExceeded
from dvic_wire.limits import MAX_STREAM_NAME
from dvic_wire.messages import Ack, Batch
from dvic_wire.records import gap
from dvic_wire.streams import Gap

from .clock import Clock
from .sources.source import Reading, Source, Stream
from .window import Turn, Window

log = logging.getLogger(__name__)

STUCK = 60.0
"""Seconds in one read after which the reader counts as stuck."""


@dataclass(frozen=True)
class Produced:
    """What a turn gave: the frame to send (b"": nothing), and what it holds."""

    frame: bytes
    to_cursor: str
    records: int = 0
    closed: bool = False
    then_close: bool = False
    more: bool = False


def produce(stream: Stream, turn: Turn, may_close: bool, now_us: int) -> Produced:
    """Read one turn and encode it. Shrinks a batch that passes a limit of the wire; a single record that still does
    is replaced by a gap. Raises what the source raises."""
    records = turn.max_records
    while True:
        reading = stream.read(turn.cursor, records, turn.max_bytes)
        if reading.records and reading.cursor == turn.cursor:
            # sent like this the records would be stored again and again
            raise ValueError(f"{stream.name} gave records and did not move from {turn.cursor!r}")
        if turn.skip and reading.records:
            reading = _replaced(reading, "corrupt", f"the hub could not use a record of {stream.source}", now_us)
        if not reading.records and reading.cursor == turn.cursor and not (reading.closed and may_close):
            return Produced(b"", reading.cursor, then_close=reading.closed, more=reading.more)
        closed = reading.closed and may_close
        try:
            frame = _encode(stream, turn.cursor, reading, closed, {} if turn.skip else stream.about)
        except LimitExceeded as error:
            if len(reading.records) > 1:
                records = max(1, len(reading.records) // 4)
                continue
            reading = _replaced(reading, "cut", f"a record of {stream.source} passes {error}", now_us)
            frame = _encode(stream, turn.cursor, reading, closed, {})
        return Produced(frame, reading.cursor, len(reading.records), closed, reading.closed and not closed,
                        reading.more)


def _encode(stream: Stream, from_cursor: str, reading: Reading, closed: bool, about: dict) -> bytes:
    return codec.encode_compressed(Batch(stream.name, from_cursor, reading.cursor, stream.source[:MAX_STREAM_NAME],
                                         reading.records, about, closed))


def _replaced(reading: Reading, reason: str, detail: str, now_us: int) -> Reading:
    lost = gap(now_us, Gap(reason, detail, missed=len(reading.records)))
    return Reading([lost], reading.cursor, reading.closed, reading.more)


class Pump:
    """`send(frame)` hands a batch to the link; `sources` are started by `run` and stopped by `stop`."""

    def __init__(self, sources: Sequence[Source], window: Window, send: Callable[[bytes], None], clock: Clock):
        self._sources = sources
        self._window = window
        self._send = send
        self._clock = clock
        self._streams: dict[str, tuple[Stream, Source]] = {}
        self._kick = asyncio.Event()
        self._lock = threading.Lock()
        self._woken: set[str] = set()
        self._welcome: dict[str, str] | None = None
        self._released: list[str] = []
        self._faulty: list[tuple[str, str]] = []
        self._reading_since: float | None = None
        self._complained: dict[str, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader = ThreadPoolExecutor(1, "reader")

    async def run(self) -> None:
        """Until cancelled."""
        self._loop = asyncio.get_running_loop()
        for source in self._sources:
            try:
                source.start(self.wake)
            except Exception as error:  # the others still tell what they know
                self._complain(type(source).__name__, error)
                self._sources = [other for other in self._sources if other is not source]
        self._refresh()
        while True:
            self._kick.clear()
            self._catch_up()
            now = self._clock.steady()
            turn = self._window.next_turn(now)
            if turn is None:
                await self._pause(self._window.due(now))
            else:
                await self._take(turn)

    async def stop(self) -> None:
        """Let a read that is going on finish, then stop the sources. Call after `run` was cancelled."""
        await asyncio.get_running_loop().run_in_executor(None, self._reader.shutdown)
        for source in self._sources:
            source.stop()

    def moving(self) -> bool:
        """Whether the reader and all sources move: what the watchdog asks."""
        since = self._reading_since
        if since is not None and self._clock.steady() - since > STUCK:
            return False
        return all(source.moving() for source in self._sources)

    def wake(self, stream: str) -> None:
        """That stream may have something to read; "" or an unknown name: look for new streams too. Any thread."""
        with self._lock:
            first = not self._woken
            self._woken.add(stream)
        if first and self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._kick.set)
            except RuntimeError:
                pass  # the loop has ended, and so has everything that would be read

    # from the link, in the loop's thread

    def opened(self, cursors: dict[str, str]) -> None:
        """A connection stands; the hub holds `cursors`."""
        self._welcome = dict(cursors)
        self._kick.set()

    def lost(self) -> None:
        """The connection is gone."""
        self._welcome = None
        self._window.disconnected()

    def answered(self, ack: Ack) -> None:
        if self._window.answered(ack, self._clock.steady()):
            self._released.append(ack.stream)
        self._kick.set()

    def faulty(self, stream: str, reason: str) -> None:
        """The hub could not use a batch."""
        if stream in self._window:
            last_try = self._window.faulty(stream, self._clock.steady())
            log.warning("the hub could not use a batch of %s: %s%s", stream, reason,
                        "; a gap takes the place of the record" if last_try else "")
            self._faulty.append((stream, reason))
            self._kick.set()

    def stalled(self) -> bool:
        return self._window.stalled(self._clock.steady())

    # one after the other, no read going on

    def _catch_up(self) -> None:
        with self._lock:
            woken, self._woken = self._woken, set()
        released, self._released = self._released, []
        for name in released:
            self._release(name)
        faulty, self._faulty = self._faulty, []
        for name, reason in faulty:
            stream = self._streams[name][0] if name in self._streams else None
            if hasattr(stream, "refused"):
                stream.refused(reason)
        if self._welcome is not None:
            cursors, self._welcome = self._welcome, None
            for source in self._sources:
                source.welcome(cursors)
            self._refresh()
            for name in self._window.connected(cursors, self._clock.steady()):
                self._release(name)
        now = self._clock.steady()
        if any(name not in self._window for name in woken):
            self._refresh()
        for name in woken:
            self._window.wake(name, now)

    def _refresh(self) -> None:
        now = self._clock.steady()
        found = {stream.name: (stream, source) for source in self._sources for stream in source.streams()}
        for name in self._streams.keys() - found.keys():
            self._window.remove(name)
        self._streams = found
        for name, (stream, _) in found.items():
            self._window.add(name, now, getattr(stream, "in_flight", 0))

    def _release(self, name: str) -> None:
        known = self._streams.pop(name, None)
        self._complained.pop(name, None)
        if known is not None:
            known[1].released(name)

    async def _take(self, turn: Turn) -> None:
        known = self._streams.get(turn.stream)
        if known is None:
            self._window.remove(turn.stream)
            return
        self._reading_since = self._clock.steady()
        try:
            produced = await asyncio.get_running_loop().run_in_executor(
                self._reader, produce, known[0], turn, self._window.may_close(turn), int(self._clock.wall() * 1e6))
        except Exception as error:  # a source's fault must not stop the others
            self._complain(turn.stream, error)
            produced = None
        finally:
            self._reading_since = None
        if self._window.current(turn):
            self._settle(turn, produced)

    def _settle(self, turn: Turn, produced: Produced | None) -> None:
        now = self._clock.steady()
        if produced is None:
            self._window.failed(turn, now)
        elif produced.frame:
            self._window.sent(turn, produced.to_cursor, len(produced.frame), now, records=produced.records,
                              closed=produced.closed, more=produced.more, then_close=produced.then_close)
            self._send(produced.frame)
        elif not produced.then_close:
            self._window.nothing(turn, now, more=produced.more)
        elif not self._window.hold(turn):
            self._window.remove(turn.stream)  # it ended before there was anything to tell
            self._release(turn.stream)

    def _complain(self, stream: str, error: Exception) -> None:
        now = self._clock.steady()
        if now - self._complained.get(stream, -3600.0) >= 3600:
            self._complained[stream] = now
            log.error("stream %s can't be read, trying again every few seconds: %r", stream, error, exc_info=error)

    async def _pause(self, due: float | None) -> None:
        if due is None:
            await self._kick.wait()
            return
        timer = asyncio.get_running_loop().call_later(max(0.0, due - self._clock.steady()), self._kick.set)
        try:
            await self._kick.wait()
        finally:
            timer.cancel()
