"""A whole agent in this process, with sources in memory, against a hub on loopback."""

import asyncio
import os
import signal
import socket
from contextlib import asynccontextmanager

from fake_hub import FakeHub, HubMemory
from readable import ListSource, ListStream

from dvic_agent.app import Agent, make_sources, serve
from dvic_agent.clock import Clock
from dvic_agent.config import AgentConfig
from dvic_agent.errors import AgentError
from dvic_agent.executor_client import ExecutorClient
from dvic_agent.identity import PinnedHub, ensure_key, save_hub
from dvic_agent.runs import RunDesk
from dvic_agent.sources.mounts import may_look
from dvic_agent.status import ask_status
from dvic_agent.supervisor import Supervisor
from dvic_wire import messages

RUN = "0123456789abcdef"


def enrolled(tmp_path, hub: FakeHub, **settings) -> AgentConfig:
    config = AgentConfig(config_dir=tmp_path / "etc", state_dir=tmp_path / "var", batch_delay=0.0,
                         executor_socket=tmp_path / "executor.sock", **settings)
    key = ensure_key(config.private_dir)
    save_hub(config.config_dir, PinnedHub(hub.url, hub.memory.key.public, key.public.node_id, "ada"))
    hub.memory.enrolled(key)
    return config


@asynccontextmanager
async def running(config: AgentConfig, *sources: ListSource, notify=lambda text: None):
    stop = asyncio.Event()
    agent = Agent(config, lambda *_: sources, Supervisor(notify), Clock(), lambda: {"os": "debian 12"})
    task = asyncio.create_task(agent.run(stop))
    try:
        yield agent
    finally:
        stop.set()
        await asyncio.wait_for(task, 15)


async def state_of(config: AgentConfig) -> str:
    try:
        return (await asyncio.to_thread(ask_status, config.private_dir))["connection"]["state"]
    except AgentError:
        return "not up yet"


def test_what_a_source_tells_is_stored_and_the_node_is_alive(tmp_path):
    async def scene():
        source = ListSource(ListStream("journal", ["one"]))
        async with FakeHub() as hub, running(enrolled(tmp_path, hub), source):
            await hub.until(lambda: hub.memory.texts("journal") == ["one"])
            await hub.until(lambda: hub.memory.serials == [1])
            source.write("journal", "two")
            await hub.until(lambda: hub.memory.texts("journal") == ["one", "two"])
    asyncio.run(scene())


def test_keepalives_come_at_the_period_that_the_hub_asks_for(tmp_path):
    async def scene():
        memory = HubMemory(settings={"keepalive_period": 1, "nonsense": {}, "hardware_period": "x"})
        async with FakeHub(memory) as hub, running(enrolled(tmp_path, hub)):
            await hub.until(lambda: len(memory.serials) >= 3)
            assert memory.serials == sorted(set(memory.serials))
    asyncio.run(scene())


def test_a_flood_does_not_hold_up_another_stream(tmp_path):
    async def scene():
        flood = ListSource(ListStream("file:1:1", ["x" * 200] * 100_000))
        quiet = ListSource(ListStream("file:1:2"))
        async with FakeHub() as hub, running(enrolled(tmp_path, hub), flood, quiet):
            await hub.until(lambda: hub.memory.records.get("file:1:1"))
            quiet.write("file:1:2", "hello")
            await hub.until(lambda: hub.memory.texts("file:1:2") == ["hello"])
            assert len(hub.memory.records["file:1:1"]) < 100_000, "the flood was over before it was tried"
    asyncio.run(scene())


def test_a_connection_that_breaks_in_mid_batch_loses_and_doubles_nothing(tmp_path):
    async def scene():
        texts = [str(number) for number in range(3000)]
        source = ListSource(ListStream("journal", list(texts)))
        async with FakeHub() as hub, running(enrolled(tmp_path, hub, batch_records=50), source):
            for _ in range(3):
                hub.drop_after = 5
                await hub.until(lambda: hub.drop_after < 0, 60)
            await hub.until(lambda: len(hub.memory.texts("journal")) >= 3000, 60)
            assert hub.memory.texts("journal") == texts
            assert hub.connections >= 4
    asyncio.run(scene())


def test_answers_that_come_twice_change_nothing(tmp_path):
    async def scene():
        texts = [str(number) for number in range(500)]
        source = ListSource(ListStream("journal", list(texts)))
        memory = HubMemory(twice=True)
        async with FakeHub(memory) as hub, running(enrolled(tmp_path, hub, batch_records=7), source):
            await hub.until(lambda: len(memory.texts("journal")) >= 500)
            source.write("journal", "last")
            await hub.until(lambda: memory.texts("journal")[500:] == ["last"])
            assert memory.texts("journal")[:500] == texts
    asyncio.run(scene())


def test_a_hub_whose_disk_is_full_gets_everything_when_there_is_room(tmp_path):
    async def scene():
        source = ListSource(ListStream("journal", ["one", "two"]))
        memory = HubMemory(full=True)
        async with FakeHub(memory) as hub, running(enrolled(tmp_path, hub), source):
            await hub.until(lambda: messages.Batch in memory.order)
            await hub.until(lambda: memory.serials, 20)
            assert memory.records == {}
            memory.full = False
            await hub.until(lambda: memory.texts("journal") == ["one", "two"])
    asyncio.run(scene())


def test_a_record_that_the_hub_can_not_use_stops_nothing(tmp_path):
    async def scene():
        source = ListSource(ListStream("journal", ["one", "poison", "two"]))
        memory = HubMemory(unusable="poison")
        async with FakeHub(memory) as hub, running(enrolled(tmp_path, hub), source):
            await hub.until(lambda: len(memory.texts("journal")) == 3)
            first, gap, last = memory.texts("journal")
            assert (first, last) == ("one", "two")
            assert gap.startswith("gap (corrupt)")
    asyncio.run(scene())


def test_a_refusal_is_told_to_whoever_asks(tmp_path):
    async def scene():
        told = []
        memory = HubMemory(refusal=messages.Refused("conflict", "another agent with this key is connected", 60))
        async with FakeHub(memory) as hub:
            config = enrolled(tmp_path, hub)
            async with running(config, notify=told.append):
                await hub.until(lambda: any("NodeProof" in type(heard).__name__ for heard in memory.heard))
                async with asyncio.timeout(20):
                    while await state_of(config) != "refused":
                        await asyncio.sleep(0.01)
            assert any(text.startswith("STATUS=refused: another agent with this key") for text in told)
    asyncio.run(scene())


def test_a_run_that_left_no_trace_is_lost_and_a_request_is_answered(tmp_path):
    async def scene():
        memory = HubMemory(believes=[RUN])
        async with FakeHub(memory) as hub, running(enrolled(tmp_path, hub)):
            await hub.until(lambda: any(isinstance(heard, messages.RunReply) for heard in memory.heard))
            assert messages.RunReply(RUN, "lost", "this machine knows nothing of the run") in memory.heard
            [node] = hub.sockets
            await hub.send(node, messages.RunRequest("fedcba9876543210", "a.b.c"))
            await hub.until(lambda: [heard for heard in memory.heard if getattr(heard, "state", "") == "failed"])
            assert "not reachable" in memory.heard[-1].reason
    asyncio.run(scene())


def test_the_status_tells_connection_node_hub_and_streams(tmp_path):
    async def scene():
        source = ListSource(ListStream("journal", ["one"]))
        async with FakeHub() as hub:
            config = enrolled(tmp_path, hub)
            async with running(config, source):
                await hub.until(lambda: hub.memory.texts("journal"))
                async with asyncio.timeout(20):
                    while not (said := await asyncio.to_thread(ask_status, config.private_dir))["streams"][0]["cursor"]:
                        await asyncio.sleep(0.01)
                assert said["connection"]["state"] == "connected"
                assert said["hub"] == {"url": hub.url, "fingerprint": hub.memory.key.fingerprint}
                assert said["name"] == "ada"
                assert said["streams"] == [{"stream": "journal", "cursor": "1", "unacknowledged": 0}]
                assert said["moving"] is True
            assert not (config.private_dir / "status.sock").exists()
    asyncio.run(scene())


def test_an_agent_that_nobody_enrolled_waits_and_says_so(tmp_path):
    async def scene():
        config = AgentConfig(config_dir=tmp_path / "etc", state_dir=tmp_path / "var")
        ensure_key(config.private_dir)
        async with running(config):
            async with asyncio.timeout(20):
                while await state_of(config) != "not enrolled":
                    await asyncio.sleep(0.01)
    asyncio.run(scene())


def test_a_signal_reloads_and_another_one_stops(tmp_path, monkeypatch):
    async def scene():
        source = ListSource(ListStream("journal", ["one"]))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            heard.bind(str(tmp_path / "notify"))
            heard.setblocking(False)
            monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
            async with FakeHub() as hub:
                config = enrolled(tmp_path, hub)
                lives = []

                def make_sources(config, clock, desk):
                    lives.append(config.keepalive_period)
                    return [source]

                task = asyncio.create_task(serve(config, make_sources, dict))
                await hub.until(lambda: hub.memory.texts("journal") == ["one"])
                (config.config_dir / "agent.toml").write_text("keepalive_period = 77\n")
                os.kill(os.getpid(), signal.SIGHUP)
                await hub.until(lambda: hub.connections == 2)
                (config.config_dir / "agent.toml").write_text("nonsense\n")
                os.kill(os.getpid(), signal.SIGHUP)
                await hub.until(lambda: hub.connections == 3)
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.wait_for(task, 15)
                assert lives == [10, 77, 77], "a broken agent.toml must leave the settings before it"
            lines = []
            while True:
                try:
                    lines.append(heard.recv(4096).decode().split("\n")[0])
                except BlockingIOError:
                    break
        states = [line for line in lines if not line.startswith("STATUS")]
        assert states == ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
        assert any(line.startswith("STATUS=connected: http://127.0.0.1") for line in lines)
    asyncio.run(scene())


def test_the_sources_are_those_that_the_config_asks_for(tmp_path):
    def names(**settings) -> list[str]:
        config = AgentConfig(state_dir=tmp_path, log_folders=(tmp_path,), **settings)
        config.private_dir.mkdir(exist_ok=True)
        desk = RunDesk(ExecutorClient(tmp_path / "none.sock"), config.runs_dir, lambda reply: None)
        return [type(source).__name__ for source in make_sources(config, Clock(), desk)]

    mounts = ["Containers", "Mounts"] if may_look() else []
    assert names() == ["Journal", "LogFiles", *mounts, "Hardware", "Demos", "Packages", "RunOutput"]
    assert names(journal=False, containers=False, hardware=False) == ["LogFiles", "Demos", "Packages", "RunOutput"]
    assert names(journal=False, log_files=False, containers=False, hardware=False, demos=False,
                 packages=False) == ["RunOutput"]
    assert names(journal=False, log_files=False, containers=False, hardware=False, demos=False, packages=False,
                 container_sockets=(tmp_path / "engine.sock",)) == ["Containers", "RunOutput"]
