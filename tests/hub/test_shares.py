"""Shares of monitoring services: each lets one look at one service, and opens no other door."""

import asyncio
from contextlib import ExitStack

import pytest
from hub_parts import OPERATOR, Clock
from memory_store import MemoryStore

from dvic_hub.bus.local import LocalBus
from dvic_hub.domain import people as rules
from dvic_hub.domain.service_description import checked
from dvic_hub.errors import BadRequest, Conflict, NotFound, NotSignedIn, TooMany
from dvic_hub.services.audit import AuditService
from dvic_hub.services.cycles import CycleService
from dvic_hub.services.shares import MAX_SHARED, MAX_SHARES, ShareService
from dvic_hub.services.watch import FleetService


class Hub:
    """Services and their shares on one store."""

    def __init__(self):
        store, clock, bus = MemoryStore(), Clock(), LocalBus()
        audit = AuditService(store.audit, clock)
        self.cycles = CycleService(store.services, bus, FleetService(store, bus, clock), audit, clock, _ask_nobody)
        self.shares = ShareService(store.services, self.cycles, audit, clock)

    async def service(self, name):
        await self.cycles.create(checked({"name": name, "components": [{"name": "decode"}]}), OPERATOR)


async def _ask_nobody(**_settings):
    pass


def played(test):
    """Run `test(hub)` with a hub that has the services meteor and noaa."""
    async def run():
        hub = Hub()
        await hub.service("meteor")
        await hub.service("noaa")
        await test(hub)

    asyncio.run(run())


def test_a_share_names_its_service_and_is_kept_only_as_a_hash():
    async def test(hub):
        text, share = await hub.shares.add("meteor", "the public page", OPERATOR)
        assert await hub.shares.service_of(text) == "meteor"
        secret = text.rpartition("_")[2]
        assert secret.encode() not in share.hash
        assert [(each.id, each.note) for each in await hub.shares.of("meteor")] == [(share.id, "the public page")]
        assert await hub.shares.of("noaa") == []

    played(test)


def test_a_share_is_no_token_and_a_token_no_share():
    async def test(hub):
        text, _ = await hub.shares.add("meteor", "", OPERATOR)
        assert rules.split_token(text) is None
        with pytest.raises(NotSignedIn):
            await hub.shares.service_of(text.replace("dvics_", "dvic_"))

    played(test)


def test_another_secret_or_id_is_refused():
    async def test(hub):
        text, _ = await hub.shares.add("meteor", "", OPERATOR)
        other, _ = await hub.shares.add("noaa", "", OPERATOR)
        mixed = "_".join([*text.split("_", 2)[:2], other.split("_", 2)[2]])
        for wrong in (mixed, text[:-1], text + "A", "", "dvics__", "x" * 5000):
            with pytest.raises(NotSignedIn):
                await hub.shares.service_of(wrong)

    played(test)


def test_one_that_was_revoked_or_whose_service_was_deleted_lets_nobody_look():
    async def test(hub):
        text, share = await hub.shares.add("meteor", "", OPERATOR)
        other, _ = await hub.shares.add("noaa", "", OPERATOR)
        with pytest.raises(NotFound):
            await hub.shares.remove("noaa", share.id, OPERATOR)
        await hub.shares.remove("meteor", share.id, OPERATOR)
        await hub.cycles.remove("noaa", OPERATOR)
        await hub.service("noaa")
        for gone in (text, other):
            with pytest.raises(NotSignedIn):
                await hub.shares.service_of(gone)

    played(test)


def test_their_number_and_their_notes_are_bounded():
    async def test(hub):
        for _ in range(MAX_SHARES):
            await hub.shares.add("meteor", "", OPERATOR)
        with pytest.raises(Conflict, match=str(MAX_SHARES)):
            await hub.shares.add("meteor", "", OPERATOR)
        with pytest.raises(BadRequest):
            await hub.shares.add("noaa", "n" * 201, OPERATOR)

    played(test)


def test_only_so_many_look_at_a_time_and_who_leaves_makes_room():
    async def test(hub):
        with ExitStack() as places:
            for _ in range(MAX_SHARED):
                places.enter_context(hub.shares.looking())
            with pytest.raises(TooMany, match=str(MAX_SHARED)), hub.shares.looking():
                pass
        with hub.shares.looking():
            pass

    played(test)
