"""Whoever has taken over the agent's process has its user, its key, its folder and the executor's socket: and can run
nothing that the hub did not sign for this machine, once."""

import base64
import json
import secrets
import time
from collections.abc import Iterator

import pytest
from machine import SUITES
from member_lab import Member, MemberLab
from rig import until

from dvic_wire.signing import PrivateKey, Purpose, b64encode, sign

pytestmark = pytest.mark.machines

KNOCK = """
import json, socket, sys
for line in open("/opt/requests"):
    with socket.socket(socket.AF_UNIX) as door:
        door.connect("/run/dvic-executor.sock")
        door.sendall(line.encode())
        print(door.makefile().readline().strip(), flush=True)
"""

STATE = "/var/lib/dvic-agent/state"


class Thief:
    """Sends requests as the agent's user. `ran` counts what was executed: each command that counts leaves a file."""

    def __init__(self, lab: MemberLab, member: Member):
        self.lab, self.member = lab, member
        self.hub = PrivateKey.load(lab.rig.state / "hub.key")
        self.node = member.pin["node"]
        copy = lab.folder / "stolen.key"
        copy.write_bytes((member.root / STATE.lstrip("/") / "node.key").read_bytes())
        copy.chmod(0o600)
        self.stolen = PrivateKey.load(copy)
        member.machine.write("/opt/knock.py", KNOCK)

    def order(self, run: str, *, key: PrivateKey | None = None, purpose: Purpose = Purpose.RUN, ago: float = 0.0,
              **claims: object) -> str:
        """What the hub signs for a run, but for what is said otherwise."""
        told = {"iss": self.hub.fingerprint, "aud": self.node, "jti": run, "by": "olga",
                "spec": {"argv": ["touch", f"/root/ran-{run}"]}, **claims}
        return sign(key or self.hub, purpose, told, now=time.time() - ago, ttl=120)

    def ask(self, *requests: dict) -> list[dict]:
        self.member.machine.write("/opt/requests", "".join(json.dumps(request) + "\n" for request in requests))
        return [json.loads(line) for line in self.shell("python3 /opt/knock.py").splitlines()]

    def shell(self, text: str, *, code: int | None = 0) -> str:
        """A command of the agent's user."""
        return self.member.sh(f"runuser -u dvic-agent -- sh -c '{text}'", code=code)

    @property
    def ran(self) -> int:
        self.member.sh("for i in $(seq 50); do systemctl list-units --plain --no-legend 'dvic-run-*' | grep -q . || "
                       "break; sleep 0.1; done")
        return len(list((self.member.root / "root").glob("ran-*")))


@pytest.fixture(scope="module")
def lab(tmp_path_factory, agent_deb) -> Iterator[MemberLab]:
    with MemberLab(tmp_path_factory.mktemp("compromised"), agent_deb) as lab:
        yield lab


@pytest.fixture(scope="module", params=SUITES)
def thief(request, lab) -> Iterator[Thief]:
    with lab.machine(request.param) as member:
        member.install()
        member.join(request.param)
        yield Thief(lab, member)


def new_run() -> str:
    return secrets.token_hex(8)


def test_what_the_hub_signed_for_this_machine_runs_once_and_nothing_else_does(thief):
    captured = new_run()
    good = thief.order(captured)
    before = thief.ran
    assert thief.ask({"request": "run", "run": captured, "jws": good}) == [{"state": "running"}]
    assert thief.ran == before + 1

    mallory, other = PrivateKey.generate(), new_run()
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    altered = b64encode(json.dumps({**claims, "jti": other, "spec": {"argv": ["touch", "/root/ran-x"]}}).encode())
    none = b64encode(json.dumps({"alg": "none", "typ": str(Purpose.RUN), "kid": thief.hub.fingerprint}).encode())
    orders = {
        "no signature": f"{none}.{altered}.",
        "no signature, but its bytes": f"{none}.{altered}.{signature}",
        "signed by oneself": thief.order(other, key=mallory),
        "signed by the node": thief.order(other, key=thief.stolen),
        "signed by the node as the node": thief.order(other, key=thief.stolen, iss=thief.node),
        "altered": f"{head}.{altered}.{signature}",
        "for another node": thief.order(other, aud="n-" + "a" * 20),
        "for another run": good,
        "for another purpose": thief.order(other, purpose=Purpose.CANCEL),
        "a proof of the hub": thief.order(other, purpose=Purpose.HUB_PROOF),
        "of another hub": thief.order(other, iss=mallory.fingerprint),
        "too old": thief.order(other, ago=3600),
        "from the future": thief.order(other, ago=-3600),
    }
    answers = thief.ask(*({"request": "run", "run": other if what != "too old" else new_run(), "jws": jws}
                          for what, jws in orders.items()))
    for what, answer in zip(orders, answers, strict=True):
        assert answer["state"] in ("refused", "expired"), (what, answer)
    for kind in ("run", "update", "cancel", "confirm", "leave", "forget", "terminal", "copy"):
        for jws in ("", None, 7, thief.order(other, key=thief.stolen), "a.b.c"):
            [answer] = thief.ask({"request": kind, "run": other, "jws": jws})
            assert answer["state"] == "refused", (kind, jws, answer)
    # the captured one again, as it was
    assert thief.ask({"request": "run", "run": captured, "jws": good})[0]["state"] in ("running", "lost")
    assert thief.ran == before + 1
    assert thief.member.pin["node"] == thief.node


def test_a_forgotten_run_is_not_run_again(thief):
    run = new_run()
    good, before = thief.order(run), thief.ran
    thief.ask({"request": "run", "run": run, "jws": good})
    assert thief.ran == before + 1
    thief.ask({"request": "forget", "run": run})
    [again] = thief.ask({"request": "run", "run": run, "jws": good})
    assert again["state"] in ("lost", "refused")
    thief.member.sh("systemctl restart dvic-executor.socket")
    thief.ask({"request": "run", "run": run, "jws": good})
    assert thief.ran == before + 1


def test_nothing_that_decides_can_be_written_by_the_agents_user(thief):
    before = thief.ran
    thief.ask({"request": "ping"})
    for what in ("echo {} > /etc/dvic-agent/hub.json", "mv /etc/dvic-agent /tmp/gone", "rm -f /etc/dvic-agent/hub.json",
                 "echo > /etc/dvic-agent/policy.toml", "ln -s /root /var/lib/dvic-agent/runs/0123456789abcdef",
                 "mkdir /var/lib/dvic-agent/runs/0123456789abcdef", "mv /var/lib/dvic-agent/runs /tmp/gone",
                 "mv /var/lib/dvic-agent/executor /tmp/gone", "ls /var/lib/dvic-agent/executor",
                 "mkdir /var/lib/dvic-agent/x", "rm /run/dvic-executor.sock", "ls /root",
                 "systemd-run --wait touch /root/ran-x", "systemctl restart dvic-agent"):
        thief.shell(what, code=None)
    assert thief.member.pin["node"] == thief.node
    assert not (thief.member.root / "tmp/gone").exists()
    assert thief.ask({"request": "ping"})[0]["state"] == "ok"
    assert sorted(thief.member.sh("ls /var/lib/dvic-agent").split()) == ["executor", "runs", "state"]
    assert thief.member.sh("ls /var/lib/dvic-agent/runs") == ""
    assert thief.ran == before


def test_links_planted_in_the_agents_own_folder_lead_root_nowhere(thief):
    member = thief.member
    member.sh("echo precious > /root/precious; chmod 600 /root/precious; systemctl stop dvic-agent")
    key = (member.root / STATE.lstrip("/") / "node.key").read_bytes()
    for name in ("node.key", "node.key.new", "serial", "lock", "status.sock", ".node.key.new"):
        thief.shell(f"ln -sfn /root/precious {STATE}/{name}")
    thief.shell(f"rm -rf {STATE}/ring; ln -sfn /root {STATE}/ring")
    member.give(thief.lab.rig.token())
    for verb in ("status", "doctor", "leave", "enroll --token-file /root/token",
                 "enroll --new-key --token-file /root/token"):
        said = member.sh(f"dvic-agent {verb}", code=None)
        assert "precious" not in said.replace("/root/precious", ""), verb
    assert member.sh("cat /root/precious; stat -c '%U %a' /root/precious /root") == "precious\nroot 600\nroot 700"

    thief.shell(f"find {STATE} -type l -delete")
    (member.root / STATE.lstrip("/") / "node.key").write_bytes(key)
    member.sh(f"chown dvic-agent:dvic-agent {STATE}/node.key; chmod 600 {STATE}/node.key; systemctl start dvic-agent")
    thief.lab.online(member.pin["name"])


def test_what_a_taken_over_agent_tells_root_can_not_reach_the_terminal(thief):
    member = thief.member
    member.sh("systemctl stop dvic-agent")
    evil = json.dumps({"connection": {"state": "connected\x1b[2J", "reason": "\x1b]0;owned\x07\r\nsudo rm"},
                       "streams": [{"stream": "\x1b[31m", "cursor": "\x9b1m", "unacknowledged": 0}],
                       "notes": ["\x1bc"], "name": "\u202eadmin"})
    member.machine.write("/opt/liar.py", f"""
import os, socket
os.chdir("{STATE}")
if os.path.exists("status.sock"): os.unlink("status.sock")
door = socket.socket(socket.AF_UNIX); door.bind("status.sock"); door.listen()
while True:
    caller, _ = door.accept(); caller.sendall({evil!r}.encode()); caller.close()
""")
    member.sh("systemd-run --quiet --collect --unit=liar --uid=dvic-agent python3 /opt/liar.py; sleep 0.5")
    for verb in ("status", "doctor"):
        said = member.sh(f"dvic-agent {verb}", code=None)
        assert "?[2J" in said, verb
        assert [letter for letter in said if not letter.isprintable() and letter != "\n"] == [], verb
    member.sh("systemctl stop liar; systemctl start dvic-agent")
    thief.lab.online(member.pin["name"])


def test_files_come_and_go_with_the_rights_of_their_user_and_not_of_who_carries_them(thief, tmp_path):
    """Through the installed package: the agent's user may read neither file, root and anna theirs."""
    member, rig, name = thief.member, thief.lab.rig, thief.member.pin["name"]
    member.sh("id anna || useradd --create-home anna")
    (tmp_path / "letter").write_bytes(b"dear anna, " * 50_000)
    (tmp_path / "letter").chmod(0o600)
    rig.hubctl("cp", str(tmp_path / "letter"), f"{name}:/root/letter")
    rig.hubctl("cp", str(tmp_path / "letter"), f"{name}:letter", "--as", "anna")
    rig.hubctl("cp", str(tmp_path / "letter"), f"{name}:/root/stolen", "--as", "anna", code=1)
    rig.hubctl("cp", f"{name}:/root/letter", str(tmp_path / "stolen"), "--as", "anna", code=1)
    rig.hubctl("cp", f"{name}:/home/anna/letter", str(tmp_path / "back"), "--as", "anna")

    assert (tmp_path / "back").read_bytes() == (tmp_path / "letter").read_bytes()
    assert member.sh("stat -c '%U %a %s' /root/letter /home/anna/letter") == "root 600 550000\nanna 600 550000"
    assert not (tmp_path / "stolen").exists() and not (member.root / "root/stolen").exists()
    thief.shell("cat /home/anna/letter", code=1)
    until(lambda: member.sh("ls /var/lib/dvic-agent/runs") == "", "nothing of them is left")
