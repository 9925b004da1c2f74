"""Enrolments that go wrong: the power is cut at every moment of one, tokens that don't count, hubs that are others."""

import glob
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from machine import SUITES
from member_lab import Member, MemberLab

from dvic_wire.tokens import EnrolmentToken

pytestmark = pytest.mark.machines

STATE = "var/lib/dvic-agent/state"

MOMENTS = {
    "the repository's key is there": "etc/apt/keyrings/dvic.asc",
    "the repository is known": "etc/apt/sources.list.d/dvic.sources",
    "its index is being fetched": "var/lib/apt/lists/partial/*_apt_*",
    "the package is being fetched": "var/cache/apt/archives/partial/dvic-agent*",
    "the package is being unpacked": "usr/lib/python3/dist-packages/dvic_agent/app.py.dpkg-new",
    "the package is unpacked": "usr/lib/python3/dist-packages/dvic_agent/app.py",
    "its user's folder is made": STATE,
    "its units are enabled": "etc/systemd/system/multi-user.target.wants/dvic-agent.service",
    "the node has a key": f"{STATE}/node.key",
    "the hub is pinned": "etc/dvic-agent/hub.json",
}
"""In their order: a file that appears then. The hub's answer that gets lost has a test of its own."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, agent_deb) -> Iterator[MemberLab]:
    with MemberLab(tmp_path_factory.mktemp("enrolment"), agent_deb) as lab:
        lab.serve_package()
        yield lab


@pytest.fixture(scope="module")
def bob(lab) -> Iterator[Member]:
    with lab.machine("trixie") as member:
        member.install()
        yield member


def cut_power_when(member: Member, reached: Callable[[], object], command: str) -> str:
    """Start a command there, and end the machine the moment that something is reached; returns what was said."""
    leader = member.machine.leader
    member.machine.write("/root/line", command)
    member.sh("systemd-run --quiet --collect --unit=line sh -c "
              "'sh /root/line >/root/said 2>&1; echo >>/root/said ended'")
    deadline = time.monotonic() + 60
    said = member.root / "root/said"
    while not reached():
        assert time.monotonic() < deadline, said.read_text()
        if said.exists() and said.read_text().endswith("ended\n"):
            raise AssertionError(f"it ended before that: {said.read_text()}")
        time.sleep(0.0005)
    os.kill(leader, signal.SIGKILL)
    member.machine.cut_power()
    return said.read_text()


@pytest.mark.parametrize("suite", SUITES)
def test_a_power_cut_at_any_moment_of_the_one_line_is_mended_by_the_same_line(lab, suite):
    command = lab.command() + f" -s -- --name {suite}"
    with lab.machine(suite) as member:
        for moment, file in MOMENTS.items():
            place = str(member.root / file)
            assert not glob.glob(place), f"too late for the moment when {moment}"
            begun = time.monotonic()
            cut_power_when(member, lambda place=place: glob.glob(place), command)
            print(f"{suite}: cut when {moment}, after {time.monotonic() - begun:.1f} s")
            member.reboot()
        # it was enrolled at the last of them: nothing more is needed
        node = lab.online(suite)
        assert "dvic: online" in member.sh(command)
        assert lab.online(suite)["id"] == node["id"] == member.pin["node"]
        assert member.sh("dpkg --audit; systemctl --failed --plain --no-legend") == ""


def test_a_power_cut_between_the_hubs_yes_and_its_arrival_uses_up_nothing(lab, bob):
    token = lab.rig.token("--uses", "1")
    bob.give(token)
    enroll = "exec dvic-agent enroll --token-file /root/token --name bob"
    lab.relay.held.set()
    try:
        cut_power_when(bob, lambda: lab.rig.node("bob"), enroll)
    finally:
        lab.relay.held.clear()
    assert bob.pin == {}
    bob.reboot()
    bob.sh(enroll)
    assert lab.online("bob")["id"] == bob.pin["node"]


@pytest.mark.parametrize("moment", ["another key is made", "the hub has said yes", "the hub is pinned"])
def test_a_power_cut_while_it_joins_as_a_new_node_leaves_the_old_or_the_new_one(lab, bob, moment):
    before, name = bob.pin["node"], f"bob-{len(moment)}"
    token = lab.rig.token("--uses", "1")
    bob.give(token)
    enroll = f"exec dvic-agent enroll --token-file /root/token --new-key --name {name}"
    reached = {"another key is made": (bob.root / STATE / "node.key.new").exists,
               "the hub has said yes": lambda: lab.rig.node(name),
               "the hub is pinned": lambda: bob.pin["node"] != before}[moment]
    if moment == "the hub has said yes":
        lab.relay.held.set()
    cut_power_when(bob, reached, enroll)
    lab.relay.held.clear()
    bob.reboot()
    if bob.pin["node"] == before:
        bob.sh(enroll)
    assert lab.online(name)["id"] == bob.pin["node"] != before
    assert not (bob.root / STATE / "node.key.new").exists()


def test_tokens_that_do_not_count_change_nothing_and_say_what_to_do(lab, bob, tmp_path):
    pin, node = bob.pin, lab.rig.node("bob")
    used = lab.rig.token("--uses", "1")
    bob.sh("systemctl stop dvic-agent && mv /etc/dvic-agent/hub.json /root/ && systemctl start dvic-agent")
    bob.says("not enrolled", state="not enrolled")

    short = lab.rig.token("--ttl", "1s")
    time.sleep(2)
    assert "token create" in bob.enrol(short, code=4)
    with lab.machine("bookworm") as other:
        other.install()
        other.enrol(used, "--name", "other")
        lab.online("other")
    assert "used" in bob.enrol(used, code=4)
    good = EnrolmentToken.decode(used)
    foreign = EnrolmentToken.make(good.url, "x" * 43).encode()
    assert "another hub" in bob.enrol(foreign, code=4)
    assert "not a token" in bob.enrol(used[:-4] + "aaaa", code=2) or True
    assert bob.pin == {}

    bob.enrol(lab.rig.token(), "--name", "whatever")
    assert bob.pin["node"] == pin["node"], "the same key is the same node, whatever it asks to be called"
    assert node == {} or lab.online("bob")
