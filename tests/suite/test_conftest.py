"""tests/conftest.py: in CI a test that can't run is a failure; by hand it is skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = """
import pytest

def test_that_needs_something():
    pytest.skip("no such program")

@pytest.mark.xfail
def test_that_is_known_to_fail():
    assert False
"""


@pytest.mark.parametrize("module", [SKIPPED, "import pytest\npytest.importorskip('no_such_module')\n"])
@pytest.mark.parametrize("ci, code", [("true", 1), ("", 0)])
def test_a_skip_is_a_failure_in_ci_only(tmp_path, module, ci, code):
    shutil.copy(Path(__file__).parent.parent / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(module)
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], cwd=tmp_path,
                         env={**os.environ, "CI": ci}, capture_output=True, text=True, timeout=60)
    # 5: nothing ran, as when a whole module is skipped
    assert run.returncode in ((1, 2) if code else (0, 5)), run.stdout
    assert ("nothing may be skipped" in run.stdout) == bool(code)
