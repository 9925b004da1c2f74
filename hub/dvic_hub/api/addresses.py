"""Where a request comes from and which page sent it, as pure rules.

- X-Forwarded-For counts only from a trusted proxy, read from its right end: what a client wrote itself is on the left.
- A browser names the page's origin on all that can change something and on every WebSocket; it must be the hub's.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX_PEER = "unix"
"""The address of a caller on the hub's Unix socket, where the proxy names no other."""

_PORTS = {"http": 80, "https": 443}


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and CIDR ranges; raises ValueError that names the bad one."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def client_address(peer: str, forwarded: str, trusted: tuple[Network, ...]) -> str:
    """The caller's address: the peer's, or what trusted proxies say of it. `peer` is "" on a Unix socket, whose other
    end is always a proxy of this machine."""
    place = peer
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()][-32:]
    while hops and (place == "" or _is_in(place, trusted)):
        hop = _plain(hops.pop())
        if hop is None:
            break
        place = hop
    return place or UNIX_PEER


def origin_of(url: str) -> str:
    """scheme://host[:port] as browsers write it: lower case, default ports left out; "" when there is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port is None or port == _PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def origin_allowed(origin: str | None, hub_url: str) -> bool:
    """True when no browser page sent it, or the hub's own did."""
    return origin is None or (origin != "null" and origin_of(origin) == origin_of(hub_url) != "")


def _plain(hop: str) -> str | None:
    host = hop
    if hop.startswith("["):
        host = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        host = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(parsed in network for network in networks)
