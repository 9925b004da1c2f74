"""Output in whole lines and whole characters, in order, and not too much of it."""

from hypothesis import given
from hypothesis import strategies as st

from dvic_agent.executor.pieces import HOLD_SECONDS, MAX_PIECE, Pieces, by_kind, whole


def test_whole_lines_are_let_go_at_once_and_the_rest_is_held():
    pieces = Pieces(1000)

    assert list(pieces.feed("out", b"one\ntwo\nthr", 0)) == [("out", b"one\ntwo\n")]
    assert list(pieces.feed("out", b"ee\n", 0.01)) == [("out", b"three\n")]


def test_a_line_without_end_is_let_go_after_a_moment_however_often_it_grows():
    pieces = Pieces(1000)
    assert pieces.due(0) is None
    list(pieces.feed("out", b"a", 5.0))
    list(pieces.feed("out", b"b", 5.0 + HOLD_SECONDS / 2))

    assert pieces.due(5.0 + HOLD_SECONDS) == 0
    assert list(pieces.flush()) == [("out", b"ab")]
    assert pieces.due(9) is None


def test_what_one_pipe_holds_goes_before_the_others_next_line():
    pieces = Pieces(1000)
    list(pieces.feed("out", b"question? ", 0))

    assert list(pieces.feed("err", b"warning\n", 0.01)) == [("out", b"question? "), ("err", b"warning\n")]


def test_a_character_is_never_torn():
    pieces = Pieces(1000)
    euro = "€".encode()
    list(pieces.feed("out", b"5 " + euro[:2], 0))

    assert list(pieces.flush()) == [("out", b"5 ")]
    assert pieces.due(99) is None
    assert list(pieces.feed("out", euro[2:] + b"\n", 1)) == [("out", euro + b"\n")]


def test_the_beginning_of_a_character_at_the_very_end_is_let_go_as_it_is():
    pieces = Pieces(1000)
    list(pieces.feed("out", b"5 \xe2\x82", 0))

    assert list(pieces.finish()) == [("out", b"5 \xe2\x82")]
    assert pieces.cut == 0


def test_the_limit_is_for_both_pipes_together_and_the_rest_is_counted():
    pieces = Pieces(10)
    got = [*pieces.feed("out", b"12345\n", 0), *pieces.feed("err", b"abcdefgh\n", 0), *pieces.feed("out", b"x\n", 0),
           *pieces.finish()]

    assert got == [("out", b"12345\n"), ("err", b"abcd")]
    assert pieces.cut == 5 + 2


def test_a_character_that_the_limit_would_tear_is_left_out_and_counted():
    pieces = Pieces(4)
    got = [*pieces.feed("out", "ab€".encode(), 0), *pieces.finish()]

    assert got == [("out", b"ab")]
    assert pieces.cut == 3


def test_a_line_without_any_end_does_not_pile_up():
    pieces = Pieces(10**9)

    (piece,) = pieces.feed("out", b"x" * MAX_PIECE, 0)
    assert len(piece[1]) == MAX_PIECE


def test_text_and_other_bytes_are_parted_at_line_ends():
    assert list(by_kind(b"a\nb\n\xff\n\xfe\nc\n")) == [b"a\nb\n", b"\xff\n\xfe\n", b"c\n"]


@given(st.text())
def test_text_is_whole_and_any_cut_of_it_is_known(text):
    data = text.encode("utf-8", "surrogatepass") if text.isascii() else text.encode("utf-8", "replace")
    assert whole(data) == len(data)
    for end in range(len(data)):
        kept = data[:whole(data[:end])]
        kept.decode("utf-8")
        assert end - len(kept) <= 3


@given(st.lists(st.tuples(st.sampled_from(["out", "err"]), st.binary(max_size=40)), max_size=20),
       st.integers(0, 200))
def test_nothing_is_lost_doubled_or_turned_around(chunks, limit):
    pieces = Pieces(limit)
    got = [piece for number, (stream, data) in enumerate(chunks) for piece in pieces.feed(stream, data, number)]
    got += pieces.finish()

    for stream in ("out", "err"):
        sent = b"".join(data for name, data in chunks if name == stream)
        kept = b"".join(data for name, data in got if name == stream)
        assert sent.startswith(kept)
    total = sum(len(data) for _, data in chunks)
    assert sum(len(data) for _, data in got) + pieces.cut == total
    assert all(data for _, data in got)
    assert total > limit or pieces.cut == 0
