"""The door: what comes through it from a careless, a hostile and a taken-over client."""

import grp
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from running_executor import NODE, Hub, RunningExecutor, new_run_id

from dvic_agent.executor.errors import StartFailed
from dvic_agent.executor.rundir import StateDir
from dvic_agent.executor.serve import MAX_REQUEST_BYTES, Executor, handle
from dvic_wire.runs import RunSpec
from dvic_wire.signing import PrivateKey, Purpose, b64encode, sign

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users are involved")


ID = {"argv": ["id"]}


class Bench:
    """A backend that only notes what it is asked; runs live until they are ended by hand."""

    name = "bench"

    def __init__(self):
        self.started, self.stopped, self.living = [], [], set()

    def start(self, run):
        self.started.append((run.run, run.request()["spec"]))
        self.living.add(run.run)

    def stop(self, run):
        self.stopped.append(run.run)

    def alive(self, run):
        return run.run in self.living

    def clear(self, run):
        pass


class Desk:
    """An Executor with everything real but the backend and the clock."""

    def __init__(self, folder):
        self.hub = Hub()
        self.hub.pin(folder / "etc")
        self.now = time.time()
        self.backend = Bench()
        self.folder = folder
        self.state = StateDir(folder / "var", os.getegid())
        self.executor = Executor(folder / "etc", self.state, self.backend, lambda: self.now)

    def policy(self, text):
        (self.folder / "etc/policy.toml").write_text(text)
        (self.folder / "etc/policy.toml").chmod(0o644)

    def run(self, run, spec=ID, jws=None, **claims):
        return self.executor.answer({"request": "run", "run": run, "jws": jws or self.hub.order(
            run, spec, now=self.now, **claims)})

    def cancel(self, run, **claims):
        return self.executor.answer({"request": "cancel", "run": run, "jws": self.hub.cancel(run, **claims)})

    def end(self, run):
        self.backend.living.discard(run)
        with self.state.opened(run) as found:
            found.finish("finished", 0)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_good_order_is_started_with_what_was_signed(desk):
    run = new_run_id()

    assert desk.run(run, {"argv": ["id", "-u"], "cwd": "/"}) == {"state": "running"}
    ((started, spec),) = desk.backend.started
    assert (started, spec["argv"], spec["cwd"]) == (run, ["id", "-u"], "/")


@pytest.mark.parametrize("request_", [None, 1, [], "run", {}, {"request": "fly"}, {"request": ["run"]},
                                      {"request": None, "run": "a" * 12}, {"request": "run"},
                                      {"request": "run", "run": "../../../../etc", "jws": "x"},
                                      {"request": "forget", "run": "../../../../etc"},
                                      {"request": "cancel", "run": "a" * 12, "jws": 7},
                                      {"request": "run", "run": "a" * 12, "jws": {"a": 1}}])
def test_a_request_that_is_none_is_refused_as_malformed(desk, request_):
    answer = desk.executor.answer(request_)

    assert (answer["state"], answer["code"]) == ("refused", "malformed")
    assert desk.backend.started == []


def test_an_expired_order_says_so_and_can_not_be_used_when_the_clock_is_set_back(desk):
    run = new_run_id()
    order = desk.hub.order(run, {"argv": ["id"]}, now=desk.now)
    desk.now += 1000

    assert desk.run(run, jws=order)["state"] == "expired"
    desk.now -= 1000
    assert desk.run(run, jws=order)["state"] == "expired"
    assert desk.backend.started == []


def test_a_refused_order_stays_refused_when_the_policy_changes(desk):
    run = new_run_id()
    order = desk.hub.order(run, {"argv": ["id"]}, now=desk.now)
    desk.policy("users = []")
    first = desk.run(run, jws=order)
    desk.policy("")

    assert first["code"] == "policy"
    assert desk.run(run, jws=order) == first
    assert desk.backend.started == []


def test_a_forged_order_does_not_use_up_the_id(desk):
    run = new_run_id()

    assert desk.run(run, jws=Hub().order(run, {"argv": ["id"]}))["code"] == "signature"
    assert desk.run(run) == {"state": "running"}


def test_a_freshly_signed_order_for_a_known_run_starts_nothing(desk):
    run = new_run_id()
    desk.run(run)
    desk.now += 1000

    assert desk.run(run, {"argv": ["something", "else"]}) == {"state": "running"}
    assert len(desk.backend.started) == 1


def test_an_old_order_for_a_run_that_goes_on_is_not_called_expired(desk):
    run = new_run_id()
    order = desk.hub.order(run, {"argv": ["id"]}, now=desk.now)
    desk.run(run, jws=order)
    desk.now += 1000

    assert desk.run(run, jws=order) == {"state": "running"}


def test_a_cancel_signed_for_another_run_cancels_nothing(desk):
    run, other = new_run_id(), new_run_id()
    desk.run(run)
    answer = desk.executor.answer({"request": "cancel", "run": run, "jws": desk.hub.cancel(other)})

    assert (answer["state"], answer["code"]) == ("refused", "signature")
    assert desk.backend.stopped == []


def test_an_order_to_run_cancels_nothing_and_the_other_way_round(desk):
    run = new_run_id()
    desk.run(run)
    order = desk.hub.order(run, {"argv": ["id"]})

    assert desk.executor.answer({"request": "cancel", "run": run, "jws": order})["code"] == "signature"
    new = new_run_id()
    assert desk.run(new, jws=desk.hub.cancel(new))["code"] == "signature"


def test_a_cancel_reaches_the_backend_after_it_was_noted(desk):
    run = new_run_id()
    desk.run(run)

    assert desk.cancel(run, by="otto")["state"] == "running"
    assert desk.backend.stopped == [run]
    with desk.state.opened(run) as found:
        assert found.cancelled() == "cancelled by otto"


@pytest.mark.parametrize("spec", [None, 1, [], {}, {"argv": []}, {"argv": "id"}, {"argv": [1]}, {"argv": ["a\0b"]},
                                  {"argv": ["id"], "timeout": 0}, {"argv": ["id"], "timeout": "1"},
                                  {"argv": ["id"], "shell": True}, {"argv": ["id"], "env": {"A=B": "c"}},
                                  {"argv": ["id"], "env": ["A"]}, {"argv": ["id"], "memory": -1}])
def test_a_signed_but_senseless_spec_is_refused(desk, spec):
    answer = desk.run(new_run_id(), spec)

    assert (answer["state"], answer["code"]) == ("refused", "malformed")


def test_an_unknown_user_is_refused(desk):
    answer = desk.run(new_run_id(), {"argv": ["id"], "user": "nobody-has-this-name"})

    assert (answer["state"], answer["code"]) == ("refused", "user")


def test_the_default_user_of_the_policy_is_used_and_must_be_allowed(desk):
    desk.policy('default_user = "daemon"\nusers = ["daemon"]')
    if os.geteuid() == 0:
        assert desk.run(new_run_id()) == {"state": "running"}
        assert desk.backend.started[0][1]["user"] == "daemon"
        assert desk.run(new_run_id(), {"argv": ["id"], "user": "root"})["code"] == "policy"


def test_a_kind_that_is_not_allowed_is_refused(desk):
    desk.policy('kinds = ["terminal"]')

    assert desk.run(new_run_id())["code"] == "policy"


def test_a_damaged_policy_refuses_everything(desk):
    desk.policy("user = ['root']")
    answer = desk.run(new_run_id())

    assert (answer["state"], answer["code"]) == ("refused", "policy")
    assert "unknown key user" in answer["reason"]


def test_a_machine_that_is_not_enrolled_runs_nothing(desk):
    (desk.folder / "etc/hub.json").unlink()

    assert desk.run(new_run_id())["code"] == "not-enrolled"


def test_a_pin_that_others_may_write_runs_nothing(desk):
    (desk.folder / "etc/hub.json").chmod(0o666)

    assert desk.run(new_run_id())["code"] == "untrusted"


class TestOperator:
    """Where an operator must sign too, a taken-over hub runs nothing on its own."""

    olga = PrivateKey.generate()
    spec = RunSpec(argv=("id",))

    @pytest.fixture
    def desk(self, desk):
        desk.policy(f'operator_keys = ["{b64encode(self.olga.public.raw)}"]')
        return desk

    def signed(self, desk, jti="once", spec=spec):
        return sign(self.olga, Purpose.OPERATOR, {"aud": [NODE], "spec_sha256": spec.digest(), "jti": jti},
                    now=desk.now, ttl=600)

    def test_the_hub_alone_is_refused(self, desk):
        assert desk.run(new_run_id())["code"] == "operator"

    def test_both_together_are_enough(self, desk):
        assert desk.run(new_run_id(), operator=self.signed(desk)) == {"state": "running"}

    def test_her_signature_serves_once(self, desk):
        text = self.signed(desk)
        desk.run(new_run_id(), operator=text)

        assert desk.run(new_run_id(), operator=text)["code"] == "operator"
        assert desk.run(new_run_id(), operator=self.signed(desk, "twice")) == {"state": "running"}

    def test_her_signature_for_one_spec_serves_no_other(self, desk):
        assert desk.run(new_run_id(), {"argv": ["rm"]}, operator=self.signed(desk))["code"] == "operator"

    def test_limits_of_the_policy_do_not_break_what_she_signed(self, desk):
        desk.policy((desk.folder / "etc/policy.toml").read_text() + "\n[limits]\ntimeout = 5\n")

        assert desk.run(new_run_id(), operator=self.signed(desk)) == {"state": "running"}
        assert desk.backend.started[0][1]["timeout"] == 5


def test_runs_whose_keepers_died_end_as_lost_before_the_next_one_starts(desk):
    first, second = new_run_id(), new_run_id()
    desk.run(first)
    desk.backend.living.clear()
    desk.run(second)

    with desk.state.opened(first) as found:
        assert found.end()["state"] == "lost"
    assert not desk.executor.answer({"request": "forget", "run": second})["state"] == "forgotten"


def test_one_damaged_run_directory_stands_in_nobodys_way(desk):
    (desk.folder / "var/runs" / new_run_id()).mkdir()

    assert desk.run(new_run_id()) == {"state": "running"}


def test_ended_runs_that_nobody_fetches_are_dropped_after_a_while(desk):
    desk.policy("keep_days = 1")
    old, young = new_run_id(), new_run_id()
    for run in (old, young):
        desk.run(run)
        desk.end(run)
    day_before_yesterday = time.time() - 2 * 86400
    os.utime(desk.folder / "var/runs" / old / "output.jsonl", (day_before_yesterday, day_before_yesterday))
    desk.run(new_run_id())

    assert old not in desk.state.runs() and young in desk.state.runs()
    assert desk.run(old)["state"] == "lost"


def test_a_backend_that_can_not_start_ends_the_run_as_failed(desk):
    def start(run):
        raise StartFailed("no room for processes")

    desk.backend.start = start
    run = new_run_id()

    assert desk.run(run)["state"] == "failed"
    with desk.state.opened(run) as found:
        assert found.end()["reason"] == "no room for processes"


def talk(answer, *parts, close=True):
    """Send `parts` over a socket pair to `handle`; returns its reply."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for part in parts:
            ours.sendall(part)
        if close:
            ours.shutdown(socket.SHUT_WR)
        handle(theirs, answer)
        theirs.shutdown(socket.SHUT_WR)
        with ours.makefile("rb") as reply:
            return json.loads(reply.read())


def test_a_request_may_come_in_pieces():
    assert talk(lambda request: request, b'{"a"', b": 1}", b"\n") == {"a": 1}


@pytest.mark.parametrize("line", [b"\n", b"{\n", b"\xff\n", b'{"a": 1}', b"", b"[" * 100_000 + b"\n"])
def test_a_line_that_is_no_json_is_refused(line):
    assert talk(lambda request: request, line)["code"] == "malformed"


@pytest.fixture
def executor(tmp_path):
    with RunningExecutor(tmp_path, Hub()) as running:
        yield running


def test_a_request_without_end_is_refused(executor):
    assert executor.ask(b"x" * (MAX_REQUEST_BYTES + 100_000))["code"] == "limit"


def test_a_client_that_says_nothing_does_not_stop_others(executor):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(executor.socket))

        assert executor.ask({"request": "ping"})["state"] == "ok"


def test_a_client_that_hangs_up_hurts_nobody(executor):
    for _ in range(10):
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(str(executor.socket))
            rude.sendall(b'{"request": "ping"}\n')

    assert executor.ask({"request": "ping"})["state"] == "ok"


def test_a_second_executor_leaves_the_first_ones_socket_alone(executor):
    assert executor.verb("--listen", str(executor.socket)) == 1
    assert executor.ask({"request": "ping"})["state"] == "ok"


def test_a_socket_that_a_killed_executor_left_is_replaced(executor):
    executor.process.kill()
    executor.process.wait(60)
    executor.process = None
    assert executor.socket.exists()
    inode = executor.socket.stat().st_ino
    executor.start()
    executor.until(lambda: executor.socket.stat().st_ino != inode)

    assert executor.ask({"request": "ping"})["state"] == "ok"


TAKEN_OVER_AGENT = """
import json, os, sys
from pathlib import Path
folder, group = Path(sys.argv[1]), int(sys.argv[2])
from running_executor import Hub, RunningExecutor, new_run_id
from dvic_wire.runs import RunSpec
os.setgroups([group]); os.setresgid(group, group, group); os.setresuid(1, 1, 1)
executor = RunningExecutor.__new__(RunningExecutor)
executor.socket = folder / "executor.sock"
pinned = json.loads((folder / "etc/hub.json").read_text())
mallory, spec = Hub(), RunSpec(argv=("touch", str(folder / "owned")))
answers = []
for changed in ({}, {"iss": pinned["hub"]}, {"iss": pinned["hub"], "aud": pinned["node"]}):
    run = new_run_id()
    answers.append(executor.ask({"request": "run", "run": run, "jws": mallory.order(run, spec, **changed)}))
answers.append(executor.ask({"request": "forget", "run": sys.argv[3]}))
for attempt in (lambda: (folder / "var/runs/aaaaaaaaaaaa").mkdir(),
                lambda: (folder / "var/runs" / sys.argv[3] / "output.jsonl").write_text(""),
                lambda: (folder / "var/runs" / sys.argv[3] / "request.json").read_text(),
                lambda: list((folder / "var/executor").iterdir()),
                lambda: (folder / "etc/policy.toml").write_text(""),
                lambda: (folder / "etc/hub.json").unlink()):
    try:
        attempt()
        answers.append("done")
    except PermissionError:
        answers.append("denied")
answers.append((folder / "var/runs" / sys.argv[3] / "output.jsonl").read_text() != "")
print(json.dumps(answers))
"""


@pytest.fixture
def public():
    """A folder that other users can pass through (pytest's own are closed to them)."""
    folder = Path(tempfile.mkdtemp(prefix="dvic-executor-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@as_root
def test_a_taken_over_agent_that_holds_the_socket_can_run_nothing(public):
    clients = grp.getgrnam("games")
    run = new_run_id()
    with RunningExecutor(public, Hub(), clients.gr_name) as running:
        running.request(run, argv=("sh", "-c", "echo hello; exec sleep 1000"))
        running.shown(run, "hello")
        support = os.path.dirname(sys.modules["running_executor"].__file__)
        done = subprocess.run([sys.executable, "-c", TAKEN_OVER_AGENT, str(public), str(clients.gr_gid), run],
                              capture_output=True, text=True, check=False,
                              env={**os.environ, "PYTHONPATH": support})

    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)

    assert [answer["state"] for answer in answers[:4]] == ["refused"] * 4
    assert answers[4:] == ["denied"] * 6 + [True]
    assert not (public / "owned").exists()


@as_root
def test_a_stranger_can_not_even_connect(public):
    text = "import os, socket, sys\nos.setgroups([]); os.setresgid(1, 1, 1); os.setresuid(1, 1, 1)\n" \
           "socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    with RunningExecutor(public, Hub(), "games") as running:
        done = subprocess.run([sys.executable, "-c", text, running.socket], capture_output=True, text=True, check=False)

    assert "PermissionError" in done.stderr
