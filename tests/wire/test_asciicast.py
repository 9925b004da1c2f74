"""Recordings: written as asciicast v2 says, and read back."""

import json

import pytest

from dvic_wire.asciicast import CastEvent, CastHeader, CastWriter, read_events, read_header, read_resize
from dvic_wire.errors import MalformedMessage


def test_a_recording_is_read_back_as_it_was_written():
    writer = CastWriter()
    header = CastHeader(80, 24, 1763632800, "ada: grüße")
    lines = [writer.header(header), writer.output(0.5, b"$ "), writer.resize(1, 100, 30),
             writer.output(2, b"\x1b[1mhi")]

    first, *rest = "".join(lines).splitlines()
    assert read_header(first) == header
    assert list(read_events(rest)) == [CastEvent(0.5, "o", "$ "), CastEvent(1, "r", "100x30"),
                                       CastEvent(2, "o", "\x1b[1mhi")]
    assert read_resize(CastEvent(1, "r", "100x30")) == (100, 30)


def test_a_character_in_two_pieces_is_held_back_until_it_is_whole():
    writer = CastWriter()
    euro = "€".encode()

    assert json.loads(writer.output(1, b"a" + euro[:2])) == [1, "o", "a"]
    assert writer.held_back == 2
    assert json.loads(writer.output(2, euro[2:])) == [2, "o", "€"]
    assert writer.held_back == 0


def test_nothing_whole_makes_no_line():
    writer = CastWriter()

    assert writer.output(1, "€".encode()[:1]) == ""


def test_bytes_that_are_no_text_are_replaced_and_lose_nothing_else():
    assert json.loads(CastWriter().output(1, b"a\xffb")) == [1, "o", "a�b"]


def test_input_in_a_foreign_recording_is_not_played():
    assert list(read_events(['[1, "i", "secret"]', '[2, "o", "x"]', ""])) == [CastEvent(2, "o", "x")]


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"version": 1, "width": 1, "height": 1}', '{"version": 2}',
                                  '{"version": 2, "width": "1", "height": 1}', "[" * 100_000])
def test_what_is_no_recording_is_refused(line):
    with pytest.raises(MalformedMessage):
        read_header(line)


@pytest.mark.parametrize("line", ["x", "{}", "[1]", '["1", "o", "x"]', '[-1, "o", "x"]', '[1, "o", 2]',
                                  '[true, "o", "x"]'])
def test_what_is_no_event_is_refused(line):
    with pytest.raises(MalformedMessage):
        list(read_events([line]))
