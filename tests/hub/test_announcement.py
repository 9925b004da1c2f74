"""What a hub announces of itself, and that a network that forbids it stops nothing."""

import asyncio
import socket

from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from dvic_hub.announcement import announced, own_addresses, service_of
from dvic_wire.announcing import SERVICE, read_announcement

KEY = "AbCdEfGh" + "x" * 35


def test_what_is_announced_is_what_a_reader_understands():
    service = service_of("https://hub.test:8443", KEY, "box.example.org", ["10.0.0.1"])
    found = read_announcement(service.name, service.server, service.port, service.parsed_addresses(),
                              service.properties)
    assert (found.name, found.url, found.fingerprint) == ("box AbCdEfGh", "https://hub.test:8443", KEY)
    assert service.port == 8443 and service.type == SERVICE


def test_two_hubs_on_one_machine_have_two_names():
    one, two = (service_of("http://h", key * 43, "box", []) for key in "ab")
    assert one.name != two.name and one.server != two.server
    assert one.port == 80


def test_loopback_is_no_address_to_announce():
    assert not [address for address in own_addresses() if address.startswith(("127.", "169.254.", "fe80")) or
                address == "::1"]


def test_other_addresses_of_the_machine_are_announced_in_place_of_the_former_ones():
    has = ["10.0.0.1"]

    async def run():
        async with announced("http://h", KEY, lambda: list(has), every=0.05), AsyncZeroconf() as reader:
            name = service_of("http://h", KEY, socket.gethostname(), []).name
            for wanted in (["10.0.0.1"], ["10.0.0.2", "fd00::2"]):
                has[:] = wanted
                async with asyncio.timeout(20):
                    while True:
                        info = AsyncServiceInfo(SERVICE, name)
                        if await info.async_request(reader.zeroconf, 500) and info.parsed_addresses() == wanted:
                            break
                        await asyncio.sleep(0.1)

    asyncio.run(run())


def test_the_hub_goes_on_when_its_announcement_begins_and_ends():
    async def run():
        async with announced("http://127.0.0.1:1", KEY):
            return True

    assert asyncio.run(run())
