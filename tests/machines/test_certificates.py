"""Through TLS with a private authority: the one line, certificates that change, and a purge that leaves nothing."""

import re
from collections.abc import Iterator

import pytest
from member_lab import Member, MemberLab
from private_authority import PrivateAuthority
from rig import until

pytestmark = pytest.mark.machines


@pytest.fixture(scope="module")
def lab(tmp_path_factory, agent_deb) -> Iterator[MemberLab]:
    with MemberLab(tmp_path_factory.mktemp("certificates"), agent_deb, tls=True) as lab:
        lab.serve_package()
        yield lab


@pytest.fixture(scope="module")
def ada(lab) -> Iterator[Member]:
    with lab.machine("bookworm") as member:
        member.before = files(member)
        member.sh(lab.command() + " -s -- --name ada", timeout=180)
        yield member


def files(member: Member) -> set[str]:
    """Every file and folder that an installation could leave behind."""
    kept = r"^/(proc|sys|dev|run|tmp|root|var/log|var/cache|var/lib/dpkg|var/lib/apt|var/tmp)(/|$)"
    found = member.sh("find / -xdev -not -path '*/__pycache__*'").splitlines()
    return {path for path in found if not re.match(kept, path)}


def with_certificate_of(lab: MemberLab, authority: PrivateAuthority) -> None:
    """The hub shows another certificate from now on."""
    lab.front.stop()
    until(lambda: not lab.rig.node("ada")["connected"], "the connection is over")
    lab.certify(authority)
    lab.front.authority = authority
    lab.front.start()


def test_a_new_certificate_of_the_same_authority_changes_nothing_and_an_unknown_one_is_refused(lab, ada, tmp_path):
    node = lab.online("ada")["id"]
    with_certificate_of(lab, lab.authority)
    assert lab.online("ada")["id"] == node

    with_certificate_of(lab, PrivateAuthority(tmp_path))
    said = ada.says("certificate", "verify failed", state="disconnected")
    assert lab.url in said
    assert "certificate" in ada.doctor("hub")["text"]
    assert "certificate" in ada.enrol(lab.rig.token(), code=3)
    assert ada.pin["node"] == node

    with_certificate_of(lab, lab.authority)
    assert lab.online("ada")["id"] == node


def test_removed_it_keeps_who_it_is_and_purged_nothing_of_it_is_left(lab, ada):
    node = lab.online("ada")["id"]
    ada.sh("apt-get -qy remove dvic-agent", timeout=180)
    assert ada.pin["node"] == node
    ada.sh("apt-get -qy install dvic-agent", timeout=180)  # from the hub's repository, which stayed
    assert lab.online("ada")["id"] == node

    ada.sh("apt-get -qy purge dvic-agent", timeout=180)
    assert files(ada) - ada.before == set()
    assert ada.sh("grep dvic /etc/passwd /etc/group /etc/shadow", code=1) == ""
    ada.sh("apt-get update")


def test_a_purge_leaves_a_repository_that_somebody_else_wrote(lab, ada):
    ada.install()
    ada.machine.write("/etc/apt/sources.list.d/dvic.sources", "Types: deb\nURIs: file:/root\nSuites: /\n")
    ada.sh("apt-get -qy purge dvic-agent", timeout=180)
    assert (ada.root / "etc/apt/sources.list.d/dvic.sources").exists()
