"""Which updates the executor takes, and whose word it believes, through its door and with everything real but dpkg."""

import os
import time
from dataclasses import replace

import pytest
from running_executor import RunningExecutor, new_run_id
from update_papers import SigningHub

from dvic_agent.executor.errors import StartFailed
from dvic_agent.executor.rundir import StateDir
from dvic_agent.executor.serve import Executor
from dvic_agent.executor.sweep import sweep
from dvic_agent.executor.update.folder import UpdateDir
from dvic_agent.executor.update.packages import Present
from dvic_wire.signing import PrivateKey, Purpose
from dvic_wire.updates import Manifest

RELEASE = Manifest("dvic-agent", "2.0", "all", 1000, "ab" * 32)


class Bench:
    """A backend as systemd's, which only notes what it is asked."""

    name = "systemd"

    def __init__(self):
        self.updates, self.stopped, self.fails, self.living = [], [], False, True

    def start_update(self, run):
        if self.fails:
            raise StartFailed("systemd is busy")
        self.updates.append(run.run)

    def stop(self, run):
        self.stopped.append(run.run)

    def alive(self, run):
        return self.living

    def clear(self, run):
        pass


class Desk:
    def __init__(self, folder):
        self.hub = SigningHub(url="https://hub.example/dvic/")
        self.hub.pin(folder / "etc")
        self.etc = folder / "etc"
        self.backend, self.present = Bench(), Present("1.0")
        self.state = StateDir(folder / "var", os.getegid())
        self.folder = UpdateDir(self.state.path)
        self.executor = Executor(self.etc, self.state, self.backend, present=lambda package: self.present)

    def ask(self, request, run, jws):
        return self.executor.answer({"request": request, "run": run, "jws": jws})

    def update(self, release=RELEASE, run="", **order):
        run = run or new_run_id()
        return self.ask("update", run, self.hub.update(run, release, **order))

    def refused(self, release=RELEASE, **order):
        answer = self.update(release, **order)
        assert answer["state"] == "refused" and self.backend.updates == [] and self.folder.journal() is None, answer
        return answer["reason"]

    def confirm(self, run, version="2.0"):
        return self.ask("confirm", run, self.hub.confirmation(run, version))

    def phase(self, phase):
        self.folder.save(replace(self.folder.journal(), phase=phase))

    def end(self, run):
        with self.state.opened(run) as found:
            return found.end()


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_good_order_is_written_down_with_its_program_and_started(desk):
    run = new_run_id()
    assert desk.update(run=run, confirm=77) == {"state": "running"}
    journal = desk.folder.journal()
    assert (journal.run, journal.previous, journal.version, journal.confirm) == (run, "1.0", "2.0", 77)
    assert journal.url == "https://hub.example/dvic/apt/pool/dvic-agent_2.0_all.deb"
    assert desk.folder.program.is_file() and desk.backend.updates == [run]
    assert desk.update(run=run) == {"state": "running"}  # asked again it starts nothing
    assert desk.backend.updates == [run]


def test_the_version_that_is_there_is_left_so(desk):
    run = new_run_id()
    desk.present = Present("2.0")
    assert desk.update(run=run) == {"state": "running"}
    assert desk.end(run) == {"state": "finished", "exit_code": 0, "cut": 0,
                             "reason": "unchanged: dvic-agent 2.0 is installed already"}
    assert desk.backend.updates == [] and desk.folder.journal() is None


def test_an_older_version_only_where_it_is_wanted(desk):
    older = replace(RELEASE, version="0.9")
    assert desk.refused(older, older=False).startswith("0.9 is older than 1.0, which is installed")
    assert desk.update(older, older=True) == {"state": "running"}


@pytest.mark.parametrize(("release", "reason"), [
    (replace(RELEASE, package="bash"), "only dvic-agent updates itself"),
    (replace(RELEASE, architecture="m68k"), "the package is for m68k, this machine is"),
    (replace(RELEASE, sha256="../../x"), "manifest.sha256"),
    (replace(RELEASE, version="1/../2"), "no Debian version"),
    (replace(RELEASE, size=1 << 40), "manifest.size"),
])
def test_a_manifest_that_can_not_be_meant_is_refused_though_it_is_signed(desk, release, reason):
    assert reason in desk.refused(release)


@pytest.mark.parametrize(("claims", "reason"), [
    ({"confirm": 5}, "confirm 30 to 3600 s"), ({"confirm": True}, "confirm"), ({"older": "yes"}, "is true or false"),
    ({"manifest": ""}, "the update's papers do not hold"), ({"manifest": None}, "do not hold"),
    ({"keys": "a.b.c"}, "do not hold"), ({"keys": ["x"]}, "do not hold"),
])
def test_a_senseless_order_is_refused(desk, claims, reason):
    assert reason in desk.refused(**claims)


def test_only_the_hubs_own_signature_for_this_purpose_counts(desk):
    run, stranger = new_run_id(), SigningHub()
    assert desk.ask("update", run, stranger.update(run, RELEASE))["code"] == "signature"
    order = desk.hub.order(run, {"argv": ["id"]})
    assert desk.ask("update", run, order)["code"] == "signature"
    assert desk.ask("run", run, desk.hub.update(run, RELEASE))["code"] == "signature"
    assert desk.ask("update", run, desk.hub.update(run, RELEASE, now=time.time() - 10_000))["state"] == "expired"


def test_the_manifest_must_be_signed_by_a_key_of_the_hubs_set_which_never_goes_back(desk):
    spare, stranger = PrivateKey.generate(), PrivateKey.generate()
    assert "no key that counts" in desk.refused(signer=stranger)
    assert "the signature is wrong" in desk.refused(keys=SigningHub(signing=desk.hub.signing).keys())
    assert "no key that counts" in desk.refused(keys=desk.hub.keys(7, spare))
    assert desk.refused(keys=desk.hub.keys(6, desk.hub.signing)) == (
        "the key set 6 is older than 7, which this machine has seen")
    assert desk.update(keys=desk.hub.keys(7, desk.hub.signing)) == {"state": "running"}


def test_another_hub_begins_with_its_own_key_sets(desk):
    assert "no key that counts" in desk.refused(keys=desk.hub.keys(7, PrivateKey.generate()))
    desk.hub = SigningHub(url="https://other.example")
    desk.hub.pin(desk.etc)
    assert desk.update() == {"state": "running"}


def test_the_owners_keys_count_instead_of_the_hubs(desk):
    owner = PrivateKey.generate()
    (desk.etc / "policy.toml").write_text(f'release_keys = ["{owner.public.jwk()["x"]}"]\n')
    assert "no key that counts" in desk.refused()
    assert desk.update(signer=owner, keys="") == {"state": "running"}


@pytest.mark.parametrize(("policy", "reason"), [
    ('kinds = ["run"]', "does not allow the kind update"), ('argv = [["uptime"]]', "needs release_keys"),
    ('users = ["www-*"]', "needs release_keys"), ("operator_keys = [KEY]", "needs release_keys"),
    ("nonsense = 1", "until policy.toml is repaired"),
])
def test_a_machine_that_narrows_what_the_hub_may_do_takes_no_package_on_its_word(desk, policy, reason):
    key = f'"{PrivateKey.generate().public.jwk()["x"]}"'
    (desk.etc / "policy.toml").write_text(policy.replace("KEY", key))
    assert reason in desk.refused()


@pytest.mark.parametrize("present", [Present(), Present(removed=True)])
def test_a_package_that_dpkg_does_not_have_whole_is_not_updated(desk, present):
    desk.present = present
    assert "not installed here as a whole package" in desk.refused()


def test_one_update_at_a_time(desk):
    first = new_run_id()
    desk.update(run=first)
    answer = desk.update()
    assert (answer["code"], answer["reason"]) == ("busy", f"the update {first} to 2.0 is under way here")
    with desk.state.opened(first) as found:
        found.finish("failed")
    assert desk.update() == {"state": "running"}  # it ended, and its journal was left behind


def test_one_that_can_not_be_started_has_ended(desk):
    run = new_run_id()
    desk.backend.fails = True
    answer = desk.update(run=run)
    assert (answer["state"], answer["reason"]) == ("failed", "the update could not be started: systemd is busy")
    assert desk.end(run)["state"] == "failed" and desk.folder.journal() is None


def test_the_hubs_word_is_taken_while_the_new_version_is_waited_for(desk):
    run = new_run_id()
    desk.update(run=run)
    assert desk.confirm(run)["reason"] == "the update is downloading"
    desk.phase("confirming")
    assert desk.confirm(run, "3.0")["reason"] == "the update is to 2.0"
    assert desk.confirm(new_run_id())["reason"] == "that update is not under way here"
    stranger = SigningHub().confirmation(run, "2.0")
    assert desk.ask("confirm", run, stranger)["code"] == "signature"
    assert desk.ask("confirm", run, desk.hub.update(run, RELEASE))["code"] == "signature"
    assert not desk.folder.confirmed(run)
    assert desk.confirm(run) == {"state": "confirmed"}
    assert desk.folder.confirmed(run)
    desk.phase("rolling-back")
    assert desk.confirm(run)["reason"] == "the update is rolling-back"


def test_the_word_for_one_update_is_none_for_the_next(desk):
    run = new_run_id()
    desk.update(run=run)
    desk.phase("confirming")
    desk.confirm(run)
    with desk.state.opened(run) as found:
        found.finish("finished")
    after = new_run_id()
    desk.update(run=after)
    assert not desk.folder.confirmed(after)


def test_a_cancel_is_noted_and_nothing_is_killed(desk):
    run = new_run_id()
    desk.update(run=run)
    answer = desk.ask("cancel", run, desk.hub.cancel(run))
    assert answer == {"state": "running", "reason": "it is ended if nothing has been changed yet"}
    with desk.state.opened(run) as found:
        assert found.cancelled() == "cancelled by olga"
    assert desk.backend.stopped == []


def test_a_sweep_goes_on_with_an_update_that_nobody_carries_and_ends_what_is_left_of_none(desk):
    run = new_run_id()
    desk.update(run=run)
    desk.backend.living = False
    assert sweep(desk.state, desk.backend, keep=1e9) == 1
    assert desk.backend.updates == [run, run] and desk.end(run) is None
    desk.folder.clear()
    assert sweep(desk.state, desk.backend, keep=1e9) == 0
    assert desk.end(run)["state"] == "lost"


def test_a_ping_tells_of_it(desk):
    assert "update" not in desk.executor.answer({"request": "ping"})
    run = new_run_id()
    desk.update(run=run)
    told = desk.executor.answer({"request": "ping"})["update"]
    assert told | {"begun": 0} == {"run": run, "version": "2.0", "previous": "1.0", "phase": "downloading", "begun": 0,
                                   "carried": False}


def test_without_systemd_an_update_is_refused_and_it_is_said_why(tmp_path):
    hub = SigningHub(url="http://hub")
    with RunningExecutor(tmp_path, hub, backend="children") as running:
        run = new_run_id()
        answer = running.ask({"request": "update", "run": run, "jws": hub.update(run, RELEASE)})
    assert (answer["state"], answer["code"]) == ("refused", "backend")
    assert "needs systemd as pid 1" in answer["reason"]


def test_purposes_are_apart():
    assert len({Purpose.UPDATE, Purpose.UPDATE_CONFIRM, Purpose.RUN, Purpose.CANCEL, Purpose.RELEASE}) == 5
