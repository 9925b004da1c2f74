"""The way of a batch from its bytes to its answer."""

import asyncio
import json
import zlib

import pytest
from batches import MICROSECONDS, NOON, all_pages, lines, message, samples

from dvic_hub.bus.local import LocalBus
from dvic_hub.domain.events import LogsStored, RunChanged, RunOutputStored, SamplesStored
from dvic_hub.domain.model import Run, RunNode
from dvic_hub.errors import NotFound, StoreError, StoreFull
from dvic_hub.services.ingest import IngestService
from dvic_wire.errors import LimitExceeded, MalformedMessage
from dvic_wire.messages import Ack
from dvic_wire.records import facts, run_end, run_output, run_start
from dvic_wire.runs import DISPATCHED, FINISHED, RUNNING, RunSpec

RUN = "0123456789ab"


class Listening:
    """An ingest whose events are kept."""

    def __init__(self, it):
        bus = LocalBus()
        self.events = []
        self.announced = []
        bus.subscribe(self.events.append)
        self.service = IngestService(it, bus, self.announce)

    async def announce(self, node):
        self.announced.append(node)

    async def take(self, node, data, framed=True):
        return await self.service.commit(node, data, zlib.compress(data) if framed else b"")


def run(steps):
    return asyncio.run(steps())


def test_a_batch_is_stored_answered_and_told(store):
    async def steps():
        async with store() as it:
            ingest = Listening(it)
            assert await ingest.take("n-ada", message("journal", lines(0, 2), "", "a")) == Ack("journal", "a")
            as_text = message("journal", lines(2, 1), "a", "b")
            assert await ingest.take("n-ada", as_text, framed=False) == Ack("journal", "b")
            assert await all_pages(it) == ["line 2", "line 1", "line 0"]
            first, second = ingest.events
            assert isinstance(first, LogsStored) and (first.node, first.source, first.levels) == ("n-ada", "journal", 2)
            assert [json.loads(one) for one in first.records] == lines(0, 2) and len(second.records) == 1

    run(steps)


def test_a_batch_that_does_not_fit_is_answered_with_the_held_cursor_and_told_to_nobody(store):
    async def steps():
        async with store() as it:
            ingest = Listening(it)
            await ingest.take("n-ada", message("journal", lines(0, 2), "", "a"))
            again = await ingest.take("n-ada", message("journal", lines(0, 2), "", "a"))
            assert again == Ack("journal", "a", stored=False)
            assert len(ingest.events) == 1 and ingest.service.refused == 1

    run(steps)


def test_what_is_malformed_or_too_large_is_raised_and_moves_nothing(store):
    async def steps():
        async with store() as it:
            ingest = Listening(it)
            with pytest.raises(MalformedMessage):
                await ingest.take("n-ada", message("journal", [{"time": 1}], "", "a"))
            with pytest.raises(LimitExceeded):
                await ingest.take("n-ada", message("journal", lines(0, 2001), "", "a"))
            with pytest.raises(NotFound):
                await ingest.take("n-mal", message("journal", lines(0, 1), "", "a"))
            assert await it.streams.cursors("n-ada") == {} and ingest.events == [] and ingest.service.malformed == 2

    run(steps)


def test_the_start_and_the_end_of_a_run_move_it_and_are_told(store):
    async def steps():
        async with store() as it:
            ingest, at = Listening(it), NOON * MICROSECONDS
            await it.runs.add(Run(RUN, "all", RunSpec(argv=("true",)), 1, "ada"),
                              [RunNode(RUN, "n-ada", 0, DISPATCHED)])
            await ingest.take("n-ada", message(f"run:{RUN}", [run_start(at, 5, "root")], "", "1"))
            ack = await ingest.take("n-ada", message(f"run:{RUN}", [
                run_output(at + 1, "out", b"x"), run_end(at + 2, FINISHED, 0)], "1", "2", closed=True))
            assert ack == Ack(f"run:{RUN}", "2", closed=True)
            late = await ingest.take("n-ada", message(f"run:{RUN}", [run_output(at + 3, "out", b"y")], "2", "3"))
            assert (late.stored, late.closed) == (False, True)
            assert [type(event) for event in ingest.events] == [RunOutputStored, RunChanged] * 2
            assert [event.state for event in ingest.events[1::2]] == [RUNNING, FINISHED]
            assert ingest.events[3].detail == {"state": FINISHED, "exit_code": 0, "reason": "", "cut": 0}

    run(steps)


def test_samples_are_told_and_new_facts_announce_their_node(store):
    async def steps():
        async with store() as it:
            ingest = Listening(it)
            await ingest.take("n-ada", message("hardware", samples(0, 2), "", "2"))
            assert ingest.announced == []
            told = [facts(1, {"os": "debian"}), facts(2, {"model": "pi"})]
            await ingest.take("n-ada", message("hardware", told, "2", "4"))
            assert ingest.announced == ["n-ada"]
            assert (await it.nodes.get("ada")).facts == {"os": "debian", "model": "pi"}
            assert [type(event) for event in ingest.events] == [SamplesStored] * 2

    run(steps)


def test_an_empty_batch_is_told_to_nobody(store):
    async def steps():
        async with store() as it:
            ingest = Listening(it)
            assert (await ingest.take("n-ada", message("file:1:2", [], "", "a", source="x"))).stored
            ack = await ingest.take("n-ada", message("file:1:2", [], "a", "b", source="x", closed=True))
            assert (ack.stored, ack.closed) == (True, True) and ingest.events == []

    run(steps)


@pytest.mark.parametrize(("error", "reason"), [(StoreFull("full"), "disk-full"), (StoreError("bad"), "store-failed")])
def test_what_the_store_can_not_take_now_is_to_be_sent_again_later(error, reason):
    class Refusing:
        """A store that can't be written, for the time being."""

        streams = property(lambda self: self)

        async def commit(self, batch):
            raise error

    async def steps():
        ingest = Listening(Refusing())
        ack = await ingest.take("n-ada", message("journal", lines(0, 1), "a", "b"))
        assert (ack.stored, ack.cursor, ack.reason, ack.closed) == (False, "a", reason, False) and ack.retry > 0
        assert ingest.events == []

    run(steps)


def test_a_listener_that_fails_keeps_nobody_from_hearing():
    bus, heard = LocalBus(), []

    def fail(event):
        raise RuntimeError("not today")

    stops = [bus.subscribe(fail), bus.subscribe(heard.append), bus.subscribe(heard.append)]
    bus.publish("one")
    stops[1]()
    stops[1]()
    bus.publish("two")
    assert heard == ["one", "one", "two"]
