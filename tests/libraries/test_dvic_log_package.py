"""dvic_log as a package: it depends on nothing, is understood by Python 3.8, and its wheel works alone."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dvic_log

ROOT = Path(dvic_log.__file__).parent.parent
MODULES = sorted((ROOT / "dvic_log").glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_is_python_3_8_and_imports_only_the_standard_library(module):
    tree = ast.parse(module.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else (
            [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else [])
        assert all(name.split(".")[0] in sys.stdlib_module_names for name in names)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    target = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(ROOT)]
    subprocess.run(argv, check=True, timeout=300)
    [built] = target.glob("dvic_log-*.whl")
    return built


def test_the_wheel_holds_the_modules_and_needs_nothing(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert {f"dvic_log/{module.name}" for module in MODULES} | {"dvic_log/py.typed"} <= set(names)
    assert "Requires-Dist" not in metadata and "Requires-Python: >=3.8" in metadata


def test_the_wheel_works_by_itself(wheel, logs):
    program = "import dvic_log; dvic_log.info('from the wheel'); print(dvic_log.__file__)"
    environ = {"PYTHONPATH": str(wheel), "DVIC_LOG_DIR": os.environ["DVIC_LOG_DIR"]}
    run = subprocess.run([sys.executable, "-S", "-c", program], check=True, timeout=30, text=True,
                         stdout=subprocess.PIPE, env=environ)
    assert str(wheel) in run.stdout and logs.messages() == ["from the wheel"]
