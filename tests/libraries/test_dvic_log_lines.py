"""dvic_log.lines: whatever is logged becomes one line of JSON."""

import enum
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_log import lines
from dvic_wire.limits import MAX_FIELD_TEXT, MAX_FIELDS, MAX_RECORD_TEXT
from dvic_wire.streams import LEVELS


class Hostile:
    def __str__(self):
        raise RuntimeError("no text for you")

    __repr__ = __str__


class Colour(enum.IntEnum):
    RED = 3


def parsed(line):
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    return json.loads(line)


def test_a_record_is_one_line_with_its_short_keys():
    line = lines.record(5, "info", "two\nlines", {"a": 1}, (("s", "night"), ("c", "readout"), ("y", "")))
    assert parsed(line) == {"t": 5, "l": "info", "m": "two\nlines", "f": {"a": 1}, "s": "night", "c": "readout"}


def test_what_is_empty_is_left_out():
    assert parsed(lines.record(5, "debug", "")) == {"t": 5, "l": "debug", "m": ""}


def test_the_header_says_who_writes():
    header = parsed(lines.header(7, "/usr/bin/python3", "ada", "daq", 99))
    assert header == {"dvic_log": 1, "pid": 7, "executable": "/usr/bin/python3", "user": "ada", "name": "daq",
                      "start": 99, "library": lines.LIBRARY}


def test_levels_and_limits_are_those_of_the_wire():
    assert lines.LEVELS == LEVELS
    assert lines.MAX_FIELDS == MAX_FIELDS and lines.MAX_FIELD == MAX_FIELD_TEXT
    assert lines.MAX_MESSAGE < MAX_RECORD_TEXT


@pytest.mark.parametrize("given_level, name", [
    (logging.DEBUG, "debug"), (5, "debug"), (15, "debug"), (logging.INFO, "info"), (25, "notice"),
    (logging.WARNING, "warning"), (logging.ERROR, "error"), (logging.CRITICAL, "critical"), (99, "critical"),
    ("WARN", "warning"), (" fatal ", "critical"), ("nonsense", "info"), (None, "info"), (Hostile(), "info")])
def test_levels_are_understood(given_level, name):
    assert lines.level_name(given_level) == name


@pytest.mark.parametrize("template, arguments, said", [
    ("plain 100%", (), "plain 100%"), ("%d of %s", (3, "x"), "3 of x"), ("%(a)s", ({"a": 1},), "1"),
    ("%d", ("x",), "%d ('x',)"), ("no place", (1,), "no place (1,)"), (b"raw \xff", (), "raw \\xff"),
    (17, (), "17"), (None, (), "None")])
def test_messages_are_made_as_logging_makes_them_and_never_lost(template, arguments, said):
    assert lines.message(template, arguments) == said


def test_an_object_without_a_text_is_named():
    assert lines.message(Hostile(), ()) == "<a Hostile that can't be shown>"
    assert lines.message("%s", (Hostile(),)).startswith("%s <a tuple")


def test_fields_become_flat():
    given_fields = {"n": 1, "yes": True, "x": 1.5, "none": None, "list": [1, {"a": 2}], "nan": float("nan"),
                    "big": 2 ** 70, "enum": Colour.RED, "bytes": b"\x00a", 5: "key", "bad": Hostile()}
    assert lines.fields(given_fields) == {
        "n": 1, "yes": True, "x": 1.5, "none": "", "list": "[1, {'a': 2}]", "nan": "nan", "big": str(2 ** 70),
        "enum": 3, "bytes": "\x00a", "5": "key", "bad": "<a Hostile that can't be shown>"}


def test_too_many_fields_are_counted():
    flat = lines.fields({str(number): number for number in range(100)})
    assert len(flat) == lines.MAX_FIELDS + 1 and flat["fields_cut"] == 100 - lines.MAX_FIELDS


def test_a_long_text_is_cut_and_says_so():
    assert lines.text("x" * 30, 10) == "x" * 10 + "... (20 characters cut)"


def test_a_lone_surrogate_becomes_readable():
    assert lines.text("a\udc80", 10) == "a\\udc80"


@given(st.text(st.characters(codec=None)), st.dictionaries(st.text(max_size=80), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers()))))
def test_whatever_is_given_the_line_is_strict_json_in_utf8(said, values):
    line = lines.record(1, "info", lines.message(said, ()), lines.fields(values))
    record = json.loads(line.decode("utf-8"), parse_constant=pytest.fail)
    assert all(isinstance(value, (str, int, float, bool)) for value in record.get("f", {}).values())
