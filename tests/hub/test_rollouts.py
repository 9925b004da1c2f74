"""Rollouts from order to end: canary, batches, soak, halting, resuming, cancelling, the hub's word."""

import pytest
from hub_parts import ADMIN, HUB_KEY, NEWEST, NOW, OPERATOR, SIGNING_KEY, with_hub
from updating import Machine, again, asked, begun, fleet, keep_alive, look, order, states

from dvic_hub.domain.events import RolloutChanged
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.update_following import CONFIRM_AGAIN
from dvic_wire.errors import InvalidSelector
from dvic_wire.messages import RunCancel, RunReply, RunRequest
from dvic_wire.signing import Purpose, verify
from dvic_wire.updates import read_key_set, read_manifest

# ---- the usual way

def test_an_update_is_signed_for_each_node_and_rests_on_a_manifest_and_the_key_set():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await begun(hub, confirm=60)
        request = ada.line.sent[0]
        assert isinstance(request, RunRequest) and request.request == "update"
        claims = verify(request.jws, HUB_KEY.public, Purpose.UPDATE, audience=ada.node.id, now=hub.clock())
        assert {key: claims[key] for key in ("iss", "jti", "by", "older", "confirm")} == {
            "iss": HUB_KEY.fingerprint, "jti": request.run, "by": "olga", "older": False, "confirm": 60}
        keys = read_key_set(claims["keys"], HUB_KEY.public, now=NOW).keys
        assert read_manifest(claims["manifest"], keys, now=NOW).version == NEWEST
        assert keys == (SIGNING_KEY.public,) and "spec" not in claims
        assert (await states(hub, rollout)) == {"n00": "sent"}
        assert ("rollout.create", "ok") in hub.audited() and ("update.create", "ok") in hub.audited()
    with_hub(test)


def test_a_node_goes_through_its_steps_to_updated_and_each_is_told():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await begun(hub)
        await ada.update()
        assert [event.state for event in hub.events if isinstance(event, RolloutChanged)] == [
            "created", "sent", "downloading", "installing", "confirming", "updated", "ended"]
        [row] = await hub.store.rollouts.nodes(rollout.id)
        assert (row.from_version, row.to_version, row.state, bool(row.ended)) == ("0.1", NEWEST, "updated", True)
        assert (await again(hub, rollout)).ended
        assert await hub.store.runs.active() == []
    with_hub(test)


def test_what_has_the_version_is_unchanged_what_is_newer_is_refused_and_what_has_no_agent_too():
    async def test(hub):
        await hub.connect(await hub.node(0, "old"), version="0.1")
        await hub.connect(await hub.node(1, "same"), version="0.2")
        await hub.connect(await hub.node(2, "newer"), version="0.3~rc1")
        await hub.node(3, "scale")
        rollout = await begun(hub)
        assert await states(hub, rollout) == {"old": "sent", "same": "unchanged", "newer": "refused",
                                              "scale": "refused"}
        reasons = {row.node: row.reason for row in await hub.store.rollouts.nodes(rollout.id)}
        assert "newer" in reasons[hub.fleet.view("newer").id] and "no agent" in reasons[hub.fleet.view("scale").id]
    with_hub(test)


def test_going_back_needs_to_be_asked_for():
    async def test(hub):
        node = await hub.node(0, "ada")
        line = await hub.connect(node, version="0.3")
        rollout = await begun(hub, version="0.2", older=True)
        assert await states(hub, rollout) == {"ada": "sent"}
        claims = verify(line.sent[0].jws, HUB_KEY.public, Purpose.UPDATE, audience=node.id, now=hub.clock())
        assert claims["older"] is True
        await Machine(hub, node, line).update("0.2")
        assert await states(hub, rollout) == {"ada": "updated"}
    with_hub(test)


def test_a_machine_that_finds_the_version_installed_is_unchanged():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await begun(hub)
        await ada.accept()
        await ada.end("finished", "0.2 is installed already")
        await look(hub)
        assert await states(hub, rollout) == {"n00": "unchanged"}
    with_hub(test)


def test_a_rollout_over_nothing_that_needs_it_ends_at_once():
    async def test(hub):
        await hub.connect(await hub.node(0, "same"), version="0.2")
        rollout = await begun(hub)
        assert (await again(hub, rollout)).ended
    with_hub(test)


# ---- the hub's word

def test_the_word_is_given_only_to_a_new_connection_of_the_new_version_and_again_at_each():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        await begun(hub)
        run = await ada.accept()
        await ada.steps("downloading", "installing", run=run)
        await look(hub)
        assert ada.words() == []
        await ada.come_back("0.1")
        await look(hub)
        assert ada.words() == []
        for _ in range(2):
            await ada.come_back(NEWEST)
            await look(hub)
            [claims] = ada.words()
            assert (claims["jti"], claims["version"], claims["iss"]) == (run, NEWEST, HUB_KEY.fingerprint)
        await keep_alive(hub, [ada], CONFIRM_AGAIN)
        assert len(ada.words()) == 2
        await ada.steps("confirming", "updated", run=run)
        await ada.end("finished", run=run)
        await look(hub)
        await ada.come_back(NEWEST)
        await look(hub)
        assert ada.words() == []
    with_hub(test)


# ---- waves

def test_canaries_go_first_and_the_rest_waits_until_they_have_soaked():
    async def test(hub):
        machines = await fleet(hub, 5)
        rollout = await begun(hub, canary="2", batch="2", soak=60)
        assert asked(machines) == ["n00", "n01"]
        await machines[0].update()
        assert asked(machines[2:]) == []
        await machines[1].update()
        await keep_alive(hub, machines, 55)
        assert asked(machines[2:]) == []
        await keep_alive(hub, machines, 10)
        assert asked(machines[2:]) == ["n02", "n03"]
        await machines[2].update()
        assert asked([machines[4]]) == []
        await machines[3].update()
        assert asked([machines[4]]) == ["n04"]
        await machines[4].update()
        assert set((await states(hub, rollout)).values()) == {"updated"} and (await again(hub, rollout)).ended
    with_hub(test)


def test_nodes_that_are_not_there_hold_nobody_up_and_are_updated_when_they_come_back():
    async def test(hub):
        machines = await fleet(hub, 3, connected=1)
        rollout = await begun(hub, batch="1", queue=3600)
        await machines[0].update()
        await keep_alive(hub, machines[:1], 60)
        assert await states(hub, rollout) == {"n00": "updated", "n01": "pending", "n02": "pending"}
        await machines[2].come_back("0.1")
        await keep_alive(hub, machines, 10)
        assert asked(machines[1:]) == ["n02"]
        await machines[2].update()
        await keep_alive(hub, machines, 3600)
        assert await states(hub, rollout) == {"n00": "updated", "n01": "expired", "n02": "updated"}
        assert (await again(hub, rollout)).ended
    with_hub(test)


def test_a_node_that_was_updated_by_hand_while_it_waited_is_unchanged():
    async def test(hub):
        machines = await fleet(hub, 2)
        rollout = await begun(hub, batch="1")
        await machines[1].come_back(NEWEST)
        await look(hub)
        assert (await states(hub, rollout))["n01"] == "unchanged"
    with_hub(test)


def test_a_node_that_left_before_the_request_could_be_sent_waits_again():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await hub.rollouts.create(order(queue=3600), OPERATOR)
        await hub.rollouts.tick(hub.clock())
        await ada.disconnect()
        await keep_alive(hub, [], 60)
        assert await states(hub, rollout) == {"n00": "pending"} and ada.run == ""
        await ada.come_back("0.1")
        await keep_alive(hub, [ada], 10)
        await ada.update()
        assert await states(hub, rollout) == {"n00": "updated"}
    with_hub(test)


# ---- cancelling, ends

def test_cancelling_ends_what_waits_asks_what_downloads_and_leaves_what_installs():
    async def test(hub):
        machines = await fleet(hub, 3)
        rollout = await begun(hub, batch="2")
        for machine, step in zip(machines, ("downloading", "installing"), strict=False):
            await machine.accept()
            await machine.steps("downloading", *([step] if step != "downloading" else []))
        await look(hub)
        await hub.rollouts.cancel(rollout.id, OPERATOR)
        await look(hub)
        assert await states(hub, rollout) == {"n00": "downloading", "n01": "installing", "n02": "cancelled"}
        assert [any(isinstance(each, RunCancel) for each in machine.line.sent) for machine in machines] == [
            True, False, False]
        await machines[0].end("cancelled", "cancelled by olga")
        run = machines[1].run
        await machines[1].come_back(NEWEST)
        await machines[1].steps("confirming", "updated", run=run)
        await machines[1].end("finished", run=run)
        await look(hub)
        assert await states(hub, rollout) == {"n00": "cancelled", "n01": "updated", "n02": "cancelled"}
        assert (await again(hub, rollout)).ended
    with_hub(test)


@pytest.mark.parametrize(("state", "reason", "end"), [("refused", "policy: update is not allowed", "refused"),
                                                      ("failed", "no room on the disk", "failed"),
                                                      ("lost", "", "lost"), ("expired", "clocks differ", "expired")])
def test_a_machine_that_says_no_ends_so_with_its_reason(state, reason, end):
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await begun(hub)
        await hub.runs.on_reply(ada.node.id, RunReply(ada.run, state, reason))
        await look(hub)
        [row] = await hub.store.rollouts.nodes(rollout.id)
        assert (row.state, row.reason) == (end, reason)
    with_hub(test)


def test_a_rollback_that_fails_is_a_failure():
    async def test(hub):
        [ada] = await fleet(hub, 1)
        rollout = await begun(hub)
        await ada.accept()
        await ada.steps("downloading", "installing", "rolling-back")
        await ada.end("failed", "the previous package can't be installed")
        await look(hub)
        assert await states(hub, rollout) == {"n00": "failed"}
    with_hub(test)


def test_a_removed_node_is_lost_and_stays_in_the_rollout():
    async def test(hub):
        machines = await fleet(hub, 2)
        rollout = await begun(hub, batch="1")
        for machine in machines:
            await hub.enrolment.remove(machine.node.id, ADMIN)
        await look(hub)
        assert set((await states(hub, rollout)).values()) == {"lost"} and (await again(hub, rollout)).ended
    with_hub(test)


# ---- what is refused

def test_an_order_that_cant_be_carried_out_is_refused():
    async def test(hub):
        await fleet(hub, 2)
        for wrong, field in ((order("nobody"), "selector"), (order(batch="0"), "batch"), (order(canary="x"), "canary"),
                             (order(soak=-1), "soak"), (order(confirm=1), "confirm"), (order(queue=10**9), "queue"),
                             (order(max_failures=-2), "max_failures"), (order(reason="x" * 501), "reason")):
            with pytest.raises(BadRequest) as error:
                await hub.rollouts.create(wrong, OPERATOR)
            assert error.value.field == field
        with pytest.raises(InvalidSelector):
            await hub.rollouts.create(order("not"), OPERATOR)
        with pytest.raises(NotFound):
            await hub.rollouts.create(order(version="0"), OPERATOR)
        with pytest.raises(NotFound):
            await hub.rollouts.cancel("nothing", OPERATOR)
        assert await hub.store.rollouts.active() == []
    with_hub(test)


def test_a_node_is_in_one_open_rollout_at_a_time():
    async def test(hub):
        machines = await fleet(hub, 2)
        rollout = await begun(hub, selector="n00")
        with pytest.raises(Conflict) as error:
            await hub.rollouts.create(order("all"), OPERATOR)
        assert error.value.code == "rollout-open" and rollout.id in str(error.value)
        await hub.rollouts.create(order("n01"), OPERATOR)
        await machines[0].update()
        with pytest.raises(Conflict):
            await hub.rollouts.create(order("all"), OPERATOR)
    with_hub(test)


def test_what_a_plan_says_is_what_happens():
    async def test(hub):
        await fleet(hub, 4, connected=3)
        planned, rows = await hub.rollouts.plan(order(canary="25%", batch="2"), OPERATOR)
        assert [(hub.fleet.view(row.node).name, row.wave) for row in rows] == [("n00", 0), ("n01", 1), ("n02", 1),
                                                                               ("n03", 2)]
        rollout = await hub.rollouts.create(order(canary="25%", batch="2"), OPERATOR)
        made = await hub.store.rollouts.nodes(rollout.id)
        assert [(row.node, row.wave) for row in made] == [(row.node, row.wave) for row in rows]
    with_hub(test)
