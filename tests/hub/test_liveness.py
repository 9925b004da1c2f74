"""Who is alive follows from promises and now, from nothing else."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain import liveness
from dvic_hub.domain.model import Node

NOW = 1_763_632_800.0
ADA = Node("n-ada", "ada", b"k", last_seen=int(NOW * 1e6), period=10)


def state_after(seconds: float, node: Node = ADA) -> str:
    return liveness.state_of(node, NOW + seconds)


def test_a_node_is_online_until_one_and_a_half_of_its_own_periods():
    assert state_after(0) == state_after(14.9) == "online"
    assert state_after(15) == "late"


def test_a_late_node_is_silent_after_three_periods():
    assert state_after(29.9) == "late"
    assert state_after(30) == state_after(10**9) == "silent"


def test_each_node_is_measured_by_the_period_that_it_promised():
    assert state_after(3000, replace(ADA, period=3600)) == "online"
    assert state_after(3, replace(ADA, period=1)) == "silent"


def test_a_node_that_never_spoke_is_never_and_one_without_a_promise_has_the_default():
    assert state_after(0, replace(ADA, last_seen=0)) == "never"
    assert state_after(14, replace(ADA, period=0)) == "online"
    assert state_after(31, replace(ADA, period=0)) == "silent"


def test_a_revoked_node_is_revoked_however_much_it_speaks():
    assert state_after(0, replace(ADA, revoked=1)) == "revoked"


def test_after_the_clock_was_set_back_an_hour_a_dead_node_is_silent_after_its_three_periods():
    earlier = NOW - 3600
    node = liveness.after_clock_step(ADA, earlier)
    assert liveness.state_of(node, earlier) == "online"
    assert liveness.state_of(node, earlier + 30) == "silent"
    assert liveness.after_clock_step(ADA, NOW) is ADA


@given(st.integers(1, 86_400), st.floats(0, 1e7), st.floats(0, 1e7))
def test_states_only_go_one_way_while_nothing_is_heard(period, first, second):
    order = ["online", "late", "silent"]
    node = replace(ADA, period=period)
    early, late = sorted((first, second))
    assert order.index(state_after(early, node)) <= order.index(state_after(late, node))
