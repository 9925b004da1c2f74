"""The program that carries an update: one file that needs nothing of the package, and no library but Python's own."""

import os
import subprocess
import sys

from dvic_agent.executor.units import update_command
from dvic_agent.executor.update.folder import UpdateDir
from dvic_agent.executor.update.rescue import MARK, UNIT, arm, disarm, write_program

STANDARD_ONLY = ("import sys; sys.path = [p for p in sys.path if not p.endswith('-packages')]; "
                 "import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')")


def call(program, *arguments):
    return subprocess.run([sys.executable, "-I", "-S", "-c", STANDARD_ONLY, str(program), *arguments], cwd="/",
                          capture_output=True, text=True, timeout=60)


def test_it_runs_without_any_library_and_does_nothing_where_there_is_no_update(tmp_path):
    program = tmp_path / "program.pyz"
    write_program(program)

    for verb in ("carry", "resume"):
        done = call(program, "--state-dir", str(tmp_path / "var"), verb)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["program.pyz"]


def test_python_takes_it_as_it_is(tmp_path):
    program = tmp_path / "program.pyz"
    write_program(program)

    done = subprocess.run([sys.executable, "-I", program, "--help"], capture_output=True, text=True, cwd="/")
    assert (done.returncode, "resume" in done.stdout) == (0, True)


def test_its_unit_outlives_the_agent_and_is_started_again_when_it_is_killed(tmp_path):
    state = tmp_path / "var"
    command = update_command("0123456789ab", UpdateDir(state).program, state)
    assert command[-6:] == [sys.executable, "-I", str(UpdateDir(state).program), "--state-dir", str(state), "carry"]
    for part in ("--unit=dvic-run-0123456789ab.service", "--slice=dvic.slice", "--property=Restart=on-failure",
                 "--property=KillMode=mixed"):
        assert part in command


def test_the_unit_for_the_next_start_is_there_while_it_is_needed(tmp_path):
    etc, own = tmp_path / "etc", tmp_path / "own"
    for folder in (etc, own):
        folder.mkdir()
    arm(etc, (own,))  # a package without it: the machine can still be updated
    assert os.listdir(etc) == []

    (own / UNIT).write_text("[Unit]\n")
    arm(etc, (own,))
    arm(etc, (own,))
    assert (etc / UNIT).read_bytes() == MARK + b"[Unit]\n"
    disarm(etc)
    disarm(etc)
    assert os.listdir(etc) == []


def test_a_unit_of_the_machines_owner_stays_as_it_is(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / UNIT).write_text("[Unit]\n")
    (tmp_path / UNIT).write_text("mine")
    arm(tmp_path, (own,))
    disarm(tmp_path)
    assert (tmp_path / UNIT).read_text() == "mine"
