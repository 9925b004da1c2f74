"""A process that fills a store and says on stdout what was acknowledged, to be killed at any moment.

    python store_writer.py FOLDER NODE     prints "<stream> <records acknowledged>" after each acknowledged batch

Streams `journal` and `file:1:2` get numbered records, batch after batch, many at a time, while blocks are joined all
the time; each stream begins where the store's cursor says.
"""

import asyncio
import random
import sys
from pathlib import Path

from batches import batch, lines

from dvic_hub.domain.model import Node
from dvic_hub.store.sqlite import SqliteStore

AT_A_TIME = 5


async def fill(store: SqliteStore, node: str, stream: str) -> None:
    place = int((await store.streams.cursors(node)).get(stream, "0"))
    while True:
        chain = []
        for _ in range(AT_A_TIME):
            size = random.randint(1, 40)
            chain.append((batch(node, stream, lines(place, size, stream + " {}"), str(place or ""), str(place + size),
                                source=stream), place + size))
            place += size
        for told in [(asyncio.ensure_future(store.streams.commit(one)), end) for one, end in chain]:
            assert (await told[0]).accepted
            print(stream, told[1], flush=True)


async def join(store: SqliteStore) -> None:
    while True:
        await store.streams.compact()
        await asyncio.sleep(0.001)


async def main(folder: Path, node: str) -> None:
    store = SqliteStore(folder / "dvic.db")
    await store.open()
    if await store.nodes.get(node) is None:
        await store.nodes.add(Node(node, node, b"key"))
    await asyncio.gather(fill(store, node, "journal"), fill(store, node, "file:1:2"), join(store))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
