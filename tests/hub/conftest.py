"""The store under test. Another store that keeps to store/port.py is added to STORES and runs through the same tests.

    def test_something(store):
        async def steps():
            async with store() as it:          # opened, with the nodes n-ada and n-bob
                ...
            async with store() as it:          # the same database, opened again
                ...
        asyncio.run(steps())
"""

from contextlib import asynccontextmanager

import pytest
from batches import NOON
from memory_store import MemoryStore

from dvic_hub.domain.model import Node
from dvic_hub.store.sqlite import SqliteStore

STORES = {"sqlite": lambda folder, clock: SqliteStore(folder / "dvic.db", clock)}


class Clock:
    """Seconds since 1970 that stand still until a test turns them."""

    def __init__(self, now: float = NOON):
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def opener(make, wanted):
    """What opens a store and closes it again; `wanted`: the nodes that are in it where the test names none."""
    @asynccontextmanager
    async def opened(nodes=wanted):
        made = make()
        await made.open()
        try:
            for name in nodes:
                if await made.nodes.get(f"n-{name}") is None:
                    await made.nodes.add(Node(f"n-{name}", name, name.encode().ljust(32, b".")))
            yield made
        finally:
            await made.close()

    return opened


@pytest.fixture(params=STORES)
def store(request, tmp_path, clock):
    return opener(lambda: STORES[request.param](tmp_path, clock), ("ada", "bob"))


@pytest.fixture(params=[*STORES, "memory"])
def every_store(request, tmp_path, clock):
    """The same, without nodes, for what the store in memory has to keep too, on which services are tested."""
    kept = MemoryStore()
    return opener(lambda: kept if request.param == "memory" else STORES[request.param](tmp_path, clock), ())
