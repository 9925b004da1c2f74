"""Copies of files when things break: agent, hub and link go and come back, disks are full, lines are slow."""

import os
import subprocess

import pytest
from copied_file import CopiedFile, bring
from relay import Relay
from rig import BIN, Process, Rig, free_port, until

pytestmark = pytest.mark.faults

CONTENT = os.urandom(24 * 1024 * 1024)
PART = 4 * 1024 * 1024


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path, settings="keepalive_period = 1") as rig:
        rig.start_hub()
        rig.new_agent("ada").start().online()
        yield rig


def to_ada(rig, tmp_path, content=CONTENT):
    return CopiedFile(rig, "ada", tmp_path / "there", bring(rig, "letter", content))


def from_ada(rig, tmp_path, content=CONTENT):
    (tmp_path / "there").write_bytes(content)
    return CopiedFile(rig, "ada", tmp_path / "there")


def whole(copy, tmp_path):
    assert copy.ends()["state"] == "finished", copy.ends()
    assert (tmp_path / "there").read_bytes() == CONTENT if copy.file else copy.content() == CONTENT
    assert [path.name for path in tmp_path.iterdir() if "there" in path.name] == ["there"]


@pytest.mark.parametrize("begin", [to_ada, from_ada])
def test_an_agent_that_is_killed_and_started_again_goes_on_where_it_was(rig, tmp_path, begin):
    copy = begin(rig, tmp_path)
    for part in (1, 3):
        reached = copy.reaches(part * PART)
        rig.agents["ada"].agent.kill()
        rig.agents["ada"].start()
        assert copy.reaches(reached) >= reached  # what was confirmed is never asked for again
    whole(copy, tmp_path)


@pytest.mark.parametrize("begin", [to_ada, from_ada])
def test_a_hub_that_is_killed_and_started_again_goes_on(rig, tmp_path, begin):
    copy = begin(rig, tmp_path)
    for part in (1, 3):
        copy.reaches(part * PART)
        rig.hub.kill()
        rig.start_hub()
    whole(copy, tmp_path)


@pytest.mark.parametrize("begin", [to_ada, from_ada])
def test_a_link_that_is_cut_costs_nothing(tmp_path, begin):
    port = free_port()
    with Relay("127.0.0.1", port) as relay, Rig(tmp_path, url=f"http://127.0.0.1:{port}") as rig:
        relay.lead_to(rig.port)
        rig.start_hub()
        rig.new_agent("ada").start().online()
        copy = begin(rig, tmp_path)
        for part in (1, 2, 4):
            copy.reaches(part * PART)
            relay.cut()
        whole(copy, tmp_path)


@pytest.mark.parametrize("begin", [to_ada, from_ada])
def test_on_a_slow_line_keepalives_and_runs_do_not_wait_behind_a_file(tmp_path, begin):
    port = free_port()
    with Relay("127.0.0.1", port) as relay, Rig(tmp_path, settings="keepalive_period = 2",
                                                url=f"http://127.0.0.1:{port}") as rig:
        relay.lead_to(rig.port)
        rig.start_hub()
        relay.slow_down(300_000)
        rig.new_agent("ada").start().online()
        copy = begin(rig, tmp_path)
        copy.reaches(300_000)
        seen = set()
        until(lambda: seen.add(rig.node("ada")["last_seen"]) or len(seen) > 3, "keepalives arrive")
        run = rig.request("POST", "/api/v1/runs", {"selector": "ada", "argv": ["echo", "hello"]})[1]["id"]
        until(lambda: rig.request("GET", f"/api/v1/runs/{run}")[1]["ended"], "a run ends meanwhile")
        assert rig.request("GET", f"/api/v1/runs/{copy.id}")[1]["ended"] is None  # of 80 seconds it has had a few
        rig.hubctl("runs", "cancel", copy.id)
        assert copy.ends()["state"] == "cancelled"


def test_hubctl_goes_on_when_the_hub_was_killed_while_it_sent(rig, tmp_path):
    (tmp_path / "letter").write_bytes(CONTENT * 4)
    hubctl = Process([str(BIN / "hubctl"), "cp", str(tmp_path / "letter"), f"ada:{tmp_path}/there"],
                     tmp_path / "cp.log", rig.environ)
    hubctl.start()
    until(lambda: any(kept["received"] >= PART for kept in files(rig)), "a part has come")
    rig.hub.kill()
    rig.start_hub()
    assert hubctl.popen.wait(120) == 0, hubctl.said()
    assert (tmp_path / "there").read_bytes() == CONTENT * 4


def test_hubctl_that_was_killed_and_is_called_again_sends_only_the_rest(rig, tmp_path):
    (tmp_path / "letter").write_bytes(CONTENT * 4)
    argv = [str(BIN / "hubctl"), "cp", str(tmp_path / "letter"), f"ada:{tmp_path}/there"]
    first = Process(argv, tmp_path / "first.log", rig.environ)
    first.start()
    until(lambda: any(kept["received"] >= PART for kept in files(rig)), "a part has come")
    first.kill()
    (kept,) = files(rig)
    assert kept["received"] < kept["size"]

    subprocess.run(argv, env=rig.environ, check=True, timeout=120)

    assert (tmp_path / "there").read_bytes() == CONTENT * 4
    assert files(rig) == []


def test_ctrl_c_cancels_the_copy_and_leaves_nothing(rig, tmp_path):
    with (tmp_path / "letter").open("wb") as letter:
        letter.truncate(200 * 1024 * 1024)  # so much that it is under way when it is interrupted
    hubctl = Process([str(BIN / "hubctl"), "cp", str(tmp_path / "letter"), f"ada:{tmp_path}/there"],
                     tmp_path / "cp.log", rig.environ)
    hubctl.start()
    until(lambda: rig.request("GET", "/api/v1/runs?kind=copy&state=active")[1]["items"], "it is ordered")
    hubctl.popen.send_signal(2)
    assert hubctl.popen.wait(60) == 130
    until(lambda: not rig.request("GET", "/api/v1/runs?kind=copy&state=active")[1]["items"], "it is over")
    assert [path.name for path in tmp_path.iterdir() if "there" in path.name] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_hub_whose_disk_is_full_says_so_and_keeps_nothing(rig, tmp_path):
    folder = rig.state / "copies"
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)
    try:
        status, problem = rig.request("POST", "/api/v1/files", {"name": "letter", "size": 20_000_000})
        assert (status, problem["code"]) == (507, "disk-full")
        copy = from_ada(rig, tmp_path)
        end = copy.ends()
        assert end["state"] == "cancelled" and "the hub's disk has no room for a file of" in end["reason"]
        assert list(folder.iterdir()) == []
    finally:
        rig.hub.stop()
        subprocess.run(["umount", folder], check=True)


def files(rig):
    status, answer = rig.request("GET", "/api/v1/files")
    return answer["items"] if status == 200 else []
