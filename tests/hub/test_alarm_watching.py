"""Rules at work in the hub: what is raised and cleared, and what restarts, full disks and people do to it."""

import json

import pytest
from hub_parts import ADMIN, NOW, OPERATOR
from watched_hub import S, only, with_hub

from dvic_hub.domain.alarm_rules import Rule
from dvic_hub.domain.events import NodeChanged, RolloutChanged, RunChanged
from dvic_hub.domain.model import Run, RunNode
from dvic_hub.domain.service_description import checked
from dvic_hub.domain.step_events import StepEvent
from dvic_hub.errors import StoreFull
from dvic_hub.services import alarms as limits
from dvic_hub.services.alarm_watch import HELD_UP
from dvic_wire.records import log, sample
from dvic_wire.runs import RunSpec


def test_a_node_that_falls_silent_is_raised_once_and_cleared_when_it_is_back(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada", last_seen=int(NOW * S), period=10)
        await hub.node(1, "never heard of")
        await hub.turn(300)
        assert hub.open() == [("node-silent", f"node:{ada}")]
        hub.doors.fleet.heard(ada, last_seen=int(hub.clock.now * S))
        await hub.turn(2)
        assert hub.open() == [] and hub.flips() == ["raised", "cleared"] == [state for _, state in hub.told]

    with_hub(tmp_path, test)


def test_a_hub_that_comes_back_or_was_held_up_blames_nobody(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada", last_seen=int(NOW * S), period=10)
        hub.clock.now += 3600
        hub = await hub.restarted()
        await hub.turn(60)
        assert hub.open() == [], "agents have not had the time to come back"
        hub.doors.fleet.heard(ada, last_seen=int(hub.clock.now * S))
        await hub.turn(20)
        hub.clock.now += HELD_UP + 600  # the machine slept
        hub.doors.fleet.tick(hub.clock.now)
        await hub.turn(60)
        assert hub.open() == []
        await hub.turn(120)
        assert hub.open() == [("node-silent", f"node:{ada}")], "it really does not come"

    with_hub(tmp_path, test)


def test_what_a_silent_gateway_explains_waits_until_it_explains_it_no_more(tmp_path):
    async def test(hub):
        await hub.node(0, "ada", last_seen=int(NOW * S), period=10)
        behind = {"it": True}
        hub.hub.watching._behind = lambda finding, rule, now: behind["it"]
        await hub.turn(300)
        assert hub.open() == []
        behind["it"] = False
        await hub.turn(1)
        assert len(hub.open()) == 1

    with_hub(tmp_path, test)


def test_a_removed_node_takes_its_alarms_with_it(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.log(ada, "it burns")
        await hub.turn(1)
        assert hub.open() == [("log-critical", f"node:{ada}")]
        await hub.store.nodes.remove(ada)
        await hub.doors.fleet.reload(ada)
        hub.doors.live.bus.publish(NodeChanged(ada, "removed"))
        await hub.turn(1)
        assert hub.open() == [] and hub.over() == [("log-critical", "the node was removed")]

    with_hub(tmp_path, test)


def test_measurements_are_watched_as_they_are_stored(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.bring(ada, "hardware", sample(int(NOW * S), {"disk./.percent": 99.0, "cpu.total": 1.0}))
        await hub.turn(1)
        assert hub.open() == [("disk-critical", f"node:{ada} disk./.percent")]
        await hub.bring(ada, "hardware", sample(int(NOW * S), {"disk./.percent": 99.5}))
        await hub.turn(31)
        [alarm] = hub.doors.alarms.open()
        assert alarm.value == "99.5" and hub.flips() == ["raised"], "a newer figure is no new alarm"
        await hub.bring(ada, "hardware", sample(int(NOW * S), {"disk./.percent": 94.0}))
        await hub.turn(1)
        assert ("disk-critical", f"node:{ada} disk./.percent") not in hub.open()

    with_hub(tmp_path, test)


def test_a_demo_that_ended_is_told_by_what_its_node_brings(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        told = {"file": "/tmp/dvic_log_x", "name": "shower", "pid": 7}
        now, began = int(NOW * S), int((NOW - 5000) * S)
        await hub.bring(ada, "demos", {"time": now, "demos": [{**told, "state": "alive", "since": began}]})
        await hub.bring(ada, "demos", {"time": now, "demos": [{**told, "state": "ended", "since": now}]})
        await hub.turn(61)
        assert hub.open() == [("demo-ended", f"node:{ada} demo shower")]

    with_hub(tmp_path, test)


def test_a_container_that_ended_is_told_until_its_node_has_it_no_more(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        web = {"id": "1", "engine": "docker", "name": "web"}
        now, began = int(NOW * S), int((NOW - 5000) * S)
        await hub.bring(ada, "containers", {"time": now, "containers": [{**web, "state": "running", "since": began}]})
        await hub.bring(ada, "containers", {"time": now, "containers": [{**web, "state": "ended", "since": now}]})
        await hub.turn(61)
        assert hub.open() == [("demo-ended", f"node:{ada} container web")]
        await hub.bring(ada, "containers", {"time": now, "containers": [], "whole": True})
        await hub.turn(1)
        assert hub.open() == []

    with_hub(tmp_path, test)


async def started_again_and_again(hub, node, file):
    """Four programs of one name, each started a second after the one before has ended."""
    for number in range(4):
        since = int(hub.clock.now * S)
        told = {"file": f"{file}-{number}", "name": "step", "pid": 7 + number}
        await hub.bring(node, "demos", {"time": since, "demos": [{**told, "state": "alive", "since": since}]})
        ended = since + 5 * S
        await hub.bring(node, "demos", {"time": ended, "demos": [{**told, "state": "ended", "since": ended}]})
        await hub.turn(6)


def test_programs_of_steps_come_and_go_and_others_that_do_are_told(tmp_path):
    async def test(hub):
        ada, bob = await hub.node(0, "ada"), await hub.node(1, "bob")
        await service(hub)
        for number in range(4):
            fields = {"service": "meteor", "component": "decode"}
            record = {**log(int(NOW * S), "info", "part 1"), "fields": fields}
            await hub.bring(ada, f"file:{number}", record, source=f"dvic_log_step-{number}")
        await started_again_and_again(hub, ada, "/tmp/dvic_log_step")
        await started_again_and_again(hub, bob, "/tmp/dvic_log_step")
        assert hub.open() == [("demo-restarts", f"node:{bob} demo step")]

    with_hub(tmp_path, test)


# ---- services, runs


async def service(hub):
    await hub.doors.cycles.create(checked({"name": "meteor", "components": [{"name": "decode"}], "settle": 0}),
                                  OPERATOR)


async def step(hub, word, message="", cycle="c1"):
    await hub.doors.cycles.post([StepEvent("meteor", "decode", cycle, "", word, "error" if word == "fail" else
                                                     "info", int(hub.clock.now * S), message)])
    await hub.doors.cycles.turn(hub.clock.now)


def test_a_step_that_fails_is_raised_at_once_and_cleared_by_the_next_cycle(tmp_path):
    async def test(hub):
        await service(hub)
        await step(hub, "start")
        await step(hub, "fail", "no carrier")
        await hub.hub.watching.turn()
        [alarm] = hub.doors.alarms.open()
        assert (alarm.rule, alarm.subject, alarm.summary, alarm.service, alarm.component) == (
            "step-error", "service:meteor/decode/", "meteor: decode failed: no carrier", "meteor", "decode")
        await step(hub, "start", cycle="c2")
        await hub.turn(1)
        assert len(hub.open()) == 1
        await step(hub, "done", cycle="c2")
        await hub.turn(1)
        assert hub.open() == [] and hub.flips() == ["raised", "cleared"]

    with_hub(tmp_path, test)


def test_a_service_that_is_switched_off_or_removed_has_no_alarms(tmp_path):
    async def test(hub):
        await service(hub)
        await step(hub, "start")
        await step(hub, "fail")
        await hub.turn(1)
        await hub.doors.cycles.remove("meteor", OPERATOR)
        await hub.turn(31)
        assert hub.open() == [] and hub.over() == [("step-error", "it was switched off or removed")]

    with_hub(tmp_path, test)


def test_a_failure_that_was_stored_before_the_hub_was_killed_is_raised_by_the_next_one_and_only_once(tmp_path):
    async def test(hub):
        await service(hub)
        await step(hub, "start")
        await step(hub, "fail")  # killed before its turn
        hub = await hub.restarted()
        await hub.turn(1)
        assert hub.open() == [("step-error", "service:meteor/decode/")]
        hub = await hub.restarted()
        await hub.turn(1)
        assert hub.flips() == ["raised"]
        await step(hub, "done")  # in the same cycle: the step was tried again
        await step(hub, "start", cycle="c2")
        await step(hub, "done", cycle="c2")
        hub = await hub.restarted()
        await hub.turn(1)
        assert hub.flips() == ["raised", "cleared"]

    with_hub(tmp_path, test)


async def failed_run(hub, ada, id="r1"):
    spec = RunSpec(argv=("apt", "upgrade"))
    await hub.store.runs.add(Run(id, "all", spec, int(NOW * S), "otto", ended=int(hub.clock.now * S)),
                             [RunNode(id, ada, 0, "failed", exit_code=1)])


def test_a_run_that_failed_is_told_until_somebody_acknowledges_it(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await failed_run(hub, ada)
        hub.doors.live.bus.publish(RunChanged("r1", "", "ended"))
        await hub.turn()
        [alarm] = hub.doors.alarms.open()
        assert alarm.summary == "apt upgrade (by otto) failed on 1 of 1 node" and alarm.severity == "info"
        await hub.doors.alarms.acknowledge([alarm.id], OPERATOR)
        await hub.turn()
        assert hub.over() == [("run-failed", "somebody has seen it")]
        assert hub.flips() == ["raised", "acknowledged", "cleared"]

    with_hub(tmp_path, test)


def test_a_run_that_ended_while_the_hub_was_killed_is_told_by_the_next_one(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await failed_run(hub, ada, "before")
        await hub.turn(20)
        hub.clock.now += 1
        await failed_run(hub, ada, "r1")
        hub = await hub.restarted()
        await hub.turn()
        assert hub.open() == [("run-failed", "run:r1")]

    with_hub(tmp_path, test)


def test_an_update_that_did_not_hold_is_told_until_one_does(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        publish = hub.doors.live.bus.publish
        publish(RolloutChanged("u1", ada, "rolled-back", {"reason": "no word from the agent"}))
        publish(RolloutChanged("u1", "", "ended"))
        await hub.turn()
        [alarm] = hub.doors.alarms.open()
        assert alarm.summary == "the update of ada did not hold: no word from the agent (rollout u1)"
        publish(RolloutChanged("u2", ada, "updated"))
        await hub.turn()
        assert hub.open() == []

    with_hub(tmp_path, test)


def test_a_host_that_only_says_thump_is_told_when_it_is_silent_heard_again_or_forgotten(tmp_path):
    async def test(hub):
        hosts = hub.doors.hosts
        for _ in range(2):
            assert hosts.hear("127.0.0.1")
            await hub.turn(40)
            await hosts.tick()
            await hub.turn(1)
            assert hub.open() == [("host-silent", "host:127.0.0.1")]
            assert hosts.hear("127.0.0.1")
            await hub.turn(1)
            assert hub.open() == []
        await hub.turn(40)
        await hosts.tick()
        await hub.turn(1)
        await hosts.forget("127.0.0.1", OPERATOR)
        await hub.turn(31)
        assert hub.open() == [] and hub.over()[-1] == ("host-silent", "the host was forgotten")

    with_hub(tmp_path, test)


# ---- restarts, full disks


def test_records_on_both_sides_of_a_restart_count_together_and_each_once(tmp_path):
    async def test(hub):
        await only(hub)
        await hub.doors.rules.put(Rule("many", "log", settings={"level": "error", "count": 4, "window": 600}), ADMIN)
        ada = await hub.node(0, "ada")
        await hub.log(ada, "1", "2", level="error")
        await hub.turn(15)
        await hub.log(ada, "3", level="error")  # killed before anybody took note
        hub = await hub.restarted()
        await hub.turn(5)
        assert hub.open() == [], "three, however often they are looked at"
        await hub.log(ada, "4", level="error")
        await hub.turn()
        assert hub.open() == [("many", f"node:{ada}")]

    with_hub(tmp_path, test)


def test_records_that_were_stored_before_the_hub_was_killed_raise_with_the_next_one(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.turn(15)
        await hub.log(ada, "it burns")
        await hub.log(ada, "an hour ago it burnt too", at=hub.clock.now - 3600)
        hub = await hub.restarted()
        await hub.log(ada, "and it burns on")  # before the new hub has looked back
        await hub.turn()
        assert hub.open() == [("log-critical", f"node:{ada}")] and hub.flips() == ["raised"]

    with_hub(tmp_path, test)


def test_what_was_told_before_a_restart_is_not_told_again(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.log(ada, "it burns")
        await hub.turn(400)
        assert hub.flips() == ["raised", "cleared"], "it was calm for as long as the rule looks back"
        hub = await hub.restarted()
        await hub.turn(20)
        assert hub.flips() == ["raised", "cleared"]

    with_hub(tmp_path, test)


def test_a_full_disk_loses_and_repeats_nothing(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.log(ada, "it burns")
        hub.store.full = True
        for _ in range(3):
            with pytest.raises(StoreFull):
                await hub.hub.watching.turn()
        assert hub.open() == []
        hub.store.full = False
        await hub.turn()
        assert ("log-critical", f"node:{ada}") in hub.open() and hub.flips().count("raised") == len(hub.open())
        await hub.turn(200)
        hub.store.full = True
        hub.clock.now += 400
        with pytest.raises(StoreFull):
            await hub.hub.watching.turn()
        assert ("log-critical", f"node:{ada}") in hub.open()
        hub.store.full = False
        await hub.turn()
        assert ("log-critical", f"node:{ada}") not in hub.open()

    with_hub(tmp_path, test)


def test_what_is_beyond_the_most_that_may_be_open_waits_for_room(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_OPEN_ALARMS", 2)

    async def test(hub):
        await only(hub, "log-critical")
        nodes = [await hub.node(number, f"n{number}") for number in range(3)]
        for node in nodes:
            await hub.log(node, "it burns")
        await hub.turn(1)
        assert len(hub.open()) == 2
        [alarm, _] = hub.doors.alarms.open()
        await hub.doors.alarms.clear("log-critical", {alarm.subject: ""})
        await hub.turn(1)
        assert len(hub.open()) == 2 and hub.flips().count("raised") == 3

    with_hub(tmp_path, test)


# ---- people


def test_a_rule_that_is_changed_switched_off_or_removed_clears_its_alarms_with_a_word_of_why(tmp_path):
    async def test(hub):
        rules = hub.doors.rules
        await only(hub)
        await rules.put(Rule("burning", "log", settings={"pattern": "burn"}), ADMIN)
        ada = await hub.node(0, "ada")
        for change in (lambda: rules.change("burning", {"severity": "critical"}, ADMIN),
                       lambda: rules.change("burning", {"on": False}, ADMIN),
                       lambda: rules.change("burning", {"on": True}, ADMIN), lambda: rules.remove("burning", ADMIN)):
            await hub.log(ada, "it burns")
            await hub.turn(1)
            await change()
            assert hub.open() == []
        assert hub.over() == [("burning", f"the rule was {what} by root")
                              for what in ("changed", "switched off", "removed")]
        await hub.log(ada, "it burns")
        await hub.turn(1)
        assert hub.open() == []
        actions = [entry.action for entry in (await hub.store.audit.list(4)).items]
        assert actions == ["rule.remove", "rule.change", "rule.change", "rule.change"]

    with_hub(tmp_path, test)


def test_a_rule_that_was_changed_just_before_the_hub_was_killed_lets_go_of_its_alarms_in_the_next_one(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.log(ada, "it burns")
        await hub.turn(1)

        async def killed(*_):
            raise ConnectionAbortedError

        hub.doors.rules.on_change = killed
        hub.clock.now += 1
        with pytest.raises(ConnectionAbortedError):
            await hub.doors.rules.change("log-critical", {"on": False}, ADMIN)
        assert len(hub.open()) == 1
        hub = await hub.restarted()
        await hub.turn(1)
        assert hub.open() == [] and hub.over() == [("log-critical", "the rule was switched off or removed")]

    with_hub(tmp_path, test)


def test_a_rule_that_this_hub_can_not_read_is_left_out_and_kept(tmp_path):
    async def test(hub):
        await hub.doors.rules.put(Rule("burning", "log", settings={"pattern": "burn"}), ADMIN)
        row = hub.store.alarms.by_name["burning"]
        hub.store.alarms.by_name["burning"] = type(row)("burning", json.dumps({"name": "burning", "kind": "of-later"}),
                                                        row.changed, row.changed_by)
        hub = await hub.restarted()
        await hub.turn(1)
        assert "burning" not in {kept.rule.name for kept in hub.doors.rules.all()}
        assert "burning" in hub.store.alarms.by_name

    with_hub(tmp_path, test)


def test_only_so_many_rules_may_be_there(tmp_path, monkeypatch):
    monkeypatch.setattr("dvic_hub.services.alarm_rules.MAX_ALARM_RULES", 18)

    async def test(hub):
        with pytest.raises(Exception, match="at most 18 rules"):
            await hub.doors.rules.put(Rule("more", "node-silent"), ADMIN)

    with_hub(tmp_path, test)


def test_what_was_cleared_before_the_retention_is_forgotten(tmp_path):
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.log(ada, "it burns")
        await hub.turn(400)
        assert len(hub.over()) == 1
        hub.clock.now += 31 * 86_400
        await hub.turn(10)
        assert hub.over() == [] and hub.flips() == []

    with_hub(tmp_path, test)
