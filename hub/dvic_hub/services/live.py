"""Live events out: what happens is told to every subscriber that wants it, millions of lines a second if need be.

- An event is encoded once; subscribers with equal filters form a group, which is asked once and shares its bytes.
- Nothing is written a message at a time: a group's lines are joined on a tick of 1 to 5 ms, framed once, and the same
  bytes are handed to each of its sockets. A group that has FRAME_BYTES together is written at once.
- A subscriber that does not keep up (BACKLOG_BYTES unsent) misses events, is told how many, and is ended after
  PATIENCE seconds of it. One that fails or leaves in the middle of a write ends nobody else's stream.

Everything here runs in the event loop and never waits: outlets only take bytes.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from dvic_hub.bus.port import Bus
from dvic_hub.domain.events import Event, NodeChanged
from dvic_hub.domain.liveness import NodeView
from dvic_hub.domain.subscriptions import Filter, Picker, happening_of
from dvic_hub.errors import TooMany

FIRST_TICK = 0.001
"""Seconds from the first waiting line to its writing, when the hub has little to do."""

LONGEST_TICK = 0.005
"""Seconds that lines wait at most while there is much to write."""

FRAME_BYTES = 256 * 1024
"""Bytes of joined lines that are written without waiting for the tick; about the longest frame."""

BACKLOG_BYTES = 4 * 1024 * 1024
"""Bytes that may wait for one subscriber; further events are missed, and counted."""

PATIENCE = 30
"""Seconds for which a subscriber may miss events before it is disconnected."""

LOOK_AGAIN = 0.1
"""Seconds between two looks at subscribers that miss events."""

FLEET_DELAY = 1.0
"""Seconds after a node's change by which the fleet's copy of its row has certainly been read again."""

RECHECK = 15.0
"""Seconds between two looks at whether a subscriber may still listen (its token still holds)."""

MAX_SUBSCRIBERS = 1000
"""Subscribers of one hub."""

log = logging.getLogger("dvic.live")


class Outlet(Protocol):
    """Where a subscriber's bytes go."""

    def write(self, frame: bytes) -> None:
        """Take a whole frame, without waiting; raises when there is nobody any more."""

    def backlog(self) -> int:
        """Bytes taken but not yet sent."""

    def close(self, code: str, reason: str) -> None:
        """End this subscriber, without waiting. `code`: slow, gone or stopping."""


Encode = Callable[[bytes], bytes]
"""Joined lines to a frame; one function a protocol, so that subscribers of one protocol share frames."""


class Fleet(Protocol):
    """What is asked of the fleet."""

    def view(self, id_or_name: str) -> NodeView | None: ...


@dataclass(eq=False)
class Subscription:
    """One subscriber. `missed` counts what it was not told yet that it missed; `slow_since`: 0 while it keeps up."""

    outlet: Outlet
    encode: Encode
    group: "_Group | None" = None
    missed: int = 0
    slow_since: float = 0.0


@dataclass(eq=False)
class _Group:
    """Subscribers with equal filters and equal framing."""

    key: tuple
    picker: Picker
    encode: Encode
    members: dict[Subscription, None] = field(default_factory=dict)
    pending: list[bytes] = field(default_factory=list)
    size: int = 0
    count: int = 0


@dataclass
class Counters:
    """Since the start: lines handed to subscribers, lines that slow ones missed, frames, subscribers ended."""

    delivered: int = 0
    missed: int = 0
    frames: int = 0
    ended: int = 0


class LiveService:
    """Subscribers and their groups. `start()` in the running event loop; `now` gives seconds that only grow."""

    def __init__(self, bus: Bus, fleet: Fleet, now: Callable[[], float] | None = None):
        self.bus = bus
        self._fleet = fleet
        self._now = now
        self._loop: asyncio.AbstractEventLoop | None = None
        self._groups: dict[tuple, _Group] = {}
        self._waiting: dict[_Group, None] = {}
        self._slow: dict[Subscription, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looker: asyncio.TimerHandle | None = None
        self._forgetter: asyncio.TimerHandle | None = None
        self._tick_seconds = FIRST_TICK
        self._stop_listening: Callable[[], None] | None = None
        self._count = 0
        self.counters = Counters()
        self.recheck = RECHECK

    # ---- life

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._now or self._loop.time

    def stop(self) -> None:
        """Write what waits and end every subscriber."""
        self._flush()
        for group in list(self._groups.values()):
            for subscription in list(group.members):
                self._end(subscription, "stopping", "the hub is stopping")
        for timer in (self._timer, self._looker, self._forgetter):
            if timer is not None:
                timer.cancel()

    @property
    def subscribers(self) -> int:
        return self._count

    @property
    def groups(self) -> int:
        return len(self._groups)

    # ---- subscribers

    def subscribe(self, filters: Iterable[Filter], outlet: Outlet, encode: Encode) -> Subscription:
        """Hear, from now on, what any of the filters wants. Raises InvalidSelector, LimitExceeded, TooMany."""
        if self._count >= MAX_SUBSCRIBERS:
            raise TooMany(f"the hub serves at most {MAX_SUBSCRIBERS} streams", retry=30)
        subscription = Subscription(outlet, encode)
        self._join(subscription, tuple(filters))
        self._count += 1
        if self._stop_listening is None:
            self._stop_listening = self.bus.subscribe(self._hear)
        return subscription

    def change(self, subscription: Subscription, filters: Iterable[Filter]) -> None:
        """Hear something else from now on; raises like subscribe, and then nothing has changed."""
        wanted = tuple(filters)
        Picker(wanted)
        if subscription.group is not None:
            self._write(subscription.group)
            self._leave(subscription)
            self._join(subscription, wanted)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hear nothing more; may be called twice."""
        if subscription.group is None:
            return
        self._leave(subscription)
        self._slow.pop(subscription, None)
        self._count -= 1
        if not self._count and self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None

    # ---- events in

    def _hear(self, event: Event) -> None:
        happening = happening_of(event, self._fleet.view)
        if isinstance(event, NodeChanged):
            self._forget_nodes()
        for group in list(self._groups.values()):
            for chunk, count in group.picker.pick(happening):
                group.pending.append(chunk)
                group.size += len(chunk) + 1
                group.count += count
                self._waiting[group] = None
                if group.size >= FRAME_BYTES:
                    self._write(group)
        if self._waiting and self._timer is None:
            self._timer = self._loop.call_later(self._tick_seconds, self._tick)

    # ---- frames out

    def _tick(self) -> None:
        """Write everything that waits. The more that took, the longer the next lines are collected."""
        self._timer = None
        begun = self._now()
        self._flush()
        self._tick_seconds = min(LONGEST_TICK, max(FIRST_TICK, 2 * (self._now() - begun)))

    def _flush(self) -> None:
        for group in list(self._waiting):
            self._write(group)

    def _write(self, group: _Group) -> None:
        """Join what waits, frame it once, hand it to each member."""
        self._waiting.pop(group, None)
        if not group.pending:
            return
        payload, count = b"\n".join(group.pending), group.count
        group.pending, group.size, group.count = [], 0, 0
        frame = group.encode(payload)
        for subscription in list(group.members):
            if subscription.group is group:
                self._hand(subscription, frame, count)

    def _hand(self, subscription: Subscription, frame: bytes, count: int) -> None:
        try:
            backlog = subscription.outlet.backlog()
            if subscription.missed and backlog <= BACKLOG_BYTES // 2:
                self._tell_missed(subscription)
            if subscription.missed or backlog > BACKLOG_BYTES:
                self._miss(subscription, count)
                return
            subscription.outlet.write(frame)
        except Exception as error:
            self._end(subscription, "gone", str(error))
            return
        self.counters.delivered += count
        self.counters.frames += 1

    # ---- subscribers that don't keep up

    def _miss(self, subscription: Subscription, count: int) -> None:
        self.counters.missed += count
        subscription.missed += count
        if subscription not in self._slow:
            subscription.slow_since = self._now()
            self._slow[subscription] = None
        if self._looker is None:
            self._looker = self._loop.call_later(LOOK_AGAIN, self._look_at_slow)

    def _tell_missed(self, subscription: Subscription) -> None:
        line = msgspec.json.encode({"kind": "gap", "missed": subscription.missed})
        subscription.outlet.write(subscription.encode(line))
        subscription.missed = 0
        self._slow.pop(subscription, None)

    def _look_at_slow(self) -> None:
        """Tell those that have caught up, end those that won't, even when nothing new happens."""
        self._looker = None
        for subscription in list(self._slow):
            try:
                if subscription.outlet.backlog() <= BACKLOG_BYTES // 2:
                    self._tell_missed(subscription)
                elif self._now() - subscription.slow_since > PATIENCE:
                    self._end(subscription, "slow", f"it could not keep up for {PATIENCE} s")
            except Exception as error:
                self._end(subscription, "gone", str(error))
        if self._slow:
            self._looker = self._loop.call_later(LOOK_AGAIN, self._look_at_slow)

    def _end(self, subscription: Subscription, code: str, reason: str) -> None:
        self.unsubscribe(subscription)
        self.counters.ended += 1
        log.info("a stream subscriber was ended: %s (%s)", code, reason)
        try:
            subscription.outlet.close(code, reason)
        except Exception:
            log.exception("closing a stream subscriber failed")

    # ---- groups

    def _join(self, subscription: Subscription, filters: tuple[Filter, ...]) -> None:
        key = (filters, subscription.encode)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(key, Picker(filters), subscription.encode)
        else:
            self._write(group)
        group.members[subscription] = None
        subscription.group = group

    def _leave(self, subscription: Subscription) -> None:
        group, subscription.group = subscription.group, None
        if group is None:
            return
        group.members.pop(subscription, None)
        if not group.members:
            self._groups.pop(group.key, None)
            self._waiting.pop(group, None)

    def _forget_nodes(self) -> None:
        """Names, tags or states may have changed. What another hub changed is read a moment later, so look twice."""
        self._forget_now()
        if self._forgetter is None:
            self._forgetter = self._loop.call_later(FLEET_DELAY, self._forget_later)

    def _forget_later(self) -> None:
        self._forgetter = None
        self._forget_now()

    def _forget_now(self) -> None:
        for group in self._groups.values():
            group.picker.forget_nodes()
