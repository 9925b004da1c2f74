"""The executor forgets its hub: by whose word, what of it ends, and that no moment of a power cut is a bad one."""

import json
import os
import time

import pytest
from running_executor import Hub, RunningExecutor, new_run_id

from dvic_agent.executor.leaving import NOTE, forget
from dvic_agent.executor.rundir import StateDir
from dvic_agent.executor.serve import Executor
from dvic_agent.identity import load_left
from dvic_wire.signing import Purpose, sign

YEAR = 365 * 86400


class Idle:
    """A backend whose runs end as soon as they are told to."""

    name = "idle"

    def __init__(self):
        self.living = set()

    def start(self, run):
        self.living.add(run.run)

    def stop(self, run):
        self.living.discard(run.run)

    def alive(self, run):
        return run.run in self.living

    def clear(self, run):
        pass


class Desk:
    def __init__(self, folder):
        self.hub, self.backend = Hub(), Idle()
        self.config_dir = folder / "etc"
        self.hub.pin(self.config_dir)
        self.state = StateDir(folder / "var", os.getegid())
        self.executor = Executor(self.config_dir, self.state, self.backend, time.time)

    def order(self, *, key=None, purpose=Purpose.LEAVE, now=None, **claims):
        content = {"iss": self.hub.key.fingerprint, "aud": self.hub.node, "by": "olga", "reason": "sold", **claims}
        return sign(key or self.hub.key, purpose, content, now=time.time() if now is None else now, ttl=3600)

    def leave(self, jws):
        return self.executor.answer({"request": "leave", "jws": jws})

    def run(self):
        run = new_run_id()
        jws = self.hub.order(run, {"argv": ["id"]})
        return run, self.executor.answer({"request": "run", "run": run, "jws": jws})

    @property
    def belongs(self):
        return (self.config_dir / "hub.json").exists()


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_the_hubs_word_ends_what_it_started_and_everything_that_it_may_say(desk):
    run, answer = desk.run()
    assert answer == {"state": "running"}

    assert desk.leave(desk.order()) == {"state": "left"}
    assert not desk.belongs and desk.backend.living == set() and desk.state.runs() == []
    assert desk.run()[1]["code"] == "not-enrolled"
    assert desk.leave(desk.order())["code"] == "not-enrolled"


def test_a_note_says_which_hub_it_was_who_ended_it_and_why(desk):
    desk.leave(desk.order(reason="sold\x1b[2J"))

    left = load_left(desk.config_dir)
    assert (left.url, left.node, left.by, left.reason) == ("http://hub", desk.hub.node, "olga", "sold?[2J")
    assert abs(left.time - time.time()) < 60
    assert "http://hub" in str(left) and "by olga (sold?[2J)" in str(left)
    assert (desk.config_dir / NOTE).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("now", [-YEAR, YEAR])
def test_a_machine_whose_clock_is_wrong_can_be_told_too(desk, now):
    assert desk.leave(desk.order(now=time.time() + now)) == {"state": "left"}


def test_nobody_elses_word_counts(desk):
    other = Hub(desk.hub.node)
    own = desk.order()
    for jws in (desk.order(key=other.key), desk.order(aud="n-other"), desk.order(iss=other.key.fingerprint),
                desk.order(purpose=Purpose.CANCEL), desk.order(purpose=Purpose.RUN), own[:-8] + "AAAAAAAA",
                ".".join((own.split(".")[0], desk.order(by="eve").split(".")[1], own.split(".")[2])), ""):
        assert desk.leave(jws)["code"] == "signature"
    for jws in (None, 7, {}):
        assert desk.leave(jws)["code"] == "malformed"
    assert desk.belongs and not (desk.config_dir / NOTE).exists()


def test_the_word_that_ended_one_membership_does_not_end_the_next(desk):
    order = desk.order()
    desk.leave(order)
    desk.hub.node = "n-with-a-new-key"
    desk.hub.pin(desk.config_dir)

    assert desk.leave(order)["code"] == "signature"
    assert desk.belongs


def test_a_config_folder_that_others_may_write_to_is_not_touched(desk):
    desk.config_dir.chmod(0o777)
    (desk.config_dir / f".{NOTE}.{os.getpid()}").symlink_to("/dev/null")

    assert desk.leave(desk.order())["code"] == "untrusted"
    assert desk.belongs


def test_cut_off_between_the_note_and_the_pin_it_belongs_to_the_hub_and_is_told_again(desk):
    desk.leave(desk.order())
    desk.hub.pin(desk.config_dir)  # as it was before the last step

    assert (desk.config_dir / NOTE).exists()
    assert desk.run()[1] == {"state": "running"}
    assert desk.leave(desk.order()) == {"state": "left"}


def test_an_update_goes_on_to_its_own_end(desk):
    update = desk.state.create(new_run_id(), {"update": {}})
    desk.backend.living.add(update.run)
    update.close()
    run, _ = desk.run()

    forget(desk.config_dir, desk.state, desk.backend, "root", "", time.time())
    assert desk.backend.living == {update.run} and desk.state.runs() == [update.run]


def test_a_real_executor_ends_a_real_run_and_forgets_its_output(tmp_path):
    with RunningExecutor(tmp_path, Hub(), backend="children") as executor:
        run = new_run_id()
        assert executor.request(run, argv=("sh", "-c", "echo secret; exec sleep 1000")) == {"state": "running"}
        executor.shown(run, "secret")
        claims = {"iss": executor.hub.key.fingerprint, "aud": executor.hub.node, "by": "olga", "reason": ""}
        answer = executor.ask({"request": "leave", "jws": sign(executor.hub.key, Purpose.LEAVE, claims, now=1, ttl=1)})
        assert answer == {"state": "left"}
        assert not executor.output_file(run).exists()


def test_root_here_may_forget_a_hub_that_can_not_be_asked(tmp_path):
    executor = RunningExecutor(tmp_path, Hub())
    assert executor.verb("leave", "--reason", "it burnt down") == 0
    assert not (executor.config_dir / "hub.json").exists()
    note = json.loads((executor.config_dir / NOTE).read_text())
    assert (note["by"], note["reason"]) == ("root on this machine", "it burnt down")
    assert executor.verb("leave") == 0
