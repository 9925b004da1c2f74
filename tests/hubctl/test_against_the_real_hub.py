"""hubctl with a real hub and real agents, as processes on loopback: nothing here is a fake."""

import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from rig import BIN, Rig, until

pytestmark = pytest.mark.hub

HUBCTL = str(BIN / "hubctl")
LINES = 5000


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("rig")) as rig:
        rig.start_hub()
        for name in ("ada", "bob"):
            rig.new_agent(name, "[hardware]\nperiod = 1").start()
        for agent in rig.agents.values():
            agent.online()
        yield rig


class Running:
    """A hubctl that goes on; its lines are kept as they come."""

    def __init__(self, rig, *arguments):
        self.process = subprocess.Popen([HUBCTL, *arguments], env=rig.environ, text=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out, self.notes = [], []
        self._threads = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in ((self.process.stdout, self.out), (self.process.stderr, self.notes))]
        for thread in self._threads:
            thread.start()

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def wait_for(self, text, lines=None):
        until(lambda: any(text in line for line in (self.out if lines is None else lines)), f"{text!r} comes", 60)

    def end(self):
        """Ctrl-C, and everything read."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        for thread in self._threads:
            thread.join(20)
        return code


def write(rig, name, text, node="ada"):
    with (rig.agents[node].logs / f"dvic_log_{name}").open("a") as file:
        file.write(text)


def hubctl(rig, *arguments):
    return subprocess.run([HUBCTL, *arguments], env=rig.environ, text=True, capture_output=True, timeout=60)


def test_nodes_have_exactly_the_promised_fields(rig):
    nodes = json.loads(rig.hubctl("nodes", "-o", "json"))
    assert [node["name"] for node in nodes] == ["ada", "bob"]
    assert all(list(node) == ["id", "name", "state", "last_seen", "tags", "os", "agent_version", "address"]
               for node in nodes)
    assert rig.hubctl("nodes", "state:online and not bob", "-o", "name") == "ada\n"


def test_every_list_and_view_works_on_the_real_hub(rig):
    for verb in ("nodes", "token", "runs", "users", "api-token", "audit", "context"):
        for form in ("table", "wide", "json", "jsonl", "yaml", "name"):
            rig.hubctl(verb, "-o", form)
    for arguments in (["status"], ["node", "show", "ada"], ["metrics"], ["metrics", "ada", "load.*"],
                      ["metrics", "all", "load.1", "--since", "1h"], ["logs"]):
        rig.hubctl(*arguments)


def test_measurements_arrive(rig):
    until(lambda: "cpu.total" in rig.hubctl("metrics", "ada", "*"), "the second sample is there")
    assert rig.hubctl("metrics").splitlines()[1].startswith("ada")
    [series] = json.loads(rig.hubctl("metrics", "ada", "cpu.total", "--since", "5m", "-o", "json"))
    assert len(series["times"]) == len(series["values"]) > 0


def test_nodes_are_tagged_and_renamed(rig):
    rig.hubctl("node", "tag", "bob", "room=lab", "owner=anna")
    rig.hubctl("node", "untag", "bob", "owner")
    assert rig.hubctl("nodes", "tag:room=lab", "-o", "name") == "bob\n"
    rig.hubctl("node", "rename", "bob", "bobby")
    rig.hubctl("node", "rename", "bobby", "bob")


def test_a_device_is_added_and_removed(rig):
    key = rig.hubctl("node", "add", "scale", "--generate-key")
    assert key.startswith("-----BEGIN PRIVATE KEY-----\n")
    rig.hubctl("node", "revoke", "scale", "--yes")
    assert rig.hubctl("nodes", "state:revoked", "-o", "name") == "scale\n"
    rig.hubctl("node", "remove", "scale", "--yes")


def test_a_viewer_may_look_and_is_refused_the_rest(rig, tmp_path):
    once = rig.hubctl("users", "add", "vera").strip()
    (tmp_path / "once").write_text(once)
    (tmp_path / "new").write_text("quite a long pass phrase")
    vera = {**rig.environ, "DVIC_CONFIG": str(tmp_path / "vera.toml")}

    def as_vera(*arguments):
        return subprocess.run([HUBCTL, *arguments], env=vera, text=True, capture_output=True, timeout=60)

    assert as_vera("login", rig.url, "--user", "vera", "--password-file", str(tmp_path / "once")).returncode == 2
    login = as_vera("login", rig.url, "--user", "vera", "--password-file", str(tmp_path / "once"),
                    "--new-password-file", str(tmp_path / "new"))
    assert login.returncode == 0, login.stderr
    assert as_vera("nodes", "-o", "name").stdout == "ada\nbob\n"
    for arguments in (["users"], ["token", "create"], ["run", "all", "--", "true"], ["node", "tag", "ada", "x=y"]):
        refused = as_vera(*arguments)
        assert refused.returncode == 4, refused
        assert "you have viewer" in refused.stderr
    rig.hubctl("users", "rm", "vera", "--yes")
    assert as_vera("nodes").returncode == 4


def test_a_line_shows_in_the_followed_log(rig):
    write(rig, "first", "before\n")
    until(lambda: "before" in rig.hubctl("logs"), "it is stored")
    following = Running(rig, "logs", "-f", "-o", "jsonl", "--source", "dvic_log_first")
    following.wait_for("before")
    write(rig, "first", "after \x1b[2J\n")
    following.wait_for("after")
    assert following.end() == 130
    assert [json.loads(line)["message"] for line in following.out] == ["before", "after \x1b[2J"]


def test_lines_of_one_moment_are_shown_in_the_order_of_the_file(rig):
    write(rig, "order", "".join(f"{number}\n" for number in range(1000)))
    until(lambda: rig.hubctl("logs", "--source", "dvic_log_order", "-n", "1", "-o", "jsonl"), "it is stored")
    out = rig.hubctl("logs", "--source", "dvic_log_order", "-n", "1000", "-o", "jsonl")
    assert [json.loads(line)["message"] for line in out.splitlines()] == [str(number) for number in range(1000)]


@pytest.mark.parametrize("stop", ["kill", "stop"])
def test_following_through_a_hub_that_is_killed_shows_each_line_once(rig, stop):
    name = f"flood_{stop}"
    following = Running(rig, "logs", "-f", "-n", "0", "-o", "jsonl", "--source", f"dvic_log_{name}")
    until(lambda: write(rig, name, "begin\n") or following.out, "it follows")

    def numbers():
        messages = [json.loads(line)["message"] for line in list(following.out)]
        return sorted(int(message.split()[1]) for message in messages if message != "begin")

    for half in range(2):
        write(rig, name, "".join(f"line {number}\n" for number in range(half * LINES, (half + 1) * LINES)))
        if not half:
            until(numbers, "lines come")
            getattr(rig.hub, stop)()
            rig.start_hub()
    until(lambda: len(numbers()) >= 2 * LINES, "all lines come", 60)
    assert following.end() == 130
    assert numbers() == list(range(2 * LINES))
    assert any("Trying again" in note for note in following.notes)


def test_a_reader_that_is_held_up_gets_each_line_once_in_the_end(rig):
    """As by Ctrl-S in a terminal: the hub drops what a slow subscriber does not take, and it is fetched afterwards."""
    count = 100_000
    process = subprocess.Popen([HUBCTL, "logs", "-f", "-n", "0", "-o", "jsonl", "--source", "dvic_log_held"],
                               env=rig.environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: json.loads(rig.hubctl("status", "-o", "json"))["streams"], "it has subscribed")
    write(rig, "held", "".join(f"{number} {'x' * 60}\n" for number in range(count)))
    last = ["logs", "--source", "dvic_log_held", "--grep", f"{count - 1} x", "-o", "name"]
    until(lambda: rig.hubctl(*last), "all of it is stored", 60)
    found = []
    for line in process.stdout:
        found.append(int(json.loads(line)["message"].split()[0]))
        if len(found) == count:
            break
    process.send_signal(signal.SIGINT)
    rest, notes = process.communicate(timeout=30)
    assert rest == ""
    assert sorted(found) == list(range(count))
    assert "the hub dropped events" in notes


def test_a_run_shows_what_was_written_and_how_it_ended(rig):
    done = hubctl(rig, "run", "all", "--shell", "echo out; echo err >&2; exit 3")
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()) == ["ada | out", "bob | out"]
    assert done.stderr.count(" ! err") == 2
    assert done.stderr.rstrip().endswith("2 nodes: 2 failed.")
    assert hubctl(rig, "run", "all", "--", "true").returncode == 0
    assert hubctl(rig, "run", "carol", "--", "true").returncode == 2


def test_a_script_gets_its_arguments_environment_and_input(rig, tmp_path):
    (tmp_path / "s.sh").write_text("#!/bin/sh\necho $1 $A $PWD; cat\n")
    (tmp_path / "in").write_text("input\n")
    out = rig.hubctl("run", "ada", "--bare", "--script", str(tmp_path / "s.sh"), "--env", "A=b", "--cwd", "/tmp",
                     "--stdin-file", str(tmp_path / "in"), "--", "one")
    assert out == "one b /tmp\ninput\n"


def test_every_byte_of_a_runs_output_comes_through_once(rig):
    argv = [HUBCTL, "run", "ada", "--bare", "--", "sh", "-c", "head -c 3000000 /dev/urandom | tee /dev/stderr"]
    done = subprocess.run(argv, env=rig.environ, capture_output=True, timeout=60)
    assert len(done.stdout) == 3_000_000
    assert done.stderr.startswith(done.stdout)


def test_a_run_goes_on_while_the_hub_is_killed(rig):
    running = Running(rig, "run", "ada", "--shell", "for i in $(seq 40); do echo $i; sleep 0.1; done")
    running.wait_for("ada | 3")
    rig.hub.kill()
    rig.start_hub()
    assert running.process.wait(60) == 0
    running.end()
    assert running.out == [f"ada | {number}" for number in range(1, 41)]


def test_ctrl_c_ends_the_command_on_every_node(rig, tmp_path):
    mark = Path(tmp_path / "still-there")
    running = Running(rig, "run", "all", "--shell", f"echo started; sleep 30; touch {mark}")
    running.wait_for("ada | started")
    running.wait_for("bob | started")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(30) == 1
    running.end()
    assert "2 nodes: 2 cancelled." in running.notes
    assert not mark.exists()


def test_a_detached_run_is_looked_after_later(rig):
    id = rig.hubctl("run", "ada", "--detach", "--reason", "later", "--", "echo", "hello").strip()
    until(lambda: json.loads(rig.hubctl("runs", "show", id, "-o", "json"))["ended"], "it ends")
    assert rig.hubctl("runs", "output", id) == "ada | hello\n"
    assert rig.hubctl("runs", "ls", "-n", "1", "-o", "name") == f"{id}\n"


def test_a_token_that_was_revoked_ends_the_following(rig, tmp_path):
    (tmp_path / "t").write_text(rig.hubctl("api-token", "create", "short-lived", "--role", "viewer"))
    environ = {**rig.environ, "DVIC_CONFIG": str(tmp_path / "t.toml")}
    subprocess.run([HUBCTL, "login", rig.url, "--token-file", str(tmp_path / "t")], env=environ, check=True,
                   capture_output=True)
    [token] = [item for item in json.loads(rig.hubctl("api-token", "-o", "json")) if item["note"] == "short-lived"]
    process = subprocess.Popen([HUBCTL, "logs", "-f", "-n", "0"], env=environ, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    rig.hubctl("api-token", "revoke", token["id"], "--yes")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "next: sign in" in said


def test_nodes_are_silenced_for_a_time_and_the_silence_is_ended(rig):
    id = rig.hubctl("silences", "add", "ada", "--for", "2h", "--reason", "they move it", "-o", "name").strip()
    assert "silenced until" in rig.hubctl("nodes", "ada") and "silenced until" not in rig.hubctl("nodes", "bob")
    assert "they move it" in rig.hubctl("silences")
    rig.hubctl("silences", "end", id)
    assert "silenced until" not in rig.hubctl("nodes") and rig.hubctl("silences", "-o", "name") == ""
    [entry] = json.loads(rig.hubctl("audit", "--action", "silence.end", "-o", "json"))
    assert entry["target"] == id


def test_maintenance_is_planned_shown_and_removed(rig):
    weekly = ("windows", "add", "backup", "ada", "--weekly", "sat,sun 22:05", "--zone", "Europe/Paris", "--for", "4h")
    rig.hubctl(*weekly, "--dry-run")
    assert rig.hubctl("windows", "ls", "-o", "name") == ""
    rig.hubctl(*weekly)
    [window] = json.loads(rig.hubctl("windows", "ls", "-o", "json"))
    assert (window["cron"], window["zone"], window["seconds"]) == ("5 22 * * 6,0", "Europe/Paris", 14_400)
    assert "backup" in rig.hubctl("windows", "ls") and len(window["next"]) == 3
    assert "5 22 * * 6,0 Europe/Paris" in rig.hubctl("windows", "show", "backup")
    rig.hubctl("windows", "rm", "backup")
    assert rig.hubctl("windows", "ls", "-o", "name") == ""
