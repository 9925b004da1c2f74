"""Searching logs, as any store must: the same answers whether records are as they came or in blocks."""

import asyncio
import random

import pytest
from batches import MICROSECONDS, NOON, all_pages, batch, compact, lines

from dvic_hub.domain.model import LogQuery, Node, Run, RunNode
from dvic_hub.errors import BadRequest
from dvic_hub.store.sqlite import SqliteStore
from dvic_wire.records import gap, run_output
from dvic_wire.runs import RunSpec
from dvic_wire.streams import Gap

RUN_ID = "0123456789ab"


def run(steps):
    return asyncio.run(steps())



def test_a_search_finds_by_node_source_time_level_unit_and_text(store, clock):
    at = NOON * MICROSECONDS

    async def look(it):
        full = ["Disk is nearly FULL", "disk is full"]
        assert await all_pages(it, nodes=frozenset({"n-ada"}), level="warning") == full
        assert await all_pages(it, nodes=frozenset({"n-bob"})) == ["ÄRGER mit der Disk"]
        assert await all_pages(it, nodes=frozenset()) == []
        assert await all_pages(it, source="dvic_log_*") == ["ÄRGER mit der Disk"]
        assert await all_pages(it, source="nothing") == []
        assert await all_pages(it, since=at + 1000, until=at + 2000) == ["all is well", "Disk is nearly FULL"]
        assert await all_pages(it, unit="readout*") == ["all is well", "disk is full"]
        assert await all_pages(it, grep="full") == full
        assert await all_pages(it, grep="K IS FU") == ["disk is full"]
        assert await all_pages(it, grep="ärger") == ["ÄRGER mit der Disk"]
        assert await all_pages(it, grep="full", level="error", unit="r*", source="j*") == ["disk is full"]
        assert await all_pages(it, grep="nowhere") == []

    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "journal", [
                *lines(0, 1, "disk is full", level="error", unit="readout.service"),
                *lines(1, 1, "Disk is nearly FULL", level="warning", unit="cron.service"),
                *lines(2, 1, "all is well", level="debug", unit="readout.service")], "", "a"))
            await it.streams.commit(batch("n-bob", "file:1:2", lines(3, 1, "ÄRGER mit der Disk"), "", "a",
                                                   source="dvic_log_daq"))
            await look(it)
            clock.now += 86400  # the day is over: everything goes into blocks
            await compact(it)
            await look(it)

    run(steps)


def test_pages_go_on_where_they_ended_while_blocks_are_joined_and_more_comes_in(store):
    async def steps():
        async with store() as it:
            for number in range(120):
                node = "n-ada" if number % 2 else "n-bob"
                held = (await it.streams.cursors(node)).get("journal", "")
                await it.streams.commit(batch(node, "journal", lines(number * 10, 10), held, f"c{number}"))
            found, before = [], ""
            for page_number in range(1000):
                page = await it.streams.search(LogQuery(limit=37, before=before))
                found += [item.record["message"] for item in page.items]
                before = page.next
                if not before:
                    break
                if page_number == 3:
                    assert await it.streams.compact() > 0
                if page_number == 6:
                    held = (await it.streams.cursors("n-ada"))["journal"]
                    await it.streams.commit(batch("n-ada", "journal", lines(5000, 5, "new {}"), held, "new"))
                if page_number == 9:
                    await compact(it)
            assert found == [f"line {number}" for number in reversed(range(1200))]

    run(steps)


def test_a_search_that_has_no_time_goes_on_page_by_page(tmp_path, clock):
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db", clock, search_seconds=0)
        await it.open()
        for name in ("ada", "bob"):
            await it.nodes.add(Node(f"n-{name}", name, b""))
            for number in range(30):
                await it.streams.commit(batch(f"n-{name}", "journal", lines(number * 10, 10), str(number or ""),
                                              str(number + 1)))
        found, sizes, before = [], [], ""
        while True:
            page = await it.streams.search(LogQuery(limit=50, before=before, grep="line"))
            found += [item.record["message"] for item in page.items]
            sizes.append(len(page.items))
            before = page.next
            if not before:
                break
        assert found == [f"line {number // 2}" for number in reversed(range(600))]
        assert len(sizes) > 20 and max(sizes) <= 50
        await it.close()

    run(steps)


def test_what_arrived_since_a_batch_is_found_however_old_it_is_and_wherever_it_lies(store, clock):
    async def steps():
        async with store() as it:
            places = []
            for number in range(140):
                if number == 100:
                    clock.now += 86400  # the next day
                node = ("n-ada", "n-bob")[number % 2]
                held = (await it.streams.cursors(node)).get("journal", "")
                late = lines(-1000 * number, 3, f"{number}.{{}}")  # what comes later is older
                verdict = await it.streams.commit(batch(node, "journal", late, held, f"{number}"))
                places.append(verdict.number)

            async def found(number, **more):
                texts = await all_pages(it, arrived=places[number], **more)
                assert len(set(texts)) == len(texts)
                return sorted({int(text.split(".")[0]) for text in texts})

            for joined in (False, True, True):
                for number in (0, 1, 51, 98, 99, 100, 139):
                    expected = list(range(number, 140))
                    assert await found(number, limit=50) == expected
                    assert await found(number, nodes=frozenset({"n-bob"})) == [each for each in expected if each % 2]
                assert await all_pages(it, arrived=places[-1] + 1) == []
                await (compact(it) if joined else it.streams.compact())

    run(steps)


def test_records_of_one_moment_keep_their_order_over_pages(store):
    async def steps():
        async with store() as it:
            at = NOON * MICROSECONDS
            for number in range(5):
                records = [{"time": at, "level": "info", "message": f"{number}.{place}"} for place in range(7)]
                await it.streams.commit(batch("n-ada", "journal", records, str(number or ""),
                                                       str(number + 1)))
            expected = [f"{number}.{place}" for number in reversed(range(5)) for place in reversed(range(7))]
            assert await all_pages(it, limit=3) == expected

    run(steps)


def test_old_records_that_arrive_late_stand_in_their_place_by_time(store, clock):
    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "journal", lines(10, 2), "", "a"))
            clock.now += 86400
            await it.streams.commit(batch("n-bob", "journal", lines(0, 12, "old {}"), "", "a"))
            assert (await all_pages(it))[:5] == ["old 11", "line 11", "old 10", "line 10", "old 9"]

    run(steps)


@pytest.mark.parametrize("query", [{"before": "x"}, {"before": "1.2"}, {"before": "'; DROP TABLE node"},
                                   {"before": "f" * 99 + ".1.1"}, {"level": "loud"}])
def test_a_query_that_makes_no_sense_is_refused(store, query):
    async def steps():
        async with store() as it:
            with pytest.raises(BadRequest):
                await it.streams.search(LogQuery(**query))

    run(steps)


def test_a_record_comes_back_as_it_was_sent_also_out_of_a_block(store):
    odd = {"time": NOON * MICROSECONDS, "level": "critical", "message": 'line\none "two" \\ \u0000 \u2028 😀',
           "unit": "u", "identifier": "i", "boot": "b", "pid": 1, "uid": -1, "priority": 0, "binary": "AAEC", "cut": 5,
           "fields": {"text": "x", "whole": 2**53 + 1, "real": 0.1, "yes": True, "": ""}}
    lost = gap(NOON * MICROSECONDS - 1, Gap("vacuumed", "detail", 12))

    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "journal", [lost, odd], "", "a"))
            before = [item.record for item in (await it.streams.search(LogQuery())).items]
            for number in range(60):
                await it.streams.commit(batch("n-ada", "journal", lines(-number - 2, 1), "a" * (number + 1),
                                                       "a" * (number + 2), framed=number % 2 == 0))
            await compact(it)
            after = [item.record for item in (await it.streams.search(LogQuery(limit=2))).items]
            assert before == after == [odd, lost]
            assert await all_pages(it, grep='"TWO" \\') == [odd["message"]]

    run(steps)


def test_a_page_of_giant_records_ends_early_and_the_next_goes_on(tmp_path, clock):
    async def pages(it, read):
        sizes, found, before = [], [], ""
        while not sizes or before:
            page = await read(before)
            sizes.append(len(page.items))
            found += page.items
            before = page.next
        return sizes, found

    async def steps():
        it = SqliteStore(tmp_path / "dvic.db", clock, page_bytes=200_000)
        await it.open()
        await it.nodes.add(Node("n-ada", "ada", b""))
        await it.runs.add(Run(RUN_ID, "all", RunSpec(argv=("true",)), 1, "ada"), [RunNode(RUN_ID, "n-ada", 0)])
        for number in range(12):
            text, place = random.Random(number).randbytes(30_000).hex(), (str(number or ""), str(number + 1))
            await it.streams.commit(batch("n-ada", "journal", lines(number, 1, f"{number} {text}"), *place))
            await it.streams.commit(batch("n-ada", f"run:{RUN_ID}", [run_output(1, "out", f"{number} {text}".encode())],
                                          *place, source="run"))
        for joined in (False, True):
            sizes, found = await pages(it, lambda before: it.streams.search(LogQuery(limit=10, before=before)))
            assert [int(item.record["message"].split()[0]) for item in found] == [*reversed(range(12))]
            assert max(sizes) < 10 or joined, "a block, which is bounded itself, is never divided"
            sizes, found = await pages(it, lambda before: it.streams.run_output(RUN_ID, "n-ada", before, 10))
            assert [int(record["out"].split()[0]) for record in found] == [*range(12)]
            assert max(sizes) < 10
            clock.now += 86_400
            await compact(it)
        await it.close()

    run(steps)
