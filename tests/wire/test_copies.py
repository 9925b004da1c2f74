"""What the order of a copy holds, and what is told of a file: strict, bounded, and the same again when read."""

from dataclasses import replace

import pytest

from dvic_wire.copies import FROM, MAX_COPY_BYTES, TO, CopySpec, FileAbout
from dvic_wire.errors import MalformedMessage
from dvic_wire.pieces import MAX_PIECE, decode_bytes, encode_bytes

ORDER = CopySpec(TO, "/srv/letter", "ada", 9, "letter", "0" * 64, 0o640, "ada", "users")
ABOUT = FileAbout("letter", 9, 0o640, "ada", "users", 1_763_632_800)


@pytest.mark.parametrize("order", [ORDER, CopySpec(FROM, "notes.txt", size=2**30), replace(ORDER, path="grüß\n$(x)")])
def test_an_order_is_read_as_it_was_written(order):
    assert CopySpec.from_json(order.to_json()) == order


@pytest.mark.parametrize("field, value", [
    ("direction", "up"), ("path", ""), ("path", "x\0"), ("path", "ü" * 2001), ("path", "\ud800"), ("path", 7),
    ("size", -1), ("size", MAX_COPY_BYTES + 1), ("size", True), ("name", ""), ("name", "."), ("name", "a/b"),
    ("name", "x" * 256), ("sha256", ""), ("sha256", "G" * 64), ("mode", -2), ("mode", 0o1777), ("user", "x\0"),
    ("owner", None), ("keep", 0), ("timeout", 1), ("more", 1)])
def test_an_order_that_is_out_of_bounds_is_none(field, value):
    with pytest.raises(MalformedMessage):
        CopySpec.from_json({**ORDER.to_json(), field: value})


@pytest.mark.parametrize("field, value", [
    ("name", "../letter"), ("size", -1), ("mode", 0o4755), ("sha256", "x"), ("modified", 2**41), ("owner", "x" * 300),
    ("more", 1)])
def test_what_is_told_of_a_file_is_bounded_too(field, value):
    assert FileAbout.from_json(ABOUT.to_json()) == ABOUT
    with pytest.raises(MalformedMessage):
        FileAbout.from_json({**ABOUT.to_json(), field: value})


def test_pieces_are_base64_of_bounded_length():
    assert decode_bytes(encode_bytes(b"\0\xff" * 8)) == b"\0\xff" * 8
    for wrong in (encode_bytes(bytes(MAX_PIECE + 1)), "no base64", "A", None, 7):
        assert decode_bytes(wrong) is None
