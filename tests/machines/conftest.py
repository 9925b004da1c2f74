"""What every test on a machine needs of the host, and what they share: the packages of this checkout, and a word to
whoever waits for them (`tell`), since one of them may take a minute."""

import shutil
import sys
import time

import pytest
from debs import build_agent, build_debs, debs_in
from made_once import made_once, session_folder

TOOLS = ("debootstrap", "systemd-nspawn", "nsenter")


@pytest.fixture(scope="session", autouse=True)
def tools():
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)} (apt-get install debootstrap systemd-container util-linux)")


@pytest.fixture(scope="session")
def tell(pytestconfig):
    """Say at once, past what pytest captures, what a long test is about to do."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    began = time.monotonic()

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n    {time.monotonic() - began:6.0f} s  {text}", end=" ", file=sys.stderr, flush=True)

    return say


@pytest.fixture(scope="session")
def build_venv(tmp_path_factory):
    """The environment for all that is built of the hub in a session."""
    if shutil.which("dh_python3") is None:
        pytest.skip("needs debhelper dh-python libpython3-dev lintian (apt-get install)")
    return session_folder(tmp_path_factory) / "build-venv"


@pytest.fixture(scope="session")
def debs(tmp_path_factory, build_venv, tell):
    tell("building the packages")
    return debs_in(made_once(tmp_path_factory, "debs", lambda out: build_debs(out, build_venv)))


@pytest.fixture(scope="session")
def agent_deb(tmp_path_factory):
    """The agent alone, which takes seconds."""
    if shutil.which("dh_python3") is None:
        pytest.skip("needs debhelper dh-python libpython3-dev (apt-get install)")
    [deb] = made_once(tmp_path_factory, "agent-deb", build_agent).glob("*.deb")
    return deb
