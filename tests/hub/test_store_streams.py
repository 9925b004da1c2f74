"""Records and cursors, as any store must keep them."""

import asyncio
import itertools

import pytest
from batches import all_pages, batch, lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvic_hub.errors import NotFound
from dvic_wire.errors import LimitExceeded
from dvic_wire.limits import MAX_STREAMS
from dvic_wire.streams import Verdict

FRESH = itertools.count()


def run(steps):
    return asyncio.run(steps())



def test_a_batch_moves_the_cursor_and_is_found(store):
    async def steps():
        async with store() as it:
            assert await it.streams.commit(batch("n-ada", "journal", lines(0, 3), "", "c3")) == Verdict(True, "c3")
            assert await it.streams.cursors("n-ada") == {"journal": "c3"}
            assert await it.streams.cursors("n-bob") == {}
            assert await all_pages(it) == ["line 2", "line 1", "line 0"]

    run(steps)


def test_a_batch_from_another_cursor_is_answered_with_the_held_one_and_not_stored(store):
    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "journal", lines(0, 2), "", "a"))
            again = await it.streams.commit(batch("n-ada", "journal", lines(0, 2), "", "a"))
            ahead = await it.streams.commit(batch("n-ada", "journal", lines(5, 2), "q", "r"))
            assert again == ahead == Verdict(False, "a")
            assert len(await all_pages(it)) == 2

    run(steps)


def test_batches_sent_without_waiting_follow_one_another(store):
    async def steps():
        async with store() as it:
            chain = [batch("n-ada", "journal", lines(n, 1), str(n or ""), str(n + 1)) for n in range(50)]
            verdicts = await asyncio.gather(*(it.streams.commit(one) for one in [*chain, *chain]))
            assert [verdict.accepted for verdict in verdicts] == [True] * 50 + [False] * 50
            assert len(await all_pages(it, limit=1000)) == 50

    run(steps)


def test_an_empty_batch_only_moves_the_cursor(store):
    async def steps():
        async with store() as it:
            assert (await it.streams.commit(batch("n-ada", "journal", [], "", "a"))).accepted
            assert await it.streams.cursors("n-ada") == {"journal": "a"}
            assert await all_pages(it) == []

    run(steps)


def test_a_closed_stream_is_forgotten_and_may_begin_anew(store):
    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "file:1:2", lines(0, 1), "", "10", source="dvic_log_x"))
            last = batch("n-ada", "file:1:2", lines(1, 1), "10", "20", source="dvic_log_x", closed=True)
            assert await it.streams.commit(last) == Verdict(True, "20", closed=True)
            assert await it.streams.cursors("n-ada") == {}
            anew = batch("n-ada", "file:1:2", lines(2, 1), "", "5", source="dvic_log_y")
            assert (await it.streams.commit(anew)).accepted
            assert len(await all_pages(it)) == 3

    run(steps)


def test_cursors_and_records_are_there_after_opening_again(store):
    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "journal", lines(0, 2), "", "a"))
        async with store() as it:
            assert await it.streams.cursors("n-ada") == {"journal": "a"}
            assert not (await it.streams.commit(batch("n-ada", "journal", lines(0, 2), "", "a"))).accepted
            assert (await it.streams.commit(batch("n-ada", "journal", lines(2, 2), "a", "b"))).accepted
            assert await all_pages(it) == ["line 3", "line 2", "line 1", "line 0"]

    run(steps)


def test_what_a_node_says_about_a_stream_is_kept_until_it_says_otherwise(store):
    async def steps():
        async with store() as it:
            about = {"path": "/tmp/dvic_log_x", "owner": "ada"}
            await it.streams.commit(batch("n-ada", "file:1:2", lines(0, 1), "", "a", source="x", about=about))
            await it.streams.commit(batch("n-ada", "file:1:2", lines(1, 1), "a", "b", source="x"))
            assert await it.streams.about("n-ada") == {"file:1:2": {"source": "x", "about": about}}

    run(steps)


def test_a_node_that_was_removed_can_store_nothing_more(store):
    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "journal", lines(0, 1), "", "a"))
            await it.nodes.remove("n-ada")
            for node in ("n-ada", "n-nobody"):
                with pytest.raises(NotFound):
                    await it.streams.commit(batch(node, "journal", lines(0, 1), "", "a"))
            assert await it.streams.cursors("n-ada") == {}

    run(steps)


def test_a_node_may_not_open_streams_without_end(store):
    async def steps():
        async with store() as it:
            await asyncio.gather(*(it.streams.commit(batch("n-ada", f"file:1:{n}", [], "", "a", source="x"))
                                   for n in range(MAX_STREAMS)))
            with pytest.raises(LimitExceeded) as caught:
                await it.streams.commit(batch("n-ada", "journal", [], "", "a"))
            assert caught.value.limit == "MAX_STREAMS"
            assert (await it.streams.commit(batch("n-ada", "file:1:1", [], "a", "b", source="x"))).accepted
            assert (await it.streams.commit(batch("n-bob", "journal", [], "", "a"))).accepted

    run(steps)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_sent_again_or_out_of_order_every_record_is_there_once(store, data):
    """A sender like the agent: now and then it forgets what was answered and begins again at the hub's cursor."""
    async def steps():
        async with store(nodes=[name := f"node-{next(FRESH)}"]) as it:
            node, total, sent = f"n-{name}", data.draw(st.integers(1, 30)), []
            while (held := (await it.streams.cursors(node)).get("journal", "")) != str(total):
                place = int(held or 0)
                pending = []
                for _ in range(data.draw(st.integers(1, 4))):
                    size = min(data.draw(st.integers(1, 5)), total - place)
                    if size:
                        pending.append((place, size))
                        place += size
                order = data.draw(st.permutations([*pending, *data.draw(st.lists(st.sampled_from(sent or pending)))]))
                sent += pending
                await asyncio.gather(*(it.streams.commit(batch(
                    node, "journal", lines(start, size), str(start or ""), str(start + size)))
                    for start, size in order))
            found = await all_pages(it, nodes=frozenset({node}), limit=7)
            assert found == [f"line {number}" for number in reversed(range(total))]

    run(steps)
