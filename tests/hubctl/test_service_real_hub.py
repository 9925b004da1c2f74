"""Monitoring services as a whole: programs with dvic_log, an agent, a hub that is killed, and hubctl that shows it."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from rig import BIN, Rig, until

pytestmark = pytest.mark.hub

METEOR = """
name: meteor
title: The satellite
components:
  - {name: connect, title: Receiver}
  - {name: decode, sources: [msu-mr, mtvza]}
  - name: archive
rules:
  - {component: archive, match: "^archived pass (?P<cycle>\\\\S+)$", step: done, file: "dvic_log_archive*"}
settle: 1
"""

PROGRAM = """
import dvic_log, sys
cycle, fail = sys.argv[1], len(sys.argv) > 2
log = dvic_log.get_logger("pass", service="meteor", component="connect", cycle=cycle)
with log:
    log.info("carrier locked")
for source in ("msu-mr", "mtvza"):
    try:
        with log.step("decode", source) as decode:
            decode.warning("frame lost") if source == "mtvza" else decode.debug("all frames")
            if fail:
                raise ValueError("no sync word")
    except ValueError:
        pass
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("services")) as rig:
        rig.start_hub()
        rig.new_agent("ada").start().online()
        (rig.folder / "meteor.yaml").write_text(METEOR)
        rig.hubctl("service", "create", str(rig.folder / "meteor.yaml"))
        yield rig


def a_pass(rig, cycle, *arguments):
    subprocess.run([sys.executable, "-c", PROGRAM, cycle, *arguments], check=True, timeout=30,
                   env={**os.environ, "DVIC_LOG_DIR": str(rig.agents["ada"].logs)})


def archived(rig, cycle):
    with (rig.agents["ada"].logs / "dvic_log_archive").open("a") as file:
        file.write(f"archived pass {cycle}\n")


def newest(rig):
    return json.loads(rig.hubctl("service", "show", "meteor", "-o", "json"))["cycle"] or {}


def states(cycle):
    return [step["state"] for step in cycle.get("steps", [])]


def test_a_program_s_steps_are_shown_by_hubctl(rig):
    assert "idle" in rig.hubctl("service", "show", "meteor")
    a_pass(rig, "p1")
    until(lambda: states(newest(rig)) == ["ok", "ok", "warning", "waiting"], "the steps have moved")
    shown = rig.hubctl("service", "show", "meteor")
    assert "The satellite" in shown and "mtvza" in shown and "carrier locked" not in shown
    archived(rig, "p1")
    until(lambda: newest(rig)["state"] == "warning", "the cycle ends with one result")
    assert newest(rig)["name"] == "p1" and newest(rig)["steps"][3]["message"] == "archived pass p1"


def test_a_step_leads_to_its_log_line_in_context(rig):
    step = newest(rig)["steps"][1]
    query = f"node=ada&time={step['time']}&place={step['place']}"
    status, around = rig.request("GET", f"/api/v1/logs/around?{query}")
    assert status == 200
    assert step["message"] in [item["message"] for item in around["items"]]


def test_a_failure_is_the_result_and_what_depends_on_it_is_skipped(rig):
    a_pass(rig, "p2", "fail")
    until(lambda: newest(rig)["state"] == "error" and newest(rig)["ended"], "the cycle ends with an error")
    assert states(newest(rig)) == ["ok", "error", "error", "skipped"]
    assert newest(rig)["steps"][1]["message"].startswith("ValueError: no sync word")


def test_each_event_counts_once_through_a_hub_that_is_killed_again_and_again(rig):
    """Whenever it is killed: what was stored moves its step afterwards, and nothing does so twice."""
    program = """
import dvic_log, time
for number in range(300):
    log = dvic_log.get_logger("p", service="meteor", component="connect", cycle="k%d" % (number % 10))
    log.info("event %d", number)
    time.sleep(0.01)
"""
    writing = subprocess.Popen([sys.executable, "-c", program],
                               env={**os.environ, "DVIC_LOG_DIR": str(rig.agents["ada"].logs)})
    kills = 0
    while writing.poll() is None and kills < 4:
        until(lambda: rig.healthy() and rig.logs("&grep=event"), "some events are stored")
        rig.hub.kill()
        rig.start_hub()
        kills += 1
    assert writing.wait(30) == 0 and kills

    def counted():
        cycles = json.loads(rig.hubctl("service", "cycles", "meteor", "-n", "100", "-o", "json"))
        return {cycle["name"]: cycle["steps"][0]["events"] for cycle in cycles if cycle["name"].startswith("k")}

    until(lambda: sum(counted().values()) >= 300, "all events have been applied", 60)
    assert counted() == {f"k{number}": 30 for number in range(10)}


def test_programs_follow_the_level_within_seconds(rig):
    program = """
import dvic_log, sys, time
log = dvic_log.get_logger("p", service="meteor", component="connect", cycle="levels")
while True:
    log.info("chatter")
    log.step("archive").info("still told")
    time.sleep(0.05)
"""
    environ = {**os.environ, "DVIC_LOG_DIR": str(rig.agents["ada"].logs),
               "DVIC_LOG_LEVELS": str(rig.agents["ada"].folder / "log_levels")}
    talking = subprocess.Popen([sys.executable, "-c", program], env=environ)

    def told(text):
        return sum(file.read_text().count(f'"{text}"') for file in rig.agents["ada"].logs.glob("dvic_log_*"))

    try:
        until(lambda: told("chatter"), "it talks")
        rig.hubctl("service", "level", "meteor", "warning")
        rig.hubctl("service", "level", "meteor", "info", "--component", "archive")

        def quiet():
            chatter, still = told("chatter"), told("still told")
            until(lambda: told("still told") > still + 5, "the other component goes on")
            return told("chatter") == chatter

        until(quiet, "it is quiet")
        assert json.loads(rig.hubctl("service", "show", "meteor", "-o", "json"))["levels"] == {
            "": "warning", "archive": "info"}
        rig.hubctl("service", "level", "meteor", "all")
        until(lambda: not quiet(), "it talks again")
    finally:
        talking.kill()
        talking.wait()


def test_follow_tells_each_change_once_through_a_hub_that_is_killed(rig):
    following = subprocess.Popen([str(BIN / "hubctl"), "service", "follow", "meteor", "-o", "jsonl"], text=True,
                                 env=rig.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = []
    reading = threading.Thread(target=lambda: lines.extend(following.stdout), daemon=True)

    def post(step):
        event = {"component": "connect", "step": step, "cycle": "followed", "message": f"told {step}"}
        assert rig.request("POST", "/api/v1/services/meteor/events", {"events": [event]})[0] == 204

    def told():
        return [event["state"] for event in map(json.loads, list(lines)) if event["message"].startswith("told")]

    try:
        reading.start()
        post("start")
        until(lambda: "running" in told(), "the start is told")
        rig.hub.kill()
        rig.start_hub()
        post("done")
        until(lambda: "ok" in told(), "what changed around the break is told")
        post("start")
        until(lambda: told()[-1] == "running", "and what comes after it")
        assert told() == ["running", "ok", "running"]
    finally:
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 130
        reading.join(20)


def test_live_events_tell_of_each_step(rig):
    program = f"""
import asyncio, aiohttp
async def run():
    async with aiohttp.ClientSession(headers={{"Authorization": "Bearer {rig.api_token}"}}) as http:
        async with http.ws_connect("{rig.url}/api/v1/stream") as socket:
            await socket.send_json({{"subscribe": [{{"kinds": ["service"], "service": "meteor"}}]}})
            async for message in socket:
                print(message.data, flush=True)
asyncio.run(run())
"""
    listening = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(listening.stdout.readline())["kind"] == "subscribed"
        body = {"events": [{"component": "connect", "step": "start", "cycle": "posted"},
                           {"component": "connect", "step": "done", "cycle": "posted", "message": "by POST"}]}
        assert rig.request("POST", "/api/v1/services/meteor/events", body)[0] == 204
        seen = []
        while ("connect", "ok") not in seen:
            event = json.loads(listening.stdout.readline())
            assert (event["kind"], event["service"]) == ("service", "meteor")
            seen.append((event["component"], event["state"]))
        assert seen == [("", "running"), ("connect", "waiting"), ("connect", "running"), ("connect", "ok")]
        assert event["message"] == "by POST"
    finally:
        listening.kill()
        listening.communicate()


def test_a_service_is_switched_described_anew_and_removed_by_hubctl(rig, tmp_path):
    rig.hubctl("service", "off", "meteor", "--component", "decode")
    assert json.loads(rig.hubctl("service", "-o", "json"))[0]["off"] == ["decode"]
    rig.hubctl("service", "on", "meteor", "--component", "decode")
    rig.hubctl("service", "off", "meteor")
    assert json.loads(rig.hubctl("service", "-o", "json"))[0]["state"] == "off"
    rig.hubctl("service", "on", "meteor")
    before = json.loads(rig.hubctl("service", "cycles", "meteor", "-n", "100", "-o", "json"))
    (tmp_path / "new.yaml").write_text("name: meteor\ncomponents: [{name: connect}, {name: publish}]\n")
    rig.hubctl("service", "create", str(tmp_path / "new.yaml"), "--replace", "meteor")
    after = json.loads(rig.hubctl("service", "cycles", "meteor", "-n", "100", "-o", "json"))
    ended = [cycle["number"] for cycle in before if cycle["ended"]]
    assert [cycle for cycle in after if cycle["number"] in ended] == [cycle for cycle in before if cycle["ended"]]
    (tmp_path / "bad.yaml").write_text("name: meteor\ncomponents: [{name: a, after: [b]}]\n")
    rig.hubctl("service", "create", str(tmp_path / "bad.yaml"), "--replace", "meteor", code=2)
    for form in ("table", "wide", "json", "jsonl", "yaml", "name"):
        for verb in (["ls"], ["show", "meteor"], ["cycles", "meteor"], ["show", "meteor", "--cycle", "1"]):
            rig.hubctl("service", *verb, "-o", form)
    rig.hubctl("service", "delete", "meteor", "--yes")
    assert rig.hubctl("service", "ls", "-o", "name") == ""
    rig.hubctl("service", "show", "meteor", code=4)
