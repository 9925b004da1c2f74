"""The level that the hub's people set, as programs follow it."""

import json
import os

import pytest

from dvic_log import LogFile, Logger
from dvic_log.levels import LOOK_AGAIN, Levels


class Hub:
    """Writes the file as the agent does, and gives the levels that look at it at a time that tests turn."""

    def __init__(self, folder):
        self.path, self.now = folder / "log_levels", 100.0
        self.levels = Levels(str(self.path), lambda: self.now)

    def tell(self, value, later=LOOK_AGAIN):
        beside = self.path.with_suffix(".new")
        beside.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        beside.replace(self.path)
        self.now += later

    def logger(self, service="meteor", name="x"):
        return Logger(LogFile(name), "x", service, "connect", levels=self.levels)


@pytest.fixture
def hub(tmp_path):
    return Hub(tmp_path)


def test_what_is_below_the_level_is_left_out_and_what_becomes_of_a_step_is_written(logs, hub):
    hub.tell({"meteor": "warning", "meteor/decode": "debug"})
    log = hub.logger()
    log.start()
    log.info("left out")
    log.error("kept")
    log.done()
    log.step("decode").debug("of the other component")
    hub.logger("aqua", "y").debug("of another service")
    hub.logger(None, "z").debug("of none")
    assert sorted(logs.messages()) == ["done", "kept", "of another service", "of none", "of the other component",
                                       "started"]


def test_a_new_level_counts_without_a_restart_and_the_file_is_looked_at_only_so_often(logs, hub):
    log = hub.logger()
    log.info("one")
    hub.tell({"meteor": "error"}, later=0)
    log.info("two")
    hub.now += LOOK_AGAIN
    log.info("three")
    hub.tell({})
    log.info("four")
    assert logs.messages() == ["one", "two", "four"]


def test_the_place_of_the_file_comes_from_the_environment(hub, monkeypatch):
    hub.tell({"meteor": "error"})
    monkeypatch.setenv("DVIC_LOG_LEVELS", str(hub.path))
    assert not Levels().wanted("meteor", "connect", "info")


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b"[" * 99_999, b'{"meteor": ["error"]}', b'{"meteor": "loud"}'])
def test_a_file_that_makes_no_sense_leaves_nothing_out(logs, hub, value):
    hub.tell({"meteor": "error"})
    hub.logger().info("left out")
    hub.tell(value)
    hub.logger().info("kept")
    assert logs.messages() == ["kept"]


def test_a_pipe_or_a_folder_in_its_place_holds_up_nobody(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        assert Levels(str(path)).wanted("meteor", "connect", "debug")
