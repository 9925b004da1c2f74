"""Spans and moments, as people type and read them."""

import time

import pytest

from hubctl import times


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    """The reader sits in Berlin: CET in November."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    times._local.cache_clear()
    yield
    monkeypatch.undo()
    time.tzset()
    times._local.cache_clear()


@pytest.mark.parametrize("text, seconds", [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("45", 45),
                                           ("0", 0)])
def test_spans_are_read(text, seconds):
    assert times.parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "5 m", "-5m", "1.5h", "5m1h", "5w", "1e3", "９m", "999999999d"])
def test_what_is_no_span_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="90s|hundred years"):
        times.parse_span(text)


@pytest.mark.parametrize("text, sent", [
    ("1h", "3600s"),
    ("2026-11-20", "2026-11-19T23:00:00.000000Z"),
    ("2026-11-20 10:00", "2026-11-20T09:00:00.000000Z"),
    ("2026-11-20T10:00:30", "2026-11-20T09:00:30.000000Z"),
    ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000000Z"),
    ("2026-11-20T10:00:00.123456+02:00", "2026-11-20T08:00:00.123456Z"),
])
def test_a_moment_is_sent_as_a_span_or_in_utc(text, sent):
    assert times.parse_moment(text) == sent


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "10:00", "-1h"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match="is no time"):
        times.parse_moment(text)


def test_rfc3339_goes_there_and_back_to_the_microsecond():
    for moment in (0, 1, 1795168800123456, 253402300799999999):
        assert times.from_rfc3339(times.to_rfc3339(moment)) == moment


def test_a_time_of_an_answer_may_be_missing_or_nonsense():
    assert times.moment_of(None) == times.moment_of("") == times.moment_of("soon") == times.moment_of(True) == 0


def test_times_are_shown_in_the_readers_zone():
    assert times.clock(1795168800_123456) == "2026-11-20 11:00:00"
    assert times.short_clock(1795168800_123456) == "11-20 11:00:00.123"
    assert times.clock(0) == "never"


@pytest.mark.parametrize("seconds, shown", [
    (0, "0s"), (0.4, "0.4s"), (12, "12s"), (60, "1m"), (200, "3m20s"), (7200, "2h"), (5 * 86400 + 4 * 3600, "5d4h"),
    (323 * 86400 + 7200, "323d"), (-1, "0s"),
])
def test_spans_are_shown_in_at_most_two_units(seconds, shown):
    assert times.span(seconds) == shown


def test_how_long_ago():
    assert times.ago(0, 100) == "never"
    assert times.ago(40_000_000, 100) == "1m ago"
    assert times.ago(99_900_000, 100) == "now"
    assert times.ago(160_000_000, 100) == "in 1m"
