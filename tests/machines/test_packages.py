"""The packages on booted Debian machines that have nothing else of DVIC: install, work, upgrade, remove, purge."""

import json
import re
import subprocess

import pytest
from machine import SUITES, Machine
from one_machine import INSTALL_SECONDS, URL, enrol, files, hubctl, install, people, shell, show, until, until_online
from programmer import COMPILERS, Programmer

pytestmark = pytest.mark.machines

UNITS = ("dvic-agent.service", "dvic-executor.socket", "dvic-executor@.service", "dvic-executor-sweep.service",
         "dvic-update-resume.service", "dvic.slice", "dvic-hub.service")


@pytest.fixture(scope="module", params=SUITES)
def suite(request):
    return request.param


@pytest.fixture
def bare(suite):
    """A machine without DVIC."""
    with Machine(suite) as booted:
        yield booted


@pytest.fixture(scope="module")
def enrolled(suite, debs):
    """A machine with compilers, a hub, an operator who is signed in, and itself as the hub's node."""
    with Machine(suite, more=COMPILERS) as booted:
        install(booted, debs.agent, debs.hub)
        enrol(booted)
        yield booted


def test_lintian_finds_no_error_and_no_warning(debs):
    done = subprocess.run(["lintian", "--fail-on", "error,warning", debs.agent, debs.hub], capture_output=True,
                          text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_installing_starts_what_can_work_already_and_nothing_restarts_in_a_loop(bare, debs):
    install(bare, debs.agent, debs.hub)

    assert show(bare, "dvic-agent.service", "ActiveState") == "active"
    assert "not enrolled" in show(bare, "dvic-agent.service", "StatusText")
    assert show(bare, "dvic-executor.socket", "ActiveState") == "active"
    assert show(bare, "dvic-hub.service", "ActiveState") == "inactive"  # it has no address yet
    assert show(bare, "dvic-agent.service", "NRestarts") == "0"
    assert shell(bare, "systemctl --failed --plain --no-legend | grep dvic || :") == ""
    assert shell(bare, "dvic-agent --version") == f"dvic-agent {debs.version}"
    assert shell(bare, "hubctl --version") == f"hubctl {debs.version}"
    shell(bare, "stat -c '%U %a' /var/lib/dvic-agent/state | grep -x 'dvic-agent 700'")
    shell(bare, "stat -c '%U %a' /var/lib/dvic-hub | grep -x 'dvic-hub 700'")


def test_systemd_has_nothing_to_say_about_the_units(enrolled):
    done = enrolled.run("systemd-analyze", "verify", "--man=no", *(f"/usr/lib/systemd/system/{unit}" for unit in UNITS))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("unit", "most"), [("dvic-agent.service", 2.5), ("dvic-hub.service", 1.5)])
def test_the_services_are_shut_in(enrolled, unit, most):
    said = shell(enrolled, f"systemd-analyze security --no-pager {unit}")
    score = float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1])
    print(f"systemd-analyze security {unit}: {score}")

    assert score <= most


def test_without_containers_the_agent_has_no_capability(enrolled):
    folder = "/etc/systemd/system/dvic-agent.service.d"
    shell(enrolled, f"install -D -m 644 -t {folder} /usr/share/dvic-agent/no-containers.conf; systemctl daemon-reload")
    try:
        assert show(enrolled, "dvic-agent.service", "CapabilityBoundingSet") == ""
        said = shell(enrolled, "systemd-analyze security --no-pager dvic-agent.service")
        assert float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1]) <= 2.0
    finally:
        shell(enrolled, f"rm -r {folder}; systemctl daemon-reload")


def test_the_agent_reads_what_a_service_with_its_own_tmp_logs(enrolled):
    shell(enrolled, "systemd-run --quiet --unit=hidden -p PrivateTmp=yes sh -c 'echo a line of its own > "
                    "/tmp/dvic_log_hidden; sleep infinity'")

    until(lambda: "hidden" in hubctl(enrolled, "logs all --unit hidden.service --grep 'a line of its own'"), "its line")
    shell(enrolled, "systemctl stop hidden.service")


def test_the_unprivileged_agent_reports_the_journal_and_the_log_files_of_others(enrolled):
    shell(enrolled, "logger -t someone a line in the journal")
    shell(enrolled, "systemd-run --quiet --wait --uid=daemon sh -c 'echo a line in a file > /tmp/dvic_log_daemon'")

    for words in ("a line in the journal", "a line in a file"):
        until(lambda words=words: words in hubctl(enrolled, f"logs all --grep '{words}'"), words)
    assert show(enrolled, "dvic-agent.service", "User") == "dvic-agent"
    doctor = json.loads(shell(enrolled, "dvic-agent doctor --json"))
    assert [finding for finding in doctor if finding["state"] != "ok"] == []


def test_programs_log_by_the_libraries_that_the_hub_serves_as_their_pages_say(enrolled):
    assert "libdvic-log-dev_" in shell(enrolled, f"curl -fsS {URL}/libraries/")
    ada = Programmer(enrolled, URL)
    for write in (ada.in_c, ada.in_cpp, ada.in_python, ada.in_shell):
        write()

    def told():
        lines = hubctl(enrolled, "logs all -n 1000 --source 'dvic_log_*' -o jsonl").splitlines()
        records = [record for record in map(json.loads, lines) if record["uid"] == ada.uid and record["pid"]]
        return {(re.split("[_-]", record["source"])[2], record["level"], record["message"].split("\n")[0])
                for record in records}

    wanted = {("steps", "warning", "noisy"), ("steps", "info", "412 events"), ("program", "error", "read-out failed"),
              ("steps", "warning", "channel 3 is noisy"), ("planned", "warning", "channel 3 is noisy"),
              ("job", "debug", "frame 17"), ("job", "info", "1 frame")}
    until(lambda: told() >= wanted, "their lines")


def test_a_run_is_a_unit_of_root_and_the_executor_is_gone_when_idle(enrolled):
    said = hubctl(enrolled, "run all -- sh -c 'id -un; cat /proc/self/cgroup'")

    assert "root" in said
    assert "/dvic.slice/dvic-run-" in said
    until(lambda: not shell(enrolled, "systemctl list-units --plain --no-legend 'dvic-executor@*' 'dvic-run-*'"),
          "executor and run have ended")


def test_hubctl_answers_at_once(enrolled):
    for arguments in ("--version", "nodes"):
        taken = shell(enrolled, f"""HOME=/root python3 -c '
import subprocess, time
def once():
    begun = time.monotonic()
    subprocess.run(["hubctl", *"{arguments}".split()], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun
print(min(once() for _ in range(5)))'""")
        print(f"hubctl {arguments}: {float(taken):.3f} s")


def test_killed_and_stopped_processes_come_back(enrolled):
    for unit in ("dvic-hub.service", "dvic-agent.service"):
        before = show(enrolled, unit, "MainPID")
        shell(enrolled, f"systemctl kill --kill-whom=main --signal=KILL {unit}")
        until(lambda unit=unit, before=before: show(enrolled, unit, "MainPID") not in ("0", before), f"{unit} is back")
        until_online(enrolled)


def test_an_agent_that_hangs_is_replaced_by_the_watchdog(enrolled):
    shell(enrolled, "mkdir -p /run/systemd/system/dvic-agent.service.d && printf '[Service]\\nWatchdogSec=2\\n' "
                    "> /run/systemd/system/dvic-agent.service.d/short.conf && systemctl daemon-reload "
                    "&& systemctl restart dvic-agent")
    before = show(enrolled, "dvic-agent.service", "MainPID")
    shell(enrolled, f"kill -STOP {before}")

    until(lambda: show(enrolled, "dvic-agent.service", "MainPID") not in ("0", before), "another agent")
    until_online(enrolled)


def test_what_root_restores_belongs_to_the_hub(enrolled):
    shell(enrolled, "dvic-hub backup /root/backup && systemctl stop dvic-hub "
                    "&& dvic-hub restore --replace /root/backup && systemctl start dvic-hub", timeout=120)

    assert shell(enrolled, "find /var/lib/dvic-hub -not -user dvic-hub") == ""
    until_online(enrolled)


def test_upgrade_and_downgrade_keep_node_settings_and_a_run_that_goes_on(enrolled, debs):
    node = until_online(enrolled, debs.version)["id"]
    shell(enrolled, "printf '[hub]\\n' >> /etc/dvic-agent/agent.toml")
    hubctl(enrolled, "run all --detach -- sh -c 'for i in $(seq 40); do echo step-$i; sleep 0.5; done'")
    until(lambda: shell(enrolled, "systemctl list-units --plain --no-legend 'dvic-run-*'"), "the run has begun")

    for deb, version in ((debs.newer_agent, "99.0.0"), (debs.agent, debs.version)):
        install(enrolled, deb)
        assert until_online(enrolled, version)["id"] == node
    assert shell(enrolled, "tail -n 1 /etc/dvic-agent/agent.toml") == "[hub]"

    def ended():
        newest = json.loads(hubctl(enrolled, "runs -o json"))[0]
        return newest if newest.get("ended") else None

    run = until(ended, "the run has ended")
    assert run["counts"] == {"finished": 1}
    output = hubctl(enrolled, f"runs output {run['id']}")
    assert re.findall(r"step-(\d+)", output) == [str(number) for number in range(1, 41)]


def test_removing_keeps_the_identity_and_purging_leaves_nothing(bare, debs):
    before, them = files(bare), people(bare)
    install(bare, debs.agent, debs.hub)
    enrol(bare)
    node = until_online(bare)["id"]

    shell(bare, "apt-get -qy remove dvic-agent dvic-hub", INSTALL_SECONDS)
    assert shell(bare, "systemctl list-units --plain --no-legend 'dvic*service'") == ""
    install(bare, debs.agent, debs.hub)
    assert until_online(bare)["id"] == node

    shell(bare, "apt-get -qy purge dvic-agent dvic-hub", INSTALL_SECONDS)
    assert files(bare) - before == set()
    assert people(bare) == them
    assert shell(bare, "systemctl list-unit-files --plain --no-legend 'dvic*' || :") == ""
