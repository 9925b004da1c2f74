"""agent.toml."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from dvic_agent.config import KEYS, AgentConfig, load, parse
from dvic_agent.errors import ConfigError


def test_without_a_file_the_defaults_hold(tmp_path):
    config = load(tmp_path, tmp_path / "var")
    assert config == AgentConfig(config_dir=tmp_path, state_dir=tmp_path / "var")
    assert config.keepalive_period == 10
    assert config.private_dir == tmp_path / "var/state"
    assert config.runs_dir == tmp_path / "var/runs"


def test_every_key_is_read(tmp_path):
    (tmp_path / "agent.toml").write_text("""
        keepalive_period = 30
        executor_socket = "/run/other.sock"
        ring_bytes = 1048576
        [hub]
        ca_file = "/etc/ca.pem"
        [journal]
        enabled = false
        from = "now"
        folder = "/srv/journal"
        [log_files]
        enabled = true
        folders = ["/tmp", "/srv/logs"]
        pattern = "*.log"
        [containers]
        sockets = ["/run/docker.sock", "/run/podman/podman.sock"]
        [hardware]
        period = 2.5
        [demos]
        enabled = false
        period = 7
        [sending]
        delay = 0
        records = 10
        bytes = 2048
        stream_batches = 2
        flight_bytes = 65536
        lines_per_second = 1000
    """)
    config = load(tmp_path)
    assert config.keepalive_period == 30
    assert config.executor_socket == Path("/run/other.sock")
    assert config.ca_file == Path("/etc/ca.pem")
    assert (config.journal, config.journal_from, config.journal_folder) == (False, "now", Path("/srv/journal"))
    assert config.log_folders == (Path("/tmp"), Path("/srv/logs"))
    assert config.log_pattern == "*.log"
    assert config.containers and config.container_states
    assert config.container_sockets == (Path("/run/docker.sock"), Path("/run/podman/podman.sock"))
    assert (config.hardware, config.hardware_period) == (True, 2.5)
    assert (config.demos, config.demos_period) == (False, 7.0)
    assert (config.batch_delay, config.batch_records, config.batch_bytes) == (0, 10, 2048)
    assert (config.stream_batches, config.flight_bytes, config.lines_per_second) == (2, 65536, 1000)


@pytest.mark.parametrize(("text", "named"), [
    ("keepalive = 10", "unknown key keepalive"),
    ("[journal]\nform = 'now'", "unknown key journal.form"),
    ("[jornal]\nfrom = 'now'", "unknown key jornal"),
    ("journal = true", "unknown key journal"),
    ("keepalive_period = '10'", "keepalive_period must be a whole number"),
    ("keepalive_period = true", "keepalive_period must be a whole number"),
    ("keepalive_period = 0", "keepalive_period must lie between 1 and 3600"),
    ("[hardware]\nperiod = nan", "hardware.period must lie between"),
    ("[hardware]\nenabled = 1", "hardware.enabled must be true or false"),
    ("[journal]\nfrom = 'yesterday'", "journal.from must be one of: start, now"),
    ("executor_socket = 'run/x'", "executor_socket must be an absolute path"),
    ("[log_files]\nfolders = '/tmp'", "log_files.folders must be a list"),
    ("[log_files]\nfolders = []", "log_files.folders must be a list"),
    ("[log_files]\nfolders = ['tmp']", "log_files.folders must be an absolute path"),
    ("[log_files]\npattern = '../*'", "log_files.pattern must be a name"),
    ("[containers]\nsockets = 'docker.sock'", "containers.sockets must be a list of paths"),
    (f"[containers]\nsockets = {['/run/x.sock'] * 9}", "containers.sockets may hold 8 paths at most"),
    ("[sending]\nrecords = 2001", "sending.records must lie between"),
    ("keepalive_period =", "is not TOML"),
])
def test_a_mistake_is_named_and_never_becomes_a_default(text, named):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert named in str(caught.value)


def test_an_error_names_the_file(tmp_path):
    (tmp_path / "agent.toml").write_text("x = 1")
    with pytest.raises(ConfigError, match=str(tmp_path / "agent.toml")):
        load(tmp_path)


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "agent.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="can't be read"):
        load(tmp_path)


def test_the_config_can_not_be_changed():
    with pytest.raises(FrozenInstanceError):
        AgentConfig().journal = False


def test_every_setting_but_the_folders_has_a_key():
    settings = {field.name for field in fields(AgentConfig)} - {"config_dir", "state_dir"}
    assert settings == {key.setting for key in KEYS}


def test_the_authority_that_the_install_script_left_counts_unless_another_is_named(tmp_path):
    (tmp_path / "hub-ca.pem").write_text("x")
    assert load(tmp_path, tmp_path / "var").ca_file == tmp_path / "hub-ca.pem"
    (tmp_path / "agent.toml").write_text('[hub]\nca_file = "/etc/other.pem"\n')
    assert load(tmp_path, tmp_path / "var").ca_file == Path("/etc/other.pem")
