"""Wrong clocks, revoked keys and slow listeners, end to end: a real hub and real agents as processes."""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
import tampered
from rig import Rig, until
from simulated_agent import Declined, SimulatedAgent

from dvic_wire.messages import Ack, Batch, KeepAlive
from dvic_wire.signing import PrivateKey
from dvic_wire.tokens import EnrolmentToken

pytestmark = pytest.mark.faults

TAMPERED = str(Path(tampered.__file__))
QUIET = "[journal]\nenabled = false\n[hardware]\nenabled = false\n[demos]\nenabled = false"
HOUR = 3600


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path, settings="keepalive_period = 1") as rig:
        yield rig


def lines_of(rig: Rig) -> Counter:
    return Counter(item["message"] for item in rig.logs("&grep=line"))


def ran(rig: Rig) -> dict:
    """A run on all nodes, from order to end."""
    run = rig.request("POST", "/api/v1/runs", {"selector": "all", "argv": ["/bin/echo", "hello"]})[1]["id"]
    until(lambda: rig.request("GET", f"/api/v1/runs/{run}")[1]["ended"], "the run ends")
    return rig.request("GET", f"/api/v1/runs/{run}")[1]["counts"]


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_the_hubs_clock_is_set_while_it_serves_and_all_goes_on(rig, tmp_path, by):
    clock = tmp_path / "clock"
    clock.write_text("0")
    rig.hub = rig.process([sys.executable, TAMPERED, "--clock", str(clock), "dvic_hub", "serve", "--config",
                           str(rig.config)], "hub")
    rig.start_hub()
    ada = rig.new_agent("ada", QUIET).start().online()
    log = ada.logs / "dvic_log_x"
    log.write_text("line before\n")
    until(lambda: lines_of(rig)["line before"], "a line before")
    assert ran(rig) == {"finished": 1}
    clock.write_text(str(by))
    with log.open("a") as file:
        file.write("line after\n")
    until(lambda: lines_of(rig)["line after"], "a line after")
    for _ in range(4):
        seen = rig.node("ada")["last_seen"]
        until(lambda seen=seen: rig.node("ada")["last_seen"] != seen, "keepalives count by the new clock")
    until(lambda: rig.node("ada")["state"] == "online", "the node is online")
    ada.agent.kill()
    until(lambda: rig.node("ada")["state"] == "silent", "a node that died is silent", 60)
    ada.start().online()
    assert lines_of(rig) == {"line before": 1, "line after": 1}


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_an_agents_clock_is_set_while_it_runs_and_all_goes_on(rig, tmp_path, by):
    rig.start_hub()
    clock = tmp_path / "clock"
    clock.write_text("0")
    ada = rig.new_agent("ada", QUIET)
    ada.agent = rig.process([sys.executable, TAMPERED, "--clock", str(clock), "dvic_agent", "run", *ada.where], "ada")
    ada.start().online()
    log = ada.logs / "dvic_log_x"
    log.write_text("line before\n")
    until(lambda: lines_of(rig)["line before"], "a line before")
    clock.write_text(str(by))
    with log.open("a") as file:
        file.write("line after\n")
    until(lambda: lines_of(rig)["line after"], "a line after")
    seen = rig.node("ada")["last_seen"]
    until(lambda: rig.node("ada")["last_seen"] > seen, "keepalives count")
    assert rig.node("ada")["state"] == "online" and ran(rig) == {"finished": 1}
    ada.agent.kill()
    ada.agent.start()
    until(lambda: "clock_offset" in rig.node("ada")["facts"], "the hub tells by how much the clock is wrong")
    ada.online()
    log.write_text("line of another file\n")
    until(lambda: lines_of(rig)["line of another file"], "what comes after a restart")
    assert max(lines_of(rig).values()) == 1
    assert abs(int(rig.node("ada")["facts"]["clock_offset"].split()[0]) - by) < 60


def test_a_revoked_node_says_nothing_more_by_any_door(rig):
    rig.start_hub()
    ada = rig.new_agent("ada", QUIET).start().online()
    (ada.logs / "dvic_log_x").write_text("line before\n")
    until(lambda: lines_of(rig)["line before"], "a line before")
    key = PrivateKey.load(ada.folder / "var" / "state" / "node.key")
    rig.hubctl("node", "revoke", "ada", "--yes")
    with (ada.logs / "dvic_log_x").open("a") as file:
        file.write("line after\n")
    until(lambda: "revoked" in ada.agent.said(), "the agent is told")

    async def try_again() -> None:
        token = EnrolmentToken.decode(rig.token())
        async with aiohttp.ClientSession() as http:
            thief = SimulatedAgent(rig.url, token.hub, key, "ada")
            with pytest.raises(Declined, match="revoked"):
                await thief.connect(http)
            for door, body in (("keepalive", {"keepalive": thief.keepalive()}),
                               ("enroll", {"request": thief.enrolment(token)})):
                async with http.post(f"{rig.url}/api/v1/{door}", json=body) as answer:
                    assert answer.status == 403, (door, await answer.text())

    asyncio.run(try_again())
    assert lines_of(rig) == {"line before": 1}
    assert rig.node("ada")["state"] == "revoked"


def test_frames_that_a_revoked_node_sent_before_it_heard_are_not_stored(rig):
    rig.start_hub()

    async def scene() -> None:
        token = EnrolmentToken.decode(rig.token())
        async with aiohttp.ClientSession() as http:
            agent = SimulatedAgent(rig.url, token.hub, name="ada")
            await agent.enrol(http, token)
            await agent.connect(http)
            await agent.send(Batch("journal", "", "a", "journal", [record("line before")]), compressed=True)
            assert await agent.receive() == Ack("journal", "a")
            await asyncio.to_thread(rig.hubctl, "node", "revoke", "ada", "--yes")
            try:
                await agent.send(Batch("journal", "a", "b", "journal", [record("line after")]), compressed=True)
                await agent.send(KeepAlive(agent.keepalive()))
            except ConnectionError:
                pass
            with pytest.raises(Declined):
                while True:
                    await agent.receive()

    asyncio.run(scene())
    assert lines_of(rig) == {"line before": 1}


def record(message: str) -> dict:
    return {"time": int(time.time() * 1e6), "level": "info", "message": message}


def test_a_listener_that_does_not_read_slows_nobody_and_is_told_what_it_missed(rig):
    rig.start_hub()
    ada = rig.new_agent("ada", QUIET).start().online()
    lines, size = 40_000, 500

    async def scene() -> None:
        headers = {"Authorization": f"Bearer {rig.api_token}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            quick, slow = [await http.ws_connect(f"{rig.url}/api/v1/stream", max_msg_size=0) for _ in range(2)]
            for ws in (quick, slow):
                await ws.send_json({"subscribe": [{"kinds": ["log"]}]})
                assert (await ws.receive_json())["kind"] == "subscribed"
            slow._response.connection.transport.pause_reading()
            with (ada.logs / "dvic_log_flood").open("w") as file:
                file.writelines(f"line {number} {'x' * size}\n" for number in range(lines))
            heard = 0
            while heard < lines:
                heard += sum(each["kind"] == "log" for each in map(json.loads, (await quick.receive_str(
                    timeout=60)).split("\n")))
            slow._response.connection.transport.resume_reading()
            told = missed = 0
            while told + missed < lines:
                for each in map(json.loads, (await slow.receive_str(timeout=60)).split("\n")):
                    told += each["kind"] == "log"
                    missed += each.get("missed", 0)
            assert told + missed == lines and missed > 0

    asyncio.run(scene())
