"""How a run's output is cut into lines and shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubctl.run_view import LONGEST_LINE, LineCutter, Tally


def lines_of(*pieces):
    cutter = LineCutter()
    return [line for piece in pieces for line in cutter.take(piece)] + cutter.end()


def test_lines_are_put_together_from_pieces():
    assert lines_of(b"one\ntw", b"o\n", b"thr", b"ee") == ["one", "two", "three"]


def test_a_letter_that_was_cut_in_two_is_one_letter():
    assert lines_of("grü".encode()[:-1], "grü".encode()[-1:] + b"n\n") == ["grün"]


def test_what_is_not_utf_8_is_written_out():
    assert lines_of(b"a\xff\xfeb\n") == ["a\\xff\\xfeb"]


def test_windows_ends_of_lines_are_ends_of_lines():
    assert lines_of(b"one\r\ntwo\r\n") == ["one", "two"]


def test_a_line_without_an_end_is_not_held_back_for_ever():
    cutter = LineCutter()
    assert cutter.take(b"x" * LONGEST_LINE) == []
    assert len(cutter.take(b"x")) == 1


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_where_output_is_cut_changes_nothing(data, cuts):
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]
    assert lines_of(*pieces) == lines_of(data)


def row(node, state):
    return {"node": f"name of {node}", "node_id": node, "state": state}


def test_the_tally_counts_ends():
    tally = Tally()
    tally.update([row("n1", "queued"), row("n2", "running"), row("n3", "finished")])
    assert (tally.done, tally.all_done) == (1, False)
    assert tally.words() == "1 finished, 1 running, 1 queued"
    tally.move("n1", "failed")
    tally.move("n2", "finished")
    assert tally.all_done
    assert tally.words() == "2 finished, 1 failed"


def test_a_late_event_takes_no_end_back():
    tally = Tally()
    tally.update([row("n1", "finished")])
    tally.move("n1", "running")
    assert tally.all_done


@pytest.mark.parametrize("node", ["n9", "", "None"])
def test_an_event_of_a_strange_node_changes_nothing(node):
    tally = Tally()
    tally.update([row("n1", "queued")])
    tally.move(node, "running")
    assert tally.states == {"n1": "queued"}
