"""Monitoring services, their cycles and the events that wait, as any store must keep them."""

import asyncio
from dataclasses import replace

import pytest
from batches import batch, lines

from dvic_hub.domain.cycle_model import Cycle, Service, Share, Step
from dvic_hub.domain.model import Node
from dvic_hub.domain.service_description import checked
from dvic_hub.errors import BadRequest, Conflict, StoreFull
from dvic_hub.store.sqlite import SqliteStore

DESCRIPTION = checked({"name": "meteor", "components": [{"name": "connect"},
                                                        {"name": "decode", "sources": ["a", "b"]}]})
METEOR = Service("meteor", DESCRIPTION, 5, "ada", 6, True, ("decode",), {"": "info"}, 7, 99, {"old": 3})


def a_cycle(number=1, **changes):
    steps = [Step("connect", "", "running", started=5, message="m", place="1.0"), Step("decode", "a"),
             Step("decode", "b")]
    return replace(Cycle("meteor", number, started=5, heard=6, steps=steps), **changes)


def run(steps):
    return asyncio.run(steps())


def test_a_service_comes_back_as_it_was_added(every_store):
    async def steps():
        async with every_store() as it:
            await it.services.add(METEOR)
            await it.services.add(replace(METEOR, name="aqua"))
            with pytest.raises(Conflict):
                await it.services.add(METEOR)
        async with every_store() as it:
            assert await it.services.get("meteor") == METEOR and await it.services.get("venus") is None
            assert [each.name for each in await it.services.all()] == ["aqua", "meteor"]

    run(steps)


def test_changing_a_service_keeps_what_it_has_counted_and_puts_its_open_cycles(every_store):
    async def steps():
        async with every_store() as it:
            await it.services.add(METEOR)
            other = checked({"name": "meteor", "components": [{"name": "other"}]})
            changed = replace(METEOR, description=other, changed=9, off=False, components_off=(), levels={}, due=5,
                              last=0, counted={})
            assert await it.services.change(changed, [a_cycle(7)])
            assert await it.services.get("meteor") == replace(changed, last=7, counted={"old": 3})
            assert await it.services.cycle("meteor", 7) == a_cycle(7)
            assert not await it.services.change(replace(METEOR, name="venus"), [])

    run(steps)


def test_shares_are_kept_up_to_a_number_and_go_with_their_service(every_store):
    async def steps():
        one, two = (Share(f"{name}", b"\x00hash", "meteor", time, "ada", "n") for name, time in (("b", 1), ("a", 2)))
        async with every_store() as it:
            await it.services.add(METEOR)
            assert await it.services.add_share(two, 2) and await it.services.add_share(one, 2)
            assert not await it.services.add_share(replace(one, id="c"), 2)
            assert await it.services.add_share(replace(one, id="c", service="aqua"), 2)
        async with every_store() as it:
            assert await it.services.shares("meteor") == [one, two]
            assert await it.services.share("a") == two and await it.services.share("d") is None
            assert await it.services.remove_share("a") and not await it.services.remove_share("a")
            await it.services.remove("meteor")
            assert await it.services.share("b") is None and await it.services.share("c")

    run(steps)


def test_results_are_those_of_the_newest_cycles(every_store):
    async def steps():
        async with every_store() as it:
            await it.services.add(METEOR)
            await it.services.change(METEOR, [a_cycle(1, result="ok"), a_cycle(2, result="error"), a_cycle(3)])
            assert await it.services.results("meteor", 2) == [(3, ""), (2, "error")]
            assert await it.services.results("aqua", 2) == []

    run(steps)


def test_cycles_are_listed_newest_first_in_pages(every_store):
    async def steps():
        async with every_store() as it:
            await it.services.add(METEOR)
            await it.services.settle([], [METEOR], [a_cycle(number) for number in range(1, 6)], 10)
            first = await it.services.cycles("meteor", 3)
            rest = await it.services.cycles("meteor", 3, first.next)
            assert [cycle.number for cycle in (*first.items, *rest.items)] == [5, 4, 3, 2, 1] and rest.next == ""
            assert first.items[0] == a_cycle(5) and await it.services.cycle("meteor", 9) is None

    run(steps)


def test_a_cursor_of_something_else_is_refused(tmp_path, clock):
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db", clock)
        await it.open()
        for cursor in ("x", "-1", "9" * 40, "²"):
            with pytest.raises(BadRequest):
                await it.services.cycles("meteor", 3, cursor)
        await it.close()

    run(steps)


def test_what_a_turn_needs_is_found(every_store):
    async def steps():
        async with every_store() as it:
            await it.services.add(METEOR)
            cycles = [a_cycle(1, result="ok"), a_cycle(2, result="ok", name="a"), a_cycle(3, result="error"),
                      a_cycle(4), a_cycle(5, name="b"), a_cycle(6, result="ok", name="c")]
            await it.services.settle([], [METEOR], cycles, 10)
            found = await it.services.relevant({"meteor": {"c", "", "unknown"}, "venus": {"x"}})
            assert sorted(cycle.number for cycle in found) == [3, 4, 5, 6]
            many = await it.services.relevant({"meteor": {f"n{number}" for number in range(1200)} | {"a"}})
            assert sorted(cycle.number for cycle in many) == [2, 3, 4, 5, 6]

    run(steps)


def test_events_of_a_batch_wait_with_its_number_and_go_when_they_were_applied(every_store):
    async def steps():
        async with every_store(nodes=["ada"]) as it:
            await it.services.add(METEOR)
            verdict = await it.streams.commit(replace(batch("n-ada", "journal", lines(0, 2), "", "a"), steps=b"one"))
            await it.streams.commit(batch("n-ada", "journal", lines(2, 2), "a", "b"))
            again = await it.streams.commit(replace(batch("n-ada", "journal", lines(0, 2), "", "a"), steps=b"one"))
            assert not again.accepted
            await it.services.put_events(b"two")
        async with every_store(nodes=["ada"]) as it:
            waiting = await it.services.waiting(10)
            assert [(each.number, each.body) for each in waiting] == [(verdict.number, b"one"), (0, b"two")]
            assert await it.services.waiting(1) == waiting[:1]
            assert await it.services.settle(waiting[:1], [replace(METEOR, last=8, counted={"x": 1})], [a_cycle(8)], 10)
        async with every_store(nodes=["ada"]) as it:
            assert await it.services.waiting(10) == waiting[1:]
            assert (await it.services.get("meteor")).last == 8 and await it.services.cycle("meteor", 8) == a_cycle(8)

    run(steps)


def test_events_are_applied_once_whoever_else_has_taken_them(every_store):
    async def steps():
        async with every_store() as it:
            await it.services.add(METEOR)
            await it.services.put_events(b"one")
            await it.services.put_events(b"two")
            waiting = await it.services.waiting(10)
            assert await it.services.settle(waiting[:1], [METEOR], [], 10)
            assert not await it.services.settle(waiting, [replace(METEOR, last=9)], [a_cycle(9)], 10)
            assert await it.services.waiting(10) == waiting[1:]
            assert (await it.services.get("meteor")).last == 7 and await it.services.cycle("meteor", 9) is None

    run(steps)


def test_nothing_is_written_of_a_service_that_was_removed_and_its_cycles_go_with_it(every_store):
    async def steps():
        async with every_store() as it:
            await it.services.add(METEOR)
            await it.services.settle([], [METEOR], [a_cycle()], 10)
            assert await it.services.remove("meteor") and not await it.services.remove("meteor")
            assert await it.services.settle([], [METEOR], [a_cycle(2)], 10)
            assert await it.services.get("meteor") is None and (await it.services.cycles("meteor", 5)).items == []

    run(steps)


def test_only_the_newest_cycles_stay_and_those_that_are_open(every_store):
    async def steps():
        async with every_store() as it:
            await it.services.add(METEOR)
            await it.services.settle([], [replace(METEOR, last=3)],
                                     [a_cycle(1), a_cycle(2, result="ok"), a_cycle(3, result="ok")], 10)
            await it.services.settle([], [replace(METEOR, last=5)], [a_cycle(4), a_cycle(5)], 3)
            assert [cycle.number for cycle in (await it.services.cycles("meteor", 9)).items] == [5, 4, 3, 1]

    run(steps)


def test_events_of_a_group_that_failed_do_not_wait(tmp_path, clock):
    """The disk is full in the middle of a group: neither the records nor their events are kept."""
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db", clock)
        await it.open()
        await it.nodes.add(Node("n-ada", "ada", b"a" * 32))
        pages = await it._writer.run(lambda connection: connection.pragma("page_count"))
        await it._writer.run(lambda connection: connection.pragma("max_page_count", pages))
        full = replace(batch("n-ada", "journal", lines(0, 2), "", "a"), steps=b"x" * 100_000)
        with pytest.raises(StoreFull):
            await it.streams.commit(full)
        assert await it.services.waiting(10) == [] and await it.streams.cursors("n-ada") == {}
        await it._writer.run(lambda connection: connection.pragma("max_page_count", 2**30))
        assert (await it.streams.commit(full)).accepted and len(await it.services.waiting(10)) == 1
        await it.close()

    run(steps)
