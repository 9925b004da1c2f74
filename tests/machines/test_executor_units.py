"""The executor where systemd is pid 1: the contract of both backends, and what only a booted machine can show."""

import json
from pathlib import Path

import pytest
from machine import SUITES, Machine

pytestmark = pytest.mark.machines

ROOT = Path(__file__).parents[2]

SUITE_SECONDS = 600

SOCKET = """
[Socket]
ListenStream=/run/dvic-executor.sock
SocketMode=0660
Accept=yes
"""

SERVICE = """
[Service]
ExecStart=/usr/bin/python3 -I -m dvic_agent.executor
StandardInput=socket
StandardOutput=journal
"""


@pytest.fixture(scope="module", params=SUITES)
def machine(request):
    with Machine(request.param) as booted:
        packages = "/usr/lib/python3/dist-packages"
        booted.put(ROOT / "wire/dvic_wire", f"{packages}/dvic_wire")
        booted.put(ROOT / "agent/dvic_agent", f"{packages}/dvic_agent")
        booted.put(ROOT / "tests/support/running_executor.py", f"{packages}/running_executor.py")
        for support in ("held_terminal", "held_copy"):
            booted.put(ROOT / f"tests/support/{support}.py", f"{packages}/{support}.py")
        booted.put(ROOT / "tests/agent/test_executor_contract.py", "/root/suite/test_executor_contract.py")
        booted.put(ROOT / "tests/agent/test_terminal.py", "/root/terminals/test_terminal.py")
        booted.put(ROOT / "tests/agent/test_copying.py", "/root/copies/test_copying.py")
        booted.write("/etc/systemd/system/dvic-executor.socket", SOCKET)
        booted.write("/etc/systemd/system/dvic-executor@.service", SERVICE)
        booted.write("/root/box/empty", "")
        yield booted


@pytest.fixture
def served(machine):
    """The machine with its executor behind systemd's own socket, as it is installed."""
    python(machine, "from running_executor import *; Hub().pin(Path('/etc/dvic-agent'))")
    assert machine.run("systemctl", "start", "dvic-executor.socket").returncode == 0
    return machine


def python(machine, text, *arguments):
    """Execute Python in the machine; returns what it printed."""
    done = machine.run("python3", "-c", text, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(machine, text):
    done = machine.run("sh", "-c", text)
    return done.stdout.strip()


ASK = """
import sys
from running_executor import *
hub = Hub()
hub.pin(Path("/etc/dvic-agent"))
running = RunningExecutor.__new__(RunningExecutor)
running.hub, running.socket, running.process = hub, Path("/run/dvic-executor.sock"), None
running.state_dir = Path("/var/lib/dvic-agent")
"""


def test_the_contract_holds_with_units(machine):
    done = machine.run("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "/root/suite", timeout=SUITE_SECONDS)

    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_terminals_are_held_in_units(machine):
    """The very tests of terminals held by child processes; vi and top only where the machine has them."""
    done = machine.run("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "/root/terminals",
                       timeout=SUITE_SECONDS)

    assert done.returncode == 0, done.stdout[-6000:]


def test_files_are_copied_in_units(machine):
    """The very tests of copies carried by child processes: as other users too, and onto a disk without room."""
    done = machine.run("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "/root/copies", timeout=SUITE_SECONDS)

    assert done.returncode == 0, done.stdout[-6000:]
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_the_contract_holds_for_an_ordinary_user_with_child_processes(machine):
    shell(machine, "id anna || useradd --create-home anna; chmod 755 /root /root/suite; chmod 644 /root/suite/*.py")
    done = machine.run("runuser", "-u", "anna", "--", "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                       "/root/suite", timeout=SUITE_SECONDS)

    assert done.returncode == 0, done.stdout[-6000:]


def test_a_request_comes_through_systemds_socket_and_the_run_is_a_unit_in_its_slice(served):
    out = python(served, ASK + "print(json.dumps(running.ask({'request': 'ping'})))\n"
                               "print(text_of(running.execute(argv=('cat', '/proc/self/cgroup')), 'out'))")
    ping, cgroups = out.split("\n", 1)

    assert json.loads(ping)["backend"] == "systemd"
    assert "/dvic.slice/dvic-run-" in cgroups


def test_limits_become_properties_of_the_unit(served):
    out = python(served, ASK + """
run = new_run_id()
running.request(run, argv=("sleep", "1000"), timeout=77, memory=64 << 20, cpu=50)
running.until(lambda: running.records(run))
print(subprocess.run(["systemctl", "show", f"dvic-run-{run}.service"], capture_output=True, text=True).stdout)
running.cancel(run)
running.ended(run)
""")
    shown = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)

    assert shown["RuntimeMaxUSec"] == "1min 17s"
    assert shown["MemoryMax"] == str((64 + 32) << 20)
    assert shown["CPUQuotaPerSecUSec"] == "500ms"
    assert shown["KillMode"] == "control-group"


def test_nothing_of_a_run_stays_behind_in_systemd(served):
    python(served, ASK + "running.execute(argv=('sh', '-c', 'exit 3'))")

    units = shell(served, "systemctl list-units --all --no-legend 'dvic-run-*' | grep -v deactivating")
    assert "dvic-run-" not in units


def test_a_unit_stopped_by_the_machines_owner_ends_as_failed(served):
    out = python(served, ASK + """
run = new_run_id()
running.request(run, argv=("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"))
running.shown(run, "ready")
subprocess.run(["systemctl", "stop", f"dvic-run-{run}.service"], check=True)
print(json.dumps(running.ended(run)))
""")

    assert json.loads(out)["state"] == "failed"
    assert "stopped on the machine" in json.loads(out)["reason"]


def test_a_power_cut_loses_a_run_but_not_its_end_nor_its_id(served):
    out = python(served, ASK + """
run = new_run_id()
order = hub.order(run, {"argv": ["sh", "-c", "echo before; exec sleep 1000"]})
print(json.dumps([run, order]), running.request(run, jws=order)["state"])
running.shown(run, "before")
""")
    run, order = json.loads(out.rsplit(" ", 1)[0])
    served.cut_power()
    served.boot()
    assert served.run("python3", "-I", "-m", "dvic_agent.executor", "sweep").returncode == 0
    assert served.run("systemctl", "start", "dvic-executor.socket").returncode == 0

    output = f"/var/lib/dvic-agent/runs/{run}/output.jsonl"
    records = [json.loads(line) for line in shell(served, f"cat {output}").split("\n")]
    assert [record.get("out") for record in records] == [None, "before\n", None]
    assert records[-1]["end"]["state"] == "lost"
    answer = python(served, "import sys\n" + ASK.replace('hub.pin(Path("/etc/dvic-agent"))', "")
                    + "print(json.dumps(running.request(sys.argv[1], jws=sys.argv[2])))", run, order)
    assert json.loads(answer) == {"state": "running"}  # known, and its end is in its output
    assert len(shell(served, f"cat {output}").split("\n")) == 3
