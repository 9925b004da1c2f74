"""Room in memory: what all connections together may hold of batches that wait for the disk."""

import asyncio
import threading
import zlib

import pytest
from served_hub import a_batch, with_served_hub

from dvic_hub.services.room import Room


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_who_asks_first_gets_in_first_also_past_a_smaller_one():
    async def steps():
        room, order = Room(100), []

        async def work(name: str, size: int) -> None:
            await room.take(size)
            order.append(name)

        await work("first", 60)
        waiting = [asyncio.create_task(work(name, size)) for name, size in (("large", 90), ("small", 10))]
        await turns()
        assert order == ["first"] and room.taken == 60
        room.give(60)
        await turns()
        assert order == ["first", "large"]
        room.give(90)
        await asyncio.gather(*waiting)
        room.give(10)
        assert room.taken == 0

    asyncio.run(steps())


def test_what_is_larger_than_all_of_it_gets_in_alone():
    async def steps():
        room = Room(100)
        await asyncio.wait_for(room.take(1000), 1)
        other = asyncio.create_task(room.take(1))
        await turns()
        assert not other.done()
        room.give(1000)
        await asyncio.wait_for(other, 1)

    asyncio.run(steps())


def test_guesses_that_were_too_small_let_in_one_at_a_time():
    async def steps():
        room, inside = Room(100), []
        await room.take(100)

        async def work() -> None:
            await room.take(10)
            inside.append(room.taken)
            room.change(70)

        waiting = [asyncio.create_task(work()) for _ in range(3)]
        await turns()
        room.give(100)
        await turns()
        assert len(inside) == 2 and room.taken == 160, "the second came while 20 bytes were free, the third did not"
        for _ in waiting:
            room.give(80)
            await turns()
        await asyncio.gather(*waiting)
        assert room.taken == 0

    asyncio.run(steps())


@pytest.mark.parametrize("already_let_in", [False, True])
def test_who_gives_up_waiting_holds_nothing(already_let_in):
    async def steps():
        room = Room(100)
        await room.take(100)
        gone, after = asyncio.create_task(room.take(50)), asyncio.create_task(room.take(100))
        await turns()
        if already_let_in:
            room.give(100)
            gone.cancel()
        else:
            gone.cancel()
            await turns()
            room.give(100)
        await asyncio.wait_for(after, 1)
        assert gone.cancelled() and room.taken == 100

    asyncio.run(steps())


def test_batches_that_wait_for_the_disk_are_bounded_for_all_connections_together(tmp_path):
    limit, one = 4 * 1024 * 1024, 1900 * 1000

    async def test(hub):
        room = hub.doors.ingest.room = Room(limit)
        writing = threading.Event()
        busy = asyncio.ensure_future(hub.doors.store._writer.run(lambda _: writing.wait(30)))
        frames = [zlib.compress(a_batch("journal", str(number or ""), str(number + 1), *(["x" * 1000] * 1900)).encode())
                  for number in range(4)]
        agents = [await hub.enrolled(f"n{number}") for number in range(6)]
        for agent in agents:
            await agent.connect(hub.http)
            for frame in frames:
                await agent.socket.send_bytes(frame)
        most = 0
        for _ in range(100):
            most = max(most, room.taken)
            await asyncio.sleep(0.01)
        assert one < most < limit + one
        writing.set()
        await busy
        for agent in agents:
            assert [(await agent.receive()).cursor for _ in frames] == ["1", "2", "3", "4"]
        await hub.until(lambda: room.taken == 0, "all of the room was given back")

    with_served_hub(tmp_path, test)
