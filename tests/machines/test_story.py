"""The README's way, typed by a person: from two bare Debian machines to a hub behind nginx with TLS, a second machine
that joined by one line, a command and a log line; and then what happens to such a pair in daily life.

Only the built packages and Debian's own come into the machines, and nothing is typed that the pages do not tell.
"""

import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import documented
import pytest
from debs import BEFORE, NEWER
from lab_network import LabNetwork
from machine import Machine
from package_proxy import PackageProxy
from rig import until
from typist import Typist

pytestmark = pytest.mark.machines

NAME = "dvic.lab.example"
PASSWORD = "correct-horse-battery"
INSTALL_SECONDS = 300.0


@dataclass
class Pair:
    """Two machines on one network, on which nothing is installed before the story: `hub` gets the hub, `lab` joins."""

    network: LabNetwork
    proxy: PackageProxy
    hub: Machine
    lab: Machine
    suites: tuple[str, str]
    install_line: str = ""
    secrets: list[str] = field(default_factory=list)

    def connect(self, machine: Machine) -> None:
        """Cable, and who everybody is."""
        self.network.plug(machine)
        hosts = f"127.0.0.1 localhost\n{self.network.address_of(self.hub)} {NAME}\n"
        machine.write("/etc/hosts", hosts)

    def prepare(self, debs) -> None:
        for machine in (self.hub, self.lab):
            self.connect(machine)
            machine.write("/etc/apt/apt.conf.d/99-lab", self.proxy.apt_settings())
        for deb in (debs.hub, debs.agent):
            self.hub.put(deb, f"/root/{deb.name}")

    def boots(self, machine: Machine) -> None:
        """Power cut, power back, cable in."""
        machine.cut_power()
        machine.boot()
        self.connect(machine)

    def hubctl(self, *arguments: str, timeout: float = 60) -> str:
        done = self.hub.run("env", "HOME=/root", "hubctl", *arguments, timeout=timeout)
        assert done.returncode == 0, f"hubctl {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def node(self) -> dict:
        """The one node, {} while the hub does not answer."""
        nodes = self.hub.run("env", "HOME=/root", "hubctl", "nodes", "-o", "name").stdout.split()
        done = self.hub.run("env", "HOME=/root", "hubctl", "node", "show", *nodes, "-o", "json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def online(self) -> None:
        until(lambda: self.node().get("connected"), "the machine is connected", 90)


def shell(machine: Machine, text: str, timeout: float = 60) -> str:
    done = machine.run("sh", "-c", text, timeout=timeout)
    assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


def set_the_hub_up(pair: Pair, person: Typist) -> None:
    """Type the README's lines for the hub's machine, and answer what they ask."""
    for line in documented.commands("README.md", "hub", dvic_example_org=NAME):
        if line.startswith("hubctl login"):
            once = re.search(r"password\s+(\S+)", person.said())[1]
            person.types(line, answers=(("Password of admin", once), ("New password", PASSWORD), ("Repeat", PASSWORD)))
            pair.secrets += [once, PASSWORD]
        else:
            said = person.types(line, patience=INSTALL_SECONDS)
            if line.startswith("hubctl token create"):
                pair.install_line = re.search(r"^.*\| sudo sh$", said, re.M)[0]
                pair.secrets.append(re.search(r"/install/(\S+)", pair.install_line)[1])


@pytest.fixture(scope="module", params=[("bookworm", "trixie")], ids="-".join)
def bare(request, debs, tmp_path_factory) -> Iterator[Pair]:
    kept = tmp_path_factory.getbasetemp() / "packages"
    with LabNetwork() as network, PackageProxy(network.address, kept=kept) as proxy, \
            Machine(request.param[0], fresh=True) as hub, Machine(request.param[1], fresh=True) as lab:
        pair = Pair(network, proxy, hub, lab, request.param)
        pair.prepare(debs)
        yield pair


@pytest.fixture(scope="module")
def story(bare, tell, figure) -> Pair:
    """The pair when the README's lines were typed, up to the first log line."""
    began = time.monotonic()
    with Typist(bare.hub) as owner, Typist(bare.hub) as reader, Typist(bare.lab) as person:
        tell("the hub's machine: nginx, hub, certificate, sign-in, token")
        set_the_hub_up(bare, owner)
        tell("the second machine: one line")
        person.types("apt-get update && apt-get install -y curl", patience=INSTALL_SECONDS)
        assert "dvic: online: enrolled at" in person.types(bare.install_line, patience=INSTALL_SECONDS)
        nodes, run, logs = documented.commands("README.md", "look")
        assert "online" in owner.types(nodes)
        assert "Linux" in owner.types(run)
        reader.begins(logs)
        reader.sees("[1]: ")  # what its pid 1 said
        seconds = time.monotonic() - began
        figure(f"from bare machines to the first log line: {seconds:.0f} s (hub on {bare.suites[0]}, agent on "
               f"{bare.suites[1]})")
        word = secrets.token_hex(8)
        person.types(f"logger {word}")
        reader.sees(word)
        reader.interrupts()
    return bare


def test_the_documented_lines_lead_from_bare_machines_to_a_log_line(story):
    node = story.node()
    assert (node["state"], node["address"]) == ("online", story.network.address_of(story.lab))
    for machine in (story.hub, story.lab):
        # save for the terminals of the people of this story, which were cut off
        assert shell(machine, "systemctl --failed --plain --no-legend | grep -v '^run-u' || :") == ""
    assert shell(story.hub, "dvic-hub check | grep -v ^ok || :") == ""


def test_nginx_has_nothing_to_complain_about(story):
    assert story.hub.run("nginx", "-t", "-q").stderr == ""
    assert shell(story.hub, "grep -v -e ' \\[notice\\] ' /var/log/nginx/error.log || :") == ""


def test_nobody_but_nginx_comes_to_the_hubs_socket(story):
    assert shell(story.hub, "stat -c '%U %G %a' /run/dvic-hub /run/dvic-hub/hub.sock") == \
        "dvic-hub dvic-hub 755\ndvic-hub dvic-hub 660"
    ask = "curl -s --unix-socket /run/dvic-hub/hub.sock http://hub/healthz -o /dev/null; echo $?"
    shell(story.hub, "apt-get install -y curl", INSTALL_SECONDS)
    assert shell(story.hub, f"runuser -u nobody -- sh -c '{ask}'") == "7"
    assert shell(story.hub, f"runuser -u www-data -- sh -c '{ask}'") == "0"


def test_no_token_and_no_password_is_in_a_log_of_either_machine(story):
    # by pieces, so that the line that looks for them is no line that has them
    places = "/var/log /etc /var/lib/dvic-hub /var/lib/dvic-agent /tmp /var/tmp"
    for secret in story.secrets:
        piece = secret[:-12][-40:] if len(secret) > 60 else secret
        for machine in (story.hub, story.lab):
            machine.write("/root/wanted", piece)
            found = shell(machine, f"grep -rlFf /root/wanted {places}; journalctl -a -o cat | grep -Ff /root/wanted; "
                                   "rm /root/wanted")
            assert found == "", piece
    assert "/install/(token)" in shell(story.hub, "cat /var/log/nginx/dvic-hub.log")


def test_the_audit_log_and_the_limits_know_who_asked_whatever_he_says(story):
    body = '{"user": "admin", "password": "wrong"}'
    ask = (f"curl -s --cacert /etc/dvic-agent/hub-ca.pem -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Real-IP: 203.0.113.9' "
           f"-H 'Forwarded: for=203.0.113.9' -H 'Content-Type: application/json' -d '{body}' https://{NAME}/api/v1/login")
    assert json.loads(shell(story.lab, ask))["status"] == 401
    audit = story.hubctl("audit", "-o", "json")
    assert "203.0.113.9" not in audit and story.network.address_of(story.lab) in audit


def test_a_body_or_a_rate_over_the_limit_is_answered_and_the_machine_stays_online(story):
    ask = f"curl -s -o /dev/null -w '%{{http_code}}\\n' --cacert /etc/dvic-agent/hub-ca.pem https://{NAME}"
    shell(story.lab, "head -c 9000000 /dev/zero > /tmp/large")
    assert shell(story.lab, f"{ask}/api/v1/enroll -H Expect: --data-binary @/tmp/large") == "413"
    many = f"{ask}/install/dvic1.x[1-300]".replace("-o /dev/null", "-o /dev/null --parallel")
    statuses = set(shell(story.lab, f"{many} --no-progress-meter | sort -u", 120).split())
    assert statuses == {"404", "429"}
    assert story.node()["state"] == "online"


class Flood:
    """Numbered lines that the second machine writes into a log file while something happens to the hub's machine."""

    def __init__(self, pair: Pair, lines: int):
        self.pair, self.lines, self.word = pair, lines, secrets.token_hex(6)
        self.file = f"/tmp/dvic_log_{self.word}"

    def begin(self) -> None:
        text = f"for i in $(seq {self.lines}); do echo {self.word} line $i.; sleep 0.01; done > {self.file}"
        shell(self.pair.lab, f"systemd-run --quiet --unit=flood-{self.word} sh -c '{text}'")

    def arrived(self) -> list[int]:
        wanted = ("--grep", f"{self.word} line", "--source", f"dvic_log_{self.word}", "-n", "100000")
        found = json.loads(self.pair.hubctl("logs", "all", *wanted, "-o", "json"))
        return sorted(int(item["message"].split()[-1][:-1]) for item in found)

    def all_arrived(self) -> bool:
        done = self.pair.hub.run("env", "HOME=/root", "hubctl", "status")
        return done.returncode == 0 and len(self.arrived()) >= self.lines


@pytest.mark.parametrize(("what", "times"), [
    ("systemctl reload nginx", 3), ("systemctl restart nginx", 1), ("systemctl restart dvic-hub", 1),
    ("systemctl kill --kill-whom=main --signal=KILL dvic-hub", 1),
])
def test_nothing_is_lost_and_a_reader_goes_on_across(story, what, times, lines=500):
    flood = Flood(story, lines)
    with Typist(story.hub) as reader:
        reader.begins("hubctl logs all -f -o jsonl")
        reader.sees('"message"')  # it follows, and shows the newest of what there was
        flood.begin()
        reader.sees(f"{flood.word} line 50.")
        for _ in range(times):
            shell(story.hub, what)
            story.online()
        reader.sees(f"{flood.word} line {lines}.", 90)
        reader.interrupts()
        shown = [int(number) for number in re.findall(rf"{flood.word} line (\d+)\.", reader.said())]
    until(flood.all_arrived, "all lines are in the history")
    assert flood.arrived() == list(range(1, lines + 1))
    assert sorted(shown) == list(range(1, lines + 1))


def test_a_command_goes_on_while_nginx_is_reloaded(story):
    with Typist(story.hub) as person:
        person.begins("hubctl run all -- sh -c 'for i in $(seq 20); do echo step-$i; sleep 0.2; done'")
        person.sees("step-3")
        shell(story.hub, "systemctl reload nginx")
        person.sees("step-20")
        person.sees("finished")


def as_documented(mark: str, **words: str) -> list[str]:
    """The lines of docs/operating.md, "Updating agents", with this lab's package, version and machines in them, and
    without the minute for which canaries are watched."""
    lines = documented.commands("docs/operating.md", mark)
    for word, ours in words.items():
        documented_word = {"package": "dvic-agent_1.2.0_all.deb", "older": "1.1.0", "nodes": "'tag:room=lab'"}[word]
        assert any(documented_word in line for line in lines), f"{documented_word} is not among {lines}"
        lines = [line.replace(documented_word, ours) for line in lines]
    return [line + " --soak 1s" if line.startswith("hubctl update ") else line for line in lines]


def updates(owner: Typist, line: str) -> None:
    owner.begins(line)
    owner.sees(r"[y/N]")
    owner.answers("y", INSTALL_SECONDS)


def test_the_agent_is_updated_to_a_newer_version_and_back_by_the_documented_lines(story, debs, tell):
    story.hub.put(debs.newer_agent, f"/root/{debs.newer_agent.name}")
    with Typist(story.hub) as owner:
        add, update = as_documented("update", package=debs.newer_agent.name)
        tell(update)
        owner.types(add)
        updates(owner, update)
        assert story.node()["agent_version"] == NEWER
        assert "Linux" in story.hubctl("run", "all", "--", "uname", "-a")
        [back] = as_documented("back", older=debs.version, nodes="all")
        tell(back)
        updates(owner, back)
    assert story.node()["agent_version"] == debs.version
    assert "Linux" in story.hubctl("run", "all", "--", "uname", "-a")


def test_an_agent_of_the_commit_before_talks_to_this_hub_and_is_updated_from(story, debs, tell):
    tell("the agent of the commit before")
    before = debs.agent_before
    story.hub.put(before, f"/root/{before.name}")
    story.hubctl("release", "add", f"/root/{before.name}")
    story.hubctl("update", "all", "--to", BEFORE, "--older", "--soak", "1s", "--yes", timeout=INSTALL_SECONDS)
    assert story.node()["agent_version"] == BEFORE
    word = secrets.token_hex(8)
    assert word in story.hubctl("run", "all", "--", "sh", "-c", f"logger {word}; echo {word}")
    until(lambda: word in story.hubctl("logs", "all", "--grep", word, "--source", "journal"), "its log lines come")
    story.hubctl("update", "all", "--to", debs.version, "--soak", "1s", "--yes", timeout=INSTALL_SECONDS)
    assert story.node()["agent_version"] == debs.version


def test_a_command_runs_as_a_user_whom_only_a_service_of_the_machine_knows(story):
    """The executor has no network; users in LDAP are known by sssd or the like, asked through a unix socket as here."""
    shell(story.lab, "apt-get install -y libnss-systemd", INSTALL_SECONDS)
    shell(story.lab, "systemd-run --quiet --unit=home --property=DynamicUser=yes --property=User=someone sleep 1000")
    assert "someone" not in shell(story.lab, "cat /etc/passwd")
    assert "someone" in story.hubctl("run", "all", "--as", "someone", "--", "id", "-un")
    shell(story.lab, "systemctl stop home")


def test_both_machines_lose_their_power_and_come_back_and_the_cut_run_is_said_to_be_lost(story, tell):
    story.hubctl("run", "all", "--detach", "--", "sh", "-c", "echo before; sleep 1000")
    [run] = [run["id"] for run in json.loads(story.hubctl("runs", "-o", "json"))[:1]]
    until(lambda: "before" in story.hubctl("runs", "output", run), "the run has begun")
    tell("power cut on both machines")
    story.boots(story.lab)
    story.boots(story.hub)
    story.online()

    def ended():
        shown = json.loads(story.hubctl("runs", "show", run, "-o", "json"))
        return (shown[0] if isinstance(shown, list) else shown).get("ended") and shown

    shown = until(ended, "the run has ended", 90)
    assert "lost" in json.dumps(shown)
    assert "before" in story.hubctl("runs", "output", run)
    assert shell(story.lab, "systemctl show --value -p Result dvic-executor-sweep.service") == "success"
    assert "Linux" in story.hubctl("run", "all", "--", "uname", "-a")
    assert shell(story.lab, "systemctl list-units --plain --no-legend 'dvic-run-*'") == ""


def test_purging_the_hub_leaves_nginx_serving_and_nothing_of_the_hub(story):
    shell(story.hub, "apt-get -y purge dvic-hub", INSTALL_SECONDS)
    assert story.hub.run("nginx", "-t", "-q").stderr == ""
    shell(story.hub, "systemctl restart nginx && curl -s -o /dev/null http://127.0.0.1/")
    kept = r"! -path '/root/*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/var/log/journal/*'"
    assert shell(story.hub, rf"find / -xdev -name '*dvic*' {kept}; find /run /var/lib/systemd -name '*dvic*'") == ""
    assert "dvic" not in shell(story.hub, "cat /etc/passwd /etc/group /etc/shadow /etc/gshadow; id www-data")
