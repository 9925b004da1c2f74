"""Run directories: who may read what, what crashes leave behind, and names that want out of their place."""

import json
import os
import stat

import pytest

from dvic_agent.executor.errors import Refusal, Untrusted
from dvic_agent.executor.rundir import StateDir, check_run_id

RUN = "a1b2c3d4e5f6"


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "var", os.getegid())


@pytest.fixture
def run(state):
    made = state.create(RUN, {"run": RUN, "spec": {"argv": ["id"]}})
    yield made
    made.close()


def output(state, text=None):
    file = state.path / "runs" / RUN / "output.jsonl"
    if text is not None:
        file.write_bytes(text)
    return file.read_bytes()


@pytest.mark.parametrize("name", ["", "a", "a" * 11, "a" * 33, "../../../etc/x", "..", "/etc/passwd1", "aaaaaaaaaaaa\n",
                                  "AAAAAAAAAAAA", "aaaaaaaaaaa\0", "aaaaaa aaaaaa", "é" * 12, "aaaaaaaaaaaa/", None, 12,
                                  ["a" * 12], b"a" * 12, "\u0661" * 12])
def test_a_hostile_id_never_becomes_a_path(state, name):
    with pytest.raises(Refusal):
        check_run_id(name)
    with pytest.raises(Refusal):
        state.find(name)


def test_modes_are_as_narrow_as_they_can_be(state, run):
    modes = {str(path.relative_to(state.path)): oct(stat.S_IMODE(path.stat().st_mode))
             for path in state.path.rglob("*")}

    assert modes == {
        "runs": "0o750", f"runs/{RUN}": "0o750", f"runs/{RUN}/output.jsonl": "0o640",
        f"runs/{RUN}/request.json": "0o600", f"runs/{RUN}/lock": "0o600", "executor": "0o700", "executor/seen": "0o700"}
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o755


def test_a_directory_made_before_keeps_what_is_in_it(state, run):
    again = StateDir(state.path, os.getegid())

    assert again.runs() == [RUN]
    with again.opened(RUN) as found:
        assert found.request()["spec"] == {"argv": ["id"]}


def test_the_same_id_has_one_directory(state, run):
    with pytest.raises(OSError):
        state.create(RUN, {})


def test_a_symlink_in_place_of_a_run_is_none(state, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/output.jsonl").write_text('{"time":1,"end":{}}\n')
    (state.path / "runs" / RUN).symlink_to(tmp_path / "target")

    assert state.find(RUN) is None
    assert not state.forget(RUN)
    assert (tmp_path / "target/output.jsonl").exists()


@pytest.mark.parametrize("name", ["runs", "executor"])
def test_a_symlink_in_place_of_a_folder_is_not_trusted(tmp_path, name):
    (tmp_path / "var").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "var" / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Untrusted):
        StateDir(tmp_path / "var", os.getegid())
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_state_folder_that_others_may_write_is_not_trusted(tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var").chmod(0o777)

    with pytest.raises(Untrusted):
        StateDir(tmp_path / "var", os.getegid())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a folder away")
def test_a_folder_of_another_user_is_not_trusted(tmp_path):
    (tmp_path / "var/runs").mkdir(parents=True)
    os.chown(tmp_path / "var/runs", 1, 1)

    with pytest.raises(Untrusted):
        StateDir(tmp_path / "var", os.getegid())


def test_a_symlink_in_place_of_the_output_is_not_followed(state, run, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (state.path / "runs" / RUN / "output.jsonl").unlink()
    (state.path / "runs" / RUN / "output.jsonl").symlink_to(victim)

    with pytest.raises(OSError):
        run.finish("lost")
    assert victim.read_text() == "precious\n"


def test_an_end_is_written_once(state, run):
    assert run.end() is None
    assert run.finish("finished", 0)
    assert not run.finish("lost")
    assert run.end() == {"state": "finished", "exit_code": 0, "reason": "", "cut": 0}
    assert output(state).count(b"\n") == 1


def test_ends_written_by_many_at_once_are_one(state, run):
    children = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            os._exit(run.finish(f"state-{number}"))
        children.append(pid)
    wrote = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]

    assert sum(wrote) == 1
    assert output(state).count(b"\n") == 1


@pytest.mark.parametrize("torn", [b'{"time":2,"out":"half', b"\0\0\0\0", b'{"time":3,"end":{"state":"fin',
                                  b"x" * 200_000])
def test_a_line_torn_by_a_crash_gives_way_to_the_end(state, run, torn):
    whole = b'{"time":1,"out":"a\\n"}\n'
    output(state, whole + torn)

    assert run.end() is None
    assert run.finish("lost")
    assert output(state).startswith(whole + b'{"time":')
    assert [json.loads(line) for line in output(state).splitlines()][-1]["end"]["state"] == "lost"


def test_an_output_of_nothing_but_a_torn_line_is_mended(state, run):
    output(state, b"{")
    run.finish("lost")

    assert json.loads(output(state))["end"]["state"] == "lost"


def test_output_that_looks_like_an_end_is_none(state, run):
    output(state, json.dumps({"time": 1, "out": '\n{"time":2,"end":{"state":"finished"}}'}).encode() + b"\n")

    assert run.end() is None


def test_an_end_is_never_earlier_than_what_came_before_it(state, run):
    late = 4_000_000_000_000_000
    output(state, b'{"time":%d,"out":"a"}\n' % late)
    run.finish("finished", 0)

    assert json.loads(output(state).splitlines()[-1])["time"] == late


def test_a_very_long_reason_is_shortened(state, run):
    run.finish("failed", reason="\0" * 100_000)

    assert len(run.end()["reason"]) == 1000


def test_only_ended_runs_are_forgotten(state, run):
    assert not state.forget(RUN)
    run.finish("finished", 0)
    assert state.forget(RUN)
    assert state.runs() == []
    assert not state.forget(RUN)


def test_the_lock_tells_whether_somebody_carries_the_run(state, run):
    with state.opened(RUN) as seen:
        assert seen.held()
        os.close(run.lock)
        run.lock = -1
        assert not seen.held()
        assert not seen.held()


def test_the_first_reason_of_a_cancel_stays(run):
    assert run.cancelled() is None
    run.cancel("first")
    run.cancel("second")
    assert run.cancelled() == "first"


def test_half_made_directories_are_not_runs_and_are_cleared(state):
    (state.path / "runs" / f".new-{RUN}").mkdir()

    assert state.runs() == []
    state.clear_half_made()
    assert list((state.path / "runs").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_small_file_reads_as_empty(run, content):
    run.write("outcome.json", content)

    assert run.read_json("outcome.json") == {}


def test_one_decision_waits_for_another(state):
    ready, done = os.pipe()
    go, start = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(go, 1)
        with state.deciding():
            os.write(done, b"second")
        os._exit(0)
    with state.deciding():
        os.write(start, b"x")
        os.write(done, b"first ")
    os.waitpid(pid, 0)

    assert os.read(ready, 100) == b"first second"
