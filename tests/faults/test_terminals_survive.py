"""Terminals when things break: agent, hub and link go and come back, programs flood, agents turn hostile."""

import time
from pathlib import Path

import pytest
from joined_terminal import JoinedTerminal, events, open_session, shown_in
from relay import Relay
from rig import Rig, free_port, until

pytestmark = pytest.mark.faults

COUNTER = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo \"line $i.\"; sleep 0.02; done; echo over"
"""Eight seconds of numbered lines."""


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path, settings="keepalive_period = 1") as rig:
        rig.start_hub()
        rig.new_agent("ada").start().online()
        yield rig


def lines(text: str) -> list[int]:
    return [int(line.removeprefix("line ").removesuffix(".")) for line in text.split("\r\n")
            if line.startswith("line ") and line.endswith(".")]


def recording(rig: Rig, id: str) -> str:
    status, text = rig.request("GET", f"/api/v1/sessions/{id}/recording")
    assert status == 200, text
    return text


def all_lines_once(rig: Rig, anna: JoinedTerminal) -> None:
    assert anna.ends().state == "finished"
    assert lines(anna.output.decode()) == list(range(1, 401))
    assert lines(shown_in(recording(rig, anna.id))) == list(range(1, 401))


def test_an_agent_that_is_killed_and_started_again_costs_nothing(rig):
    id = open_session(rig, "ada", "/bin/sh", "-c", COUNTER)
    with JoinedTerminal(rig, id) as anna:
        for number in (50, 200):
            anna.sees(f"line {number}.")
            rig.agents["ada"].agent.kill()
            anna.hears("node", "away")
            rig.agents["ada"].start()
        all_lines_once(rig, anna)


def test_a_hub_that_is_killed_and_started_again_costs_nothing(rig):
    id = open_session(rig, "ada", "/bin/sh", "-c", COUNTER)
    with JoinedTerminal(rig, id) as anna:
        for number in (50, 200):
            anna.sees(f"line {number}.")
            rig.hub.kill()
            rig.start_hub()
        all_lines_once(rig, anna)


def test_a_hub_that_is_stopped_and_started_again_costs_nothing_and_what_is_typed_then_counts(rig):
    id = open_session(rig, "ada", "/bin/sh")
    with JoinedTerminal(rig, id) as anna:
        anna.type("echo fir''st\n")
        anna.sees("first\r\n")
        rig.hub.stop()
        anna.type("echo sec''ond\n")
        rig.start_hub()
        anna.sees("second\r\n")
        anna.type("exit\n")
        assert anna.ends().exit_code == 0
    text = shown_in(recording(rig, id))
    assert text.count("first\r\n") == text.count("second\r\n") == 1


def test_a_link_that_is_cut_between_agent_and_hub_loses_no_key_and_types_none_twice(tmp_path):
    port = free_port()
    with Relay("127.0.0.1", port) as relay, Rig(
            tmp_path, settings="keepalive_period = 1", url=f"http://127.0.0.1:{port}") as rig:
        relay.lead_to(rig.port)
        rig.start_hub()
        rig.new_agent("ada").start().online()
        # without its echo, which the kernel would write in between what cat does
        id = open_session(rig, "ada", "/bin/sh", "-c", "stty -echo; echo ready; exec cat")
        with JoinedTerminal(rig, id) as anna:
            anna.sees("ready\r\n")
            for number in range(300):
                anna.type(f"key {number}\n")
                if number in (100, 200):
                    relay.cut()
            anna.sees("key 299\r\n")
            anna.type(b"\x04")
            anna.ends()
        assert anna.output.decode().split("\r\n") == ["ready", *(f"key {number}" for number in range(300)), ""]


def memory(pid: int) -> int:
    """Private memory of a process, KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def holders(id: str) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if f"DVIC_RUN={id}".encode() in (process / "environ").read_bytes():
                    found.append(int(process.name))
            except OSError:
                continue
    return found


def test_a_flood_is_bounded_and_everything_else_goes_on(rig):
    ada = rig.agents["ada"]
    flood = open_session(rig, "ada", "yes", "x" * 70)
    quiet = open_session(rig, "ada", "/bin/sh")
    with JoinedTerminal(rig, flood) as many, JoinedTerminal(rig, quiet) as anna:
        many.until(lambda: len(many.output) > 1_000_000, "the flood flows")
        before = memory(rig.hub.pid), memory(ada.agent.pid)
        many.until(lambda: len(many.output) > 8_000_000, "it flows on", 120)
        after = memory(rig.hub.pid), memory(ada.agent.pid)
        (ada.logs / "dvic_log_x").write_text("INFO:while it floods\n")

        anna.type("echo stil''l here\n")
        anna.sees("still here\r\n")
        run = rig.request("POST", "/api/v1/runs", {"selector": "ada", "argv": ["echo", "hello"]})[1]["id"]
        until(lambda: rig.request("GET", f"/api/v1/runs/{run}")[1]["ended"], "a run ends")
        until(lambda: rig.logs("&grep=while"), "a log line arrives")
        assert rig.node("ada")["state"] == "online"
        many.type(b"\x03")
        assert many.ends().state == "failed"
    assert after[0] - before[0] < 20_000 and after[1] - before[1] < 10_000, (before, after)


def test_nobody_who_reads_holds_a_flood_and_nothing_is_lost(rig):
    """A member who does not read makes the terminal wait: no bytes pile up anywhere."""
    flood = open_session(rig, "ada", "/bin/sh", "-c", "seq 200000")
    before = memory(rig.hub.pid)
    time.sleep(2)  # nobody is in it: it flows into the recording
    with JoinedTerminal(rig, flood) as anna:
        anna.ends()
    text = shown_in(recording(rig, flood))
    assert [int(line) for line in text.split()] == list(range(1, 200001))
    assert memory(rig.hub.pid) - before < 30_000
    assert events(recording(rig, flood))


def test_recordings_that_grow_too_large_end_a_session_where_they_are_required(tmp_path):
    with Rig(tmp_path, settings="require_recording = true\nrecording_mib = 1") as rig:
        rig.start_hub()
        rig.new_agent("ada").start().online()
        assert rig.request("POST", "/api/v1/sessions", {"node": "ada", "record": False})[0] == 400
        id = open_session(rig, "ada", "yes")
        with JoinedTerminal(rig, id) as anna:
            assert "its recording would be larger" in anna.ends().reason
        (rig.state / "recordings").rename(rig.state / "elsewhere")
        (rig.state / "recordings").write_text("in the way")
        status, problem = rig.request("POST", "/api/v1/sessions", {"node": "ada"})
        assert (status, problem["code"]) == (409, "recording")
