"""What is let in at the heartbeats' port: by form, then by address, with time turned by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.datagrams import (
    ADDRESS_ALLOWANCE,
    FLOOD_PER_SECOND,
    FLOOD_SECONDS,
    JUNK,
    KINDS,
    LIMITED,
    MAX_DATAGRAM_BYTES,
    MAX_FLOODS,
    SIGNED,
    UNSIGNED,
    Floods,
    Gate,
)
from dvic_hub.domain.datagrams import key_of as attempts_of

BURST = ADDRESS_ALLOWANCE.burst
BEAT = b"eyJh.eyJp.c2ln"


def test_a_flood_from_one_address_uses_up_its_own_attempts_and_nobody_elses():
    gate = Gate()
    flood = [gate.admit(BEAT, "10.0.0.66", 0.0)[0] for _ in range(50_000)]
    assert flood == [SIGNED] * BURST + [LIMITED] * (50_000 - BURST)
    assert gate.admit(BEAT, "10.0.0.7", 0.0)[0] == SIGNED
    assert gate.admit(BEAT, "10.0.0.66", 10 * ADDRESS_ALLOWANCE.seconds)[0] == SIGNED


def test_over_any_time_no_more_is_looked_into_than_the_allowance():
    gate = Gate()
    seconds, looked = 30, 0
    for step in range(seconds * 1000):
        looked += gate.admit(BEAT, "10.0.0.66", step / 1000)[0] is SIGNED
    assert looked <= BURST + seconds / ADDRESS_ALLOWANCE.seconds + 1


def test_what_verifies_does_not_count_so_a_thousand_devices_may_share_an_address():
    gate = Gate()
    for _ in range(10 * BURST):
        kind, datagram = gate.admit(BEAT, "10.0.0.7", 0.0)
        assert kind is SIGNED
        gate.was_good(datagram, 0.0)


def test_addresses_without_number_take_bounded_memory_and_nobodys_turn():
    gate = Gate()
    for number in range(30_000):
        gate.admit(BEAT, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(gate._attempts._spent) == gate._attempts.max_keys
    assert gate.admit(BEAT, "192.168.0.1", 0.0)[0] is SIGNED


@pytest.mark.parametrize("data, kind", [
    (BEAT, SIGNED), (b"Thump!", UNSIGNED), (b"Thump!\n", UNSIGNED), (b"", JUNK), (b"thump", JUNK),
    (b"Thump!Thump!", JUNK), (b"eyJh.eyJp", JUNK), (b"eyJ" + b"." * 3, JUNK), ("eyJ.é.x".encode(), JUNK),
    (b"\0" * 65507, JUNK), (BEAT + b"x" * MAX_DATAGRAM_BYTES, JUNK), (b"Thump!" + b" " * MAX_DATAGRAM_BYTES, JUNK)])
def test_the_form_says_what_it_is(data, kind):
    assert Gate().admit(data, "10.0.0.7", 0.0)[0] is kind


def test_junk_by_its_form_costs_no_attempt():
    gate = Gate()
    for _ in range(2 * BURST):
        gate.admit(b"junk", "10.0.0.7", 0.0)
    assert gate.admit(BEAT, "10.0.0.7", 0.0)[0] is SIGNED


@given(st.binary(max_size=300))
def test_no_bytes_break_the_gate(data):
    assert Gate().admit(data, "10.0.0.7", 0.0)[0] in KINDS


@pytest.mark.parametrize("address, key", [
    ("10.0.0.7", "10.0.0.7"), ("::ffff:10.0.0.7", "10.0.0.7"), ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
    ("2001:db8:0:1:ffff::1", "2001:db8:0:1::/64"), ("fe80::1%eth0", "fe80::/64")])
def test_a_machine_has_the_attempts_of_one_however_many_addresses_it_has(address, key):
    assert attempts_of(address) == key


def test_an_address_that_sends_nothing_good_at_a_great_rate_is_dropped_for_a_time():
    floods = Floods()
    told = [floods.count("10.0.0.66", number / 10_000) for number in range(2 * FLOOD_PER_SECOND)]
    assert told.count(True) == 1 and told.index(True) == FLOOD_PER_SECOND - 1
    assert (floods.dropped(), floods.changed) == (["10.0.0.66"], True)
    floods.changed = False
    floods.lift(FLOOD_SECONDS - 1)
    assert (floods.dropped(), floods.changed) == (["10.0.0.66"], False)
    floods.lift(FLOOD_SECONDS + 1)
    assert (floods.dropped(), floods.changed) == ([], True)


def test_a_little_junk_for_long_is_no_flood():
    floods = Floods()
    for number in range(100 * FLOOD_PER_SECOND):
        floods.count("10.0.0.7", number / (FLOOD_PER_SECOND - 1))
    assert floods.dropped() == []


def test_as_many_floods_are_dropped_as_the_filter_holds_and_counting_takes_bounded_memory():
    floods = Floods()
    for number in range(MAX_FLOODS + 5):
        for _ in range(FLOOD_PER_SECOND):
            floods.count(f"10.0.0.{number}", 0.0)
    assert len(floods.dropped()) == MAX_FLOODS
    for number in range(30_000):
        floods.count(str(number), 0.0)
    assert len(floods._counts) <= 10_002
