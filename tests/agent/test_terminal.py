"""Terminals at a machine: real processes on real pseudo-terminals. Here the executor's children hold them (or units,
where systemd is pid 1); tests/machines/test_executor_units.py runs this very file inside booted machines."""

import os
import shutil
import time

import pytest
from held_terminal import HeldTerminal
from running_executor import Hub, RunningExecutor

from dvic_agent.executor.tree import descendants
from dvic_wire.signing import PrivateKey
from dvic_wire.terminals import TERMINAL_WINDOW, Typed, encode_bytes, sign_input


@pytest.fixture
def executor(tmp_path):
    with RunningExecutor(tmp_path, Hub()) as running:
        yield running


def opened(executor, **wanted):
    terminal = HeldTerminal(executor, **wanted)
    assert terminal.answer == {"state": "running"}, terminal.answer
    return terminal.connect()


def test_a_shell_answers_what_is_typed_and_its_exit_code_is_the_run_s(executor):
    terminal = opened(executor)

    terminal.type("echo $((6*7))\n")
    terminal.sees("42\r\n")
    terminal.type("exit 3\n")
    terminal.read_all()

    end = executor.ended(terminal.run)
    assert (end["state"], end["exit_code"]) == ("failed", 3)


def test_it_is_a_terminal_of_its_own_with_a_login_s_environment(executor):
    terminal = opened(executor, argv=("/bin/sh", "-c", "tty; tty < /dev/tty; echo $TERM; stty -a; env; echo end"))

    shown = terminal.read_all().decode()

    assert shown.startswith("/dev/pts/")
    assert "/dev/tty" in shown and "xterm-256color" in shown and "iutf8" in shown
    names = {line.partition("=")[0] for line in shown.splitlines() if "=" in line and line.split("=")[0].isidentifier()}
    assert {"HOME", "USER", "SHELL", "PATH", "LANG", "TERM", "DVIC_RUN"} <= names
    assert not {name for name in names if name.startswith(("PYTEST", "VIRTUAL"))}


def test_without_a_command_it_is_the_user_s_login_shell(executor):
    terminal = opened(executor, argv=())

    terminal.type("echo \"name=$0\"\n")
    terminal.sees("name=-")
    terminal.type("exit\n")
    terminal.read_all()


def test_it_has_the_size_of_the_window_also_after_a_change(executor):
    terminal = opened(executor, cols=101, rows=33)

    terminal.type("stty size\n")
    terminal.sees("33 101")
    terminal.resize(64, 17)
    terminal.type("stty size\n")
    terminal.sees("17 64")


def test_ctrl_c_interrupts_what_is_in_the_foreground(executor):
    terminal = opened(executor)

    terminal.type("sleep 1003 || echo inter''rupted\n")
    terminal.sees("sleep")
    executor.until(lambda: any_sleeping())
    terminal.type(b"\x03")
    terminal.type("echo still''here\n")
    terminal.sees("stillhere")


def any_sleeping():
    return any(b"sleep\x001003" in open(f"/proc/{process.pid}/cmdline", "rb").read()
               for process in descendants(1) if os.path.exists(f"/proc/{process.pid}/cmdline"))


def test_utf_8_is_echoed_and_erased_by_the_character(executor):
    terminal = opened(executor, argv=("/bin/sh", "-c", "read line; printf '[%s]' \"$line\""))

    terminal.type("grüß\x7f\x7fn\n")

    assert "[grn]" in terminal.read_all().decode()


@pytest.mark.skipif(not shutil.which("vi"), reason="there is no vi here")
def test_vi_draws_a_screen_and_writes_a_file(executor, tmp_path):
    terminal = opened(executor, argv=("vi", "-u", "NONE", str(tmp_path / "letter")), cols=80, rows=24)

    terminal.sees(b"\x1b[24;1H")
    terminal.type("idear anna\x1b")
    terminal.sees("dear anna")
    terminal.type(":wq\r")
    terminal.read_all()

    assert (tmp_path / "letter").read_text() == "dear anna\n"
    assert executor.ended(terminal.run)["state"] == "finished"


@pytest.mark.skipif(not shutil.which("top"), reason="there is no top here")
def test_top_redraws_itself_when_the_window_grows(executor):
    terminal = opened(executor, argv=("top", "-d", "100"), cols=80, rows=10)
    terminal.sees("%CPU")
    shown = len(terminal.output)

    terminal.resize(90, 30)
    while b"%CPU" not in terminal.output[shown:]:
        assert terminal.hear()
    terminal.type("q")
    terminal.read_all()

    assert executor.ended(terminal.run)["state"] == "finished"


def test_what_the_session_s_key_has_not_signed_is_not_typed(executor):
    terminal = opened(executor)
    stranger, forged = PrivateKey.generate(), "touch forged\n"
    for line in (
        {"input": sign_input(stranger, terminal.run, 5, Typed(forged.encode()), now=time.time())},
        {"input": sign_input(terminal.key, "another00000000", 5, Typed(forged.encode()), now=time.time())},
        {"input": encode_bytes(forged.encode())},
        {"data": encode_bytes(forged.encode())},
        {"input": executor.hub.order(terminal.run, {}, data=encode_bytes(forged.encode()), n=5)},
    ):
        terminal.say(line)

    terminal.type("echo do''ne\n")
    terminal.sees("done")

    assert b"forged" not in terminal.output


def test_an_input_that_is_played_again_is_not_typed_again(executor):
    terminal = opened(executor)
    once = sign_input(terminal.key, terminal.run, 1, Typed(b"echo on''ce\n"), now=time.time())
    for _ in range(3):
        terminal.say({"input": once})
    terminal.n = 1
    terminal.type("echo do''ne\n")
    terminal.sees("done\r\n")

    assert terminal.output.count(b"once") == 1


def test_a_flood_is_held_back_until_it_is_acknowledged(executor):
    terminal = HeldTerminal(executor, argv=("yes",)).connect()

    while len(terminal.output) < TERMINAL_WINDOW:
        assert terminal.hear(acknowledge=False)
    terminal.say({"from": 0})
    terminal.hear(acknowledge=False)
    assert terminal.taken == 0
    while terminal.offset < TERMINAL_WINDOW:  # the same again, and nothing beyond the window
        assert terminal.hear(acknowledge=False)
    assert terminal.offset == TERMINAL_WINDOW
    terminal.say({"ack": TERMINAL_WINDOW})
    while terminal.offset < 2 * TERMINAL_WINDOW:
        assert terminal.hear(acknowledge=False)

    executor.cancel(terminal.run)
    assert executor.ended(terminal.run)["state"] == "cancelled"


def test_a_new_connection_goes_on_where_the_old_one_was_and_takes_its_place(executor):
    terminal = opened(executor)
    terminal.type("echo o''ne\n")
    terminal.sees("one\r\n")
    before, place = terminal.output, terminal.offset

    terminal.disconnect()
    terminal.connect()
    terminal.type("echo tw''o\n")
    terminal.sees("two\r\n")
    assert terminal.taken <= 2 and terminal.output.count(b"one\r\n") == 1

    terminal.output = b""
    terminal.connect(0)
    terminal.sees("two\r\n")
    assert terminal.output[:place] == before


def test_a_connection_that_breaks_while_output_is_on_its_way_is_followed_by_others(executor):
    """The next one gets the descriptor that it had."""
    terminal = opened(executor)
    for n in range(60):
        terminal.type(f"echo lo''st-{n}\n")
        terminal.disconnect()
        terminal.connect()
        terminal.type(f"echo he''ard-{n}\n")
        terminal.sees(f"heard-{n}\r\n")


def test_nobody_coming_back_hangs_it_up(executor):
    terminal = opened(executor, keep=5, argv=("sleep", "1000"))
    terminal.disconnect()

    end = executor.ended(terminal.run)

    assert (end["state"], end["reason"]) == ("cancelled", "nobody came back to it within 5 s")


def test_being_idle_ends_it_with_all_that_it_started(executor):
    terminal = opened(executor, idle=10, argv=("/bin/sh", "-c", "trap '' HUP TERM; sleep 987654 & wait; sleep 987654"))

    end = executor.ended(terminal.run)

    assert (end["state"], end["reason"]) == ("cancelled", "neither input nor output for 10 s")
    assert not [process for process in descendants(1) if b"987654" in read(f"/proc/{process.pid}/cmdline")]


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_the_last_output_is_kept_until_it_is_safe(executor):
    terminal = HeldTerminal(executor, argv=("/bin/sh", "-c", "seq 20000; echo last words"))
    assert terminal.answer == {"state": "running"}

    terminal.connect()
    shown = terminal.read_all()

    assert shown.endswith(b"20000\r\nlast words\r\n")
    assert executor.ended(terminal.run)["state"] == "finished"


def test_cancelling_hangs_up_a_shell_at_once(executor):
    terminal = opened(executor)
    terminal.type("echo he''re\n")
    terminal.sees("here")

    executor.cancel(terminal.run)

    assert executor.ended(terminal.run)["reason"] == "cancelled by olga"


def test_nothing_that_is_typed_or_shown_is_on_the_machine_s_disk(executor):
    terminal = opened(executor)
    terminal.type("echo secret''word\n")
    terminal.sees("secretword")
    terminal.type("exit\n")
    terminal.read_all()
    executor.ended(terminal.run)

    files = [path for path in executor.state_dir.rglob("*") if path.is_file()]
    assert files and not [path for path in files if b"secret" in path.read_bytes()]


@pytest.mark.parametrize(("policy", "reason"), [
    ('kinds = ["run"]', "does not allow the kind terminal"),
    ('argv = [["sh"]]', "a terminal could do anything"),
    ('users = ["nobody"]', "does not allow the user"),
    ('operator_keys = ["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"]', "an operator has signed as well"),
])
def test_the_machine_s_policy_can_refuse_terminals(executor, policy, reason):
    executor.policy(policy)

    answer = HeldTerminal(executor).answer

    assert answer["state"] == "refused" and reason in answer["reason"]


def test_an_order_for_a_run_opens_no_terminal(executor):
    terminal = HeldTerminal(executor)
    jws = executor.hub.order("0123456789abcd", {"argv": ["id"]})

    assert executor.ask({"request": "terminal", "run": "0123456789abcd", "jws": jws})["code"] == "signature"
    executor.cancel(terminal.run)


def test_a_user_who_may_not_be_become_is_refused(executor):
    assert HeldTerminal(executor, user="no-such-user").answer["code"] == "user"
