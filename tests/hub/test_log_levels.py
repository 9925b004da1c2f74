"""Counting records by level over time, from as little as is needed to be right."""

import pytest

from dvic_hub.domain.log_levels import MAX_BUCKETS, STEPS, LevelCounter, step_for

SECOND = 1_000_000
INFO, WARNING, ERROR = 1, 3, 4
ALL = 0b111111


@pytest.mark.parametrize("span", [0, 1, 999, SECOND, 61 * SECOND, 3600 * SECOND, 30 * 86_400 * SECOND, 2**57])
@pytest.mark.parametrize("buckets", [3, 60, MAX_BUCKETS])
def test_every_span_fits_into_the_buckets_wherever_it_begins(span, buckets):
    step = step_for(span, buckets)
    for since in (0, 1, step - 1, 1_763_640_000_123_456):
        found = LevelCounter(since, since + span, ALL, buckets).result()
        assert found.step == step and len(found.counts[0]) <= buckets
        assert found.start <= since and found.start % step == 0


def test_steps_are_such_as_clocks_have():
    assert step_for(3600 * SECOND, 100) == 60 * SECOND
    assert all(longer % shorter == 0 or longer > shorter for shorter, longer in zip(STEPS, STEPS[1:], strict=False))


def test_a_row_of_one_level_in_one_bucket_is_counted_by_the_index_alone():
    counter = LevelCounter(0, 10 * SECOND, ALL, 12)
    assert counter.add_row(SECOND, 2 * SECOND - 1, 1 << ERROR, 7)
    assert counter.result().counts[ERROR][1] == 7


@pytest.mark.parametrize(("first", "last", "levels"), [
    (SECOND, 2 * SECOND, 1 << INFO), (SECOND, SECOND, 1 << INFO | 1 << ERROR), (0, SECOND, 1 << INFO),
    (9 * SECOND, 11 * SECOND, 1 << INFO)])
def test_a_row_of_which_the_index_says_too_little_is_not(first, last, levels):
    counter = LevelCounter(500, 10 * SECOND, ALL, 12)
    assert not counter.add_row(first, last, levels, 7)
    assert sum(map(sum, counter.result().counts)) == 0


def test_marks_are_counted_within_the_bounds_and_the_levels_that_are_wanted():
    counter = LevelCounter(SECOND, 3 * SECOND, 0b111000, 5)
    times = [0, SECOND, SECOND, 2 * SECOND, 3 * SECOND, 3 * SECOND + 1]
    counter.add_marks(0, 3 * SECOND + 1, times, bytes([ERROR, ERROR, INFO, WARNING, ERROR, ERROR]))
    counter.add_marks(SECOND, SECOND + 9, [SECOND, SECOND + 9], bytes([ERROR, INFO]))
    found = counter.result()
    assert found.counts[ERROR] == [2, 0, 1] and found.counts[WARNING] == [0, 1, 0] and sum(found.counts[INFO]) == 0
