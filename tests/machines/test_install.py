"""One line on a machine that has nothing, with the real apt, systemd and curl of Debian 12 and 13."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab_network import LabNetwork
from machine import SUITES, Machine
from nginx_front import Front
from probe_debs import make_deb
from rig import Rig, free_port, until

from dvic_hub import authority

pytestmark = pytest.mark.machines


@pytest.fixture(params=SUITES)
def lab(request, debs, tmp_path: Path) -> Iterator[tuple[Rig, Machine]]:
    """A hub that serves the agent over plain http on a LAN, and a fresh machine on it without any other network."""
    with LabNetwork() as network, Machine(request.param) as machine:
        network.plug(machine)
        machine.run("rm", "-f", "/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
        with Rig(tmp_path, listen="0.0.0.0", url=f"http://{network.address}:{{port}}") as rig:
            rig.start_hub()
            rig.hubctl("release", "add", str(debs.agent))
            yield rig, machine


def command_of(rig: Rig, *options: str) -> str:
    made = json.loads(rig.hubctl("token", "create", *options, "-o", "json"))
    command = (made[0] if isinstance(made, list) else made)["install_command"]
    assert "curl -fsSL http" in command and command.endswith(" | sudo sh")
    return command.replace("sudo sh", "sh")


def test_one_line_brings_a_machine_online_and_a_second_time_changes_nothing(lab):
    rig, machine = lab
    command = command_of(rig)
    done = machine.run("sh", "-c", command, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("dvic: online: enrolled at http://") and len(done.stdout.splitlines()) == 1
    [node] = json.loads(rig.hubctl("nodes", "-o", "json"))
    until(lambda: rig.node(node["name"]).get("state") == "online", "the node is online")
    pin = (machine.root / "etc/dvic-agent/hub.json").read_bytes()

    again = machine.run("sh", "-c", command, timeout=180)
    assert again.returncode == 0 and "dvic: online" in again.stdout, again.stdout + again.stderr
    assert (machine.root / "etc/dvic-agent/hub.json").read_bytes() == pin
    assert len(json.loads(rig.hubctl("nodes", "-o", "json"))) == 1

    rig.hubctl("run", node["name"], "--", "true")
    token = command.split("/install/")[1].split()[0][-60:]
    left = machine.run("sh", "-c", f"grep -rlF -e {token} /etc /var/lib /tmp | wc -l")
    assert left.stdout.strip() == "0", left.stdout


def test_what_fails_is_said_in_one_line_with_what_to_do(lab, debs):
    rig, machine = lab
    gone = command_of(rig)
    [token] = json.loads(rig.hubctl("token", "ls", "-o", "json"))
    rig.hubctl("token", "revoke", token["id"], "--yes")
    done = machine.run("sh", "-c", gone, timeout=60)
    assert done.returncode == 1
    assert done.stderr.strip() == ("dvic: the enrolment token was revoked; "
                                   "make a new one on the hub: hubctl token create")

    rig.hubctl("release", "rm", debs.agent.name, "--yes")
    done = machine.run("sh", "-c", command_of(rig), timeout=180)
    assert done.returncode == 1
    assert "dvic-agent can't be installed" in done.stderr.splitlines()[-1]
    assert "run the same line again" in done.stderr.splitlines()[-1]


def test_an_index_that_another_key_signed_or_someone_changed_is_refused_by_apt(lab, tmp_path):
    rig, machine = lab
    command = command_of(rig, "--uses", "2")
    assert machine.run("sh", "-c", command, timeout=180).returncode == 0
    rig.hubctl("release", "add", str(make_deb(tmp_path, "dvic-probe", "1.0")))
    assert machine.run("apt-get", "update").returncode == 0
    assert machine.run("apt-get", "-y", "install", "dvic-probe").returncode == 0

    rig.hub.stop()
    (rig.state / "releases.key").unlink()
    package = rig.state / "releases" / "dvic-probe_1.0_all.deb"
    package.unlink()
    rig.start_hub()
    rig.hubctl("release", "add", str(make_deb(tmp_path / "other", "dvic-probe", "2.0")))
    machine.run("apt-get", "update")
    shown = machine.run("apt-cache", "policy", "dvic-probe").stdout
    assert "2.0" not in shown, shown


@pytest.mark.parametrize("suite", SUITES)
def test_a_hub_without_a_name_has_its_own_authority_and_the_same_line_carries_it(suite, debs, tmp_path):
    with LabNetwork() as network, Machine(suite) as machine:
        network.plug(machine)
        machine.run("rm", "-f", "/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
        with tls_front(tmp_path, network.address) as rig:
            rig.hubctl("release", "add", str(debs.agent))
            command = command_of(rig)
            assert "https://" in command and "--cacert /dev/stdin" in command
            done = machine.run("sh", "-c", command, timeout=180)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout.startswith("dvic: online: enrolled at https://")
            assert machine.run("apt-get", "update").returncode == 0


@contextmanager
def tls_front(folder: Path, host: str) -> Iterator[Rig]:
    """A hub behind nginx, with site and private authority as setup makes them."""
    made, port = authority.prepare(folder, host, dt.datetime.now(dt.UTC)), free_port()
    settings = f'ca_file = "{made.ca}"\ntrusted_proxies = ["127.0.0.1"]\n'
    with Rig(folder, url=f"https://{host}:{port}", settings=settings) as rig:
        rig.start_hub()
        front = Front(folder, rig, port, made, host)
        front.start()
        try:
            yield rig
        finally:
            front.stop()
