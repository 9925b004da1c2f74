"""Signed heartbeats over a real UDP port: what counts, what does not, and that nobody gets an answer."""

import asyncio
import time

import pytest
from heard_hub import heard_hub, outcome, sender
from served_hub import ADMIN, ServedHub

from dvic_hub.config import ConfigError, HubConfig
from dvic_hub.domain.datagrams import ADDRESS_ALLOWANCE
from dvic_hub.errors import StoreFull
from dvic_hub.heartbeats import NotHearing, hearing
from dvic_wire.signing import PrivateKey, Purpose, SharedKey, sign

UDP = Purpose.KEEPALIVE_UDP


class Device:
    """Signs heartbeats with either kind of key."""

    def __init__(self, hub: ServedHub, key: PrivateKey | SharedKey, id: str):
        self.hub, self.key, self.id, self.serial = hub, key, id, 0

    def beat(self, purpose: Purpose = UDP, **claims: object) -> bytes:
        self.serial += 1
        said = {"iss": self.id, "aud": self.hub.fingerprint, "serial": self.serial, "period": 10, **claims}
        return sign(self.key, purpose, said, now=time.time(), ttl=300).encode()


async def device(hub: ServedHub, name: str = "esp", kind: str = "ed25519") -> Device:
    if kind == "hmac":
        node, text = await hub.doors.enrolment.add_device(name, {}, None, "hmac", ADMIN)
        return Device(hub, SharedKey.from_text(text), node.id)
    key = PrivateKey.generate()
    node, _ = await hub.doors.enrolment.add_device(name, {}, key.public, "", ADMIN)
    return Device(hub, key, node.id)


def run(folder, test, **settings):
    async def body():
        async with heard_hub(folder, **settings) as hub:
            await test(hub)

    asyncio.run(body())


@pytest.mark.parametrize("kind", ["ed25519", "hmac"])
def test_a_signed_heartbeat_shows_the_device_with_its_numbers_and_gets_no_answer(tmp_path, kind):
    async def test(hub):
        esp = await device(hub, kind=kind)
        with sender("127.0.0.7") as port:
            port.sendto(esp.beat(period=30, status="warm", numbers={"celsius": 21.5}), hub.place)
            await outcome(hub, "verified")
            latest = await wait_for(hub, esp.id)
            with pytest.raises(BlockingIOError):
                port.recv(100)
        view = hub.doors.fleet.view("esp")
        node = view.node
        assert (view.state, node.period, node.status, node.address) == ("online", 30, "warm", "127.0.0.7")
        assert latest["values"] == {"celsius": 21.5}
        assert (await hub.doors.store.nodes.get(esp.id)).serial == 1
    run(tmp_path, test)


async def wait_for(hub: ServedHub, node: str) -> dict:
    for _ in range(1000):
        if latest := await hub.doors.store.streams.latest(node):
            return latest
        await asyncio.sleep(0.01)
    raise AssertionError("no sample came")


def test_a_replay_does_not_count_nor_after_a_restart_nor_by_post(tmp_path):
    kept = {}

    async def before(hub):
        esp = await device(hub)
        kept["beat"] = esp.beat()
        with sender() as port:
            port.sendto(kept["beat"], hub.place)
            await outcome(hub, "verified")
            port.sendto(kept["beat"], hub.place)
            await outcome(hub, "replayed")
        status, answer = await hub.post("keepalive", {"keepalive": kept["beat"].decode()})
        assert (status, answer["code"]) == (403, "signature")
        esp.serial = 0
        status, answer = await hub.post("keepalive", {"keepalive": esp.beat(Purpose.KEEPALIVE_POST).decode()})
        assert (status, answer["code"]) == (409, "replay")

    async def after(hub):
        with sender() as port:
            port.sendto(kept["beat"], hub.place)
            await outcome(hub, "replayed")
        assert hub.doors.heartbeats.counters.verified == 0
    run(tmp_path, before)
    run(tmp_path, after)


def test_what_does_not_verify_moves_nobody_and_gets_no_answer(tmp_path):
    async def test(hub):
        ada, bob = await device(hub, "ada"), await device(hub, "bob")
        stranger = Device(hub, PrivateKey.generate(), "n-aaaaaaaaaaaaaaaaaaaa")
        weak = Device(hub, SharedKey(PrivateKey.generate().public.raw), ada.id)
        late = sign(ada.key, UDP, {"iss": ada.id, "aud": hub.fingerprint, "serial": 9, "period": 10}, now=1, ttl=300)
        wrong = [ada.beat(iss=bob.id), ada.beat(aud="another hub"), ada.beat(Purpose.KEEPALIVE_POST), stranger.beat(),
                 ada.beat(Purpose.KEEPALIVE_WS), weak.beat(), late.encode(), ada.beat(serial=0), ada.beat(period=-1),
                 ada.beat(serial="1"), b"eyJ.eyJ.eyJ", b"eyJhbGciOiJub25lIn0.eyJpc3MiOjF9."]
        with sender() as port:
            for datagram in wrong:
                port.sendto(datagram, hub.place)
            await outcome(hub, "refused", len(wrong))
            with pytest.raises(BlockingIOError):
                port.recv(100)
        assert [view.state for view in hub.doors.fleet.views()] == ["never", "never"]
        assert hub.doors.heartbeats.counters.verified == 0
    run(tmp_path, test)


def test_datagrams_of_64_kib_are_junk_and_harmless(tmp_path):
    async def test(hub):
        esp = await device(hub)
        with sender() as port:
            for filling in (b"\0", b"e", b".", b"A"):
                port.sendto(filling * 65507, hub.place)
            port.sendto(esp.beat() + b"A" * 60_000, hub.place)
            port.sendto(b"", hub.place)
            port.sendto(esp.beat(), hub.place)
            await outcome(hub, "verified")
        assert hub.doors.heartbeats.counters.junk == 6
    run(tmp_path, test)


def test_a_flood_that_has_to_be_verified_is_cut_at_its_address_and_others_are_heard(tmp_path):
    async def test(hub):
        esp = await device(hub)
        forged = Device(hub, PrivateKey.generate(), esp.id).beat()
        sent = 0
        with sender("127.0.0.66") as flood, sender("127.0.0.7") as port:
            for round in range(6):
                for _ in range(100):
                    sent += 1
                    flood.sendto(forged, hub.place)
                port.sendto(esp.beat(), hub.place)
                await outcome(hub, "verified", round + 1)
            counters = hub.doors.heartbeats.counters
            await hub.until(lambda: counters.refused + counters.limited >= sent, "all of the flood")
        assert counters.limited > 0 and counters.dropped == 0
        assert counters.verified == 6
        assert counters.refused >= ADDRESS_ALLOWANCE.burst
    run(tmp_path, test)


def test_a_flood_without_a_pause_is_dropped_before_the_hub_and_others_are_heard(tmp_path):
    async def test(hub):
        esp = await device(hub)
        service = hub.doors.heartbeats
        with sender("127.0.0.66") as flood, sender("127.0.0.7") as port:
            while "127.0.0.66" not in service.floods.dropped():
                for _ in range(50):
                    flood.sendto(b"junk", hub.place)
                await asyncio.sleep(0)
            await hub.until(lambda: not service.floods.changed, "the kernel is told")
            port.sendto(esp.beat(), hub.place)
            await outcome(hub, "verified")
            junk = service.counters.junk
            for _ in range(50_000):
                flood.sendto(b"junk", hub.place)
            for _ in range(20):
                port.sendto(esp.beat(), hub.place)
            await outcome(hub, "verified", 21)
        assert service.counters.junk == junk
    run(tmp_path, test)


def test_a_revoked_device_is_no_longer_heard(tmp_path):
    async def test(hub):
        esp = await device(hub)
        await hub.doors.enrolment.revoke(esp.id, ADMIN)
        with sender() as port:
            port.sendto(esp.beat(), hub.place)
            await outcome(hub, "refused")
        assert hub.doors.fleet.view("esp").state == "revoked"
    run(tmp_path, test)


def test_on_a_full_disk_the_device_is_known_to_live_and_the_hub_goes_on(tmp_path):
    async def test(hub):
        async def full(seen):
            raise StoreFull("no room")

        esp = await device(hub)
        kept, hub.doors.store.nodes.seen = hub.doors.store.nodes.seen, full
        with sender() as port:
            port.sendto(esp.beat(), hub.place)
            await outcome(hub, "dropped")
            assert hub.doors.fleet.view("esp").state == "online"
            hub.doors.store.nodes.seen = kept
            port.sendto(esp.beat(), hub.place)
            await outcome(hub, "verified", 2)
    run(tmp_path, test)


def test_without_the_setting_nothing_is_opened_and_a_wrong_one_is_named():
    async def closed():
        async with hearing(None, HubConfig()) as place:
            return place

    assert asyncio.run(closed()) is None
    for text in ("43278", "host:", "0.0.0.0:99999"):
        with pytest.raises(ConfigError, match="heartbeat_listen"):
            HubConfig(heartbeat_listen=text)

    async def taken():
        with sender() as port:
            async with hearing(None, HubConfig(heartbeat_listen=f"127.0.0.1:{port.getsockname()[1]}")):
                pass

    with pytest.raises(NotHearing, match="heartbeat_listen"):
        asyncio.run(taken())


def test_it_hears_both_families_where_it_is_told_to(tmp_path):
    async def test(hub):
        esp = await device(hub)
        async with hearing(hub.doors.heartbeats, HubConfig(heartbeat_listen="[::]:0")) as place:
            with sender("127.0.0.9") as port:
                port.sendto(esp.beat(), ("127.0.0.1", place[1]))
                await outcome(hub, "verified")
        assert hub.doors.fleet.view("esp").node.address == "127.0.0.9"
    run(tmp_path, test)
