"""Hubs that announce themselves, on the loopback interface."""

import socket
from contextlib import contextmanager

from zeroconf import ServiceInfo, Zeroconf

from dvic_agent.discovery import discover
from dvic_wire.announcing import SERVICE

PATIENCE = 3.0
"""Seconds: the answer to the first question is sent to one address, where another program of this machine may get it
(here the announcing one, which listens at the same port); the second question, a second later, is answered to all."""


@contextmanager
def announced(name: str, **properties: str):
    zeroconf = Zeroconf(interfaces=["127.0.0.1"])
    info = ServiceInfo(SERVICE, f"{name}.{SERVICE}", addresses=[socket.inet_aton("127.0.0.1")], port=8420,
                       properties=properties, server="hub.local.")
    zeroconf.register_service(info)
    try:
        yield
    finally:
        zeroconf.unregister_service(info)
        zeroconf.close()


def test_a_hub_is_found_with_what_it_says_of_itself():
    with announced("lab", url="https://dvic.lab.example", hub="x" * 43):
        [hub] = [hub for hub in discover(PATIENCE, ["127.0.0.1"]) if hub.name == "lab"]
    assert (hub.url, hub.fingerprint) == ("https://dvic.lab.example", "x" * 43)


def test_a_hub_that_says_no_address_is_named_by_where_it_is():
    with announced("bare"):
        [hub] = [hub for hub in discover(PATIENCE, ["127.0.0.1"]) if hub.name == "bare"]
    assert (hub.url, hub.fingerprint) == ("http://127.0.0.1:8420", "")


def test_an_announcement_can_not_play_with_the_terminal():
    with announced("evil", url="http://x\x1b[2J"):
        [hub] = [hub for hub in discover(PATIENCE, ["127.0.0.1"]) if hub.name == "evil"]
    assert hub.url == "http://x?[2J"
