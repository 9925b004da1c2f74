"""Text from hostile machines: visible, and without effect on the terminal."""

import json

import pytest

from hubctl.harmless import escape, escape_json, is_harmless, one_line


@pytest.mark.parametrize("text, shown", [
    ("\x1b[2J\x1b[31mred", "\\x1b[2J\\x1b[31mred"),
    ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    ("\x9b31m", "\\x9b31m"),
    ("back\x08space", "back\\x08space"),
    ("one\rtwo", "one\\rtwo"),
    ("\x7f\x00", "\\x7f\\x00"),
    ("a\u202eb\u2066c\u200fd\ufeff", "a\\u202eb\\u2066c\\u200fd\\ufeff"),
    ("line\u2028separator", "line\\u2028separator"),
    ("half \ud83d pair", "half \\ud83d pair"),
])
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    assert escape(text) == shown
    assert one_line(text) == shown


def test_ordinary_text_of_any_language_stays_as_it_is():
    text = "Grüße, 東京, עברית, 👩‍🔬 café — tab\there\nnext line"
    assert escape(text) == text
    assert is_harmless(text)


def test_a_cell_of_a_table_never_breaks_its_line():
    assert one_line("two\nlines\tand a tab\r\n") == "two\\nlines and a tab\\r\\n"


def test_escaped_json_is_the_same_json():
    value = {"na\x9bme": "\x1b[2J \x7f \u202e \ud83d ü"}
    text = escape_json(json.dumps(value, ensure_ascii=False))
    assert is_harmless(text)
    assert json.loads(text) == value
    assert "ü" in text


def test_whatever_python_calls_printable_is_harmless():
    printable = "".join(filter(str.isprintable, map(chr, range(0x110000))))
    assert is_harmless(printable)
    assert not set(printable) & set("\t\n")
