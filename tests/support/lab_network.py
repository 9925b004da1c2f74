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
    """A /24 out of 10.83.0.0/16 that nobody here has; with `six` a /64 out of fd83::/16, and no IPv4 at all. Needs root
    and iproute2."""

    def __init__(self, *, six: bool = False):
        self._name = f"dvic{secrets.token_hex(3)}"
        self._begin, self._middle = ("fd83:", "::") if six else ("10.83.", ".")
        self._of_address = ("/64", "nodad") if six else ("/24",)
        self._cables = 0
        self._places: list[Machine] = []

    def __enter__(self) -> "LabNetwork":
        _ip("link", "add", self._name, "type", "bridge")
        _ip("link", "set", self._name, "up")
        with alone(Path(tempfile.gettempdir()) / "dvic-lab-networks.lock"):
            taken = re.findall(r"inet6? (\S+)", _ip("addr"))
            prefixes = (f"{self._begin}{number}{self._middle}" for number in range(1, 255))
            self._prefix = next(one for one in prefixes if not any(address.startswith(one) for address in taken))
            _ip("addr", "add", *self._with_length(self.address), "dev", self._name)
        return self

    def __exit__(self, *_: object) -> None:
        _ip("link", "del", self._name)

    @property
    def address(self) -> str:
        """Ours, as the machines see it."""
        return f"{self._prefix}1"

    def plug(self, machine: Machine) -> str:
        """Connect a machine; returns its address, which stays the same when it is plugged in again after a boot."""
        if machine not in self._places:
            self._places.append(machine)
        self._cables += 1
        ours, address = f"{self._name}-{self._cables}", self.address_of(machine)
        _ip("link", "add", ours, "type", "veth", "peer", "name", "lan0", "netns", str(machine.leader))
        _ip("link", "set", ours, "master", self._name, "up")
        inside = ("nsenter", "-t", str(machine.leader), "-n")
        _call(*inside, "ip", "link", "set", "lan0", "up")
        _call(*inside, "ip", "addr", "add", *self._with_length(address), "dev", "lan0")
        return address

    def address_of(self, machine: Machine) -> str:
        """A plugged machine's address."""
        return f"{self._prefix}{self._places.index(machine) + 2}"

    def _with_length(self, address: str) -> tuple[str, ...]:
        length, *more = self._of_address
        return address + length, *more


def _ip(*arguments: str) -> str:
    return _call("ip", *arguments)


def _call(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout
