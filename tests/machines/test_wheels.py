"""The wheels in a virtual environment of their own, as pip and pipx put them there."""

import subprocess
import venv
from pathlib import Path

import pytest
from debs import built

pytestmark = pytest.mark.machines

INSTALL_SECONDS = 300


@pytest.fixture(scope="module")
def wheels(tmp_path_factory, build_venv, tell) -> Path:
    tell("building the wheels")
    out = tmp_path_factory.mktemp("wheels")
    built(out, "wheels", "dvic-*.whl", build_venv)
    return out


@pytest.fixture(scope="module")
def programs(wheels, tmp_path_factory) -> Path:
    """Where the programs are."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=True)
    [wheel], [library] = wheels.glob("dvic-*.whl"), wheels.glob("dvic_log-*.whl")
    subprocess.run([place / "bin/pip", "install", "--quiet", f"dvic[hub] @ {wheel.as_uri()}", library], check=True,
                   timeout=INSTALL_SECONDS)
    return place / "bin"


def run(program: Path, *arguments: object) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd="/",
                          env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_each_program_says_its_version(programs, debs):
    for name in ("hubctl", "dvic-hub"):
        assert run(programs / name, "--version").split()[-1] == debs.version


def test_a_hub_from_the_wheel_can_be_set_up_with_all_that_it_serves(programs, tmp_path):
    for name in ("sites-available", "sites-enabled"):
        (tmp_path / "nginx" / name).mkdir(parents=True)
    said = run(programs / "dvic-hub", "setup", "--config", tmp_path / "hub.toml", "--state-dir", tmp_path / "var",
               "--url", "https://hub.test", "--private-authority", "--nginx", tmp_path / "nginx")
    assert "password" in said and "proxy_pass" in (tmp_path / "nginx/sites-available/dvic-hub").read_text()


def test_the_library_for_programs_needs_nothing_else(programs):
    said = run(programs / "python", "-c", "import dvic_log; print(dvic_log.__file__)")
    assert str(programs.parent) in said
