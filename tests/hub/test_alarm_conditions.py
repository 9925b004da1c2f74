"""From findings to what is raised and cleared, whatever comes in between."""

from dvic_hub.domain.alarm_conditions import Conditions, Finding, plain, spelled
from dvic_hub.domain.alarm_model import Alarm

S = 1_000_000
BAD = Finding("node:a", "a is silent", node="a")


def alarm(finding=BAD, **changes):
    return Alarm(**{"id": "1", "rule": "r", "subject": finding.subject, "severity": "info", "summary": finding.summary,
                    "raised": 1, "changed": 1, "node": finding.node, "value": finding.value, **changes})


def test_what_is_bad_for_long_enough_is_raised_once_it_is():
    held = Conditions(seconds=10)
    held.bad(BAD, 0)
    assert held.due(9 * S) == [] and held.due(10 * S) == [BAD]
    assert held.due(11 * S) == [BAD], "it is offered until it was raised"
    held.opened(alarm())
    assert held.due(99 * S) == [] and held.done == {}


def test_what_gets_well_before_it_was_raised_is_forgotten():
    held = Conditions(seconds=10)
    held.bad(BAD, 0)
    held.good("node:a")
    held.bad(BAD, 9 * S)
    assert held.due(12 * S) == [] and held.done == {}, "the time begins anew"


def test_a_measurement_counts_only_while_it_is_told():
    held = Conditions(seconds=10, confirmed=True)
    held.bad(BAD, 0)
    assert held.due(60 * S) == [], "nobody knows how it is by now"
    held.bad(BAD, 61 * S)
    assert held.due(61 * S) == [BAD]


def test_a_clock_that_was_set_back_puts_nothing_off():
    held = Conditions(seconds=10)
    held.bad(BAD, 1000 * S)
    held.bad(BAD, 5 * S)
    assert held.due(15 * S) == [BAD]


def test_what_is_well_again_is_cleared_and_offered_until_it_was():
    held = Conditions(opened=[alarm()])
    held.good("node:a", "why")
    held.good("node:b")
    assert held.done == {"node:a": "why"}
    held.closed("node:a", S)
    assert held.done == {} and held.open == {} and held.due(S) == []


def test_what_goes_bad_while_it_is_being_cleared_is_raised_anew():
    held = Conditions(opened=[alarm()])
    held.good("node:a")
    held.bad(BAD, S)
    held.closed("node:a", 2 * S)
    assert held.due(2 * S) == [BAD]


def test_what_gets_well_while_it_is_being_raised_is_cleared():
    held = Conditions()
    held.bad(BAD, 0)
    [finding] = held.due(0)
    held.good("node:a")
    held.opened(alarm(finding))
    assert held.done == {"node:a": ""}


def test_a_newer_figure_of_an_open_alarm_is_known():
    held = Conditions(opened=[alarm()])
    held.bad(BAD, S)
    assert held.newer == {}
    hotter = Finding("node:a", "a is silent", "99", "a")
    held.bad(hotter, S)
    assert held.newer == {"node:a": hotter}


def test_only_so_many_wait_and_others_follow_when_there_is_room(monkeypatch):
    monkeypatch.setattr("dvic_hub.domain.alarm_conditions.MAX_PENDING", 2)
    held = Conditions()
    for name in "abc":
        held.bad(Finding(f"node:{name}", "x"), 0)
    assert len(held.due(0)) == 2
    held.good("node:a")
    held.bad(Finding("node:c", "x"), 1)
    assert {finding.subject for finding in held.due(1)} == {"node:b", "node:c"}


def test_what_nobody_was_there_to_see_counts_from_now_and_what_is_open_stays():
    held = Conditions(seconds=10, opened=[alarm()])
    held.bad(Finding("node:b", "x", node="b"), 0)
    held.begin_anew()
    assert held.due(99 * S) == [] and held.subjects() == [("node:a", "a")]


def test_texts_for_people_hold_no_control_characters_and_have_an_end():
    assert plain("a\x1b[31m\nb\u202e") == "a [31m b"
    assert len(plain("x" * 9999)) == 500
    assert [spelled(seconds) for seconds in (1, 90, 300, 7200, 86_400, 172_800)] == [
        "1 s", "90 s", "5 min", "2 h", "24 h", "2 days"]
