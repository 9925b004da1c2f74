"""The WebSocket driver against a real server on loopback."""

import asyncio
import itertools
import secrets
import socket
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from fake_hub import FakeHub, HubMemory

from dvic_agent.backoff import Backoff
from dvic_agent.clock import Clock
from dvic_agent.errors import ConfigError, NotEnrolled
from dvic_agent.identity import Identity, PinnedHub
from dvic_agent.link import Link
from dvic_agent.session import Ended
from dvic_wire import codec, messages
from dvic_wire.limits import MAX_FRAME_BYTES
from dvic_wire.signing import PrivateKey


class Notes:
    """A handler that writes down what it is told."""

    def __init__(self) -> None:
        self.welcomes: list[messages.Welcome] = []
        self.received_messages: list[messages.Message] = []
        self.ends: list[tuple[Ended, float]] = []
        self._changed = asyncio.Event()

    def opened(self, session, welcome) -> None:
        self.welcomes.append(welcome)
        self._changed.set()

    def received(self, message) -> None:
        self.received_messages.append(message)
        self._changed.set()

    def closed(self, ended, wait) -> None:
        self.ends.append((ended, wait))
        self._changed.set()

    async def until(self, true) -> None:
        async with asyncio.timeout(20):
            while not true(self):
                self._changed.clear()
                await self._changed.wait()


def at_once(low: float, high: float) -> float:
    return 0.0


@asynccontextmanager
async def linked(hub: FakeHub, *, url: str = "", identity=None, pin: PrivateKey | None = None, clock: Clock = Clock(),
                 backoff: Backoff | None = None, enrolled: bool = True):
    """A running link to `hub` and its notes."""
    key = PrivateKey.generate()
    if enrolled:
        hub.memory.enrolled(key)
    pinned = PinnedHub(url or hub.url, (pin or hub.memory.key).public, key.public.node_id, "ada")
    notes = Notes()
    link = Link(identity or (lambda: Identity(key, pinned)), notes, facts=lambda: {"os": "debian 12"},
                version="0.1.0", clock=clock, backoff=backoff or Backoff(at_once))
    task = asyncio.create_task(link.run())
    try:
        yield link, notes
    finally:
        await link.stop()
        await asyncio.wait_for(task, 10)


def test_it_connects_and_tells_what_the_hub_says():
    async def scene():
        async with FakeHub() as hub, linked(hub) as (link, notes):
            await notes.until(lambda n: n.welcomes)
            [node] = hub.sockets
            await hub.send(node, messages.Settings({"keepalive_period": 3}))
            await notes.until(lambda n: n.received_messages)
            assert notes.received_messages == [messages.Settings({"keepalive_period": 3})]
            assert hub.memory.heard[1].facts == {"os": "debian 12"}
    asyncio.run(scene())


def test_a_stop_says_goodbye():
    async def scene():
        async with FakeHub() as hub:
            async with linked(hub) as (link, notes):
                await notes.until(lambda n: n.welcomes)
            await hub.until(lambda: messages.Goodbye("stopping") in hub.memory.heard)
    asyncio.run(scene())


def test_control_messages_overtake_batches_that_wait():
    async def scene():
        async with FakeHub() as hub, linked(hub) as (link, notes):
            await notes.until(lambda n: n.welcomes)
            for number in range(50):
                link.send_batch(codec.encode_compressed(messages.Batch(
                    "journal", str(number or ""), str(number + 1), "journal",
                    [{"time": 1, "level": "info", "message": "x"}])))
            link.send(messages.RunReply("abcdefghijkl", "running"))
            await hub.until(lambda: len(hub.memory.order) == 51)
            assert hub.memory.order[0] is messages.RunReply
    asyncio.run(scene())


def test_batches_travel_compressed_and_control_messages_as_text():
    async def scene():
        async with FakeHub() as hub, linked(hub) as (link, notes):
            await notes.until(lambda n: n.welcomes)
            link.send_batch(codec.encode_compressed(messages.Batch("journal", "", "1", "j", [])))
            await notes.until(lambda n: n.received_messages)
            assert notes.received_messages == [messages.Ack("journal", "1")]
    asyncio.run(scene())


def test_without_a_connection_nothing_is_taken():
    async def scene():
        notes = Notes()
        link = Link(lambda: None, notes, facts=dict, version="1", clock=Clock())
        assert not link.send(messages.RunReply("abcdefghijkl", "running"))
        link.send_batch(b"x")
    asyncio.run(scene())


def test_a_connection_that_breaks_is_made_anew():
    async def scene():
        async with FakeHub() as hub, linked(hub) as (link, notes):
            for times in (1, 2, 3):
                await notes.until(lambda n, times=times: len(n.welcomes) == times)
                await hub.until(lambda: hub.sockets)
                await hub.cut()
            await notes.until(lambda n: len(n.welcomes) == 4)
            assert {ended.code for ended, _ in notes.ends} == {"network"}
            assert len({hello.instance for hello in hub.memory.heard if isinstance(hello, messages.Hello)}) == 1
    asyncio.run(scene())


def test_a_hub_that_comes_back_on_its_port_is_found_again():
    async def scene():
        hub = FakeHub()
        await hub.start()
        port = int(hub.url.rsplit(":", 1)[1])
        async with linked(hub) as (link, notes):
            await notes.until(lambda n: n.welcomes)
            await hub.stop()
            await notes.until(lambda n: n.ends)
            again = FakeHub(hub.memory)
            await again.start(port)
            await notes.until(lambda n: len(n.welcomes) == 2)
            await again.stop()
    asyncio.run(scene())


def test_a_hub_with_another_key_gets_nothing_but_a_refusal():
    async def scene():
        memory = HubMemory(proof_key=PrivateKey.generate())
        async with FakeHub(memory) as hub, linked(hub) as (link, notes):
            await notes.until(lambda n: len(n.ends) >= 2)
            assert {ended.code for ended, _ in notes.ends} == {"not-the-hub"}
            assert all(isinstance(message, messages.Hello) for message in memory.heard)
            assert not notes.welcomes
    asyncio.run(scene())


def test_a_refusal_with_a_wait_is_obeyed():
    async def scene():
        memory = HubMemory(refusal=messages.Refused("conflict", "another agent with this key", 60))
        async with FakeHub(memory) as hub, linked(hub, backoff=Backoff(lambda low, high: low)) as (link, notes):
            await notes.until(lambda n: n.ends)
            [(ended, wait)] = notes.ends
            assert (ended.code, ended.proved, wait) == ("conflict", True, 60)
    asyncio.run(scene())


def test_a_node_that_is_not_known_keeps_asking_at_its_own_pace():
    async def scene():
        async with FakeHub() as hub, linked(hub, enrolled=False) as (link, notes):
            await notes.until(lambda n: len(n.ends) >= 2)
            assert {(ended.code, ended.proved) for ended, _ in notes.ends} == {("unknown", True)}
    asyncio.run(scene())


def test_nobody_at_the_address_is_a_fault_of_the_network():
    async def scene():
        async with FakeHub() as hub, linked(hub, url="http://127.0.0.1:9") as (link, notes):
            await notes.until(lambda n: n.ends)
            assert notes.ends[0][0].code == "network"
            assert "127.0.0.1:9 is not reachable" in notes.ends[0][0].reason
    asyncio.run(scene())


def test_another_kind_of_server_is_named_as_such():
    async def scene():
        async with FakeHub() as hub, linked(hub, url=hub.url + "/elsewhere") as (link, notes):
            await notes.until(lambda n: n.ends)
            assert "HTTP 404" in notes.ends[0][0].reason
    asyncio.run(scene())


def test_a_hub_that_says_nothing_is_given_up_after_the_handshakes_time():
    async def scene():
        async with FakeHub() as hub:
            hub.silent.set()
            hasty = itertools.count(0.0, 9.95)  # every look at the clock finds it that much later
            async with linked(hub, clock=Clock(steady=lambda: next(hasty))) as (link, notes):
                await notes.until(lambda n: n.ends)
                assert notes.ends[0][0].code == "timeout"
    asyncio.run(scene())


def test_a_frame_past_the_limit_ends_the_connection_and_not_the_agent():
    async def scene():
        async with FakeHub() as hub, linked(hub) as (link, notes):
            await notes.until(lambda n: n.welcomes)
            [socket] = hub.sockets.values()
            with suppress(ConnectionError):
                await socket.send_str("x" * (MAX_FRAME_BYTES + 2))
            await notes.until(lambda n: n.ends and len(n.welcomes) == 2)
            assert notes.ends[0][0].code == "network"
    asyncio.run(scene())


def test_a_dropped_connection_is_made_anew():
    async def scene():
        async with FakeHub() as hub, linked(hub) as (link, notes):
            await notes.until(lambda n: n.welcomes)
            link.drop("stalled", "the hub leaves batches unanswered")
            await notes.until(lambda n: len(n.welcomes) == 2)
            assert notes.ends[0][0].code == "stalled"
    asyncio.run(scene())


def test_a_machine_that_is_not_enrolled_connects_as_soon_as_it_is():
    async def scene():
        async with FakeHub() as hub:
            key = PrivateKey.generate()
            known: list[Identity] = []

            def identity() -> Identity:
                if not known:
                    raise NotEnrolled("not yet")
                return known[0]

            async with linked(hub, identity=identity) as (link, notes):
                await notes.until(lambda n: n.ends)
                assert notes.ends[0][0].code == "not-enrolled"
                hub.memory.enrolled(key)
                known.append(Identity(key, PinnedHub(hub.url, hub.memory.key.public, key.public.node_id, "ada")))
                await notes.until(lambda n: n.welcomes)
    asyncio.run(scene())


def test_a_machine_that_is_enrolled_anew_does_not_wait_for_what_the_old_hub_asked():
    async def scene():
        memory = HubMemory(refusal=messages.Refused("revoked", "this node's key was revoked", 3600))
        async with FakeHub(memory) as hub, FakeHub() as other:
            key = PrivateKey.generate()
            current = [PinnedHub(hub.url, memory.key.public, key.public.node_id, "ada")]
            other.memory.enrolled(key)
            memory.enrolled(key)
            async with linked(hub, identity=lambda: Identity(key, current[0])) as (link, notes):
                await notes.until(lambda n: n.ends)
                assert notes.ends[0][1] >= 3600
                current[0] = PinnedHub(other.url, other.memory.key.public, key.public.node_id, "ada")
                await notes.until(lambda n: n.welcomes)
    asyncio.run(scene())


def test_a_connected_machine_that_is_enrolled_anew_goes_over_at_once():
    async def scene():
        async with FakeHub() as hub, FakeHub() as other:
            key = PrivateKey.generate()
            current = [PinnedHub(hub.url, hub.memory.key.public, key.public.node_id, "ada")]
            for each in (hub, other):
                each.memory.enrolled(key)
            async with linked(hub, identity=lambda: Identity(key, current[0])) as (link, notes):
                await notes.until(lambda n: n.welcomes)
                current[0] = PinnedHub(other.url, other.memory.key.public, key.public.node_id, "ada")
                await notes.until(lambda n: len(n.welcomes) == 2)
                assert [(ended.code, wait) for ended, wait in notes.ends] == [("another", 0.0)]
                assert isinstance(hub.memory.heard[-1], messages.Goodbye) and other.connections == 1
    asyncio.run(scene())


def test_a_file_of_certificates_that_is_none_is_named():
    with pytest.raises(ConfigError, match="hub.ca_file"):
        Link(lambda: None, None, facts=dict, version="1", clock=Clock(), ca_file=Path("/nonexistent.pem"))


@asynccontextmanager
async def slow_line(hub: FakeHub, piece: int = 16 * 1024, pause: float = 0.01):
    """A relay that carries little at a time towards the hub; yields its address."""
    port = int(hub.url.rsplit(":", 1)[1])

    async def carry(reader, writer, slowly: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(piece):
                writer.write(data)
                await writer.drain()
                if slowly:
                    await asyncio.sleep(pause)
        writer.close()

    async def relay(reader, writer) -> None:
        hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, hub_writer, True), carry(hub_reader, writer, False))

    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    server = await asyncio.start_server(relay, sock=listener, limit=piece)
    async with server:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_on_a_slow_line_a_control_message_passes_most_of_what_waits():
    async def scene():
        async with FakeHub() as hub, slow_line(hub) as url, linked(hub, url=url) as (link, notes):
            await notes.until(lambda n: n.welcomes)
            for number in range(60):
                text = secrets.token_hex(64 * 1024)  # about 64 KiB as it travels
                link.send_batch(codec.encode_compressed(messages.Batch(
                    "journal", str(number or ""), str(number + 1), "journal",
                    [{"time": 1, "level": "info", "message": text}])))
            await hub.until(lambda: messages.Batch in hub.memory.order)
            link.send(messages.RunReply("abcdefghijkl", "running"))
            await hub.until(lambda: messages.RunReply in hub.memory.order)
            assert len(hub.memory.order) < 20
    asyncio.run(scene())
