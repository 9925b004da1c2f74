"""The figures of a node at a glance, and their hour in bytes."""

import pytest

from dvic_hub.domain import glance
from dvic_hub.domain.glance import EMPTY, NOTHING, POINTS, Glance

MINUTE = 60_000_000


def figures(cpu=None, memory=None, disk=None):
    return (cpu, memory, disk, None, None, None)


def drawn(history, figure="cpu"):
    """Percent of each minute in which there is something, by how many minutes before the end it lies."""
    start = glance.DRAWN.index(figure) * POINTS
    return {POINTS - 1 - place: byte / 2 for place, byte in enumerate(history[start:start + POINTS]) if byte != NOTHING}


def test_the_fullest_disk_and_the_hottest_sensor_stand_for_all():
    values = {"cpu.total": 7.5, "cpu.0": 99.0, "memory.percent": 40.0, "disk./.percent": 20.0,
              "disk./data.percent": 91.0, "disk./data.used": 1e12, "load.1": 0.5, "temp.a": 41.0, "temp.b.c": 66.5,
              "uptime": 12.0}
    assert glance.figures_of(values) == (7.5, 40.0, 91.0, 0.5, 66.5, 12.0)
    assert glance.figures_of({"humidity": 3.0}) == (None,) * len(glance.FIGURES)


def test_a_minute_holds_the_highest_of_its_samples():
    samples = [(MINUTE * 100, figures(10.0, 50.0)), (MINUTE * 100 + 5, figures(30.0)),
               (MINUTE * 100 + 9, figures(20.0)), (MINUTE * 103, figures(0.0, 51.26))]
    minute, history = glance.extended(0, EMPTY, samples)
    assert minute == 103
    assert drawn(history) == {3: 30.0, 0: 0.0}
    assert drawn(history, "memory") == {3: 50.0, 0: 51.5} and drawn(history, "disk") == {}


def test_samples_that_come_later_find_their_place():
    minute, history = glance.extended(0, EMPTY, [(MINUTE * 100, figures(10.0))])
    minute, history = glance.extended(minute, history, [(MINUTE * 90, figures(5.0)), (MINUTE * 101, figures(6.0))])
    assert (minute, drawn(history)) == (101, {11: 5.0, 1: 10.0, 0: 6.0})


def test_a_clock_that_was_years_ahead_leaves_nothing_behind():
    minute, history = glance.extended(0, EMPTY, [(MINUTE * 9_000_000, figures(10.0))])
    minute, history = glance.extended(minute, history, [(MINUTE * 100, figures(5.0)), (MINUTE * 101, figures(6.0))])
    assert (minute, drawn(history)) == (101, {1: 5.0, 0: 6.0})


def test_a_history_is_shown_up_to_now():
    minute, history = glance.extended(0, EMPTY, [(MINUTE * 100, figures(10.0, 20.0, 30.0))])
    one = Glance("n", 1, MINUTE * 100, figures(10.0), minute, history)
    assert drawn(glance.history_at(one, MINUTE * 104 + 7)) == {4: 10.0}
    assert drawn(glance.history_at(one, MINUTE * 104), "disk") == {4: 30.0}
    assert glance.history_at(one, MINUTE * (100 + POINTS)) == EMPTY
    assert glance.history_at(one, MINUTE * 90) == history, "the node's clock is ahead"
    assert len(history) == len(EMPTY) == POINTS * len(glance.DRAWN)


@pytest.mark.parametrize("value", [-5.0, 1e300, 100.0])
def test_what_is_no_percentage_harms_no_byte(value):
    _, history = glance.extended(0, EMPTY, [(MINUTE, figures(value))])
    assert 0 <= drawn(history)[0] <= 100
