"""The fleet at a glance, as any store must keep it; the one that tests of services use is held to it as well."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from batches import MICROSECONDS, NOON, batch, lines
from memory_store import MemoryStore

from dvic_hub.domain.glance import DRAWN, NOTHING, POINTS
from dvic_hub.domain.model import Node
from dvic_wire.records import facts, sample


@pytest.fixture(params=["real", "memory"])
def either(request, store):
    @asynccontextmanager
    async def in_memory():
        made = MemoryStore()
        for name in ("ada", "bob"):
            await made.nodes.add(Node(f"n-{name}", name, b""))
        yield made

    return store if request.param == "real" else in_memory


def busy(node: str, cursor: int, *cpu: float, at: float = NOON):
    records = [sample(int((at + 10 * number) * MICROSECONDS), {"cpu.total": value, "memory.percent": 50.0})
               for number, value in enumerate(cpu)]
    return batch(node, "hardware", records, str(cursor or ""), str(cursor + 1), source="hardware")


def test_newest_figures_and_an_hour_of_them_are_at_hand_for_all_nodes(either):
    async def steps():
        async with either() as it:
            assert await it.streams.glances() == []
            await it.streams.commit(busy("n-ada", 0, 10.0, 30.0, 20.0))
            await it.streams.commit(busy("n-bob", 0, 1.0))
            await it.streams.commit(busy("n-ada", 1, 5.0, at=NOON + 60))
            ada, bob = sorted(await it.streams.glances(), key=lambda one: one.node)
            assert (ada.node, ada.time, ada.minute) == ("n-ada", (NOON + 60) * MICROSECONDS, NOON // 60 + 1)
            assert ada.figures == (5.0, 50.0, None, None, None, None)
            assert list(ada.history[POINTS - 3:POINTS]) == [NOTHING, 60, 10]
            assert len(bob.history) == POINTS * len(DRAWN) and bob.figures[0] == 1.0

    asyncio.run(steps())


def test_only_what_is_new_since_the_last_look_is_told(either):
    async def steps():
        async with either() as it:
            await it.streams.commit(busy("n-ada", 0, 10.0))
            await it.streams.commit(busy("n-bob", 0, 1.0))
            seen = max(one.number for one in await it.streams.glances())
            await it.streams.commit(batch("n-ada", "journal", lines(0, 3), "", "a"))
            assert await it.streams.glances(seen) == []
            await it.streams.commit(busy("n-bob", 1, 2.0, at=NOON - 3600))
            new, = await it.streams.glances(seen)
            assert (new.node, new.figures[0], new.number > seen) == ("n-bob", 2.0, True), "clocks do not count"

    asyncio.run(steps())


def test_facts_and_refused_batches_change_no_glance(either):
    async def steps():
        async with either() as it:
            told = [facts(1, {"os": "debian"})]
            await it.streams.commit(batch("n-ada", "hardware", told, "", "1", source="hardware"))
            assert await it.streams.glances() == []
            await it.streams.commit(busy("n-ada", 1, 10.0))
            await it.streams.commit(busy("n-ada", 1, 99.0))
            assert [one.figures[0] for one in await it.streams.glances()] == [10.0]

    asyncio.run(steps())


def test_a_glance_outlives_a_restart_and_goes_with_its_node(store):
    async def steps():
        async with store() as it:
            await it.streams.commit(busy("n-ada", 0, 10.0))
            await it.streams.commit(busy("n-bob", 0, 10.0))
            before = await it.streams.glances()
        async with store() as it:
            assert await it.streams.glances() == before
            await it.streams.commit(busy("n-ada", 1, 11.0, at=NOON + 60))
            assert [one.node for one in await it.streams.glances(max(one.number for one in before))] == ["n-ada"]
            await it.nodes.remove("n-ada")
            assert [one.node for one in await it.streams.glances()] == ["n-bob"]

    asyncio.run(steps())
