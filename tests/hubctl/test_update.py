"""hubctl update and hubctl updates: the plan, the question, the living table, exit codes, Ctrl-C."""

import json
import signal
import threading
import time

import pytest

SECONDS = 15


@pytest.fixture
def fleet(hub):
    for number in range(3):
        hub.add_node(f"web-{number}", agent_version="1.1")
    return hub


def ordered(hub):
    return hub.asked("POST", "/rollouts")


def wait_until(true, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ---- what is ordered

def test_every_option_is_sent_and_the_version_is_the_plan_s(hubctl, fleet):
    done = hubctl("update", "all", "--older", "--canary", "10%", "--soak", "2m", "--batch", "25%", "--max-failures",
                  "0", "--halt-on-error", "--queue", "1d", "--confirm-within", "5m", "--reason", "new", "--yes")
    assert done.returncode == 0, done.stderr
    assert ordered(fleet) == [{"selector": "all", "version": "1.2", "older": True, "canary": "10%", "soak": 120,
                               "batch": "25%", "max_failures": 0, "halt_on_error": True, "queue": 86400,
                               "confirm": 300, "reason": "new"}]


def test_the_defaults_leave_the_rest_to_the_hub(hubctl, fleet):
    assert hubctl("update", "web-1", "--to", "1.2", "--yes").returncode == 0
    [body] = ordered(fleet)
    assert "max_failures" not in body and (body["soak"], body["confirm"]) == (60, 180)


@pytest.mark.parametrize("arguments", [["--canary", "0"], ["--batch", "x"], ["--to", "new version"],
                                       ["--max-failures", "-1"], ["--soak", "long"]])
def test_what_makes_no_sense_is_refused_before_anything_is_sent(hubctl, fleet, arguments):
    assert hubctl("update", "all", *arguments, "--yes").returncode == 2
    assert ordered(fleet) == []


# ---- the plan

def test_without_a_yes_nothing_is_done_and_the_plan_is_shown(hubctl, fleet):
    fleet.add_node("new", agent_version="1.2")
    done = hubctl("update", "all", "--canary", "1")
    assert done.returncode == 2 and ordered(fleet) == []
    lines = done.stderr.splitlines()
    assert [line.split() for line in lines[:5]] == [
        ["NODE", "FROM", "TO", "WAVE", "WHAT"], ["web-0", "1.1", "1.2", "canary", "update"],
        ["web-1", "1.1", "1.2", "1", "update"], ["web-2", "1.1", "1.2", "1", "update"],
        ["new", "1.2", "1.2", "it", "has", "this", "version", "already"]]
    assert lines[5] == "dvic-agent 1.2 goes to 3 nodes: first to 1, watched for 1m, then to 2."
    assert "say --yes" in done.stderr


def test_a_person_is_asked_and_may_say_no(hubctl, fleet):
    terminal = hubctl.on_a_terminal("update", "all")
    terminal.wait_for("Update 3 nodes to dvic-agent 1.2? [y/N]", SECONDS)
    terminal.type("n\n")
    assert terminal.ended(SECONDS) == 4 and ordered(fleet) == []


def test_where_every_node_has_it_nothing_is_asked_or_begun(hubctl, hub):
    hub.add_node("web-1", agent_version="1.2")
    done = hubctl("update", "all")
    assert done.returncode == 0 and "Nothing is to be done" in done.stderr and ordered(hub) == []
    shown = json.loads(hubctl("update", "all", "-o", "json").stdout)
    assert shown["counts"] == {"unchanged": 1}


def test_what_the_hub_refuses_is_said(hubctl, fleet):
    missing = hubctl("update", "all", "--to", "7", "--yes")
    assert missing.returncode == 4 and "serves no dvic-agent 7" in missing.stderr and "release ls" in missing.stderr
    nobody = hubctl("update", "nobody", "--yes")
    assert nobody.returncode == 2 and "names no node" in nobody.stderr


# ---- watching

def test_each_change_is_a_line_where_there_is_no_terminal(hubctl, fleet):
    done = hubctl("update", "web-0", "--yes")
    assert done.returncode == 0 and done.stdout == ""
    assert "web-0: updated" in done.stderr
    assert done.stderr.splitlines()[-1] == "1 node: 1 updated."


def test_a_node_that_went_back_is_told_with_its_reason_and_the_exit_code(hubctl, fleet):
    fleet.updates["web-1"] = ["sent", "downloading", "installing", "confirming", "rolling-back",
                              ("rolled-back", "no word of the hub within 180 s")]
    done = hubctl("update", "all", "--yes")
    assert done.returncode == 1
    assert "web-1: rolled-back (no word of the hub within 180 s)" in done.stderr
    assert done.stderr.splitlines()[-1] == "3 nodes: 2 updated, 1 rolled-back."


def test_the_table_lives_on_a_terminal(hubctl, fleet):
    pause = threading.Event()
    fleet.updates["web-1"] = ["sent", ("downloading", "1 MiB"), ("pause", pause), "installing", "confirming", "updated"]
    terminal = hubctl.on_a_terminal("update", "all", "--yes")
    terminal.wait_for("1 of 3 done: 1 updated, 1 downloading, 1 pending", SECONDS)
    pause.set()
    assert terminal.ended(SECONDS) == 0
    end = terminal.text[terminal.text.rindex("NODE"):]
    assert end.count("updated") == 4 and "3 nodes: 3 updated." in end


def test_a_halted_rollout_is_left_once_nothing_is_under_way(hubctl, fleet):
    fleet.updates["web-0"] = ["sent", ("failed", "no room on the disk"), ("halt", "1 node failed (web-0)")]
    done = hubctl("update", "all", "--canary", "1", "--yes")
    assert done.returncode == 1
    assert "Halted: 1 node failed (web-0). Go on all the same: hubctl updates resume rollout" in done.stderr
    assert "3 nodes: 1 failed, 2 pending." in done.stderr


def test_programs_get_rows_or_the_whole(hubctl, fleet):
    lines = [json.loads(line) for line in hubctl("update", "web-0", "--yes", "-o", "jsonl").stdout.splitlines()]
    assert lines[-1]["state"] == "updated" and lines[-1]["from_version"] == "1.1"
    whole = json.loads(hubctl("update", "web-1", "--yes", "-o", "json").stdout)
    assert whole["state"] == "ended" and [row["node"] for row in whole["nodes"]] == ["web-1"]


def test_detached_the_id_is_printed_and_the_rollout_goes_on(hubctl, fleet):
    done = hubctl("update", "all", "--detach", "--yes")
    assert done.returncode == 0 and done.stdout.strip() in fleet.rollouts
    assert "--follow" in done.stderr


def test_ctrl_c_leaves_the_rollout_to_itself(hubctl, fleet):
    pause = threading.Event()
    fleet.updates["web-0"] = ["sent", "downloading", ("pause", pause), "installing", "confirming", "updated"]
    process = hubctl.start("update", "all", "--yes")
    assert fleet.subscribed.acquire(timeout=SECONDS)
    wait_until(lambda: next(iter(fleet.rollouts.values()))["nodes"][0]["state"] == "downloading")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130 and "the rollout goes on" in said and "updates halt" in said
    pause.set()
    wait_until(lambda: next(iter(fleet.rollouts.values()))["state"] == "ended")


def test_a_hub_that_comes_back_is_followed_on(hubctl, fleet):
    pause = threading.Event()
    fleet.updates["web-0"] = ["sent", ("pause", pause), "downloading", "installing", "confirming", "updated"]
    process = hubctl.start("update", "all", "--yes")
    assert fleet.subscribed.acquire(timeout=SECONDS)
    fleet.cut_streams()
    assert fleet.subscribed.acquire(timeout=SECONDS)
    pause.set()
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0 and "Connected again." in said


# ---- updates

def test_rollouts_are_listed_shown_and_followed(hubctl, fleet):
    hubctl("update", "all", "--canary", "1", "--yes", "--reason", "spring")
    [id] = fleet.rollouts
    listed = hubctl("updates")
    assert [line.split()[:2] for line in listed.stdout.splitlines()] == [["ID", "STATE"], [id, "ended"]]
    shown = hubctl("updates", "show", id)
    assert "spring" in shown.stdout and shown.stdout.count("updated") == 4 and "watched for 1m" in shown.stdout
    assert hubctl("updates", "show", id, "-o", "name").stdout.split() == ["web-0", "web-1", "web-2"]
    assert json.loads(hubctl("updates", "show", id, "-o", "json").stdout)["id"] == id
    assert hubctl("updates", "show", id, "--follow").returncode == 0
    assert hubctl("updates", "show", "nothing").returncode == 4


def test_rollouts_are_halted_resumed_and_cancelled(hubctl, fleet):
    pause = threading.Event()
    fleet.updates["web-0"] = ["sent", ("pause", pause), ("cancelled", "")]
    id = hubctl("update", "all", "--detach", "--yes").stdout.strip()
    assert "resume" in hubctl("updates", "halt", id).stderr and fleet.rollouts[id]["state"] == "halted"
    assert "It goes on" in hubctl("updates", "resume", id).stderr
    assert hubctl("updates", "cancel", id).returncode == 2
    assert "Cancelling" in hubctl("updates", "cancel", id, "--yes").stderr
    assert fleet.rollouts[id]["state"] == "cancelling"
    pause.set()


def test_runs_are_asked_for_by_kind(hubctl, fleet):
    for arguments, kind in ((), "run"), (("--kind", "update"), "update"), (("--all",), "all"):
        assert hubctl("runs", "ls", *arguments).returncode == 0
        assert fleet.kinds_asked[-1] == kind
