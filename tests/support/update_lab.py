"""A machine that updates itself, and the hub's part of it played: signed orders, papers, and a server of packages.

The orders go to the machine's real executor by its own socket. Where the machine is to be held at a certain moment, the
packages' own scripts and the tools that are called hold it: whoever comes to a moment that is named in /root/holds says
so in /root/held and waits until it is not named any more.
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from machine import Machine
from running_executor import new_run_id
from update_papers import PackageServer, SigningHub, manifest_of

from dvic_wire.signing import PrivateKey

PATIENCE = 90.0

_HOLD = """#!/bin/sh
[ -e "/root/holds/$1" ] || exit 0
mkdir -p /root/held
touch "/root/held/$1"
while [ -e "/root/holds/$1" ]; do sleep 0.1; done
"""

_WRAPPER = """#!/bin/sh
case "$*" in
{cases}
esac
exec /usr/bin/{tool} "$@"
"""

HELD_TOOLS = {"dpkg-deb": {"*--build*": "repack"},
              "apt-get": {"*/new.deb": "apt", "*/previous.deb": "apt-back"}}
"""Tool: a pattern of its arguments, and the moment that it is."""


def variant(deb: Path, target: Path, *, scripts: dict[str, str] | None = None, holds: bool = True,
            change: Callable[[Path], object] | None = None) -> Path:
    """`deb` once more, with lines of shell put before what its maintainer scripts do, and its tree changed. With
    `holds` it can be held at preinst-VERSION, postinst-VERSION, and postrm-VERSION (of the version that goes)."""
    tree = target.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    if change:
        change(tree)
    version = manifest_of(deb).version
    for name in ("preinst", "postinst", "postrm"):
        hold = f'[ ! -x /root/hold ] || /root/hold {name}-"{version}"\n' if holds else ""
        path = tree / "DEBIAN" / name
        old = path.read_text().removeprefix("#!/bin/sh\n") if path.exists() else ""
        path.write_text(f"#!/bin/sh\n{hold}{(scripts or {}).get(name, '')}{old}")
        path.chmod(0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, target], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return target


class UpdatingMachine:
    """A machine with the agent's package, enrolled at the hub that is played. `plug` connects it to the network."""

    def __init__(self, machine: Machine, hub: SigningHub, server: PackageServer,
                 plug: Callable[[], object]):
        self.machine = machine
        self.hub = hub
        self.server = server
        self._plug = plug
        self.state = machine.root / "var/lib/dvic-agent"
        machine.write("/root/hold", _HOLD)
        for tool, cases in HELD_TOOLS.items():
            lines = "\n".join(f"{pattern}) /root/hold {name} ;;" for pattern, name in cases.items())
            machine.write(f"/usr/local/sbin/{tool}", _WRAPPER.format(cases=lines, tool=tool))
            (machine.root / f"usr/local/sbin/{tool}").chmod(0o755)
        (machine.root / "root/hold").chmod(0o755)

    def install(self, deb: Path) -> None:
        """As the machine's owner does, by hand."""
        self.machine.put(deb, f"/root/{deb.name}")
        self.shell("DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get -qy --no-install-recommends --allow-downgrades "
                   f"install /root/{deb.name}", 180)

    def enrol(self) -> None:
        key = self.state / "state/node.key"
        self.until(key.exists, "the agent has made its key")
        self.hub.node = PrivateKey.load(key).public.node_id
        self.hub.pin(self.machine.root / "etc/dvic-agent")

    def shell(self, text: str, timeout: float = 60) -> str:
        done = self.machine.run("sh", "-c", text, timeout=timeout)
        assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    def until(self, reached: Callable[[], object], what: str, patience: float = PATIENCE) -> object:
        deadline = time.monotonic() + patience
        while not (value := reached()):
            assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s\n{self.journal()}"
            time.sleep(0.1)
        return value

    def journal(self) -> str:
        """What systemd has of updates: for a test that failed."""
        return self.machine.run("sh", "-c", "journalctl --no-pager -n 60 -t dvic-update -t python3 -t systemd; "
                                            "cat /var/lib/dvic-agent/executor/update/journal.json").stdout[-6000:]

    # the hub's part

    def ask(self, request: dict) -> dict:
        """One request by the executor's socket, as the agent does it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(f"/proc/{self.machine.leader}/root/run/dvic-executor.sock")
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answer:
                return json.loads(answer.readline())

    def order(self, deb: Path, **claims: object) -> str:
        """Order the update to a package of the pool; returns the run's id."""
        run = new_run_id()
        answer = self.ask({"request": "update", "run": run, "jws": self.hub.update(run, manifest_of(deb), **claims)})
        assert answer == {"state": "running"}, answer
        return run

    def refused(self, jws: str, run: str) -> str:
        """The reason why this order is not taken."""
        answer = self.ask({"request": "update", "run": run, "jws": jws})
        assert answer["state"] == "refused", answer
        return answer["reason"]

    def confirm(self, run: str, version: str) -> dict:
        return self.ask({"request": "confirm", "run": run, "jws": self.hub.confirmation(run, version)})

    def welcome(self, run: str, version: str) -> None:
        """What a hub does: when the agent of that version runs, it confirms."""
        self.until(lambda: "confirming" in self.steps(run) or self.end(run), "the update waits for the hub")
        if self.end(run) is None:
            self.until(lambda: self.running() == version, f"an agent {version} runs")
            assert self.confirm(run, version) == {"state": "confirmed"}

    # what is seen of it

    def records(self, run: str) -> list[dict]:
        data = (self.state / "runs" / run / "output.jsonl").read_bytes()
        return [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]

    def steps(self, run: str) -> list[str]:
        return [record["step"]["name"] for record in self.records(run) if "step" in record]

    def end(self, run: str) -> dict | None:
        return (self.records(run) or [{}])[-1].get("end")

    def ended(self, run: str) -> dict:
        """Wait for the end, and that nothing but it is left of the update."""
        end = self.until(lambda: self.end(run), "the update has ended")
        self.until(lambda: not (self.state / "executor/update/journal.json").exists(), "the journal is gone")
        return end

    def running(self) -> str:
        """The version of the agent that runs."""
        done = self.machine.run("dvic-agent", "status", "--json")
        return json.loads(done.stdout)["version"] if done.returncode == 0 else ""

    def installed(self) -> str:
        """Such as `installed 1.0`."""
        return self.shell("dpkg -s dvic-agent | sed -n 's/^Status: .* //p; s/^Version: //p' | paste -sd ' '")

    # holding it, and its end

    def hold(self, moment: str) -> None:
        self.machine.write(f"/root/holds/{moment}", "")

    def held(self, moment: str) -> None:
        self.until((self.machine.root / f"root/held/{moment}").exists, f"the machine has come to {moment}")

    def release(self) -> None:
        for folder in ("holds", "held"):
            shutil.rmtree(self.machine.root / "root" / folder, ignore_errors=True)

    def cut_power(self) -> None:
        """And start it again, holding it nowhere."""
        self.machine.cut_power()
        self.release()
        self.machine.boot()
        self._plug()
