"""Enrolments that go wrong: the power is cut at every moment of one, tokens that don't count, hubs that are others."""

import time
from collections.abc import Callable, Iterator

import pytest
from machine import SUITES
from member_lab import Member, MemberLab
from moments import Moment, Moments
from rig import until

from dvic_wire.tokens import EnrolmentToken

pytestmark = pytest.mark.machines

STATE = "var/lib/dvic-agent/state"

MOMENTS = (
    Moment("the key of the repository is half written", "mv", "*/dvic.asc"),
    Moment("the repository is not written yet", "mv", "*/dvic.sources"),
    Moment("its index is to be fetched", "apt-get", "*update"),
    Moment("the package is to be fetched", "apt-get", "*install*"),
    Moment("the package is half unpacked", "dpkg-deb", "*--fsys-tarfile*", part=150_000),
    Moment("the package is to be configured", "dpkg", "*--configure*"),
    Moment("its user is to be made", "systemd-sysusers", "*dvic-agent*"),
    Moment("its units are to be enabled", "deb-systemd-helper", "*enable*dvic-agent.service*"),
    Moment("its services are to be started", "deb-systemd-invoke", "*start*"),
    Moment("the machine is to be enrolled", "dvic-agent", "enroll*"),
    Moment("the hub is pinned", "systemctl", "*enable --now*"),
)
"""In their order. The half of a package, and the hub's answer, that get lost on the way have tests of their own."""


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


def cut_power_when(member: Member, reached: Callable[[], object], command: str) -> None:
    """Start a command there, and cut the power when something is reached, at which it is held."""
    member.machine.write("/root/line", command)
    said = member.root / "root/said"
    said.unlink(missing_ok=True)
    member.sh("systemd-run --quiet --collect sh -c 'sh /root/line >/root/said 2>&1; echo >>/root/said ended'")

    def came_there() -> bool:
        assert not (said.exists() and said.read_text().endswith("ended\n")), said.read_text()
        return bool(reached())

    until(came_there, f"it comes to that moment of {command}", 90)
    member.reboot()


@pytest.mark.parametrize("suite", SUITES)
def test_a_power_cut_at_any_moment_of_the_one_line_is_mended_by_the_same_line(lab, suite):
    command = lab.command() + f" -s -- --name {suite}"
    with lab.machine(suite) as member:
        moments = Moments(member.machine, MOMENTS)
        for moment in MOMENTS:
            moments.hold(moment.name)
            begun = time.monotonic()
            cut_power_when(member, lambda name=moment.name: moments.reached(name), command)
            print(f"{suite}: cut when {moment.name}, {time.monotonic() - begun:.1f} s")
        # it was enrolled at the last of them: nothing more is needed
        node = lab.online(suite)
        moments.release()
        assert "dvic: online" in member.sh(command)
        assert lab.online(suite)["id"] == node["id"] == member.pin["node"]
        assert member.sh("dpkg --audit; systemctl --failed --plain --no-legend | grep dvic || :") == ""


def test_a_power_cut_while_the_package_is_on_its_way_is_mended_by_the_same_line(lab):
    command = lab.command() + " -s -- --name halfway"
    with lab.machine("bookworm") as member:
        lab.relay.swallow_after(60_000)
        try:
            cut_power_when(member, lab.relay.swallowed.is_set, command)
        finally:
            lab.relay.swallow_after(None)
        assert "dvic: online" in member.sh(command)
        lab.online("halfway")


def test_a_power_cut_between_the_hubs_yes_and_its_arrival_uses_up_nothing(lab, bob):
    bob.give(lab.rig.token("--uses", "1"))
    before = ""
    for name, option in (("bob", ""), ("rob", "--new-key")):
        enroll = f"exec dvic-agent enroll {option} --token-file /root/token --name {name}"
        lab.relay.swallow_after(0)
        try:
            cut_power_when(bob, lambda name=name: lab.rig.node(name), enroll)
        finally:
            lab.relay.swallow_after(None)
        assert bob.pin.get("node", "") == before
        if before:
            assert lab.online("bob")["id"] == before, "it goes on as who it was"
        bob.sh(enroll)
        before = lab.online(name)["id"]
        assert bob.pin["node"] == before
        bob.give(lab.rig.token("--uses", "1"))
    assert not (bob.root / STATE / "node.key.new").exists()


def test_tokens_that_do_not_count_change_nothing_and_say_what_to_do(lab, bob):
    used = lab.rig.token("--uses", "1")
    before = bob.join("bob-2", "--new-key")
    bob.sh("systemctl stop dvic-agent; rm /etc/dvic-agent/hub.json; systemctl start dvic-agent")
    bob.says("not enrolled", state="not enrolled")

    short = lab.rig.token("--ttl", "1s")
    with lab.machine("bookworm") as other:
        other.install()
        other.enrol(used, "--name", "other")
        lab.online("other")
        assert "belongs to the hub" in other.enrol(of_another_hub(used), code=2)
    assert "expired" in bob.enrol(short, code=4)
    assert "used up" in bob.enrol(used, code=4)
    assert "for another hub" in bob.enrol(of_another_hub(used), code=4)
    assert "mistyped" in bob.enrol(used[:-4] + "aaaa", code=2)
    assert bob.pin == {}

    # the same key is the same node, with whatever token, whatever it asks to be called
    bob.enrol(lab.rig.token(), "--name", "whatever")
    assert lab.online("bob-2")["id"] == before["id"] == bob.pin["node"]


def of_another_hub(token: str) -> str:
    """The same address, and the key of a hub that is not there."""
    return EnrolmentToken.make(EnrolmentToken.decode(token).url, "x" * 43).encode()
