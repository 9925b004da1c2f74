"""The pump: sources in, frames out, one reader thread."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest
from fake_hub import HubMemory
from readable import ListSource, ListStream

from dvic_agent.clock import Clock
from dvic_agent.pump import Pump, produce
from dvic_agent.sources.source import Reading
from dvic_agent.window import Limits, Turn, Window
from dvic_wire import codec
from dvic_wire.limits import MAX_RECORD_TEXT, MAX_STREAM_NAME
from dvic_wire.messages import Problem

NODE = "n-a"


def turn(stream: str, cursor: str = "", records: int = 1000, skip: bool = False) -> Turn:
    return Turn(stream, cursor, records, 256 * 1024, skip, 0)


class Hub:
    """Takes frames and answers the pump at once."""

    def __init__(self) -> None:
        self.memory = HubMemory()
        self.pump: Pump | None = None
        self.changed = asyncio.Event()

    def take(self, frame: bytes) -> None:
        for answer in self.memory.commit(NODE, codec.decode(frame)):
            if isinstance(answer, Problem):
                self.pump.faulty(answer.about, answer.reason)
            else:
                self.pump.answered(answer)
        self.changed.set()

    async def until(self, true) -> None:
        async with asyncio.timeout(20):
            while not true():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def pumping(*sources, **limits):
    hub = Hub()
    pump = hub.pump = Pump(sources, Window(Limits(**{"delay": 0.0, **limits})), hub.take, Clock())
    task = asyncio.create_task(pump.run())
    pump.opened(dict(hub.memory.cursors.setdefault(NODE, {})))
    try:
        yield pump, hub
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pump.stop()


def test_what_is_written_arrives():
    async def scene():
        source = ListSource(ListStream("a", ["one"]))
        async with pumping(source) as (pump, hub):
            await hub.until(lambda: hub.memory.texts("a") == ["one"])
            source.write("a", "two")
            await hub.until(lambda: hub.memory.texts("a") == ["one", "two"])
        assert source.stopped
    asyncio.run(scene())


def test_a_wake_may_come_from_any_thread_and_name_a_new_stream():
    async def scene():
        source = ListSource()
        async with pumping(source) as (pump, hub):
            await asyncio.sleep(0)
            await asyncio.to_thread(source.write, "new", "one", "two")
            await hub.until(lambda: hub.memory.texts("new") == ["one", "two"])
    asyncio.run(scene())


def test_reads_happen_in_one_thread_and_never_two_at_a_time():
    async def scene():
        threads, inside = set(), []

        class Watched(ListStream):
            def read(self, cursor, max_records, max_bytes):
                assert not inside
                inside.append(1)
                threads.add(threading.get_ident())
                reading = super().read(cursor, 1, max_bytes)
                inside.pop()
                return reading

        source = ListSource(Watched("a", ["x"] * 30), Watched("b", ["y"] * 30))
        async with pumping(source) as (pump, hub):
            await hub.until(lambda: len(hub.memory.texts("a") + hub.memory.texts("b")) == 60)
        assert len(threads) == 1
        assert threading.get_ident() not in threads
    asyncio.run(scene())


def test_a_source_that_fails_stops_no_other():
    async def scene():
        class Broken(ListSource):
            def start(self, wake):
                raise RuntimeError("no such luck")

        source = ListSource(ListStream("bad", ["x"], fails=10**9), ListStream("good", ["y"]))
        async with pumping(Broken(ListStream("never", ["z"])), source) as (pump, hub):
            await hub.until(lambda: hub.memory.texts("good") == ["y"])
            source.write("good", "z")
            await hub.until(lambda: hub.memory.texts("good") == ["y", "z"])
            assert "never" not in hub.memory.records
    asyncio.run(scene())


def test_an_ended_stream_is_released_after_its_end_is_stored():
    async def scene():
        source = ListSource(ListStream("file:1:2", ["one"]))
        async with pumping(source) as (pump, hub):
            await hub.until(lambda: hub.memory.texts("file:1:2"))
            source.end("file:1:2")
            await hub.until(lambda: hub.memory.closed == ["file:1:2"])
            async with asyncio.timeout(10):
                while not source.released_names:
                    await asyncio.sleep(0.01)
            assert source.released_names == ["file:1:2"]
    asyncio.run(scene())


def test_every_source_hears_the_cursors_of_every_connection():
    async def scene():
        source = ListSource(ListStream("a", ["one"]))
        async with pumping(source) as (pump, hub):
            await hub.until(lambda: hub.memory.texts("a"))
            pump.lost()
            pump.opened({"a": "1"})
            source.write("a", "two")
            await hub.until(lambda: hub.memory.texts("a") == ["one", "two"])
            assert source.welcomes == [{}, {"a": "1"}]
    asyncio.run(scene())


def test_it_moves_as_long_as_the_sources_do():
    async def scene():
        source = ListSource(ListStream("a", ["one"]))
        async with pumping(source) as (pump, hub):
            await hub.until(lambda: hub.memory.texts("a"))
            assert pump.moving()
            source.is_moving = False
            assert not pump.moving()
    asyncio.run(scene())


def test_a_reader_that_hangs_does_not_move():
    async def scene():
        now = [0.0]
        entered, leave = threading.Event(), threading.Event()

        class Hanging(ListStream):
            def read(self, cursor, max_records, max_bytes):
                entered.set()
                leave.wait(20)
                return Reading([], cursor)

        hub = Hub()
        pump = Pump([ListSource(Hanging("a"))], Window(Limits(delay=0.0)), hub.take, Clock(steady=lambda: now[0]))
        task = asyncio.create_task(pump.run())
        pump.opened({})
        await asyncio.to_thread(entered.wait, 20)
        assert pump.moving()
        now[0] += 61
        assert not pump.moving()
        leave.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pump.stop()
    asyncio.run(scene())


# produce

def test_a_batch_past_a_limit_of_the_wire_is_made_smaller():
    stream = ListStream("a", ["\0" * MAX_RECORD_TEXT] * 3)  # each is 6 MiB of JSON
    made = produce(stream, Turn("a", "", 1000, 10**9, False, 0), True, 0)
    batch = codec.decode(made.frame)
    assert (len(batch.records), made.to_cursor, made.more) == (1, "1", True)


def test_a_record_past_a_limit_of_the_wire_becomes_a_gap():
    stream = ListStream("a", ["\0" * 2 * MAX_RECORD_TEXT, "next"])
    made = produce(stream, turn("a", records=1), True, 7)
    [record] = codec.decode(made.frame).records
    assert record["gap"]["reason"] == "cut"
    assert "MAX_MESSAGE_BYTES" in record["message"]
    assert (made.to_cursor, made.more) == ("1", True)


def test_a_skipped_record_becomes_a_gap_and_leaves_what_is_known_of_the_stream_out():
    made = produce(ListStream("a", ["bad"], about={"path": "x"}), turn("a", records=1, skip=True), True, 7)
    batch = codec.decode(made.frame)
    assert [record["gap"]["reason"] for record in batch.records] == ["corrupt"]
    assert batch.about == {}


def test_a_name_too_long_for_the_wire_is_cut():
    class LongNamed(ListStream):
        source = "x" * 1000

    made = produce(LongNamed("a", ["one"]), turn("a"), True, 0)
    assert codec.decode(made.frame).source == "x" * MAX_STREAM_NAME


def test_a_stream_that_gives_records_without_moving_is_refused():
    class Standing(ListStream):
        def read(self, cursor, max_records, max_bytes):
            return Reading([{"time": 1, "level": "info", "message": "again"}], cursor)

    with pytest.raises(ValueError, match="did not move"):
        produce(Standing("a"), turn("a", cursor="5"), True, 0)


class NewestStream:
    """A stream of which only the newest state counts."""

    in_flight = 1

    def __init__(self):
        self.name = self.source = "newest"
        self.about = {}
        self.state = 0
        self.refusals = []

    def read(self, cursor, max_records, max_bytes):
        if cursor == str(self.state):
            return Reading([], cursor)
        return Reading([{"time": 1, "level": "info", "message": str(self.state)}], str(self.state))

    def refused(self, reason):
        self.refusals.append(reason)


class NewestSource(ListSource):
    def __init__(self, stream):
        super().__init__()
        self.stream = stream

    def streams(self):
        return [self.stream]


def test_of_a_stream_of_states_only_the_newest_travels_while_answers_are_slow():
    async def scene():
        stream, frames = NewestStream(), []
        pump = Pump([NewestSource(stream)], Window(Limits(delay=0.0)), frames.append, Clock())
        task = asyncio.create_task(pump.run())
        pump.opened({})
        hub = HubMemory()
        async with asyncio.timeout(20):
            while not frames:
                await asyncio.sleep(0.01)
            for stream.state in range(1, 50):
                pump.wake("newest")
                await asyncio.sleep(0)
            assert len(frames) == 1
            while stream.state != int(hub.cursors.get(NODE, {}).get("newest", "0") or 0):
                for frame in frames[len(hub.texts("newest")):]:
                    for answer in hub.commit(NODE, codec.decode(frame)):
                        pump.answered(answer)
                await asyncio.sleep(0.01)
        assert hub.texts("newest") == ["0", "49"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pump.stop()
    asyncio.run(scene())


def test_what_the_hub_could_not_use_is_told_to_the_stream_and_a_gap_follows_at_once():
    async def scene():
        stream = NewestStream()
        async with pumping(NewestSource(stream)) as (pump, hub):
            await hub.until(lambda: hub.memory.texts("newest") == ["0"])
            stream.state = 1
            commit, first = hub.memory.commit, []

            def once(node, message):
                if not first:
                    first.append(message)
                    return [Problem("malformed", "its values do not fit", "newest")]
                return commit(node, message)

            hub.memory.commit = once
            pump.wake("newest")
            await hub.until(lambda: any("gap" in text for text in hub.memory.texts("newest")))
            assert stream.refusals == ["its values do not fit"]
    asyncio.run(scene())
