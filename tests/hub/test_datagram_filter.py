"""The kernel's filter on a real socket: it drops who is named and nobody else."""

import socket
from contextlib import contextmanager

import pytest

from dvic_hub.datagram_filter import drop, program
from dvic_hub.domain.datagrams import MAX_FLOODS
from dvic_hub.heartbeats import open_socket


@contextmanager
def listening(host: str):
    opened = open_socket(host, 0)
    try:
        yield opened, opened.getsockname()[1]
    finally:
        opened.close()


def send(place: tuple[str, int], source: str) -> None:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as port:
        port.bind((source, 0))
        port.sendto(source.encode(), place)


def heard(opened: socket.socket) -> list[str]:
    """What waits in the socket; on loopback a datagram is there, or dropped, when sendto returns."""
    found = []
    while True:
        try:
            found.append(opened.recv(100).decode())
        except BlockingIOError:
            return found


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_named_addresses_are_dropped_and_others_pass(host):
    with listening(host) as (opened, port):
        sources = [f"127.0.0.{number}" for number in range(2, 9)]
        drop(opened, ["127.0.0.3", "127.0.0.7", "2001:db8::/64"])
        for source in sources:
            send(("127.0.0.1", port), source)
        assert heard(opened) == [source for source in sources if source not in ("127.0.0.3", "127.0.0.7")]
        drop(opened, [])
        send(("127.0.0.1", port), "127.0.0.3")
        assert heard(opened) == ["127.0.0.3"]


def test_of_version_6_the_first_half_of_the_address_counts():
    with listening("::") as (opened, port):
        drop(opened, ["2001:db8::/64", "127.0.0.3"])
        send(("::1", port), "::1")
        assert heard(opened) == ["::1"]
        drop(opened, ["2001:db8::/64", "::/64"])
        send(("::1", port), "::1")
        send(("127.0.0.1", port), "127.0.0.4")
        assert heard(opened) == ["127.0.0.4"]


def test_as_many_as_there_may_be_are_dropped_and_no_more_are_taken():
    with listening("127.0.0.1") as (opened, port):
        many = [f"127.0.1.{number}" for number in range(MAX_FLOODS)]
        drop(opened, many)
        for source in (*many, "127.0.0.2"):
            send(("127.0.0.1", port), source)
        assert heard(opened) == ["127.0.0.2"]
    for networks in ([*many, "10.0.0.1"], [*many, "::/64"]):
        with pytest.raises(ValueError):
            program(networks)
    program([f"2001:db8:0:{number}::/64" for number in range(MAX_FLOODS)])
