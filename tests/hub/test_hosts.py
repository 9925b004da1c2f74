"""Hosts with unsigned heartbeats: who counts, who is named silent, and that nobody fills the memory. Time is turned."""

import asyncio

import pytest
from api_hub import ApiHub
from heard_hub import heard_hub, outcome, sender
from served_hub import ServedHub

from dvic_hub.app import HUB, build_app
from dvic_hub.config import ConfigError, HubConfig
from dvic_hub.domain.events import HostChanged
from dvic_hub.domain.hosts import ALIVE, SILENT, Full, HostBook
from dvic_hub.errors import NotFound, StoreFull

NETWORKS = ("10.1.0.0/16", "2001:db8::/32")


def book(**options) -> HostBook:
    return HostBook(**{"networks": NETWORKS, "timeout": 30, **options})


@pytest.mark.parametrize("address, believed", [
    ("10.1.2.3", True), ("10.2.0.1", False), ("2001:db8::5", True), ("fe80::1%eth0", False), ("127.0.0.1", False)])
def test_only_networks_that_are_named_count(address, believed):
    assert book().believes(address) is believed
    assert HostBook((), 30).believes(address) is False


def test_a_host_that_stops_is_named_silent_once_and_back_once():
    hosts = book()
    assert hosts.hear("10.1.0.1", 1, 0.0).state == ALIVE
    for steady in range(10, 61, 10):
        assert hosts.hear("10.1.0.1", steady, float(steady)) is None
        assert hosts.fall_silent(steady + 9.9) == []
    assert hosts.fall_silent(90.0) == []
    assert [(host.address, host.state, host.beats) for host in hosts.fall_silent(90.1)] == [("10.1.0.1", SILENT, 7)]
    assert hosts.fall_silent(1000.0) == []
    assert hosts.hear("10.1.0.1", 2000, 2000.0).state == ALIVE
    assert hosts.hear("10.1.0.1", 2001, 2001.0) is None


def test_there_is_room_for_a_bounded_number_and_the_silent_make_it():
    hosts = book(most=3)
    for number in range(3):
        hosts.hear(f"10.1.0.{number}", number, float(number))
    with pytest.raises(Full):
        hosts.hear("10.1.0.9", 4, 4.0)
    assert hosts.hear("10.1.0.1", 5, 5.0) is None
    hosts.hear("10.1.0.0", 40, 40.0)
    hosts.fall_silent(40.0)
    hosts.hear("10.1.0.9", 41, 41.0)
    assert {host.address: host.state for host in hosts.hosts()} == {
        "10.1.0.0": ALIVE, "10.1.0.1": SILENT, "10.1.0.9": ALIVE}


def test_after_a_restart_all_are_known_and_have_the_whole_timeout_to_be_heard_again():
    hosts = book()
    hosts.hear("10.1.0.1", 1, 0.0)
    hosts.hear("10.1.0.2", 2, 31.0)
    hosts.hear("2001:db8::5", 3, 31.0)
    hosts.fall_silent(31.0)
    again = HostBook(NETWORKS[:1], 30)
    again.load(hosts.dump(), 500.0)
    assert {host.address: host.state for host in again.hosts()} == {"10.1.0.1": SILENT, "10.1.0.2": ALIVE}
    assert again.fall_silent(530.0) == []
    assert [host.address for host in again.fall_silent(530.1)] == ["10.1.0.2"]


class Steady:
    """Seconds that grow when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_client_of_pyheartbeat_shows_as_an_unverified_host_and_others_are_junk(tmp_path):
    async def body():
        async with heard_hub(tmp_path, heartbeat_networks=("127.0.1.0/24",)) as hub:
            heard = []
            hub.doors.live.bus.subscribe(heard.append)
            with sender("127.0.1.7") as named, sender("127.0.2.7") as other:
                other.sendto(b"Thump!", hub.place)
                named.sendto(b"Thump!", hub.place)
                named.sendto(b"Thump!", hub.place)
                await outcome(hub, "unsigned", 2)
            assert hub.doors.heartbeats.counters.junk == 1
            assert [event for event in heard if isinstance(event, HostChanged)] == [HostChanged("127.0.1.7", ALIVE)]
            assert hub.doors.fleet.views() == []

    asyncio.run(body())


def test_hosts_are_listed_as_unverified_and_an_operator_may_forget_them(tmp_path):
    async def body():
        async with ApiHub(tmp_path, heartbeat_networks=("10.1.0.0/16",)) as hub:
            assert hub.doors.hosts.hear("10.1.0.1") and not hub.doors.hosts.hear("10.9.0.1")
            status, answer = await hub.ask("GET", "/api/v1/hosts", "vera")
            (host,) = answer["items"]
            assert (status, host["address"], host["state"], host["verified"]) == (200, "10.1.0.1", ALIVE, False)
            assert (await hub.ask("GET", "/api/v1/hosts"))[0] == 401
            assert (await hub.ask("DELETE", "/api/v1/hosts/10.1.0.1", "vera"))[0] == 403
            assert (await hub.ask("DELETE", "/api/v1/hosts/2001:db8::1", "otto"))[0] == 404
            assert (await hub.ask("DELETE", "/api/v1/hosts/10.1.0.1", "otto"))[0] == 204
            assert hub.doors.hosts.hosts() == []
            _, audit = await hub.ask("GET", "/api/v1/audit?action=host.forget&limit=1", "ada")
            assert audit["items"][0]["target"] == "10.1.0.1"

    asyncio.run(body())


def test_hosts_are_known_after_a_restart(tmp_path):
    async def restarted(*heard):
        async with ServedHub(tmp_path, heartbeat_networks=("10.1.0.0/16",)) as hub:
            before = [host.address for host in hub.doors.hosts.hosts()]
            for address in heard:
                hub.doors.hosts.hear(address)
            return before

    assert asyncio.run(restarted("10.1.0.1", "10.1.0.2")) == []
    assert asyncio.run(restarted()) == ["10.1.0.1", "10.1.0.2"]


def test_the_silent_are_told_of_and_a_full_disk_keeps_nothing_back(tmp_path):
    steady = Steady()
    config = HubConfig(state_dir=tmp_path, heartbeat_networks=("10.1.0.0/16",), heartbeat_timeout=30)

    async def body():
        doors = build_app(config, steady=steady)[HUB].doors
        heard = []
        doors.live.bus.subscribe(heard.append)
        await doors.store.open()
        try:
            await doors.hosts.start()
            doors.hosts.hear("10.1.0.1")
            kept, doors.store.set_value = doors.store.set_value, full
            steady.now += 30.5
            await doors.hosts.tick()
            assert heard == [HostChanged("10.1.0.1", ALIVE), HostChanged("10.1.0.1", SILENT)]
            doors.store.set_value = kept
            steady.now += 30.5
            await doors.hosts.tick()
            assert "10.1.0.1" in await doors.store.get_value("hosts")
            with pytest.raises(NotFound):
                await doors.hosts.forget("10.1.0.2", None)
        finally:
            await doors.store.close()

    async def full(key, value):
        raise StoreFull("no room")

    asyncio.run(body())


def test_a_network_that_is_none_is_named():
    with pytest.raises(ConfigError, match="heartbeat_networks"):
        HubConfig(heartbeat_networks=("lab",))
