"""Services as the hub keeps them: who may speak, what is counted, what a restart or a full disk does to events."""

import asyncio
import json
import zlib
from dataclasses import replace

import pytest
from batches import message
from hub_parts import NOW, OPERATOR, Clock, key_of
from memory_store import MemoryStore

from dvic_hub.bus.local import LocalBus
from dvic_hub.domain.events import EventsPosted, LogsStored, StepChanged
from dvic_hub.domain.model import Node
from dvic_hub.domain.service_description import checked
from dvic_hub.domain.step_events import StepEvent
from dvic_hub.errors import BadRequest, Conflict, NotFound, StoreFull
from dvic_hub.services import cycles as limits
from dvic_hub.services.audit import AuditService
from dvic_hub.services.cycles import CycleService
from dvic_hub.services.ingest import IngestService
from dvic_hub.services.watch import FleetService
from dvic_wire.records import log


class Hub:
    """CycleService and ingest on one store; `restarted` is another process on the same store."""

    def __init__(self, store=None, clock=None):
        self.store, self.clock = store or MemoryStore(), clock or Clock()
        self.bus, self.told = LocalBus(), []
        self.bus.subscribe(self.told.append)
        self.fleet = FleetService(self.store, self.bus, self.clock)
        audit = AuditService(self.store.audit, self.clock)
        self.asked = []
        self.cycles = CycleService(self.store.services, self.bus, self.fleet, audit, self.clock, self.ask)
        self.ingest = IngestService(self.store, self.bus, None, self.cycles)
        self.sent = 0

    async def ask(self, **settings):
        self.asked.append(settings)

    async def start(self):
        await self.fleet.start()
        await self.cycles.start()
        return self

    async def restarted(self):
        return await Hub(self.store, self.clock).start()

    async def node(self, number, name, **changes):
        key = key_of(number).public
        await self.store.nodes.add(Node(key.node_id, name, key.raw, **changes))
        await self.fleet.announce(key.node_id)
        return key.node_id

    async def service(self, name="meteor", components=("connect", "decode"), **more):
        described = checked({"name": name, "components": [{"name": part} for part in components], "settle": 0, **more})
        return await self.cycles.create(described, OPERATOR)

    async def log(self, node, *steps, service="meteor", cycle=""):
        """Send one batch; each step: "decode start"."""
        records = []
        for step in steps:
            component, word = step.split()
            records.append(log(int(self.clock() * 1e6) + len(records), "info", word, fields={
                "service": service, "component": component, "step": word, "cycle": cycle}))
        self.sent += 1
        data = message("file:1:1", records, str(self.sent - 1) if self.sent > 1 else "", str(self.sent))
        return await self.ingest.commit(node, data, zlib.compress(data))

    async def turn(self):
        await self.cycles.turn(self.clock())

    async def states(self, name="meteor", number=1):
        cycle = await self.store.services.cycle(name, number)
        return [step.state for step in cycle.steps] if cycle else None


def with_hub(test):
    async def run():
        hub = await Hub().start()
        await test(hub)

    asyncio.run(run())


def test_events_of_a_batch_move_steps_and_are_told():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service()
        await hub.log(ada, "connect start", "connect done", "decode start")
        assert await hub.states() is None and not [event for event in hub.told if isinstance(event, StepChanged)]
        await hub.turn()
        assert await hub.states() == ["ok", "running"]
        told = [(event.change.component, event.change.state) for event in hub.told if isinstance(event, StepChanged)]
        assert told[-1] == ("decode", "running") and hub.cycles.events == 3
        step = (await hub.store.services.cycle("meteor", 1)).steps[0]
        assert (step.node, step.place) == (ada, "1.1")
    with_hub(test)


def test_a_hub_that_is_killed_between_storing_and_applying_applies_each_event_once():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service()
        await hub.log(ada, "connect start", "connect done")
        after = await hub.restarted()
        await after.turn()
        await after.turn()
        cycle = await after.store.services.cycle("meteor", 1)
        assert [step.state for step in cycle.steps] == ["ok", "waiting"] and cycle.steps[0].events == 2
        assert after.cycles.get("meteor").last == 1
    with_hub(test)


def test_two_processes_that_take_the_same_events_apply_them_once():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service()
        other = await hub.restarted()
        await hub.log(ada, "connect start", "connect done")
        await asyncio.gather(hub.turn(), other.turn())
        await asyncio.gather(hub.turn(), other.turn())
        assert (await hub.store.services.cycle("meteor", 1)).steps[0].events == 2
        assert await hub.store.services.waiting(9) == []
    with_hub(test)


def test_a_full_disk_loses_no_event():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service()
        await hub.log(ada, "connect start")
        hub.store.full = True
        with pytest.raises(StoreFull):
            await hub.turn()
        hub.store.full = False
        await hub.turn()
        assert await hub.states() == ["running", "idle"]
    with_hub(test)


def test_events_of_unknown_and_of_deleted_services_are_counted_and_harm_nobody():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service()
        await hub.service("aqua", ["connect"])
        await hub.log(ada, "connect start", service="venus")
        await hub.log(ada, "connect start", service="aqua")
        await hub.log(ada, "connect start")
        await hub.cycles.remove("aqua", OPERATOR)
        await hub.turn()
        assert await hub.states() == ["running", "idle"] and hub.cycles.strays == 2
        with pytest.raises(NotFound):
            hub.cycles.get("aqua")
        await hub.service("aqua", ["other"])
        assert (await hub.store.services.cycles("aqua", 9)).items == []
    with_hub(test)


def test_only_the_nodes_that_the_description_names_may_speak_for_a_service():
    async def test(hub):
        ada = await hub.node(0, "ada", tags={"room": "station"})
        mallory = await hub.node(1, "mallory")
        await hub.service(nodes="tag:room=station")
        await hub.log(mallory, "connect fail")
        await hub.turn()
        assert await hub.states() is None and hub.cycles.get("meteor").counted == {"foreign": 1}
        hub.sent = 0
        await hub.log(ada, "connect start")
        await hub.turn()
        assert await hub.states() == ["running", "idle"]
    with_hub(test)


def test_what_becomes_overdue_and_what_is_given_up_follows_from_the_clock_also_after_a_restart():
    async def test(hub):
        ada = await hub.node(0, "ada")
        described = {"name": "meteor", "components": [{"name": "connect", "expected": 30, "grace": 0}], "give_up": 60}
        await hub.cycles.create(checked(described), OPERATOR)
        await hub.log(ada, "connect start")
        await hub.turn()
        hub.clock.now += 31
        after = await hub.restarted()
        await after.turn()
        assert await after.states() == ["overdue"]
        hub.clock.now += 40
        await after.turn()
        assert (await after.store.services.cycle("meteor", 1)).result == "overdue"
    with_hub(test)


def test_a_clock_that_is_set_back_stops_nothing():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service()
        await hub.turn()
        hub.clock.now -= 9999
        await hub.log(ada, "connect start")
        await hub.turn()
        assert await hub.states() == ["running", "idle"]
    with_hub(test)


def test_events_that_can_not_be_read_hold_up_nothing_behind_them():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service()
        await hub.store.services.put_events(b"\xff")
        await hub.store.services.put_events(b'{"node": 1}')
        await hub.log(ada, "connect start")
        await hub.turn()
        assert await hub.states() == ["running", "idle"] and await hub.store.services.waiting(9) == []
    with_hub(test)


def test_log_records_say_whose_events_they_are_unless_the_node_may_not_speak_for_it():
    async def test(hub):
        ada, mallory = await hub.node(0, "ada"), await hub.node(1, "mallory")
        await hub.service(nodes="ada")
        await hub.log(ada, "connect start", "connect done")
        hub.sent = 0
        await hub.log(mallory, "connect start")
        assert [event.services for event in hub.told if isinstance(event, LogsStored)] == [{"meteor": [0, 1]}, {}]
    with_hub(test)


def test_posted_events_move_steps_like_logged_ones():
    async def test(hub):
        await hub.service(nodes="none-of-them")
        now = int(NOW * 1e6)
        await hub.cycles.post([StepEvent("meteor", "connect", "", "", "start", "info", now, "hello")])
        await hub.turn()
        assert await hub.states() == ["running", "idle"]
    with_hub(test)


def test_posted_events_are_told_whole_and_kept_short_all_of_them_or_none():
    async def test(hub):
        await hub.service()
        event = StepEvent("meteor", "connect", "c1", "", "start", "info", int(NOW * 1e6), "x" * 1000)
        with pytest.raises(NotFound):
            await hub.cycles.post([event, StepEvent("venus", "connect", "", "", "start", "info", int(NOW * 1e6), "")])
        assert await hub.store.services.waiting(9) == []
        await hub.cycles.post([event])
        await hub.turn()
        (told,) = [each for each in hub.told if isinstance(each, EventsPosted)]
        assert told.service == "meteor" and json.loads(told.lines[0])["message"] == "x" * 1000
        assert len((await hub.store.services.cycle("meteor", 1)).steps[0].message) == 300
    with_hub(test)


def test_switching_and_describing_are_audited_and_stay_through_a_restart():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service()
        await hub.log(ada, "connect start")
        await hub.turn()
        await hub.cycles.switch("meteor", None, {"decode": False}, OPERATOR)
        assert await hub.states() == ["running", "off"]
        with pytest.raises(BadRequest):
            await hub.cycles.describe("meteor", checked({"name": "aqua", "components": [{"name": "a"}]}), OPERATOR)
        with pytest.raises(BadRequest):
            await hub.cycles.switch("meteor", None, {"archive": False}, OPERATOR)
        await hub.cycles.switch("meteor", False, {}, OPERATOR)
        after = await hub.restarted()
        assert after.cycles.get("meteor").off and after.cycles.get("meteor").components_off == ("decode",)
        assert (await after.store.services.cycle("meteor", 1)).result == "skipped"
        after.sent = hub.sent
        await after.log(ada, "connect start")
        await after.turn()
        assert after.cycles.get("meteor").counted == {"off": 1}
        assert [(entry.action, entry.outcome) for entry in hub.store.audit.entries] == [
            ("service.create", "ok"), ("service.switch", "ok"), ("service.switch", "ok")]
    with_hub(test)


def test_levels_are_asked_of_agents_at_each_change_and_at_the_start():
    async def test(hub):
        await hub.service()
        await hub.cycles.set_level("meteor", "", "warning", OPERATOR)
        await hub.cycles.set_level("meteor", "decode", "debug", OPERATOR)
        both = {"meteor": "warning", "meteor/decode": "debug"}
        assert hub.asked[-1] == {"log_levels": both}
        assert (await hub.restarted()).asked == [{"log_levels": both}]
        with pytest.raises(BadRequest):
            await hub.cycles.set_level("meteor", "archive", "debug", OPERATOR)
        await hub.cycles.set_level("meteor", "", "", OPERATOR)
        assert hub.asked[-1] == {"log_levels": {"meteor/decode": "debug"}}
        await hub.cycles.describe("meteor", replace_components(hub.cycles.get("meteor").description, ["a"]), OPERATOR)
        assert hub.asked[-1] == {"log_levels": {}}
    with_hub(test)


def scheduled(**more):
    return {"schedule": {"every": 100, "within": 10}, **more}


def test_a_cycle_that_does_not_begin_when_it_should_is_overdue_and_is_the_one_that_comes_late():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service(**scheduled())
        hub.clock.now += 109
        await hub.turn()
        assert await hub.states() is None
        hub.clock.now += 1
        await hub.turn()
        assert await hub.states() == ["overdue", "idle"] and hub.cycles.get("meteor").due == int((NOW + 200) * 1e6)
        await hub.turn()
        await hub.log(ada, "connect start", cycle="p1")
        await hub.turn()
        assert await hub.states() == ["running", "idle"] and hub.cycles.get("meteor").last == 1
        assert (await hub.store.services.cycle("meteor", 1)).name == "p1"
    with_hub(test)


def test_a_cycle_that_begins_in_time_or_a_little_early_is_the_expected_one():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service(**scheduled())
        for begin in (95, 205):
            hub.clock.now = NOW + begin
            await hub.log(ada, "connect start", "connect done", "decode skip", cycle=f"c{begin}")
            await hub.turn()
            hub.clock.now = NOW + begin + 20
            await hub.turn()
        assert hub.cycles.get("meteor").last == 2 and hub.cycles.get("meteor").due == int((NOW + 300) * 1e6)
    with_hub(test)


def test_what_was_due_while_the_hub_was_down_is_told_when_it_is_not_long_ago_and_else_passed_over():
    async def test(hub):
        await hub.service(**scheduled())
        hub.clock.now = NOW + 150
        after = await hub.restarted()
        await after.turn()
        assert await after.states() == ["overdue", "idle"]
        hub.clock.now = NOW + 9999
        late = await hub.restarted()
        await late.turn()
        assert late.cycles.get("meteor").last == 1 and late.cycles.get("meteor").due == int((NOW + 10_000) * 1e6)
    with_hub(test)


def test_of_a_service_that_is_off_nothing_is_expected():
    async def test(hub):
        await hub.service(**scheduled())
        await hub.cycles.switch("meteor", False, {}, OPERATOR)
        hub.clock.now += 150
        await hub.turn()
        assert hub.cycles.get("meteor").last == 0 and hub.cycles.get("meteor").due == int((NOW + 200) * 1e6)
        described = replace_components(hub.cycles.get("meteor").description, ["connect"])
        assert (await hub.cycles.describe("meteor", described, OPERATOR)).due == 0
    with_hub(test)


def test_a_clock_that_was_set_back_does_not_put_off_what_is_due():
    async def test(hub):
        await hub.service(**scheduled())
        hub.clock.now -= 10_000
        assert (await hub.restarted()).cycles.get("meteor").due == int((NOW - 9900) * 1e6)
    with_hub(test)


def test_there_are_only_so_many_services_and_each_has_its_name_alone():
    async def test(hub):
        await hub.service()
        with pytest.raises(Conflict):
            await hub.service()
        for number in range(1, limits.MAX_SERVICES):
            await hub.service(f"s{number}", ["a"])
        with pytest.raises(Conflict):
            await hub.service("one-more")
    with_hub(test)


def test_ten_thousand_cycles_that_never_end_leave_few_rows():
    async def test(hub):
        await hub.service("meteor", ["connect"])
        now = int(NOW * 1e6)
        for batch in range(5):
            for part in range(2):
                await hub.cycles.post([
                    StepEvent("meteor", "connect", f"c{batch}-{part}-{number}", "", "start", "info", now, "")
                    for number in range(limits.MAX_POSTED)])
            await hub.turn()
        kept = (await hub.store.services.cycles("meteor", 99_999)).items
        assert hub.cycles.get("meteor").last == 10_000 and len(kept) == limits.MAX_CYCLES_KEPT
        assert len([cycle for cycle in kept if not cycle.result]) == 20
    with_hub(test)


def test_lines_by_rules_are_events_too_and_others_cost_no_row():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.service(rules=[{"component": "connect", "match": "^carrier locked", "step": "start"}])
        records = [log(int(NOW * 1e6), "info", text) for text in ("carrier locked at 137.1 MHz", "something else")]
        data = message("journal", records, "", "1")
        await hub.ingest.commit(ada, data, b"")
        [waiting] = await hub.store.services.waiting(9)
        assert len(json.loads(waiting.body)["events"]) == 1
        await hub.ingest.commit(ada, message("journal", records[1:], "1", "2"), b"")
        assert len(await hub.store.services.waiting(9)) == 1
        await hub.turn()
        assert await hub.states() == ["running", "idle"]
    with_hub(test)


def test_a_description_that_changes_leaves_the_switches_of_what_is_still_there():
    async def test(hub):
        await hub.service("meteor", ["connect", "decode", "archive"])
        await hub.cycles.switch("meteor", None, {"connect": False, "archive": False}, OPERATOR)
        before = hub.cycles.get("meteor")
        described = replace_components(before.description, ["connect", "publish"])
        after = await hub.cycles.describe("meteor", described, OPERATOR)
        assert after.components_off == ("connect",)
        assert hub.cycles.get("meteor") == replace(before, description=described, components_off=("connect",),
                                                   changed=after.changed)
    with_hub(test)


def replace_components(description, names):
    return checked({"name": description.name, "components": [{"name": name} for name in names]})
