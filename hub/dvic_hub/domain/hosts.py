"""Hosts that send unsigned heartbeats, as PyHeartBeat's clients do: who was heard, and who fell silent. Pure.

Nothing proves them: a host is its address, and anybody on its network can speak in its name. So they are no nodes, have
no rights and no history, and count only from networks that the hub's settings name. A host is

    alive     until `timeout` after its last heartbeat (which is to be longer than the clients' period, 10 s)
    silent    from then on, until it is heard again or forgotten

The silence is counted on a clock that does not run backwards, and after a restart of the hub it begins anew.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

ALIVE = "alive"
SILENT = "silent"

MAX_HOSTS = 2000
"""Hosts that are remembered; when there are as many, the one that is silent for longest makes room, and while all are
alive no other gets in."""


@dataclass(frozen=True)
class Host:
    """A host by its address. Times are microseconds since 1970; `beats` are counted since it was first heard."""

    address: str
    state: str
    first_heard: int
    last_heard: int
    beats: int = 1


class HostBook:
    """`networks`: whose addresses count; raises ValueError for what is none. `timeout` in seconds; `steady` below is in
    seconds of a clock that only grows."""

    def __init__(self, networks: Iterable[str], timeout: float, most: int = MAX_HOSTS):
        self._networks = [ipaddress.ip_network(text, strict=False) for text in networks]
        self._timeout = timeout
        self._most = most
        self._hosts: dict[str, Host] = {}
        self._heard: dict[str, float] = {}
        self.changed = False
        """Something is to be kept that was not dumped yet."""

    def believes(self, address: str) -> bool:
        """True when a setting names the address's network."""
        if address in self._hosts:
            return True
        parsed = ipaddress.ip_address(address.partition("%")[0])
        return any(parsed in network for network in self._networks)

    def hear(self, address: str, now: int, steady: float) -> Host | None:
        """A heartbeat; returns the host when its state changed, by being new too. Raises Full."""
        known = self._hosts.get(address)
        if known is None:
            self._make_room()
        host = Host(address, ALIVE, now, now) if known is None else replace(
            known, state=ALIVE, last_heard=now, beats=known.beats + 1)
        self._hosts[address] = host
        self._heard[address] = steady
        self.changed = True
        return host if known is None or known.state != ALIVE else None

    def fall_silent(self, steady: float) -> list[Host]:
        """Those that are silent from now on."""
        fallen = [replace(host, state=SILENT) for address, host in self._hosts.items()
                  if host.state == ALIVE and steady - self._heard[address] > self._timeout]
        for host in fallen:
            self._hosts[host.address] = host
            self.changed = True
        return fallen

    def forget(self, address: str) -> bool:
        """False when it is not known."""
        self._heard.pop(address, None)
        known = self._hosts.pop(address, None)
        self.changed = self.changed or known is not None
        return known is not None

    def hosts(self) -> list[Host]:
        return list(self._hosts.values())

    def dump(self) -> list[dict]:
        """All hosts as plain values, to be kept."""
        self.changed = False
        return [asdict(host) for host in self._hosts.values()]

    def load(self, kept: list[dict], steady: float) -> None:
        """What was kept before a restart. A host whose network is no longer named goes; those that were alive have the
        whole timeout to be heard again."""
        for item in kept[:self._most]:
            host = Host(**item)
            if self.believes(host.address):
                self._hosts[host.address] = host
                self._heard[host.address] = steady

    def _make_room(self) -> None:
        if len(self._hosts) < self._most:
            return
        silent = [host for host in self._hosts.values() if host.state == SILENT]
        if not silent:
            raise Full
        self.forget(min(silent, key=lambda host: host.last_heard).address)


class Full(Exception):
    """All hosts that may be remembered are alive."""
