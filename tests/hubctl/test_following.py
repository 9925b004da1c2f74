"""History and live events joined: each record once, whatever comes twice, late or only one way."""

from hypothesis import given
from hypothesis import strategies as st

from hubctl.following import LEEWAY, OVERLAP, Follower

SECOND = 1_000_000


def identity(item):
    return item["node"], item["time"], item["message"]


def record(message, time=100 * SECOND, node="n1"):
    return {"node": node, "time": time, "message": message}


def texts(items):
    return [item["message"] for item in items]


def test_a_record_that_comes_both_ways_is_shown_once():
    follower = Follower(identity)
    assert texts(follower.history([record("b", 2), record("a", 1)])) == ["a", "b"]
    assert not follower.is_new(record("b", 2), 1)
    assert follower.is_new(record("c", 3), 1)


def test_equal_records_are_shown_as_often_as_they_were_stored():
    follower = Follower(identity)
    assert len(follower.history([record("x")] * 3)) == 3
    assert len(follower.history([record("x")] * 5)) == 2
    assert [follower.is_new(record("x"), 1) for _ in range(6)] == [False] * 5 + [True]


def test_behind_the_mark_an_equal_record_is_another_one():
    follower = Follower(identity)
    follower.history([record("x")])
    follower.caught_up()
    assert follower.is_new(record("x"), 100)


def test_records_of_one_moment_keep_their_order():
    follower = Follower(identity)
    assert texts(follower.history([record("late", 9), record("b", 5), record("a", 5)])) == ["b", "a", "late"]


def test_after_a_break_only_what_was_missed_is_shown():
    follower = Follower(identity)
    follower.history([record("a", 1)])
    follower.is_new(record("b", 2), 1)
    assert texts(follower.history([record("c", 3), record("b", 2), record("a", 1)])) == ["c"]


def test_what_was_not_wanted_at_first_is_not_wanted_later():
    follower = Follower(identity)
    follower.begin_at(50 * SECOND)
    old, new = record("old", (50 - int(LEEWAY)) * SECOND - 1), record("new", (50 - int(LEEWAY)) * SECOND)
    assert texts(follower.history([new, old])) == ["new"]


def test_records_that_were_forgotten_are_not_shown_again():
    follower = Follower(identity, remembered=10)
    for number in range(100):
        follower.is_new(record(f"m{number}", number), 1)
    again = [record(f"m{number}", number) for number in range(100)] + [record("other node", 3, "n2")]
    assert texts(follower.history(again)) == ["other node"]


def test_after_a_break_nodes_whose_clock_is_behind_are_asked_for_separately():
    follower = Follower(identity)
    follower.is_new(record("now", 90_000 * SECOND, "right"), 90_000)
    follower.is_new(record("an hour ago, it says", 86_400 * SECOND, "behind"), 90_000)
    everyone, behind = follower.missed_since()
    assert everyone == ("", int((90_000 - OVERLAP) * SECOND))
    assert behind == ("behind", int((86_400 - OVERLAP) * SECOND))


def test_what_was_missed_is_asked_for_from_the_newest_record_on_however_late_that_is_noticed():
    follower = Follower(identity)
    follower.begin(1000)
    assert follower.missed_since() == [("", int((1000 - OVERLAP) * SECOND))]
    follower.is_new(record("read a minute late", 2000 * SECOND), 2060)
    assert follower.missed_since()[0] == ("", int((2000 - OVERLAP) * SECOND))
    follower.is_new(record("a clock that is ahead", 9000 * SECOND, "n2"), 2070)
    assert follower.missed_since()[0] == ("", int((2070 - OVERLAP) * SECOND))


def test_a_node_whose_clock_is_behind_is_followed_like_any_other():
    follower = Follower(identity)
    follower.begin(90_000)
    follower.begin_at(90_000 * SECOND)
    assert follower.is_new(record("one", 86_400 * SECOND, "behind"), 90_001)
    assert follower.missed_since()[1][0] == "behind"
    assert texts(follower.history([record("one", 86_400 * SECOND, "behind"),
                                   record("two", 86_401 * SECOND, "behind")])) == ["two"]


@given(st.lists(st.sampled_from(["store", "store", "deliver", "break", "subscribe"]), max_size=60),
       st.lists(st.integers(0, 2), min_size=60, max_size=60))
def test_every_record_is_shown_exactly_once_across_breaks(steps, late):
    """A hub that stores records one after the other, and tells them a moment later to whoever is subscribed then: the
    last few before a subscription may come as events too, and events wait on the wire while history is fetched."""
    follower, shown, stored, wire, told = Follower(identity), [], [], [], 0
    subscribed = False
    for step, behind in zip([*steps, "subscribe", "deliver"], [*late, 0, 0], strict=False):
        if step == "store":
            stored.append(record(f"m{len(stored)}", len(stored) // 2))
            if subscribed:
                wire.append(stored[-1])
        elif step == "deliver":
            shown += [item for item in wire if follower.is_new(item, 1)]
            wire.clear()
            if subscribed:
                follower.caught_up()
                told = len(stored)
        elif step == "break":
            subscribed = False
            wire.clear()
        elif not subscribed:
            subscribed = True
            follower.caught_up()
            wire += stored[max(told, len(stored) - behind):]
            told = len(stored)
            shown += follower.history(stored)
    if not subscribed:
        shown += follower.history(stored)
    shown += [item for item in wire if follower.is_new(item, 1)]
    assert sorted(map(identity, shown)) == sorted(map(identity, stored))
