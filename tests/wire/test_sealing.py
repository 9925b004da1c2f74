"""What is sealed opens for its one key and as what it is about, and for nothing else."""

import pytest

from dvic_wire.errors import LimitExceeded, MalformedMessage, SignatureRefused
from dvic_wire.sealing import MAX_SEALED_BYTES, SealingKey, check_public, seal
from dvic_wire.signing import b64decode, b64encode

KEY = SealingKey.from_bytes(bytes(range(32)))
MALLORY = SealingKey.from_bytes(bytes([66] * 32))


def test_what_was_sealed_opens_for_its_key():
    assert KEY.open(seal(KEY.public, b"correct horse", "run 1"), "run 1") == b"correct horse"
    assert KEY.open(seal(KEY.public, b"", ""), "") == b""


def test_it_opens_for_no_other_key_and_as_nothing_else():
    text = seal(KEY.public, b"correct horse", "run 1")
    with pytest.raises(SignatureRefused):
        MALLORY.open(text, "run 1")
    with pytest.raises(SignatureRefused):
        KEY.open(text, "run 2")


def test_nothing_of_it_can_be_changed():
    data = b64decode(seal(KEY.public, b"correct horse", "run 1"))
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]
        with pytest.raises((SignatureRefused, MalformedMessage)):
            KEY.open(b64encode(changed), "run 1")


def test_the_same_text_is_never_sealed_alike_twice():
    assert seal(KEY.public, b"x", "") != seal(KEY.public, b"x", "")
    assert b"correct horse" not in b64decode(seal(KEY.public, b"correct horse", ""))


@pytest.mark.parametrize("public", ["", "AA", "not base64!", b64encode(bytes(31)), None, 7])
def test_what_is_no_public_key_is_refused(public):
    with pytest.raises(MalformedMessage):
        check_public(public)


def test_a_public_key_that_would_let_everybody_know_the_secret_is_refused():
    with pytest.raises(MalformedMessage):
        seal(b64encode(bytes(32)), b"x", "")
    with pytest.raises(MalformedMessage):
        KEY.open(b64encode(bytes(32) + bytes(40)), "")


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "=" * 100])
def test_what_is_no_sealed_text_is_refused(text):
    with pytest.raises(MalformedMessage):
        KEY.open(text, "")


def test_there_is_a_limit():
    with pytest.raises(LimitExceeded):
        seal(KEY.public, bytes(MAX_SEALED_BYTES + 1), "")
    with pytest.raises(LimitExceeded):
        KEY.open("A" * (2 * MAX_SEALED_BYTES + 1), "")


def test_no_repr_shows_the_key():
    assert b64encode(bytes(range(32))) not in repr(KEY) + str(vars(KEY))
