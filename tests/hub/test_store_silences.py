"""Silences in a store, as any store must keep them."""

import asyncio
from dataclasses import replace

import pytest
from memory_store import MemoryStore

from dvic_hub.domain.model import Silence
from dvic_hub.errors import Conflict, StoreFull
from dvic_hub.store.sqlite import SqliteStore

ROW = Silence("s1", "tag:room=lab", 7, 5, "otto", "they \U0001f4a3 move \"it\"", True, ["n-ada", "n-bob"])


def test_they_come_back_as_they_were_added_in_the_order_of_their_making(every_store):
    async def steps():
        async with every_store() as it:
            later = replace(ROW, id="s0", created=6, fixed=False, nodes=[])
            assert await it.silences.add(later, 9) and await it.silences.add(ROW, 9)
            assert await it.silences.all() == [ROW, later]
            assert await it.silences.ids() == {"s0", "s1"}

    asyncio.run(steps())


def test_no_more_are_kept_than_may_be_there(every_store):
    async def steps():
        async with every_store() as it:
            asked = [it.silences.add(replace(ROW, id=f"s{number}"), 2) for number in range(5)]
            assert sorted(await asyncio.gather(*asked)) == [False, False, False, True, True]
            assert len(await it.silences.all()) == 2

    asyncio.run(steps())


def test_an_id_is_there_once_and_goes_once(every_store):
    async def steps():
        async with every_store() as it:
            await it.silences.add(ROW, 9)
            with pytest.raises(Conflict):
                await it.silences.add(ROW, 9)
            assert await it.silences.remove("s1")
            assert not await it.silences.remove("s1")
            assert await it.silences.all() == [] and await it.silences.ids() == frozenset()

    asyncio.run(steps())


def test_they_outlive_a_restart(tmp_path, clock):
    async def steps():
        for begun in (True, False):
            it = SqliteStore(tmp_path / "dvic.db", clock)
            await it.open()
            if begun:
                await it.silences.add(ROW, 9)
            assert await it.silences.all() == [ROW]
            await it.close()

    asyncio.run(steps())


def test_nothing_is_kept_when_the_disk_is_full():
    async def steps():
        it = MemoryStore()
        it.full = True
        with pytest.raises(StoreFull):
            await it.silences.add(ROW, 9)
        assert await it.silences.all() == []

    asyncio.run(steps())
