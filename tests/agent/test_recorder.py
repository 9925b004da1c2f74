"""What the recorder writes down, also when the disk is full, the supervisor is killed, or both keepers are."""

import errno
import os
import resource
import subprocess
import sys

import pytest
from running_executor import Hub, RunningExecutor, gone, kill, new_run_id, text_of

from dvic_agent.executor import tree
from dvic_agent.executor.command import environment, resolve_account, script_argv
from dvic_agent.executor.errors import Refusal
from dvic_agent.executor.recorder import Output
from dvic_agent.executor.rundir import StateDir
from dvic_wire.runs import RunSpec


@pytest.fixture
def executor(tmp_path):
    with RunningExecutor(tmp_path, Hub(), backend="children") as running:
        yield running


def family(executor, run):
    """(supervisor, recorder, command) of a run that has printed its pid."""
    executor.shown(run, "\n")
    command = int(text_of(executor.records(run), "out"))
    recorder = tree.read_process(command).parent
    return tree.read_process(recorder).parent, recorder, command


def start(executor):
    run = new_run_id()
    executor.request(run, argv=("sh", "-c", "echo $$; exec sleep 1000"))
    return run


def test_a_killed_supervisor_leaves_one_end_and_no_process(executor):
    run = start(executor)
    supervisor, recorder, command = family(executor, run)
    kill(supervisor)

    assert executor.ended(run)["state"] == "failed"
    assert gone(command) and gone(recorder)


def test_when_both_keepers_are_killed_the_next_sweep_ends_the_run(executor):
    run = start(executor)
    supervisor, recorder, command = family(executor, run)
    os.kill(supervisor, 19)  # SIGSTOP: it must not see the recorder's end before its own
    kill(recorder)
    kill(supervisor)
    assert gone(supervisor) and gone(recorder)

    assert executor.verb("sweep") == 0
    assert executor.ended(run)["state"] == "lost"
    assert gone(command)


def test_a_stopped_or_killed_recorder_can_not_keep_a_run_alive(executor):
    run = start(executor)
    _, recorder, command = family(executor, run)
    os.kill(recorder, 19)
    executor.cancel(run)

    assert executor.ended(run)["state"] == "cancelled"
    assert gone(command) and gone(recorder)


def test_times_never_go_back(tmp_path):
    run = StateDir(tmp_path / "var", os.getegid()).create(new_run_id(), {})
    output = Output(run)
    times = [output.now() for _ in range(1000)]

    assert times == sorted(times)
    run.close()


def test_a_disk_without_room_leaves_whole_lines_only(tmp_path):
    """RLIMIT_FSIZE stands for the full disk: a write stops in the middle of a line, the next one fails."""
    state = StateDir(tmp_path / "var", os.getegid())
    name = new_run_id()
    run = state.create(name, {})
    pid = os.fork()
    if pid == 0:
        try:
            import signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            output = Output(run)
            kept = [output.write({"time": 1, "out": "x" * 300}) for _ in range(5)]
            os._exit(0 if kept == [True] * 3 + [False] * 2 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    lines = (state.path / "runs" / name / "output.jsonl").read_bytes()
    assert lines.count(b"\n") == 3 and lines.endswith(b"\n")
    assert run.finish("finished", 0)
    run.close()


def test_a_run_is_recorded_once_even_when_it_is_asked_for_twice(executor):
    run = new_run_id()
    executor.request(run, argv=("echo", "once"))
    executor.ended(run)

    assert executor.verb("record", run) == 0
    assert text_of(executor.records(run), "out") == "once\n"
    assert executor.verb("record", "0" * 12) == 1


@pytest.mark.parametrize("script, argv", [
    ("#!/bin/sh\n", ["/bin/sh", "S", "a"]),
    ("#! /usr/bin/env -S python3 -u \nx", ["/usr/bin/env", "-S python3 -u", "S", "a"]),
    ("#!/bin/sh -e\r\n", ["/bin/sh", "-e", "S", "a"]),
    ("echo\n", ["/bin/sh", "S", "a"]),
    ("#!\n", ["/bin/sh", "S", "a"]),
    (" #!/bin/false", ["/bin/sh", "S", "a"]),
])
def test_a_first_line_names_the_interpreter(script, argv):
    assert script_argv(script, "S", ("a",)) == argv


def test_what_was_asked_for_wins_over_the_usual_environment_but_not_over_the_runs_id():
    account = resolve_account("")
    variables = environment("run0", account, RunSpec(argv=("x",), env=(("PATH", "/opt"), ("DVIC_RUN", "other"))))

    assert (variables["PATH"], variables["DVIC_RUN"], variables["USER"]) == ("/opt", "run0", account.name)


def test_an_unknown_user_is_refused():
    with pytest.raises(Refusal, match="no user nobody-has-this-name"):
        resolve_account("nobody-has-this-name")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: becomes another user")
def test_without_root_only_ones_own_user_can_be_had():
    text = """
import os
from dvic_agent.executor.command import resolve_account
from dvic_agent.executor.errors import Refusal
os.setresgid(1, 1, 1); os.setresuid(1, 1, 1)
print(resolve_account("").switch, resolve_account("daemon").uid)
try:
    resolve_account("root")
except Refusal as refusal:
    print(refusal.code, refusal)
"""
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout

    assert out == "False 1\nuser the executor runs as user daemon and can't become root: start it as root\n"


def test_a_process_that_is_gone_is_not_signalled():
    child = subprocess.Popen(["sleep", "1000"])
    known = tree.read_process(child.pid)
    other = tree.Process(known.pid, known.parent, known.started + 1)
    tree.send(other, 9)
    assert child.poll() is None

    tree.send(known, 9)
    assert child.wait(60) == -9
    tree.send(known, 9)
    assert tree.read_process(child.pid) is None


def test_an_unreadable_pid_is_no_process():
    with pytest.raises(OSError) as caught:
        os.pidfd_open(2**22 + 1)
    assert caught.value.errno in (errno.ESRCH, errno.EINVAL)
    assert tree.read_process(2**22 + 1) is None
