"""Tables fit the terminal and keep what matters."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubctl.tables import GAP, Column, cell_width, cut, fit, render

COLUMNS = [
    Column("NAME", lambda item: item["name"], least=8, style=lambda item: "bold"),
    Column("STATE", lambda item: item["state"], style=lambda item: "red" if item["state"] == "silent" else ""),
    Column("OS", lambda item: item.get("os"), least=6),
    Column("COUNT", lambda item: item.get("count", 0), right=True),
]
ITEMS = [{"name": "web-1", "state": "online", "os": "Debian GNU/Linux 12 (bookworm)", "count": 7},
         {"name": "a-machine-with-a-long-name", "state": "silent", "os": "Debian", "count": 12345}]


def lines(width=0, colour=False, items=ITEMS):
    return list(render(COLUMNS, items, width, colour))


def test_columns_stand_under_each_other_and_no_line_ends_in_blanks():
    assert lines() == [
        "NAME                        STATE   OS                              COUNT",
        "web-1                       online  Debian GNU/Linux 12 (bookworm)      7",
        "a-machine-with-a-long-name  silent  Debian                          12345",
    ]


@pytest.mark.parametrize("width", [72, 60, 45, 40, 30, 20, 8, 1])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(cell_width, lines(width))) <= width


def test_the_widest_column_is_cut_first_and_says_so():
    assert lines(60)[1] == "web-1                   online  Debian GNU/Linux 12 (…      7"[:60] or "…" in lines(60)[1]
    assert "silent" in lines(60)[2]
    assert "12345" in lines(60)[2]


def test_where_cutting_is_not_enough_columns_go_from_the_right():
    heading = lines(30)[0]
    assert heading.startswith("NAME")
    assert "STATE" in heading
    assert "COUNT" not in heading


def test_wide_characters_count_for_two_places():
    found = lines(40, items=[{"name": "東京都の実験室にある機械", "state": "online"}])
    assert all(cell_width(line) <= 40 for line in found)
    assert cell_width(cut("東京都", 4)) <= 4


def test_colour_does_not_move_columns():
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines(colour=True)]
    assert plain == lines()
    assert "\x1b[31msilent\x1b[0m" in lines(colour=True)[2]


def test_cells_are_harmless():
    text = "\n".join(lines(items=[{"name": "\x1b[2Jevil\nname", "state": "\u202eonline"}]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[2Jevil\\nname" in text


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(0, 20)), min_size=1, max_size=8), st.integers(1, 200))
def test_any_columns_fit_any_width(columns, width):
    natural = [size for size, _ in columns]
    widths = fit(natural, [least for _, least in columns], width)
    shown = [size for size in widths if size]
    assert sum(shown) + GAP * (len(shown) - 1) <= width
    assert widths[0] > 0
    assert all(size <= most for size, most in zip(widths, natural, strict=True))
