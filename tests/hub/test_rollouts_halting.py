"""When a rollout halts, who resumes it, and what that forgives."""

import pytest
from hub_parts import OPERATOR, with_hub
from updating import again, asked, begun, fleet, keep_alive, look, states

from dvic_hub.errors import Conflict


def test_a_canary_that_rolls_back_halts_the_rollout_and_nobody_else_is_asked():
    async def test(hub):
        machines = await fleet(hub, 4)
        rollout = await begun(hub, canary="2", soak=0)
        await machines[0].roll_back("no word of the hub within 180 s")
        halted = await again(hub, rollout)
        assert halted.halted and "1 node failed (n00)" in halted.halt_reason
        await machines[1].update()
        await keep_alive(hub, machines, 600)
        assert await states(hub, rollout) == {"n00": "rolled-back", "n01": "updated", "n02": "pending",
                                              "n03": "pending"}
        [row, *_] = await hub.store.rollouts.nodes(rollout.id)
        assert row.reason == "no word of the hub within 180 s"
        assert ("rollout.halt", "ok") in hub.audited() and asked(machines[2:]) == []
    with_hub(test)


def test_who_resumes_forgives_what_it_halted_for_and_nothing_else():
    async def test(hub):
        machines = await fleet(hub, 5)
        rollout = await begun(hub, batch="1", halt_on_error=True)
        await machines[0].roll_back()
        assert (await again(hub, rollout)).halted
        await hub.rollouts.resume(rollout.id, OPERATOR)
        await look(hub)
        assert not (await again(hub, rollout)).halted and asked(machines[1:]) == ["n01"]
        await machines[1].roll_back()
        assert (await again(hub, rollout)).halted and asked(machines[2:]) == []
    with_hub(test)


def test_as_many_failures_as_may_be_halt_nothing():
    async def test(hub):
        machines = await fleet(hub, 4)
        rollout = await begun(hub, batch="1", max_failures=1)
        await machines[0].roll_back()
        assert asked(machines) == ["n00", "n01"]
        await machines[1].roll_back()
        assert (await again(hub, rollout)).halt_reason == "2 nodes failed (n00, n01); at most 1 may"
    with_hub(test)


def test_without_a_number_failures_after_the_canary_wave_halt_nothing():
    async def test(hub):
        machines = await fleet(hub, 3)
        rollout = await begun(hub, canary="1", batch="1", soak=0)
        await machines[0].update()
        await machines[1].roll_back()
        assert asked([machines[2]]) == ["n02"] and not (await again(hub, rollout)).halted
    with_hub(test)


def test_an_updated_node_that_falls_silent_halts_the_rollout():
    async def test(hub):
        machines = await fleet(hub, 3)
        rollout = await begun(hub, batch="1")
        await machines[0].update()
        await keep_alive(hub, machines[1:], 35)
        halted = await again(hub, rollout)
        assert halted.halt_reason == "1 node fell silent after the update (n00)"
        await hub.rollouts.resume(rollout.id, OPERATOR)
        await keep_alive(hub, machines[1:], 35)
        assert not (await again(hub, rollout)).halted
    with_hub(test)


def test_canaries_of_which_none_was_updated_prove_nothing():
    async def test(hub):
        machines = await fleet(hub, 3)
        rollout = await begun(hub, canary="1", max_failures=5)
        await machines[0].roll_back()
        assert "nothing is proved" in (await again(hub, rollout)).halt_reason
        await hub.rollouts.resume(rollout.id, OPERATOR)
        await look(hub)
        assert asked(machines[1:]) == ["n01", "n02"]
    with_hub(test)


def test_people_halt_and_resume_and_a_halted_rollout_is_cancelled_in_the_end():
    async def test(hub):
        machines = await fleet(hub, 3)
        rollout = await begun(hub, batch="1")
        assert (await hub.rollouts.halt(rollout.id, OPERATOR)).halt_reason == "halted by olga"
        await machines[0].update()
        assert asked(machines[1:]) == []
        await keep_alive(hub, machines, 10)
        hub.clock.now += 8 * 86_400
        await keep_alive(hub, machines, 20)
        assert sorted((await states(hub, rollout)).values()) == ["cancelled", "cancelled", "updated"]
        assert (await again(hub, rollout)).ended
        for change in (hub.rollouts.halt, hub.rollouts.resume):
            with pytest.raises(Conflict):
                await change(rollout.id, OPERATOR)
        assert (await hub.rollouts.cancel(rollout.id, OPERATOR)).cancelled
    with_hub(test)


def test_a_signing_key_that_is_taken_out_halts_what_rests_on_it():
    async def test(hub):
        machines = await fleet(hub, 2)
        rollout = await begun(hub, batch="1")
        hub.packages.bad = "its manifest does not hold"
        await machines[0].update()
        assert (await again(hub, rollout)).halt_reason == "its manifest does not hold" and asked(machines[1:]) == []
    with_hub(test)
