"""Hubs that announce themselves on a LAN, found from real Debian machines on it."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lab_network import LabNetwork
from machine import SUITES, Machine
from relay import Relay
from rig import Rig, until

from dvic_wire.tokens import EnrolmentToken

pytestmark = pytest.mark.machines

TOP = Path(__file__).parents[2]
AGENT = ("env", "PYTHONPATH=/opt/dvic", "python3", "-m", "dvic_agent")

WITHOUT_IPV6 = ("systemd-run", "--quiet", "--pipe", "--wait",
                "--property=RestrictAddressFamilies=AF_UNIX AF_INET AF_NETLINK")
"""Of a program that is started so: the kernel gives it no socket for IPv6."""


def install(machine: Machine) -> None:
    for part in ("wire/dvic_wire", "agent/dvic_agent"):
        machine.put(TOP / part, f"/opt/dvic/{part.split('/')[1]}")


@dataclass
class Lan:
    """Two hubs that announce themselves, one that does not, and a machine that knows none of them."""

    network: LabNetwork
    machine: Machine
    ours: Rig
    other: Rig
    quiet: Rig

    def enrol(self, token: str, *options: str):
        self.machine.write("/root/token", token + "\n")
        return self.machine.run(*AGENT, "enroll", "--discover", "--token-file", "/root/token", *options)


@pytest.fixture(params=SUITES)
def lan(request, tmp_path: Path) -> Iterator[Lan]:
    with LabNetwork() as network, Machine(request.param) as machine:
        network.plug(machine)
        install(machine)

        def rig(name: str, settings: str, host: str) -> Rig:
            (tmp_path / name).mkdir()
            return Rig(tmp_path / name, listen="0.0.0.0", url=f"http://{host}:{{port}}", settings=settings)

        with rig("ours", "announce = true", network.address) as ours, \
                rig("other", "announce = true", network.address) as other, \
                rig("quiet", "", network.address) as quiet:
            for each in (ours, other, quiet):
                each.start_hub()
            yield Lan(network, machine, ours, other, quiet)


def test_machines_see_the_hubs_that_announce_themselves_and_join_the_one_that_their_token_pins(lan):
    done = lan.machine.run(*AGENT, "discover", "--json")
    assert done.returncode == 0, done.stderr
    found = {hub["url"]: hub["fingerprint"] for hub in json.loads(done.stdout)}
    keys = {url(rig): key(rig) for rig in (lan.ours, lan.other)}
    assert found == keys

    done = lan.machine.run(*WITHOUT_IPV6, *AGENT, "discover", "--json")
    assert done.returncode == 0, done.stderr
    assert {hub["url"]: hub["fingerprint"] for hub in json.loads(done.stdout)} == keys

    shown = json.loads(lan.ours.hubctl("discover", "-o", "json"))
    assert {hub["url"]: hub["fingerprint"] for hub in shown} == keys

    moved = with_url(lan.ours.token(), "http://192.0.2.1:9")
    done = lan.enrol(moved, "--name", "eva")
    assert done.returncode == 0, done.stderr
    pin = json.loads((lan.machine.root / "etc/dvic-agent/hub.json").read_text())
    assert (pin["url"], pin["hub"]) == (url(lan.ours), key(lan.ours))
    assert lan.ours.node("eva") and not lan.other.node("eva")


def test_a_token_of_a_hub_that_does_not_announce_itself_joins_no_other(lan):
    done = lan.enrol(lan.quiet.token())
    assert done.returncode != 0 and "no hub on this network announces the key" in done.stderr
    assert not (lan.machine.root / "etc/dvic-agent/hub.json").exists()


def test_a_hub_that_announces_another_ones_key_is_asked_and_not_believed(lan):
    text, stolen = lan.quiet.token(), key(lan.quiet)
    lan.quiet.hub.stop()
    liar = lan.quiet.folder / "liar.py"
    liar.write_text("import asyncio, sys\nfrom dvic_hub.announcement import announced\n"
                    "async def main():\n    async with announced(sys.argv[1], sys.argv[2]):\n"
                    "        print('said', flush=True)\n        await asyncio.sleep(60)\nasyncio.run(main())\n")
    process = lan.other.process([sys.executable, str(liar), url(lan.other), stolen], "liar")
    process.start()
    until(lambda: "said" in process.said(), "the liar announces")
    done = lan.enrol(text)
    assert done.returncode != 0 and url(lan.other) in done.stderr
    assert not (lan.machine.root / "etc/dvic-agent/hub.json").exists()
    assert json.loads(lan.other.hubctl("nodes", "-o", "json")) == []


@pytest.mark.parametrize("suite", SUITES)
def test_a_network_without_ipv4_will_do(suite, tmp_path):
    with LabNetwork(six=True) as network, Machine(suite) as machine, \
            Rig(tmp_path, url=f"http://[{network.address}]:{{port}}", settings="announce = true") as rig, \
            Relay(network.address, rig.port) as relay:
        relay.lead_to(rig.port)
        network.plug(machine)
        install(machine)
        rig.start_hub()
        done = machine.run(*AGENT, "discover", "--json")
        assert done.returncode == 0, done.stderr
        assert {hub["url"]: hub["fingerprint"] for hub in json.loads(done.stdout)} == {url(rig): key(rig)}

        machine.write("/root/token", with_url(rig.token(), "http://[2001:db8::1]:9"))
        done = machine.run(*AGENT, "enroll", "--discover", "--token-file", "/root/token", "--name", "eva")
        assert done.returncode == 0, done.stderr
        assert json.loads((machine.root / "etc/dvic-agent/hub.json").read_text())["url"] == url(rig)
        assert rig.node("eva")


def key(rig: Rig) -> str:
    return rig.request("GET", "/api/v1/hub-key", signed_in=False)[1]["fingerprint"]


def url(rig: Rig) -> str:
    return rig.request("GET", "/api/v1/hub")[1]["url"]


def with_url(token: str, place: str) -> str:
    """The same token as if the hub had another address when it was made."""
    return replace(EnrolmentToken.decode(token), url=place).encode()
