"""Every check with something to find, and with nothing."""

import asyncio
import json
import os
from contextlib import contextmanager
from email.utils import formatdate
from threading import Thread

import pytest
from fake_hub import FakeHub

from dvic_agent import doctor
from dvic_agent.config import AgentConfig
from dvic_agent.http import read_date
from dvic_agent.identity import PinnedHub, ensure_key, save_hub
from dvic_agent.sources.containers import Containers
from dvic_agent.status import StatusServer
from dvic_wire.signing import PrivateKey


@contextmanager
def hub_in_a_thread():
    """A hub that answers while the doctor (who has an event loop of its own) looks at it."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    hub = FakeHub()
    asyncio.run_coroutine_threadsafe(hub.start(), loop).result(10)
    try:
        yield hub
    finally:
        asyncio.run_coroutine_threadsafe(hub.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def enrolled(tmp_path, url: str = "http://127.0.0.1:9", hub: PrivateKey | None = None) -> AgentConfig:
    config = AgentConfig(config_dir=tmp_path / "etc", state_dir=tmp_path / "var")
    key = ensure_key(config.private_dir)
    save_hub(config.config_dir, PinnedHub(url, (hub or PrivateKey.generate()).public, key.public.node_id, "ada"))
    return config


def by_name(findings) -> dict:
    return {finding.check: finding for finding in findings}


def examined(tmp_path) -> dict:
    return by_name(doctor.examine(tmp_path / "etc", tmp_path / "var"))


def test_whatever_is_wrong_comes_with_what_to_do(tmp_path):
    findings = doctor.examine(tmp_path / "etc", tmp_path / "var")
    assert doctor.exit_code(findings) == 1
    assert all(finding.remedy for finding in findings if finding.state != doctor.OK)
    assert by_name(findings)["hub.json"].state == doctor.PROBLEM
    assert by_name(findings)["key"].state == doctor.PROBLEM


def test_an_enrolled_machine_with_its_hub_has_no_problem_there(tmp_path):
    with hub_in_a_thread() as hub:
        enrolled(tmp_path, hub.url, hub.memory.key)
        findings = examined(tmp_path)
    for check in ("config", "key", "hub.json", "hub", "fingerprint", "clock", "disk"):
        assert findings[check].state == doctor.OK, findings[check]


def test_a_mistake_in_the_config_is_named_and_the_other_checks_go_on(tmp_path):
    enrolled(tmp_path)
    (tmp_path / "etc/agent.toml").write_text("keepalive = 3\n")
    findings = examined(tmp_path)
    assert findings["config"].state == doctor.PROBLEM
    assert "unknown key keepalive" in findings["config"].text
    assert findings["hub.json"].state == doctor.OK


def test_a_hub_that_is_not_there_is_a_problem(tmp_path):
    enrolled(tmp_path)
    assert examined(tmp_path)["hub"].state == doctor.PROBLEM


def test_a_hub_with_another_key_is_a_problem(tmp_path):
    with hub_in_a_thread() as hub:
        enrolled(tmp_path, hub.url)
        finding = examined(tmp_path)["fingerprint"]
    assert finding.state == doctor.PROBLEM
    assert "--replace" in finding.remedy


def test_another_server_at_the_address_is_a_problem(tmp_path):
    with hub_in_a_thread() as hub:
        enrolled(tmp_path, hub.url + "/elsewhere", hub.memory.key)
        assert examined(tmp_path)["fingerprint"].state == doctor.PROBLEM


@pytest.mark.parametrize(("offset", "state"), [(0, doctor.OK), (30, doctor.OK), (3600, doctor.PROBLEM),
                                               (-3600, doctor.PROBLEM)])
def test_clocks_are_compared(offset, state):
    assert doctor.compare_clocks(1_000_000_000.0, 1_000_000_000.0 + offset).state == state


def test_a_hub_that_tells_no_time_is_a_warning():
    assert doctor.compare_clocks(None, 0.0).state == doctor.WARNING


@pytest.mark.parametrize(("header", "time"), [
    (formatdate(1_000_000_000, usegmt=True), 1_000_000_000.0), ("", None), ("yesterday", None),
    ("Fri, 99 Nov 2026 99:99:99 GMT", None)])
def test_a_servers_time_is_read_from_its_date_header(header, time):
    assert read_date(header) == time


def test_modes_that_let_others_in_are_a_problem(tmp_path):
    config = enrolled(tmp_path)
    (config.private_dir / "node.key").chmod(0o644)
    assert "chmod 600" in examined(tmp_path)["key"].text
    (config.config_dir / "hub.json").chmod(0o666)
    assert "chmod 644" in examined(tmp_path)["hub.json"].text


def test_a_missing_executor_is_a_warning_with_what_it_means(tmp_path):
    finding = asyncio.run(doctor.check_executor(AgentConfig(executor_socket=tmp_path / "none.sock")))
    assert finding.state == doctor.WARNING
    assert "dvic-executor.socket" in finding.remedy


def test_an_executor_that_answers_is_well(tmp_path):
    async def serve(reader, writer):
        await reader.readline()
        writer.write(b'{"state": "ok", "backend": "children"}\n')
        writer.close()

    async def scene():
        server = await asyncio.start_unix_server(serve, str(tmp_path / "e.sock"))
        async with server:
            return await doctor.check_executor(AgentConfig(executor_socket=tmp_path / "e.sock"))

    finding = asyncio.run(scene())
    assert finding.state == doctor.OK
    assert "children" in finding.text


@pytest.mark.parametrize(("carried", "state"), [(True, doctor.OK), (False, doctor.PROBLEM)])
def test_an_update_that_nobody_carries_is_named_with_what_to_do(tmp_path, carried, state):
    update = {"run": "abc", "version": "2.0", "previous": "1.0", "phase": "installing", "begun": 0, "carried": carried}

    async def serve(reader, writer):
        await reader.readline()
        writer.write(json.dumps({"state": "ok", "update": update}).encode() + b"\n")
        writer.close()

    async def scene():
        server = await asyncio.start_unix_server(serve, str(tmp_path / "e.sock"))
        async with server:
            return await doctor.check_update(AgentConfig(executor_socket=tmp_path / "e.sock"))

    [finding] = asyncio.run(scene())
    assert finding.state == state
    assert "from 1.0 to 2.0" in finding.text and "installing" in finding.text
    assert ("dvic-update-resume" in finding.remedy) == (not carried)
    assert asyncio.run(doctor.check_update(AgentConfig(executor_socket=tmp_path / "none.sock"))) == []


def test_log_folders_that_are_not_there_are_a_problem(tmp_path):
    [finding] = doctor.check_log_folders(AgentConfig(log_folders=(tmp_path / "gone",)))
    assert finding.state == doctor.PROBLEM
    [finding] = doctor.check_log_folders(AgentConfig(log_folders=(tmp_path,)))
    assert finding.state == doctor.OK
    assert doctor.check_log_folders(AgentConfig(log_files=False)) == []


def test_a_journal_folder_is_looked_at(tmp_path):
    [finding] = doctor.check_journal(AgentConfig(journal_folder=tmp_path))
    assert finding.state == doctor.OK
    [finding] = doctor.check_journal(AgentConfig(journal_folder=tmp_path / "gone"))
    assert finding.state == doctor.PROBLEM
    assert doctor.check_journal(AgentConfig(journal=False)) == []


def test_a_user_outside_the_journals_groups_is_told_the_command(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    (tmp_path / "journal/machine").mkdir(parents=True)
    (tmp_path / "journal/machine/system.journal").touch()
    config = AgentConfig(state_dir=tmp_path)
    config.private_dir.mkdir()
    os.chown(config.private_dir, 65534, 65534)
    [finding] = doctor.check_journal(config, folders=(tmp_path / "journal",))
    assert finding.state == doctor.PROBLEM
    assert finding.remedy.startswith("usermod -aG systemd-journal nobody")
    [finding] = doctor.check_journal(config, folders=(tmp_path / "none",))
    assert finding.state == doctor.WARNING


def test_whether_engines_can_be_asked_is_the_running_agents_word(tmp_path):
    socket = tmp_path / "engine.sock"
    config = AgentConfig(state_dir=tmp_path, container_sockets=(socket,))
    config.private_dir.mkdir()
    assert doctor.check_engines(AgentConfig(state_dir=tmp_path)) == []
    [finding] = doctor.check_engines(config)
    assert finding.state == doctor.WARNING and "start the agent" in finding.remedy

    async def asked(containers: Containers) -> doctor.Finding:
        notes = [containers.unavailable] if containers.unavailable else []
        server = StatusServer(config.private_dir, lambda: {"notes": ["there is no journal", *notes]})
        await server.start()
        try:
            [finding] = await asyncio.to_thread(doctor.check_engines, config)
        finally:
            await server.stop()
        return finding

    async def scene() -> None:
        containers = Containers([socket], tmp_path)
        well = await asked(containers)
        assert (well.state, str(socket) in well.text) == (doctor.OK, True)
        containers._engines[0].trouble = "Permission denied"
        bad = await asked(containers)
        assert bad.state == doctor.PROBLEM and f"{socket} can't be asked: Permission denied" in bad.text
        assert "SupplementaryGroups=docker" in bad.remedy and "journal" not in bad.text

    asyncio.run(scene())


def test_an_agent_that_does_not_run_is_a_warning(tmp_path):
    config = enrolled(tmp_path)
    assert doctor.check_running(config).state == doctor.WARNING
