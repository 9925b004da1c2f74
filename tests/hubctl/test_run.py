"""hubctl run and hubctl runs: live output, the table, exit codes, Ctrl-C."""

import base64
import json
import signal
import threading
import time

import pytest

from dvic_wire import signing
from dvic_wire.runs import RunSpec

SECONDS = 15


@pytest.fixture
def fleet(hub):
    hub.add_node("web-1", tags={"room": "lab"})
    hub.add_node("web-2")
    return hub


def sent(hub):
    return hub.asked("POST", "/runs")[-1]


def wait_until(true, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ---- what is ordered


def test_the_command_travels_as_it_is(hubctl, fleet):
    done = hubctl("run", "web-1", "--", "printf", "%s", "a b", "--flag")
    assert done.returncode == 0
    assert sent(fleet) == {"selector": "web-1", "argv": ["printf", "%s", "a b", "--flag"], "batch": "", "queue": 0,
                           "reason": ""}


def test_every_option_is_sent(hubctl, fleet):
    (hubctl.folder / "in").write_text("input\n")
    hubctl("run", "all", "--timeout", "90s", "--as", "nobody", "--cwd", "/tmp", "--env", "A=1", "--env", "B=x=y",
           "--stdin-file", "in", "--memory", "512M", "--cpu", "50", "--max-output", "1K", "--batch", "25%",
           "--max-failures", "0", "--queue", "24h", "--reason", "upgrade", "--", "true")
    assert sent(fleet) == {"selector": "all", "argv": ["true"], "user": "nobody", "cwd": "/tmp",
                           "env": {"A": "1", "B": "x=y"}, "stdin": "input\n", "timeout": 90, "memory": 512 << 20,
                           "cpu": 50, "output": 1024, "batch": "25%", "max_failures": 0, "queue": 86400,
                           "reason": "upgrade"}


def test_shell_is_a_shell_and_script_a_script(hubctl, fleet):
    hubctl("run", "web-1", "--shell", "df -h | tail -1")
    assert sent(fleet)["argv"] == ["/bin/sh", "-c", "df -h | tail -1"]
    (hubctl.folder / "check.sh").write_text("#!/bin/sh\necho $1\n")
    hubctl("run", "web-1", "--script", "check.sh", "--", "one")
    assert (sent(fleet)["script"], sent(fleet)["argv"]) == ("#!/bin/sh\necho $1\n", ["one"])


def test_standard_input_can_be_ours(hubctl, fleet):
    assert hubctl("run", "web-1", "--stdin-file", "-", "--", "cat", stdin="from here").returncode == 0
    assert sent(fleet)["stdin"] == "from here"


@pytest.mark.parametrize("arguments, said", [
    ([], "there is nothing to run"), (["--shell", "x", "--", "y"], "--shell goes without"),
    (["--script", "none.sh"], "none.sh can't be read"), (["--script", "binary"], "not UTF-8"),
    (["--batch", "0", "--", "x"], "--batch"), (["--batch", "120%", "--", "x"], "--batch"),
    (["--timeout", "0", "--", "x"], "timeout"), (["--memory", "much", "--", "x"], "is no size"),
    (["--env", "NOVALUE", "--", "x"], "is not KEY=VALUE"), (["uname", "-a"], "No such option"),
    (["--script", "large"], "a run can carry about"), (["--sign-with", "binary", "--", "x"], "can't be used"),
])
def test_what_can_not_be_run_is_refused_before_anything_is_sent(hubctl, fleet, arguments, said):
    (hubctl.folder / "binary").write_bytes(b"\xff\xfe")
    (hubctl.folder / "large").write_text("x" * 300_000)
    done = hubctl("run", "web-1", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert fleet.asked("POST", "/runs") == []


def test_an_operators_signature_names_the_nodes_and_exactly_this_spec(hubctl, fleet):
    key = signing.PrivateKey.generate()
    key.save(hubctl.folder / "me.pem")
    assert hubctl("run", "all", "--as", "nobody", "--sign-with", "me.pem", "--", "echo", "grün").returncode == 0
    ids = [node["id"] for node in fleet.nodes]
    _, claims = signing.peek(sent(fleet)["operator"])
    assert claims["aud"] == ids
    assert claims["spec_sha256"] == RunSpec(argv=("echo", "grün"), user="nobody").digest()
    assert claims["jti"] and claims["exp"] - claims["iat"] >= 3600
    signing.verify(sent(fleet)["operator"], key.public, signing.Purpose.OPERATOR, audience=ids, now=time.time())


# ---- what is shown


def test_output_is_marked_by_node_and_kept_apart(hubctl, fleet):
    fleet.behave("web-1", [("out", "one\ntw"), ("err", "careful\n"), ("out", "o\n"), ("end", "finished", 0)])
    fleet.behave("web-2", [("out", "no newline"), ("end", "failed", 3)])
    done = hubctl("run", "all", "--", "x")
    assert sorted(done.stdout.splitlines()) == ["web-1 | one", "web-1 | two", "web-2 | no newline"]
    assert "web-1 ! careful\n" in done.stderr
    assert done.returncode == 1
    table = done.stderr.splitlines()
    assert [line.split()[:3] for line in table if line.startswith("web-") and "!" not in line] == \
        [["web-1", "finished", "0"], ["web-2", "failed", "3"]]
    assert table[-1] == "2 nodes: 1 finished, 1 failed."


@pytest.mark.parametrize("state", ["failed", "timed-out", "cancelled", "refused", "expired", "lost"])
def test_any_bad_end_is_exit_code_1_and_says_why(hubctl, fleet, state):
    fleet.behave("web-1", [("end", state, -1, "because\x1b[2J")])
    done = hubctl("run", "web-1", "--", "x")
    assert done.returncode == 1
    assert state in done.stderr
    assert "because\\x1b[2J" in done.stderr


def test_output_from_before_the_subscription_comes_once(hubctl, fleet):
    gate = threading.Event()
    fleet.behave("web-1", [("out", "first\n"), ("pause", gate), ("out", "last\n"), ("end", "finished", 0)])
    process = hubctl.start("run", "web-1", "--", "x")
    assert fleet.subscribed.acquire(timeout=SECONDS)
    gate.set()
    out, _ = process.communicate(timeout=SECONDS)
    assert out == "web-1 | first\nweb-1 | last\n"
    assert process.returncode == 0


def test_a_connection_that_breaks_loses_and_doubles_nothing(hubctl, fleet):
    gate = threading.Event()
    steps = [("out", "a\n"), ("pause", gate), ("out", "b\n"), ("out", "c\n"), ("end", "finished", 0)]
    fleet.behave("web-1", steps)
    process = hubctl.start("run", "web-1", "--", "x")
    assert process.stdout.readline() == "web-1 | a\n"
    fleet.cut_streams()
    gate.set()
    out, err = process.communicate(timeout=SECONDS)
    assert out == "web-1 | b\nweb-1 | c\n"
    assert "The run goes on" in err
    assert process.returncode == 0


def test_a_hub_that_comes_back_is_waited_for(hubctl, fleet):
    gate = threading.Event()
    fleet.behave("web-1", [("out", "a\n"), ("pause", gate), ("out", "b\n"), ("end", "finished", 0)])
    process = hubctl.start("run", "web-1", "--", "x")
    assert process.stdout.readline() == "web-1 | a\n"
    fleet.close()
    assert "connection to the hub is lost" in process.stderr.readline()
    gate.set()
    fleet.listen()
    out, _ = process.communicate(timeout=SECONDS)
    assert out == "web-1 | b\n"
    assert process.returncode == 0


def test_hostile_output_does_nothing_to_the_terminal(hubctl, fleet):
    evil = "\x1b[2J\x1b]0;x\x07 \x9b31m\u202e\rover\n"
    fleet.behave("web-1", [("out", evil), ("err", "\x1bc\n"), ("end", "finished", 0)])
    screen = hubctl.on_a_terminal("run", "web-1", "--", "x", NO_COLOR="1")
    assert screen.ended(SECONDS) == 0
    assert not set(screen.text) & {"\x1b", "\x07", "\x9b", "\u202e", "\r"}
    assert "over" in screen.text


def test_bare_output_in_a_pipe_is_byte_for_byte_what_was_written(hubctl, fleet):
    data = bytes(range(256))
    fleet.behave("web-1", [("out", "text\r\n"), ("out", "", base64.b64encode(data).decode()), ("end", "finished", 0)])
    process = hubctl.start_program("bash", "-c", '"$@" > out.bin 2>/dev/null', "bash", *hubctl.program, "run", "web-1",
                                   "--bare", "--", "x")
    process.communicate(timeout=SECONDS)
    assert (hubctl.folder / "out.bin").read_bytes() == b"text\r\n" + data


def test_a_bar_on_a_terminal_leaves_the_output_whole(hubctl, fleet):
    gate = threading.Event()
    fleet.behave("web-1", [("out", "from one\n"), ("end", "finished", 0)])
    fleet.behave("web-2", [("pause", gate), ("out", "from two\n"), ("end", "finished", 0)])
    screen = hubctl.on_a_terminal("run", "all", "--", "x", columns=80)
    screen.wait_for("1/2", SECONDS)
    gate.set()
    assert screen.ended(SECONDS) == 0
    assert "\x1b[2K" in screen.text
    assert "from one" in screen.text
    assert "from two" in screen.text
    assert "2 nodes: 2 finished." in screen.text
    assert "\x1b[2K" not in hubctl("run", "all", "--", "x").stderr


def test_many_nodes_that_ended_well_are_a_number(hubctl, fleet):
    for number in range(30):
        fleet.add_node(f"m{number:02d}")
    fleet.behave("m07", [("end", "refused", -1, "policy")])
    done = hubctl("run", "all", "--", "x")
    table = done.stderr.splitlines()
    assert len(table) == 4
    assert table[2].split() == ["m07", "refused", "0s", "policy"]
    assert table[3].startswith("32 nodes: 31 finished, 1 refused. All of it: hubctl runs show run")


def test_json_is_the_run_at_its_end_and_jsonl_the_output_as_it_comes(hubctl, fleet):
    fleet.behave("web-1", [("out", "hi\n"), ("end", "failed", 2)])
    run = json.loads(hubctl("run", "web-1", "-o", "json", "--", "x").stdout)
    assert run["nodes"][0]["exit_code"] == 2
    first, last = map(json.loads, hubctl("run", "web-1", "-o", "jsonl", "--", "x").stdout.splitlines())
    assert list(first) == ["time", "node", "stream", "text"]
    assert (first["stream"], first["text"]) == ("out", "hi\n")
    assert last == {"node": "web-1", "state": "failed", "exit_code": 2, "reason": ""}


def test_detached_it_prints_the_id_and_waits_for_nothing(hubctl, fleet):
    fleet.behave("web-1", [("wait",), ("end", "cancelled", -1)])
    done = hubctl("run", "web-1", "--detach", "--", "sleep", "1000")
    assert done.returncode == 0
    id = done.stdout.strip()
    assert f"Started on 1 node. Next: hubctl runs show {id}" in done.stderr
    assert fleet.runs[id]["cancelled"] is None


# ---- Ctrl-C


def test_the_first_ctrl_c_cancels_the_run_and_says_so(hubctl, fleet):
    fleet.behave("web-1", [("out", "started\n"), ("wait",), ("end", "cancelled", -1, "cancelled by admin")])
    process = hubctl.start("run", "web-1", "--", "sleep", "1000")
    assert process.stdout.readline() == "web-1 | started\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "Cancelling run run" in err
    assert "cancelled by admin" in err
    assert all(run["cancelled"] for run in fleet.runs.values())


def test_the_second_ctrl_c_leaves_the_run_to_itself(hubctl, fleet):
    fleet.behave("web-1", [("out", "started\n"), ("wait",), ("pause", threading.Event())])
    process = hubctl.start("run", "web-1", "--", "sleep", "1000")
    assert process.stdout.readline() == "web-1 | started\n"
    process.send_signal(signal.SIGINT)
    wait_until(lambda: fleet.asked("POST", f"/runs/{next(iter(fleet.runs))}/cancel"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "Look after it: hubctl runs show run" in err
    assert "Traceback" not in err


# ---- runs


@pytest.fixture
def ran(hubctl, fleet):
    fleet.behave("web-1", [("out", "hello\n"), ("err", "warn\n"), ("end", "finished", 0)])
    fleet.behave("web-2", [("out", "\x1b[2J\n"), ("end", "failed", 1)])
    hubctl("run", "all", "--reason", "try", "--shell", "echo hello; echo warn >&2")
    return next(iter(fleet.runs))


def test_runs_are_listed_newest_first(hubctl, fleet, ran):
    hubctl("run", "web-1", "--", "uname", "-a")
    lines = hubctl("runs").stdout.splitlines()
    assert "uname -a" in lines[1]
    assert "echo hello; echo warn >&2" in lines[2]
    assert lines[2].split()[:2] == [ran, "failed"]
    assert hubctl("runs", "ls", "-n", "1", "-o", "name").stdout != f"{ran}\n"


def test_a_run_is_shown_with_its_nodes(hubctl, fleet, ran):
    out = hubctl("runs", "show", ran).stdout
    assert "reason" in out
    assert "web-2  failed" in out
    assert json.loads(hubctl("runs", "show", ran, "-o", "json").stdout)["id"] == ran


def test_the_output_of_a_run_can_be_read_later(hubctl, fleet, ran):
    done = hubctl("runs", "output", ran)
    assert (done.stdout, done.stderr) == ("web-1 | hello\nweb-2 | \\x1b[2J\n", "web-1 ! warn\n")
    assert hubctl("runs", "output", ran, "--node", "web-1", "--bare").stdout == "hello\n"
    assert hubctl("runs", "output", ran, "-o", "name").stdout == "web-1\nweb-2\n"
    assert len(json.loads(hubctl("runs", "output", ran, "-o", "json").stdout)) == 3


def test_a_run_can_be_cancelled_on_some_nodes(hubctl, fleet, ran):
    assert hubctl("runs", "cancel", ran, "web-1").returncode == 0
    assert fleet.asked("POST", f"/runs/{ran}/cancel") == [{"nodes": ["web-1"]}]
    assert hubctl("runs", "cancel", ran).returncode == 0
    assert fleet.asked("POST", f"/runs/{ran}/cancel")[1] == {}


def test_a_run_that_does_not_exist_is_exit_code_4(hubctl, fleet):
    for arguments in (["show"], ["output"], ["cancel"]):
        done = hubctl("runs", *arguments, "nope")
        assert done.returncode == 4
        assert "no such run" in done.stderr
