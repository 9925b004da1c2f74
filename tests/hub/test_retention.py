"""What is dropped, what is joined, and when."""

import asyncio

from batches import MICROSECONDS, NOON, all_pages, batch, compact, lines, samples

from dvic_hub.domain.model import Run, RunNode
from dvic_hub.services.maintenance import DROP_EVERY, MaintenanceService
from dvic_hub.services.retention import (
    LONGEST_WAIT,
    LOOK_AGAIN,
    QUIET_BATCHES,
    REST_BUSY,
    REST_QUIET,
    Pace,
    oldest_kept,
)
from dvic_wire.records import run_output
from dvic_wire.runs import RUNNING, RunSpec

DAY = 86400
RUN_ID = "0123456789ab"


def run(steps):
    return asyncio.run(steps())


def output(number):
    return [run_output(NOON * MICROSECONDS + number, "out", b"%d" % number)]


async def fill_a_day(it, number, count=5, node="n-ada"):
    held = (await it.streams.cursors(node)).get("journal", "")
    records = lines(number * 100, count, at=NOON + number * DAY)
    await it.streams.commit(batch(node, "journal", records, held, f"d{number}"))


# ---- days


def test_a_day_is_kept_until_its_last_moment_is_too_old():
    assert oldest_kept(NOON, 30) == "20251021"
    assert oldest_kept(NOON + DAY / 2 - 1, 30) == "20251021"
    assert oldest_kept(NOON + DAY / 2, 30) == "20251022"
    assert oldest_kept(NOON, 0) == "20251120"


def test_dropped_days_are_gone_and_the_others_whole(store, clock):
    async def steps():
        async with store() as it:
            for number in range(4):
                await fill_a_day(it, number)
                await it.streams.commit(batch("n-bob", "hardware", samples(number * 10, 3, at=clock.now),
                                              str(number or ""), str(number + 1), source="hardware"))
                clock.now += DAY
            assert await it.streams.drop_before("20251122") == 2
            assert await it.streams.drop_before("20251122") == 0
            left = [*range(200, 205), *range(300, 305)]
            assert await all_pages(it) == [f"line {number}" for number in reversed(left)]
            series = await it.streams.series(["n-bob"], ["cpu"], 0, 0, 0)
            assert len(series[0].values) == 6
            assert await it.streams.cursors("n-ada") == {"journal": "d3"}, "cursors are no history"
            assert await it.check() == []
        async with store() as it:
            assert len(await all_pages(it)) == 10

    run(steps)


def test_ids_are_never_given_twice_though_the_newest_day_was_dropped(store, clock):
    async def steps():
        async with store() as it:
            await fill_a_day(it, 0, 3)
            await it.streams.drop_before("20251121")
        async with store() as it:
            await fill_a_day(it, 1, 3)
            await fill_a_day(it, 1, 0)
            assert await it.check() == [] and len(await all_pages(it, limit=2)) == 3

    run(steps)


def test_ids_are_never_given_twice_though_joining_or_dropping_is_all_that_a_restarted_hub_did(store, clock):
    async def steps():
        stream = f"run:{RUN_ID}"
        async with store() as it:
            await it.runs.add(Run(RUN_ID, "all", RunSpec(argv=("true",)), 1, "ada"), [RunNode(RUN_ID, "n-ada", 0)])
            for number in range(60):
                await it.streams.commit(batch("n-ada", stream, output(number), str(number or ""), str(number + 1)))
            page = await it.streams.run_output(RUN_ID, "n-ada", "", 59)
        async with store() as it:
            await compact(it)
        async with store() as it:
            await it.streams.commit(batch("n-ada", stream, output(60), "60", "61"))
            rest = await it.streams.run_output(RUN_ID, "n-ada", page.next, 9)
            assert [record["out"] for record in rest.items] == ["59", "60"], "what came later stands behind"
        async with store() as it:
            clock.now += DAY
            await it.streams.drop_before("20251121")
        async with store() as it:
            await it.streams.commit(batch("n-ada", stream, output(61), "61", "62"))
            rest = await it.streams.run_output(RUN_ID, "n-ada", page.next, 9)
            assert [record["out"] for record in rest.items] == ["61"]

    run(steps)


def test_a_day_that_was_being_dropped_when_the_clock_is_set_back_to_it_is_used_again(store, clock):
    async def steps():
        async with store() as it:
            await fill_a_day(it, 0)
            clock.now += DAY
            await fill_a_day(it, 1)
            await it.streams.drop_before("20251121")
            clock.now -= DAY
            await fill_a_day(it, 2)
            assert (await all_pages(it))[:5] == [f"line {200 + place}" for place in reversed(range(5))]
            assert await it.check() == []

    run(steps)


# ---- blocks


def test_joining_takes_many_small_rows_and_leaves_few(store):
    async def steps():
        async with store() as it:
            empty = (await it.sizes())["used"]
            for number in range(300):
                for node in ("n-ada", "n-bob"):
                    records = lines(number * 10, 10)
                    await it.streams.commit(batch(node, "journal", records, str(number or ""), str(number + 1)))
            before = await it.sizes()
            await compact(it)
            after = await it.sizes()
            assert after["used"] - empty < (before["used"] - empty) / 2
            assert len(await all_pages(it, limit=1000)) == 6000
            assert await it.check() == []

    run(steps)


def test_a_day_that_is_over_is_joined_to_the_last_row_of_every_sort(store, clock):
    async def steps():
        async with store() as it:
            await it.runs.add(Run("0123456789ab", "all", RunSpec(argv=("true",)), 1, "ada"),
                              [RunNode("0123456789ab", "n-ada", 0, RUNNING)])
            await fill_a_day(it, 0, 1)
            await it.streams.commit(batch("n-ada", "hardware", samples(0, 5), "", "5", source="hardware"))
            demos = [{"time": 1, "demos": [{"file": "x"}]}]
            await it.streams.commit(batch("n-ada", "demos", demos, "", "1", source="demos"))
            states = [{"time": 1, "containers": [{"id": "1", "engine": "lxc", "state": "running"}]}]
            await it.streams.commit(batch("n-ada", "containers", states, "", "1", source="containers"))
            output = [run_output(NOON * MICROSECONDS, "out", b"x")]
            await it.streams.commit(batch("n-ada", "run:0123456789ab", output, "", "1", source="run"))
            assert await it.streams.compact() == 0
            clock.now += DAY
            await compact(it)
            assert await it.check() == []
            assert it.stats()["compacted_rows_total"] == 5
            assert await all_pages(it) == ["line 0"]
            [piece] = (await it.streams.run_output("0123456789ab", "n-ada", "", 9)).items
            assert piece.pop("place") and [piece] == output
            assert (await it.streams.series(["n-ada"], ["cpu"], 0, 0, 0))[0].values == [0.5, 1.5, 2.5, 3.5, 4.5]
            assert await it.streams.compact() == 0

    run(steps)


def test_samples_grow_coarser_with_age(store, clock):
    async def steps():
        async with store() as it:
            for number in range(0, 720, 10):
                await it.streams.commit(batch("n-ada", "hardware", samples(number, 10), str(number or ""),
                                              str(number + 10), source="hardware"))

            async def points():
                await compact(it)
                cpu, = await it.streams.series(["n-ada"], ["cpu"], 0, 0, 0)
                return len(cpu.values), round(sum(cpu.values) / len(cpu.values), 3)

            fine = await points()
            clock.now += 2 * DAY
            minutes = await points()
            clock.now += 12 * DAY
            tens = await points()
            assert [count for count, _ in (fine, minutes, tens)] == [720, 120, 12]
            assert fine[1] == minutes[1] == tens[1], "the mean stays"
            assert await it.check() == []

    run(steps)


def test_a_few_very_long_records_make_a_block_of_their_own(store):
    async def steps():
        async with store() as it:
            for number in range(60):
                await it.streams.commit(batch("n-ada", "journal", lines(number, 1, f"{{}} {'y' * 300_000}"),
                                              str(number or ""), str(number + 1)))
            await compact(it)
            found = await all_pages(it, limit=10)
            assert [text.split()[0] for text in found] == [str(number) for number in reversed(range(60))]
            assert await it.check() == []

    run(steps)


# ---- pace


def test_joining_waits_for_quiet_but_not_for_ever():
    pace, batches = Pace(), 0
    assert not pace.may_work(0, batches), "nothing is known yet"
    assert pace.may_work(1, batches) and pace.rest(True) == REST_QUIET and pace.rest(False) == LOOK_AGAIN
    now = 1.0
    while now < LONGEST_WAIT:
        now, batches = now + 1, batches + QUIET_BATCHES * 2
        assert not pace.may_work(now, batches)
    now, batches = now + 2, batches + QUIET_BATCHES * 4
    assert pace.may_work(now, batches) and pace.rest(True) == REST_BUSY
    assert pace.may_work(now + 1, batches) and pace.rest(True) == REST_QUIET


def test_the_upkeep_drops_old_days_now_and_then_and_joins_when_it_is_quiet(store, clock):
    async def steps():
        async with store() as it:
            steady = [0.0]
            upkeep = MaintenanceService(it, 2, clock, lambda: steady[0])
            await fill_a_day(it, 0, 1)
            clock.now += DAY
            assert not await upkeep.work()
            steady[0] += 1
            assert await upkeep.work(), "the day is over: its one row becomes a block"
            clock.now += DAY * 2
            assert not await upkeep.work() and len(await all_pages(it)) == 1
            steady[0] += DROP_EVERY
            await upkeep.work()
            assert await all_pages(it) == []

    run(steps)
