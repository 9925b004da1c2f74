"""Alarms in a store, as any store must keep them."""

import asyncio
from dataclasses import replace

import pytest
from memory_store import MemoryStore

from dvic_hub.domain.alarm_model import Alarm, AlarmQuery, Delivery, Flip, RuleRow
from dvic_hub.errors import StoreFull
from dvic_hub.store.sqlite import SqliteStore

SILENT = Alarm("a1", "node-silent", "node:n-ada", "critical", "ada \U0001f4a3 is \"silent\"", 5, 5, node="n-ada",
               tags=("room=lab",))
FULL = Alarm("a2", "disk-full", "node:n-ada disk./", "warning", "/ is full", 6, 6, node="n-ada", value="97 %")
STEP = Alarm("a3", "step-error", "service:sat/decode/", "info", "decode failed", 7, 7, service="sat",
             component="decode")
MAIL = Delivery("d1", "mail", "raised", ("a1",), "ada", "is silent", 8, 8)


def kinds(flips):
    return [(flip.alarm, flip.kind, flip.time) for flip in flips]


def test_an_alarm_comes_back_as_it_was_raised_with_its_flip(every_store):
    async def steps():
        async with every_store() as it:
            assert await it.alarms.begin([SILENT, FULL], 9) == [SILENT, FULL]
            assert await it.alarms.open() == [SILENT, FULL]
            assert await it.alarms.get("a1") == SILENT and await it.alarms.get("a9") is None
            assert kinds(await it.alarms.unclaimed(9)) == [("a1", "raised", 5), ("a2", "raised", 6)]
            assert len(await it.alarms.unclaimed(1)) == 1

    asyncio.run(steps())


def test_one_of_a_rule_and_subject_is_open_at_a_time_however_many_raise_it(every_store):
    async def steps():
        async with every_store() as it:
            asked = [it.alarms.begin([replace(SILENT, id=f"a{number}")], 9) for number in range(5)]
            assert sum(map(len, await asyncio.gather(*asked))) == 1
            assert len(await it.alarms.unclaimed(9)) == 1
            [held] = await it.alarms.open()
            await it.alarms.clear([held.id], 9)
            assert await it.alarms.begin([replace(SILENT, id="b1")], 9), "what was cleared is raised anew"

    asyncio.run(steps())


def test_no_more_are_open_than_may_be(every_store):
    async def steps():
        async with every_store() as it:
            assert await it.alarms.begin([SILENT, FULL, STEP], 2) == [SILENT, FULL]
            assert await it.alarms.begin([STEP], 2) == []
            await it.alarms.clear(["a1"], 9)
            assert await it.alarms.begin([STEP], 2) == [STEP]

    asyncio.run(steps())


def test_each_change_happens_once_with_one_flip_whoever_asks(every_store):
    async def steps():
        async with every_store() as it:
            await it.alarms.begin([SILENT], 9)
            asked = [it.alarms.acknowledge(["a1"], who, 8) for who in ("otto", "mia")]
            assert sorted(map(len, await asyncio.gather(*asked))) == [0, 1]
            held = await it.alarms.get("a1")
            assert (held.state, held.acknowledged, held.changed) == ("acknowledged", 8, 8)
            cleared = [it.alarms.clear(["a1", "a9"], 9, "it was removed") for _ in range(3)]
            [[done]] = [found for found in await asyncio.gather(*cleared) if found]
            assert (done.state, done.cleared, done.reason) == ("cleared", 9, "it was removed")
            assert await it.alarms.acknowledge(["a1"], "mia", 10) == [], "what is over needs nobody"
            assert kinds(await it.alarms.flips("a1")) == [("a1", "raised", 5), ("a1", "acknowledged", 8),
                                                          ("a1", "cleared", 9)]

    asyncio.run(steps())


def test_a_newer_value_is_no_change_that_is_told_and_does_not_open_what_is_over(every_store):
    async def steps():
        async with every_store() as it:
            await it.alarms.begin([FULL], 9)
            await it.alarms.renew([replace(FULL, value="98 %", summary="fuller", changed=8)])
            assert await it.alarms.open() == [replace(FULL, value="98 %", summary="fuller", changed=8)]
            await it.alarms.clear(["a2"], 9)
            await it.alarms.renew([replace(FULL, value="99 %", changed=10)])
            assert (await it.alarms.get("a2")).value == "98 %"
            assert len(await it.alarms.flips("a2")) == 2

    asyncio.run(steps())


def test_flips_are_claimed_once_together_with_what_is_sent_of_them(every_store):
    async def steps():
        async with every_store() as it:
            await it.alarms.begin([SILENT, FULL], 9)
            first, second = await it.alarms.unclaimed(9)
            asked = [it.alarms.claim([first], [replace(MAIL, id=f"d{number}")], 8) for number in range(4)]
            assert sorted(await asyncio.gather(*asked)) == [False, False, False, True]
            assert not await it.alarms.claim([second, first], [replace(MAIL, id="d7")], 8), "all of them or none"
            assert await it.alarms.unclaimed(9) == [second]
            assert not await it.alarms.claim([Flip(99, "a9", "raised", 1)], [], 8)
            assert await it.alarms.claim([second], [replace(MAIL, id="d7")], 8), "what failed left nothing behind"

    asyncio.run(steps())


def test_a_silenced_alarm_speaks_again_once_and_only_while_it_is_open(every_store):
    async def steps():
        async with every_store() as it:
            await it.alarms.begin([SILENT, FULL], 9)
            assert await it.alarms.claim(await it.alarms.unclaimed(9), [], 8, silenced=["a1", "a2"])
            assert [one.silenced for one in await it.alarms.open()] == [True, True]
            assert [one.id for one in await it.alarms.hushed()] == ["a1", "a2"]
            await it.alarms.clear(["a2"], 9)
            spoken = await it.alarms.speak(["a1", "a2"], 10)
            assert [(one.id, one.silenced) for one in spoken] == [("a1", False)]
            assert await it.alarms.speak(["a1"], 11) == []
            assert kinds(await it.alarms.unclaimed(9)) == [("a2", "cleared", 9), ("a1", "raised", 10)]

    asyncio.run(steps())


def test_a_list_is_newest_first_in_pages_and_holds_what_is_asked_for(every_store):
    async def steps():
        async with every_store() as it:
            await it.alarms.begin([SILENT, FULL, STEP], 9)
            await it.alarms.clear(["a1"], 20)
            await it.alarms.acknowledge(["a2"], "otto", 21)
            page = await it.alarms.list(2)
            assert ([one.id for one in page.items], page.next) == (["a3", "a2"], "a2")
            page = await it.alarms.list(2, page.next)
            assert ([one.id for one in page.items], page.next) == (["a1"], "")
            wanted = {"open": {"open": True}, "over": {"open": False}, "raised": {"state": "raised"},
                      "acknowledged": {"state": "acknowledged"}, "cleared": {"state": "cleared"},
                      "bad": {"severity": "warning"}, "rule": {"rule": "disk-full"}, "node": {"node": "n-ada"},
                      "service": {"service": "sat"}, "since": {"since": 21}}
            found = {word: [one.id for one in (await it.alarms.list(9, query=AlarmQuery(**query))).items]
                     for word, query in wanted.items()}
            assert found == {"open": ["a3", "a2"], "over": ["a1"], "raised": ["a3"], "acknowledged": ["a2"],
                             "cleared": ["a1"], "bad": ["a2", "a1"], "rule": ["a2"], "node": ["a2", "a1"],
                             "service": ["a3"], "since": ["a3", "a2"]}

    asyncio.run(steps())


def test_what_was_cleared_long_ago_goes_with_its_flips_a_piece_at_a_time(every_store):
    async def steps():
        async with every_store() as it:
            await it.alarms.begin([SILENT, FULL, STEP], 9)
            await it.alarms.clear(["a1", "a2"], 20)
            assert await it.alarms.forget_before(20) == 0
            assert [await it.alarms.forget_before(21, 1) for _ in range(3)] == [1, 1, 0]
            assert await it.alarms.open() == [STEP]
            assert kinds(await it.alarms.unclaimed(9)) == [("a3", "raised", 7)]

    asyncio.run(steps())


def test_a_rule_is_there_once_and_goes_once(every_store):
    async def steps():
        async with every_store() as it:
            await it.alarms.put_rule(RuleRow("node-silent", "{}", 5, "anna"))
            await it.alarms.put_rule(RuleRow("node-silent", '{"on":false}', 6, "anna"))
            assert await it.alarms.rules() == [RuleRow("node-silent", '{"on":false}', 6, "anna")]
            assert await it.alarms.remove_rule("node-silent") and not await it.alarms.remove_rule("node-silent")

    asyncio.run(steps())


def test_they_outlive_a_restart(tmp_path, clock):
    async def steps():
        for begun in (True, False):
            it = SqliteStore(tmp_path / "dvic.db", clock)
            await it.open()
            if begun:
                await it.alarms.begin([SILENT], 9)
            assert await it.alarms.open() == [SILENT] and len(await it.alarms.unclaimed(9)) == 1
            await it.close()

    asyncio.run(steps())


def test_nothing_is_kept_when_the_disk_is_full():
    async def steps():
        it = MemoryStore()
        it.full = True
        with pytest.raises(StoreFull):
            await it.alarms.begin([SILENT], 9)
        assert await it.alarms.open() == []

    asyncio.run(steps())
