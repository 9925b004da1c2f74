"""Runs from order to end: sent once, answered or not, cancelled, halted, across restarts of the hub."""


import pytest
from hub_parts import ADMIN, HUB_KEY, OPERATOR, SPEC, ended, order, report_end, states, three, with_hub

from dvic_hub.domain import dispatch
from dvic_hub.domain.events import RunChanged
from dvic_hub.errors import BadRequest, Conflict, NotFound, StoreFull
from dvic_hub.services.runs import new_id
from dvic_wire.errors import InvalidSelector, LimitExceeded
from dvic_wire.messages import RunReply
from dvic_wire.runs import RunSpec
from dvic_wire.signing import Purpose, verify

# ---- the usual way

def test_a_run_is_signed_for_each_node_sent_once_and_ends_when_all_have():
    async def test(hub):
        nodes, lines = await three(hub)
        run = await hub.runs.create(order(), OPERATOR)
        assert await states(hub, run) == {"n0": "queued", "n1": "queued", "n2": "queued"}
        await hub.runs.tick(hub.clock())
        await hub.runs.tick(hub.clock())
        for node, line in zip(nodes, lines, strict=True):
            assert line.requests() == [run.id]
            claims = verify(line.sent[0].jws, HUB_KEY.public, Purpose.RUN, audience=node.id, now=hub.clock())
            assert (claims["iss"], claims["jti"], claims["by"]) == (HUB_KEY.fingerprint, run.id, "olga")
            assert RunSpec.from_json(claims["spec"]) == SPEC and "operator" not in claims
        for node in nodes:
            await hub.runs.on_reply(node.id, RunReply(run.id, "running"))
            await report_end(hub, run, node.id)
        await hub.runs.tick(hub.clock())
        assert set((await states(hub, run)).values()) == {"finished"} and await ended(hub, run)
        assert hub.events[-1] == RunChanged(run.id, "", "ended")
        assert await hub.store.runs.active() == []
    with_hub(test)


def test_only_what_the_selector_names_is_run_on_and_never_a_revoked_node():
    async def test(hub):
        await hub.node(0, "web-1")
        await hub.node(1, "db-1")
        await hub.node(2, "web-2", revoked=1)
        run = await hub.runs.create(order("web-*"), OPERATOR)
        assert await states(hub, run) == {"web-1": "queued"}
    with_hub(test)


def test_an_operators_own_signature_travels_along():
    async def test(hub):
        _, lines = await three(hub)
        await hub.runs.create(order(operator="o.p.s"), OPERATOR)
        await hub.runs.tick(hub.clock())
        claims = verify(lines[0].sent[0].jws, HUB_KEY.public, Purpose.RUN, audience=hub.fleet.view("n0").id,
                        now=hub.clock())
        assert claims["operator"] == "o.p.s"
    with_hub(test)


def test_ids_are_unique_sort_by_age_and_can_stand_in_a_path():
    ids = [new_id(1_763_632_800 + second) for second in range(50)] + [new_id(1.0), new_id(4_000_000_000)]
    assert len(set(ids)) == len(ids) and all(12 <= len(id) <= 32 and id.isalnum() and id.islower() for id in ids)
    assert ids[:50] == sorted(ids[:50]) and ids[-2] < ids[0] < ids[-1]


# ---- what is refused

def test_an_order_that_cant_be_carried_out_is_refused():
    async def test(hub):
        await hub.node(0)
        with pytest.raises(BadRequest) as error:
            await hub.runs.create(order("no-such-node"), OPERATOR)
        assert error.value.code == "no-nodes"
        with pytest.raises(InvalidSelector):
            await hub.runs.create(order("not"), OPERATOR)
        with pytest.raises(BadRequest):
            await hub.runs.create(order(batch="0"), OPERATOR)
        with pytest.raises(LimitExceeded):
            await hub.runs.create(order(spec=RunSpec(script="x" * 300_000)), OPERATOR)
        assert await hub.store.runs.active() == []
    with_hub(test)


def test_open_runs_are_bounded():
    async def test(hub):
        await hub.node(0)
        for _ in range(20):
            await hub.runs.create(order(queue=3600), OPERATOR)
        with pytest.raises(Conflict):
            await hub.runs.create(order(), OPERATOR)
    with_hub(test)


def test_what_is_not_in_the_audit_log_is_not_run():
    async def test(hub):
        _, lines = await three(hub)
        hub.store.full = True
        with pytest.raises(StoreFull):
            await hub.runs.create(order(), OPERATOR)
        hub.store.full = False
        await hub.pass_time(10)
        assert not hub.store.runs.runs and not any(line.sent for line in lines)
    with_hub(test)


def test_the_audit_entry_stands_before_the_run_does():
    async def test(hub):
        await hub.node(0, "n0")
        run = await hub.runs.create(order(reason="because"), OPERATOR)
        (entry,) = hub.store.audit.entries
        assert (entry.action, entry.actor, entry.target, entry.outcome) == ("run.create", "olga", "all", "ok")
        assert entry.detail["run"] == run.id and entry.detail["names"] == ["n0"] and entry.detail["reason"] == "because"
        assert entry.detail["argv"] == ["uname", "-a"]
    with_hub(test)


# ---- batch window, failures, queue

def test_each_end_admits_the_next_and_the_window_is_never_passed():
    async def test(hub):
        nodes, lines = await three(hub)
        run = await hub.runs.create(order(batch="1"), OPERATOR)
        for turn, node in enumerate(nodes):
            await hub.runs.tick(hub.clock())
            assert [len(line.requests()) for line in lines] == [1] * (turn + 1) + [0] * (2 - turn)
            await report_end(hub, run, node.id)
        await hub.runs.tick(hub.clock())
        assert await ended(hub, run)
    with_hub(test)


def test_too_many_failures_halt_what_has_not_started():
    async def test(hub):
        nodes, _ = await three(hub)
        run = await hub.runs.create(order(batch="1", max_failures=0), OPERATOR)
        await hub.runs.tick(hub.clock())
        await report_end(hub, run, nodes[0].id, "failed", 3)
        await hub.runs.tick(hub.clock())
        assert await states(hub, run) == {"n0": "failed", "n1": "cancelled", "n2": "cancelled"}
        assert await ended(hub, run)
        assert "halted" in (await hub.store.runs.nodes(run.id))[1].reason
    with_hub(test)


def test_an_offline_node_expires_or_is_waited_for_as_was_asked():
    async def test(hub):
        node = await hub.node(0, "n0")
        now = await hub.runs.create(order(), OPERATOR)
        later = await hub.runs.create(order(queue=3600), OPERATOR)
        await hub.pass_time(dispatch.RECONNECT_GRACE + 10)
        assert (await states(hub, now), await states(hub, later)) == ({"n0": "expired"}, {"n0": "queued"})
        line = await hub.connect(node)
        await hub.runs.tick(hub.clock())
        assert line.requests() == [later.id]
        assert await ended(hub, now)
    with_hub(test)


def test_a_queue_ends_when_it_was_said_to():
    async def test(hub):
        await hub.node(0, "n0")
        run = await hub.runs.create(order(queue=300), OPERATOR)
        await hub.pass_time(330)
        assert await states(hub, run) == {"n0": "expired"} and await ended(hub, run)
    with_hub(test)


# ---- answers that don't come

def test_a_request_that_was_lost_with_the_connection_is_sent_again_at_the_next():
    async def test(hub):
        node = await hub.node(0, "n0")
        first = await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.runs.tick(hub.clock())
        hub.agents.detach(node.id, first)
        hub.clock.now += 60
        second = await hub.connect(node)
        assert second.requests() == [run.id] and second.sent[0].jws != first.sent[0].jws
        verify(second.sent[0].jws, HUB_KEY.public, Purpose.RUN, audience=node.id, now=hub.clock())
    with_hub(test)


def test_an_unanswered_request_is_signed_and_sent_again_and_is_lost_at_last():
    async def test(hub):
        node = await hub.node(0, "n0")
        line = await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.pass_time(dispatch.RESEND_AFTER + 20)
        assert line.requests() == [run.id] * 2
        await hub.pass_time(dispatch.ANSWER_LIMIT)
        assert await states(hub, run) == {"n0": "lost"} and await ended(hub, run)
        sent = len(line.sent)
        await hub.pass_time(dispatch.RESEND_AFTER * 2)
        assert len(line.sent) == sent
    with_hub(test)


def test_an_expired_answer_counts_only_when_no_newer_request_is_on_its_way():
    async def test(hub):
        node = await hub.node(0, "n0")
        await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.pass_time(dispatch.RESEND_AFTER + 20)
        await hub.runs.on_reply(node.id, RunReply(run.id, "expired"))
        assert await states(hub, run) == {"n0": "dispatched"}
        await hub.runs.on_reply(node.id, RunReply(run.id, "expired", "clock"))
        assert await states(hub, run) == {"n0": "expired"}
    with_hub(test)


def test_a_refusal_is_an_end_with_its_reason():
    async def test(hub):
        node = await hub.node(0, "n0")
        await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.runs.on_reply(node.id, RunReply(run.id, "refused", "policy: not as root" + "x" * 1000))
        (row,) = await hub.store.runs.nodes(run.id)
        assert row.state == "refused" and row.reason.startswith("policy") and len(row.reason) <= dispatch.MAX_REASON
    with_hub(test)


def test_answers_about_runs_that_are_not_there_or_not_sent_change_nothing():
    async def test(hub):
        nodes, _ = await three(hub)
        run = await hub.runs.create(order("n0"), OPERATOR)
        for node, reply in ((nodes[0], RunReply(run.id, "refused")), (nodes[1], RunReply(run.id, "lost")),
                            (nodes[0], RunReply("nothing00000", "running")), (nodes[0], RunReply("", ""))):
            await hub.runs.on_reply(node.id, reply)
        assert await states(hub, run) == {"n0": "queued"}
        await hub.runs.tick(hub.clock())
        await report_end(hub, run, nodes[0].id)
        await hub.runs.on_reply(nodes[0].id, RunReply(run.id, "lost"))
        assert await states(hub, run) == {"n0": "finished"}
    with_hub(test)


def test_a_running_node_that_falls_silent_is_lost_after_its_timeout_and_a_limit():
    async def test(hub):
        node = await hub.node(0, "n0")
        line = await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.runs.on_reply(node.id, RunReply(run.id, "running"))
        hub.agents.detach(node.id, line)
        await hub.pass_time(SPEC.timeout + dispatch.SILENCE_LIMIT - 20)
        assert await states(hub, run) == {"n0": "running"}
        await hub.pass_time(40)
        assert await states(hub, run) == {"n0": "lost"}
    with_hub(test)


def test_an_agent_that_knows_nothing_of_a_run_any_more_says_so():
    async def test(hub):
        node = await hub.node(0, "n0")
        await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.runs.on_reply(node.id, RunReply(run.id, "running"))
        await hub.runs.on_reply(node.id, RunReply(run.id, "lost", "nothing is known of it"))
        await hub.runs.tick(hub.clock())
        assert await states(hub, run) == {"n0": "lost"} and await ended(hub, run)
    with_hub(test)


# ---- cancelling

def test_cancelling_ends_what_waits_and_asks_what_runs_until_it_answers():
    async def test(hub):
        nodes, lines = await three(hub)
        run = await hub.runs.create(order(batch="2"), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.runs.on_reply(nodes[0].id, RunReply(run.id, "running"))
        await hub.runs.cancel(run.id, ADMIN)
        await hub.runs.tick(hub.clock())
        assert await states(hub, run) == {"n0": "running", "n1": "dispatched", "n2": "cancelled"}
        assert [line.cancels() for line in lines] == [[run.id], [run.id], []]
        claims = verify(lines[0].sent[-1].jws, HUB_KEY.public, Purpose.CANCEL, audience=nodes[0].id, now=hub.clock())
        assert (claims["jti"], claims["by"]) == (run.id, "root")
        await hub.runs.on_reply(nodes[1].id, RunReply(run.id, "cancelled"))
        await report_end(hub, run, nodes[0].id, "cancelled", -1)
        await hub.runs.tick(hub.clock())
        assert set((await states(hub, run)).values()) == {"cancelled"} and await ended(hub, run)
        assert ("run.cancel", "ok") in hub.audited()
    with_hub(test)


def test_a_cancelled_run_is_asked_for_again_and_never_started_again():
    async def test(hub):
        node = await hub.node(0, "n0")
        line = await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.runs.cancel(run.id, OPERATOR)
        await hub.pass_time(dispatch.CANCEL_AGAIN * 3 + 5)
        assert line.requests() == [run.id] and len(line.cancels()) >= 3
        hub.agents.detach(node.id, line)
        again = await hub.connect(node)
        await hub.runs.tick(hub.clock())
        assert again.requests() == [] and again.cancels() == [run.id]
    with_hub(test)


def test_some_nodes_of_a_run_can_be_cancelled_and_it_is_remembered_across_a_restart():
    async def test(hub):
        nodes, _ = await three(hub)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.runs.cancel(run.id, OPERATOR, [nodes[0].id])
        await hub.restart()
        lines = [await hub.connect(node) for node in nodes]
        await hub.runs.tick(hub.clock())
        assert [line.cancels() for line in lines] == [[run.id], [], []]
        assert [line.requests() for line in lines] == [[], [run.id], [run.id]]
    with_hub(test)


def test_cancelling_what_is_over_changes_nothing_and_what_is_not_there_is_an_error():
    async def test(hub):
        node = await hub.node(0, "n0")
        await hub.connect(node)
        run = await hub.runs.create(order(), OPERATOR)
        await hub.runs.tick(hub.clock())
        await report_end(hub, run, node.id)
        await hub.runs.tick(hub.clock())
        assert not (await hub.runs.cancel(run.id, OPERATOR)).cancelled
        with pytest.raises(NotFound):
            await hub.runs.cancel("nothing00000", OPERATOR)
    with_hub(test)
