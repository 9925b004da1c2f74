"""Hubs on the local network, as they announce themselves by mDNS (`_dvic-hub._tcp.local.`).

An announcement is anybody's word: it helps to find an address, and is never a reason to trust. Trust comes with the
token, which names the hub's key.
"""

import threading
from dataclasses import dataclass
from typing import Any

SERVICE = "_dvic-hub._tcp.local."


@dataclass(frozen=True)
class FoundHub:
    """`url` and `fingerprint` as announced; `url` is made of address and port where none was."""

    name: str
    url: str
    fingerprint: str


def discover(seconds: float = 3.0, interfaces: list[str] | None = None) -> list[FoundHub]:
    """Listen for `seconds`; the hubs found, by name. Raises OSError when the network can't be used so."""
    from zeroconf import InterfaceChoice, ServiceBrowser, Zeroconf  # noqa: PLC0415 (heavy, and needed only here)

    listener = _Listener()
    zeroconf = Zeroconf(interfaces=interfaces or InterfaceChoice.All)
    try:
        ServiceBrowser(zeroconf, SERVICE, listener)
        threading.Event().wait(seconds)
        infos = [zeroconf.get_service_info(SERVICE, name, 1000) for name in sorted(listener.names)]
    finally:
        zeroconf.close()
    return [_found(info) for info in infos if info is not None]


class _Listener:
    def __init__(self) -> None:
        self.names: set[str] = set()

    def add_service(self, zeroconf: object, kind: str, name: str) -> None:
        self.names.add(name)

    update_service = add_service

    def remove_service(self, zeroconf: object, kind: str, name: str) -> None:
        self.names.discard(name)


def _found(info: Any) -> FoundHub:
    addresses = info.parsed_addresses()
    host = addresses[0] if addresses else (info.server or "").rstrip(".")
    url = _text(info.properties, b"url") or f"http://{f'[{host}]' if ':' in host else host}:{info.port}"
    return FoundHub(_shown(info.name.removesuffix("." + SERVICE)), url, _text(info.properties, b"hub"))


def _text(properties: dict, key: bytes) -> str:
    return _shown((properties.get(key) or b"").decode("utf-8", "replace"))


def _shown(text: str) -> str:
    """What comes off the network can't move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]
