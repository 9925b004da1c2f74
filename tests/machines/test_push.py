"""Enrolling by ssh, between real Debian machines: a node opens ssh to another that has nothing but Debian's sshd."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab_network import LabNetwork
from machine import SUITES, Machine
from push_lab import SSH_PACKAGES, TargetMachine, Watcher, found_in, journal, start_of_tokens, whole
from rig import BIN, Rig, until

pytestmark = pytest.mark.machines

TOP = Path(__file__).parents[2]
BUILD_SECONDS = 300


@pytest.fixture(scope="module")
def agent_deb(tmp_path_factory) -> Path:
    """The agent's package as this checkout makes it."""
    out = tmp_path_factory.mktemp("agent")
    done = subprocess.run([TOP / "packaging/build.sh", "--out", out, "agent"], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("dvic-agent_*.deb"))


@dataclass
class Lab:
    """A hub on this machine, and the node ada on the same network."""

    network: LabNetwork
    rig: Rig
    source: Machine
    suite: str
    folder: Path

    def enroll(self, who: str, target: TargetMachine, *options: str, code: int = 0, via: str = "ada") -> str:
        """hubctl node enroll; returns what it said."""
        argv = [BIN / "hubctl", "node", "enroll", f"{who}@{target.address}", *(["--via", via] if via else []), *options]
        done = subprocess.run(list(map(str, argv)), text=True, capture_output=True, timeout=240, env=self.rig.environ,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}{done.stderr}\n{self.rig.hub.said()[-3000:]}"
        return done.stderr


@pytest.fixture(scope="module", params=SUITES)
def lab(request, agent_deb, tmp_path_factory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with LabNetwork() as network, Machine(request.param, more=SSH_PACKAGES) as source:
        network.plug(source)
        source.run("rm", "-f", "/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
        with Rig(folder, listen="0.0.0.0", url=f"http://{network.address}:{{port}}") as rig:
            rig.start_hub()
            rig.hubctl("release", "add", str(agent_deb))
            [made] = [json.loads(rig.hubctl("token", "create", "-o", "json"))]
            command = (made[0] if isinstance(made, list) else made)["install_command"].replace("sudo sh", "sh")
            done = source.run("sh", "-c", f"{command} -s -- --name ada", timeout=240)
            assert done.returncode == 0, done.stdout + done.stderr
            until(lambda: rig.node("ada").get("state") == "online", "ada is online")
            yield Lab(network, rig, source, request.param, folder)


@pytest.fixture
def target(lab) -> Iterator[TargetMachine]:
    """A machine that nobody has enrolled."""
    with Machine(lab.suite, more=SSH_PACKAGES) as machine:
        address = lab.network.plug(machine)
        machine.run("rm", "-f", "/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
        yield TargetMachine(machine, address, lab.folder)


def test_root_with_a_password_and_it_is_nowhere_afterwards(lab, target):
    fingerprint = target.fingerprint()
    with Watcher([*target.secrets, start_of_tokens(lab.rig.public_url)]) as watcher:
        said = lab.enroll("root", target, "--password-file", str(target.password_file), "--host-key", fingerprint,
                          "--name", f"eva-{lab.suite}", "--tag", "room=lab")
    print(said)
    assert said.splitlines()[-1] == f"root@{target.address} is online as eva-{lab.suite}."
    for step in ("adding the packages", "installing dvic-agent", "joining the hub", "online: enrolled at"):
        assert f"dvic: {step}" in said, said
    assert lab.rig.node(f"eva-{lab.suite}")["tags"] == {"room": "lab"}
    lab.rig.hubctl("run", f"eva-{lab.suite}", "--", "true")

    assert watcher.looks > 10 and watcher.seen == set()
    target.password_file.unlink()
    places = [whole(lab.source), whole(target.machine), lab.folder]
    assert found_in(places, [target.password]) == []
    for machine in (lab.source, target.machine):
        assert target.password not in journal(machine)
    ssh_as = [line for line in lab.source.run("journalctl", "--no-pager").stdout.splitlines() if "dvic-push" in line]
    assert not [line for line in ssh_as if "Pw!" in line]
    assert list((lab.source.root / "tmp").glob("dvic-push-*")) == []


@pytest.mark.parametrize(("who", "options"), [
    ("root", ("key",)), ("wanda", ("password",)), ("wanda", ("key", "password")), ("nora", ("password",))])
def test_root_or_whoever_may_use_sudo_signs_in_with_key_or_password(lab, target, who, options):
    given = {"key": ("--key", str(target.key_file)), "password": ("--password-file", str(target.password_file))}
    with Watcher(target.secrets) as watcher:
        said = lab.enroll(who, target, *(word for option in options for word in given[option]), "--yes")
    assert "is online as" in said.splitlines()[-1]
    assert watcher.seen == set()
    words = target.secrets
    target.password_file.unlink()
    target.key_file.unlink()
    assert found_in([whole(lab.source), whole(target.machine), lab.folder], words) == []


def test_who_is_not_let_in_or_may_not_become_root_is_told_why(lab, target):
    wrong = lab.folder / "wrong"
    wrong.write_text("Wrong-Password-1\n")
    said = lab.enroll("root", target, "--password-file", str(wrong), "--yes", code=4)
    assert "signing in as root" in said and "Permission denied" in said and "again: hubctl node enroll" in said
    said = lab.enroll("wanda", target, "--key", str(target.key_file), "--yes", code=4)
    assert "sudo asks for a password" in said
    said = lab.enroll("wanda", target, "--key", str(target.key_file), "--password-file", str(wrong), "--yes", code=4)
    assert "sudo does not accept the password" in said
    said = lab.enroll("paul", target, "--password-file", str(target.password_file), "--yes", code=4)
    assert "paul" in said
    wrong.unlink()
    assert not target.enrolled()
    assert found_in([whole(lab.source), whole(target.machine), lab.folder], ["Wrong-Password-1"]) == []


def test_the_host_key_is_shown_at_first_remembered_and_refused_when_it_has_changed(lab, target):
    given = ("--password-file", str(target.password_file))
    first = target.fingerprint()
    said = lab.enroll("root", target, *given, code=2)
    assert "for the first time" in said and first in said and f"--host-key {first}" in said
    assert not target.enrolled()
    lab.enroll("root", target, *given, "--host-key", first)
    assert f"is the known one ({first})" in lab.enroll("root", target, *given)

    target.new_host_keys()
    second = target.fingerprint()
    said = lab.enroll("root", target, *given, "--yes", code=4)
    assert "HAS CHANGED" in said and first in said and second in said
    assert f"hubctl node forget-host-key {target.address} --via ada" in said
    lab.rig.hubctl("node", "forget-host-key", target.address, "--via", "ada")
    assert "for the first time" in lab.enroll("root", target, *given, "--yes")


def test_a_machine_that_is_a_node_already_stays_the_same_node(lab, target):
    given = ("--password-file", str(target.password_file), "--yes")
    name = lab.enroll("root", target, *given).split(" is online as ")[1].strip(" .\n")
    before = len(json.loads(lab.rig.hubctl("nodes", "-o", "json")))
    assert f"is online as {name}." in lab.enroll("root", target, *given)
    assert len(json.loads(lab.rig.hubctl("nodes", "-o", "json"))) == before


def test_the_sources_owner_can_refuse_and_ssh_is_not_opened_as_root(lab, target):
    lab.source.write("/etc/dvic-agent/policy.toml", 'kinds = ["run", "update"]\n')
    try:
        said = lab.enroll("root", target, "--password-file", str(target.password_file), "--yes", code=4)
    finally:
        lab.source.run("rm", "/etc/dvic-agent/policy.toml")
    assert "policy does not allow it to enrol other machines" in said
    assert not target.enrolled()
    lab.enroll("root", target, "--password-file", str(target.password_file), "--yes")
    [run, *_] = lab.rig.request("GET", "/api/v1/runs?kind=enroll&limit=1")[1]["items"]
    log = lab.source.run("journalctl", "--no-pager", "-u", f"dvic-run-{run['id']}.service").stdout
    assert "Pw!" not in log
    assert "dvic-ssh" in (lab.source.root / "etc/passwd").read_text()


def test_a_source_whose_network_or_power_goes_away_leaves_no_half_joined_node(lab, target):
    """The connection breaks while the host key is looked at: nothing has happened, and it can be done again."""
    target.sh("systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh")
    said = lab.enroll("root", target, "--password-file", str(target.password_file), "--yes", code=4)
    assert f"no ssh server answers at {target.address}" in said
    target.sh("systemctl start ssh")
    lab.enroll("root", target, "--password-file", str(target.password_file), "--yes")


def test_the_hub_can_be_the_source(lab, target):
    said = lab.enroll("root", target, "--password-file", str(target.password_file), "--yes", via="")
    assert "is online as" in said.splitlines()[-1]
    target.password_file.unlink()
    assert found_in([lab.folder], [target.password]) == []


@pytest.fixture
def hub_machine(lab, debs) -> Iterator[tuple[Machine, str]]:
    """A machine that is the hub, by its package, shut in as its unit says."""
    with Machine(lab.suite, more=SSH_PACKAGES) as machine:
        address = lab.network.plug(machine)
        for deb in (debs.hub, debs.agent):
            machine.put(deb, f"/root/{deb.name}")
        url, local = f"http://{address}:8420", "http://127.0.0.1:8420"
        sh(machine, f"dpkg -i /root/{debs.hub.name}", 120)
        said = sh(machine, f"dvic-hub setup --url {url} --listen 0.0.0.0:8420 --non-interactive")
        sh(machine, "systemctl start dvic-hub")
        machine.write("/root/once", said.split("password")[1].split()[0] + "\n")
        machine.write("/root/own", "correct-horse-battery\n")
        sh(machine, f"hubctl login {local} --user admin --password-file /root/once --new-password-file /root/own")
        sh(machine, f"hubctl release add /root/{debs.agent.name}")
        yield machine, address


def sh(machine: Machine, text: str, timeout: float = 60) -> str:
    done = machine.run("sh", "-c", f"export HOME=/root; {text}", timeout=timeout)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_the_hub_as_it_is_packaged_and_shut_in_opens_ssh_itself(hub_machine, target):
    machine, _ = hub_machine
    machine.put(target.password_file, "/root/password")
    machine.put(target.key_file, "/root/key")
    where = f"wanda@{target.address}"
    with Watcher(target.secrets) as watcher:
        said = sh(machine, f"hubctl node enroll {where} --key /root/key --password-file /root/password --yes", 240)
    assert f"{where} is online as " in said.splitlines()[-1], said
    machine.put(target.password_file, "/root/password")
    said = sh(machine, f"hubctl node enroll root@{target.address} --password-file /root/password", 240)
    assert "is the known one" in said
    assert watcher.seen == set()
    words = target.secrets
    target.password_file.unlink()
    sh(machine, "rm /root/password /root/key")
    assert found_in([whole(machine), whole(target.machine)], words) == []
    assert not [word for word in words if word in journal(machine)]


def test_hubctl_sends_nothing_to_a_hub_on_plain_http_that_is_not_here(hub_machine, target):
    machine, address = hub_machine
    sh(machine, f"hubctl login http://{address}:8420 --user admin --password-file /root/own")
    done = machine.run("sh", "-c", f"HOME=/root hubctl node enroll root@{target.address} --password-file /root/own")
    assert done.returncode == 2 and "plain http" in done.stderr, done.stderr
    assert "https" in done.stderr
