"""Telling people: claims the flips of alarms, decides what is told to whom, and writes it as deliveries.

What is decided is in domain/telling.py. That a flip is claimed, its messages wait, and who knows of what is one
transaction, so a hub that is killed has done all of it or nothing, and another one that claimed first is noticed.
"""

import logging
from collections.abc import Callable

from dvic_hub.bus.port import Bus
from dvic_hub.domain import notice_text
from dvic_hub.domain.alarm_model import Alarm, Delivery, Flip
from dvic_hub.domain.delivery import GIVEN_UP, MAX_WAITING, WAITING
from dvic_hub.domain.events import AlarmChanged, Event
from dvic_hub.domain.telling import (
    FLAP_WINDOW,
    RECENT,
    History,
    Message,
    Plan,
    Situation,
    decide,
    decide_again,
)
from dvic_hub.loops import Wake
from dvic_hub.services.channels import ChannelService
from dvic_hub.services.deliveries import DeliveryService
from dvic_hub.services.runs import new_id
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire import selectors

FLIPS_A_TURN = 5000
"""Flips that are looked at together."""

AGAIN_A_TURN = 1000
"""What is to be told again, looked at together."""

_SECOND = 1_000_000

log = logging.getLogger("dvic.notify")

Quiet = Callable[[Alarm, float], object | None]
"""Why nobody is to be told of an alarm at a moment (Unix seconds); None: tell."""


def never_quiet(alarm: Alarm, now: float) -> None:
    """Whoever has no silences and no maintenance."""


class NotificationService:
    """`muted`: media that are switched off for a service; `quiet`: see Quiet; `url`: the hub's; `clock` gives Unix
    seconds."""

    def __init__(self, store: Store, bus: Bus, fleet: FleetService, channels: ChannelService,
                 deliveries: DeliveryService, muted: Callable[[str], frozenset[str]], url: str,
                 clock: Callable[[], float], quiet: Quiet = never_quiet) -> None:
        self._store = store
        self._bus = bus
        self._fleet = fleet
        self._channels = channels
        self._deliveries = deliveries
        self._muted = muted
        self._url = url
        self._clock = clock
        self._quiet = quiet
        self._wake = Wake()
        self._look_at = 0
        self._stop: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._stop = self._bus.subscribe(self._hear)

    def stop(self) -> None:
        self._stop()

    async def woken(self, timeout: float) -> None:
        """Return when something happened, when something is due to be told, or after `timeout` seconds."""
        ahead = (self._look_at - self._clock() * _SECOND) / _SECOND if self._look_at else timeout
        await self._wake.wait(min(timeout, max(0.0, ahead)))

    async def turn(self) -> None:
        """Claim what can be told, and what is to be told again; then let channels send it."""
        now = int(self._clock() * _SECOND)
        self._look_at = 0
        flips = await self._store.alarms.unclaimed(FLIPS_A_TURN)
        if flips:
            alarms = await self._store.notices.alarms([flip.alarm for flip in flips])
            at = await self._situation(alarms, now)
            plan = decide(flips, alarms, at)
            self._look_at = plan.wake
            await self._carry_out(plan, plan.claimed, at)
        due = await self._store.notices.told_again(now, AGAIN_A_TURN)
        if due:
            alarms = await self._store.notices.alarms([told.alarm for told in due])
            at = await self._situation(alarms, now)
            await self._carry_out(decide_again(due, alarms, at), [], at)
        await self._deliveries.tick()

    # ---- inside

    async def _situation(self, alarms: dict[str, Alarm], now: int) -> Situation:
        subjects = sorted({(alarm.rule, alarm.subject) for alarm in alarms.values()})
        history = await self._store.notices.history(subjects, now - FLAP_WINDOW, now - RECENT)
        return Situation(now, self._channels.routes, self._channels.channels, history, self._on_node, self._is_quiet,
                         self._muted)

    async def _carry_out(self, plan: Plan, flips: list[Flip], at: Situation) -> None:
        if not flips and not plan.told:
            return
        deliveries = self._deliveries_of(plan.messages, at.history, at.now)
        if not await self._store.alarms.claim(flips, deliveries, at.now, plan.silenced, plan.told):
            log.info("changes of alarms were told by somebody else")

    def _deliveries_of(self, messages: list[Message], history: History, now: int) -> list[Delivery]:
        """The messages in words. What comes when too much waits already is given up, and shown as that."""
        waiting, found = dict(history.waiting), []
        for message in messages:
            waiting[message.channel] = waiting.get(message.channel, 0) + 1
            over = waiting[message.channel] > MAX_WAITING
            first = message.alarms[0]
            found.append(Delivery(
                id=new_id(self._clock()), channel=message.channel, kind=message.kind,
                alarms=tuple(alarm.id for alarm in message.alarms), title=notice_text.title(message),
                body=notice_text.body(message, self._url, self._node_name, history.raises), created=now, due=now,
                state=GIVEN_UP if over else WAITING, ended=now if over else 0,
                error=f"more than {MAX_WAITING} messages wait for the channel" if over else "",
                severity=message.severity, topic=message.topic, thread=first.id))
        return found

    def _is_quiet(self, alarm: Alarm, moment: int) -> bool:
        """A fault in what decides it must not keep people from being told."""
        try:
            return self._quiet(alarm, moment / _SECOND) is not None
        except Exception:
            log.exception("whether alarm %s is quiet could not be decided: it is told", alarm.id)
            return False

    def _on_node(self, selector: str, node: str) -> bool:
        view = self._fleet.view(node)
        return view is not None and view.id == node and selectors.parse(selector).matches(view)

    def _node_name(self, id: str) -> str:
        view = self._fleet.view(id)
        return view.name if view is not None and view.id == id else ""

    def _hear(self, event: Event) -> None:
        if isinstance(event, AlarmChanged):
            self._wake.set()
