"""The command line, as a process of its own where that matters."""

import asyncio
import configparser
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_hub import FakeHub

from dvic_agent.__main__ import EXAMPLES, VERBS, main, parser
from dvic_agent.identity import load_hub
from dvic_agent.version import VERSION


def folders(tmp_path) -> list[str]:
    return ["--config-dir", str(tmp_path / "etc"), "--state-dir", str(tmp_path / "var")]


async def agent(*arguments: str, given: str = "") -> tuple[int, str, str]:
    """Run dvic-agent to its end; returns exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dvic_agent", *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(given.encode()), 60)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_with_examples(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert f"dvic-agent {verb}" in shown
    assert "examples:" in shown


def test_every_example_is_a_command_that_exists():
    for text in EXAMPLES.values():
        for line in text.splitlines():
            if line.startswith("  dvic-agent "):
                words = line.split("  ")[1].split()[1:]
                parser().parse_args([word for word in words if word != "<token"])


def test_a_verb_is_needed(capsys):
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"dvic-agent {VERSION}\n"
    package = configparser.ConfigParser()
    package.read(Path(__file__).parents[2] / "setup.cfg")
    assert VERSION == package["metadata"]["version"]


def test_the_folders_may_stand_before_or_behind_the_verb(tmp_path):
    before = parser().parse_args(["--config-dir", "/a", "status", "--state-dir", "/b"])
    behind = parser().parse_args(["status", "--config-dir", "/a", "--state-dir", "/b"])
    assert (before.config_dir, before.state_dir) == (behind.config_dir, behind.state_dir) == ("/a", "/b")


def test_a_mistake_in_the_config_ends_with_2_and_one_line(tmp_path, capsys):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/agent.toml").write_text("x = 1")
    assert main(["status", *folders(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("dvic-agent: ") and error.count("\n") == 1


def test_the_status_of_an_agent_that_does_not_run_says_so(tmp_path, capsys):
    assert main(["status", *folders(tmp_path)]) == 1
    assert "not running" in capsys.readouterr().err


def test_a_token_is_read_from_a_file_from_standard_input_or_from_an_argument(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            (tmp_path / "token").write_text(hub.make_token().encode() + "\n")
            code, out, err = await agent("enroll", "--token-file", str(tmp_path / "token"), *folders(tmp_path / "a"))
            assert (code, err) == (0, "")
            assert out.startswith(f"enrolled at {hub.url} as ")
            code, out, err = await agent("enroll", "-", "--name", "lab-7", *folders(tmp_path / "b"),
                                         given=hub.make_token().encode() + "\n")
            assert (code, err) == (0, "")
            assert load_hub(tmp_path / "b/etc").name == "lab-7"
            code, out, err = await agent("enroll", hub.make_token().encode(), *folders(tmp_path / "c"))
            assert code == 0
            assert "visible to other users" in err
    asyncio.run(scene())


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "a token is needed"), (["dvic1.abc"], "incomplete or mistyped"), (["nonsense"], "starts with dvic1."),
    (["--token-file", "/nonexistent"], "can't be read"), (["-"], "starts with dvic1."),
    (["x", "--token-file", "y"], "give the token once")])
def test_a_token_that_is_none_is_a_usage_error(tmp_path, arguments, said, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", open(os.devnull))
    assert main(["enroll", *arguments, *folders(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "var").exists()


def test_a_refused_enrolment_and_a_hub_out_of_reach_have_exit_codes_of_their_own(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            used = hub.make_token(uses=0).encode()
            code, _, err = await agent("enroll", "-", *folders(tmp_path), given=used)
            assert code == 4
            assert "used up" in err
            gone = hub.make_token().encode()
        code, _, err = await agent("enroll", "-", *folders(tmp_path), given=gone)
        assert code == 3
        assert "not reachable" in err
    asyncio.run(scene())


def test_the_doctor_speaks_to_people_and_to_programs(tmp_path):
    async def scene():
        code, out, _ = await agent("doctor", *folders(tmp_path))
        assert code == 1
        assert "problem  hub.json: " in out
        assert "-> " in out
        assert "\x1b" not in out
        code, out, _ = await agent("doctor", "--json", *folders(tmp_path))
        assert code == 1
        assert {"check", "state", "text", "remedy"} == set(json.loads(out)[0])
    asyncio.run(scene())


def test_an_agent_runs_connects_tells_its_status_and_stops_cleanly(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            code, _, err = await agent("enroll", "-", *folders(tmp_path), given=hub.make_token().encode())
            assert code == 0, err
            (tmp_path / "logs").mkdir()
            (tmp_path / "etc/agent.toml").write_text(
                f'[log_files]\nfolders = ["{tmp_path}/logs"]\n[journal]\nenabled = false\n')
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "dvic_agent", "run", *folders(tmp_path), stderr=subprocess.PIPE)
            await hub.until(lambda: hub.memory.serials)
            code, out, _ = await agent("status", *folders(tmp_path))
            assert code == 0
            assert f"connected: {hub.url}" in out
            code, out, _ = await agent("status", "--json", *folders(tmp_path))
            assert json.loads(out)["connection"]["state"] == "connected"
            process.send_signal(signal.SIGTERM)
            _, err = await asyncio.wait_for(process.communicate(), 20)
            assert process.returncode == 0, err.decode()
            await hub.until(lambda: any("Goodbye" in type(heard).__name__ for heard in hub.memory.heard))
            assert "Traceback" not in err.decode()
    asyncio.run(scene())
