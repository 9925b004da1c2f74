"""What tells people, on a real store in a folder, with real senders and a clock that tests turn.

    async with TellingParts(tmp_path) as parts:
        await parts.mail(server)                     # a channel to a MailServer
        await parts.raise_alarm("a1")
        await parts.pass_time(1)                     # turns, and waits until no channel is at work
        await parts.crash()                          # as a kill: nothing is ended; then anew on the same store
"""

import asyncio

from hub_parts import ADMIN, Clock
from mail_server import MailServer
from telegram_stand_in import TelegramStandIn

from dvic_hub.bus.local import LocalBus
from dvic_hub.domain.alarm_model import Alarm
from dvic_hub.domain.delivery import WAITING
from dvic_hub.domain.events import AlarmChanged
from dvic_hub.notify.senders import Senders
from dvic_hub.services.audit import AuditService
from dvic_hub.services.channels import ChannelService
from dvic_hub.services.deliveries import DeliveryService
from dvic_hub.services.notifications import NotificationService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.sqlite import SqliteStore

URL = "https://dvic.example.org"


class TellingParts:
    """`authority`: certificates (PEM) that count; `quiet` as NotificationService has it."""

    def __init__(self, folder, authority: str = "", quiet=lambda alarm, now: None):
        self.clock = Clock()
        self.folder, self.authority, self.quiet = folder, authority, quiet
        self.muted: dict[str, frozenset[str]] = {}

    async def __aenter__(self) -> "TellingParts":
        await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _begin(self) -> None:
        self.store = SqliteStore(self.folder / "dvic.db", self.clock)
        await self.store.open()
        self.bus = LocalBus()
        self.audit = AuditService(self.store.audit, self.clock)
        self.fleet = FleetService(self.store, self.bus, self.clock)
        self.senders = Senders(URL, self.authority, self.clock)
        self.channels = ChannelService(self.store, self.audit, self.senders.check, self.clock)
        self.deliveries = DeliveryService(self.store.notices, self.channels, self.senders, self.audit, URL, self.clock)
        self.channels.on_change = self.deliveries.poke
        self.notifications = NotificationService(
            self.store, self.bus, self.fleet, self.channels, self.deliveries,
            lambda service: self.muted.get(service, frozenset()), URL, self.clock,
            lambda alarm, now: self.quiet(alarm, now))
        self.senders.open()
        await self.fleet.start()
        await self.channels.start()
        await self.deliveries.start()
        self.notifications.start()

    async def stop(self) -> None:
        self.notifications.stop()
        await self.deliveries.stop()
        await self.fleet.stop()
        await self.senders.close()
        await self.store.close()

    async def crash(self) -> None:
        """What is under way is cut off as by a kill, and the hub begins anew."""
        tasks = list(self.deliveries._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.senders.close()
        await self.store.close()
        await self._begin()

    # ---- channels

    async def mail(self, server: MailServer, name: str = "mail", **changes: object) -> None:
        options = {"host": server.host, "port": server.port, "tls": server.mode, "from": "dvic@example.org",
                   "to": ["ops@example.org"], **changes}
        await self.channels.put(name, "email", True, options, None, ADMIN)

    async def telegram(self, telegram: TelegramStandIn, name: str = "chat", **changes: object) -> None:
        options = {"api": telegram.url, "chats": sorted(telegram.chats), **changes}
        await self.channels.put(name, "telegram", True, options, telegram.token, ADMIN)

    # ---- alarms

    async def raise_alarm(self, id: str, **changes: object) -> Alarm:
        """As services/alarms.py does it."""
        now = self.now()
        alarm = Alarm(**{"id": id, "rule": "node-silent", "subject": f"node:{id}", "severity": "critical",
                         "summary": f"{id} is silent", "raised": now, "changed": now, **changes})
        assert await self.store.alarms.begin([alarm], 1000)
        self.bus.publish(AlarmChanged(id, alarm.node, "raised"))
        return alarm

    async def clear(self, *ids: str) -> None:
        assert await self.store.alarms.clear(ids, self.now())
        for id in ids:
            self.bus.publish(AlarmChanged(id, "", "cleared"))

    # ---- time

    def now(self) -> int:
        return int(self.clock() * 1_000_000)

    async def turn(self) -> None:
        await self.notifications.turn()

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Turn the clock on, let what tells people come round, and channels end their work."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + step)
            await self.notifications.turn()
            await self.deliveries.settled()

    async def rows(self, **query: str) -> list:
        """Deliveries, oldest first."""
        return (await self.store.notices.deliveries(1000, **query)).items[::-1]

    async def waiting(self) -> list:
        return await self.rows(state=WAITING)
