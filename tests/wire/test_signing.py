"""Keys on disk and signatures by purpose."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_wire.errors import LimitExceeded, MalformedMessage, SignatureRefused, WireError
from dvic_wire.signing import (
    SHARED_PURPOSES,
    PrivateKey,
    PublicKey,
    Purpose,
    SharedKey,
    b64decode,
    b64encode,
    peek,
    sign,
    verify,
)

ADA = PrivateKey.from_seed(bytes([7] * 32))
MALLORY = PrivateKey.from_seed(bytes([66] * 32))
ESP = SharedKey(bytes([9] * 32))
NOW = 1_763_632_800


def signed(**claims) -> str:
    return sign(ADA, Purpose.KEEPALIVE_WS, {"aud": "hub", **claims}, now=NOW, ttl=60)


def check(text: str, *, key: PublicKey = ADA.public, purpose: Purpose = Purpose.KEEPALIVE_WS, now: float | None = NOW):
    return verify(text, key, purpose, audience="hub", now=now)


@given(st.binary(max_size=200))
def test_base64url_goes_there_and_back(data):
    assert b64decode(b64encode(data)) == data


@given(st.text())
def test_base64url_has_one_spelling(text):
    try:
        assert b64encode(b64decode(text)) == text
    except MalformedMessage:
        pass


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers() | st.booleans(), max_size=5))
def test_what_was_signed_is_what_is_verified(claims):
    claims = {**claims, "aud": "hub"}
    assert check(sign(ADA, Purpose.KEEPALIVE_WS, claims, now=NOW, ttl=60)) == {**claims, "iat": NOW, "exp": NOW + 60}


@given(st.data())
def test_no_changed_character_verifies(data):
    text = signed(serial=1)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != text[place]))
    with pytest.raises(WireError):
        check(text[:place] + other + text[place + 1:])


def test_another_key_is_refused():
    with pytest.raises(SignatureRefused, match="signature"):
        check(signed(), key=MALLORY.public)


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.KEEPALIVE_WS])
def test_a_signature_opens_only_its_own_door(purpose):
    with pytest.raises(SignatureRefused, match="purpose"):
        check(signed(), purpose=purpose)


def test_time_is_checked_with_leeway_and_can_be_left_to_a_nonce():
    check(signed(), now=NOW + 120)
    with pytest.raises(SignatureRefused, match="expired 61 s ago"):
        check(signed(), now=NOW + 121)
    with pytest.raises(SignatureRefused, match="in the future"):
        check(signed(), now=NOW - 61)
    check(signed(), now=None)


def test_whole_seconds_are_required_even_without_a_clock():
    forged = sign(ADA, Purpose.KEEPALIVE_WS, {"aud": "hub"}, now=NOW, ttl=60)
    header, _, _ = forged.split(".")
    for payload in ('{"aud":"hub"}', '{"aud":"hub","iat":true,"exp":9}', '{"aud":"hub","iat":1.5,"exp":2}'):
        body = f"{header}.{b64encode(payload.encode())}"
        text = f"{body}.{b64encode(ADA.sign_bytes(body.encode()))}"
        with pytest.raises(SignatureRefused, match="whole seconds"):
            check(text, now=None)


def test_a_huge_message_is_refused_before_it_is_looked_at():
    with pytest.raises(LimitExceeded):
        check("a" * 300_000)


def test_peek_reads_whose_key_it_claims_to_be():
    header, claims = peek(signed(iss="n-ada"))
    assert header["kid"] == ADA.fingerprint and claims["iss"] == "n-ada"


def test_a_key_file_is_private_from_the_first_moment_and_never_overwritten(tmp_path):
    path = tmp_path / "node.key"
    old = os.umask(0)
    try:
        ADA.save(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PrivateKey.load(path).public == ADA.public
    with pytest.raises(FileExistsError):
        MALLORY.save(path)
    assert PrivateKey.load(path).public == ADA.public
    assert [p.name for p in tmp_path.iterdir()] == ["node.key"]


def test_a_file_with_something_else_is_named(tmp_path):
    path = tmp_path / "node.key"
    path.write_text("hello")
    with pytest.raises(MalformedMessage, match="node.key"):
        PrivateKey.load(path)


def test_a_private_key_shows_itself_in_no_repr():
    assert b64encode(bytes([7] * 32)) not in repr(ADA) + str(ADA) + repr(vars(ADA))


@pytest.mark.parametrize("jwk", [None, {}, {"kty": "RSA"}, {"kty": "OKP", "crv": "X25519", "x": "AA"},
                                 {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
                                 {"kty": "OKP", "crv": "Ed25519", "x": 5},
                                 {**ADA.public.jwk(), "d": "secret"}])
def test_other_keys_than_public_ed25519_are_refused(jwk):
    with pytest.raises(MalformedMessage):
        PublicKey.from_jwk(jwk)


def beat(key: PrivateKey | SharedKey = ESP, purpose: Purpose = Purpose.KEEPALIVE_UDP) -> str:
    return sign(key, purpose, {"aud": "hub", "serial": 1}, now=NOW, ttl=60)


def test_a_keepalive_by_a_shared_key_holds_and_no_changed_one_does():
    text = beat()
    assert check(text, key=SharedKey.from_text(ESP.text()), purpose=Purpose.KEEPALIVE_UDP)["serial"] == 1
    with pytest.raises(SignatureRefused, match="signature"):
        check(text, key=SharedKey.generate(), purpose=Purpose.KEEPALIVE_UDP)
    head, claims, mac = text.split(".")
    for forged in ("", mac[:-3], b64encode(bytes(32)), b64encode(bytes(64))):
        with pytest.raises(SignatureRefused):
            check(f"{head}.{claims}.{forged}", key=ESP, purpose=Purpose.KEEPALIVE_UDP)


def test_a_shared_key_opens_no_door_but_those_of_keepalives():
    for purpose in set(Purpose) - set(SHARED_PURPOSES):
        with pytest.raises(SignatureRefused, match="keepalives"):
            check(beat(purpose=purpose), key=ESP, purpose=purpose)
    with pytest.raises(SignatureRefused, match="purpose"):
        check(beat(), key=ESP, purpose=Purpose.KEEPALIVE_POST)


def test_the_kind_of_key_on_record_decides_the_algorithm_and_the_header_never():
    """Also not when the public key's bytes are used as a secret, which everybody may know."""
    with pytest.raises(SignatureRefused, match="algorithm"):
        check(beat(SharedKey(ADA.public.raw)), key=ADA.public, purpose=Purpose.KEEPALIVE_UDP)
    with pytest.raises(SignatureRefused, match="algorithm"):
        check(beat(ADA), key=ESP, purpose=Purpose.KEEPALIVE_UDP)


def test_a_shared_key_is_shown_only_by_its_text_and_names_its_device_by_no_key_of_another_kind():
    assert ESP.text() not in repr(ESP) and repr(ESP.raw) not in repr(ESP)
    assert ESP.node_id != PublicKey(ESP.raw).node_id and ESP.node_id.startswith("n-") and len(ESP.node_id) == 22
    with pytest.raises(MalformedMessage):
        SharedKey(b"short")
