"""Devices that only post keepalives: seen, with their numbers kept as samples, and refused when they should be."""

import time

import aiohttp
import pytest
from served_hub import ADMIN, ServedHub, a_batch, nonce, with_served_hub
from simulated_agent import SimulatedAgent

from dvic_hub.domain.model import LogQuery
from dvic_wire.messages import Hello
from dvic_wire.signing import PrivateKey, Purpose, SharedKey, sign

POST = Purpose.KEEPALIVE_POST


async def device(hub: ServedHub, name: str = "esp") -> SimulatedAgent:
    """A device whose key an admin has added."""
    key = PrivateKey.generate()
    await hub.doors.enrolment.add_device(name, {}, key.public, "", ADMIN)
    return SimulatedAgent(hub.url, hub.fingerprint, key=key, name=name)


def test_a_device_that_posts_is_online_and_its_numbers_are_samples(tmp_path):
    async def test(hub):
        esp = await device(hub)
        for celsius in (20.5, 21.5):
            status, body = await hub.post("keepalive", {"keepalive": esp.keepalive(
                POST, 60, status="warm", numbers={"celsius": celsius, "volts": 3})})
            assert status == 200, body
        assert body["serial"] == 2 and abs(body["time"] / 1e6 - hub.clock()) < 60
        view = hub.doors.fleet.view("esp")
        assert (view.state, view.node.period, view.node.status) == ("online", 60, "warm")
        latest = await hub.doors.store.streams.latest(esp.id)
        assert latest["values"] == {"celsius": 21.5, "volts": 3.0}
        (series,) = await hub.doors.store.streams.series([esp.id], ["celsius"], 0, hub.doors.now() + 1, 0)
        assert series.values == [20.5, 21.5]
    with_served_hub(tmp_path, test)


def test_numbers_of_a_node_with_a_hardware_stream_of_its_own_leave_that_alone(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.socket.send_json({"kind": "batch", "stream": "hardware", "from_cursor": "", "to_cursor": "ring:1",
                                    "source": "hardware", "records": [{"time": 1, "values": {"cpu": 1}}]})
        await ada.receive()
        status, _ = await hub.post("keepalive", {"keepalive": ada.keepalive(POST, numbers={"x": 1})})
        assert status == 200
        assert (await hub.doors.store.streams.cursors(ada.id))["hardware"] == "ring:1"
    with_served_hub(tmp_path, test)


@pytest.mark.parametrize("body", [{}, {"keepalive": 3}, {"keepalive": "x", "more": 1}, [], "x", {"keepalive": ""},
                                  {"keepalive": "a.b.c"}, {"keepalive": "x" * 9000}])
def test_a_body_that_is_no_keepalive_is_the_callers_fault(tmp_path, body):
    async def test(hub):
        status, answer = await hub.post("keepalive", body)
        assert 400 <= status < 500 and answer["code"]
    with_served_hub(tmp_path, test)


def test_a_device_without_a_clock_learns_the_time_from_the_refusal(tmp_path):
    async def test(hub):
        esp = await device(hub)
        hub.ahead = 10_000
        status, answer = await hub.post("keepalive", {"keepalive": esp.keepalive(POST)})
        assert (status, answer["code"]) == (400, "clock") and str(int(hub.clock()))[:6] in answer["detail"]
    with_served_hub(tmp_path, test)


def test_a_stranger_and_somebody_elses_key_are_refused(tmp_path):
    async def test(hub):
        esp = await device(hub)
        stranger = SimulatedAgent(hub.url, hub.fingerprint)
        status, answer = await hub.post("keepalive", {"keepalive": stranger.keepalive(POST)})
        assert (status, answer["code"]) == (404, "unknown")
        status, answer = await hub.post("keepalive", {"keepalive": stranger.keepalive(POST, iss=esp.id)})
        assert (status, answer["code"]) == (403, "signature")
        assert hub.doors.fleet.view("esp").state == "never"
    with_served_hub(tmp_path, test)


def test_enrolling_over_http_ends_with_the_hubs_signed_answer_or_a_problem(tmp_path):
    async def test(hub):
        token = await hub.token()
        agent = SimulatedAgent(hub.url, hub.fingerprint, name="ada")
        async with hub.http.post(f"{hub.url}/api/v1/enroll", json={"request": agent.enrolment(token)}) as answer:
            assert answer.status == 200 and set(await answer.json()) == {"reply"}
        other = SimulatedAgent(hub.url, hub.fingerprint, name="bob")
        async with hub.http.post(f"{hub.url}/api/v1/enroll", json={"request": other.enrolment(token)}) as answer:
            assert answer.status == 410 and answer.content_type == "application/problem+json"
            assert (await answer.json(content_type=None))["code"] == "token-used"
        async with aiohttp.ClientSession() as plain, plain.get(f"{hub.url}/api/v1/hub-key") as answer:
            assert (await answer.json())["fingerprint"] == hub.fingerprint
    with_served_hub(tmp_path, test)


def test_a_device_with_a_shared_key_posts_is_barred_and_can_not_connect(tmp_path):
    async def test(hub):
        node, text = await hub.doors.enrolment.add_device("esp", {}, None, "hmac", ADMIN)
        key = SharedKey.from_text(text)
        assert (node.id, node.public_key) == (key.node_id, b"") and text not in repr(node)
        serial = iter(range(1, 9))

        async def posted() -> tuple[int, dict]:
            claims = {"iss": key.node_id, "aud": hub.fingerprint, "serial": next(serial), "period": 30}
            return await hub.post("keepalive", {"keepalive": sign(key, POST, claims, now=time.time(), ttl=300)})

        assert (await posted())[0] == 200 and hub.doors.fleet.view("esp").state == "online"
        async with hub.socket() as socket:
            await socket.say(Hello(key.node_id, [1], nonce(), "i", "0"))
            await socket.hear()
            assert (await socket.hear()).code == "unknown"
        await hub.doors.enrolment.revoke(node.id, ADMIN)
        assert (await posted())[1]["code"] == "revoked"
        await hub.doors.enrolment.remove(node.id, ADMIN)
        assert (await posted())[1]["code"] == "unknown"
        assert (await hub.doors.store.nodes.forbidden_key(node.id)).public_key == b""
        async with hub.socket() as socket:
            await socket.say(Hello(key.node_id, [1], nonce(), "i", "0"))
            await socket.hear()
            assert (await socket.hear()).code == "unknown"
    with_served_hub(tmp_path, test)


RECORDS = Purpose.RECORDS_POST
LINE = {"time": 1_763_632_800_000_000, "level": "warning", "message": "low battery"}


def test_records_that_a_device_posts_are_its_log_and_count_as_a_keepalive(tmp_path):
    async def test(hub):
        esp = await device(hub)
        for message in ("low battery", "battery empty"):
            status, body = await hub.post("records", {"records": esp.keepalive(
                RECORDS, 60, records=[{**LINE, "message": message}], numbers={"volts": 3})})
            assert status == 200, body
        assert hub.doors.fleet.view("esp").state == "online"
        found = await hub.doors.store.streams.search(LogQuery())
        assert [(item.source, item.record["message"]) for item in found.items] == [
            ("device", "battery empty"), ("device", "low battery")]
        assert (await hub.doors.store.streams.latest(esp.id))["values"] == {"volts": 3.0}
        esp.serial -= 1
        status, body = await hub.post("records", {"records": esp.keepalive(RECORDS, records=[LINE])})
        assert (status, body["code"]) == (409, "replay")
    with_served_hub(tmp_path, test)


MANY = [{"time": 1, "level": "info", "message": ""}] * 2001


@pytest.mark.parametrize("records, status", [
    ([{"time": 1}], 400), ([{**LINE, "level": "loud"}], 400), ("text", 400), (MANY, 413), ([], 200)])
def test_records_that_are_none_are_the_devices_fault(tmp_path, records, status):
    async def test(hub):
        esp = await device(hub)
        answer = await hub.post("records", {"records": esp.keepalive(RECORDS, records=records)})
        assert answer[0] == status, answer
    with_served_hub(tmp_path, test)


def test_a_keepalive_is_no_records_and_an_agents_log_is_left_alone(tmp_path):
    async def test(hub):
        esp, ada = await device(hub), await hub.agent("ada")
        status, body = await hub.post("records", {"records": esp.keepalive(POST, records=[LINE])})
        assert (status, body["code"]) == (403, "signature")
        status, body = await hub.post("keepalive", {"keepalive": esp.keepalive(RECORDS, records=[LINE])})
        assert (status, body["code"]) == (403, "signature")
        await ada.socket.send_str(a_batch())
        await ada.receive()
        status, body = await hub.post("records", {"records": ada.keepalive(RECORDS, records=[LINE])})
        assert (status, body["code"]) == (409, "has-agent")
        assert (await hub.doors.store.streams.cursors(ada.id))["journal"] == "a"
    with_served_hub(tmp_path, test)
