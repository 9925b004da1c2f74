"""What both backends of the executor promise. Here it runs with child processes (or with systemd, when that is pid 1);
tests/machines/test_executor_units.py runs the very same file inside booted machines, under their systemd."""

import base64
import os
import pwd
import signal
import sys
import time

import pytest
from running_executor import Hub, RunningExecutor, gone, kill, new_run_id, text_of

from dvic_agent.executor import tree

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: other users are involved")

IGNORES_SIGTERM = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("grandchild", os.getpid(), flush=True)
        time.sleep(1000)
    os._exit(0)
os.wait()
print("main", os.getpid(), flush=True)
time.sleep(1000)
"""
"""A program that leaves its session, forks twice and takes no notice of SIGTERM."""


@pytest.fixture
def executor(tmp_path):
    with RunningExecutor(tmp_path, Hub()) as running:
        yield running


def pid_of(executor, run, who):
    """The pid that IGNORES_SIGTERM printed, as seen from here."""
    executor.shown(run, who)
    return int(text_of(executor.records(run), "out").split(who)[1].split()[0])


def python(text):
    return (sys.executable, "-c", text)


def test_a_run_has_a_start_then_output_then_one_end(executor):
    first, second, last = executor.execute(argv=("echo", "good morning"))

    assert first["start"]["pid"] > 1
    assert second["out"] == "good morning\n"
    assert last["end"] == {"state": "finished", "exit_code": 0, "reason": "", "cut": 0}
    assert first["time"] <= second["time"] <= last["time"]


def test_an_exit_code_makes_it_failed(executor):
    end = executor.execute(argv=("sh", "-c", "exit 7"))[-1]["end"]

    assert (end["state"], end["exit_code"]) == ("failed", 7)


def test_a_signal_makes_it_failed_without_exit_code(executor):
    end = executor.execute(argv=("sh", "-c", "kill -SEGV $$"))[-1]["end"]

    assert (end["state"], end["exit_code"]) == ("failed", -1)
    assert "SIGSEGV" in end["reason"]


def test_stdout_and_stderr_are_kept_apart_and_in_order(executor):
    steps = "import sys, time\nfor i in range(5):\n print(i, flush=True); time.sleep(.05)\n" \
            " print(-i, file=sys.stderr, flush=True); time.sleep(.05)"
    records = executor.execute(argv=python(steps))

    assert text_of(records, "out") == "0\n1\n2\n3\n4\n"
    assert text_of(records, "err") == "0\n-1\n-2\n-3\n-4\n"
    order = ["out" if "out" in record else "err" for record in records if "out" in record or "err" in record]
    assert order == ["out", "err"] * 5
    assert [record["time"] for record in records] == sorted(record["time"] for record in records)


def test_output_is_there_while_the_run_goes_on(executor):
    run = new_run_id()
    executor.request(run, argv=("sh", "-c", "printf 'no line end'; sleep 1000"))

    executor.shown(run, "no line end")
    executor.cancel(run)


def test_stdin_environment_and_directory_are_as_asked_for(executor, tmp_path):
    place = tmp_path / "place"
    place.mkdir(mode=0o755)
    out = text_of(executor.execute(argv=("sh", "-c", "cat; echo $COLOUR; pwd"), stdin="häß\n", cwd=str(place),
                                   env=(("COLOUR", "red"),)), "out")

    assert out == f"häß\nred\n{place}\n"


def test_nothing_of_the_executors_own_environment_gets_through(executor):
    names = {line.split("=")[0] for line in text_of(executor.execute(argv=("env",)), "out").splitlines()}

    assert names == {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "DVIC_RUN"}


def test_no_descriptor_of_the_executor_gets_through(executor):
    out = text_of(executor.execute(argv=("ls", "/proc/self/fd")), "out")

    assert out.split() == ["0", "1", "2", "3"]  # 3 is the directory that ls reads


def test_without_stdin_there_is_none(executor):
    assert text_of(executor.execute(argv=("cat",)), "out") == ""


def test_arguments_reach_the_command_without_any_shell(executor):
    odd = ("$HOME", "a b", "%h", "'", "", "*", ";ls", "\n")
    out = text_of(executor.execute(argv=(*python("import sys; print(sys.argv[1:])"), *odd)), "out")

    assert out.strip() == str(list(odd))


def test_a_script_is_started_by_its_first_line(executor):
    script = f"#!{sys.executable} -I\nimport sys\nprint(sys.argv[1:], sys.flags.isolated)\n"

    assert text_of(executor.execute(script=script, argv=("a b", "c")), "out") == "['a b', 'c'] 1\n"


def test_a_script_without_first_line_is_started_by_sh(executor):
    assert text_of(executor.execute(script="echo $1; exit 0\n", argv=("hello",)), "out") == "hello\n"


def test_a_script_may_read_its_stdin(executor):
    assert text_of(executor.execute(script="#!/bin/sh\ncat\n", stdin="in\n"), "out") == "in\n"


def test_a_command_that_does_not_exist_fails_and_says_so(executor):
    (only,) = executor.execute(argv=("no-such-command",))

    assert only["end"]["state"] == "failed"
    assert only["end"]["reason"] == "no-such-command can't be executed: No such file or directory"


def test_a_directory_that_does_not_exist_fails_and_says_so(executor):
    (only,) = executor.execute(argv=("id",), cwd="/no/such/place")

    assert only["end"]["state"] == "failed"
    assert "/no/such/place can't be entered" in only["end"]["reason"]


def test_bytes_that_are_no_text_travel_as_base64(executor):
    records = executor.execute(argv=("printf", r"text\n\377\376\nmore\n"))
    pieces = [base64.b64decode(r["binary"]) if "binary" in r else r["out"].encode() for r in records if "out" in r]

    assert b"".join(pieces) == b"text\n\xff\xfe\nmore\n"
    assert "text\n" in [record.get("out") for record in records]


def test_more_output_than_the_limit_is_cut_and_counted_and_the_run_goes_on(executor):
    records = executor.execute(argv=("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; echo end >&2; exit 0"),
                               output=1000)

    assert text_of(records, "out") == "x" * 1000
    assert records[-1]["end"] == {"state": "finished", "exit_code": 0, "reason": "", "cut": 1_000_000 + 4 - 1000}


def test_a_run_that_takes_too_long_is_timed_out_with_its_output_so_far(executor):
    records = executor.execute(argv=("sh", "-c", "echo so far; exec sleep 1000"), timeout=1)

    assert text_of(records, "out") == "so far\n"
    assert records[-1]["end"]["state"] == "timed-out"


def test_last_words_after_the_time_limit_are_kept(executor):
    records = executor.execute(argv=("sh", "-c", "trap 'echo bye; exit 0' TERM; echo hi; sleep 1000 & wait"), timeout=1)

    assert text_of(records, "out") == "hi\nbye\n"
    assert records[-1]["end"]["state"] == "timed-out"


def test_more_memory_than_the_limit_makes_it_failed(executor):
    hungry = "x = bytearray(1 << 20)\nwhile True: x += bytearray(len(x))"
    end = executor.execute(argv=python(hungry), memory=128 << 20)[-1]["end"]

    assert end["state"] == "failed"


def test_a_memory_limit_leaves_a_modest_program_alone(executor):
    assert executor.execute(argv=("echo", "ok"), memory=128 << 20)[-1]["end"]["state"] == "finished"


def test_cancel_ends_the_whole_tree_whatever_it_does_against_it(executor):
    run = new_run_id()
    executor.request(run, argv=python(IGNORES_SIGTERM))
    family = [os.pidfd_open(pid_of(executor, run, who)) for who in ("main", "grandchild")]

    assert executor.cancel(run)["state"] == "running"

    assert executor.ended(run)["state"] == "cancelled"
    for member in family:
        with pytest.raises(ProcessLookupError):
            signal.pidfd_send_signal(member, 0)
        os.close(member)


def test_a_cancelled_run_says_who_did_it(executor):
    run = new_run_id()
    executor.request(run, argv=("sleep", "1000"))
    executor.cancel(run)

    assert executor.ended(run) == {"state": "cancelled", "exit_code": -1, "reason": "cancelled by olga", "cut": 0}


def test_cancel_before_the_start_bars_the_run_for_ever(executor):
    run = new_run_id()
    assert executor.cancel(run)["state"] == "cancelled"

    assert executor.request(run, argv=("touch", str(executor.folder / "made")))["state"] == "cancelled"
    assert not executor.output_file(run).exists()
    assert not (executor.folder / "made").exists()


def test_cancel_after_the_end_changes_nothing(executor):
    run = new_run_id()
    executor.request(run, argv=("true",))
    before = executor.ended(run)

    assert executor.cancel(run)["state"] == "running"
    assert executor.records(run)[-1]["end"] == before


def test_what_a_run_leaves_in_the_background_ends_with_it(executor):
    run = new_run_id()
    executor.request(run, argv=("sh", "-c", "setsid sleep 1000 & echo left $!"))
    executor.shown(run, "left")
    left = int(text_of(executor.records(run), "out").split()[1])

    assert executor.ended(run)["state"] == "finished"
    assert gone(left)


def test_the_same_id_is_never_started_again(executor):
    run, made = new_run_id(), executor.folder / "made"
    argv = ("sh", "-c", f"echo once >> {made}")
    executor.request(run, argv=argv)
    executor.ended(run)

    assert executor.request(run, argv=argv) == {"state": "running"}
    assert executor.ask({"request": "forget", "run": run}) == {"state": "forgotten"}
    assert executor.request(run, argv=argv)["state"] == "lost"
    assert made.read_text() == "once\n"


def test_the_same_id_from_many_at_once_starts_once(executor):
    run, made = new_run_id(), executor.folder / "made"
    order = executor.hub.order(run, {"argv": ["sh", "-c", f"echo once >> {made}"]})
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            try:
                executor.request(run, jws=order)
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    executor.ended(run)

    assert made.read_text() == "once\n"


def test_a_run_that_goes_on_is_not_forgotten(executor):
    run = new_run_id()
    executor.request(run, argv=("sleep", "1000"))

    assert executor.ask({"request": "forget", "run": run})["state"] == "refused"
    executor.cancel(run)
    executor.ended(run)
    assert executor.ask({"request": "forget", "run": run}) == {"state": "forgotten"}
    assert not executor.output_file(run).parent.exists()


def test_a_run_outlives_the_executor_that_started_it(executor):
    run, door = new_run_id(), executor.folder / "door"
    os.mkfifo(door)
    executor.request(run, argv=("sh", "-c", f"echo waiting; cat {door}"))
    executor.shown(run, "waiting")
    executor.kill()
    executor.start()

    assert executor.request(run, argv=("true",)) == {"state": "running"}
    door.write_text("through\n")
    assert executor.ended(run)["state"] == "finished"
    assert text_of(executor.records(run), "out") == "waiting\nthrough\n"


def test_a_killed_recorder_leaves_one_end_and_no_process(executor):
    run = new_run_id()
    executor.request(run, argv=python(IGNORES_SIGTERM))
    grandchild, main = pid_of(executor, run, "grandchild"), pid_of(executor, run, "main")
    kill(tree.read_process(main).parent)

    assert executor.ended(run)["state"] == "failed"
    assert gone(main) and gone(grandchild)
    assert executor.verb("sweep") == 0
    assert executor.verb("record-end", run) == 0
    assert sum("end" in record for record in executor.records(run)) == 1


def test_too_many_at_once_are_refused_and_there_is_room_again_afterwards(executor):
    executor.policy("[limits]\nruns = 2\n")
    first, second = new_run_id(), new_run_id()
    for run in (first, second):
        assert executor.request(run, argv=("sleep", "1000"))["state"] == "running"

    answer = executor.request(new_run_id(), argv=("true",))
    assert (answer["state"], answer["code"]) == ("refused", "busy")

    executor.cancel(first)
    executor.ended(first)
    assert executor.execute(argv=("true",))[-1]["end"]["state"] == "finished"
    executor.cancel(second)


def test_the_limits_of_this_machine_win_over_what_is_asked_for(executor):
    executor.policy("[limits]\ntimeout = 1\noutput = 10\n")
    records = executor.execute(argv=("sh", "-c", "echo 0123456789abcdef; exec sleep 1000"), timeout=300)

    assert text_of(records, "out") == "0123456789"
    assert records[-1]["end"]["state"] == "timed-out"
    assert "1 s" in records[-1]["end"]["reason"]


@as_root
def test_a_run_has_its_users_rights_and_groups_and_nothing_else(executor):
    out = text_of(executor.execute(argv=("sh", "-c", "id -un; id -G; echo $HOME $USER; cat /etc/shadow"),
                                   user="daemon"), "out").splitlines()
    entry = pwd.getpwnam("daemon")
    groups = " ".join(map(str, dict.fromkeys([entry.pw_gid, *os.getgrouplist("daemon", entry.pw_gid)])))

    assert out == ["daemon", groups, f"{entry.pw_dir} daemon"]


@as_root
def test_a_run_of_another_user_may_reopen_its_own_output(executor):
    records = executor.execute(script="#!/bin/sh\necho a > /dev/stdout\necho b > /dev/stderr\n", user="daemon")

    assert (text_of(records, "out"), text_of(records, "err")) == ("a\n", "b\n")


@as_root
def test_a_run_of_another_user_is_ended_too(executor):
    run = new_run_id()
    executor.request(run, argv=("sleep", "1000"), user="daemon")
    executor.cancel(run)

    assert executor.ended(run)["state"] == "cancelled"


def test_a_run_is_readable_for_the_group_and_its_request_for_nobody_else(executor):
    run = new_run_id()
    executor.request(run, argv=("true",))
    executor.ended(run)
    folder = executor.output_file(run).parent
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}

    assert folder.stat().st_mode & 0o777 == 0o750
    assert modes.pop("output.jsonl") == 0o640
    assert set(modes.values()) == {0o600}


def test_stopping_the_executor_can_end_its_runs(tmp_path):
    run = new_run_id()
    with RunningExecutor(tmp_path, Hub()) as running:
        running.request(run, argv=("sleep", "1000"))

    assert running.process.returncode == 0
    assert running.records(run)[-1]["end"]["state"] == "cancelled"


def test_a_hundred_short_runs_all_end(executor):
    runs = [new_run_id() for _ in range(100)]
    began = time.time_ns() // 1000
    for run in runs:
        assert executor.request(run, argv=("echo", run))["state"] == "running"
    for run in runs:
        assert executor.ended(run)["state"] == "finished"
        assert text_of(executor.records(run), "out") == f"{run}\n"
        assert executor.records(run)[0]["time"] >= began
