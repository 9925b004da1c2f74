"""What every test on a machine needs of the host, and what they share: the packages of this checkout."""

import shutil

import pytest
from debs import build_debs
from member_lab import build_agent

TOOLS = ("debootstrap", "systemd-nspawn", "nsenter")


@pytest.fixture(scope="session", autouse=True)
def tools():
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)} (apt-get install debootstrap systemd-container util-linux)")


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    if shutil.which("dh_python3") is None:
        pytest.skip("needs debhelper dh-python libpython3-dev lintian (apt-get install)")
    return build_debs(tmp_path_factory.mktemp("debs"))


@pytest.fixture(scope="session")
def agent_deb(tmp_path_factory):
    """The agent alone, which takes seconds."""
    if shutil.which("dh_python3") is None:
        pytest.skip("needs debhelper dh-python libpython3-dev (apt-get install)")
    return build_agent(tmp_path_factory.mktemp("agent-deb"))
