"""Signs of life."""

import pytest

from dvic_agent.identity import Identity, PinnedHub
from dvic_agent.keepalive import BLOCK, Serials, keepalive
from dvic_wire.errors import SignatureRefused
from dvic_wire.limits import KEEPALIVE_TTL, MAX_STATUS_TEXT
from dvic_wire.signing import PrivateKey, Purpose, verify


def test_serials_grow_by_one(tmp_path):
    serials = Serials(tmp_path / "serial")
    assert [serials.take() for _ in range(3)] == [1, 2, 3]


def test_a_serial_is_never_given_twice_across_restarts(tmp_path):
    given = []
    for _ in range(5):
        serials = Serials(tmp_path / "serial")  # killed before it could say where it was
        given += [serials.take() for _ in range(BLOCK + 3)]
    assert len(set(given)) == len(given)
    assert given == sorted(given)


def test_a_block_is_on_the_disk_before_its_first_serial_is_used(tmp_path):
    serials = Serials(tmp_path / "serial")
    taken = serials.take()
    assert int((tmp_path / "serial").read_text()) > taken


def test_a_block_costs_one_write(tmp_path):
    serials = Serials(tmp_path / "serial")
    serials.take()
    before = (tmp_path / "serial").stat().st_ino
    for _ in range(BLOCK - 1):
        serials.take()
    assert (tmp_path / "serial").stat().st_ino == before
    serials.take()
    assert (tmp_path / "serial").stat().st_ino != before


def test_what_the_hub_has_seen_is_passed_when_the_file_was_lost(tmp_path):
    serials = Serials(tmp_path / "serial")
    serials.seen(4711)
    assert serials.take() == 4712
    assert Serials(tmp_path / "serial").take() > 4712


def test_what_the_hub_has_seen_never_sets_back(tmp_path):
    serials = Serials(tmp_path / "serial")
    serials.seen(100)
    serials.take()
    serials.seen(5)
    assert serials.take() == 102


@pytest.mark.parametrize("content", ["", "x", "-5", "1e9"])
def test_a_damaged_file_does_not_stop_the_signs_of_life(tmp_path, content):
    (tmp_path / "serial").write_text(content)
    serials = Serials(tmp_path / "serial")
    serials.seen(7)
    assert serials.take() == 8


def test_a_folder_that_can_not_be_written_does_not_stop_them_either(tmp_path):
    serials = Serials(tmp_path / "gone/serial")
    assert serials.take() < serials.take()


def test_a_clock_set_back_an_hour_repeats_no_serial(tmp_path):
    key, hub = PrivateKey.generate(), PrivateKey.generate()
    identity = Identity(key, PinnedHub("http://h", hub.public, key.public.node_id, "ada"))
    serials = Serials(tmp_path / "serial")
    seen = set()
    for time in (10_000.0, 10_010.0, 6_410.0, 6_420.0):
        message = keepalive(identity, serials.take(), 10, time)
        claims = verify(message.jws, key.public, Purpose.KEEPALIVE_WS, audience=hub.fingerprint, now=time)
        assert claims["serial"] not in seen
        seen.add(claims["serial"])


def test_a_keepalive_says_who_for_whom_and_until_when():
    key, hub = PrivateKey.generate(), PrivateKey.generate()
    identity = Identity(key, PinnedHub("http://h", hub.public, key.public.node_id, "ada"))
    message = keepalive(identity, 3, 10, 1000.0, "x" * 1000)
    claims = verify(message.jws, key.public, Purpose.KEEPALIVE_WS, audience=hub.fingerprint, now=1000)
    assert claims["iss"] == key.public.node_id
    assert (claims["serial"], claims["period"]) == (3, 10)
    assert len(claims["status"]) == MAX_STATUS_TEXT
    with pytest.raises(SignatureRefused):
        verify(message.jws, key.public, Purpose.KEEPALIVE_WS, audience=hub.fingerprint, now=1000 + KEEPALIVE_TTL + 61)
    with pytest.raises(SignatureRefused):
        verify(message.jws, key.public, Purpose.KEEPALIVE_POST, audience=hub.fingerprint, now=1000)
