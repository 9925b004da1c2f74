"""install/trial/family.py: nothing that a trial started outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRIAL = Path(__file__).parents[2] / "install" / "trial"

RESTLESS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(300)
    os._exit(0)
time.sleep(300)
"""

PARENT = """
import os, sys, time
from pathlib import Path
import family

family.PATIENCE = 0.5
folder = Path(sys.argv[1])
ours = family.Family(folder)
ours.start("quiet", ["sleep", "300"], {"PATH": "/usr/bin:/bin"})
ours.start("restless", [sys.executable, "-c", Path(sys.argv[2]).read_text(), str(folder / "daemon.new")], {})
while not (folder / "daemon.new").exists() or not (folder / "daemon.new").read_text():
    time.sleep(0.01)
(folder / "pids").write_text(" ".join(map(str, family.descendants(os.getpid()))))
(folder / "ready").touch()
if sys.argv[3] == "end":
    ours.end()
else:
    time.sleep(300)
"""


@pytest.fixture
def begin(tmp_path):
    """Starts a trial's family; whatever a failing test leaves of it is ended."""
    parents = []

    def start(how):
        (tmp_path / "restless.py").write_text(RESTLESS)
        argv = [sys.executable, "-c", PARENT, str(tmp_path), str(tmp_path / "restless.py"), how]
        parents.append(subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(TRIAL)}))
        return parents[-1]

    yield start
    for parent in parents:
        parent.kill()
        parent.wait()
    for pid in (tmp_path / "pids").read_text().split() if (tmp_path / "pids").exists() else []:
        if alive(pid):
            os.kill(int(pid), signal.SIGKILL)


def alive(pid):
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def gone(pids, seconds=20.0):
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not left


def pids_of(folder, process):
    while not (folder / "ready").exists():
        assert process.poll() is None
        time.sleep(0.01)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def test_children_that_ignore_it_and_daemons_that_left_are_ended(begin, tmp_path):
    parent = begin("end")
    pids = pids_of(tmp_path, parent)
    assert len(pids) >= 3 and int((tmp_path / "daemon.new").read_text()) in pids
    assert parent.wait(30) == 0
    assert gone(pids)


def test_children_end_when_the_trial_itself_is_killed(begin, tmp_path):
    parent = begin("wait")
    pids = pids_of(tmp_path, parent)
    quiet = [pid for pid in pids if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0")]
    assert len(quiet) == 1
    parent.kill()
    parent.wait()
    assert gone(quiet)
