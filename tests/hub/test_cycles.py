"""How events move the steps of a service's cycles, as pure rules."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvic_hub.domain import cycles as rules
from dvic_hub.domain import step_states
from dvic_hub.domain.cycle_model import Change, Cycle
from dvic_hub.domain.cycles import Book
from dvic_hub.domain.service_description import checked
from dvic_hub.domain.step_events import StepEvent
from dvic_hub.domain.step_states import ENDED, MOVES, STATES, ImpossibleMove, moved, result_of

NOW = 1_795_000_000_000_000
SECOND = 1_000_000


class Station:
    """A book that is told events in seconds after NOW, by names of components."""

    def __init__(self, *components, off=(), cycles=(), last=0, **more):
        parts = [part if isinstance(part, dict) else {"name": part} for part in components]
        self.described = checked({"name": "meteor", "components": parts, "settle": 0, **more})
        self.book = Book(self.described, cycles, last, off)

    def tell(self, *events, cycle="", received=None):
        """Each event: "decode start 5", "decode/mtvza done 7", "decode !error 6"; the last word is the time."""
        for event in events:
            name, word, at = event.split()
            component, _, source = name.partition("/")
            time = NOW + int(float(at) * SECOND)
            level = word[1:] if word.startswith("!") else "error" if word == "fail" else "info"
            step = "" if word.startswith("!") else word
            self.book.take(StepEvent("meteor", component, cycle, source, step, level, time, f"{word} at {at}", 0),
                           "n-ada", time if received is None else NOW + received * SECOND, "1.0")
        return self

    def tick(self, seconds):
        self.book.tick(NOW + int(seconds * SECOND))
        return self

    def cycle(self, number=1) -> Cycle:
        return self.book.touched[number]

    def states(self, number=1) -> str:
        return " ".join(step.state for step in self.cycle(number).steps)

    def results(self) -> list[str]:
        return [self.book.touched[number].result for number in sorted(self.book.touched)]


# ---- the table

def test_every_state_is_in_the_table_and_what_is_not_there_can_not_be_done():
    assert set(step_states.TRANSITIONS) == set(STATES)
    assert {to for table in MOVES.values() for to in table.values()} <= set(STATES)
    for state, move in itertools.product(STATES, MOVES):
        if state not in MOVES[move]:
            with pytest.raises(ImpossibleMove):
                moved(state, move)
    with pytest.raises(ImpossibleMove):
        moved("idle", "explode")


def test_nothing_moves_what_is_switched_off_but_switching_it_on():
    assert [move for move in MOVES if "off" in MOVES[move]] == ["off", "on"] and moved("off", "on") == "idle"


@pytest.mark.parametrize(("states", "result"), [(["ok", "warning"], "warning"), (["ok", "skipped", "off"], "ok"),
                                                (["error", "overdue", "ok"], "error"), (["off", "skipped"], "skipped"),
                                                (["overdue", "warning"], "overdue"), ([], "skipped")])
def test_a_result_is_that_of_the_worst_step(states, result):
    assert result_of(states) == result


# ---- one cycle

def test_a_cycle_goes_through_its_steps_to_one_result():
    station = Station("connect", "decode", "archive").tell("connect start 0")
    assert station.states() == "running idle idle"
    station.tell("connect done 2")
    assert station.states() == "ok waiting idle"
    station.tell("decode start 3", "decode !warning 4", "decode done 5")
    assert station.states() == "ok warning waiting" and not station.cycle().result
    station.tell("archive start 6", "archive done 9")
    cycle = station.cycle()
    assert (cycle.result, cycle.started, cycle.ended) == ("warning", NOW, NOW + 9 * SECOND)
    decode = cycle.steps[1]
    assert (decode.started, decode.ended, decode.message, decode.node, decode.place) == (
        NOW + 3 * SECOND, NOW + 5 * SECOND, "done at 5", "n-ada", "1.0")
    assert (decode.worst, decode.trouble, decode.trouble_place) == ("warning", "!warning at 4", "1.0")
    assert [(change.component, change.state) for change in station.book.finish()] == [
        ("", "running"), ("connect", "waiting"), ("connect", "running"), ("connect", "ok"), ("decode", "waiting"),
        ("decode", "running"), ("decode", "warning"), ("archive", "waiting"), ("archive", "running"), ("archive", "ok"),
        ("", "warning")]


def test_a_new_message_alone_is_told_once_a_turn():
    station = Station("connect", "decode").tell("connect start 0")
    after = Station("connect", "decode", cycles=[station.cycle()], last=1).tell("connect !info 1", "connect !debug 2")
    assert after.book.finish() == [Change(1, "connect", "", "running", NOW + 2 * SECOND, "!debug at 2")]


def test_an_error_skips_what_depends_on_it_and_nothing_else():
    station = Station("connect", {"name": "decode"}, {"name": "extract"}, {"name": "weather", "after": ["connect"]})
    station.tell("connect start 0", "connect done 1", "decode start 2", "decode fail 3")
    assert station.states() == "ok error skipped waiting" and station.cycle().result == ""
    station.tell("weather start 4", "weather done 5")
    assert station.cycle().result == "error"


def test_another_try_within_the_time_to_settle_mends_the_cycle():
    station = Station("connect", "decode", settle=10)
    station.tell("connect start 0", "connect fail 1").tick(5)
    assert station.states() == "error skipped" and not station.cycle().result
    station.tell("connect start 6", "connect done 7", "decode start 8", "decode done 9")
    assert station.results() == ["ok"] and station.cycle().steps[0].tries == 2
    assert station.cycle().steps[0].trouble == ""


def test_without_another_try_the_cycle_ends_with_the_error():
    station = Station("connect", "decode", settle=10).tell("connect start 0", "connect fail 1").tick(10)
    assert station.results() == [""]
    assert station.tick(11).results() == ["error"]


def test_an_error_message_counts_like_a_failure_and_done_after_it_does_not_hide_it():
    station = Station("connect", settle=10).tell("connect start 0", "connect !critical 1", "connect done 2").tick(20)
    assert station.results() == ["error"] and station.cycle().steps[0].ended == NOW + 2 * SECOND


def test_a_program_can_skip_its_step_and_what_follows_goes_on():
    station = Station("connect", "decode", "archive").tell("connect start 0", "connect done 1", "decode skip 2")
    assert station.states() == "ok skipped waiting"
    assert station.tell("archive start 3", "archive done 4").results() == ["ok"]


def test_messages_begin_a_cycle_only_where_the_description_says_so():
    assert not Station("connect").tell("connect !info 0").book.touched
    station = Station("connect", "decode", by_messages=True).tell("connect !info 0", "decode !info 5")
    assert station.states() == "running running" and station.cycle().steps[1].started == NOW + 5 * SECOND


def test_an_error_is_never_lost_for_want_of_a_cycle():
    assert Station("connect", "decode").tell("decode !error 0").states() == "waiting error"


# ---- sources

def test_a_component_is_repeated_for_each_source_and_each_follows_its_own():
    both = ["msu-mr", "mtvza"]
    station = Station("connect", {"name": "decode", "sources": both}, {"name": "extract", "sources": both}, "archive")
    station.tell("connect start 0", "connect done 1", "decode/msu-mr start 2", "decode/msu-mr done 3")
    assert station.states() == "ok ok waiting waiting idle idle"
    station.tell("extract/msu-mr start 4", "extract/msu-mr done 5", "decode/mtvza fail 6")
    assert station.states() == "ok ok error ok skipped skipped"
    station.tell("decode/other start 7", "decode start 7")
    assert station.book.counted == {"unknown-source": 2} and station.cycle().result == "error"


def test_a_component_is_repeated_for_whichever_sources_come_up_to_a_limit():
    station = Station("connect", {"name": "decode", "repeat": True}, settle=5)
    station.tell("connect start 0", "connect done 1")
    for number in range(rules.MAX_COMPONENT_SOURCES + 3):
        station.tell(f"decode/s{number} start 2", f"decode/s{number} done 3")
    assert station.book.counted == {"too-many-sources": 6}
    assert len(station.cycle().steps) == 1 + rules.MAX_COMPONENT_SOURCES
    assert station.results() == [""] and station.tick(9).results() == ["ok"]


# ---- time

def test_what_never_ends_becomes_overdue_and_may_still_end_well():
    station = Station({"name": "connect", "expected": 10, "grace": 5}, "decode").tell("connect start 0")
    assert station.tick(15).states() == "running idle"
    assert station.tick(16).states() == "overdue idle" and station.cycle().state == "overdue"
    assert station.tell("connect !info 17").states() == "overdue idle"
    assert station.tell("connect done 18").states() == "ok waiting"


def test_what_never_begins_becomes_overdue_too():
    station = Station("connect", {"name": "decode", "expected": 10, "grace": 5})
    station.tell("connect start 0", "connect done 1")
    assert station.tick(16).states() == "ok waiting" and station.tick(17).states() == "ok overdue"


def test_a_step_that_is_told_of_late_counts_from_when_it_was_told():
    station = Station({"name": "connect", "expected": 10, "grace": 0}).tell("connect start -3600", received=0)
    assert station.tick(9).states() == "running" and station.tick(11).states() == "overdue"


def test_a_cycle_of_which_nothing_is_heard_is_given_up_and_ends_once():
    station = Station({"name": "connect", "expected": 9999}, "decode", give_up=60).tell("connect start 0")
    assert station.tick(60).results() == [""]
    station.tick(61).tick(62)
    assert station.results() == ["overdue"] and station.states() == "overdue skipped"
    assert [change.state for change in station.book.finish() if not change.component] == ["running", "overdue"]


def test_an_event_that_is_a_year_old_moves_nothing():
    station = Station("connect").tell(f"connect start -{365 * 86400}", received=0)
    assert not station.book.touched and station.book.counted == {"old": 1}


def test_a_time_that_lies_far_ahead_is_not_believed():
    station = Station("connect", "decode").tell(f"connect start {9 * 86400}", received=5)
    assert station.cycle().started == station.cycle().steps[0].started == NOW + 5 * SECOND
    assert station.tell("connect done 7").states() == "ok waiting"


# ---- two cycles at once, and too many

def test_named_cycles_go_on_beside_one_another():
    station = Station("connect", "decode")
    station.tell("connect start 0", cycle="a").tell("connect start 1", cycle="b").tell("connect done 2", cycle="b")
    assert (station.states(1), station.states(2)) == ("running idle", "ok waiting")
    assert [station.cycle(number).name for number in (1, 2)] == ["a", "b"]


def test_without_names_the_next_cycle_begins_while_the_last_one_is_still_archived():
    station = Station("connect", "archive").tell("connect start 0", "connect done 1", "archive start 2")
    station.tell("connect start 3", "archive !info 4", "archive done 5", "connect done 6", "archive start 7")
    assert (station.states(1), station.states(2)) == ("ok ok", "ok running") and station.results() == ["ok", ""]


def test_a_first_step_that_died_and_starts_again_begins_another_cycle():
    station = Station("connect", "archive").tell("connect start 0", "connect start 9")
    assert (station.states(1), station.states(2)) == ("running idle", "running idle")


def test_what_comes_after_the_end_of_its_cycle_is_counted_and_changes_no_result():
    station = Station("connect").tell("connect start 0", "connect done 1", cycle="a")
    station.tell("connect fail 2", "connect start 3", cycle="a")
    assert station.results() == ["ok"] and station.cycle().late == 2 and station.book.counted == {"late": 2}


def test_a_late_start_without_a_name_begins_no_cycle():
    station = Station("connect").tell("connect done 5", "connect start 1")
    assert station.results() == ["ok"] and station.book.counted == {"late": 1}
    assert station.tell("connect start 6").results() == ["ok", ""]


def test_a_million_cycles_that_never_end_leave_a_bounded_number_open():
    station = Station("connect", "decode")
    for number in range(1000):
        station.tell(f"connect start {number}", cycle=f"c{number}")
    assert station.results().count("") == rules.MAX_OPEN_CYCLES
    assert station.results()[:-rules.MAX_OPEN_CYCLES] == ["overdue"] * (1000 - rules.MAX_OPEN_CYCLES)


def test_an_unknown_component_is_counted():
    station = Station("connect").tell("deliver start 0")
    assert not station.book.touched and station.book.counted == {"unknown-component": 1}


# ---- switches, and other components

def test_a_component_that_is_off_is_passed_over():
    station = Station("connect", "decode", "archive", off=["decode"]).tell("connect start 0", "decode start 0")
    assert station.states() == "running off idle" and station.book.counted == {"off": 1}
    assert station.tell("connect done 1").states() == "ok off waiting"
    assert station.tell("archive start 2", "archive done 3").results() == ["ok"]


def test_switching_off_and_on_changes_what_is_open_and_nothing_that_ended():
    before = Station("connect", "decode").tell("connect start 0", "connect done 1", "decode start 2").cycle()
    off = Station("connect", "decode", "archive", cycles=[before], last=1, off=["archive", "decode"])
    off.book.refit(NOW)
    assert off.states() == "ok off off" and off.results() == ["ok"]
    open_again = Station("connect", "decode").tell("connect start 0").cycle()
    on = Station("connect", "decode", cycles=[open_again], last=1, off=["connect"])
    on.book.refit(NOW)
    assert on.states() == "off waiting"
    back = Station("connect", "decode", cycles=[open_again], last=1)
    back.book.refit(NOW)
    assert back.states() == "waiting idle"


def test_other_components_are_fitted_in_and_what_happened_stays_to_be_seen():
    before = Station("connect", "decode", "archive").tell("connect start 0", "connect done 1", "decode start 2").cycle()
    after = Station("check", "connect", "archive", cycles=[before], last=1)
    after.book.refit(NOW)
    assert [(step.component, step.state) for step in before.steps] == [
        ("check", "waiting"), ("connect", "ok"), ("archive", "waiting"), ("decode", "off")]


def test_repeated_steps_stay_when_components_change():
    repeated = {"name": "decode", "repeat": True}
    before = Station(repeated).tell("decode/a start 0", "decode/b start 1").cycle()
    after = Station(repeated, "archive", cycles=[before], last=1)
    after.book.refit(NOW)
    assert [(step.component, step.source) for step in before.steps] == [
        ("decode", "a"), ("decode", "b"), ("archive", "")]


# ---- any order

@given(st.permutations(["start 0", "!info 1", "!warning 2", "!debug 3", "done 4"]))
def test_one_try_ends_the_same_in_whatever_order_its_events_come(events):
    station = Station("connect", "decode").tell(*(f"connect {event}" for event in events), cycle="a")
    step = station.cycle().steps[0]
    assert (step.state, step.started, step.ended) == ("warning", NOW, NOW + 4 * SECOND)
    assert step.trouble == "!warning at 2"
    assert station.states() == "warning waiting"


@given(st.permutations(["start 0", "!info 1", "!error 2", "done 4"]))
def test_an_error_is_seen_in_whatever_order_the_events_come(events):
    station = Station("connect", "decode", settle=60).tell(*(f"connect {event}" for event in events), cycle="a")
    assert station.states() == "error skipped"


WORDS = ["start", "done", "fail", "skip", "!debug", "!info", "!warning", "!error"]
EVENTS = st.lists(st.tuples(st.sampled_from(["a", "b/x", "b/y", "b", "c", "d"]), st.sampled_from([*WORDS, "tick"]),
                            st.integers(-10, 100), st.sampled_from(["", "one", "two"])), max_size=60)


@settings(deadline=None)
@given(EVENTS, st.booleans(), st.sets(st.sampled_from("abc")))
def test_whatever_comes_states_are_those_of_the_table_and_a_cycle_ends_once(events, by_messages, off):
    station = Station({"name": "a", "expected": 5, "grace": 5}, {"name": "b", "repeat": True}, "c", off=off,
                      by_messages=by_messages, settle=3, give_up=60)
    ends = 0
    for name, word, at, cycle in events:
        if word == "tick":
            station.tick(at)
        else:
            station.tell(f"{name} {word} {at}", cycle=cycle)
    for cycle in station.book.touched.values():
        assert {step.state for step in cycle.steps} <= set(STATES)
        ends += bool(cycle.result)
        if cycle.result:
            assert all(step.state in ENDED | {"overdue"} for step in cycle.steps) and cycle.ended
    told = [change for change in station.book.finish() if not change.component and change.state != "running"]
    assert len(told) == ends == len({change.cycle for change in told})
