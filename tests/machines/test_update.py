"""The agent's package replaces itself on a booted Debian machine: by the hub's word, through power cuts, and when all
goes wrong. The hub's part is played (see update_lab.py); executor, systemd, apt and dpkg are real.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from debs import build_agent
from lab_network import LabNetwork
from machine import SUITES, Machine
from running_executor import new_run_id
from update_lab import UpdatingMachine, variant
from update_papers import PackageServer, SigningHub, manifest_of

from dvic_wire.signing import PrivateKey
from dvic_wire.updates import STEPS

pytestmark = pytest.mark.machines

OLD, NEW, BAD, LATE = "0.1.0", "0.2.0", "0.3.0", "0.4.0"

GOOD_WAY = ["downloading", "installing", "confirming", "updated"]
WAY_BACK = ["downloading", "installing", "rolling-back", "rolled-back"]

SMALL_DISK = "/var/lib/dvic-agent/executor/update"


ON_BOTH = pytest.mark.parametrize("machine", SUITES, indirect=True)
ON_ONE = pytest.mark.parametrize("machine", SUITES[:1], indirect=True)
"""A machine's time is dear: what rests on no version of Debian is tried on one."""


def in_turns(name: str, values: list[str]) -> pytest.MarkDecorator:
    """Each of the values on one Debian or the other."""
    return pytest.mark.parametrize(("machine", name), indirect=["machine"], argvalues=[
        (SUITES[at % len(SUITES)], value) for at, value in enumerate(values)])


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The agent as OLD and NEW; as BAD, whose postinst fails; as LATE, which never reaches any hub."""
    if shutil.which("dh_python3") is None:
        pytest.skip("needs debhelper dh-python libpython3-dev lintian (apt-get install)")
    folder, pool = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("pool")
    for version in (OLD, NEW, BAD, LATE):
        name = f"dvic-agent_{version}_all.deb"
        scripts = {"postinst": 'echo "this is why"; exit 7\n'} if version == BAD else {}
        variant(build_agent(folder, version), pool / name, scripts=scripts, change=_break if version == LATE else None)
    return pool


def _break(tree: Path) -> None:
    """An agent that ends at once, and a package that forgot how to resume an update."""
    (tree / "usr/bin/dvic-agent").write_text("#!/bin/sh\nexit 1\n")
    (tree / "usr/lib/systemd/system/dvic-update-resume.service").unlink()


@pytest.fixture(scope="module")
def labs(built, tmp_path_factory) -> Iterator[Callable[[str], UpdatingMachine]]:
    """A machine of each Debian, from its first use on, with OLD and enrolled at the hub that is played."""
    pool = tmp_path_factory.mktemp("served")
    for each in built.iterdir():
        shutil.copy(each, pool)
    with ExitStack() as stack:
        network = stack.enter_context(LabNetwork())

        @cache
        def lab(suite: str) -> UpdatingMachine:
            machine = stack.enter_context(Machine(suite))
            network.plug(machine)
            server = PackageServer(pool, network.address)
            stack.callback(server.close)
            updating = UpdatingMachine(machine, SigningHub(url=server.url), server, lambda: network.plug(machine))
            updating.install(deb(updating, OLD))
            updating.enrol()
            return updating

        yield lab


@pytest.fixture
def machine(request, labs) -> Iterator[UpdatingMachine]:
    """The machine, held nowhere, with whatever version was left by the test before."""
    found = labs(request.param)
    yield found
    found.server.before = found.server.half = None
    found.server.alter = bytes
    found.release()


def deb(machine: UpdatingMachine, version: str) -> Path:
    return machine.server.folder / f"dvic-agent_{version}_all.deb"


def other(machine: UpdatingMachine) -> str:
    """The good version that is not installed."""
    present = machine.installed()
    assert present in (f"installed {OLD}", f"installed {NEW}"), present
    return OLD if present.endswith(NEW) else NEW


def check_alive(machine: UpdatingMachine, version: str) -> None:
    assert machine.installed() == f"installed {version}"
    machine.until(lambda: machine.running() == version, f"an agent {version} runs")
    assert machine.ask({"request": "ping"})["version"] == version
    assert machine.shell("ls /etc/systemd/system/dvic-update-resume.service 2>/dev/null || :") == ""


@ON_BOTH
def test_an_update_is_a_run_that_tells_its_steps_and_lives_through_the_agents_restart(machine):
    target = other(machine)
    run = machine.order(deb(machine, target))
    machine.welcome(run, target)

    assert machine.ended(run) == {"state": "finished", "exit_code": 0, "reason": "", "cut": 0}
    assert machine.steps(run) == GOOD_WAY
    assert set(GOOD_WAY) < set(STEPS)
    said = "".join(record.get("out", "") for record in machine.records(run))
    assert f"Setting up dvic-agent ({target})" in said
    check_alive(machine, target)


@ON_ONE
def test_what_is_installed_already_is_left_alone(machine):
    present = machine.installed().split()[1]
    run = machine.order(deb(machine, present))

    assert machine.ended(run)["reason"] == f"unchanged: dvic-agent {present} is installed already"


@in_turns("moment", ["before the download", "in mid download", "before the former package is packed", "before apt",
                     "in preinst", "between two versions' files", "in postinst", "waiting for the hub",
                     "after the hub's word"])
def test_a_power_cut_on_the_way_there_ends_in_the_new_version(machine, moment):
    target, wait = other(machine), threading.Event()
    present = OLD if target == NEW else NEW
    hold = {"before the former package is packed": "repack", "before apt": "apt", "in preinst": f"preinst-{target}",
            "between two versions' files": f"postrm-{present}", "in postinst": f"postinst-{target}"}.get(moment, "")
    reached = threading.Event()

    def stay() -> None:
        reached.set()
        wait.wait(60)

    if moment == "before the download":
        machine.server.before = stay
    elif moment == "in mid download":
        machine.server.half = stay
    elif moment == "before the former package is packed":
        machine.shell("rm -f /var/lib/dvic-agent/executor/update/installed.deb")
    if hold:
        machine.hold(hold)
    run = machine.order(deb(machine, target))
    if hold:
        machine.held(hold)
    elif moment.startswith(("before", "in mid")):
        assert reached.wait(60)
    else:
        machine.until(lambda: "confirming" in machine.steps(run), "the update waits for the hub")
    if moment == "after the hub's word":
        machine.shell(f"systemctl kill --kill-whom=main --signal=STOP dvic-run-{run}.service")
        assert machine.confirm(run, target) == {"state": "confirmed"}
    machine.server.before = machine.server.half = None
    machine.cut_power()
    wait.set()
    if moment != "after the hub's word":
        machine.welcome(run, target)

    assert machine.ended(run)["state"] == "finished", machine.records(run)
    assert machine.steps(run) == GOOD_WAY
    check_alive(machine, target)


@in_turns("moment", ["postrm-{bad}", "preinst-{present}", "apt-back", "postinst-{present}"])
def test_a_power_cut_on_the_way_back_ends_in_the_version_from_before(machine, moment):
    present = machine.installed().split()[1]
    hold = moment.format(present=present, bad=BAD)
    machine.hold(hold)
    run = machine.order(deb(machine, BAD))
    machine.held(hold)
    machine.cut_power()

    end = machine.ended(run)
    assert end["state"] == "failed"
    assert end["reason"].startswith(f"rolled back to {present}: dvic-agent {BAD} can't be installed: apt said:")
    assert machine.steps(run) == WAY_BACK
    check_alive(machine, present)


@ON_ONE
def test_a_version_that_no_hub_welcomes_is_put_back_though_the_power_fails_and_it_forgot_how(machine):
    present = machine.installed().split()[1]
    run = machine.order(deb(machine, LATE), confirm=30)
    machine.until(lambda: "confirming" in machine.steps(run), "the update waits for the hub")
    machine.cut_power()

    end = machine.ended(run)
    assert end["state"] == "failed"
    assert "the hub did not welcome it within 30 s (the agent's service is activating (auto-restart)" in end["reason"]
    assert machine.steps(run) == ["downloading", "installing", "confirming", "rolling-back", "rolled-back"]
    check_alive(machine, present)


@ON_BOTH
def test_a_failing_postinst_is_named_and_settings_that_the_owner_changed_stay(machine):
    present = machine.installed().split()[1]
    machine.shell("rm -f /var/lib/dvic-agent/executor/update/installed.deb; "
                  "echo '# of the owner' >> /etc/dvic-agent/agent.toml")
    run = machine.order(deb(machine, BAD))

    reason = machine.ended(run)["reason"]
    assert "post-installation script subprocess returned error exit status 7" in reason
    assert "this is why\n" in "".join(record.get("out", "") for record in machine.records(run))
    check_alive(machine, present)
    target = other(machine)
    run = machine.order(deb(machine, target))
    machine.welcome(run, target)
    assert machine.ended(run)["state"] == "finished"
    assert machine.shell("tail -n 1 /etc/dvic-agent/agent.toml") == "# of the owner"


@ON_ONE
def test_a_carrier_that_is_killed_is_started_again(machine):
    target = other(machine)
    machine.hold(f"postinst-{target}")
    run = machine.order(deb(machine, target))
    machine.held(f"postinst-{target}")
    machine.release()
    machine.shell(f"systemctl kill --kill-whom=all --signal=KILL dvic-run-{run}.service")
    machine.welcome(run, target)

    assert machine.ended(run)["state"] == "finished"
    assert machine.steps(run) == GOOD_WAY
    check_alive(machine, target)


@ON_ONE
def test_nothing_is_changed_by_a_package_that_is_not_the_signed_one(machine):
    target = other(machine)
    for alter, reason in ((lambda data: data[:-1] + b"x", "is not the package that was signed: its sha256 is"),
                          (lambda data: data[:-1000], "is truncated at the hub"),
                          (lambda data: data + b"x", "is longer than the")):
        machine.server.alter = alter
        run = machine.order(deb(machine, target))
        end = machine.ended(run)
        assert (end["state"], machine.steps(run)) == ("failed", ["downloading"])
        assert reason in end["reason"], end
    run = machine.order(deb(machine, target), manifest=manifest_of(deb(machine, target), version="7.0").sign(
        machine.hub.signing, now=time.time()))
    assert "the hub answers with HTTP 404" in machine.ended(run)["reason"]
    check_alive(machine, OLD if target == NEW else NEW)


@ON_ONE
def test_a_disk_without_room_is_said_in_bytes_and_changes_nothing(machine):
    target = other(machine)
    machine.shell(f"mount -t tmpfs -o size=2m,mode=700 tmpfs {SMALL_DISK}")
    try:
        run = machine.order(deb(machine, target))
        assert "no room: " in machine.ended(run)["reason"]
        assert " bytes are needed in /var/lib/dvic-agent/executor/update, " in machine.ended(run)["reason"]
        machine.shell(f"umount {SMALL_DISK}; mount -t tmpfs -o size=64k,mode=700 tmpfs {SMALL_DISK}")
        run = new_run_id()
        answer = machine.ask({"request": "update", "run": run, "jws": machine.hub.update(
            run, manifest_of(deb(machine, target)))})
        assert answer["state"] == "failed" and "No space left" in answer["reason"], answer
        assert machine.end(run)["state"] == "failed"
    finally:
        machine.shell(f"umount {SMALL_DISK}")
    check_alive(machine, OLD if target == NEW else NEW)


@ON_BOTH
def test_a_disk_that_is_filled_while_the_package_is_unpacked_leaves_the_former_agent_at_work(machine):
    target, code = other(machine), "/usr/lib/python3/dist-packages/dvic_agent"
    present = OLD if target == NEW else NEW
    machine.shell(f"cp -a {code} /root/code && mount -t tmpfs -o size=64m,mode=755 tmpfs {code} "
                  f"&& cp -a /root/code/. {code} && find {code} -name __pycache__ -prune -exec rm -r {{}} + "
                  f"&& mount -o remount,size=$(($(df -k --output=used {code} | tail -n 1) + 64))k {code}")
    try:
        run = machine.order(deb(machine, target))
        end = machine.ended(run)
        assert end["reason"].startswith(f"{present} could not be put back: somebody has to look at this machine. "
                                        f"dvic-agent {target} can't be installed: apt said:")
        assert "No space left on device" in "".join(str(record) for record in machine.records(run))
        assert machine.steps(run) == ["downloading", "installing", "rolling-back"]
        machine.until(lambda: machine.running() == present, "the former agent runs")
    finally:
        machine.shell(f"umount --lazy {code}; rm -r /root/code")
    machine.shell("apt-get -qy install /var/lib/dvic-agent/executor/update/installed.deb", 120)
    check_alive(machine, present)
    run = machine.order(deb(machine, target))
    machine.welcome(run, target)
    assert machine.ended(run)["state"] == "finished"


@ON_ONE
def test_only_a_download_can_be_cancelled(machine):
    target, wait, reached = other(machine), threading.Event(), threading.Event()

    def stay() -> None:
        reached.set()
        wait.wait(60)

    machine.server.half = stay
    run = machine.order(deb(machine, target))
    assert reached.wait(60)
    busy = new_run_id()
    assert f"the update {run} to {target} is under way" in machine.refused(
        machine.hub.update(busy, manifest_of(deb(machine, target))), busy)
    assert machine.ask({"request": "ping"})["update"]["phase"] == "downloading"
    assert machine.confirm(run, target)["reason"] == "the update is downloading"
    machine.ask({"request": "cancel", "run": run, "jws": machine.hub.cancel(run)})
    wait.set()
    assert machine.ended(run) | {"reason": ""} == {"state": "cancelled", "exit_code": -1, "reason": "", "cut": 0}
    machine.server.half = None

    machine.hold("apt")
    run = machine.order(deb(machine, target))
    machine.held("apt")
    machine.ask({"request": "cancel", "run": run, "jws": machine.hub.cancel(run)})
    machine.release()
    machine.welcome(run, target)
    assert machine.ended(run)["state"] == "finished"


@ON_ONE
def test_papers_that_do_not_hold_are_refused(machine):
    target, hub = other(machine), machine.hub
    manifest, stranger, spare = manifest_of(deb(machine, target)), PrivateKey.generate(), PrivateKey.generate()

    def refused(**order) -> str:
        run = new_run_id()
        return machine.refused(hub.update(run, order.pop("manifest_", manifest), **order), run)

    assert "signed by no key that counts here" in refused(signer=stranger)
    assert "the signature is wrong" in refused(keys=hub.keys()[:-8] + "AAAAAAAA")
    assert "only dvic-agent updates itself" in refused(manifest_=manifest_of(deb(machine, target), package="bash"))
    if target == OLD:
        assert "is older than" in refused(older=False)
    assert hub.keys(5, hub.signing, spare) and "manifest" in refused(keys=hub.keys(5, spare))
    assert "the key set 4 is older than 5" in refused(keys=hub.keys(4, hub.signing))
    hub.serial = 5
    run = new_run_id()
    jws = hub.update(run, manifest, signer=stranger)
    assert machine.refused(jws, run) == machine.refused(jws, run)
    assert machine.refused(hub.update(run, manifest), run) == machine.refused(jws, run)  # the id is used up


@ON_ONE
def test_the_owners_keys_count_and_the_hubs_do_not(machine):
    target, owner = other(machine), PrivateKey.generate()
    policy = "/etc/dvic-agent/policy.toml"
    try:
        machine.machine.write(policy, f'operator_keys = ["{owner.public.jwk()["x"]}"]\n')
        run = new_run_id()
        assert "needs release_keys" in machine.refused(machine.hub.update(run, manifest_of(deb(machine, target))), run)
        machine.machine.write(policy, f'release_keys = ["{owner.public.jwk()["x"]}"]\n')
        run = new_run_id()
        assert "no key that counts" in machine.refused(machine.hub.update(run, manifest_of(deb(machine, target))), run)
        run = machine.order(deb(machine, target), manifest=manifest_of(deb(machine, target)).sign(
            owner, now=time.time()), keys="")
        machine.welcome(run, target)
        assert machine.ended(run)["state"] == "finished"
    finally:
        machine.shell(f"rm {policy}")


@ON_BOTH
def test_purging_leaves_nothing_of_updates(machine):
    machine.shell("/usr/bin/apt-get -qy purge dvic-agent", 120)

    found = machine.shell("find / -xdev \\( -name 'dvic*' -o -path '*/dvic-agent/*' \\)").splitlines()
    elsewhere = ("/proc/", "/root/", "/tmp/", "/run/", "/var/log/", "/var/cache/", "/var/tmp/")
    assert [path for path in found if not path.startswith(elsewhere)] == []
