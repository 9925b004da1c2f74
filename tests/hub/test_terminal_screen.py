"""The last of what a terminal has shown, for those who come later."""

from dvic_hub.domain.terminal_screen import CLEAR, ENTER_ALTERNATE, Screen
from dvic_wire.terminals import TERMINAL_TAIL


def test_nothing_shown_opens_with_nothing():
    assert Screen().opening() == b""


def test_who_comes_later_gets_an_empty_window_and_then_all_of_it():
    screen = Screen()
    screen.add(0, b"$ ls\r\n")
    screen.add(6, b"letter\r\n")

    assert screen.opening() == CLEAR + b"$ ls\r\nletter\r\n"


def test_what_comes_twice_is_kept_once_and_what_does_not_fit_is_not():
    screen = Screen()
    screen.add(0, b"abcdef")
    screen.add(3, b"defgh")
    screen.add(20, b"hole")

    assert screen.opening() == CLEAR + b"abcdefgh" and screen.end == 8


def test_of_much_the_last_whole_lines_are_kept():
    screen = Screen()
    for number in range(50_000):
        screen.add(screen.end, f"line {number}\r\n".encode())

    shown = screen.opening().removeprefix(CLEAR)
    assert len(shown) <= TERMINAL_TAIL and shown.startswith(b"line ") and shown.endswith(b"line 49999\r\n")


def test_a_full_screen_program_is_noticed_also_where_its_sequence_is_cut():
    screen = Screen()
    screen.add(0, b"$ vi\r\n\x1b[?10")
    screen.add(11, b"49hletter")
    assert screen.alternate and screen.opening().startswith(CLEAR + ENTER_ALTERNATE)

    screen.add(screen.end, b"\x1b[?1049l$ ")
    assert not screen.alternate


def test_a_hub_that_was_started_again_takes_up_the_screen_from_the_machine():
    screen = Screen(start=1000)
    screen.add(1000, b"cut line\r\nwhole line\r\n")

    assert screen.opening() == CLEAR + b"whole line\r\n"


def test_who_comes_back_gets_what_they_missed_where_it_is_known():
    screen = Screen(start=100)
    screen.add(100, b"abcdef")

    assert screen.since(103) == b"def"
    assert screen.since(106) == b""
    assert screen.since(99) is None and screen.since(107) is None
