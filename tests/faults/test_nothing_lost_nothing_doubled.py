"""A real hub and a real agent, killed, starved and lied to: every line is at the hub exactly once afterwards."""

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from rig import Rig, until

pytestmark = pytest.mark.faults

QUIET = "[journal]\nenabled = false\n[hardware]\nenabled = false\n[demos]\nenabled = false"


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path) as rig:
        yield rig.start_hub()


def numbers(rig: Rig, word: str = "line") -> Counter:
    """How often each numbered line is stored."""
    found = (re.fullmatch(rf"{word} (\d+)", item["message"]) for item in rig.logs())
    return Counter(int(match.group(1)) for match in found if match)


def stored(rig: Rig) -> int:
    """Records in the store, by the hub's own count."""
    status, value = rig.request("GET", "/api/v1/logs?limit=1&grep=the-last-one")
    return status == 200 and bool(value["items"])


def flood(path, count: int, stop: threading.Event | None = None) -> None:
    """Append `count` numbered lines in pieces, then the last one."""
    with path.open("a") as file:
        for start in range(0, count, 500):
            file.write("".join(f"line {n}\n" for n in range(start, min(start + 500, count))))
            file.flush()
            time.sleep(0.01)
        file.write("the-last-one\n")


def test_a_flood_survives_sigkill_of_hub_and_agent(rig):
    ada = rig.new_agent("ada", QUIET).start().online()
    count = 100_000
    writer = threading.Thread(target=flood, args=(ada.logs / "dvic_log_flood", count))
    writer.start()
    dice = random.Random(8420)
    for round_ in range(8):
        time.sleep(dice.uniform(0.1, 0.7))
        if round_ % 2:
            rig.hub.kill()
            time.sleep(dice.uniform(0, 0.3))
            rig.start_hub()
        else:
            ada.agent.kill()
            ada.agent.start()
    writer.join()
    until(lambda: stored(rig), "the last line is stored", 120)
    seen = numbers(rig)
    assert sum(seen.values()) == count and len(seen) == count, (
        f"{count - len(seen)} lost, {sum(n - 1 for n in seen.values())} doubled")


def test_lines_written_while_the_agent_is_down_arrive_once(rig):
    ada = rig.new_agent("ada", QUIET).start().online()
    path = ada.logs / "dvic_log_x"
    path.write_text("line 0\n")
    until(lambda: numbers(rig)[0], "the first line")
    ada.agent.stop()
    with path.open("a") as file:
        file.write("line 1\nline 2\nthe-last-one\n")
    ada.agent.start()
    until(lambda: stored(rig), "the last line")
    assert numbers(rig) == {0: 1, 1: 1, 2: 1}


def test_a_file_deleted_while_the_agent_is_down_leaves_a_gap_and_no_cursor(rig):
    ada = rig.new_agent("ada", QUIET).start().online()
    path = ada.logs / "dvic_log_gone"
    path.write_text("line 0\n")
    until(lambda: numbers(rig)[0], "the first line")
    ada.agent.stop()
    path.write_text("line 0\nline 1\n")
    path.unlink()
    ada.agent.start()
    gaps = until(lambda: [item for item in rig.logs() if item.get("gap")], "a gap record")
    assert gaps[0]["gap"]["reason"] == "deleted" and len(gaps) == 1
    ada.agent.stop()
    ada.agent.start()
    ada.online()
    (ada.logs / "dvic_log_after").write_text("the-last-one\n")
    until(lambda: stored(rig), "a later line")
    assert len([item for item in rig.logs() if item.get("gap")]) == 1


def test_another_file_gets_through_beside_a_flood(rig):
    ada = rig.new_agent("ada", QUIET).start().online()
    ended = threading.Event()

    def pour() -> None:
        with (ada.logs / "dvic_log_flood").open("a") as file:
            while not ended.is_set():
                file.write("x" * 200 + "\n")

    pouring = threading.Thread(target=pour)
    pouring.start()
    try:
        until(lambda: rig.request("GET", "/api/v1/logs?limit=1&source=dvic_log_flood")[1]["items"], "the flood runs")
        (ada.logs / "dvic_log_calm").write_text("a word in between\n")
        until(lambda: rig.request("GET", "/api/v1/logs?limit=1&source=dvic_log_calm")[1]["items"], "the calm line", 10)
    finally:
        ended.set()
        pouring.join()


def test_a_run_outlives_the_agent_and_its_output_is_whole(rig):
    ada = rig.new_agent("ada", QUIET).start().online()
    made = rig.request("POST", "/api/v1/runs", {"selector": "ada", "argv": [
        "/bin/sh", "-c", "for i in $(seq 40); do echo line $i; sleep 0.05; done; exit 7"]})
    assert made[0] in (200, 201), made
    run = made[1]["id"]
    time.sleep(0.5)
    ada.agent.kill()
    time.sleep(0.3)
    ada.agent.start()
    until(lambda: rig.request("GET", f"/api/v1/runs/{run}")[1]["ended"], "the run ends")
    shown = rig.request("GET", f"/api/v1/runs/{run}")[1]
    assert [(node["state"], node["exit_code"]) for node in shown["nodes"]] == [("failed", 7)]
    output = rig.request("GET", f"/api/v1/runs/{run}/output?limit=1000")[1]["items"]
    assert "".join(item["text"] for item in output) == "".join(f"line {n}\n" for n in range(1, 41))


def test_a_run_goes_on_while_the_hub_is_killed(rig):
    rig.new_agent("ada", QUIET).start().online()
    run = rig.request("POST", "/api/v1/runs", {"selector": "ada", "argv": [
        "/bin/sh", "-c", "echo before; sleep 2; echo after"]})[1]["id"]
    until(lambda: rig.request("GET", f"/api/v1/runs/{run}/output")[1]["items"], "its first output")
    rig.hub.kill()
    time.sleep(2.5)
    rig.start_hub()
    until(lambda: rig.request("GET", f"/api/v1/runs/{run}")[1]["ended"], "the run ends", 90)
    output = rig.request("GET", f"/api/v1/runs/{run}/output")[1]["items"]
    assert "".join(item["text"] for item in output) == "before\nafter\n"
    assert rig.request("GET", f"/api/v1/runs/{run}")[1]["counts"] == {"finished": 1}


def test_runs_are_executed_at_most_once_through_kills_of_everything(rig):
    ada = rig.new_agent("ada", QUIET).start().online()
    trace = rig.folder / "trace"
    runs = []
    for number in range(6):
        made = rig.request("POST", "/api/v1/runs", {"selector": "ada", "queue": 600, "argv": [
            "/bin/sh", "-c", f"echo {number} >> {trace}"]})
        runs.append(made[1]["id"])
        (rig.hub if number % 2 else ada.agent).kill()
        if number % 2:
            rig.start_hub()
        else:
            ada.agent.start()
    for run in runs:
        until(lambda run=run: rig.request("GET", f"/api/v1/runs/{run}")[1]["ended"], f"run {run} ends", 150)
    states = [rig.request("GET", f"/api/v1/runs/{run}")[1]["nodes"][0]["state"] for run in runs]
    written = Counter(trace.read_text().split())
    assert max(written.values()) == 1
    assert sorted(written) == [str(n) for n in range(6) if states[n] == "finished"]


def test_two_agents_with_one_key_are_named_and_the_first_stays(rig, tmp_path):
    ada = rig.new_agent("ada", QUIET).start().online()
    clone = rig.folder / "clone"
    subprocess.run(["cp", "-a", str(ada.folder), str(clone)], check=True)
    twin = rig.process([sys.executable, "-m", "dvic_agent", "run", "--config-dir", str(clone / "etc"),
                        "--state-dir", str(clone / "var")], "twin")
    twin.start()
    until(lambda: rig.node("ada").get("conflict"), "the conflict is named")
    assert rig.node("ada")["state"] == "online"
    assert ada.agent.running()


def test_a_journal_that_is_corrupt_in_the_middle_does_not_stop_the_rest(rig, tmp_path):
    benchmarks = os.path.join(os.path.dirname(__file__), "..", "..", "benchmarks")
    folder = tmp_path / "journal"
    folder.mkdir()
    making = "import journal_file, pathlib, sys; journal_file.make(pathlib.Path(sys.argv[1]), 3000)"
    subprocess.run([sys.executable, "-c", making, str(folder)], check=True, cwd=benchmarks)
    file = folder / "bench.journal"
    data = bytearray(file.read_bytes())
    for place in range(len(data) // 3, len(data) // 3 + 4096):
        data[place] ^= 0xFF
    file.write_bytes(data)
    ada = rig.new_agent("ada", f'[journal]\nfolder = "{folder}"\n[hardware]\nenabled = false').start().online()
    (ada.logs / "dvic_log_x").write_text("the-last-one\n")
    until(lambda: stored(rig), "a line from a file")
    until(lambda: rig.request("GET", "/api/v1/logs?limit=1&source=journal")[1]["items"], "entries of the journal")
    assert ada.agent.running() and rig.node("ada")["state"] == "online"


def test_the_hub_says_when_its_disk_is_full_and_goes_on_when_there_is_room(tmp_path):
    if os.geteuid() != 0:
        pytest.fail("needs root to mount a small disk")
    disk = tmp_path / "hub"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=True)
    try:
        with Rig(tmp_path) as rig:
            rig.start_hub()
            ada = rig.new_agent("ada", QUIET).start().online()
            ballast = disk / "ballast"
            with ballast.open("wb") as file:
                try:
                    while True:
                        file.write(os.urandom(64 * 1024))
                        file.flush()
                except OSError:
                    pass
            dice = random.Random(1)
            lines = [f"line {n} {dice.randbytes(400).hex()}" for n in range(4000)]
            with (ada.logs / "dvic_log_x").open("w") as file:
                file.write("\n".join([*lines, "the-last-one", ""]))
            until(lambda: "full" in json.dumps(rig.request("GET", "/healthz", signed_in=False)[1]), "the hub says so")
            assert not stored(rig)
            ballast.unlink()
            until(lambda: stored(rig), "the last line", 120)
            seen = Counter(item["message"] for item in rig.logs("&grep=line"))
            assert Counter(lines) == {text: n for text, n in seen.items() if text.startswith("line ")}
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
