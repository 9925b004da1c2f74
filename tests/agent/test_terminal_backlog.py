"""What a terminal wrote, between being read and being safe."""

from hypothesis import given
from hypothesis import strategies as st

from dvic_agent.executor.terminal_backlog import Backlog
from dvic_wire.terminals import MAX_TERMINAL_PIECE, TERMINAL_TAIL, TERMINAL_WINDOW


def taken(backlog):
    pieces = []
    while piece := backlog.take():
        pieces.append(piece)
    return pieces


def test_what_is_added_is_taken_once_in_pieces_with_their_places():
    backlog = Backlog()
    backlog.add(b"a" * (MAX_TERMINAL_PIECE + 5))

    sizes = [(offset, len(data)) for offset, data in taken(backlog)]
    assert sizes == [(0, MAX_TERMINAL_PIECE), (MAX_TERMINAL_PIECE, 5)]
    assert backlog.take() is None


def test_the_window_closes_until_it_is_acknowledged():
    backlog = Backlog()
    backlog.add(bytes(TERMINAL_WINDOW))
    assert backlog.room == 0 and not backlog.is_safe

    backlog.acknowledge(100)
    assert backlog.room == 100
    backlog.acknowledge(TERMINAL_WINDOW)
    assert backlog.room == TERMINAL_WINDOW and backlog.is_safe


def test_a_new_connection_gets_what_it_asks_for_and_at_most_the_tail_of_what_is_safe():
    backlog = Backlog()
    backlog.add(bytes(200_000))
    backlog.acknowledge(200_000)
    backlog.add(b"end")

    backlog.resume(200_001)
    assert taken(backlog) == [(200_001, b"nd")]
    backlog.resume(0)
    assert backlog.take()[0] == 200_000 - TERMINAL_TAIL


def test_places_beyond_the_end_are_the_end():
    backlog = Backlog()
    backlog.add(b"abc")
    backlog.acknowledge(10**9)
    backlog.resume(10**9)

    assert backlog.take() is None and backlog.is_safe and backlog.end == 3


@given(st.lists(st.tuples(st.sampled_from(["add", "ack", "resume", "take"]), st.integers(-10, 2**20))))
def test_whatever_happens_each_piece_is_what_was_written_there(steps):
    backlog, written = Backlog(), b""
    for what, number in steps:
        if what == "add":
            data = bytes(number % 251 for _ in range(min(abs(number), backlog.room)))
            backlog.add(data)
            written += data
        elif what == "ack":
            backlog.acknowledge(number)
        elif what == "resume":
            backlog.resume(number)
        elif piece := backlog.take():
            assert written[piece[0]:piece[0] + len(piece[1])] == piece[1]
        assert 0 <= backlog.room <= TERMINAL_WINDOW and backlog.end == len(written)
