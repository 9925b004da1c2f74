"""Which stream is read next, and what is under way unacknowledged. Pure: no I/O, `now` (steady seconds) is given.

A lane a stream. The hub's word is the truth: a lane is read from the cursor that the hub holds, and runs ahead of its
acknowledgements by a bounded window. Batches under way are not kept: what the hub did not take is read again.

- Fair turns: lanes with something to read stand in one row; each gets one batch, then goes to the end of the row.
- Bounded: batches under way a lane, bytes under way of all lanes together.
- Every batch is answered once. After a refusal the lane waits until all of its batches are answered (those behind the
  refused one can't fit either), then reads from the cursor that the last answer named. So it converges after
  duplicates, stale answers and a hub that was set back, without a book of what was sent.
- An end (`closed`) is only sent of a stream of which the hub already holds a cursor. So, when a connection breaks with
  an end under way and the next Welcome does not name the stream, the end was stored; without this rule it could
  also mean that nothing ever was.
- A disk-full answer pauses all lanes for as long as the hub asks.
- A batch that the hub finds faulty (`Problem`) is sent again in smaller pieces down to the one faulty record, which a
  gap replaces: one bad record can't stop a stream for ever.
"""

from collections import deque
from dataclasses import dataclass, field

from dvic_wire.limits import MAX_STREAMS
from dvic_wire.messages import Ack

IDLE, WAITING, READY, READING, HELD, ENDING = "idle", "waiting", "ready", "reading", "held", "ending"
"""Nothing to read; woken a moment ago; in the row; being read; waits for its answers; its end is under way."""

MAX_PAUSE = 300.0
"""Seconds that a hub may pause the sending."""

STALLED = 60.0
"""Seconds without an answer while batches are under way, after which the connection counts as dead."""

HOPELESS_PAUSE = 300.0
"""Seconds that a stream rests of which the hub takes not even a gap."""

FAILED_READ_PAUSE = 5.0
"""Seconds that a stream rests whose read failed."""


@dataclass(frozen=True)
class Limits:
    """See AgentConfig: records and text bytes of one batch, batches a lane and bytes of all lanes under way, seconds
    to wait for a batch to fill, records a second a lane (0: no limit)."""

    records: int = 1000
    bytes: int = 256 * 1024
    lane_batches: int = 8
    flight_bytes: int = 2 * 1024 * 1024
    delay: float = 0.05
    rate: int = 0


@dataclass(frozen=True)
class Turn:
    """Read this stream now, from `cursor`. `skip`: put a gap in the place of what is read (one record)."""

    stream: str
    cursor: str
    max_records: int
    max_bytes: int
    skip: bool
    epoch: int


@dataclass(slots=True)
class _Sent:
    to_cursor: str
    size: int
    closed: bool
    skipped: bool
    at: float


@dataclass(slots=True)
class _Lane:
    name: str
    held: str = ""
    position: str = ""
    state: str = IDLE
    flight: deque = field(default_factory=deque)
    recovering: bool = False
    woken: bool = False
    due: float = 0.0
    epoch: int = 0
    max_records: int = 0
    most_records: int = 0
    most_batches: int = 0
    skip: bool = False
    rested_until: float = 0.0


class Window:
    """All lanes of the node."""

    def __init__(self, limits: Limits = Limits()):
        self._limits = limits
        self._lanes: dict[str, _Lane] = {}
        self._row: deque[_Lane] = deque()
        self._waiting: dict[str, _Lane] = {}
        self._flight_bytes = 0
        self._paused_until = 0.0
        self._answered_at = 0.0
        self._connected = False
        self._unclaimed: dict[str, str] = {}

    # what there is

    def __contains__(self, stream: str) -> bool:
        return stream in self._lanes

    @property
    def unacknowledged(self) -> int:
        """Batches under way."""
        return sum(len(lane.flight) for lane in self._lanes.values())

    @property
    def streams(self) -> int:
        return len(self._lanes)

    def describe(self) -> list[dict]:
        """For `dvic-agent status`: each stream, the cursor that the hub holds, batches under way."""
        return [{"stream": lane.name, "cursor": lane.held, "unacknowledged": len(lane.flight)}
                for lane in self._lanes.values()]

    def add(self, stream: str, now: float, batches: int = 0) -> None:
        """A stream appeared. It is read soon, from the cursor that the last Welcome named, if it did. `batches`: may be
        under way at a time, of one record each; 0: as the limits say."""
        if stream not in self._lanes:
            held = self._unclaimed.pop(stream, "")
            records = 1 if batches else self._limits.records
            self._lanes[stream] = _Lane(stream, held, held, max_records=records, most_records=records,
                                        most_batches=batches or self._limits.lane_batches)
            self.wake(stream, now)

    def remove(self, stream: str) -> None:
        """A stream is gone, with whatever it had under way."""
        lane = self._lanes.pop(stream, None)
        if lane is not None:
            self._forget_flight(lane)
            self._waiting.pop(stream, None)
            lane.epoch += 1
            lane.state = IDLE  # stays in the row if it stood there; next_turn passes over it

    # the connection

    def connected(self, cursors: dict[str, str], now: float) -> list[str]:
        """A connection stands and the hub holds `cursors`: every lane starts there. Returns the streams whose end the
        hub has stored, though its answer was lost: they are removed here."""
        self._connected = True
        self._paused_until = 0.0
        ended = [lane.name for lane in self._lanes.values()
                 if lane.state == ENDING and lane.name not in cursors]
        for name in ended:
            self.remove(name)
        self._row.clear()
        self._unclaimed = {name: cursor for name, cursor in cursors.items() if name not in self._lanes}
        for lane in self._lanes.values():
            self._restart(lane, cursors.get(lane.name, ""), now)
        return ended

    def disconnected(self) -> None:
        """Nothing under way will be answered. Which ends were under way is remembered for `connected`."""
        self._connected = False
        self._row.clear()
        self._waiting.clear()
        for lane in self._lanes.values():
            self._forget_flight(lane)
            lane.epoch += 1
            lane.state = ENDING if lane.state == ENDING else IDLE

    # turns

    def wake(self, stream: str, now: float) -> None:
        """There may be something to read. The lane is read when its batch had time to fill."""
        lane = self._lanes.get(stream)
        if lane is None:
            return
        if lane.state == IDLE:
            lane.state = WAITING
            lane.due = max(now + self._limits.delay, lane.rested_until)
            self._waiting[stream] = lane
        else:
            lane.woken = True

    def next_turn(self, now: float) -> Turn | None:
        """The next read, or None when nothing may be read now (see `due`). Ends in `sent`, `nothing` or `failed`."""
        self._ripen(now)
        if not self._connected or now < self._paused_until or self._flight_bytes >= self._limits.flight_bytes:
            return None
        for _ in range(len(self._row)):
            lane = self._row.popleft()
            if lane.state != READY:
                continue
            if not lane.held and len(self._lanes) > MAX_STREAMS and self._open_at_hub() >= MAX_STREAMS:
                self._row.append(lane)  # its turn comes when another stream ends
                continue
            lane.state = READING
            lane.woken = False
            records = 1 if lane.skip else lane.max_records
            return Turn(lane.name, lane.position, records, self._limits.bytes, lane.skip, lane.epoch)
        return None

    def due(self, now: float) -> float | None:
        """When `next_turn` may give something just because time goes by; None: only after an event."""
        if not self._connected or self._flight_bytes >= self._limits.flight_bytes:
            return None
        times = [lane.due for lane in self._waiting.values()]
        if self._row and now < self._paused_until:
            times.append(self._paused_until)
        return max(min(times), self._paused_until) if times else None

    def current(self, turn: Turn) -> bool:
        """Whether the turn still counts: nothing happened to its lane while it was read."""
        lane = self._lanes.get(turn.stream)
        return lane is not None and lane.epoch == turn.epoch and lane.state == READING

    def may_close(self, turn: Turn) -> bool:
        """Whether an end may be sent now (see the rules above)."""
        return bool(self._lanes[turn.stream].held)

    def sent(self, turn: Turn, to_cursor: str, size: int, now: float, *, records: int, closed: bool = False,
             more: bool = False, then_close: bool = False) -> None:
        """The turn gave a batch of `records` up to `to_cursor`, `size` bytes as it travels. `then_close`: the stream's
        end has to wait for the answer."""
        lane = self._lanes[turn.stream]
        lane.flight.append(_Sent(to_cursor, size, closed, turn.skip, now))
        self._flight_bytes += size
        lane.position = to_cursor
        lane.skip = False
        if self._limits.rate:
            lane.rested_until = max(now, lane.rested_until) + records / self._limits.rate
        if closed:
            lane.state = ENDING
        elif then_close:
            lane.state, lane.woken = HELD, True
        elif len(lane.flight) >= lane.most_batches:
            lane.state, lane.woken = HELD, lane.woken or more
        else:
            self._go_on(lane, now, more)

    def hold(self, turn: Turn) -> bool:
        """The turn is repeated after an answer; False (and no change) when nothing of its lane is under way."""
        lane = self._lanes[turn.stream]
        if not lane.flight:
            return False
        lane.state, lane.woken = HELD, True
        return True

    def nothing(self, turn: Turn, now: float, *, more: bool = False) -> None:
        """The turn gave nothing to send. `more`: the source asks to be read again (later, so that it can't spin)."""
        lane = self._lanes[turn.stream]
        lane.woken = lane.woken or more
        self._go_on(lane, now, False)

    def failed(self, turn: Turn, now: float) -> None:
        """The read failed: the lane rests for a while."""
        lane = self._lanes[turn.stream]
        lane.rested_until = now + FAILED_READ_PAUSE
        lane.woken = True
        self._go_on(lane, now, False)

    # answers

    def answered(self, ack: Ack, now: float) -> bool:
        """The hub answered a batch. True when the stream has ended and was removed here."""
        self._answered_at = now
        lane = self._lanes.get(ack.stream)
        if lane is None:
            return False
        if ack.closed:
            self.remove(ack.stream)
            return True
        if ack.stored:
            return self._stored(lane, ack.cursor, now)
        if ack.reason:
            # the hub did not look what it holds: the cursor is the batch's own
            self._paused_until = max(self._paused_until, now + min(max(1, ack.retry), MAX_PAUSE))
            self._refuse(lane, lane.held, now)
        else:
            self._refuse(lane, ack.cursor, now)
        return False

    def faulty(self, stream: str, now: float) -> bool:
        """The hub could not use the oldest batch of `stream`. Returns whether the next one is down to a single record
        that will be replaced by a gap."""
        lane = self._lanes.get(stream)
        if lane is None or not lane.flight:
            return False
        if lane.flight[0].skipped:
            lane.rested_until = now + HOPELESS_PAUSE  # it is not the record
        elif lane.max_records > 1:
            lane.max_records = max(1, lane.max_records // 8)
        else:
            lane.skip = True
        self._refuse(lane, lane.held, now)
        return lane.skip

    def stalled(self, now: float) -> bool:
        """Whether batches are under way and no answer came for so long that the connection must be dead. (A slow line
        answers late, but it does answer.)"""
        oldest = min((lane.flight[0].at for lane in self._lanes.values() if lane.flight), default=now)
        return now - max(oldest, self._answered_at) > STALLED

    def _stored(self, lane: _Lane, cursor: str, now: float) -> bool:
        if not any(sent.to_cursor == cursor for sent in lane.flight):
            if lane.recovering:
                lane.held = cursor
            return False  # a second answer to the same batch
        ended = False
        while lane.flight:
            sent = lane.flight.popleft()
            self._flight_bytes -= sent.size
            ended = sent.closed
            if sent.to_cursor == cursor:
                break
        lane.held = cursor
        if ended:
            self.remove(lane.name)
            return True
        lane.max_records = min(lane.most_records, lane.max_records * 2)
        if lane.recovering:
            self._recover(lane, now)
        elif lane.state == HELD and (not lane.flight or len(lane.flight) <= lane.most_batches // 2):
            self._go_on(lane, now, True)
        return False

    def _refuse(self, lane: _Lane, cursor: str, now: float) -> None:
        if lane.flight:
            self._flight_bytes -= lane.flight.popleft().size
        elif cursor == lane.position:
            return  # a second answer that tells nothing new
        lane.held = cursor
        lane.recovering = True
        self._waiting.pop(lane.name, None)
        lane.epoch += 1
        lane.state = HELD
        self._recover(lane, now)

    def _recover(self, lane: _Lane, now: float) -> None:
        if not lane.flight:
            self._restart(lane, lane.held, now)

    def _restart(self, lane: _Lane, cursor: str, now: float) -> None:
        self._forget_flight(lane)
        lane.held = lane.position = cursor
        lane.recovering = False
        lane.epoch += 1
        self._waiting.pop(lane.name, None)
        self._go_on(lane, now, True)

    def _forget_flight(self, lane: _Lane) -> None:
        self._flight_bytes -= sum(sent.size for sent in lane.flight)
        lane.flight.clear()

    def _go_on(self, lane: _Lane, now: float, more: bool) -> None:
        woken, lane.woken = lane.woken, False
        lane.state = IDLE
        if more and now >= lane.rested_until:
            lane.state = READY
            self._row.append(lane)
        elif more or woken:
            self.wake(lane.name, now)

    def _ripen(self, now: float) -> None:
        for lane in [lane for lane in self._waiting.values() if lane.due <= now]:
            del self._waiting[lane.name]
            lane.state = READY
            self._row.append(lane)

    def _open_at_hub(self) -> int:
        return sum(1 for lane in self._lanes.values() if lane.held or lane.flight)
