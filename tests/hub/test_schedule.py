"""When cycles are expected to begin."""

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.schedule import Schedule, next_after, problem


def at(text):
    return int(datetime.fromisoformat(text).timestamp() * 1e6)


NOON = at("2026-11-20T12:00:00+00:00")


@pytest.mark.parametrize(("schedule", "following"), [
    (Schedule(every=90), "2026-11-20T12:01:30+00:00"),
    (Schedule(cron="0 9 * * 1-5", zone="Europe/Moscow"), "2026-11-23T09:00:00+03:00"),
    (Schedule(cron="*/5 * * * *"), "2026-11-20T12:05:00+00:00"),
    (Schedule(calendar="Mon..Fri 09:00"), "2026-11-23T09:00:00+00:00"),
    (Schedule(calendar="Sat 10:00 Europe/Moscow"), "2026-11-21T10:00:00+03:00"),
    (Schedule(calendar="hourly"), "2026-11-20T13:00:00+00:00")])
def test_the_next_time_of_each_kind(schedule, following):
    assert not problem(schedule) and next_after(schedule, NOON, NOON) == at(following)


def test_what_never_comes_again_is_no_error():
    schedule = Schedule(calendar="2020-01-01")
    assert not problem(schedule) and next_after(schedule, NOON, 0) == 0


@given(st.integers(1, 10**6), st.integers(0, 4 * 10**15), st.integers(0, 4 * 10**15))
def test_every_so_many_seconds_counts_from_the_beginning_and_lies_ahead(every, time, begin):
    following = next_after(Schedule(every=every), time, begin)
    assert time < following <= time + every * 10**6 and (following - begin) % (every * 10**6) == 0


@pytest.mark.parametrize(("schedule", "said"), [
    (Schedule(), "exactly one"), (Schedule(every=5, cron="* * * * *"), "exactly one"),
    (Schedule(cron="* * *"), "Wrong number"), (Schedule(cron="0 0 30 2 *"), "day-of-month"),
    (Schedule(calendar="never"), "can't be read"),
    (Schedule(cron="* * * * *", zone="Mars/One"), "no time zone Mars/One"),
    (Schedule(cron="* * * * *", zone="../etc/passwd"), "no time zone")])
def test_what_can_not_be_is_said(schedule, said):
    assert said in problem(schedule)


@given(st.text(max_size=30), st.sampled_from(["cron", "calendar", "zone"]))
def test_no_text_harms(text, member):
    problem(msgspec.convert({"every": 5 * (member == "zone"), member: text}, Schedule))
