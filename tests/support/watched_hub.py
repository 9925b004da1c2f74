"""A whole hub on a store in memory whose rules are at work, in the time of the test."""

import asyncio

from batches import message
from hub_parts import ADMIN, Clock, key_of
from memory_store import MemoryStore

from dvic_hub.app import HUB, build_app
from dvic_hub.config import HubConfig
from dvic_hub.domain.events import AlarmChanged
from dvic_hub.domain.model import Node
from dvic_wire.records import log

S = 1_000_000


class Hub:
    """A whole hub without doors and loops: turns are taken by the test. `restarted` is killed and begins anew."""

    def __init__(self, folder, store=None, clock=None):
        self.folder, self.store, self.clock = folder, store or MemoryStore(), clock or Clock()
        config = HubConfig(state_dir=folder, heartbeat_networks=("127.0.0.0/8",))
        self.hub = build_app(config, self.clock, store=self.store, steady=self.clock)[HUB]
        self.doors, self.told = self.hub.doors, []
        self.doors.live.bus.subscribe(lambda event: isinstance(event, AlarmChanged) and self.told.append(
            (event.detail["rule"], event.state)))

    async def start(self):
        for part in (self.doors.fleet, self.doors.cycles, self.doors.rules, self.doors.alarms, self.hub.watching):
            await part.start()
        return self

    async def restarted(self):
        self.hub.watching.stop()
        await self.doors.fleet.stop()
        return await Hub(self.folder, self.store, self.clock).start()

    async def turn(self, seconds=0.0, every=10.0):
        """Time goes on, with a turn now and then; and one at the end."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + every)
            self.doors.fleet.tick(self.clock.now)
            await self.hub.watching.turn()
        for _ in range(30):  # what a rule is told of the past comes one rule a turn
            await self.hub.watching.turn()

    async def node(self, number, name, **changes):
        key = key_of(number).public
        await self.store.nodes.add(Node(key.node_id, name, key.raw, **changes))
        await self.doors.fleet.announce(key.node_id)
        return key.node_id

    async def bring(self, node, stream, *records, source="journal"):
        """Records of a node, as its agent sends them."""
        cursor = self.store.streams.held.get((node, stream), "")
        ack = await self.doors.ingest.commit(node, message(stream, list(records), cursor, f"{len(cursor) + 1:09}."
                                                           f"{self.clock.now}.{len(self.store.streams.batches)}",
                                                           source=source))
        assert ack.stored

    async def log(self, node, *texts, level="critical", at=None):
        await self.bring(node, "journal", *(log(int((at or self.clock.now) * S), level, text) for text in texts))

    def open(self):
        return sorted((alarm.rule, alarm.subject) for alarm in self.store.alarms.by_id.values() if not alarm.cleared)

    def over(self):
        return [(alarm.rule, alarm.reason) for alarm in self.store.alarms.by_id.values() if alarm.cleared]

    def flips(self):
        return [flip.kind for flip in self.store.alarms.all_flips]


def with_hub(tmp_path, test):
    async def steps():
        hub = await Hub(tmp_path).start()
        await test(hub)

    asyncio.run(steps())


async def only(hub, *kept):
    """Switch every other rule off, so that a test is about one thing."""
    for each in hub.doors.rules.all():
        if each.rule.name not in kept:
            await hub.doors.rules.change(each.rule.name, {"on": False}, ADMIN)
