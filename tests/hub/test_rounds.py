"""Which of the open runs or rollouts are looked at, and when."""

import asyncio
import logging

import pytest

from dvic_hub.errors import HubError
from dvic_hub.services.rounds import SWEEP, Rounds


class Desk:
    """What is open there, and what was looked at since somebody asked. `faults` are raised by who looks, or asks."""

    def __init__(self):
        self.rounds = Rounds("run", logging.getLogger("test"))
        self.open: list[str] = []
        self.looked: list[str] = []
        self.faults: dict[str, HubError] = {}

    async def active(self) -> list[str]:
        if "active" in self.faults:
            raise self.faults["active"]
        return self.open

    async def look(self, id: str, now: float) -> None:
        if id in self.faults:
            raise self.faults[id]
        self.looked.append(id)

    async def at(self, now: float) -> list[str]:
        self.looked = []
        await self.rounds.go(now, self.active, self.look)
        return sorted(self.looked)


def test_all_that_is_open_is_looked_at_now_and_then_and_what_is_marked_at_once():
    async def steps():
        desk = Desk()
        desk.open = ["a", "b"]
        assert await desk.at(100) == ["a", "b"] and await desk.at(100 + SWEEP - 1) == []
        desk.rounds.mark("b")
        assert await desk.at(100 + SWEEP - 1) == ["b"] and await desk.at(100 + SWEEP - 1) == []
        assert await desk.at(100 + SWEEP) == ["a", "b"]
        desk.rounds.mark_all()
        assert await desk.at(100 + SWEEP) == ["a", "b"]
        assert await desk.at(50) == ["a", "b"], "the clock was set back"

    asyncio.run(steps())


def test_one_that_fails_holds_up_no_other_and_is_looked_at_again():
    async def steps():
        desk = Desk()
        desk.open, desk.faults = ["a", "b", "c"], {"b": HubError("no room on the disk")}
        assert await desk.at(100) == ["a", "c"] and await desk.at(101) == []
        desk.faults = {}
        assert await desk.at(102) == ["b"]

    asyncio.run(steps())


def test_what_was_marked_is_kept_when_the_store_can_not_say_what_is_open():
    async def steps():
        desk = Desk()
        desk.faults = {"active": HubError("the store is closed")}
        desk.rounds.mark("a")
        with pytest.raises(HubError):
            await desk.at(100)
        desk.faults = {}
        assert await desk.at(101) == ["a"]

    asyncio.run(steps())


def test_a_mark_wakes_who_waits_and_what_is_only_to_be_looked_at_again_does_not():
    async def steps():
        rounds = Desk().rounds
        for wake in (lambda: rounds.mark("a"), rounds.mark_all):
            waits = asyncio.create_task(rounds.woken(3600))
            await asyncio.sleep(0)
            wake()
            await asyncio.wait_for(waits, 60)
        waits = asyncio.create_task(rounds.woken(3600))
        rounds.again("a")
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waits.done()
        waits.cancel()
        await rounds.woken(0)

    asyncio.run(steps())
