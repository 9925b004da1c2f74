"""Nodes behind others: which one counts as the reason, and which chains are refused."""

from dataclasses import replace

import pytest
from hub_parts import OPERATOR, with_hub

from dvic_hub.domain.dependencies import MAX_CHAIN, check_chain, in_the_way
from dvic_hub.domain.liveness import NodeView
from dvic_hub.domain.model import Node
from dvic_hub.errors import BadRequest

HEARD = {"online": 100, "late": 80, "silent": 60, "never": 0, "revoked": 0}
"""When a node of each state was heard last, in seconds."""


def fleet(**nodes: str):
    """Views by name; each is written STATE or STATE:BEHIND."""
    views = {}
    for name, text in nodes.items():
        state, _, behind = text.partition(":")
        tags = {"behind": behind} if behind else {}
        node = Node(f"n-{name}", name, b"", tags, last_seen=HEARD[state] * 1_000_000, period=10)
        views[name] = NodeView(node.id, name, tags, "", state, node)
    return views, views.get


def heard(views, name, last_seen, period=10):
    """The view as it is when the node was heard then."""
    views[name] = replace(views[name], node=replace(views[name].node, last_seen=last_seen * 1_000_000, period=period))


def test_the_nearest_silent_node_of_the_chain_is_the_reason():
    views, find = fleet(gw="silent", rack="online:gw", disk="silent:rack", other="silent", far="silent:gone")
    assert in_the_way(views["disk"], find) is views["gw"]
    assert in_the_way(views["other"], find) is None and in_the_way(views["gw"], find) is None
    assert in_the_way(views["far"], find) is None, "no node of that name"


def test_behind_one_that_is_late_it_is_waited_for_what_becomes_of_it():
    views, find = fleet(gw="late", disk="silent:gw")
    assert in_the_way(views["disk"], find) is views["gw"]
    views, find = fleet(gw="online", disk="silent:gw")
    assert in_the_way(views["disk"], find) is None, "a node speaks for itself"


def test_behind_one_that_promises_less_often_it_is_waited_for_its_next_word():
    views, find = fleet(gw="online", disk="silent:gw")
    heard(views, "gw", 65, period=60)
    assert in_the_way(views["disk"], find) is views["gw"], "both may have been cut off at second 66"
    heard(views, "gw", 76, period=60)
    assert in_the_way(views["disk"], find) is None, "heard when the other no longer was"
    views, find = fleet(gw="never", disk="silent:gw", rack="revoked", other="silent:rack")
    assert in_the_way(views["disk"], find) is None and in_the_way(views["other"], find) is None


def test_a_ring_from_before_ends_nowhere_and_excuses_nobody():
    views, find = fleet(ada="silent:bob", bob="online:ada")
    assert in_the_way(views["ada"], find) is None


def test_nobody_may_be_behind_itself_nor_in_an_endless_row():
    views, find = fleet(ada="online", bob="online:ada", eve="online:bob",
                        **{f"n{number}": f"online:n{number + 1}" for number in range(MAX_CHAIN + 1)})
    check_chain(views["eve"], {"behind": "ada"}, find)
    check_chain(views["ada"], {"behind": "not-yet"}, find)
    with pytest.raises(BadRequest, match="ada -> eve -> bob -> ada"):
        check_chain(views["ada"], {"behind": "eve"}, find)
    with pytest.raises(BadRequest, match=str(MAX_CHAIN)):
        check_chain(views["ada"], {"behind": "n0"}, find)


def test_a_hub_refuses_the_tag_that_would_close_a_ring():
    async def test(hub):
        ada, bob = await hub.node(0, "ada"), await hub.node(1, "bob", tags={"behind": "ada"})
        with pytest.raises(BadRequest, match="behind itself"):
            await hub.enrolment.tag(ada.id, {"behind": "bob"}, OPERATOR)
        await hub.enrolment.tag(bob.id, {"behind": None}, OPERATOR)
        assert (await hub.enrolment.tag(ada.id, {"behind": "bob"}, OPERATOR)).tags == {"behind": "bob"}

    with_hub(test)


def test_what_is_behind_a_node_stays_so_when_that_gets_another_name():
    async def test(hub):
        gateway = await hub.node(0, "gw")
        await hub.node(1, "disk", tags={"behind": "GW", "room": "lab"})
        await hub.node(2, "other", tags={"behind": "elsewhere"})
        await hub.enrolment.rename(gateway.id, "gw-old", OPERATOR)
        assert hub.fleet.view("disk").tags == {"behind": "gw-old", "room": "lab"}
        assert hub.fleet.view("other").tags == {"behind": "elsewhere"}

    with_hub(test)
