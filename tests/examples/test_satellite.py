"""The satellite of examples/, as a user starts it: its steps at a real hub, with failures and without."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rig import BIN, Rig, until

pytestmark = pytest.mark.hub

PASSES = Path(__file__).parents[2] / "examples" / "satellite" / "passes.py"


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("satellite")) as rig:
        rig.start_hub()
        rig.new_agent("station").start().online()
        yield rig


def passes(rig, *arguments):
    environ = {**rig.environ, "DVIC_LOG_DIR": str(rig.agents["station"].logs),
               "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    return subprocess.run([sys.executable, str(PASSES), "--seconds", "0.2", *arguments], env=environ, text=True,
                          capture_output=True, timeout=120)


def newest(rig):
    return json.loads(rig.hubctl("service", "show", "meteor_m2", "-o", "json"))["cycle"]


def test_one_command_makes_the_service_and_shows_each_step_as_it_goes(rig):
    done = passes(rig, "--show", "--warn", "download")
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: newest(rig)["ended"], "the pass ends")
    assert newest(rig)["state"] == "warning"
    assert [step["state"] for step in newest(rig)["steps"]] == ["ok", "ok", "warning", *["ok"] * 8]
    for text in ("connect", "decode/msu-mr", "decode/mtvza", "running", "the cycle"):
        assert text in done.stdout, done.stdout
    assert newest(rig)["steps"][2]["trouble"] == "signal to noise is low"
    assert "signal to noise is low" in rig.hubctl("service", "show", "meteor_m2")


def test_a_decoder_that_fails_makes_the_pass_fail_and_the_other_instrument_goes_on(rig):
    before = newest(rig)["number"]
    assert passes(rig, "--fail", "decode/mtvza").returncode == 1
    until(lambda: newest(rig)["number"] > before and newest(rig)["ended"], "the pass ends")
    steps = {f"{step['component']}/{step['source']}".rstrip("/"): step["state"] for step in newest(rig)["steps"]}
    assert newest(rig)["state"] == "error"
    assert steps == {"connect": "ok", "check": "ok", "download": "ok", "decode/msu-mr": "ok", "decode/mtvza": "error",
                     "extract/msu-mr": "ok", "extract/mtvza": "skipped", "produce/msu-mr": "ok",
                     "produce/mtvza": "skipped", "load": "skipped", "archive": "skipped"}
