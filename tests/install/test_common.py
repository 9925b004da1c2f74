"""install/common.sh: small pieces that both scripts share."""

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.fixture
def shell(tmp_path):
    """Runs a line of shell with common.sh sourced, in a checkout of its own whose PATH is `tmp_path/bin` first."""
    (tmp_path / "bin").mkdir()

    def run(line: str, **environ: str) -> subprocess.CompletedProcess:
        script = f'set -eu; DVIC_TOP={tmp_path}; . {TOP}/install/common.sh; mkdir -p "$state"; {line}'
        return subprocess.run(["sh", "-c", script], text=True, capture_output=True, timeout=60, input="",
                              env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", **environ})

    def program(name: str, text: str) -> None:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    run.program = program
    run.folder = tmp_path
    return run


def test_packages_that_are_missing_are_found(shell):
    assert shell('missing_of "base-files no-such-package-dvic"').stdout == "no-such-package-dvic "


def test_what_is_installed_needs_no_apt_get(shell):
    shell.program("apt-get", "echo used; exit 1")
    done = shell('need_packages "base-files"')
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_missing_is_installed_without_a_question_where_nobody_is(shell):
    shell.program("apt-get", f'echo "$@" >>{shell.folder}/asked')
    shell.program("id", "echo 0")
    assert shell('need_packages "no-such-package-dvic"').returncode == 0
    update, install = (shell.folder / "asked").read_text().splitlines()
    assert "update" in update and "install" in install and install.endswith("no-such-package-dvic")


def test_without_root_sudo_is_used(shell):
    shell.program("apt-get", "exit 0")
    shell.program("id", "echo 1000")
    shell.program("sudo", f'echo "$@" >>{shell.folder}/asked')
    assert shell('need_packages "no-such-package-dvic"').returncode == 0
    assert all("apt-get" in line for line in (shell.folder / "asked").read_text().splitlines())


def test_a_failing_download_shows_what_was_said_and_what_to_look_at(shell):
    shell.program("apt-get", "echo 'Temporary failure resolving'; exit 100")
    shell.program("id", "echo 0")
    done = shell('need_packages "no-such-package-dvic"')
    assert done.returncode == 1
    assert "Temporary failure resolving" in done.stderr and "is there a network" in done.stderr


def test_an_old_python_is_named(shell):
    done = shell("python3() { :; }; find_python; echo $python")
    assert done.returncode == 0 and done.stdout.strip() == "/usr/bin/python3"
    shell.program("python3", '[ "$1" = --version ] && echo Python 3.9.2 || exit 1')
    script = f"sed 's|/usr/bin/python3|/nonexistent|' {TOP}/install/common.sh >{shell.folder}/old.sh"
    done = shell(f'{script}; . {shell.folder}/old.sh; find_python')
    assert done.returncode == 1 and "3.11 or newer is needed" in done.stderr and "3.9.2" in done.stderr


def test_a_virtual_environment_is_built_again_only_when_what_decides_it_has_changed(shell):
    for name in ("setup.cfg", "pyproject.toml"):
        (shell.folder / name).write_text("one")
    (shell.folder / "libraries" / "python").mkdir(parents=True)
    (shell.folder / "libraries" / "python" / "pyproject.toml").write_text("one")
    # stands for a python: makes a virtual environment that holds itself
    shell.program("fakepython", f'echo "$@" >>{shell.folder}/built; [ "$2" != venv ] || '
                                f'{{ mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; }}')
    build = f'python={shell.folder}/bin/fakepython; need_venv "$state/venv" something'
    for _ in range(2):
        assert shell(build).returncode == 0
    built = (shell.folder / "built").read_text()
    assert built.count("-m venv") == 1 and built.count("pip install something") == 1
    (shell.folder / "setup.cfg").write_text("two")
    assert shell(build).returncode == 0
    assert (shell.folder / "built").read_text().count("-m venv") == 2


@pytest.mark.parametrize("script", ["try.sh", "test.sh"])
def test_help_says_how_it_is_used(script):
    done = subprocess.run([TOP / "install" / script, "--help"], text=True, capture_output=True, timeout=30)
    assert done.returncode == 0 and f"install/{script}" in done.stdout and "--yes" in done.stdout


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port"], ["--nonsense"]])
def test_a_wrong_option_is_refused_before_anything_is_done(arguments):
    done = subprocess.run([TOP / "install" / "try.sh", *arguments], text=True, capture_output=True, timeout=30,
                          env={**os.environ, "CI": "true"})
    assert done.returncode in (1, 2) and done.stderr
