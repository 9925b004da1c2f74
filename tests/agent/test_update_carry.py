"""An update from its journal to its end, with a real run directory, real downloads and packages; only what is done to
the machine itself is simulated."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import pytest
from probe_debs import make_deb
from update_papers import PackageServer, manifest_of

from dvic_agent.executor.backend import write_end
from dvic_agent.executor.rundir import StateDir
from dvic_agent.executor.update import carry as carrying
from dvic_agent.executor.update.carry import TOLD_TO_STOP, Carrier, carry
from dvic_agent.executor.update.folder import UpdateDir, goes_on
from dvic_agent.executor.update.packages import Present, read_deb
from dvic_agent.executor.update.plan import Journal
from dvic_agent.executor.update.telling import Teller

RUN = "0123456789abcdef"
OLD, NEW = "1.0", "2.0"


@dataclass
class SimulatedMachine:
    """Has one package, in which it believes. `problem`: what installing fails of; `refuses`: so does putting back."""

    folder: UpdateDir
    version: str = OLD
    problem: str = ""
    refuses: str = ""
    welcomed: bool = True
    clock: float = 0.0
    repacked: int = 0
    put_back_deb: str = ""
    disarmed: bool = False
    on_install: list = field(default_factory=list)

    def boot(self):
        return "this boot"

    def now(self):
        self.clock += 10
        return self.clock

    def present(self, package):
        return Present(self.version)

    def repack(self, package, staging, target):
        self.repacked += 1
        target.write_bytes(b"the former package")

    def install(self, deb, package, again):
        for act in self.on_install:
            act()
        if self.problem:
            self.version = ""
            return self.problem
        self.version = read_deb(deb).version
        if self.welcomed:
            self.folder.confirm(RUN, self.version)
        return ""

    def put_back(self, deb, package, version):
        self.put_back_deb = deb.read_bytes()
        if not self.refuses:
            self.version = version
        return self.refuses

    def agent_state(self):
        return "the agent's service is failed (failed)"

    def disarm(self):
        self.disarmed = True


class Bench:
    """An accepted update, not begun yet."""

    def __init__(self, tmp_path, server, deb):
        self.state = StateDir(tmp_path / "var", os.getegid())
        self.folder = UpdateDir(self.state.path)
        self.folder.make()
        self.machine = SimulatedMachine(self.folder)
        self.stop = threading.Event()
        manifest = manifest_of(deb)
        self.journal = Journal(RUN, "dvic-agent", NEW, "all", manifest.size, manifest.sha256,
                               f"{server.url}/apt/pool/{deb.name}", "", OLD, 60)
        self.folder.save(self.journal)
        self.state.create(RUN, {"run": RUN, "update": self.journal.to_json()}).close()

    def carry(self):
        with self.state.opened(RUN) as run:
            teller = Teller(run)
            return Carrier(self.folder, self.folder.journal(), run, teller, self.machine, self.stop.is_set).carry()

    def records(self):
        with self.state.opened(RUN) as run:
            return [json.loads(line) for line in run.read("output.jsonl").splitlines()]

    def steps(self):
        return [record["step"]["name"] for record in self.records() if "step" in record]

    def end(self):
        return self.records()[-1].get("end", {})

    def left(self):
        return sorted(path.name for path in self.folder.path.iterdir())


@pytest.fixture
def deb(tmp_path):
    (tmp_path / "pool").mkdir()
    return make_deb(tmp_path / "pool", "dvic-agent", NEW)


@pytest.fixture
def server(tmp_path, deb):
    server = PackageServer(tmp_path / "pool", "127.0.0.1")
    yield server
    server.close()


@pytest.fixture
def bench(tmp_path, server, deb, monkeypatch):
    return Bench(tmp_path, server, deb)


def test_a_good_update_is_told_and_its_package_is_kept_for_the_next_one(bench, deb):
    assert bench.carry() == 0
    assert bench.steps() == ["downloading", "installing", "confirming", "updated"]
    assert bench.records()[0]["start"] == {"pid": os.getpid(), "user": "root"}
    assert bench.end() == {"state": "finished", "exit_code": 0, "reason": "", "cut": 0}
    assert bench.left() == ["installed.deb"] and bench.machine.disarmed
    assert (bench.folder.path / "installed.deb").read_bytes() == deb.read_bytes()


def test_a_package_that_an_update_installed_is_put_back_as_it_came(bench, tmp_path):
    kept = make_deb(tmp_path / "old", "dvic-agent", OLD).read_bytes()
    bench.folder.installed.write_bytes(kept)
    bench.machine.problem = "apt said: no"

    bench.carry()
    assert (bench.machine.repacked, bench.machine.put_back_deb) == (0, kept)
    assert bench.end()["reason"] == f"rolled back to {OLD}: dvic-agent {NEW} can't be installed: apt said: no"
    assert bench.steps() == ["downloading", "installing", "rolling-back", "rolled-back"]
    assert bench.folder.installed.read_bytes() == kept


@pytest.mark.parametrize("kept", [b"no package", None])
def test_else_what_is_installed_is_packed(bench, tmp_path, kept):
    if kept is None:  # of a version that somebody has replaced meanwhile
        kept = make_deb(tmp_path / "old", "dvic-agent", "0.5").read_bytes()
    bench.folder.installed.write_bytes(kept)
    bench.carry()
    assert bench.machine.repacked == 1


def test_a_new_agent_that_is_not_welcomed_is_taken_back_and_what_it_says_is_told(bench):
    bench.machine.welcomed = False
    bench.carry()
    assert bench.end()["reason"].endswith("did not welcome it within 60 s (the agent's service is failed (failed))")
    assert bench.machine.version == OLD


def test_a_version_that_can_not_be_put_back_calls_for_somebody_and_keeps_the_package(bench):
    bench.machine.problem, bench.machine.refuses = "apt said: no", "dpkg said: never"
    bench.carry()
    reason = bench.end()["reason"]
    assert reason.startswith(f"{OLD} could not be put back: somebody has to look") and "dpkg said: never" in reason
    assert bench.folder.installed.read_bytes() == b"the former package"


def test_a_package_that_is_not_what_its_manifest_says_changes_nothing(bench, tmp_path, server):
    odd = make_deb(tmp_path / "odd", "dvic-agent", "3.0")
    (tmp_path / "pool" / f"dvic-agent_{NEW}_all.deb").write_bytes(odd.read_bytes())
    manifest = manifest_of(odd)
    bench.folder.save(Journal(RUN, "dvic-agent", NEW, "all", manifest.size, manifest.sha256, bench.journal.url, "", OLD,
                              60))
    bench.carry()
    assert "says that it is dvic-agent 3.0 all, unlike its manifest" in bench.end()["reason"]
    assert (bench.steps(), bench.machine.version) == (["downloading"], OLD)


def test_a_stop_of_the_machine_lets_it_go_on_later_without_telling_twice(bench):
    bench.machine.on_install.append(bench.stop.set)
    assert bench.carry() == TOLD_TO_STOP
    assert goes_on(bench.state.path, RUN) and bench.end() == {}
    bench.stop.clear()
    with bench.state.opened(RUN) as run:  # and the power went while a line was written
        handle = run.open("output.jsonl", os.O_WRONLY | os.O_APPEND)
        os.write(handle, b'{"time": 1, "ou')
        os.close(handle)
    bench.machine.on_install.clear()

    assert bench.carry() == 0
    assert bench.steps() == ["downloading", "installing", "confirming", "updated"]
    assert "the update goes on after it was cut off\n" in [record.get("out") for record in bench.records()]
    times = [record["time"] for record in bench.records()]
    assert times == sorted(times)


def test_a_cancelled_download_ends_as_cancelled(bench, server):
    def cancel():
        with bench.state.opened(RUN) as run:
            run.cancel("cancelled by olga")

    server.half = cancel
    bench.carry()
    assert bench.end() == {"state": "cancelled", "exit_code": -1, "reason": "cancelled by olga", "cut": 0}
    assert bench.left() == []


def test_a_cancel_that_comes_late_changes_nothing(bench):
    def cancel():
        with bench.state.opened(RUN) as run:
            run.cancel("cancelled by olga")

    bench.machine.on_install.append(cancel)
    bench.carry()
    assert bench.end()["state"] == "finished"


def test_an_update_whose_run_somebody_removed_is_carried_to_its_end(bench):
    with bench.state.opened(RUN) as run:
        run.finish("failed")
    bench.state.forget(RUN)
    carrier = Carrier(bench.folder, bench.journal, None, Teller(None), bench.machine, bench.stop.is_set)
    assert carrier.carry() == 0
    assert (bench.machine.version, bench.left()) == (NEW, ["installed.deb"])


def test_it_ends_though_the_power_went_between_its_end_and_its_journals(bench):
    bench.carry()
    before = bench.records()
    bench.folder.save(Journal.from_json({**bench.journal.to_json(), "phase": "updated"}))
    assert bench.carry() == 0
    assert bench.records() == before
    assert bench.left() == ["installed.deb"]


def test_two_never_carry_the_same_update(bench, monkeypatch):
    monkeypatch.setattr(carrying, "LOOKS", 2)
    holder = subprocess.Popen([sys.executable, "-c", "import fcntl, sys; f = open(sys.argv[1], 'w'); "
                               "fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()",
                               str(bench.folder.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    usual = signal.getsignal(signal.SIGTERM)
    try:
        assert holder.stdout.readline() == "held\n"
        assert carry(bench.state) == 0
        assert bench.records() == []
    finally:
        holder.communicate("")
        signal.signal(signal.SIGTERM, usual)


def test_what_ends_runs_leaves_an_update_alone_that_goes_on(bench):
    assert goes_on(bench.state.path, RUN) and not goes_on(bench.state.path, "x" * 16)
    bench.folder.clear()
    assert not goes_on(bench.state.path, RUN)
    with bench.state.opened(RUN) as run:
        write_end(run)
    assert bench.end()["state"] == "lost"


def test_tools_are_told_with_their_last_words_and_never_wait_for_ever(bench, tmp_path):
    with bench.state.opened(RUN) as run:
        teller = Teller(run)
        environ = {"PATH": os.environ["PATH"]}
        script = "echo one; echo two >&2; sleep 1000 & exit 3"
        done = teller.call(["sh", "-c", script], 20, environ)
        assert (done.code, done.said) == (3, "two")
        assert teller.call(["/nonexistent"], 20, environ).code == 127
        done = teller.call(["sh", "-c", "echo begun; sleep 1000"], 0.5, environ)
        assert (done.code, done.said) == (124, "sh did not end within 0.5 s")
    said = "".join(record.get("out", "") + record.get("err", "") for record in bench.records())
    assert said == "one\ntwo\nbegun\n" or said == "two\none\nbegun\n"
