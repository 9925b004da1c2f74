"""The real client stomp.py against a real hub: all three versions over TCP, and over a WebSocket."""

import asyncio
import json
import queue
from collections import defaultdict

import pytest
import stomp
from api_hub import PASSWORD
from stomp_hub import new_service, publish, stomp_hub

CLIENTS = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}


class Ears(stomp.ConnectionListener):
    """What stomp.py heard, by kind and in order: (headers, body)."""

    def __init__(self) -> None:
        self.heard: dict[str, queue.Queue] = defaultdict(queue.Queue)

    def on_message(self, frame) -> None:
        self.heard["message"].put((frame.headers, frame.body))

    def on_error(self, frame) -> None:
        self.heard["error"].put((frame.headers, frame.body))

    def on_receipt(self, frame) -> None:
        self.heard["receipt"].put((frame.headers, frame.body))

    def on_heartbeat(self) -> None:
        self.heard["heartbeat"].put(({}, ""))

    def on_disconnected(self) -> None:
        self.heard["disconnected"].put(({}, ""))

    async def next(self, kind: str) -> tuple[dict, str]:
        return await asyncio.to_thread(self.heard[kind].get, True, 20)


def played(scene, tmp_path):
    async def run():
        async with stomp_hub(tmp_path) as hub:
            await scene(hub, await hub.new_node("web-1"))

    asyncio.run(run())


def connection(hub, version: str, **options):
    ears = Ears()
    made = CLIENTS[version]([hub.place], **options) if version in CLIENTS else stomp.WSStompConnection(
        [("127.0.0.1", hub.port)], ws_path="/stomp", **options)
    made.set_listener("ears", ears)
    return made, ears


@pytest.mark.parametrize("version", [*CLIENTS, "websocket"])
def test_stomp_py_connects_subscribes_hears_and_leaves(tmp_path, version):
    async def scene(hub, node):
        client, ears = connection(hub, version)
        await asyncio.to_thread(client.connect, "vera", hub.tokens["vera"], wait=True)
        client.subscribe("/topic/events.log", id="7", headers={"grep": "yes", "receipt": "r1"})
        assert (await ears.next("receipt"))[0]["receipt-id"] == "r1"
        publish(hub, node, "no", "yes: ä\n")
        headers, body = await ears.next("message")
        assert json.loads(body)["message"] == "yes: ä\n"
        assert (headers["destination"], headers["subscription"]) == ("/topic/events.log", "7")
        await asyncio.to_thread(client.disconnect, "bye")
        await ears.next("disconnected")
        while hub.doors.stomp.connections:
            await asyncio.sleep(0.01)
    played(scene, tmp_path)


@pytest.mark.parametrize("version", CLIENTS)
def test_stomp_py_acknowledges_in_every_version(tmp_path, version):
    async def scene(hub, node):
        client, ears = connection(hub, version)
        await asyncio.to_thread(client.connect, "vera", PASSWORD, wait=True)
        client.subscribe("/topic/events.log", id="7", ack="client-individual", headers={"receipt": "r1"})
        await ears.next("receipt")
        publish(hub, node, "one", "two")
        for text in ("one", "two"):
            headers, body = await ears.next("message")
            assert json.loads(body)["message"] == text
            if version == "1.2":
                client.ack(headers["ack"], receipt=text)
            elif version == "1.1":
                client.ack(headers["message-id"], "7", receipt=text)
            else:
                client.ack(headers["message-id"], receipt=text)
            assert (await ears.next("receipt"))[0]["receipt-id"] == text
        await asyncio.to_thread(client.disconnect)
    played(scene, tmp_path)


@pytest.mark.parametrize("version", [*CLIENTS, "websocket"])
def test_a_program_for_another_broker_sends_to_a_service_and_its_front_end_hears_it(tmp_path, version):
    async def scene(hub, node):
        await new_service(hub)
        front, ears = connection(hub, version)
        await asyncio.to_thread(front.connect, "vera", hub.tokens["vera"], wait=True)
        front.subscribe("/topic/meteor", id="1", headers={"receipt": "r1"})
        await ears.next("receipt")
        program, told = connection(hub, version)
        await asyncio.to_thread(program.connect, "otto", hub.tokens["otto"], wait=True)
        program.send("/topic/meteor", "began: ä", headers={"component": "connect", "step": "start", "receipt": "s"})
        assert (await told.next("receipt"))[0]["receipt-id"] == "s"
        heard = [json.loads((await ears.next("message"))[1]) for _ in range(2)]
        assert [each["kind"] for each in heard] == ["event", "service"]
        assert heard[0] == {**heard[0], "service": "meteor", "component": "connect", "message": "began: ä"}
        name = program.begin()
        for step in ("done", "start"):
            program.send("/queue/meteor", json.dumps({"component": "connect" if step == "done" else "decode",
                                                      "step": step}), transaction=name)
        program.commit(name, receipt="c")
        assert (await told.next("receipt"))[0]["receipt-id"] == "c"
        steps = {}
        while steps.get("decode") != "running":
            one = json.loads((await ears.next("message"))[1])
            steps[one["component"]] = one.get("state", steps.get(one["component"]))
        assert steps["connect"] == "ok"
        for client in (front, program):
            await asyncio.to_thread(client.disconnect)
    played(scene, tmp_path)


def test_stomp_py_is_told_why_it_is_refused(tmp_path):
    async def scene(hub, node):
        client, ears = connection(hub, "1.2")
        with pytest.raises(stomp.exception.ConnectFailedException):
            await asyncio.to_thread(client.connect, "vera", "wrong password", wait=True)
        headers, body = await ears.next("error")
        assert "wrong" in headers["message"] and body == headers["message"]
        await ears.next("disconnected")

        client, ears = connection(hub, "1.2")
        await asyncio.to_thread(client.connect, "otto", hub.tokens["otto"], wait=True)
        client.send("/topic/meteor", "hello")
        assert "there is no service meteor" in (await ears.next("error"))[0]["message"]
    played(scene, tmp_path)


def test_stomp_py_and_the_hub_keep_each_other_s_heart_beats(tmp_path):
    async def scene(hub, node):
        client, ears = connection(hub, "1.2", heartbeats=(5000, 5000))
        await asyncio.to_thread(client.connect, "vera", hub.tokens["vera"], wait=True)
        await ears.next("heartbeat")
        assert client.is_connected() and hub.doors.stomp.connections
        await asyncio.to_thread(client.disconnect)
    played(scene, tmp_path)
