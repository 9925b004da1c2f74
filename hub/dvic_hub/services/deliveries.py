"""Deliveries: messages that wait in the store go out, each channel by itself.

A channel has one task at a time, which sends what is due, the oldest first, until nothing is or a try fails; then the
channel rests for a while (domain/delivery.py). So one that fails or hangs holds up no other, and takes no more than its
own task. What a restart means for a message is decided by its state in the store, which is `sending` from just before
it is handed over.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from dvic_hub.domain.alarm_model import Delivery
from dvic_hub.domain.channels import TELEGRAM, Channel
from dvic_hub.domain.delivery import (
    GIVE_UP,
    GIVEN_UP,
    KEEP_DAYS,
    SEND_SECONDS,
    SENDING,
    SENT,
    UNKNOWN,
    WAITING,
    pause,
)
from dvic_hub.domain.notice_text import text_of_test
from dvic_hub.domain.people import Actor
from dvic_hub.domain.telling import AGAIN
from dvic_hub.errors import HubError
from dvic_hub.notify.channel import Notice, Sender, Undelivered
from dvic_hub.services.audit import AuditService
from dvic_hub.services.channels import ChannelService
from dvic_hub.services.runs import new_id
from dvic_hub.store.notices_port import Notices

STOP_SECONDS = 3.0
"""Seconds in which what is being sent may end when the hub stops."""

FORGET_EVERY = 3600
"""Seconds between two looks for deliveries that are too old to keep."""

TEST = "test"
"""Kind of the message that the test button sends."""

MAYBE = "the hub ended while it was being sent: it may have arrived"

_SECOND = 1_000_000
_OPEN = frozenset({WAITING, SENDING})

log = logging.getLogger("dvic.notify")


class Makes(Protocol):
    """What makes senders (notify.senders.Senders)."""

    def make(self, channel: Channel) -> Sender: ...


class DeliveryService:
    """`url`: the hub's; `clock` gives Unix seconds."""

    def __init__(self, store: Notices, channels: ChannelService, senders: Makes, audit: AuditService, url: str,
                 clock: Callable[[], float]) -> None:
        self._store = store
        self._channels = channels
        self._senders = senders
        self._audit = audit
        self._url = url
        self._clock = clock
        self._made: dict[str, tuple[Channel, Sender]] = {}
        self._failures: dict[str, int] = {}
        self._rests: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task] = {}
        self._forgot = float("-inf")

    async def start(self) -> None:
        """What was being sent when the hub ended is sent no second time: it goes on with the targets that it has not
        been handed to, or is over."""
        for delivery in await self._store.sending():
            channel = self._channels.find(delivery.channel)
            left = set(_targets(channel)) - set(delivery.handed) if channel is not None else set()
            changes = {"state": WAITING, "due": self._now()} if left else {"state": UNKNOWN, "ended": self._now()}
            await self._store.move_delivery(delivery.id, _OPEN, error=MAYBE, **changes)
            await self._store.tell_sooner(delivery.channel, delivery.alarms, self._now() + AGAIN)

    async def stop(self) -> None:
        """What is being sent has a moment to end."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=STOP_SECONDS)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for _, sender in self._made.values():
            await sender.close()
        self._made.clear()

    async def tick(self) -> None:
        """Let every channel work for which something is due. Called each second, and when something was written."""
        now = self._clock()
        for name in await self._store.channels_due(self._now()):
            rests = self._rests.get(name, 0.0) - now
            if name not in self._tasks and not 0 < rests <= GIVE_UP:
                task = self._tasks[name] = asyncio.get_running_loop().create_task(self._work(name))
                task.add_done_callback(lambda done, name=name: self._ended(name, done))
        if not 0 <= now - self._forgot < FORGET_EVERY:
            self._forgot = now
            await self._store.forget_notices(self._now() - KEEP_DAYS * 86_400 * _SECOND)

    async def settled(self) -> None:
        """Wait until no channel is at work."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            await asyncio.sleep(0)

    def poke(self, channel: str) -> None:
        """The channel was changed: let it try at once."""
        self._rests.pop(channel, None)
        self._failures.pop(channel, None)

    async def test(self, name: str, actor: Actor) -> Delivery:
        """Send a test message now, and return how it went. Raises NotFound."""
        channel = self._channels.get(name)
        title, body = text_of_test(name, self._url, actor.name)
        delivery = Delivery(new_id(self._clock()), name, TEST, (), title, body, self._now(), self._now(),
                            severity="info", state=SENDING)
        async with self._audit.record(actor, "channel.test", name) as record:
            await self._store.add_delivery(delivery)
            failure, journey = await self._try(channel, delivery)
            await self._record(delivery.id, state=GIVEN_UP if failure else SENT, ended=self._now(), attempts=1,
                               error=str(failure) if failure else journey.remarked(), handed=tuple(journey.handed))
            record.outcome = f"failed: {failure}" if failure else "ok"
        return await self._store.delivery(delivery.id)

    # ---- inside

    async def _work(self, name: str) -> None:
        """Send what is due for one channel."""
        while True:
            channel = self._channels.find(name)
            if channel is None or not channel.enabled:
                why = "is off" if channel else "was removed"
                await self._store.give_up(name, self._now(), f"the channel {why}")
                return
            delivery = await self._store.next_due(name, self._now())
            if delivery is None or not await self._deliver(channel, delivery):
                return

    async def _deliver(self, channel: Channel, delivery: Delivery) -> bool:
        """One try; whether the channel can go on at once."""
        failure, journey = await self._try(channel, delivery)
        attempts, now = delivery.attempts + 1, self._now()
        if failure is None:
            await self._record(delivery.id, state=SENT, ended=now, attempts=attempts, error=journey.remarked(),
                               handed=tuple(journey.handed))
            if self._failures.pop(channel.name, 0):
                await self._store.hurry(channel.name, now)
            return True
        changes = {"attempts": attempts, "error": str(failure), "handed": tuple(journey.handed)}
        if failure.final or now - delivery.created >= GIVE_UP * _SECOND:
            log.warning("%s: a message is given up: %s", channel.name, failure)
            await self._record(delivery.id, state=GIVEN_UP, ended=now, **changes)
            return True
        failures = self._failures[channel.name] = self._failures.get(channel.name, 0) + 1
        self._rests[channel.name] = self._clock() + pause(failures, failure.wait)
        due = now + int(pause(attempts, failure.wait) * _SECOND)
        await self._record(delivery.id, state=WAITING, due=due, **changes)
        if failures == 1:
            log.warning("%s: a message did not go out, it is tried again: %s", channel.name, failure)
        return False

    async def _try(self, channel: Channel, delivery: Delivery) -> tuple[Undelivered | None, "StoredJourney"]:
        """Why it did not go out, if so."""
        journey = StoredJourney(self._store, delivery)
        notice = Notice(delivery.id, delivery.kind, delivery.severity, delivery.title, delivery.body, delivery.alarms,
                        delivery.thread)
        failure: Undelivered | None = None
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._sender(channel).send(notice, journey)
        except Undelivered as error:
            failure = error
        except TimeoutError:
            failure = Undelivered(f"it was not taken within {SEND_SECONDS} s")
        except HubError as error:
            failure = Undelivered(f"the hub could not write down what it does: {error}")
        except Exception as error:
            log.exception("%s failed", channel.name)
            failure = Undelivered(f"the hub failed ({type(error).__name__})")
        if failure is not None:
            journey.forget_the_last()
        return failure, journey

    def _sender(self, channel: Channel) -> Sender:
        """The channel's sender; another one once the channel was changed."""
        known = self._made.get(channel.name)
        if known is None or known[0] != channel:
            known = self._made[channel.name] = channel, self._senders.make(channel)
        return known[1]

    async def _record(self, id: str, **changes: object) -> None:
        """It has happened, so it must be written, whatever the store says at first: what is not known to be sent would
        be sent again."""
        while True:
            try:
                await self._store.move_delivery(id, _OPEN, **changes)
                return
            except HubError as error:
                log.error("the result of a message could not be written, it is tried again: %s", error)
                await asyncio.sleep(1)

    def _ended(self, name: str, task: asyncio.Task) -> None:
        self._tasks.pop(name, None)
        if not task.cancelled() and task.exception() is not None:
            self._rests[name] = self._clock() + pause(1)
            log.error("sending by %s failed; it is tried again", name, exc_info=task.exception())

    def _now(self) -> int:
        return int(self._clock() * _SECOND)


class StoredJourney:
    """Implements notify.channel.Journey: how far a delivery has come is in its row."""

    def __init__(self, store: Notices, delivery: Delivery) -> None:
        self._store = store
        self._id = delivery.id
        self._last: str | None = None
        self._remarks = [delivery.error] if delivery.handed and delivery.error else []
        self.handed = list(delivery.handed)

    def behind(self, target: str) -> bool:
        return target in self.handed

    async def handing_over(self, target: str = "") -> None:
        self.handed.append(target)
        self._last = target
        if not await self._store.move_delivery(self._id, _OPEN, state=SENDING, handed=tuple(self.handed)):
            raise Undelivered("somebody else has ended it", final=True)

    async def not_taken(self, target: str = "") -> None:
        """(It is written with the result: until then a restart takes it for one that may have arrived.)"""
        self.forget_the_last()

    def remark(self, text: str) -> None:
        self._remarks.append(text)

    def forget_the_last(self) -> None:
        """The target that it was handed to last has not taken it, or does not answer."""
        if self._last in self.handed:
            self.handed.remove(self._last)
        self._last = None

    def remarked(self) -> str:
        return "; ".join(self._remarks)[:500]


def _targets(channel: Channel) -> tuple[str, ...]:
    """To whom one message of a channel is handed over, each by itself."""
    return tuple(channel.options["chats"]) if channel.kind == TELEGRAM else ("",)
