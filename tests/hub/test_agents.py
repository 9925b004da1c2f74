"""Connections of agents, keepalives, and the fleet's states that follow from them."""

import asyncio

import pytest
from hub_parts import HUB_KEY, NOW, HubParts, Line, key_of, with_hub

from dvic_hub.domain.events import NodeChanged
from dvic_hub.domain.session import Proved
from dvic_hub.errors import BadRequest, Conflict, Forbidden, NotFound, StoreFull, TooMany
from dvic_hub.services.agents import CONFLICT_MEMORY, QUIET_LIMIT
from dvic_wire.errors import LimitExceeded, MalformedMessage, SignatureRefused
from dvic_wire.limits import KEEPALIVE_TTL
from dvic_wire.messages import Goodbye, Settings
from dvic_wire.signing import Purpose, sign

WS, POST = Purpose.KEEPALIVE_WS, Purpose.KEEPALIVE_POST


def keepalive(serial: int, number: int = 0, *, purpose=WS, now=NOW, signer: int | None = None, **changes) -> str:
    claims = {"iss": key_of(number).public.node_id, "aud": HUB_KEY.fingerprint, "serial": serial, "period": 10,
              **changes}
    return sign(key_of(number if signer is None else signer), purpose, claims, now=now, ttl=KEEPALIVE_TTL)


async def beat(hub: HubParts, jws: str, node: str = "", purpose=WS):
    return await hub.agents.beat(node or key_of(0).public.node_id, jws, purpose, "10.0.0.7")


# ---- keepalives

def test_a_keepalive_makes_a_node_online_and_is_on_the_disk_when_it_is_answered():
    async def test(hub):
        node = await hub.node(last_seen=0, period=0)
        assert hub.fleet.view(node.id).state == "never"
        await beat(hub, keepalive(7, period=30, status="measuring"))
        row = await hub.store.nodes.get(node.id)
        assert (row.last_seen, row.period, row.serial, row.status, row.address) == (
            int(NOW * 1e6), 30, 7, "measuring", "10.0.0.7")
        assert NodeChanged(node.id, "online") in hub.events
    with_hub(test)


def test_a_serial_counts_once_whatever_transport_it_comes_by_and_across_restarts():
    async def test(hub):
        await hub.node()
        await beat(hub, keepalive(5))
        with pytest.raises(Conflict) as error:
            await hub.agents.beat_posted(keepalive(5, purpose=POST), "10.0.0.7")
        assert error.value.code == "replay" and hub.agents.replays == 1
        await hub.restart()
        with pytest.raises(Conflict):
            await beat(hub, keepalive(5))
        await hub.agents.beat_posted(keepalive(4, purpose=POST), "10.0.0.7")
    with_hub(test)


def test_of_a_hundred_copies_sent_at_once_one_counts():
    async def test(hub):
        await hub.node()
        answers = await asyncio.gather(*(beat(hub, keepalive(5)) for _ in range(100)), return_exceptions=True)
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    with_hub(test)


def test_a_keepalive_heard_on_one_transport_cant_be_used_on_another():
    async def test(hub):
        await hub.node()
        with pytest.raises(Forbidden) as error:
            await hub.agents.beat_posted(keepalive(1), "10.0.0.9")
        assert error.value.code == "signature"
        with pytest.raises(Forbidden):
            await beat(hub, keepalive(1, purpose=Purpose.KEEPALIVE_UDP))
    with_hub(test)


def test_one_node_cant_speak_for_another():
    async def test(hub):
        ada, bob = await hub.node(0), await hub.node(1)
        with pytest.raises(SignatureRefused):
            await beat(hub, keepalive(1, 0, iss=bob.id), ada.id)
        with pytest.raises(Forbidden):
            await beat(hub, keepalive(1, 1, signer=0), bob.id)
        with pytest.raises(Forbidden):
            await hub.agents.beat_posted(keepalive(1, 1, signer=0, purpose=POST), "10.0.0.9")
        assert hub.fleet.node(bob.id).serial == 0
    with_hub(test)


def test_a_keepalive_for_another_hub_is_refused():
    async def test(hub):
        await hub.node()
        with pytest.raises(Forbidden):
            await beat(hub, keepalive(1, aud="another"))
    with_hub(test)


def test_a_device_with_a_wrong_clock_is_told_the_hubs():
    async def test(hub):
        await hub.node()
        for wrong in (NOW - 3600, NOW + 3600):
            with pytest.raises(BadRequest, match=str(int(NOW))) as error:
                await hub.agents.beat_posted(keepalive(1, purpose=POST, now=wrong), "10.0.0.7")
            assert error.value.code == "clock"
        assert hub.fleet.node(key_of(0).public.node_id).serial == 0
    with_hub(test)


@pytest.mark.parametrize("changes", [
    {"serial": 0}, {"serial": -1}, {"serial": "1"}, {"serial": 1.0}, {"serial": True}, {"serial": 2**53},
    {"period": 0}, {"period": 86_401}, {"period": "10"}, {"status": 3}, {"numbers": []}, {"numbers": {"a": "1"}},
    {"numbers": {"a": True}}, {"numbers": {"": 1}}, {"numbers": {"a": 1e301}},
])
def test_claims_of_the_wrong_kind_are_named(changes):
    async def test(hub):
        await hub.node()
        with pytest.raises(MalformedMessage) as error:
            await beat(hub, keepalive(**{"serial": 1, **changes}))
        assert error.value.field.startswith(next(iter(changes)))
    with_hub(test)


@pytest.mark.parametrize("changes", [{"status": "x" * 257}, {"numbers": {f"n{number}": 1 for number in range(33)}}])
def test_claims_over_a_limit_name_it(changes):
    async def test(hub):
        await hub.node()
        with pytest.raises(LimitExceeded):
            await beat(hub, keepalive(1, **changes))
    with_hub(test)


@pytest.mark.parametrize("jws", ["", "x", "a.b.c", "....", "\ud800", "e30.e30." + "A" * 86])
def test_rubbish_is_no_keepalive(jws):
    async def test(hub):
        await hub.node()
        with pytest.raises((MalformedMessage, SignatureRefused, Forbidden, NotFound)):
            await hub.agents.beat_posted(jws, "10.0.0.7")
    with_hub(test)


def test_unknown_and_revoked_nodes_are_refused():
    async def test(hub):
        with pytest.raises(NotFound):
            await beat(hub, keepalive(1))
        await hub.node(revoked=1)
        with pytest.raises(Forbidden) as error:
            await beat(hub, keepalive(1))
        assert error.value.code == "revoked"
    with_hub(test)


def test_with_a_full_disk_a_keepalive_is_not_confirmed_but_the_node_is_known_to_live():
    async def test(hub):
        node = await hub.node(last_seen=0)
        hub.store.full = True
        with pytest.raises(StoreFull):
            await beat(hub, keepalive(1))
        assert hub.fleet.view(node.id).state == "online"
    with_hub(test)


# ---- the fleet

def test_a_node_that_stops_speaking_is_told_as_late_and_then_silent_once_each():
    async def test(hub):
        node = await hub.node()
        await hub.pass_time(60, 1)
        told = [event.state for event in hub.events if isinstance(event, NodeChanged) and event.node == node.id]
        assert told == ["online", "late", "silent"]
    with_hub(test)


def test_the_clock_set_back_an_hour_leaves_no_dead_node_online():
    async def test(hub):
        node = await hub.node()
        await hub.pass_time(1)
        hub.clock.now -= 3600
        await hub.pass_time(40, 1)
        assert hub.fleet.view(node.id).state == "silent"
    with_hub(test)


def test_a_keepalive_counts_again_after_the_clock_was_set_back():
    async def test(hub):
        node = await hub.node()
        hub.clock.now -= 3600
        await hub.pass_time(60, 1)
        await beat(hub, keepalive(1, now=hub.clock.now))
        assert hub.fleet.view(node.id).state == "online"
        await hub.fleet.reload(node.id)
        assert hub.fleet.view(node.id).state == "online"
    with_hub(test)


def test_selectors_name_nodes_by_what_they_are_now():
    async def test(hub):
        await hub.node(0, "Ada", tags={"room": "lab"})
        await hub.node(1, "bob", last_seen=1)
        assert [view.name for view in hub.fleet.select("all")] == ["Ada", "bob"]
        assert [view.name for view in hub.fleet.select("tag:room=lab and state:online")] == ["Ada"]
        assert [view.name for view in hub.fleet.select("state:silent")] == ["bob"]
        assert hub.fleet.view("ADA").name == "Ada"
        assert hub.fleet.counts() == {"online": 1, "late": 0, "silent": 1, "never": 0, "revoked": 0}
    with_hub(test)


def test_what_was_just_heard_is_not_lost_to_an_older_row_that_is_read_meanwhile():
    async def test(hub):
        node = await hub.node()
        hub.fleet.heard(node.id, last_seen=int(NOW * 1e6) + 1, address="10.0.0.9", status="warm", serial=7)
        row = await hub.fleet.reload(node.id)
        assert (row.address, row.status, row.serial) == ("10.0.0.9", "warm", 7)
    with_hub(test)


def test_another_process_that_changed_a_row_is_noticed_by_its_event():
    async def test(hub):
        node = await hub.node()
        await hub.store.nodes.update(node.id, name="renamed")
        hub.bus.publish(NodeChanged(node.id, "online"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert hub.fleet.view("renamed").id == node.id and hub.fleet.view("node-0") is None
    with_hub(test)


# ---- connections

def test_a_connection_can_be_sent_to_only_while_it_stands():
    async def test(hub):
        node = await hub.node()
        line = Line()
        await hub.agents.attach(node.id, line)
        assert not await hub.agents.send(node.id, Settings({})) and not hub.agents.connected(node.id)
        hub.agents.ready(node.id, line)
        assert await hub.agents.send(node.id, Settings({})) and line.sent == [Settings({})]
        hub.agents.detach(node.id, line)
        assert not await hub.agents.send(node.id, Settings({})) and not hub.agents.connected(node.id)
    with_hub(test)


def test_the_welcome_holds_what_the_hub_knows():
    async def test(hub):
        node = await hub.node(serial=41, serial_window=1)
        hub.store.streams.held[node.id, "journal"] = "s=1"
        welcome = await hub.agents.welcome(Proved(node.id, "i", "0.2", {"os": "debian 12"}, -3600), "10.0.0.7")
        assert (welcome.name, welcome.serial, welcome.cursors, welcome.settings) == (
            "node-0", 41, {"journal": "s=1"}, {"keepalive_period": 10})
        assert welcome.time == int(NOW * 1e6)
        row = hub.fleet.node(node.id)
        assert row.facts == {"os": "debian 12", "clock_offset": "-3600 s"} and row.agent_version == "0.2"
        await hub.agents.welcome(Proved(node.id, "i", "0.2", {"os": "debian 12"}, 0), "10.0.0.7")
        assert hub.fleet.node(node.id).facts == {"os": "debian 12"}
    with_hub(test)


def test_with_a_full_disk_agents_are_greeted_all_the_same():
    async def test(hub):
        node = await hub.node()
        hub.store.full = True
        assert (await hub.agents.welcome(Proved(node.id, "i", "0.2", {}, 0), "x")).name == "node-0"
    with_hub(test)


def test_the_same_agent_that_comes_again_takes_its_old_connections_place():
    async def test(hub):
        node = await hub.node()
        first = await hub.connect(node, Line("i-1"))
        second = await hub.connect(node, Line("i-1"))
        assert first.closed is not None and second.closed is None
        assert not hub.agents.detach(node.id, first) and hub.agents.connected(node.id)
    with_hub(test)


def test_of_two_agents_with_one_key_the_second_is_refused_and_both_are_named():
    async def test(hub):
        node = await hub.node()
        first = await hub.connect(node, Line("i-1", "10.0.0.7", "machine-1"))
        with pytest.raises(Conflict, match="10.0.0.7"):
            await hub.agents.attach(node.id, Line("i-2", "10.0.0.8", "machine-2"))
        conflict = (await hub.store.nodes.get(node.id)).conflict
        assert all(part in conflict for part in ("10.0.0.7", "machine-1", "10.0.0.8", "machine-2"))
        assert first.closed is None and hub.audited().count(("node.conflict", "ok")) == 1
        with pytest.raises(Conflict):
            await hub.agents.attach(node.id, Line("i-2", "10.0.0.8", "machine-2"))
        assert hub.audited().count(("node.conflict", "ok")) == 1
        await hub.pass_time(CONFLICT_MEMORY + 20)
        assert (await hub.store.nodes.get(node.id)).conflict == ""
    with_hub(test)


def test_a_conflict_that_a_restart_found_is_forgotten_in_time():
    async def test(hub):
        node = await hub.node(conflict="a and b")
        await hub.pass_time(CONFLICT_MEMORY / 2)
        assert hub.fleet.node(node.id).conflict
        await hub.pass_time(CONFLICT_MEMORY)
        assert not hub.fleet.node(node.id).conflict
    with_hub(test)


def test_a_dead_connection_makes_room_for_another_agent():
    async def test(hub):
        node = await hub.node()
        dead = await hub.connect(node, Line("i-1", alive=False))
        await hub.connect(node, Line("i-2"))
        assert dead.closed is not None and hub.agents.connected(node.id)
        assert hub.fleet.node(node.id).conflict == ""
    with_hub(test)


def test_two_that_arrive_at_the_same_moment_dont_both_get_in():
    async def test(hub):
        node = await hub.node()
        await hub.connect(node, Line("i-1", alive=False))
        results = await asyncio.gather(*(hub.agents.attach(node.id, Line(f"i-{n}")) for n in (2, 3)),
                                       return_exceptions=True)
        assert [type(result) for result in results].count(TooMany) == 1
    with_hub(test)


def test_a_hub_that_is_full_says_so():
    async def test(hub):
        await hub.connect(await hub.node(0))
        with pytest.raises(TooMany):
            await hub.agents.attach((await hub.node(1)).id, Line())
    with_hub(test, max_agents=1)


def test_a_revoked_node_that_just_got_in_gets_no_welcome():
    async def test(hub):
        node = await hub.node(revoked=1)
        with pytest.raises(Forbidden):
            await hub.agents.welcome(Proved(node.id, "i", "0", {}, 0), "x")
    with_hub(test)


def test_a_connection_that_is_quiet_for_long_is_asked_and_dropped_when_dead():
    async def test(hub):
        quiet = await hub.connect(await hub.node(0), Line(quiet=QUIET_LIMIT + 1))
        dead = await hub.connect(await hub.node(1), Line(quiet=QUIET_LIMIT + 1, alive=False))
        await hub.agents.tick(hub.clock.now)
        for _ in range(10):
            await asyncio.sleep(0)
        assert quiet.closed is None and dead.closed == ("", "")
    with_hub(test)


def test_a_stopping_hub_says_goodbye_to_everyone():
    async def test(hub):
        lines = [await hub.connect(await hub.node(number)) for number in range(3)]
        await hub.agents.close_all()
        assert all(line.sent[-1] == Goodbye("restarting") and line.closed for line in lines)
    with_hub(test)
