"""What the tests on machines share: the packages of this checkout."""

import shutil

import pytest
from debs import build_debs


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    if shutil.which("dh_python3") is None:
        pytest.skip("needs debhelper dh-python libpython3-dev lintian (apt-get install)")
    return build_debs(tmp_path_factory.mktemp("debs"))
