"""Frames: what is read, what is refused, and that no bytes whatever do anything else."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_wire import codec
from dvic_wire.errors import LimitExceeded, MalformedMessage, WireError
from dvic_wire.limits import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, MAX_RECORDS
from dvic_wire.messages import KINDS, Ack, Batch, Goodbye, Hello

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20)
BATCHES = st.builds(Batch, stream=TEXT.filter(lambda t: len(t) < 200), from_cursor=TEXT, to_cursor=TEXT, source=TEXT,
                    records=st.lists(st.dictionaries(TEXT, st.integers() | TEXT, max_size=4), max_size=5),
                    about=st.dictionaries(TEXT, TEXT, max_size=3), closed=st.booleans())


@given(BATCHES)
def test_a_batch_survives_the_way_there_and_back(batch):
    assert codec.decode(codec.encode(batch)) == batch
    assert codec.decode(codec.encode_compressed(batch)) == batch


@given(st.binary() | st.binary().map(zlib.compress) | TEXT)
def test_no_bytes_do_more_than_be_refused(frame):
    try:
        codec.decode(frame)
    except WireError:
        pass


@given(JSON)
def test_no_json_does_more_than_be_refused(value):
    try:
        codec.from_object(value)
    except WireError:
        pass


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(
    sorted({name for fields in codec._FIELDS.values() for name, _, _ in fields})), JSON))
def test_no_fields_do_more_than_be_refused(kind, fields):
    try:
        message = codec.from_object({"kind": kind, **fields})
    except WireError:
        return
    assert codec.decode(codec.encode(message)) == message


def test_unknown_fields_are_ignored():
    assert codec.decode('{"kind":"goodbye","reason":"updating","colour":"red"}') == Goodbye("updating")


def test_the_refusal_names_the_field():
    with pytest.raises(MalformedMessage, match="hello.protocols: must be list"):
        codec.decode('{"kind":"hello","node":"n","protocols":1,"nonce":"","instance":"","agent_version":""}')
    with pytest.raises(MalformedMessage, match="hello.nonce: is missing"):
        codec.decode('{"kind":"hello","node":"n","protocols":[1]}')


def test_a_small_frame_that_inflates_to_much_is_refused_without_inflating_it_all():
    bomb = zlib.compress(b"[" + b" " * (64 * 1024 * 1024))
    assert len(bomb) < MAX_FRAME_BYTES
    with pytest.raises(LimitExceeded, match="MAX_MESSAGE_BYTES"):
        codec.decode(bomb)


def test_a_frame_with_bytes_behind_its_end_or_cut_off_is_refused():
    frame = codec.encode_compressed(Goodbye())
    for damaged in (frame + b"x", frame[:-1], b""):
        with pytest.raises(MalformedMessage):
            codec.decode(damaged)


def test_oversized_frames_name_the_limit():
    with pytest.raises(LimitExceeded, match="MAX_FRAME_BYTES"):
        codec.decode(b"x" * (MAX_FRAME_BYTES + 1))
    with pytest.raises(LimitExceeded, match="MAX_MESSAGE_BYTES"):
        codec.decode('{"kind":"goodbye","reason":"' + "ü" * (MAX_MESSAGE_BYTES // 2) + '"}')
    with pytest.raises(LimitExceeded, match="MAX_RECORDS"):
        codec.decode(codec.encode(Batch("journal", "", "a", "journal", [{}] * (MAX_RECORDS + 1))))


def test_a_hundred_thousand_brackets_are_refused():
    with pytest.raises((LimitExceeded, MalformedMessage)):
        codec.decode("[" * 100_000)


def test_text_that_no_utf8_can_hold_never_leaves_a_batch():
    batch = Batch("journal", "", "a", "journal", [{"message": "\udcff"}])
    assert codec.decode(codec.encode_compressed(batch)).records == [{"message": "?"}]
    assert codec.decode(codec.encode(batch)).records == [{"message": "?"}]
    with pytest.raises(MalformedMessage, match="surrogate"):
        codec.decode('{"kind":"goodbye","reason":"\\ud800"}')


def test_before_the_proof_frames_are_small():
    hello = Hello("n" * 10, [1], "x" * 100, "i", "0")
    assert codec.decode(codec.encode(hello), limit=1000) == hello
    with pytest.raises(LimitExceeded):
        codec.decode(codec.encode(hello), limit=50)


def test_an_acknowledgement_is_a_plain_small_object():
    assert codec.encode(Ack("journal", "c")) == (
        '{"kind":"ack","stream":"journal","cursor":"c","stored":true,"closed":false,"reason":"","retry":0}')
