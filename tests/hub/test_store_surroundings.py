"""Counts over time and lines around a record, as any store must give them: as they came or out of blocks."""

import asyncio
import io
import random

import pytest
from batches import MICROSECONDS, NOON, batch, compact, lines

from dvic_hub.domain.blocks import DamagedBlock, LogBlock, pack_logs
from dvic_hub.domain.log_search import read_place
from dvic_hub.domain.model import LogQuery, Node
from dvic_hub.store.sqlite import SqliteStore
from dvic_wire.streams import LEVELS

AT = NOON * MICROSECONDS
MINUTE = 60 * MICROSECONDS


def run(steps):
    return asyncio.run(steps())


async def counted(it, buckets=62, **query) -> dict[int, dict[str, int]]:
    """Levels and counts by the minute since noon, without those that are zero."""
    found = await it.streams.levels(LogQuery(**{"since": AT, "until": AT + 59 * MINUTE, **query}), buckets)
    assert found.complete_since == 0
    result: dict[int, dict[str, int]] = {}
    for level, counts in zip(LEVELS, found.counts, strict=True):
        for place, count in enumerate(counts):
            if count:
                result.setdefault((found.start + place * found.step - AT) // MINUTE, {})[level] = count
    return result


def test_records_are_counted_by_level_and_time_with_every_filter(store, clock):
    async def look(it):
        assert await counted(it) == {0: {"info": 3}, 2: {"error": 2, "debug": 1}, 3: {"warning": 1}}
        assert await counted(it, nodes=frozenset({"n-bob"})) == {3: {"warning": 1}}
        assert await counted(it, level="error") == {2: {"error": 2}}
        assert await counted(it, source="dvic_*") == {3: {"warning": 1}}
        assert await counted(it, unit="daq*") == {2: {"error": 2}}
        assert await counted(it, grep="LINE 1") == {0: {"info": 1}}
        assert await counted(it, since=AT + 1000, until=AT + 2 * MINUTE) == {0: {"info": 2}, 2: {"error": 1}}
        assert await counted(it, nodes=frozenset()) == {}

    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "journal", lines(0, 3), "", "a"))
            await it.streams.commit(batch("n-ada", "journal", [
                *lines(0, 2, "broken {}", level="error", at=NOON + 120, unit="daq.service"),
                *lines(5, 1, "fine", level="debug", at=NOON + 120)], "a", "b"))
            hot = lines(0, 1, "hot", level="warning", at=NOON + 180)
            await it.streams.commit(batch("n-bob", "file:1:2", hot, "", "a", source="dvic_log_daq"))
            await look(it)
            clock.now += 86400
            await compact(it)
            await look(it)
            whole = await it.streams.levels(LogQuery(until=AT + 59 * MINUTE), 500)
            assert whole.start <= AT - 12 * 60 * MINUTE, "without a beginning it begins with the first day"
            assert sum(map(sum, whole.counts)) == 7

    run(steps)


def test_a_count_that_has_no_time_says_from_when_on_it_is_complete(tmp_path, clock):
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db", clock, search_seconds=0)
        await it.open()
        async with asyncio.timeout(20):

            await it.nodes.add(Node("n-ada", "ada", b""))
            for number in range(3):
                await it.streams.commit(batch("n-ada", "journal", lines(number * 10, 10), str(number or ""),
                                              str(number + 1)))
            found = await it.streams.levels(LogQuery(since=AT, until=AT + MINUTE), 62)
            assert found.complete_since == AT + 19 * 1000 + 1
            assert sum(map(sum, found.counts)) == 10
        await it.close()

    run(steps)


def test_the_marks_of_a_block_are_read_without_its_messages():
    data, _ = pack_logs([(7, lines(0, 100, "x" * 10_000))])
    stream = io.BytesIO(data)
    block = LogBlock.unpack_marks(stream.read)
    assert block.times == LogBlock.unpack(data).times and block.levels == bytes([1] * 100)
    assert stream.tell() < len(data)
    for damaged in (b"", data[:10], b"\x09" + data[1:], data[:30]):
        with pytest.raises(DamagedBlock):
            LogBlock.unpack_marks(io.BytesIO(damaged).read).times  # noqa: B018


def messages(found) -> list[str]:
    return [item.record["message"] for item in found.items]


def test_the_lines_before_and_after_a_record_are_those_of_its_node_in_order(store, clock):
    async def look(it):
        page = await it.streams.search(LogQuery(grep="line 57", limit=1))
        [hit] = page.items
        key = (hit.record["time"], *read_place(hit.place))
        query = LogQuery(nodes=frozenset({"n-ada"}), limit=3)
        found = await it.streams.around(query, key, 2)
        assert messages(found) == ["line 55", "line 56", "line 57", "line 58", "line 59"]
        assert (found.more_before, found.more_after) == (True, True)
        everything = await it.streams.around(LogQuery(nodes=frozenset({"n-ada"}), limit=900), key, 900)
        assert messages(everything) == [f"line {number}" for number in range(200)]
        assert (everything.more_before, everything.more_after) == (False, False)
        other = await it.streams.around(LogQuery(nodes=frozenset({"n-bob"}), limit=3), key, 2)
        assert messages(other) == ["bob 54", "bob 55", "bob 56", "bob 57", "bob 58"], "another node's at that moment"
        assert messages(await it.streams.around(LogQuery(nodes=frozenset({"n-ada"}), limit=1), key, 0)) == ["line 57"]
        assert messages(await it.streams.around(LogQuery(nodes=frozenset(), limit=1), key, 1)) == []

    async def steps():
        async with store() as it:
            order = list(range(20))
            random.Random(1).shuffle(order)  # batches that arrive late stand in their place by time
            for place, number in enumerate(order):
                for node, text in (("n-ada", "line {}"), ("n-bob", "bob {}")):
                    await it.streams.commit(batch(node, "journal", lines(number * 10, 10, text), str(place or ""),
                                                  str(place + 1)))
                if place == 12:
                    clock.now += 86400
            await look(it)
            clock.now += 86400
            await compact(it)
            await look(it)

    run(steps)


def test_records_of_one_moment_are_told_apart_by_their_place(store):
    async def steps():
        async with store() as it:
            same = [{"time": AT, "level": "info", "message": f"{number}"} for number in range(9)]
            await it.streams.commit(batch("n-ada", "journal", same, "", "1"))
            page = await it.streams.search(LogQuery(limit=20))
            assert len({item.place for item in page.items}) == 9
            hit = page.items[4]
            query = LogQuery(nodes=frozenset({"n-ada"}), limit=2)
            found = await it.streams.around(query, (AT, *read_place(hit.place)), 1)
            assert messages(found) == ["3", "4", "5"]

    run(steps)


def test_a_search_around_giants_ends_early_and_says_that_there_is_more(tmp_path, clock):
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db", clock, page_bytes=100_000)
        await it.open()

        await it.nodes.add(Node("n-ada", "ada", b""))
        for number in range(12):
            giant = lines(number, 1, f"{number} {'x' * 60_000}")
            await it.streams.commit(batch("n-ada", "journal", giant, str(number or ""), str(number + 1)))
        found = await it.streams.around(LogQuery(limit=1), (AT, 1, 0), 10)
        shown = [int(text.split()[0]) for text in messages(found)]
        assert shown == list(range(len(shown))) and 2 <= len(shown) < 11 and found.more_after
        await it.close()

    run(steps)
