"""Orders of terminals and what is typed into them, as they travel."""

import pytest

from dvic_wire.errors import LimitExceeded, MalformedMessage, SignatureRefused, WireError
from dvic_wire.signing import PrivateKey, Purpose, sign
from dvic_wire.terminals import (
    MAX_TERMINAL_PIECE,
    Resized,
    TerminalSpec,
    Typed,
    decode_bytes,
    encode_bytes,
    read_input,
    read_size,
    sign_input,
)

KEY, OTHER = (PrivateKey.from_seed(bytes([number] * 32)) for number in (1, 2))
RUN = "0123456789abcdef"


def test_an_order_survives_the_wire():
    spec = TerminalSpec(KEY.public, ("vi", "a b"), "anna", 100, 30, 60, 5, 3600)

    assert TerminalSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(("field", "value"), [
    ("argv", "ls"), ("argv", [1]), ("argv", ["a\0b"]), ("argv", ["x" * 70_000]), ("user", 1), ("user", "a\0"),
    ("cols", 0), ("rows", 1001), ("cols", True), ("cols", "80"), ("idle", 0), ("keep", -1), ("timeout", 10**9),
    ("input_key", {}), ("input_key", None), ("more", 1),
])
def test_an_order_with_a_wrong_field_is_refused(field, value):
    with pytest.raises(MalformedMessage):
        TerminalSpec.from_json({**TerminalSpec(KEY.public).to_json(), field: value})


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_what_is_no_order_is_refused(value):
    with pytest.raises(MalformedMessage):
        TerminalSpec.from_json(value)


@pytest.mark.parametrize("given", [Typed(b"ls\n"), Typed(bytes(range(256))), Typed(b""), Resized(80, 24)])
def test_an_input_is_read_as_it_was_signed(given):
    assert read_input(sign_input(KEY, RUN, 3, given, now=0), KEY.public, RUN, after=2) == (3, given)


def test_an_input_counts_whatever_the_clock_says():
    text = sign_input(KEY, RUN, 1, Typed(b"x"), now=10**9)

    assert read_input(text, KEY.public, RUN, after=0)[0] == 1


def claims(**more):
    return sign(KEY, Purpose.TERMINAL_INPUT, {"aud": RUN, "n": 9, **more}, now=0, ttl=60)


@pytest.mark.parametrize("text", [
    sign_input(OTHER, RUN, 9, Typed(b"x"), now=0),
    sign_input(KEY, "fedcba9876543210", 9, Typed(b"x"), now=0),
    sign_input(KEY, RUN, 8, Typed(b"x"), now=0),
    sign(KEY, Purpose.TERMINAL, {"aud": RUN, "n": 9, "data": ""}, now=0, ttl=60),
    claims(n="9", data=""), claims(n=True, data=""), claims(data=1), claims(data="?"), claims(size=[80]), claims(),
    claims(size=[0, 24]), claims(data=encode_bytes(bytes(MAX_TERMINAL_PIECE + 1))), "", "a.b.c", "x" * 10**6,
])
def test_what_is_not_signed_for_this_session_or_not_new_is_refused(text):
    with pytest.raises(WireError) as refused:
        read_input(text, KEY.public, RUN, after=8)
    assert isinstance(refused.value, SignatureRefused | MalformedMessage | LimitExceeded)


@pytest.mark.parametrize("size", [None, [], [80], [80, 24, 1], ["80", 24], [80.0, 24], [0, 1], [1001, 1], [True, 1]])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(MalformedMessage):
        read_size(size)


@pytest.mark.parametrize("text", [None, 1, "?", "AAA", "A" * 100_000, "ÄÄÄÄ"])
def test_what_is_no_piece_of_a_terminal_is_none(text):
    assert decode_bytes(text) is None
