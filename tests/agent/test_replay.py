"""Each order once only, whatever happens in between."""

import os

import pytest

from dvic_agent.executor.errors import Untrusted
from dvic_agent.executor.replay import ReplayList


@pytest.fixture
def folder(tmp_path):
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield handle
    os.close(handle)


def test_an_id_is_new_once_and_then_has_its_first_answer(folder):
    first, second = ReplayList(folder), ReplayList(folder)

    assert first.answer("run0") is None
    assert first.claim("run0", {"state": "running"}, 100)
    assert not second.claim("run0", {"state": "refused"}, 101)
    assert second.answer("run0") == {"state": "running"}


def test_of_many_claims_at_once_exactly_one_counts(folder):
    ready, go = os.pipe()
    children = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            os.close(go)
            os.read(ready, 1)
            os._exit(ReplayList(folder).claim("run0", {"state": str(number)}, 100))
        children.append(pid)
    os.close(go)
    won = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    os.close(ready)

    assert sum(won) == 1
    assert ReplayList(folder).answer("run0") == {"state": str(won.index(1))}


def test_nothing_but_the_entry_is_left_behind(folder, tmp_path):
    ReplayList(folder).claim("run0", {}, 1)
    ReplayList(folder).claim("run0", {}, 1)

    assert os.listdir(tmp_path) == ["run0"]
    assert (tmp_path / "run0").stat().st_mode & 0o777 == 0o600


def test_a_damaged_entry_still_bars_the_id(folder, tmp_path):
    (tmp_path / "run0").write_text("")

    assert ReplayList(folder).answer("run0")["state"] == "lost"
    assert not ReplayList(folder).claim("run0", {"state": "running"}, 1)


def test_old_ids_are_dropped_and_what_was_signed_with_them_is_barred_by_the_floor(folder):
    replay = ReplayList(folder)
    for name, issued in (("old0", 100), ("old1", 150), ("new0", 200)):
        replay.claim(name, {"state": "running"}, issued)

    assert replay.floor() == 0
    assert replay.drop_before(200) == 2
    assert replay.floor() == 150
    assert replay.answer("old0") is None and replay.answer("new0") is not None
    assert replay.drop_before(200) == 0


def test_the_floor_never_sinks(folder):
    replay = ReplayList(folder)
    for issued in (500, 100):
        replay.claim("run0", {}, issued)
        replay.drop_before(issued + 1)

    assert replay.floor() == 500


def test_a_damaged_floor_is_not_trusted(folder, tmp_path):
    (tmp_path / "floor").write_text("x")

    with pytest.raises(Untrusted):
        ReplayList(folder).floor()
