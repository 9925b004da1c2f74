"""What an agent on a real machine comes back from: another hub behind the same name, a name that is gone, a journal
that it may not read, and being stopped, killed and starved in the middle of a run."""

import json
import re
from collections.abc import Iterator

import pytest
from member_lab import Member, MemberLab
from rig import until

pytestmark = pytest.mark.machines

NAME = "hub.lab.test"
STEPS = 120


@pytest.fixture(scope="module")
def lab(tmp_path_factory, agent_deb) -> Iterator[MemberLab]:
    with MemberLab(tmp_path_factory.mktemp("recovery"), agent_deb, name=NAME) as lab:
        yield lab


@pytest.fixture(scope="module")
def ada(lab) -> Iterator[Member]:
    with lab.machine("trixie") as member:
        member.install()
        member.join("ada")
        yield member


def logged(lab: MemberLab, words: str) -> object:
    """Wait until a line with these words is at the hub."""
    return until(lambda: lab.rig.logs(f"&grep={words}"), f"{words} is at the hub")


def test_a_hub_with_another_key_behind_the_same_name_is_refused_until_the_right_one_is_back(lab, ada, tmp_path):
    pin = ada.pin
    with lab.hub(tmp_path / "impostor") as impostor:
        lab.relay.lead_to(impostor.port)
        ada.says("is not the hub of this node", state="disconnected")
        found = ada.doctor("fingerprint")
        assert found["state"] == "problem" and pin["hub"] in found["text"]
        assert impostor.node("ada") == {}
        lab.relay.lead_to(lab.port)
        assert ada.pin == pin
    lab.online("ada")
    assert "hello" in lab.rig.hubctl("run", "ada", "--", "echo", "hello")


@pytest.mark.parametrize("fault", ["gone", "silent"])
def test_a_name_that_can_not_be_resolved_is_said_and_found_again(lab, ada, fault):
    lab.online("ada")
    switch = getattr(lab.names, fault)
    switch.set()
    try:
        lab.relay.cut()
        ada.sh("systemctl reload dvic-agent")  # it tries at once, however often it was cut before
        assert NAME in ada.says(lab.url, "is not reachable", state="disconnected")
        assert NAME in ada.doctor("hub")["text"]
    finally:
        switch.clear()
    lab.online("ada")


def test_without_the_right_to_read_the_journal_it_says_so_and_reports_the_rest(lab, ada):
    ada.sh("gpasswd -d dvic-agent systemd-journal && systemctl restart dvic-agent")
    lab.online("ada")
    ada.sh("echo rest-is-reported > /tmp/dvic_log_rest; logger -t someone nobody-may-read-this")
    logged(lab, "rest-is-reported")

    finding = ada.doctor("journal")
    assert finding["state"] == "problem" and "usermod -aG systemd-journal dvic-agent" in finding["remedy"]
    note = until(lambda: ada.status().get("notes"), "the status says it")[0]
    assert "journal" in note and note in ada.sh("dvic-agent status")
    assert note in ada.sh("journalctl -u dvic-agent")
    assert lab.rig.logs("&grep=nobody-may-read-this") == []

    ada.sh("usermod -aG systemd-journal dvic-agent && systemctl restart dvic-agent")
    logged(lab, "nobody-may-read-this")
    assert ada.status()["notes"] == [] and ada.doctor("journal")["state"] == "ok"


def starve(member: Member) -> None:
    """Stop it for longer than systemd waits for its feed."""
    member.machine.write("/etc/systemd/system/dvic-agent.service.d/short.conf", "[Service]\nWatchdogSec=2\n")
    member.sh("systemctl daemon-reload && systemctl restart dvic-agent")
    before = member.unit("MainPID")
    member.sh(f"kill -STOP {before}")
    until(lambda: member.unit("MainPID") not in ("0", before), "the watchdog has another one started")
    assert "watchdog" in member.sh("journalctl -u dvic-agent").lower()


DISTURBANCES = {
    "restarted": lambda ada: ada.sh("systemctl restart dvic-agent"),
    "killed": lambda ada: ada.sh("systemctl kill --kill-whom=main --signal=KILL dvic-agent"),
    "starved": starve,
    "stopped for a while": lambda ada: ada.sh("systemctl stop dvic-agent; sleep 2; systemctl start dvic-agent"),
    "told to read its settings": lambda ada: ada.sh("systemctl reload dvic-agent"),
}


def test_whatever_happens_to_the_agent_during_a_run_its_output_is_complete(lab, ada):
    script = f"for i in $(seq {STEPS}); do echo out-$i; echo err-$i >&2; sleep 0.2; done"
    lab.rig.hubctl("run", "ada", "--detach", "--", "sh", "-c", script)
    until(lambda: ada.sh("systemctl list-units --plain --no-legend 'dvic-run-*'"), "the run has begun")
    for disturb in DISTURBANCES.values():
        before = ada.unit("MainPID")
        disturb(ada)
        until(lambda: ada.unit("ActiveState") == "active", "systemd keeps its promise")
        lab.online("ada")
        assert (ada.unit("MainPID") == before) == (disturb is DISTURBANCES["told to read its settings"])

    def ended() -> dict | None:
        newest = json.loads(lab.rig.hubctl("runs", "-o", "json"))[0]
        return newest if newest.get("ended") else None

    run = until(ended, "the run has ended", 90)
    assert run["counts"] == {"finished": 1}
    output = lab.rig.hubctl("runs", "output", run["id"], "-o", "jsonl")
    for stream in ("out", "err"):
        assert re.findall(rf"{stream}-(\d+)", output) == [str(number) for number in range(1, STEPS + 1)]
    until(lambda: ada.sh("ls /var/lib/dvic-agent/runs") == "", "what was stored is removed")


def test_stopped_it_stays_stopped_and_a_mistake_in_its_settings_is_not_tried_for_ever(lab, ada):
    ada.sh("systemctl stop dvic-agent; sleep 6")
    assert ada.unit("ActiveState") == "inactive"
    until(lambda: not lab.rig.node("ada")["connected"], "the hub sees that it left")

    ada.sh("printf 'keepalive_perod = 5\\n' >>/etc/dvic-agent/agent.toml; systemctl start dvic-agent", code=None)
    until(lambda: ada.unit("ActiveState") == "failed", "it gives up")
    assert (ada.unit("NRestarts"), ada.unit("ExecMainStatus")) == ("0", "2")
    assert "keepalive_perod" in ada.sh("journalctl -u dvic-agent -n 20") and "keepalive_perod" in ada.doctor(
        "config")["text"]
    ada.sh("sed -i /keepalive_perod/d /etc/dvic-agent/agent.toml; systemctl start dvic-agent")
    lab.online("ada")


def test_the_executors_socket_comes_back_whatever_is_done_to_it(lab, ada):
    for disturb in ("systemctl restart dvic-executor.socket", "systemctl stop dvic-executor.socket",
                    "systemctl kill --signal=KILL 'dvic-executor@*' || true"):
        ada.sh(disturb)
        if "stop" in disturb:
            assert "failed" in lab.rig.hubctl("run", "ada", "-o", "json", "--", "true", code=1)
            assert ada.doctor("executor")["state"] == "warning"
            ada.sh("systemctl start dvic-executor.socket")
        assert "hello" in lab.rig.hubctl("run", "ada", "--", "echo", "hello")
