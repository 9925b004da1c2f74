"""The hub on the local network: `_dvic-hub._tcp.local.` by mDNS (RFC 6763), when the setting `announce` is on.

It says the hub's address and its key's fingerprint. Nobody trusts it for that: it saves typing, the token decides.
"""

import ipaddress
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import ifaddr
from zeroconf import IPVersion, NonUniqueNameException, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from dvic_wire.announcing import SERVICE, properties

log = logging.getLogger("dvic.announcement")


def service_of(url: str, fingerprint: str, host: str, addresses: list[str]) -> ServiceInfo:
    """What is announced: the instance is named after this machine and the key, so that two hubs never collide. Pure."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    label = host.partition(".")[0][:40] or "hub"
    return ServiceInfo(SERVICE, f"{label} {fingerprint[:8]}.{SERVICE}", port=port,
                       properties=properties(url, fingerprint), server=f"{label}-{fingerprint[:8].lower()}.local.",
                       parsed_addresses=addresses)


def own_addresses() -> list[str]:
    """This machine's addresses that others can reach: no loopback, no link-local ones."""
    found = [address.ip if isinstance(address.ip, str) else address.ip[0]
             for adapter in ifaddr.get_adapters() for address in adapter.ips]
    parsed = [ipaddress.ip_address(text) for text in found]
    return [str(address) for address in parsed if not address.is_loopback and not address.is_link_local]


@asynccontextmanager
async def announced(url: str, fingerprint: str) -> AsyncIterator[None]:
    """Announce while the block lasts. A network that does not allow it is said in the log and stops nothing."""
    zeroconf: AsyncZeroconf | None = None
    service = service_of(url, fingerprint, socket.gethostname(), own_addresses())
    try:
        zeroconf = AsyncZeroconf(ip_version=IPVersion.V4Only)
        await zeroconf.async_register_service(service, allow_name_change=True)
        log.info("announced on the local network as %s", service.name)
    except (OSError, NonUniqueNameException) as error:
        log.warning("the hub can't be announced on the local network: %s", error)
    try:
        yield
    finally:
        if zeroconf is not None:
            await zeroconf.async_close()
