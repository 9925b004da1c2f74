"""Connections of agents as they live: two with one key, slow ones, restarts, and runs that travel over them."""

import asyncio
from types import SimpleNamespace

import pytest
from served_hub import ADMIN, a_batch, with_served_hub
from simulated_agent import Declined

from dvic_hub.api.agent_socket import AgentConnection
from dvic_hub.domain.dispatch import RunOrder
from dvic_hub.services.agents import QUIET_LIMIT
from dvic_wire import records
from dvic_wire.messages import (
    Ack,
    Batch,
    Goodbye,
    RunReply,
    RunRequest,
    Settings,
)
from dvic_wire.runs import RunSpec
from dvic_wire.signing import PrivateKey, Purpose, verify


def deafened(agent):
    """The agent's machine takes nothing from the network any more; returns its transport."""
    transport = agent.socket._response.connection.transport
    transport.pause_reading()
    return transport


# ---- two agents with one key

def test_the_second_of_two_live_agents_is_refused_and_both_are_named(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        reading = asyncio.create_task(ada.receive())
        with pytest.raises(Declined, match="conflict"):
            await hub.again(ada, instance="another").connect(hub.http)
        assert ada.instance in hub.doors.fleet.node(ada.id).conflict
        assert "another" in hub.doors.fleet.node(ada.id).conflict
        page = await hub.doors.audit.list(10, action="node.conflict")
        assert len(page.items) == 1
        told = await reading
        assert (told.code, told.reason) == ("conflict", hub.doors.fleet.node(ada.id).conflict)
        await ada.socket.send_str(a_batch())
        assert isinstance(await ada.receive(), Ack)
    with_served_hub(tmp_path, test)


def test_the_same_agent_takes_over_from_its_own_dead_connection(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        again = hub.again(ada)
        await again.connect(hub.http)
        with pytest.raises(Declined):
            await ada.receive()
        await again.socket.send_str(a_batch())
        assert isinstance(await again.receive(), Ack)
        assert hub.doors.agents.connected(ada.id) and hub.doors.agents.count() == 1
    with_served_hub(tmp_path, test)


def test_another_agent_takes_over_when_the_first_does_not_answer(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        deaf = deafened(ada)
        again = hub.again(ada, instance="restarted")
        await again.connect(hub.http)
        deaf.abort()
        assert hub.doors.agents.connected(ada.id) and hub.doors.fleet.node(ada.id).conflict == ""
    with_served_hub(tmp_path, test)


# ---- slow peers, and the end

def test_a_connection_that_was_just_made_is_not_taken_for_a_quiet_one(tmp_path):
    async def test(hub):
        connection = AgentConnection(hub.doors, SimpleNamespace(address="10.0.0.7", request=None))
        assert connection.quiet_for() < QUIET_LIMIT
    with_served_hub(tmp_path, test)


def test_a_peer_that_never_reads_is_dropped_and_holds_up_nobody(tmp_path):
    async def test(hub):
        slow, ada = await hub.agent("slow"), await hub.agent("ada")
        deaf = deafened(slow)
        large = Settings({"x": "y" * 1_000_000})
        sends = [asyncio.create_task(hub.doors.agents.send(slow.id, large)) for _ in range(20)]
        await ada.socket.send_str(a_batch())
        assert isinstance(await ada.receive(), Ack)
        await hub.until(lambda: not hub.doors.agents.connected(slow.id), "the slow one is dropped")
        assert not all(await asyncio.gather(*sends))
        deaf.abort()
    with_served_hub(tmp_path, test)


def test_an_agent_that_says_goodbye_is_gone(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.send(Goodbye())
        await hub.until(lambda: not hub.doors.agents.connected(ada.id), "it is disconnected")
        assert hub.doors.agents.count() == 0
    with_served_hub(tmp_path, test)


def test_a_hub_that_stops_says_goodbye(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        stopping = asyncio.create_task(hub.runner.cleanup())
        assert await ada.receive() == Goodbye("restarting")
        await stopping
    with_served_hub(tmp_path, test)


# ---- runs over the wire

def test_a_run_goes_out_signed_and_its_end_comes_back_as_a_stream(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        run = await hub.doors.runs.create(RunOrder("ada", RunSpec(("uname", "-a"))), ADMIN)
        request = await ada.receive()
        claims = verify(request.jws, hub.doors.identity.public, Purpose.RUN, audience=ada.id, now=hub.clock())
        assert (claims["jti"], claims["spec"], claims["by"]) == (run.id, {"argv": ["uname", "-a"]}, "root")
        await ada.send(RunReply(run.id, "running"))
        await ada.send(Batch(f"run:{run.id}", "", "1", "run", [records.run_start(1, 5, "root"),
                                                               records.run_output(2, "out", b"Linux\n"),
                                                               records.run_end(3, "finished", 0)], closed=True))
        assert (await ada.receive()).stored
        store = hub.doors.store.runs
        for _ in range(500):
            if (await store.get(run.id)).ended:
                break
            await asyncio.sleep(0.01)
        (row,) = await store.nodes(run.id)
        assert (row.state, row.exit_code, bool((await store.get(run.id)).ended)) == ("finished", 0, True)
    with_served_hub(tmp_path, test)


def test_a_node_cant_answer_for_another_nodes_run(tmp_path):
    async def test(hub):
        ada, bob = await hub.agent("ada"), await hub.agent("bob")
        run = await hub.doors.runs.create(RunOrder("ada", RunSpec(("true",))), ADMIN)
        assert isinstance(await ada.receive(), RunRequest)
        await bob.send(RunReply(run.id, "refused", "by bob"))
        await bob.send(Batch(f"run:{run.id}", "", "1", "run", [records.run_end(1, "finished", 0)], closed=True))
        answer = await bob.receive()
        assert (answer.stored, answer.closed) == (False, True)
        (row,) = await hub.doors.store.runs.nodes(run.id)
        assert row.state == "dispatched"
    with_served_hub(tmp_path, test)


def test_a_request_that_the_hubs_restart_left_unanswered_is_sent_again_freshly_signed(tmp_path):
    key = PrivateKey.generate()
    sent = []

    async def first(hub):
        ada = await hub.enrolled("ada")
        ada = hub.again(ada, key=key)
        await ada.enrol(hub.http, await hub.token())
        await ada.connect(hub.http)
        await hub.doors.runs.create(RunOrder(f"id:{ada.id}", RunSpec(("true",))), ADMIN)
        sent.append(await ada.receive())

    async def second(hub):
        hub.ahead = 60
        ada = hub.again(ServedAgent(key, "ada-2"))
        welcome = await ada.connect(hub.http)
        sent.append(await ada.receive())
        assert welcome.runs == []
        await ada.send(RunReply(sent[1].run, "running"))
        for _ in range(500):
            (row,) = await hub.doors.store.runs.nodes(sent[1].run)
            if row.state == "running":
                break
            await asyncio.sleep(0.01)
        assert (await hub.again(ada).connect(hub.http)).runs == [sent[0].run]

    with_served_hub(tmp_path, first)
    with_served_hub(tmp_path, second)
    assert sent[0].run == sent[1].run and sent[0].jws != sent[1].jws


class ServedAgent:
    """Enough of an agent to be connected again after the hub's restart."""

    def __init__(self, key: PrivateKey, name: str):
        self.key, self.name, self.instance, self.serial = key, name, "i-1", 0
