"""Nodes, tokens, runs, people and the audit log, as any store must keep them."""

import asyncio
from dataclasses import replace

import pytest
from batches import batch, lines

from dvic_hub.domain.keepalive import Seen
from dvic_hub.domain.model import ApiToken, AuditEntry, BarredKey, Node, Run, RunNode, RunQuery, Token, User
from dvic_hub.errors import BadRequest, Conflict
from dvic_wire.runs import CANCELLED, DISPATCHED, FAILED, FINISHED, QUEUED, RUNNING, RunSpec

EVE = Node("n-eve", "eve", b"e" * 32, {"room": "lab"}, {"os": "debian 12"}, "1.0", "10.0.0.1", enrolled=5, last_seen=6,
           period=10, serial=7, serial_window=2**64 - 1, status="fine")


def run(steps):
    return asyncio.run(steps())


# ---- nodes


def test_a_node_comes_back_as_it_was_added_by_id_and_by_name(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.nodes.add(EVE)
            assert await it.nodes.get("n-eve") == await it.nodes.get("eve") == EVE
            assert await it.nodes.get("nobody") is None
        async with store(nodes=()) as it:
            assert await it.nodes.all() == [EVE]

    run(steps)


def test_no_two_nodes_have_one_id_or_one_name(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.nodes.add(EVE)
            for other in (replace(EVE, name="other"), replace(EVE, id="n-other")):
                with pytest.raises(Conflict):
                    await it.nodes.add(other)
            await it.nodes.add(replace(EVE, id="n-mal", name="mal"))
            with pytest.raises(Conflict):
                await it.nodes.update("n-mal", name="eve")
            assert (await it.nodes.get("n-mal")).name == "mal"

    run(steps)


def test_an_id_wins_over_a_name_that_looks_like_it(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.nodes.add(EVE)
            await it.nodes.add(replace(EVE, id="n-trick", name="n-eve"))
            assert (await it.nodes.get("n-eve")).id == "n-eve"

    run(steps)


def test_a_nodes_fields_change_by_name_and_no_other_column_can_be_named(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.nodes.add(EVE)
            assert (await it.nodes.update("n-eve", name="eva", tags={"a": "b"}, revoked=9)) == replace(
                EVE, name="eva", tags={"a": "b"}, revoked=9)
            assert await it.nodes.update("n-nobody", name="x") is None
            assert await it.nodes.update("n-nobody") is None
            with pytest.raises(ValueError):
                await it.nodes.update("n-eve", **{"name = 'x' --": 1})
            await it.nodes.seen([Seen("n-eve", 100, "10.9.9.9", 30, 8, 3, EVE.status), Seen("n-gone", 1, "", 1, 1, 1)])
            assert await it.nodes.get("eva") == replace(EVE, name="eva", tags={"a": "b"}, revoked=9, last_seen=100,
                                                        address="10.9.9.9", period=30, serial=8, serial_window=3)

    run(steps)


def test_a_removed_node_leaves_no_cursor_and_its_key_stays_forbidden(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.nodes.add(EVE)
            await it.streams.commit(batch("n-eve", "journal", lines(0, 1), "", "a"))
            await it.runs.add(Run("r", "all", RunSpec(argv=("true",)), 1, "ada"), [RunNode("r", "n-eve", 0)])
            await it.nodes.forbid_key(BarredKey("n-eve", EVE.public_key, "eve", 5, "root", "sold"))
            assert await it.nodes.remove("n-eve") and not await it.nodes.remove("n-eve")
            assert await it.streams.cursors("n-eve") == {} and await it.runs.nodes("r") == []
            assert (await it.nodes.forbidden_key("n-eve")).reason == "sold"
            assert await it.nodes.forbidden_key("n-ada") is None
            await it.nodes.add(EVE)
            assert (await it.streams.commit(batch("n-eve", "journal", lines(0, 1), "", "a"))).accepted

    run(steps)


# ---- tokens


def token(id="t", uses=1, expires=1000, **more):
    return Token(id, expires, uses, {"room": "lab"}, 1, "ada", **more)


def test_a_token_lets_in_as_many_nodes_as_it_has_uses(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.tokens.add(token(uses=2))
            eves = [replace(EVE, id=f"n-{number}", name=f"eve{number}", tags={}) for number in range(5)]
            told = await asyncio.gather(*(it.tokens.enrol("t", eve, 10) for eve in eves))
            assert sorted(told) == ["ok", "ok", "used-up", "used-up", "used-up"]
            assert [node.tags for node in await it.nodes.all()] == [{"room": "lab"}] * 2
            assert (await it.tokens.get("t")).uses == 0

    run(steps)


def test_a_node_that_asks_again_with_its_token_uses_nothing_up(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.tokens.add(token())
            assert [await it.tokens.enrol("t", EVE, 10) for _ in range(3)] == ["ok", "known", "known"]
            assert len(await it.nodes.all()) == 1

    run(steps)


def test_a_node_that_lost_its_pin_joins_again_with_a_new_token_and_stays_what_it_is(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.nodes.add(EVE)
            await it.tokens.add(token())
            asked = replace(EVE, name="eve-2", tags={}, enrolled=9)
            assert [await it.tokens.enrol("t", asked, 10) for _ in range(2)] == ["known", "known"]
            assert await it.nodes.all() == [EVE]
            assert (await it.tokens.get("t")).uses == 1
            assert await it.tokens.enrol("t", replace(EVE, id="n-2", name="bob"), 10) == "ok"
            await it.tokens.add(replace(token(), id="spent", uses=0))
            assert await it.tokens.enrol("spent", EVE, 10) == "used-up"

    run(steps)


def test_a_node_that_comes_with_another_token_stays_the_same_node_and_uses_nothing_up(store):
    async def steps():
        async with store(nodes=()) as it:
            for id in ("t", "u"):
                await it.tokens.add(token(id))
            assert await it.tokens.enrol("t", EVE, 10) == "ok"
            assert await it.tokens.enrol("u", replace(EVE, name="eve-2"), 11) == "known"
            assert [node.name for node in await it.nodes.all()] == ["eve"]
            assert (await it.tokens.get("u")).uses == 1
            assert await it.tokens.used_by("t", 9) == [("n-eve", 10)]
            assert await it.tokens.used_by("u", 9) == [("n-eve", 11)]

    run(steps)


def test_who_joined_with_a_token_is_known_newest_first(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.tokens.add(token(uses=-1))
            for number in range(3):
                eve = replace(EVE, id=f"n-{number}", name=f"eve{number}")
                assert await it.tokens.enrol("t", eve, 10 + number) == "ok"
            assert await it.tokens.used_by("t", 2) == [("n-2", 12), ("n-1", 11)]
            assert await it.tokens.used_by("other", 2) == []

    run(steps)


def test_a_token_that_does_not_count_is_told_apart(store):
    async def steps():
        async with store(nodes=()) as it:
            await it.tokens.add(token("old", expires=10))
            await it.tokens.add(token("good", uses=-1))
            await it.tokens.add(token("bad"))
            assert await it.tokens.revoke("bad", 7) and not await it.tokens.revoke("bad", 8)
            assert not await it.tokens.revoke("none", 8)
            assert await it.tokens.enrol("old", EVE, 10) == "expired"
            assert await it.tokens.enrol("bad", EVE, 10) == "revoked"
            assert await it.tokens.enrol("none", EVE, 10) == "unknown"
            assert await it.tokens.enrol("good", EVE, 10) == "ok"
            assert await it.tokens.enrol("good", replace(EVE, id="n-2"), 10) == "name-taken"
            assert (await it.tokens.get("good")).uses == -1 and (await it.tokens.get("bad")).revoked == 7
            assert {one.id for one in await it.tokens.all()} == {"old", "good", "bad"}
            assert await it.tokens.forget_over(10) == 2
            assert {one.id for one in await it.tokens.all()} == {"good"}
            assert await it.tokens.enrol("good", EVE, 10) == "known"
            assert await it.tokens.enrol("old", replace(EVE, id="n-2"), 10) == "unknown"

    run(steps)


# ---- runs


def order(id, created=1, **more):
    return Run(id, "tag:a", RunSpec(argv=("echo", "ü"), env=(("A", "b"),), timeout=9), created, "ada", **more)


def test_a_run_comes_back_as_it_was_added_with_its_nodes_in_order(store):
    async def steps():
        async with store() as it:
            made = order("r1", reason="why", batch="25%", max_failures=2, queue_until=5, operator="jws")
            nodes = [RunNode("r1", "n-bob", 0), RunNode("r1", "n-ada", 1)]
            await it.runs.add(made, list(reversed(nodes)))
            assert await it.runs.get("r1") == made and await it.runs.get("r2") is None
            assert await it.runs.nodes("r1") == nodes
            with pytest.raises(Conflict):
                await it.runs.add(made, [])

    run(steps)


def test_a_node_in_a_run_moves_only_from_where_it_is_and_never_from_an_end(store):
    async def steps():
        async with store() as it:
            await it.runs.add(order("r1"), [RunNode("r1", "n-ada", 0)])
            assert await it.runs.move("r1", "n-ada", frozenset({QUEUED}), DISPATCHED, dispatched=5)
            assert not await it.runs.move("r1", "n-ada", frozenset({QUEUED}), DISPATCHED)
            moves = await asyncio.gather(*(it.runs.move("r1", "n-ada", frozenset({DISPATCHED, RUNNING}), to)
                                           for to in (FINISHED, CANCELLED)))
            assert sorted(moves) == [False, True]
            assert not await it.runs.move("r1", "n-ada", frozenset({FINISHED, CANCELLED}), QUEUED)
            assert not await it.runs.move("r1", "n-bob", frozenset({QUEUED}), DISPATCHED)
            assert not await it.runs.move("r1", "n-ada", frozenset(), DISPATCHED)
            assert (await it.runs.nodes("r1"))[0].dispatched == 5

    run(steps)


def test_runs_that_go_on_are_known_by_run_and_by_node(store):
    async def steps():
        async with store() as it:
            await it.runs.add(order("r1"), [RunNode("r1", "n-ada", 0, FINISHED), RunNode("r1", "n-bob", 1, RUNNING)])
            await it.runs.add(order("r2", 2), [RunNode("r2", "n-ada", 0)])
            await it.runs.add(order("r3", 3, ended=4), [RunNode("r3", "n-ada", 0, FINISHED)])
            assert await it.runs.active() == ["r1", "r2"]
            assert [row.run for row in await it.runs.active_on("n-ada")] == ["r2"]
            await it.runs.update("r1", ended=9)
            assert await it.runs.active() == ["r2"] and (await it.runs.get("r1")).ended == 9

    run(steps)


def test_runs_are_listed_newest_first_in_pages(store):
    async def steps():
        async with store() as it:
            for number in range(7):
                await it.runs.add(order(f"r{number}", number // 2), [])
            found, before = [], ""
            while True:
                page = await it.runs.list(3, before)
                found += [each.id for each in page.items]
                before = page.next
                if not before:
                    break
            assert found == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]
            for bad in ("x", "zz.r1", "1", "-1.r1", "1."):
                with pytest.raises(BadRequest):
                    await it.runs.list(3, bad)

    run(steps)


def test_runs_are_found_by_who_node_text_and_how_they_go(store):
    async def steps():
        async with store() as it:
            await it.runs.add(replace(order("r1", 1, reason="Weekly CHECK", ended=5), created_by="otto"),
                              [RunNode("r1", "n-ada", 0, FAILED), RunNode("r1", "n-bob", 1, FINISHED)])
            script = RunSpec(script="#!/bin/sh\nreboot", stdin="secret", env=(("TOKEN", "secret"),), timeout=9)
            await it.runs.add(replace(order("r2", 2), spec=script), [RunNode("r2", "n-bob", 0, RUNNING)])

            async def found(**query):
                return [run.id for run in (await it.runs.list(9, "", RunQuery(**query))).items]

            assert await found() == ["r2", "r1"]
            assert await found(by="otto") == await found(node="n-ada") == await found(failed=True) == ["r1"]
            assert await found(active=True) == await found(text="REBOOT") == ["r2"]
            assert await found(text="weekly check") == await found(text="echo ü") == await found(text="r1") == ["r1"]
            assert await found(text="tag:a") == ["r2", "r1"] and await found(text="tag:a", by="otto") == ["r1"]
            assert await found(text="secret") == [], "environment and input are not searched"
            assert await found(text="%") == await found(by="' OR 1=1 --") == []
            assert await it.runs.counts(["r1", "r2", "r3"]) == {
                "r1": {FAILED: 1, FINISHED: 1}, "r2": {RUNNING: 1}, "r3": {}}

    run(steps)


# ---- people and audit


def test_users_are_added_changed_and_removed_with_their_tokens(store):
    async def steps():
        async with store() as it:
            user = User("eve", "viewer", "hash", 1, must_change=True)
            await it.people.add_user(user)
            with pytest.raises(Conflict):
                await it.people.add_user(user)
            assert await it.people.user("eve") == user and await it.people.user("mal") is None
            assert await it.people.update_user("eve", role="admin", must_change=False)
            assert not await it.people.update_user("mal", role="admin")
            assert await it.people.users() == [replace(user, role="admin", must_change=False)]
            await it.people.add_token(ApiToken("t1", b"h", "eve", "admin", 1))
            assert await it.people.remove_user("eve") and not await it.people.remove_user("eve")
            assert await it.people.tokens() == []

    run(steps)


def test_tokens_of_people_are_found_touched_and_removed(store):
    async def steps():
        async with store() as it:
            tokens = [ApiToken(f"t{number}", bytes([number]), user, "viewer", number, 9, 0, "note", "login")
                      for number, user in enumerate(["eve", "eve", "mal"])]
            for one in tokens:
                await it.people.add_token(one)
            assert await it.people.token("t1") == tokens[1] and await it.people.token("t9") is None
            assert await it.people.tokens("eve") == [tokens[1], tokens[0]] and len(await it.people.tokens()) == 3
            await it.people.touch_token("t2", 77)
            assert (await it.people.token("t2")).last_used == 77
            assert await it.people.remove_tokens_of("eve") == 2 and await it.people.remove_token("t2")
            assert not await it.people.remove_token("t2")

    run(steps)


def test_the_audit_log_grows_in_order_and_is_searched_without_being_run(store):
    async def steps():
        async with store() as it:
            def entry(number):
                return AuditEntry(0, number, ["eve", "mal"][number % 2], "10.0.0.1", "node.tag", "ada", {"n": number})

            ids = [await it.audit.add(entry(number)) for number in range(5)]
            assert ids == sorted(set(ids))
            await it.audit.outcome(ids[0], "ok")
            first = await it.audit.list(3)
            rest = await it.audit.list(3, first.next)
            assert [one.time for one in (*first.items, *rest.items)] == [4, 3, 2, 1, 0] and rest.next == ""
            assert rest.items[-1] == replace(entry(0), id=ids[0], outcome="ok")
            assert [one.time for one in (await it.audit.list(9, actor="mal")).items] == [3, 1]
            for attack in ("' OR 1=1 --", "mal' UNION SELECT * FROM user --"):
                assert (await it.audit.list(9, actor=attack, action=attack, target=attack)).items == []
            for bad in ("x", "-1", "1 OR 1", "9" * 30):
                with pytest.raises(BadRequest):
                    await it.audit.list(3, bad)

    run(steps)


def test_values_are_kept_and_a_job_that_fails_takes_nothing_else_with_it(store):
    async def steps():
        async with store() as it:
            taken = it.nodes.add(Node("n-x", "ada", b""))
            stored = it.streams.commit(batch("n-ada", "journal", lines(0, 1), "", "a"))
            told = await asyncio.gather(it.set_value("a", "1"), taken, it.set_value("b", "2"), stored,
                                        return_exceptions=True)
            assert isinstance(told[1], Conflict) and told[3].accepted
            assert (await it.get_value("a"), await it.get_value("b"), await it.get_value("c")) == ("1", "2", None)

    run(steps)


def test_one_process_has_a_store_at_a_time(store):
    async def steps():
        async with store():
            with pytest.raises(Conflict):
                async with store():
                    pass
        async with store():
            pass

    run(steps)
