"""Runs across restarts of the hub, nodes that go, full disks, and anything in any order."""

import asyncio
import itertools

from hub_parts import ADMIN, OPERATOR, HubParts, Line, ended, order, report_end, states, three, with_hub
from hypothesis import given, settings
from hypothesis import strategies as st

from dvic_hub.domain import dispatch
from dvic_hub.domain.events import RunChanged
from dvic_wire.messages import RunReply
from dvic_wire.runs import TERMINAL

# ---- restarts, clocks, nodes that go

def test_a_restart_gives_nodes_their_time_to_come_back():
    async def test(hub):
        node = await hub.node(0, "n0")
        await hub.connect(node)
        run = await hub.runs.create(order(batch="1"), OPERATOR)
        await hub.restart()
        hub.clock.now += 5
        await hub.runs.tick(hub.clock())
        assert await states(hub, run) == {"n0": "queued"}
        line = await hub.connect(node)
        await hub.runs.tick(hub.clock())
        assert line.requests() == [run.id]
    with_hub(test)


def test_a_clock_set_forward_makes_nobody_lost():
    async def test(hub):
        node = await hub.node(0, "n0")
        await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.runs.on_reply(node.id, RunReply(run.id, "running"))
        hub.clock.now += 7200
        await hub.runs.tick(hub.clock())
        assert await states(hub, run) == {"n0": "running"}
    with_hub(test, steady=itertools.count().__next__)


def test_a_removed_nodes_row_is_lost_and_the_run_goes_on():
    async def test(hub):
        nodes, _ = await three(hub)
        run = await hub.runs.create(order(batch="1"), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.enrolment.remove(nodes[0].id, ADMIN)
        await hub.runs.tick(hub.clock())
        assert RunChanged(run.id, nodes[0].id, "lost",
                          {"reason": "the node was removed or its key revoked"}) in hub.events
        assert (await states(hub, run))["n1"] == "dispatched"
    with_hub(test)


def test_while_the_disk_is_full_nothing_is_sent_and_it_goes_on_afterwards():
    async def test(hub):
        node = await hub.node(0, "n0")
        line = await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        hub.store.full = True
        await hub.runs.tick(hub.clock())
        assert not line.sent
        hub.store.full = False
        await hub.runs.tick(hub.clock())
        assert line.requests() == [run.id]
    with_hub(test)


# ---- anything, in any order

class Machine:
    """A node whose executor keeps the contract: an id is started once; a cancelled id is barred."""

    def __init__(self, hub: HubParts, node):
        self.hub, self.node, self.line = hub, node, None
        self.started: dict[str, int] = {}
        self.barred: set[str] = set()
        self.read = 0

    async def come(self):
        self.line, self.read = Line(instance="same"), 0
        await self.hub.connect(self.node, self.line)

    def go(self):
        if self.line is not None:
            self.hub.agents.detach(self.node.id, self.line)
            self.line = None

    async def answer(self):
        if self.line is None or self.read >= len(self.line.sent):
            return
        message = self.line.sent[self.read]
        self.read += 1
        run = message.run
        if type(message).__name__ == "RunCancel":
            if run not in self.started:
                self.barred.add(run)
                await self.hub.runs.on_reply(self.node.id, RunReply(run, "cancelled"))
        elif run in self.barred:
            await self.hub.runs.on_reply(self.node.id, RunReply(run, "cancelled"))
        else:
            self.started.setdefault(run, 0)
            self.started[run] = 1
            await self.hub.runs.on_reply(self.node.id, RunReply(run, "running"))


STEPS = st.tuples(st.sampled_from(["come", "go", "answer", "answer", "end", "tick", "tick", "time", "restart",
                                   "cancel"]),
                  st.integers(0, 3), st.sampled_from([1.0, 35.0, 400.0]))


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=40), st.sampled_from(["", "1", "50%"]), st.sampled_from([0, 3600]))
def test_whoever_comes_goes_or_restarts_each_node_ends_once_and_starts_at_most_once(steps, batch, queue):
    async def body():
        hub = await HubParts().start()
        machines = [Machine(hub, await hub.node(number)) for number in range(4)]
        run = await hub.runs.create(order(batch=batch, queue=queue), OPERATOR)
        ends: dict[str, str] = {}
        for step, number, seconds in steps:
            machine = machines[number]
            if step == "come":
                await machine.come()
            elif step == "go":
                machine.go()
            elif step == "answer":
                await machine.answer()
            elif step == "end" and run.id in machine.started:
                await report_end(hub, run, machine.node.id)
            elif step == "tick":
                await hub.runs.tick(hub.clock())
            elif step == "time":
                await hub.pass_time(seconds, 5)
            elif step == "restart":
                for each in machines:
                    each.line = None
                await hub.restart()
            elif step == "cancel":
                await hub.runs.cancel(run.id, OPERATOR)
            rows = await hub.store.runs.nodes(run.id)
            assert sum(row.state in dispatch.UNDER_WAY for row in rows) <= dispatch.parse_batch(batch, 4)
            for row in rows:
                assert ends.setdefault(row.node, row.state) == row.state if row.node in ends else True
                if row.state in TERMINAL:
                    ends[row.node] = row.state
        for machine in machines:
            machine.go()
        for _ in range(400):
            await hub.pass_time(1000, 500)
            if await ended(hub, run):
                break
        assert await ended(hub, run)
        final = {row.node: row.state for row in await hub.store.runs.nodes(run.id)}
        assert all(final[node] == state for node, state in ends.items()) and set(final.values()) <= TERMINAL
        await hub.stop()

    asyncio.run(body())
