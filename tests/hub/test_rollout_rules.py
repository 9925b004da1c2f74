"""Who is updated next and when a rollout halts, as pure rules; and how a node's steps become states."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain import rollout as rules
from dvic_hub.domain.model import Rollout, RolloutNode
from dvic_hub.domain.rollout import CANARY, NO_WAVE, Place, decide, plan
from dvic_hub.domain.update_progress import after_end, after_step, awaits_word, path, same_version, verdict
from dvic_wire import runs
from dvic_wire.updates import SENT, STATES, STEPS, TERMINAL, TRANSITIONS

NOW = 1_763_632_800.0
OPEN = sorted(set(STATES) - TERMINAL)


def us(seconds: float) -> int:
    return int(seconds * 1_000_000)


def a_rollout(**changes) -> Rollout:
    return replace(Rollout("u1", "all", "dvic-agent", "2.0", "m", us(NOW), "ada", queue_until=us(NOW)), **changes)


def there(*names: str, version: str = "1.0", **changes) -> dict[str, Place]:
    return {name: Place(name, **{"connected": True, "since": NOW - 1000, "version": version, **changes})
            for name in names}


def row(node: str, state: str, wave: int = 1, **changes) -> RolloutNode:
    ended = us(NOW) if state in TERMINAL else 0
    return RolloutNode("u1", node, int(node[1:]), wave, state, **{
        "run": "" if state == "pending" else "r" + node, "ended": ended, **changes})


# ---- planning

def test_those_that_are_there_come_first_and_those_that_need_nothing_last():
    places = {**there("b", "a"), **there("off", connected=False), **there("same", version="2.0")}
    rows = plan(a_rollout(canary="1", batch="1"), places)
    assert [(each.node, each.wave, each.state) for each in rows] == [
        ("a", 0, "pending"), ("b", 1, "pending"), ("off", 2, "pending"), ("same", NO_WAVE, "unchanged")]
    assert [each.position for each in rows] == [0, 1, 2, 3] and rows[3].ended


@pytest.mark.parametrize(("canary", "batch", "waves"), [
    ("", "", [1, 1, 1, 1]), ("", "2", [1, 1, 2, 2]), ("1", "", [0, 1, 1, 1]), ("50%", "1", [0, 0, 1, 2]),
    ("9", "1", [0, 0, 0, 0]), ("1%", "25%", [0, 1, 2, 3])])
def test_waves_are_the_canaries_and_then_batches(canary, batch, waves):
    rows = plan(a_rollout(canary=canary, batch=batch), there("a", "b", "c", "d"))
    assert [each.wave for each in rows] == waves


@given(st.dictionaries(st.integers(0, 99).map("n{:02}".format), st.tuples(st.booleans(), st.sampled_from(
    ["", "1.0", "2.0", "3.0", "odd one"])), max_size=20), st.sampled_from(["", "1", "7", "30%"]),
    st.sampled_from(["", "1", "4", "50%"]), st.booleans())
def test_a_plan_has_each_node_once_and_its_waves_have_no_holes(nodes, canary, batch, older):
    places = {name: Place(name, connected, NOW, version=version) for name, (connected, version) in nodes.items()}
    rows = plan(a_rollout(canary=canary, batch=batch, older=older), places)
    assert {each.node for each in rows} == set(nodes) and [each.position for each in rows] == list(range(len(rows)))
    waves = [each.wave for each in rows if each.wave != NO_WAVE]
    first = CANARY if canary else 1
    assert waves == sorted(waves) and set(waves) == set(range(first, first + len(set(waves))))
    assert all((each.wave == NO_WAVE) == (each.state in TERMINAL) == bool(each.ended) for each in rows)


# ---- deciding

def test_no_more_than_the_limit_are_updated_at_a_time():
    names = [f"n{number}" for number in range(rules.MAX_AT_A_TIME + 50)]
    decision = decide(a_rollout(), [row(name, "pending") for name in names], there(*names), [], NOW)
    assert len(decision.start) == rules.MAX_AT_A_TIME


def test_a_canary_that_is_away_is_waited_for_while_it_soaks_until_it_counts_as_silent():
    rows = [row("n0", "updated", 0, ended=us(NOW - 100)), row("n1", "pending")]
    places = {**there("n0", connected=False, since=NOW - 90, version="2.0"), **there("n1")}
    decision = decide(a_rollout(canary="1", soak=60), rows, places, ["n0"], NOW)
    assert not decision.start and not decision.halt
    places["n0"] = replace(places["n0"], since=NOW - rules.NOT_BACK)
    assert "silent" in decide(a_rollout(canary="1", soak=60), rows, places, ["n0"], NOW).halt


def test_a_clock_that_was_set_back_does_not_lengthen_the_soak():
    rows = [row("n0", "updated", 0, ended=us(NOW + 3600)), row("n1", "pending")]
    places = {**there("n0", version="2.0"), **there("n1")}
    assert decide(a_rollout(canary="1", soak=60), rows, places, ["n0"], NOW).start == ["n1"]


def test_canaries_that_are_not_there_are_waited_for_only_as_long_as_any_node():
    rows = [row("n0", "pending", 0), row("n1", "pending")]
    places = {**there("n0", connected=False, since=NOW - 5), **there("n1")}
    waiting = decide(a_rollout(canary="1"), rows, places, [], NOW)
    assert not waiting.start and not waiting.halt and not waiting.moves
    late = decide(a_rollout(canary="1"), rows, places, [], NOW + 60)
    assert [move.state for move in late.moves] == ["expired"] and "nothing is proved" in late.halt


def test_what_was_refused_before_anything_was_sent_is_no_failure():
    rows = [row("n0", "refused", NO_WAVE, run=""), row("n1", "lost", run=""), row("n2", "pending")]
    assert decide(a_rollout(max_failures=0), rows, there("n0", "n1", "n2"), [], NOW).start == ["n2"]


ROWS = st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 3), st.booleans(), st.booleans(), st.booleans(),
                          st.integers(0, 1)), min_size=1, max_size=8)


@given(ROWS, st.fixed_dictionaries({
    "canary": st.just("1"), "batch": st.sampled_from(["", "2"]), "max_failures": st.integers(-1, 2),
    "halt_on_error": st.booleans(), "soak": st.sampled_from([0, 60]), "halted": st.sampled_from([0, us(NOW - 9)]),
    "cancelled": st.sampled_from([0, us(NOW - 9)])}))
def test_whatever_the_rows_are_each_move_is_in_the_table_and_a_halt_starts_nothing(states, options):
    rows, places, ordered = [], {}, []
    for number, (state, wave, connected, silent, gone, forgiven) in enumerate(states):
        name = f"n{number}"
        rows.append(row(name, state, wave, forgiven=forgiven))
        places[name] = Place(name, connected, NOW - 400, silent, gone, "1.0")
        if state not in (SENT, "pending") or silent:
            ordered.append(name)
    rollout = a_rollout(**options)
    decision = decide(rollout, rows, places, ordered, NOW)
    for move in decision.moves:
        assert move.state in TRANSITIONS[move.was]
    by_name = {each.node: each for each in rows}
    moved = {move.node: move.state for move in decision.moves}
    if decision.halt or rollout.halted or rollout.cancelled:
        assert not decision.start and not decision.again
    assert all(by_name[node].state == "pending" and places[node].connected for node in decision.start)
    if rollout.batch == "2" and any(by_name[node].wave != CANARY for node in decision.start):
        going = rules.under_way([replace(each, state=moved.get(each.node, each.state)) for each in rows])
        assert going + len(decision.start) <= max(2, going)
    assert decision.over == all(moved.get(each.node, each.state) in TERMINAL for each in rows)
    if decision.halt:  # who resumes is not halted again for the same
        blamed = rules.blamed(rollout, [replace(each, state=moved.get(each.node, each.state)) for each in rows], places,
                              NOW)
        pardoned = [replace(each, forgiven=1) if each.node in blamed else each for each in rows]
        assert blamed and not decide(rollout, pardoned, places, ordered, NOW).halt


# ---- steps and ends

@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("to", STATES)
def test_a_way_through_the_table_has_only_its_arrows(state, to):
    way = path(state, to)
    for here, following in zip((state, *way), way, strict=False):
        assert following in TRANSITIONS[here]
    assert not way or way[-1] == to


@pytest.mark.parametrize("state", sorted(set(OPEN) - {"pending"}))
@pytest.mark.parametrize("ended", sorted(runs.TERMINAL))
@pytest.mark.parametrize("last", ["", *STEPS])
def test_whatever_a_run_ends_with_its_row_ends_too(state, ended, last):
    way = after_end(state, ended, last, True, True)
    assert way and way[-1] in TERMINAL


@pytest.mark.parametrize(("state", "ended", "last", "end"), [
    ("sent", "finished", "", "unchanged"), ("confirming", "finished", "confirming", "updated"),
    ("sent", "finished", "downloading", "updated"), ("confirming", "lost", "updated", "updated"),
    ("rolling-back", "failed", "rolled-back", "rolled-back"), ("rolling-back", "failed", "rolling-back", "failed"),
    ("downloading", "failed", "downloading", "failed"), ("installing", "failed", "installing", "failed"),
    ("installing", "cancelled", "installing", "failed"), ("downloading", "cancelled", "downloading", "cancelled"),
    ("sent", "refused", "", "refused"), ("sent", "expired", "", "expired"), ("confirming", "timed-out", "", "failed")])
def test_the_end_of_a_run_and_the_last_step_say_how_the_node_ended(state, ended, last, end):
    assert after_end(state, ended, last, True, True)[-1] == end


def test_a_request_that_was_never_sent_goes_back_as_long_as_it_may_wait():
    assert after_end("sent", "expired", "", False, True) == ("pending",)
    assert after_end("sent", "expired", "", False, False) == ("expired",)


def test_steps_that_come_late_or_twice_change_nothing():
    assert after_step("confirming", "downloading") == after_step("installing", "installing") == ()
    assert after_step("sent", "confirming") == ("downloading", "installing", "confirming")
    assert after_step("confirming", "updated") == after_step("sent", "singing") == ()


def test_versions_that_are_the_same_to_debian_are_the_same():
    assert same_version("1.0", "0:1.0") and same_version("1.0", "1.0-0") and not same_version("1.0", "1.0~rc1")
    assert same_version("odd one", "odd one") and not same_version("odd one", "1.0")


def test_the_word_is_for_an_agent_that_came_with_the_update():
    assert awaits_word("1.0", "2.0", "2.0")
    assert not awaits_word("1.0", "1.0", "2.0") and not awaits_word("2.0", "2.0", "2.0")
    assert not awaits_word("1.0", "", "2.0")


@pytest.mark.parametrize(("installed", "older", "state"), [("1.0", False, ""), ("2.0", False, "unchanged"),
                                                           ("3.0", False, "refused"), ("3.0", True, ""),
                                                           ("", False, "refused"), ("odd one", False, "")])
def test_a_node_is_asked_unless_it_has_the_version_or_must_not_have_it(installed, older, state):
    assert verdict(installed, "2.0", older)[0] == state
