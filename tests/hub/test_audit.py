"""The audit log: written before, completed after, whatever happens in between."""

import asyncio

import pytest
from memory_store import MemoryStore

from dvic_hub.domain.people import Actor
from dvic_hub.errors import Conflict, StoreFull
from dvic_hub.services import audit
from dvic_hub.services.audit import AuditService

OTTO = Actor("otto", "operator", "192.0.2.7")


def make() -> tuple[AuditService, MemoryStore]:
    store = MemoryStore()
    return AuditService(store.audit, lambda: 1_800_000_000.5), store


async def only_entry(service: AuditService):
    [entry] = (await service.list(10)).items
    return entry


def test_the_entry_is_there_before_the_action_and_its_outcome_after():
    async def run():
        service, _ = make()
        async with service.record(OTTO, "node.tag", "web-1", {"room": "lab"}):
            entry = await only_entry(service)
            assert (entry.actor, entry.address) == ("otto", "192.0.2.7")
            assert (entry.action, entry.target) == ("node.tag", "web-1")
            assert (entry.time, entry.detail, entry.outcome) == (1_800_000_000_500_000, {"room": "lab"}, "")
        assert (await only_entry(service)).outcome == "ok"

    asyncio.run(run())


@pytest.mark.parametrize(("raised", "outcome"), [
    (Conflict("the name is taken"), "conflict: the name is taken"),
    (ValueError("a secret"), "internal: the hub failed")])
def test_a_failure_is_the_outcome_and_goes_on_to_the_caller(raised, outcome):
    async def run():
        service, _ = make()
        with pytest.raises(type(raised)):
            async with service.record(OTTO, "x", "y"):
                raise raised
        assert (await only_entry(service)).outcome == outcome

    asyncio.run(run())


def test_a_cancelled_action_is_written_as_such():
    async def run():
        service, _ = make()
        begun = asyncio.Event()

        async def act():
            async with service.record(OTTO, "x", "y"):
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(act())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await only_entry(service)).outcome == "cancelled"

    asyncio.run(run())


def test_what_can_not_be_written_down_is_not_carried_out():
    async def run():
        service, store = make()

        async def full(entry):
            raise StoreFull("no room")

        store.audit.add = full
        carried_out = False
        with pytest.raises(StoreFull):
            async with service.record(OTTO, "x", "y"):
                carried_out = True
        assert not carried_out

    asyncio.run(run())


def test_an_action_that_is_done_is_not_undone_by_a_store_that_fails_afterwards():
    async def run():
        service, store = make()

        async def full(id, outcome):
            raise StoreFull("no room")

        store.audit.outcome = full
        async with service.record(OTTO, "x", "y"):
            pass
        assert (await only_entry(service)).outcome == ""

    asyncio.run(run())


def test_long_texts_are_bounded_and_say_so():
    async def run():
        service, _ = make()
        async with service.record(OTTO, "x", "t" * 10_000, {"script": "s" * 100_000}) as entry:
            entry.outcome = "o" * 10_000
        entry = await only_entry(service)
        assert len(entry.target) == audit.MAX_AUDIT_TARGET and len(entry.outcome) == audit.MAX_AUDIT_OUTCOME
        assert entry.detail["keys"] == ["script"] and "left_out" in entry.detail

    asyncio.run(run())
