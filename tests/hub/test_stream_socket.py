"""Live events over a real WebSocket: who may listen, what is heard, who is cut off."""

import asyncio
import base64
import json
import socket
import struct

import aiohttp
import msgspec
import pytest
from api_hub import ApiHub

from dvic_hub.api import stream_socket
from dvic_hub.api.stream_socket import text_frame
from dvic_hub.domain.events import LogsStored
from dvic_hub.services import live

ALL = {"subscribe": [{"kinds": ["log", "run", "node", "sample"], "selector": "all", "level": "", "source": "",
                      "unit": "", "grep": "", "run": ""}]}


def played(scene, tmp_path):
    async def run():
        async with ApiHub(tmp_path) as hub, asyncio.timeout(60):
            node = await hub.new_node("web-1")
            await scene(hub, node)

    asyncio.run(run())


def publish(hub, node, *messages: str) -> None:
    records = [msgspec.json.encode({"time": 1, "level": "info", "message": message}) for message in messages]
    hub.bus.publish(LogsStored(node.id, "journal", records, 2))


async def opened(hub, who="vera", wanted=ALL, **options):
    """A WebSocket that has subscribed."""
    ws = await hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=hub.headers(who), **options)
    await ws.send_json(wanted)
    assert await ws.receive_json() == {"kind": "subscribed", "filters": len(wanted["subscribe"])}
    return ws


async def messages_of(ws, count: int) -> list[str]:
    found = []
    while len(found) < count:
        found += [json.loads(line)["message"] for line in (await ws.receive_str()).split("\n")]
    return found


async def refused(hub, **headers) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=headers)
    return error.value.status


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
def test_frames_are_what_rfc_6455_says(size):
    frame = text_frame(b"x" * size)
    short = frame[1]
    length, at = (short, 2) if short < 126 else (struct.unpack("!H", frame[2:4])[0], 4) if short == 126 else (
        struct.unpack("!Q", frame[2:10])[0], 10)
    assert (frame[0], length, len(frame)) == (0x81, size, at + size)


def test_a_viewer_hears_what_it_subscribed_to(tmp_path):
    async def scene(hub, node):
        ws = await opened(hub)
        publish(hub, node, "one", "two")
        publish(hub, node, "three")
        assert await messages_of(ws, 3) == ["one", "two", "three"]
        await ws.close()

    played(scene, tmp_path)


def test_without_a_token_or_from_another_sites_page_nothing_is_opened(tmp_path):
    async def scene(hub, node):
        right = hub.headers("vera")
        assert await refused(hub) == 401
        assert await refused(hub, **hub.headers("old")) == 401
        assert await refused(hub, **right, Origin="https://evil.example") == 403
        assert await refused(hub, **right, Origin="null") == 403
        ws = await hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers={**right, "Origin": hub.url})
        await ws.close()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await hub.http.ws_connect(f"{hub.url}/api/v1/stream?access_token={hub.tokens['vera']}")

    played(scene, tmp_path)


def test_opened_as_a_page_it_says_what_it_is(tmp_path):
    async def scene(hub, node):
        status, problem = await hub.ask("GET", "/api/v1/stream", "vera")
        assert (status, problem["status"]) == (426, 426)

    played(scene, tmp_path)


@pytest.mark.parametrize("said", [
    "{", "[]", "{}", '{"subscribe":[]}', '{"subscribe":{}}', '{"subscribe":[{"kinds":["secrets"]}]}',
    '{"subscribe":[{"selector":"tag:"}]}', '{"subscribe":[{"level":"loud"}]}', '{"subscribe":[{"nonsense":1}]}',
    json.dumps({"subscribe": [{}] * 17}), '{"subscribe":[{"grep":5}]}',
    '{"subscribe":[{"source":"[a-"}, {"selector":")"}]}',
    "[" * 30_000, '{"subscribe":[{}],"x":1}', "\x00", b"binary"])
def test_a_bad_subscription_is_told_why_and_ended(tmp_path, said):
    async def scene(hub, node):
        ws = await hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=hub.headers("vera"))
        await (ws.send_bytes(said) if isinstance(said, bytes) else ws.send_str(said))
        problem = await ws.receive_json()
        assert problem["kind"] == "problem" and problem["code"] and problem["detail"]
        assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == 1008
        assert hub.doors.live.subscribers == 0

    played(scene, tmp_path)


def test_a_message_over_the_limit_ends_only_that_stream(tmp_path):
    async def scene(hub, node):
        good = await opened(hub)
        bad = await opened(hub)
        await bad.send_str(" " * (stream_socket.MAX_SUBSCRIBE_BYTES + 1))
        message = await bad.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        publish(hub, node, "still here")
        assert await messages_of(good, 1) == ["still here"]
        await good.close()

    played(scene, tmp_path)


def test_subscribing_again_replaces_what_was_before(tmp_path):
    async def scene(hub, node):
        ws = await opened(hub)
        await ws.send_json({"subscribe": [{"grep": "yes"}, {"kinds": ["node"]}]})
        assert await ws.receive_json() == {"kind": "subscribed", "filters": 2}
        publish(hub, node, "no", "yes")
        assert await messages_of(ws, 1) == ["yes"]
        assert hub.doors.live.subscribers == 1
        await ws.close()

    played(scene, tmp_path)


def test_one_that_leaves_is_forgotten_and_the_others_go_on(tmp_path):
    async def scene(hub, node):
        stays, leaves, vanishes = await opened(hub), await opened(hub), await opened(hub)
        await leaves.close()
        vanishes._response.connection.transport.abort()
        publish(hub, node, "one")
        publish(hub, node, "two")
        assert await messages_of(stays, 2) == ["one", "two"]
        while hub.doors.live.subscribers > 1:
            await asyncio.sleep(0.01)
        await stays.close()

    played(scene, tmp_path)


def test_a_slow_reader_gets_a_counted_gap_and_slows_nobody(tmp_path):
    """A raw socket that does not read, with a small window, while another reads everything."""
    async def scene(hub, node):
        quick = await opened(hub, max_msg_size=0)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", hub.port))
        key = base64.b64encode(b"x" * 16).decode()
        slow.sendall(f"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                     f"Authorization: Bearer {hub.tokens['vera']}\r\n\r\n".encode())
        wanted = json.dumps(ALL).encode()
        slow.sendall(bytes((0x81, 0xFE)) + len(wanted).to_bytes(2, "big") + b"\0\0\0\0" + wanted)
        while hub.doors.live.subscribers < 2:
            await asyncio.sleep(0.01)
        text, sent = "x" * 50_000, 0
        while not hub.doors.live.counters.missed:
            publish(hub, node, *[text] * 10)
            sent += 10
            assert all(message == text for message in await messages_of(quick, 10))
        assert sent * len(text) > live.BACKLOG_BYTES
        publish(hub, node, *[text] * 10)
        slow.setblocking(False)
        received = b""
        while b'"kind":"gap"' not in received:
            received = received[-100:] + await asyncio.get_running_loop().sock_recv(slow, 1 << 20)
        gap = received[received.index(b'{"kind":"gap"'):]
        missed = json.loads(gap[:gap.index(b"}") + 1])["missed"]
        assert missed == hub.doors.live.counters.missed
        assert hub.doors.live.subscribers == 2
        slow.close()
        await quick.close()

    played(scene, tmp_path)


def test_one_that_does_not_read_and_asks_for_more_is_cut_off(tmp_path):
    """Answers are not held back as events are: without an end a client that only asks would fill the memory."""
    async def scene(hub, node):
        ws = await opened(hub)
        deaf = ws._response.connection.transport
        deaf.pause_reading()
        while not hub.doors.live.counters.missed:
            publish(hub, node, *["x" * 50_000] * 10)
            await asyncio.sleep(0)
        await ws.send_json(ALL)
        async with asyncio.timeout(live.PATIENCE / 2):
            while hub.doors.live.subscribers:
                await asyncio.sleep(0.01)
        deaf.abort()

    played(scene, tmp_path)


def test_a_signed_out_listener_hears_no_more(tmp_path):
    async def scene(hub, node):
        hub.doors.live.recheck = 0.05
        ws = await opened(hub)
        await hub.ask("POST", "/api/v1/logout", "vera")
        assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == 1008
        assert hub.doors.live.subscribers == 0

    played(scene, tmp_path)


def test_when_the_hub_stops_its_listeners_are_told(tmp_path):
    async def scene(hub, node):
        ws = await opened(hub)
        stopping = asyncio.create_task(hub._runner.cleanup())
        message = await ws.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        await stopping

    played(scene, tmp_path)
