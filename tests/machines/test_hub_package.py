"""The hub's package while a hub serves and a node is connected: upgraded, removed and put back, hanging, with settings
that are wrong; and the same programs as one plain file and as wheels."""

import json
import re
import secrets

import pytest
from debs import built, repacked
from machine import SUITES, Machine
from one_machine import INSTALL_SECONDS, enrol, hubctl, install, shell, show, until, until_online

pytestmark = pytest.mark.machines

NEWER = "99.0.0"


@pytest.fixture(scope="module", params=SUITES)
def enrolled(request, debs):
    """A machine with a hub, an operator who is signed in, and itself as the hub's node."""
    with Machine(request.param) as booted:
        install(booted, debs.agent, debs.hub)
        enrol(booted)
        yield booted


@pytest.fixture(scope="module")
def newer_hub(debs, tmp_path_factory):
    return repacked(debs.hub, NEWER, tmp_path_factory.mktemp("newer"))


@pytest.fixture
def flood(enrolled):
    """Numbered lines in a log file; call it to assert that the hub has each of them once."""
    word, lines = secrets.token_hex(6), 1000
    text = f"for i in $(seq {lines}); do echo {word} line $i.; sleep 0.01; done > /tmp/dvic_log_{word}"
    shell(enrolled, f"systemd-run --quiet sh -c '{text}'")

    def numbers():
        query = f"logs all --source dvic_log_{word} -n 100000 -o json"
        done = enrolled.run("sh", "-c", f"HOME=/root hubctl {query}")
        items = json.loads(done.stdout) if done.returncode == 0 else []
        return sorted(int(item["message"].split()[-1][:-1]) for item in items)

    def all_there():
        until(lambda: len(numbers()) >= lines, "all lines have arrived", 90)
        assert numbers() == list(range(1, lines + 1))

    until(lambda: numbers(), "the first line has arrived")
    return all_there


def test_upgrade_and_downgrade_while_a_node_is_connected_lose_nothing(enrolled, debs, newer_hub, flood):
    shell(enrolled, "echo 'retention_days = 31' >> /etc/dvic-hub/hub.toml")
    before = shell(enrolled, "sha256sum /etc/dvic-hub/hub.toml /var/lib/dvic-hub/hub.key")
    hubctl(enrolled, "run all --detach -- sh -c 'for i in $(seq 30); do echo step-$i; sleep 0.5; done'")

    for deb, version in ((newer_hub, NEWER), (debs.hub, debs.version)):
        process = show(enrolled, "dvic-hub.service", "MainPID")
        install(enrolled, deb)
        assert show(enrolled, "dvic-hub.service", "MainPID") not in ("0", process)
        assert shell(enrolled, "hubctl --version") == f"hubctl {version}"
        until_online(enrolled)
    flood()
    assert shell(enrolled, "sha256sum /etc/dvic-hub/hub.toml /var/lib/dvic-hub/hub.key") == before

    def ended():
        newest = json.loads(hubctl(enrolled, "runs -o json"))[0]
        return newest if newest.get("ended") else None

    run = until(ended, "the run has ended")
    assert run["counts"] == {"finished": 1}
    output = hubctl(enrolled, f"runs output {run['id']}")
    assert re.findall(r"step-(\d+)", output) == [str(number) for number in range(1, 31)]
    assert show(enrolled, "dvic-hub.service", "NRestarts") == "0"


def test_a_hub_that_was_removed_serves_again_when_its_package_is_back(enrolled, debs, flood):
    shell(enrolled, "apt-get -qy remove dvic-hub", INSTALL_SECONDS)
    assert shell(enrolled, "systemctl list-units --plain --no-legend dvic-hub.service; ls /run/dvic-hub 2>&1 || :"
                 ).startswith("ls: ")
    shell(enrolled, "test -s /var/lib/dvic-hub/dvic.db && test -s /etc/dvic-hub/hub.toml")
    shell(enrolled, "! test -e /usr/lib/dvic-hub")
    install(enrolled, debs.hub)
    until_online(enrolled)
    flood()


def test_a_hub_that_hangs_is_replaced_by_the_watchdog(enrolled, flood):
    drop_in(enrolled, "WatchdogSec=2\\nTimeoutAbortSec=1")
    shell(enrolled, "systemctl restart dvic-hub")
    process = show(enrolled, "dvic-hub.service", "MainPID")
    shell(enrolled, f"kill -STOP {process}")
    until(lambda: show(enrolled, "dvic-hub.service", "MainPID") not in ("0", process), "another hub")
    drop_in(enrolled, "")
    shell(enrolled, "systemctl restart dvic-hub")
    until_online(enrolled)
    flood()


def test_stop_means_stop_and_start_goes_on(enrolled, flood):
    shell(enrolled, "systemctl stop dvic-hub")
    assert show(enrolled, "dvic-hub.service", "Result") == "success"
    status = "dvic-agent status --json"
    until(lambda: '"state": "connected"' not in shell(enrolled, status), "the agent has noticed")
    shell(enrolled, "systemctl start dvic-hub")
    until_online(enrolled)
    flood()


def test_a_mistake_in_the_settings_is_said_and_does_not_restart_the_hub_for_ever(enrolled, debs):
    shell(enrolled, "cp /etc/dvic-hub/hub.toml /root/hub.toml && echo 'retention_day = 3' >> /etc/dvic-hub/hub.toml")
    enrolled.run("systemctl", "restart", "dvic-hub")
    assert show(enrolled, "dvic-hub.service", "ActiveState") == "failed"
    assert "did you mean retention_days" in shell(enrolled, "journalctl -u dvic-hub -n 20 -o cat")
    install(enrolled, debs.hub)
    shell(enrolled, f"apt-get -qy install --reinstall /root/debs/{debs.hub.name}", INSTALL_SECONDS)
    assert show(enrolled, "dvic-hub.service", "NRestarts") == "0"
    shell(enrolled, "cp /root/hub.toml /etc/dvic-hub/hub.toml && systemctl restart dvic-hub dvic-agent")
    until_online(enrolled)


def test_a_hub_announces_itself_also_where_the_kernel_has_no_ipv6(enrolled):
    shell(enrolled, "cp /etc/dvic-hub/hub.toml /root/hub.toml && echo 'announce = true' >> /etc/dvic-hub/hub.toml")
    for families in ("", "RestrictAddressFamilies=\\nRestrictAddressFamilies=AF_UNIX AF_INET AF_NETLINK"):
        drop_in(enrolled, families or "Environment=NONE=")
        begun = shell(enrolled, "date +%s")
        shell(enrolled, "systemctl restart dvic-hub")
        said = f"journalctl -u dvic-hub -o cat --since @{begun} | grep -F 'announced on the local network as' || :"
        until(lambda said=said: shell(enrolled, said), "it says so")
        until_online(enrolled)
    drop_in(enrolled, "")
    shell(enrolled, "cp /root/hub.toml /etc/dvic-hub/hub.toml && systemctl restart dvic-hub")
    until_online(enrolled)


def drop_in(machine, settings):
    folder = "/run/systemd/system/dvic-hub.service.d"
    if settings:
        shell(machine, f"mkdir -p {folder} && printf '[Service]\\n{settings}\\n' > {folder}/test.conf")
    else:
        shell(machine, f"rm -r {folder}")
    shell(machine, "systemctl daemon-reload")


@pytest.fixture(scope="module")
def plain_file(tmp_path_factory, build_venv, tell):
    tell("building the plain file")
    return built(tmp_path_factory.mktemp("plain"), "binary", "dvic-hub-*", build_venv)


@pytest.mark.parametrize("suite", SUITES)
def test_the_plain_file_is_hub_and_hubctl_on_a_machine_without_python(suite, plain_file):
    with Machine(suite, fresh=True) as machine:
        assert machine.run("python3", "--version").returncode != 0
        machine.put(plain_file, "/usr/local/bin/dvic-hub")
        shell(machine, "chmod 755 /usr/local/bin/dvic-hub && ln -s dvic-hub /usr/local/bin/hubctl")
        said = shell(machine, "dvic-hub setup --url http://127.0.0.1:8420 --state-dir /srv/hub --non-interactive")
        machine.write("/root/once", re.search(r"password\s+(\S+)", said)[1] + "\n")
        machine.write("/root/password", "correct-horse-battery\n")
        shell(machine, "systemd-run --quiet --unit=hub --property=Type=notify --property=NotifyAccess=all "
                       "dvic-hub serve")
        hubctl(machine, "login http://127.0.0.1:8420 --user admin --password-file /root/once "
                        "--new-password-file /root/password")
        assert "url" in hubctl(machine, "status -o json")
        shell(machine, "systemctl stop hub")
        assert shell(machine, "ls /tmp | grep _MEI || :") == ""  # what it unpacked is gone
