"""Whom a silence means and when it is over, by rules alone."""

import pytest

from dvic_hub.domain.liveness import NodeView
from dvic_hub.domain.model import Node, Silence
from dvic_hub.domain.silences import MAX_SILENCE, MIN_SILENCE, SilenceOrder, check_order, is_on, rules_of, silence_of
from dvic_hub.errors import BadRequest
from dvic_wire.errors import InvalidSelector

NOW = 1_763_632_800.0
NOW_US = int(NOW * 1e6)
HOUR = 3_600_000_000


def view(name: str, state: str = "silent", **tags: str) -> NodeView:
    return NodeView(f"n-{name}", name, tags, "debian 12", state, Node(f"n-{name}", name, b""))


def silence(id: str = "s1", selector: str = "all", until: int = NOW_US + HOUR, **more) -> Silence:
    return Silence(id, selector, until, more.pop("created", NOW_US), "otto", **more)


def test_a_silence_means_whatever_its_selector_names_while_it_lasts():
    rules = rules_of([silence(selector="tag:room=lab")])
    assert silence_of(view("ada", room="lab"), rules) == rules[0].silence
    assert silence_of(view("bob", room="hall"), rules) is None
    assert silence_of(view("bob", room="lab"), rules) == rules[0].silence, "it has the tag now"


def test_a_fixed_silence_means_the_nodes_of_then_and_no_others():
    rules = rules_of([silence(selector="state:silent", fixed=True, nodes=["n-ada"])])
    assert silence_of(view("ada", "online"), rules) is not None, "whatever its state is now"
    assert silence_of(view("bob", "silent"), rules) is None


def test_of_several_the_one_that_lasts_longest_counts():
    short, long = silence("s1"), silence("s2", "ada", NOW_US + 2 * HOUR)
    assert silence_of(view("ada"), rules_of([short, long])) == long
    assert silence_of(view("bob"), rules_of([short, long])) == short


def test_it_ends_by_itself_and_one_from_the_future_is_over():
    assert is_on(silence(), NOW) and is_on(silence(), NOW + 3599.9)
    assert not is_on(silence(), NOW + 3600)
    ahead = silence(created=NOW_US + 365 * 24 * HOUR, until=NOW_US + 366 * 24 * HOUR)
    assert not is_on(ahead, NOW), "made while the hub's clock was a year ahead"
    assert is_on(silence(), NOW - 2), "a clock that was set back by a little"


@pytest.mark.parametrize("selector", ["state:silent", "not state:online", "tag:room=lab and (web-1 or state:late)"])
def test_by_state_only_the_nodes_of_now_can_be_silenced(selector):
    with pytest.raises(BadRequest, match="hide what fails later") as caught:
        check_order(SilenceOrder(selector, 3600))
    assert caught.value.code == "silence-by-state"
    assert check_order(SilenceOrder(selector, 3600, fixed=True))


def test_a_node_of_that_name_is_no_state():
    assert check_order(SilenceOrder("name:state or tag:state=silent or not os:debian*", 3600))


@pytest.mark.parametrize("seconds", [MIN_SILENCE - 1, MAX_SILENCE + 1, 0, -1])
def test_how_long_it_lasts_has_bounds(seconds):
    with pytest.raises(BadRequest, match="lasts"):
        check_order(SilenceOrder("all", seconds))


def test_what_else_is_refused():
    with pytest.raises(BadRequest, match="reason"):
        check_order(SilenceOrder("all", 3600, reason="x" * 501))
    with pytest.raises(InvalidSelector):
        check_order(SilenceOrder("all and", 3600))
