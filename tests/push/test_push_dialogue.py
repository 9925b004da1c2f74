"""What is said to ssh, sudo and the shell there: each secret once, to whom it belongs, and the script last."""

import pytest

from dvic_push.command import NO_SUDO, READY, SUDO_ASKS
from dvic_push.dialogue import HIDDEN, MAX_LINE, Dialogue
from dvic_push.errors import PushFailed
from dvic_wire.pushing import Secret

PASSWORD = Secret("correct horse")
SCRIPT = b"echo installed\n"


def test_ssh_is_told_the_password_once_and_not_again():
    it = Dialogue(PASSWORD, SCRIPT)
    it.terminal(b"pi@lab-8's password: ")
    assert it.to_terminal == b"correct horse\n"
    it.terminal(b"\r\n")
    with pytest.raises(PushFailed, match="Verification code"):
        it.terminal(b"(pi@lab-8) Verification code: ")
    assert it.to_terminal == b"correct horse\n" and it.to_stdin == b""


def test_for_a_key_the_passphrase_is_told_and_never_the_password_of_sudo():
    it = Dialogue(Secret("correct horse", "key", "open sesame"), SCRIPT)
    it.terminal(b"\rEnter passphrase for key '/proc/1/fd/3': ")
    assert it.to_terminal == b"open sesame\n"
    with pytest.raises(PushFailed, match="passphrase of the key is wrong"):
        it.terminal(b"\r\nEnter passphrase for key '/proc/1/fd/3': ")
    with pytest.raises(PushFailed, match="not given"):
        Dialogue(Secret("correct horse", "key"), SCRIPT).terminal(b"Enter passphrase: ")


def test_the_script_is_sent_when_a_shell_of_root_waits_and_then_all_is_said():
    it = Dialogue(PASSWORD, SCRIPT)
    assert it.out(b"Welcome to lab-8\n" + READY[:5]) == [b"Welcome to lab-8"]
    assert (it.to_stdin, it.closing) == (b"", False)
    assert it.out(READY[5:] + b"\n") == []
    assert (it.to_stdin, it.closing, it.ready) == (SCRIPT, True, True)
    it.out(READY + b"\n")
    assert it.to_stdin == SCRIPT


def test_sudo_is_told_the_password_once_before_the_script():
    it = Dialogue(PASSWORD, SCRIPT)
    assert it.err(b"We trust you have received\r\nthe usual lecture\n" + SUDO_ASKS[:4]) == \
        [b"We trust you have received", b"the usual lecture"]
    it.err(SUDO_ASKS[4:])
    assert it.to_stdin == b"correct horse\n"
    assert it.err(b"Sorry, try again.\n") == [b"Sorry, try again."]
    with pytest.raises(PushFailed, match="sudo does not accept"):
        it.err(SUDO_ASKS)


def test_what_looks_like_sudo_behind_the_script_is_told_nothing():
    it = Dialogue(PASSWORD, SCRIPT)
    it.out(READY + b"\n")
    it.err(b"hello " + SUDO_ASKS)
    assert it.to_stdin == SCRIPT


def test_a_missing_password_for_sudo_and_a_missing_sudo_are_named():
    with pytest.raises(PushFailed, match="--ask-password"):
        Dialogue(Secret(key="k"), SCRIPT).err(SUDO_ASKS)
    with pytest.raises(PushFailed, match="no sudo"):
        Dialogue(PASSWORD, SCRIPT).out(NO_SUDO + b"\n")


def test_a_secret_that_is_repeated_there_is_not_shown():
    it = Dialogue(Secret("correct horse", "k", "open sesame"), SCRIPT)
    assert it.out(b"you said correct horse\n") == [b"you said " + HIDDEN]
    assert it.err(b"and open sesame\n") == [b"and " + HIDDEN]
    it.err(b"left: correct horse")
    assert it.end() == ([], [b"left: " + HIDDEN])
    assert it.last == "left: ********"


def test_the_last_words_on_stderr_are_remembered():
    it = Dialogue(PASSWORD, SCRIPT)
    it.err(b"first\n\nPermission denied\n\n")
    it.end()
    assert it.last == "Permission denied"


def test_a_line_without_an_end_is_let_go():
    it = Dialogue(PASSWORD, SCRIPT)
    assert it.out(b"x" * (MAX_LINE + 1)) == [b"x" * (MAX_LINE + 1)]
