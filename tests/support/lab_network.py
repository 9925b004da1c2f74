"""A small network between this machine and booted test machines: a bridge here, a cable to each of them.

    with LabNetwork() as network, Machine("bookworm") as machine:
        network.plug(machine)                # the machine has an address, and reaches us at network.address
"""

import re
import secrets
import subprocess
import tempfile
from pathlib import Path

from machine import Machine
from made_once import alone


class LabNetwork:
    """A /24 out of 10.83.0.0/16 that nobody here has. Needs root and iproute2."""

    def __enter__(self) -> "LabNetwork":
        self._name = f"dvic{secrets.token_hex(3)}"
        self._cables = 0
        self._places: list[Machine] = []
        _ip("link", "add", self._name, "type", "bridge")
        with alone(Path(tempfile.gettempdir()) / "dvic-lab-networks.lock"):
            taken = set(re.findall(r"inet (10\.83\.\d+)\.", _ip("-4", "addr")))
            self._prefix = next(f"10.83.{place}" for place in range(1, 255) if f"10.83.{place}" not in taken)
            _ip("addr", "add", f"{self.address}/24", "dev", self._name)
        _ip("link", "set", self._name, "up")
        return self

    def __exit__(self, *_: object) -> None:
        _ip("link", "del", self._name)

    @property
    def address(self) -> str:
        """Ours, as the machines see it."""
        return f"{self._prefix}.1"

    def plug(self, machine: Machine) -> str:
        """Connect a machine; returns its address, which stays the same when it is plugged in again after a boot."""
        if machine not in self._places:
            self._places.append(machine)
        self._cables += 1
        ours, address = f"{self._name}-{self._cables}", self.address_of(machine)
        _ip("link", "add", ours, "type", "veth", "peer", "name", "lan0", "netns", str(machine.leader))
        _ip("link", "set", ours, "master", self._name, "up")
        inside = ("nsenter", "-t", str(machine.leader), "-n")
        _call(*inside, "ip", "addr", "add", f"{address}/24", "dev", "lan0")
        _call(*inside, "ip", "link", "set", "lan0", "up")
        return address

    def address_of(self, machine: Machine) -> str:
        """A plugged machine's address."""
        return f"{self._prefix}.{self._places.index(machine) + 2}"


def _ip(*arguments: str) -> str:
    return _call("ip", *arguments)


def _call(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout
