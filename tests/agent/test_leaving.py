"""A machine that the hub removed, or whose owner leaves: a whole agent and a real executor, against a hub in memory."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from fake_hub import FakeHub, HubMemory
from running_executor import Hub as ExecutorsHub
from running_executor import RunningExecutor

from dvic_agent.__main__ import main
from dvic_agent.app import Agent
from dvic_agent.clock import Clock
from dvic_agent.config import AgentConfig
from dvic_agent.departure import leave
from dvic_agent.enrol import enrol
from dvic_agent.errors import AgentError, ExecutorError, NotEnrolled
from dvic_agent.identity import load_hub, load_identity, load_left
from dvic_agent.status import ask_status
from dvic_agent.supervisor import Supervisor
from dvic_wire import messages
from dvic_wire.signing import PrivateKey


class Pinned(ExecutorsHub):
    """Leaves the pin to the enrolment."""

    def pin(self, config_dir):
        config_dir.mkdir(mode=0o755, exist_ok=True)


@pytest.fixture
def executor(tmp_path):
    with RunningExecutor(tmp_path, Pinned(), backend="children") as executor:
        yield executor


def settings(tmp_path) -> AgentConfig:
    return AgentConfig(config_dir=tmp_path / "etc", state_dir=tmp_path / "var",
                       executor_socket=tmp_path / "executor.sock")


@asynccontextmanager
async def running(config):
    stop = asyncio.Event()
    agent = Agent(config, lambda *_: [], Supervisor(lambda text: None), Clock(), lambda: {"os": "debian 12"})
    task = asyncio.create_task(agent.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 15)


async def told(config, state: str) -> dict:
    """The status, when the connection has come to this state."""
    async with asyncio.timeout(20):
        while True:
            try:
                said = await asyncio.to_thread(ask_status, config.private_dir)
                if said["connection"]["state"] == state:
                    return said
            except AgentError:
                pass
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("while_it_is_connected", [True, False])
def test_a_removed_machine_forgets_the_hub_says_so_and_joins_again_with_a_new_key(tmp_path, executor,
                                                                                 while_it_is_connected):
    async def scene():
        config = settings(tmp_path)
        async with FakeHub() as hub:
            before = await enrol(config, hub.make_token(), name="ada", facts={})
            hub.memory.removed = not while_it_is_connected
            async with running(config):
                if while_it_is_connected:
                    await told(config, "connected")
                    hub.memory.removed = True
                    await hub.send(before.node, hub.memory.leave(before.node))
                    await hub.send(before.node, messages.Refused("removed", "this node was removed", 3600))
                said = await told(config, "not enrolled")
                for words in (hub.url, "by root", "(sold)", "dvic-agent enroll"):
                    assert words in said["connection"]["reason"]
                assert "hub" not in said and "node" not in said
                tries = hub.connections
                hub.memory.removed = False
                after = await enrol(config, hub.make_token(), name="ada", facts={})
                assert after.node != before.node and load_left(config.config_dir) is None
                await told(config, "connected")
                assert hub.connections == tries + 1, "it asked nobody meanwhile"
    asyncio.run(scene())


def test_a_machine_without_an_executor_is_refused_and_says_what_to_do(tmp_path):
    async def scene():
        config = settings(tmp_path)
        async with FakeHub() as hub:
            await enrol(config, hub.make_token(), name="ada", facts={})
            hub.memory.removed = True
            async with running(config):
                said = await told(config, "refused")
                assert "removed" in said["connection"]["reason"] and "--new-key" in said["connection"]["reason"]
        assert load_hub(config.config_dir).url == hub.url
    asyncio.run(scene())


def test_another_machine_with_our_key_is_shown_in_the_status(tmp_path):
    async def scene():
        config = settings(tmp_path)
        async with FakeHub() as hub:
            pinned = await enrol(config, hub.make_token(), name="ada", facts={})
            async with running(config):
                assert (await told(config, "connected"))["notes"] == []
                await hub.send(pinned.node, messages.Problem("conflict", "10.0.0.1 and 10.0.0.2 use the same key"))
                async with asyncio.timeout(20):
                    while not (said := await told(config, "connected"))["notes"]:
                        await asyncio.sleep(0.02)
                assert said["notes"][0].startswith("10.0.0.1 and 10.0.0.2 use the same key (was this machine's disk")
    asyncio.run(scene())


@pytest.mark.parametrize("clock", [Clock(), Clock(wall=lambda: 1_000.0)])
def test_the_owner_leaves_with_the_hubs_word_whatever_the_clock(tmp_path, executor, clock):
    async def scene():
        config = settings(tmp_path)
        async with FakeHub() as hub:
            pinned = await enrol(config, hub.make_token(), name="ada", facts={})
            assert await leave(config, "lent", clock) == hub.url
            with pytest.raises(NotEnrolled, match="left the hub"):
                load_hub(config.config_dir)
            hub.memory.removed = False
            assert (await enrol(config, hub.make_token(), name="ada", facts={})).node != pinned.node
    asyncio.run(scene())


def test_leaving_without_an_executor_or_with_a_foreign_word_changes_nothing(tmp_path, executor):
    async def scene():
        config = settings(tmp_path)
        async with FakeHub() as hub:
            pinned = await enrol(config, hub.make_token(), name="ada", facts={})
            own = hub.memory.leave
            hub.memory.leave = HubMemory().leave  # signed by the key of another hub
            with pytest.raises(ExecutorError, match="does not hold"):
                await leave(config, "")
            hub.memory.leave = own
            executor.kill()
            with pytest.raises(ExecutorError, match="not reachable"):
                await leave(config, "")
            executor.start()
            hub.memory.nodes[pinned.node] = PrivateKey.generate().public
            assert load_identity(config.config_dir, config.private_dir).hub == pinned
    asyncio.run(scene())


def test_a_hub_that_can_not_be_asked_is_left_by_force_only(tmp_path, capsys):
    async def scene():
        async with FakeHub() as hub:
            return await enrol(settings(tmp_path), hub.make_token(), name="ada", facts={})

    hub = asyncio.run(scene())
    where = ["--config-dir", str(tmp_path / "etc"), "--state-dir", str(tmp_path / "var")]
    assert main(["leave", *where]) == 3
    assert "--force" in capsys.readouterr().err and load_hub(tmp_path / "etc") == hub
    assert main(["leave", *where, "--force", "--reason", "it burnt down"]) == 0
    assert "hubctl node remove ada" in capsys.readouterr().out
    left = json.loads((tmp_path / "etc/left.json").read_text())
    assert (left["node"], left["reason"]) == (hub.node, "it burnt down")
    assert main(["leave", *where]) == 2
