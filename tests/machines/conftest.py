"""What every test on a machine needs of the host, and what they share: the packages of this checkout, and a word to
whoever waits for them (`tell`), since one of them may take a minute."""

import shutil
import sys
import time

import pytest
from debs import build_debs
from member_lab import build_agent

TOOLS = ("debootstrap", "systemd-nspawn", "nsenter")

FIGURES = pytest.StashKey[list[str]]()


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
def figure(pytestconfig):
    """Keep a figure that was measured on the way, for the end of the run. No test asserts one."""
    return pytestconfig.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter, config):
    if figures := config.stash.get(FIGURES, []):
        terminalreporter.section("measured on the way")
        for line in figures:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def debs(tmp_path_factory, tell):
    if shutil.which("dh_python3") is None:
        pytest.skip("needs debhelper dh-python libpython3-dev lintian (apt-get install)")
    tell("building the packages")
    return build_debs(tmp_path_factory.mktemp("debs"))


@pytest.fixture(scope="session")
def agent_deb(tmp_path_factory):
    """The agent alone, which takes seconds."""
    if shutil.which("dh_python3") is None:
        pytest.skip("needs debhelper dh-python libpython3-dev (apt-get install)")
    return build_agent(tmp_path_factory.mktemp("agent-deb"))
