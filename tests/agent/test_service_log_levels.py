"""The file in which the agent tells programs at which level they shall log."""

import json
import os
import stat

import pytest

from dvic_agent.log_levels import MAX_LOG_LEVELS, LogLevels


def test_the_file_holds_what_the_hub_asks_for_and_everybody_can_read_it(tmp_path):
    path = tmp_path / "run" / "log_levels"
    before = os.umask(0o077)
    try:
        LogLevels(path).want({"meteor": "warning", "meteor/decode": "debug"})
    finally:
        os.umask(before)
    assert json.loads(path.read_text()) == {"meteor": "warning", "meteor/decode": "debug"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 and stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_it_is_replaced_as_a_whole_and_only_when_something_changes(tmp_path):
    path = tmp_path / "log_levels"
    levels = LogLevels(path)
    levels.want({})
    assert not path.exists()
    levels.want({"meteor": "warning"})
    first = path.stat().st_ino
    levels.want({"meteor": "warning"})
    assert path.stat().st_ino == first
    levels.want({})
    assert path.stat().st_ino != first and json.loads(path.read_text()) == {} and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("told", [None, [], "x", {"a": "loud"}, {"a": ["debug"]}, {"x" * 999: "debug"}, {3: "debug"}])
def test_what_makes_no_sense_is_not_passed_on(tmp_path, told):
    levels = LogLevels(tmp_path / "log_levels")
    levels.want({"meteor": "warning"})
    levels.want(told)
    wanted = {} if isinstance(told, dict) else {"meteor": "warning"}
    assert json.loads((tmp_path / "log_levels").read_text()) == wanted


def test_it_holds_only_so_many(tmp_path):
    LogLevels(tmp_path / "log_levels").want({f"s{number}": "debug" for number in range(MAX_LOG_LEVELS + 5)})
    assert len(json.loads((tmp_path / "log_levels").read_text())) == MAX_LOG_LEVELS


def test_that_it_can_not_be_written_is_said_once_and_harms_nothing(tmp_path, caplog):
    levels = LogLevels(tmp_path / "no" / "such" / "folder" / "log_levels")
    levels.want({"meteor": "warning"})
    levels.want({"meteor": "error"})
    assert len(caplog.records) == 1


def test_a_link_that_somebody_put_there_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / ".log_levels.new").symlink_to(victim)
    (tmp_path / "log_levels").symlink_to(victim)
    LogLevels(tmp_path / "log_levels").want({"meteor": "warning"})
    assert victim.read_text() == "kept" and not (tmp_path / "log_levels").is_symlink()
