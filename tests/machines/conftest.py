"""What every test on a machine needs of the host."""

import shutil

import pytest

TOOLS = ("debootstrap", "systemd-nspawn", "nsenter")


@pytest.fixture(scope="session", autouse=True)
def tools():
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)} (apt-get install debootstrap systemd-container util-linux)")
