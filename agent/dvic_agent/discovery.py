"""Hubs on the local network, as they announce themselves by mDNS (dvic_wire/announcing.py)."""

import threading

from dvic_wire.announcing import SERVICE, FoundHub, read_announcement


def discover(seconds: float = 3.0, interfaces: list[str] | None = None) -> list[FoundHub]:
    """Listen for `seconds`; the hubs found, by name. Raises OSError when the network can't be used so."""
    from zeroconf import (  # noqa: PLC0415 (heavy, and needed only here)
        InterfaceChoice,
        IPVersion,
        ServiceBrowser,
        Zeroconf,
    )

    listener = _Listener()
    where = interfaces or InterfaceChoice.All
    try:
        zeroconf = Zeroconf(interfaces=where, ip_version=None if interfaces else IPVersion.All)
    except OSError:  # a kernel without IPv6
        zeroconf = Zeroconf(interfaces=where)
    try:
        ServiceBrowser(zeroconf, SERVICE, listener)
        threading.Event().wait(seconds)
        infos = [zeroconf.get_service_info(SERVICE, name, 1000) for name in sorted(listener.names)]
    finally:
        zeroconf.close()
    return [read_announcement(info.name, info.server or "", info.port or 0, info.parsed_addresses(), info.properties)
            for info in infos if info is not None]


class _Listener:
    def __init__(self) -> None:
        self.names: set[str] = set()

    def add_service(self, zeroconf: object, kind: str, name: str) -> None:
        self.names.add(name)

    update_service = add_service

    def remove_service(self, zeroconf: object, kind: str, name: str) -> None:
        self.names.discard(name)
