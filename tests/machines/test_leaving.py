"""Machines that go: removed, revoked, left by their owner, purged; and copies of a machine."""

import json
import shutil
from collections.abc import Iterator

import pytest
from member_lab import Member, MemberLab
from rig import until

pytestmark = pytest.mark.machines

HUB_JSON = "/etc/dvic-agent/hub.json"
STATE = "/var/lib/dvic-agent/state"


@pytest.fixture(scope="module")
def lab(tmp_path_factory, agent_deb) -> Iterator[MemberLab]:
    with MemberLab(tmp_path_factory.mktemp("leaving"), agent_deb) as lab:
        yield lab


@pytest.fixture(scope="module")
def ada(lab) -> Iterator[Member]:
    with lab.machine("bookworm") as member:
        member.install()
        yield member


@pytest.fixture(scope="module")
def eve(lab) -> Iterator[Member]:
    """A second machine, of the other Debian."""
    with lab.machine("trixie") as member:
        member.install()
        yield member


def hubctl(lab: MemberLab, *arguments: str) -> str:
    return lab.rig.hubctl(*arguments)


def runs_of(member: Member) -> str:
    return member.sh("systemctl list-units --plain --no-legend 'dvic-run-*'")


def test_a_removed_machine_ends_what_it_runs_forgets_the_hub_and_waits_quietly(lab, ada):
    before = ada.join("ada")
    hubctl(lab, "run", "ada", "--detach", "--", "sleep", "1000")
    until(lambda: runs_of(ada), "the run has begun")
    assert hubctl(lab, "node", "remove", "ada", "--reason", "went to the museum", "--yes") == ""

    reason = ada.says("went to the museum", "by admin", "dvic-agent enroll", state="not enrolled")
    assert ada.pin == {}
    until(lambda: not runs_of(ada), "its run has ended")
    assert ada.sh("ls /var/lib/dvic-agent/runs") == ""
    assert "museum" in ada.doctor("hub.json")["text"] and reason in ada.sh("dvic-agent status")
    assert [node["name"] for node in json.loads(hubctl(lab, "nodes", "-o", "json"))] == []

    asked = len(lab.relay.seen)
    ada.sh("sleep 5")
    assert lab.relay.seen[asked:] == [], "it asks nobody"
    assert (ada.unit("ActiveState"), ada.unit("NRestarts")) == ("active", "0")

    after = ada.join("ada")
    assert after["id"] != before["id"] and not (ada.root / "etc/dvic-agent/left.json").exists()
    assert "hello" in hubctl(lab, "run", "ada", "--", "echo", "hello")


def test_a_machine_that_was_off_when_it_was_removed_is_told_when_it_comes_back(lab, ada):
    before = lab.online("ada")["id"]
    ada.sh("systemctl stop dvic-agent")
    key = (ada.root / STATE.lstrip("/") / "node.key").read_bytes()
    hubctl(lab, "node", "remove", "ada", "--yes")
    assert ada.pin["node"] == before

    ada.sh("systemctl start dvic-agent")
    ada.says("this machine left the hub", state="not enrolled")
    assert ada.pin == {}

    # whoever puts the old key back by hand gets nowhere
    ada.give(lab.rig.token())
    ada.sh("rm /etc/dvic-agent/left.json")
    assert "--new-key" in ada.sh("dvic-agent enroll --token-file /root/token", code=4)
    assert ada.pin == {} and (ada.root / STATE.lstrip("/") / "node.key").read_bytes() == key
    assert ada.join("ada", "--new-key")["id"] != before


def test_the_owner_leaves_and_what_the_hub_ordered_before_counts_no_more(lab, ada):
    before = lab.online("ada")
    said = ada.sh("dvic-agent leave --reason 'lent to the museum'")
    assert said.startswith("left the hub at http://")
    ada.says("by its owner", "lent to the museum", state="not enrolled")
    node = lab.rig.node("ada")
    assert (node["id"], node["state"], node["status"]) == (before["id"], "revoked", "left: lent to the museum")
    assert "left the hub" in ada.sh("dvic-agent leave", code=2)
    hubctl(lab, "node", "remove", "ada", "--yes")


def test_a_hub_that_is_gone_is_left_by_force(lab, ada):
    ada.join("ada")
    lab.relay.lead_to(0)
    assert "--force" in ada.sh("dvic-agent leave", code=3)
    assert ada.pin
    assert "hubctl node remove ada" in ada.sh("dvic-agent leave --force")
    lab.relay.lead_to(lab.port)
    ada.says("by root on this machine", state="not enrolled")
    hubctl(lab, "node", "remove", "ada", "--yes")


def test_a_revoked_key_is_refused_for_good_also_as_a_copy_and_with_a_token(lab, ada, eve):
    before = ada.join("ada")
    copy_node(ada, eve)
    eve.sh("systemctl stop dvic-agent")
    hubctl(lab, "node", "revoke", "ada", "--yes")
    for member in (ada, eve):
        member.sh("systemctl start dvic-agent")
        member.says("revoked", "--new-key", state="refused")
    assert ada.pin["node"] == before["id"], "the machine is told, and stays what it was"
    asked = len(lab.relay.seen)
    ada.sh("sleep 5")
    assert lab.relay.seen[asked:] == [], "they wait long before they ask again"

    assert "--new-key" in eve.enrol(lab.rig.token(), code=4)
    assert "--new-key" in ada.enrol(lab.rig.token(), code=4)
    after = ada.join("ada-2", "--new-key")
    assert after["id"] != before["id"]
    hubctl(lab, "node", "remove", "ada", "--yes")
    hubctl(lab, "node", "remove", "ada-2", "--yes")
    eve.sh("systemctl restart dvic-agent")
    eve.says("this machine left the hub", state="not enrolled")


def test_a_copy_of_a_living_machine_is_named_with_it_on_every_side(lab, ada, eve):
    node = ada.join("ada")
    copy_node(ada, eve)
    eve.sh("systemctl restart dvic-agent")
    machines = {member: member.sh("cat /etc/machine-id") for member in (ada, eve)}
    assert machines[ada] != machines[eve]

    said = eve.says("use the same key", "--new-key", state="refused")
    shown = until(lambda: lab.rig.node("ada").get("conflict"), "the hub names the conflict")
    note = until(lambda: ada.status().get("notes"), "the first machine says so too")[0]
    for member in (ada, eve):
        for text in (said, shown, note):
            assert machines[member] in text
    assert "ada" in hubctl(lab, "nodes") and "conflict" in hubctl(lab, "nodes")
    assert machines[eve] in hubctl(lab, "node", "show", "ada")
    assert lab.online("ada")["id"] == node["id"], "and the first one goes on"

    after = eve.join("eve", "--new-key")
    assert after["id"] != node["id"] and lab.online("ada")["id"] == node["id"]
    for name in ("ada", "eve"):
        hubctl(lab, "node", "remove", name, "--yes")


def copy_node(source: Member, target: Member) -> None:
    """As a copied disk would have it."""
    target.sh("systemctl stop dvic-agent")
    for path in (HUB_JSON, f"{STATE}/node.key"):
        shutil.copy(source.root / path.lstrip("/"), target.root / path.lstrip("/"))
    target.sh(f"chown dvic-agent:dvic-agent {STATE}/node.key && chmod 600 {STATE}/node.key && chmod 644 {HUB_JSON}")
