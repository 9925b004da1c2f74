"""Enrolling another machine by ssh, from the signed order to the end record, with a real executor, ssh and sshd."""

import json
import os
import time

import pytest
from running_executor import NODE, Hub, RunningExecutor, new_run_id
from ssh_server import PASSPHRASE, SshServer, make_key, needs_sshd

from dvic_agent.executor.enrolling import enroll_spec
from dvic_agent.executor.errors import Refusal
from dvic_agent.executor.policy import parse_policy
from dvic_wire.pushing import COMPLAINT, MARK, SCRIPT, SECRET, Question, Secret, Target, about
from dvic_wire.sealing import seal
from dvic_wire.signing import PrivateKey, Purpose, b64encode, sign

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: whoever signs in has to be it")

SCRIPT_TEXT = b'echo "installed $*"; echo careful >&2\n'
SECRET_WORD = "Correct-Horse-9"


class Source:
    """A running executor that opens ssh, with the hub that orders it."""

    def __init__(self, folder):
        self.hub = Hub()
        self.executor = RunningExecutor(folder, self.hub, backend="children")

    def order(self, target: Target, run: str, **claims: object) -> dict:
        wanted = {"user": target.user, "host": target.host, "port": target.port}
        return self.executor.ask({"request": "enroll", "run": run, "jws": self.sign(
            Purpose.ENROLL_SSH, run, {"target": wanted, **claims})})

    def answer(self, run: str, content: dict, purpose: Purpose = Purpose.ENROLL_ANSWER) -> dict:
        return self.executor.ask({"request": "answer", "run": run, "jws": self.sign(purpose, run, content)})

    def sign(self, purpose: Purpose, run: str, content: dict) -> str:
        claims = {"iss": self.hub.key.fingerprint, "aud": NODE, "jti": run, "by": "olga", **content}
        return sign(self.hub.key, purpose, claims, now=time.time(), ttl=120)

    def question(self, run: str) -> Question:
        self.executor.until(lambda: self.asked(run))
        return Question.parse(self.asked(run))

    def asked(self, run: str) -> str:
        return next((line for line in self.said(run, "out").splitlines() if line.startswith(MARK)), "")

    def said(self, run: str, stream: str) -> str:
        return "".join(record.get(stream, "") for record in self.executor.records(run))

    def enrol(self, target: Target, secret: Secret, script: bytes = SCRIPT_TEXT, **changes: object) -> tuple[str, dict]:
        """All of it; returns the run's id and its end."""
        run = new_run_id()
        assert self.order(target, run) == {"state": "running"}
        question = self.question(run)
        assert self.answer(run, {**answer_to(question, run, target, secret, script), **changes}) == {"state": "running"}
        self.executor.ended(run)
        return run, self.executor.records(run)[-1]["end"]


def answer_to(question: Question, run: str, target: Target, secret: Secret, script: bytes = SCRIPT_TEXT) -> dict:
    key = question.keys[0]

    def sealed(what: str, data: bytes) -> str:
        return seal(question.seal, data, about(what, run, target, key.fingerprint))

    return {"host_key": str(key), "secret": sealed(SECRET, secret.encode()), "script": sealed(SCRIPT, script),
            "arguments": ["--name", "eva"]}


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    source = Source(tmp_path / "source")
    with source.executor:
        yield source


@pytest.fixture
def server(tmp_path):
    with SshServer(tmp_path / "sshd") as server:
        yield server


@as_root
@needs_sshd
def test_a_key_signs_in_and_the_installer_runs_there_as_root_with_its_arguments(source, server):
    run, end = source.enrol(server.target, Secret(key=server.key))
    assert end["state"] == "finished", source.said(run, "err")
    assert "installed --name eva\n" in source.said(run, "out") and "careful\n" in source.said(run, "err")


@as_root
@needs_sshd
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_host_keys_of_other_kinds_are_held_against_the_server_too(source, tmp_path, kind):
    with SshServer(tmp_path / "sshd", kind=kind) as server:
        run, end = source.enrol(server.target, Secret(key=server.key))
        assert end["state"] == "finished", source.said(run, "err")


@as_root
@needs_sshd
def test_a_server_that_shows_another_host_key_when_it_is_signed_in_to_learns_nothing(source, server):
    run = new_run_id()
    source.order(server.target, run)
    question = source.question(run)
    server.new_host_key()
    source.answer(run, answer_to(question, run, server.target, Secret(key=server.key)))
    assert source.executor.ended(run)["state"] == "failed"
    assert "Host key verification failed" in source.said(run, "err") and "installed" not in source.said(run, "out")


@as_root
@needs_sshd
def test_a_key_with_a_passphrase_signs_in_with_it_alone(source, server):
    _, end = source.enrol(server.target, Secret(key=server.locked, passphrase=PASSPHRASE))
    assert end["state"] == "finished"
    for passphrase in ("wrong", ""):
        run, end = source.enrol(server.target, Secret(key=server.locked, passphrase=passphrase))
        assert end["state"] == "failed" and "installed" not in source.said(run, "out")


@needs_sshd
def test_what_failed_is_the_last_line_of_the_error_output(source, server):
    run, end = source.enrol(server.target, Secret(key=server.foreign))
    assert end["state"] == "failed"
    assert source.said(run, "err").splitlines()[-1].startswith(f"{COMPLAINT}signing in as {server.target} failed")
    run = new_run_id()
    source.order(Target("root", "127.0.0.1", 1), run)
    source.executor.ended(run)
    assert f"{COMPLAINT}no ssh server answers at 127.0.0.1:1" in source.said(run, "err")


@as_root
@needs_sshd
def test_nothing_of_the_secret_is_in_any_file_of_the_source(source, server, tmp_path):
    secret = Secret(password=SECRET_WORD, key=server.key)
    run, _ = source.enrol(server.target, secret, b"echo hello; echo '" + SECRET_WORD.encode() + b"'\n")
    assert "********" in source.said(run, "out")
    inner = server.key.splitlines()[2]
    for file in (tmp_path / "source").rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert SECRET_WORD.encode() not in data and inner.encode() not in data and b"echo hello" not in data, file


@needs_sshd
def test_a_secret_that_was_sealed_for_another_run_target_or_host_key_does_not_open(source, server):
    run = new_run_id()
    source.order(server.target, run)
    question = source.question(run)
    stolen = answer_to(question, new_run_id(), server.target, Secret(key=server.key))
    assert source.answer(run, {**answer_to(question, run, server.target, Secret(key=server.key)),
                               "secret": stolen["secret"]}) == {"state": "running"}
    source.executor.ended(run)
    assert "does not open" in source.said(run, "err") and "Signing in" not in source.said(run, "out")


@needs_sshd
def test_a_host_key_that_the_target_did_not_show_is_not_accepted(source, server, tmp_path):
    make_key(tmp_path / "other", "")
    other = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    run, end = source.enrol(server.target, Secret(key=server.key), host_key=other)
    assert end["state"] == "failed" and "none that the target showed" in source.said(run, "err")


@needs_sshd
def test_an_answer_must_be_signed_for_this_run_by_the_hub_and_counts_once(source, server):
    run = new_run_id()
    source.order(server.target, run)
    content = answer_to(source.question(run), run, server.target, Secret(key=server.key))
    assert source.answer(run, content, Purpose.RUN)["code"] == "signature"
    other = sign(PrivateKey.generate(), Purpose.ENROLL_ANSWER, {"aud": NODE, "jti": run}, now=time.time(), ttl=60)
    assert source.executor.ask({"request": "answer", "run": run, "jws": other})["code"] == "signature"
    assert source.answer(run, content) == {"state": "running"}
    assert source.answer(run, content) == {"state": "running"}
    source.executor.ended(run)
    assert source.said(run, "out").count("Signing in") == 1
    assert source.answer(new_run_id(), content)["code"] == "not-waiting"


@needs_sshd
def test_a_run_that_nobody_answers_can_be_cancelled(source, server):
    run = new_run_id()
    source.order(server.target, run)
    source.question(run)
    source.executor.cancel(run)
    source.executor.ended(run)
    assert source.executor.records(run)[-1]["end"]["state"] == "cancelled"


def test_the_policy_can_refuse_to_be_the_source(source):
    source.executor.policy('kinds = ["run"]\n')
    answer = source.order(Target("root", "192.0.2.1"), new_run_id())
    assert answer["state"] == "refused" and "kind enroll" in answer["reason"]


def test_a_run_order_opens_no_ssh_and_an_enrolment_order_starts_no_command(source):
    run = new_run_id()
    assert source.executor.ask({"request": "run", "run": run, "jws": source.sign(
        Purpose.ENROLL_SSH, run, {"spec": {"argv": ["id"]}})})["code"] == "signature"
    assert source.executor.ask({"request": "enroll", "run": run, "jws": source.sign(
        Purpose.RUN, run, {"target": {"user": "a", "host": "b", "port": 22}})})["code"] == "signature"


@pytest.mark.parametrize("target", [
    None, "root@host", {}, {"user": "-oProxyCommand=id", "host": "h", "port": 22},
    {"user": "a", "host": "-x", "port": 22},
    {"user": "a", "host": "h;id", "port": 22}, {"user": "a", "host": "h", "port": "22"},
    {"user": "a", "host": "h", "port": 0}])
def test_a_target_that_ssh_could_take_for_something_else_is_refused(target):
    with pytest.raises(Refusal):
        enroll_spec({"target": target}, parse_policy(""))


def test_what_is_started_is_our_own_program_whatever_the_order_says():
    claims = {"jti": "abcdefabcdef", "target": {"user": "a", "host": "h", "port": 22}, "spec": {"argv": ["id"]},
              "argv": ["id"]}
    spec = enroll_spec(claims, parse_policy('[limits]\ntimeout = 600\n'))
    assert spec.argv[1:] == ("-I", "-m", "dvic_push", "abcdefabcdef", "a", "h", "22")
    assert spec.timeout == 600 and json.dumps(spec.to_json())


def test_a_machine_that_asks_for_operators_signatures_opens_no_ssh():
    policy = parse_policy(f'operator_keys = ["{b64encode(PrivateKey.generate().public.raw)}"]\n')
    with pytest.raises(Refusal, match="operator"):
        enroll_spec({"target": {"user": "a", "host": "h", "port": 22}}, policy)
