"""The table of an update's states, and the papers that it rests on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_wire.errors import InvalidTransition, MalformedMessage, SignatureExpired, SignatureRefused
from dvic_wire.signing import PrivateKey, Purpose, sign
from dvic_wire.updates import (
    MAX_PACKAGE_BYTES,
    MAX_SIGNING_KEYS,
    PENDING,
    RELEASE_AUDIENCE,
    STATES,
    STEPS,
    TERMINAL,
    TRANSITIONS,
    KeySet,
    Manifest,
    advance,
    read_key_set,
    read_manifest,
)

NOW = 1_763_632_800
HUB, SIGNER, MALLORY = (PrivateKey.from_seed(bytes([number] * 32)) for number in (1, 2, 66))
MANIFEST = Manifest("dvic-agent", "1.2.0", "all", 1000, "ab" * 32, "1.0")


def test_every_state_is_reached_and_every_path_can_end():
    reached, edge = set(), {PENDING}
    while edge:
        reached |= edge
        edge = {to for state in edge for to in TRANSITIONS[state]} - reached
    assert reached == set(STATES) and {state for state in STATES if not TRANSITIONS[state]} == TERMINAL
    assert set(STEPS) < set(STATES)


@given(st.lists(st.sampled_from(STATES), max_size=20))
def test_whatever_is_tried_an_update_ends_at_most_once(tries):
    state, ends = PENDING, 0
    for to in tries:
        try:
            state = advance(state, to)
            ends += state in TERMINAL
        except InvalidTransition:
            pass
    assert ends <= 1


def test_a_manifest_of_any_key_that_counts_is_read():
    text = MANIFEST.sign(SIGNER, now=NOW, ttl=100)
    read = read_manifest(text, (MALLORY.public, SIGNER.public), now=NOW)
    assert (read.package, read.version, read.sha256, read.expires) == ("dvic-agent", "1.2.0", "ab" * 32, NOW + 100)
    assert read.file_name == "dvic-agent_1.2.0_all.deb"


def test_a_manifest_of_another_key_or_past_its_time_is_refused():
    text = MANIFEST.sign(MALLORY, now=NOW)
    with pytest.raises(SignatureRefused, match="no key that counts"):
        read_manifest(text, (SIGNER.public,), now=NOW)
    with pytest.raises(SignatureExpired):
        read_manifest(MANIFEST.sign(SIGNER, now=NOW, ttl=10), (SIGNER.public,), now=NOW + 1000)


def test_a_key_that_names_itself_as_another_is_refused():
    head, body, _ = MANIFEST.sign(SIGNER, now=NOW).split(".")
    forged = f"{head}.{body}.{MANIFEST.sign(MALLORY, now=NOW).split('.')[2]}"
    with pytest.raises(SignatureRefused, match="the signature is wrong"):
        read_manifest(forged, (SIGNER.public,), now=NOW)


@pytest.mark.parametrize("field, value", [
    ("package", "../x"), ("package", None), ("architecture", "a b"), ("sha256", "AB" * 32), ("size", 0), ("size", True),
    ("size", MAX_PACKAGE_BYTES + 1), ("version", "one"), ("minimum_hub", "x"),
])
def test_a_wrong_manifest_names_its_field(field, value):
    claims = {"aud": RELEASE_AUDIENCE, "package": "dvic-agent", "version": "1.0", "architecture": "all", "size": 1,
              "sha256": "ab" * 32, field: value}
    with pytest.raises(MalformedMessage):
        read_manifest(sign(SIGNER, Purpose.RELEASE, claims, now=NOW, ttl=9), (SIGNER.public,), now=NOW)


def test_a_key_set_counts_by_the_hub_s_signature_only():
    keys = KeySet(3, (SIGNER.public,))
    assert read_key_set(keys.sign(HUB, now=NOW), HUB.public, now=NOW) == keys
    with pytest.raises(SignatureRefused):
        read_key_set(keys.sign(SIGNER, now=NOW), HUB.public, now=NOW)


@pytest.mark.parametrize("claims", [
    {"serial": 0, "keys": [SIGNER.public.jwk()]}, {"serial": "1", "keys": [SIGNER.public.jwk()]},
    {"serial": 1, "keys": []},
    {"serial": 1, "keys": [SIGNER.public.jwk()] * (MAX_SIGNING_KEYS + 1)}, {"serial": 1, "keys": ["x"]}, {"serial": 1},
])
def test_a_wrong_key_set_is_refused(claims):
    text = sign(HUB, Purpose.RELEASE_KEYS, {"aud": RELEASE_AUDIENCE, **claims}, now=NOW, ttl=9)
    with pytest.raises(MalformedMessage):
        read_key_set(text, HUB.public, now=NOW)
