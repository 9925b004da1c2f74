"""A serial counts once."""

from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.replay import MAX_SERIAL, Window
from dvic_wire.limits import REPLAY_WINDOW


def taken(serials: list[int], window: Window = Window()) -> list[bool]:
    """Which of these serials counted, in turn."""
    counted = []
    for serial in serials:
        after = window.take(serial)
        counted.append(after is not None)
        window = after or window
    return counted


def test_serials_that_grow_all_count_and_none_counts_twice():
    assert taken([1, 2, 3, 3, 2, 1, 4]) == [True, True, True, False, False, False, True]


def test_a_serial_that_comes_late_counts_once_within_the_window():
    assert taken([10, 8, 9, 8, 9]) == [True, True, True, False, False]


def test_a_serial_behind_the_window_is_refused_even_when_it_was_never_seen():
    highest = 1000
    assert taken([highest, highest - REPLAY_WINDOW + 1, highest - REPLAY_WINDOW]) == [True, True, False]


def test_a_jump_far_ahead_forgets_what_is_behind():
    assert taken([5, 5 + REPLAY_WINDOW, 5, 6]) == [True, True, False, True]
    assert taken([1, MAX_SERIAL, MAX_SERIAL]) == [True, True, False]


def test_serials_out_of_range_never_count():
    assert taken([0, -1, MAX_SERIAL + 1]) == [False, False, False]


def test_the_window_fits_in_64_bits():
    window = Window()
    for serial in range(1, 500):
        window = window.take(serial)
    assert window == Window(499, (1 << REPLAY_WINDOW) - 1)


@given(st.lists(st.integers(-5, 200), max_size=300))
def test_whatever_the_order_no_serial_counts_twice_and_the_newest_always_counts(serials):
    counted = [serial for serial, good in zip(serials, taken(serials), strict=True) if good]
    assert len(counted) == len(set(counted))
    highest = 0
    for serial, good in zip(serials, taken(serials), strict=True):
        if serial > highest:
            assert good
            highest = serial


@given(st.lists(st.integers(1, 300), max_size=100), st.integers(0, 100))
def test_a_window_that_was_kept_across_a_restart_goes_on_as_before(serials, cut):
    window = Window()
    for serial in serials[:cut]:
        window = window.take(serial) or window
    restored = Window(*(int(str(part)) for part in (window.serial, window.seen)))
    assert taken(serials[cut:], restored) == taken(serials)[cut:]
