"""A small network between this machine and booted test machines: a bridge here, a cable to each of them.

    with LabNetwork() as network, Machine("bookworm") as machine:
        network.plug(machine)                # the machine has an address, and reaches us at network.address
"""

import secrets
import subprocess

from machine import Machine


class LabNetwork:
    """A /24 out of 10.83.0.0/16; with `six` a /64 out of fd83::/16, and no IPv4 at all. Needs root and iproute2."""

    def __init__(self, *, six: bool = False):
        self._name = f"dvic{secrets.token_hex(3)}"
        number = secrets.randbelow(250) + 1
        self._prefix = f"fd83:{number}::" if six else f"10.83.{number}."
        self._of_address = ("/64", "nodad") if six else ("/24",)
        self._cables = 0
        self._places: list[Machine] = []

    def __enter__(self) -> "LabNetwork":
        _ip("link", "add", self._name, "type", "bridge")
        _ip("link", "set", self._name, "up")
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


def _ip(*arguments: str) -> None:
    _call("ip", *arguments)


def _call(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
