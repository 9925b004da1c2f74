"""Targets, host keys, questions and secrets of enrolling by ssh: what they may be, and what is refused."""

import base64
import shutil
import subprocess

import pytest

from dvic_wire.errors import LimitExceeded, MalformedMessage
from dvic_wire.pushing import MARK, HostKey, Question, Secret, Target, about, is_encrypted, scanned, split_place
from dvic_wire.sealing import SealingKey

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh (apt-get install openssh-client)")

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJjoiSSJBmSZqAKbhtlmbLTuxfUSJTx4Q1zS0WWpwmtu"


@pytest.mark.parametrize(("text", "parts", "shown"), [
    ("root@10.0.0.7", ("root", "10.0.0.7", 22), "root@10.0.0.7"),
    ("pi@lab-8:2222", ("pi", "lab-8", 2222), "pi@lab-8:2222"),
    ("eva@host.example.:22", ("eva", "host.example.", 22), "eva@host.example."),
    ("root@fe80::1%eth0", ("root", "fe80::1%eth0", 22), "root@fe80::1%eth0"),
    ("root@[2001:db8::7]:2222", ("root", "2001:db8::7", 2222), "root@[2001:db8::7]:2222"),
    ("root@[2001:db8::7]", ("root", "2001:db8::7", 22), "root@2001:db8::7"),
    ("eva@dom.example@host", ("eva@dom.example", "host", 22), "eva@dom.example@host"),
    ("DOM\\eva@host", ("DOM\\eva", "host", 22), "DOM\\eva@host"),
])
def test_a_target_is_written_as_people_write_it(text, parts, shown):
    target = Target.parse(text)
    assert (target.user, target.host, target.port) == parts
    assert str(target) == shown and Target.parse(shown) == target


@pytest.mark.parametrize("text", [
    "", "host", "@host", "root@", "root@-oProxyCommand=id", "-l@host", "root@ho st", "root@host;id", "root@host:0",
    "root@host:65536", "root@host:x", "root@host:", "root@$(id)", "root@[::1", "root@::1:x", "ro ot@host", "root@a..b",
    "root@host\n", "root@" + "a" * 300, "root@[host]:99999", "root@fe80::1%-x y", "a'b@host"])
def test_what_ssh_or_a_shell_could_take_for_something_else_is_no_target(text):
    with pytest.raises(MalformedMessage):
        Target.parse(text)


def test_a_place_is_a_target_without_its_user():
    assert split_place("lab-8:2222") == ("lab-8", 2222)
    assert Target("", *split_place("[::1]:99")).place == "[::1]:99"


@needs_ssh
def test_a_fingerprint_is_the_one_that_ssh_shows(tmp_path):
    (tmp_path / "key.pub").write_text(ED + "\n")
    shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert HostKey.parse(ED).fingerprint == shown.stdout.split()[1]


@pytest.mark.parametrize("text", [
    "", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa " + ED.split()[1], ED + "\nssh-rsa x", ED + " x", None,
    "ssh-ed25519 " + "A" * 5000])
def test_what_is_no_host_key_is_refused(text):
    with pytest.raises(MalformedMessage):
        HostKey.parse(text)


def test_of_what_was_scanned_the_best_kind_comes_first_and_the_rest_is_passed_over():
    rsa = "ssh-rsa " + base64.b64encode(b"\0\0\0\7ssh-rsa" + bytes(40)).decode()
    text = f"# host:22 SSH-2.0-OpenSSH_9.2\nhost {rsa}\n\nhost {ED}\nhost {ED}\nnonsense\nhost ssh-dss AAAA\n"
    assert scanned(text) == (HostKey.parse(ED), HostKey.parse(rsa))
    assert scanned("") == ()


def test_a_question_goes_and_comes_as_one_line():
    question = Question((HostKey.parse(ED),), SealingKey.generate().public)
    assert question.line().startswith(MARK) and "\n" not in question.line()
    assert Question.parse(question.line()) == question


@pytest.mark.parametrize("line", [
    MARK, MARK + "{}", MARK + "[]", MARK + '{"keys":[],"seal":"x"}', MARK + '{"keys":"x","seal":"x"}',
    MARK + f'{{"keys":["{ED}"],"seal":"AAAA"}}', MARK + f'{{"keys":["{ED}"],"seal":7}}', MARK + "[" * 5000])
def test_what_is_no_question_is_refused(line):
    with pytest.raises(MalformedMessage):
        Question.parse(line)


def test_a_secret_goes_and_comes_whole_and_is_shown_by_no_repr():
    secret = Secret("pass wörd \\ ' ", "-----BEGIN...\n", "phrase")
    assert Secret.decode(secret.encode()) == secret
    assert "pass" not in repr(secret)


@pytest.mark.parametrize("secret", [Secret(), Secret(passphrase="x"), Secret("two\nlines"), Secret("x\0"),
                                    Secret("x", passphrase="a\rb")])
def test_a_secret_that_could_be_answered_wrongly_is_refused(secret):
    with pytest.raises(MalformedMessage):
        secret.encode()


def test_a_secret_has_a_limit():
    with pytest.raises(LimitExceeded):
        Secret(key="x" * 40_000).encode()


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"password":7}', b'{"passwort":"x"}', b"\xff"])
def test_a_damaged_secret_is_refused(data):
    with pytest.raises(MalformedMessage):
        Secret.decode(data)


def test_what_is_sealed_is_about_run_target_and_host_key():
    target = Target("root", "h")
    texts = {about(what, run, to, key) for what in ("secret", "script") for run in "ab"
             for to in (target, Target("root", "h", 23)) for key in ("SHA256:x", "SHA256:y")}
    assert len(texts) == 16


@needs_ssh
@pytest.mark.parametrize(("options", "encrypted"), [
    (("-t", "ed25519", "-N", ""), False), (("-t", "ed25519", "-N", "phrase"), True),
    (("-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""), False),
    (("-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "phrase"), True),
    (("-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "phrase"), True)])
def test_a_key_that_asks_for_a_passphrase_is_known_as_one(tmp_path, options, encrypted):
    subprocess.run(["ssh-keygen", "-q", *options, "-f", tmp_path / "key"], check=True)
    assert is_encrypted((tmp_path / "key").read_text()) is encrypted


@pytest.mark.parametrize("text", ["", "hello", ED, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
                                  "-----BEGIN OPENSSH PRIVATE KEY-----\n!!\n-----END OPENSSH PRIVATE KEY-----",
                                  "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"])
def test_what_is_no_private_key_is_refused(text):
    with pytest.raises(MalformedMessage):
        is_encrypted(text)
