"""The hub on the local network: `_dvic-hub._tcp.local.` by mDNS (RFC 6763), when the setting `announce` is on.

It says the hub's address and its key's fingerprint. Nobody trusts it for that: it saves typing, the token decides.
It is said over IPv4 and IPv6, as far as the machine has them, and anew when the machine gets other addresses.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import ifaddr
from zeroconf import IPVersion, NonUniqueNameException, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from dvic_wire.announcing import SERVICE, properties

LOOK_EVERY = 20.0
"""Seconds between two looks at this machine's addresses."""

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
async def announced(url: str, fingerprint: str, addresses: Callable[[], list[str]] = own_addresses,
                    every: float = LOOK_EVERY) -> AsyncIterator[None]:
    """Announce while the block lasts, anew when the machine has other addresses. A network that does not allow it is
    said in the log and stops nothing."""
    announcement = _Announcement(url, fingerprint, addresses)
    await announcement.renew()
    following = asyncio.create_task(announcement.follow(every))
    try:
        yield
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await announcement.withdraw()


class _Announcement:
    """What is announced now. A new address needs new sockets, so another one takes its place as a whole."""

    def __init__(self, url: str, fingerprint: str, addresses: Callable[[], list[str]]):
        self._url, self._fingerprint, self._addresses = url, fingerprint, addresses
        self._said: list[str] = []
        self._zeroconf: AsyncZeroconf | None = None

    async def follow(self, every: float) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(every)
            if sorted(self._addresses()) != self._said:
                await self.withdraw()
                await self.renew()

    async def renew(self) -> None:
        self._said = sorted(self._addresses())
        service = service_of(self._url, self._fingerprint, socket.gethostname(), self._said)
        try:
            self._zeroconf = _opened()
            await self._zeroconf.async_register_service(service, allow_name_change=True)
            log.info("announced on the local network as %s, %s", service.name, ", ".join(self._said) or "no address")
        except (OSError, RuntimeError, NonUniqueNameException) as error:  # RuntimeError: no address at all
            log.warning("the hub can't be announced on the local network: %s", error)

    async def withdraw(self) -> None:
        if self._zeroconf is not None:
            await self._zeroconf.async_close()
            self._zeroconf = None


def _opened() -> AsyncZeroconf:
    try:
        return AsyncZeroconf(ip_version=IPVersion.All)
    except OSError:  # a kernel without IPv6
        return AsyncZeroconf(ip_version=IPVersion.V4Only)
