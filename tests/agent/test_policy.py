"""What a machine's owner can allow and forbid; in doubt nothing is allowed."""

import os

import pytest

from dvic_agent.executor.errors import Refusal
from dvic_agent.executor.policy import MAX_RUNS, Policy, load_policy, parse_policy
from dvic_wire.runs import RunSpec
from dvic_wire.signing import PrivateKey


def allow(policy, user="root", **spec):
    return policy.allow("run", RunSpec(**spec), user)


def write(folder, text, mode=0o644):
    (folder / "policy.toml").write_text(text)
    (folder / "policy.toml").chmod(mode)


def refused(call, *arguments, **named):
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)
    assert caught.value.code == "policy"
    return str(caught.value)


def test_without_a_file_every_user_and_command_is_allowed_within_default_limits(tmp_path):
    policy = load_policy(tmp_path)

    assert policy == Policy()
    assert policy.limits.runs == MAX_RUNS == 100
    assert allow(policy, argv=("id",)).user == "root"
    assert allow(policy, script="#!/bin/sh\n", env=(("A", "b"),)).script


def test_a_file_says_what_is_allowed(tmp_path):
    key = PrivateKey.generate().public
    write(tmp_path, f'kinds = ["run"]\nusers = ["www-*"]\nkeep_days = 3\noperator_keys = ["{key.jwk()["x"]}"]\n'
                    "[limits]\nruns = 2\n")
    policy = load_policy(tmp_path)

    assert policy.operator_keys == (key,)
    assert (policy.keep_days, policy.limits.runs, policy.limits.timeout) == (3, 2, 86400)
    assert allow(policy, "www-data", argv=("id",))
    assert "user root" in refused(allow, policy, "root", argv=("id",))
    assert "kind terminal" in refused(policy.allow, "terminal", RunSpec(argv=("id",)), "www-data")


@pytest.mark.parametrize("text", [
    "kind = []", "[limit]\n", "[limits]\nmemroy = 1", "users = 'root'", "users = [1]", "kinds = ['fly']",
    "argv = ['id']", "argv = 'id'", "argv = [[1]]", "[limits]\ntimeout = -1", "[limits]\ntimeout = 1.5",
    "[limits]\ntimeout = true", "limits = 3", "operator_keys = ['abc']", "operator_keys = ['%']", "keep_days = 0",
    "default_user = 1", "not toml at all", "users = []\nusers = ['root']",
])
def test_a_doubtful_file_refuses_everything(tmp_path, text):
    write(tmp_path, text)

    assert "until policy.toml is repaired" in refused(load_policy, tmp_path)


def test_a_file_that_is_no_text_refuses_everything(tmp_path):
    (tmp_path / "policy.toml").write_bytes(b"\xff\xfe")

    refused(load_policy, tmp_path)


def test_an_unknown_key_is_named(tmp_path):
    write(tmp_path, "[limits]\nmemroy = 1")

    assert "limits.memroy" in refused(load_policy, tmp_path)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_refuses_everything(tmp_path, mode):
    write(tmp_path, "", mode)

    assert "chmod go-w" in refused(load_policy, tmp_path)


def test_a_directory_that_others_may_write_refuses_everything(tmp_path):
    tmp_path.chmod(0o777)

    refused(load_policy, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a file away")
def test_a_file_of_another_user_refuses_everything(tmp_path):
    write(tmp_path, "")
    os.chown(tmp_path / "policy.toml", 1, -1)

    assert "belongs to user 1" in refused(load_policy, tmp_path)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path),
                                  lambda path: path.symlink_to("/dev/null")])
def test_something_that_is_no_file_refuses_everything(tmp_path, make):
    make(tmp_path / "policy.toml")

    refused(load_policy, tmp_path)


def test_a_huge_file_refuses_everything(tmp_path):
    write(tmp_path, "# long\n" * 100_000)

    refused(load_policy, tmp_path)


class TestCommands:
    policy = parse_policy('argv = [["uptime"], ["systemctl", "restart", "web-*"], ["journalctl", "..."]]')

    @pytest.mark.parametrize("argv", [("uptime",), ("systemctl", "restart", "web-a"), ("journalctl",),
                                      ("journalctl", "-u", "x")])
    def test_listed_ones_are_allowed(self, argv):
        assert allow(self.policy, argv=argv)

    @pytest.mark.parametrize("argv", [("/tmp/uptime",), ("uptime", "-p"), ("systemctl", "restart"),
                                      ("systemctl", "restart", "web-a", "ssh"), ("systemctl", "stop", "web-a"),
                                      ("sh", "-c", "uptime"), ("UPTIME",), ("journalctl2",)])
    def test_others_are_refused(self, argv):
        refused(allow, self.policy, argv=argv)

    def test_scripts_and_environments_are_refused_whatever_they_are(self):
        refused(allow, self.policy, script="uptime")
        refused(allow, self.policy, script="uptime", argv=("uptime",))
        refused(allow, self.policy, argv=("uptime",), env=(("LD_PRELOAD", "/tmp/x.so"),))

    def test_an_empty_list_allows_none(self):
        refused(allow, parse_policy("argv = []"), argv=("uptime",))
        refused(allow, parse_policy("argv = [[]]"), argv=("uptime",))


@pytest.mark.parametrize("asked, cap, given", [(300, 60, 60), (30, 60, 30), (300, 0, 300)])
def test_a_time_limit_is_the_smaller_of_both(asked, cap, given):
    assert allow(parse_policy(f"[limits]\ntimeout = {cap}"), argv=("id",), timeout=asked).timeout == given


@pytest.mark.parametrize("asked, cap, given", [(0, 100, 100), (50, 100, 50), (200, 100, 100), (0, 0, 0), (7, 0, 7)])
def test_memory_and_cpu_without_a_wish_get_the_cap(asked, cap, given):
    spec = allow(parse_policy(f"[limits]\nmemory = {cap}\ncpu = {cap}"), argv=("id",), memory=asked, cpu=asked)

    assert (spec.memory, spec.cpu) == (given, given)


def test_no_output_wished_for_stays_none():
    assert allow(parse_policy("[limits]\noutput = 100"), argv=("id",), output=0).output == 0
