"""Rollouts across restarts of the hub at every moment, full disks, and anything in any order."""

import asyncio

import pytest
from hub_parts import ADMIN, NEWEST, OPERATOR, HubParts, with_hub
from hypothesis import given, settings
from hypothesis import strategies as st
from updating import again, begun, fleet, keep_alive, look, order, states

from dvic_hub.domain.events import RolloutChanged
from dvic_hub.errors import HubError
from dvic_wire.messages import RunReply
from dvic_wire.updates import PENDING, SENT, STATES, STEPS, TERMINAL, TRANSITIONS


@pytest.mark.parametrize("moment", range(9))
def test_a_hub_that_is_restarted_at_any_moment_of_an_update_goes_on_with_it(moment):
    async def test(hub):
        [ada] = await fleet(hub, 1)
        passed = iter(range(99))

        async def maybe_restart(version: str) -> None:
            if next(passed) == moment:
                await hub.restart()
                await ada.come_back(version)
            await look(hub)

        rollout = await hub.rollouts.create(order(queue=600), OPERATOR)
        await maybe_restart("0.1")
        await hub.rollouts.tick(hub.clock())
        await maybe_restart("0.1")
        run = await ada.accept()
        await maybe_restart("0.1")
        await ada.steps("downloading", run=run)
        await maybe_restart("0.1")
        await ada.steps("installing", run=run)
        await maybe_restart("0.1")
        await ada.come_back(NEWEST)
        await maybe_restart(NEWEST)
        await ada.steps("confirming", run=run)
        await maybe_restart(NEWEST)
        assert ada.words()
        await ada.steps("updated", run=run)
        await maybe_restart(NEWEST)
        await ada.end("finished", run=run)
        await maybe_restart(NEWEST)
        assert await states(hub, rollout) == {"n00": "updated"} and (await again(hub, rollout)).ended
        assert len(hub.store.runs.runs) == 1
        ways = [(was, to) for _, _, was, to in hub.store.rollouts.history]
        assert all(to in TRANSITIONS[was] for was, to in ways)
    with_hub(test)


def test_a_hub_that_died_between_claim_and_order_orders_it_when_it_is_back():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await hub.rollouts.create(order(queue=600), OPERATOR)
        await hub.store.rollouts.move(rollout.id, ada.node.id, PENDING, SENT, run="run000000001", from_version="0.1")
        await hub.restart()
        await ada.come_back("0.1")
        await look(hub)
        assert ada.line.requests() == ["run000000001"]
        await ada.update()
        assert await states(hub, rollout) == {"n00": "updated"}
    with_hub(test)


def test_what_was_claimed_and_not_ordered_waits_again_when_the_rollout_is_halted():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await hub.rollouts.create(order(queue=600), OPERATOR)
        await hub.store.rollouts.move(rollout.id, ada.node.id, PENDING, SENT, run="run000000001")
        await hub.rollouts.halt(rollout.id, OPERATOR)
        await look(hub)
        assert await states(hub, rollout) == {"n00": "pending"} and ada.run == ""
    with_hub(test)


def test_while_the_disk_is_full_nothing_is_sent_and_it_goes_on_afterwards():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await hub.rollouts.create(order(queue=600), OPERATOR)
        hub.store.full = True
        await look(hub)
        assert ada.run == ""
        hub.store.full = False
        await look(hub)
        run = await ada.accept()
        await ada.steps("downloading", run=run)
        hub.store.full = True
        await look(hub)
        hub.store.full = False
        await look(hub)
        assert await states(hub, rollout) == {"n00": "downloading"}
    with_hub(test)


def test_steps_that_the_bus_did_not_tell_are_read_at_the_end():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await begun(hub)
        run = await ada.accept()
        hub.rollouts.stop()
        await ada.steps("downloading", "installing", "confirming", "rolling-back", "rolled-back", run=run)
        hub.rollouts.start()
        await ada.end("failed", "put back", run=run)
        await look(hub)
        assert await states(hub, rollout) == {"n00": "rolled-back"}
        told = [event.state for event in hub.events if isinstance(event, RolloutChanged) and event.node]
        assert told == ["sent", "downloading", "installing", "confirming", "rolling-back", "rolled-back"]
    with_hub(test)


def test_steps_of_a_newer_agent_are_passed_over():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await begun(hub)
        run = await ada.accept()
        await ada.steps("downloading", "polishing", "installing", "rolled-back", "singing", run=run)
        await ada.end("failed", "put back", run=run)
        await look(hub)
        assert await states(hub, rollout) == {"n00": "rolled-back"}
    with_hub(test)


ACTIONS = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 3), st.sampled_from(STEPS)),
    st.tuples(st.just("end"), st.integers(0, 3), st.sampled_from(["finished", "failed", "cancelled"])),
    st.tuples(st.just("reply"), st.integers(0, 3), st.sampled_from(["running", "refused", "failed", "expired"])),
    st.tuples(st.just("back"), st.integers(0, 3), st.sampled_from(["0.1", NEWEST, "odd version", ""])),
    st.tuples(st.just("away"), st.integers(0, 3), st.none()),
    st.tuples(st.just("remove"), st.integers(0, 3), st.none()),
    st.tuples(st.just("time"), st.sampled_from([1, 40, 700, 5000]), st.none()),
    st.tuples(st.sampled_from(["halt", "resume", "cancel", "restart", "full", "room", "bad"]), st.none(), st.none()),
)
ORDERS = st.fixed_dictionaries({
    "canary": st.sampled_from(["", "1", "50%"]), "batch": st.sampled_from(["", "1", "2"]),
    "max_failures": st.sampled_from([-1, 0, 1]), "halt_on_error": st.booleans(), "soak": st.sampled_from([0, 30]),
    "queue": st.sampled_from([0, 600])})


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=25), ORDERS)
def test_whatever_happens_every_node_comes_to_one_end_and_the_rollout_ends(actions, chosen):
    async def test():
        hub = await HubParts().start()
        machines = await fleet(hub, 4, connected=3)
        rollout = await begun(hub, **chosen)
        for action in actions:
            try:
                await _act(hub, machines, rollout, *action)
            except HubError:
                pass
            await look(hub, 1)
        hub.store.full = False
        for machine in machines:
            await machine.disconnect()
        for _ in range(12):
            await hub.pass_time(86_400, 10_000)
        rows = await hub.store.rollouts.nodes(rollout.id)
        assert len(rows) == 4 and all(row.state in TERMINAL and row.ended for row in rows), rows
        assert (await again(hub, rollout)).ended
        for _, node, was, to in hub.store.rollouts.history:
            assert to in TRANSITIONS[was], (node, was, to)
            assert was in STATES
        ends = [node for _, node, _, to in hub.store.rollouts.history if to in TERMINAL]
        assert len(ends) == len(set(ends))
        await hub.stop()

    asyncio.run(test())


async def _act(hub, machines, rollout, action, which, what) -> None:
    machine = machines[which] if isinstance(which, int) and which < len(machines) else None
    if action == "step" and machine.run:
        await machine.steps(what)
    elif action == "end" and machine.run:
        await machine.end(what)
    elif action == "reply" and machine.run:
        await hub.runs.on_reply(machine.node.id, RunReply(machine.run, what))
    elif action == "back" and machine.node.id in hub.store.nodes.rows:
        requests = machine.line.sent
        await machine.come_back(what)
        machine.line.sent[:0] = requests  # the machine remembers what it was asked for
    elif action == "away":
        await machine.disconnect()
    elif action == "remove":
        await hub.enrolment.remove(machine.node.id, ADMIN)
    elif action == "time":
        await keep_alive(hub, machines[:2], which)
    elif action in ("halt", "resume", "cancel"):
        await getattr(hub.rollouts, action)(rollout.id, OPERATOR)
    elif action == "restart":
        await hub.restart()
    elif action in ("full", "room"):
        hub.store.full = action == "full"
    elif action == "bad":
        hub.packages.bad = "" if hub.packages.bad else "a key was taken out"
