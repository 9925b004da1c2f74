"""The live stream: what it hands out, and how it ends."""

import asyncio

import pytest

from hubctl.context import Context
from hubctl.errors import NotReachable, NotSignedIn, Usage
from hubctl.stream import LiveStream, Lost, Reached, Subscribed

LOGS = [{"kinds": ["log"]}]


def context(hub, token="dvic_test_token"):
    return Context("test", hub.url, token)


async def next_of(stream):
    async with asyncio.timeout(15):
        return await stream.next()


def in_stream(hub, steps, token="dvic_test_token", filters=LOGS):
    """Run `steps(stream)` with a stream that has been subscribed."""
    async def run():
        async with LiveStream(context(hub, token), filters) as stream:
            assert await next_of(stream) == Subscribed(again=False)
            await steps(stream)
    asyncio.run(run())


def test_events_come_in_order_however_they_are_joined(hub):
    async def steps(stream):
        await asyncio.to_thread(hub.tell, {"kind": "log", "n": 1}, {"kind": "log", "n": 2})
        await asyncio.to_thread(hub.tell, {"kind": "log", "n": 3})
        assert [(await next_of(stream))["n"] for _ in range(3)] == [1, 2, 3]
    in_stream(hub, steps)


def test_what_has_come_already_is_given_up_to_what_is_no_event(hub):
    async def steps(stream):
        await asyncio.to_thread(hub.tell, {"kind": "log", "n": 1}, {"kind": "log", "n": 2},
                                {"kind": "gap", "missed": 9}, {"kind": "log", "n": 3})
        assert (await next_of(stream))["n"] == 1
        assert [event["n"] for event in stream.ready()] == [2]
        assert stream.ready() == []
        assert await next_of(stream) == Lost("the hub dropped events", broken=False, missed=9)
        assert [event["n"] for event in stream.ready()] == [3]
    in_stream(hub, steps)


def test_the_mark_stands_behind_everything_told_before(hub):
    async def steps(stream):
        await asyncio.to_thread(hub.tell, {"kind": "log", "n": 1})
        await stream.mark()
        assert (await next_of(stream))["n"] == 1
        assert await next_of(stream) == Reached()
    in_stream(hub, steps)


def test_a_broken_connection_is_told_and_made_again(hub):
    async def steps(stream):
        await asyncio.to_thread(hub.cut_streams)
        assert (await next_of(stream)).broken
        assert await next_of(stream) == Subscribed(again=True)
    in_stream(hub, steps)


def test_a_hub_that_is_away_for_a_while_is_waited_for(hub):
    async def steps(stream):
        await asyncio.to_thread(hub.close)
        assert (await next_of(stream)).broken
        assert "nothing listens" in (await next_of(stream)).reason
        await asyncio.to_thread(hub.listen)
        while isinstance(item := await next_of(stream), Lost):
            pass
        assert item == Subscribed(again=True)
    in_stream(hub, steps)


@pytest.mark.parametrize("token, away, wanted", [("dvic_wrong", False, NotSignedIn),
                                                 ("dvic_test_token", True, NotReachable)])
def test_what_can_not_begin_raises(hub, token, away, wanted):
    async def steps():
        async with LiveStream(context(hub, token), LOGS) as stream:
            await next_of(stream)
    if away:
        hub.close()
    with pytest.raises(wanted):
        asyncio.run(steps())
    if away:
        hub.listen()


def test_a_subscription_that_the_hub_refuses_raises_its_words(hub):
    async def steps():
        async with LiveStream(context(hub), [{"kinds": ["log"], "grep": "refuse me"}]) as stream:
            await next_of(stream)
    with pytest.raises(Usage, match="no filter"):
        asyncio.run(steps())
