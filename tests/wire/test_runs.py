"""The table of a run's states and the specification of what is run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_wire.errors import InvalidTransition, MalformedMessage
from dvic_wire.runs import QUEUED, STATES, TERMINAL, TRANSITIONS, RunSpec, advance


def test_every_state_but_the_terminal_ones_leads_on_and_those_lead_nowhere():
    assert {state for state in STATES if not TRANSITIONS[state]} == TERMINAL
    for targets in TRANSITIONS.values():
        assert targets <= set(STATES)


def test_every_state_can_be_reached_and_every_path_can_end():
    reached, edge = set(), {QUEUED}
    while edge:
        reached |= edge
        edge = {to for state in edge for to in TRANSITIONS[state]} - reached
    assert reached == set(STATES)


@given(st.lists(st.sampled_from(STATES), max_size=20))
def test_whatever_is_tried_a_run_ends_at_most_once(tries):
    state, ends = QUEUED, 0
    for to in tries:
        try:
            state = advance(state, to)
            ends += state in TERMINAL
        except InvalidTransition:
            pass
    assert ends <= 1


def test_a_specification_survives_the_way_there_and_back():
    spec = RunSpec(argv=("sh", "-c", "exit 3"), user="ada", env=(("A", "1"),), stdin="in", timeout=5, memory=1 << 20)
    assert RunSpec.from_json(spec.to_json()) == spec
    assert RunSpec(argv=("true",)).to_json() == {"argv": ["true"]}


@pytest.mark.parametrize("value, field", [
    (None, "spec"), ({}, "spec"), ({"argv": "ls"}, "spec.argv"), ({"argv": ["a\0b"]}, "spec.argv"),
    ({"argv": [1]}, "spec.argv"), ({"argv": ["a"], "shell": True}, "spec.shell"),
    ({"argv": ["a"], "timeout": 0}, "spec.timeout"), ({"argv": ["a"], "timeout": True}, "spec.timeout"),
    ({"argv": ["a"], "env": {"A=B": "c"}}, "spec.env"), ({"argv": ["a"], "env": {"A": 1}}, "spec.env"),
    ({"argv": ["a"], "memory": -1}, "spec.memory"), ({"argv": ["a"], "user": "a\0"}, "spec.user"),
])
def test_a_wrong_specification_names_its_field(value, field):
    with pytest.raises(MalformedMessage) as refusal:
        RunSpec.from_json(value)
    assert refusal.value.field == field
