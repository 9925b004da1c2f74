"""What has to be looked at, as nobody tells it: how disks fill, the hub's certificate, the hub's own disk.

Each look is bounded and goes round: of thousands of nodes a few in a second, so that each comes up every DISK_ROUND.
"""

import asyncio
import logging
import math
import shutil
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dvic_hub import authority
from dvic_hub.config import ConfigError, HubConfig
from dvic_hub.domain.alarm_hub import CertificateWatch, HubDiskWatch
from dvic_hub.domain.alarm_slope import SPANS, STEP
from dvic_hub.domain.alarm_watches import DiskFullWatch
from dvic_hub.errors import HubError
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store

DISK_ROUND = 1800
"""Seconds in which each node with a filled disk is looked at once."""

CERTIFICATE_EVERY = 3600.0
"""Seconds between two looks at the hub's certificate."""

HUB_DISK_EVERY = 15.0
"""Seconds between two looks at the hub's own disk."""

CONNECT_SECONDS = 10
"""Seconds in which the hub's own address must answer."""

_SECOND = 1_000_000

log = logging.getLogger("dvic.alarms")


class Probes:
    """`trouble` says why nothing is stored at the moment. Times `now` in Unix seconds."""

    def __init__(self, store: Store, fleet: FleetService, config: HubConfig,
                 trouble: Callable[[], HubError | None]) -> None:
        self._store = store
        self._fleet = fleet
        self._config = config
        self._trouble = trouble
        self._round: list[str] = []
        self._round_began = float("-inf")
        self._a_turn = 1
        self._certificate_at = float("-inf")
        self._disk_at = float("-inf")

    def again(self) -> None:
        """Rules changed: look at everything anew."""
        self._round_began = self._certificate_at = self._disk_at = float("-inf")
        self._round = []

    async def disks(self, watches: Sequence[DiskFullWatch], now: float) -> None:
        """A few of the nodes whose disks are filled enough to be looked at."""
        near = {node for watch in watches for node in watch.near.values()}
        if not self._round and not 0 <= now - self._round_began < DISK_ROUND:
            self._round, self._round_began = sorted(near), now
            self._a_turn = max(1, math.ceil(len(near) / DISK_ROUND))
        part, self._round = self._round[:self._a_turn], self._round[self._a_turn:]
        if not part:
            return
        until = int(now * _SECOND)
        names = sorted({watch.rule.text("metric") for watch in watches})
        found = await self._store.streams.series(part, names, until - max(SPANS) * _SECOND, until, STEP)
        for series in found:
            view = self._fleet.view(series.node)
            for watch in watches if view else ():
                if watch.wants_metric(series.name) and watch.means(view):
                    await asyncio.to_thread(watch.fillings, view, series.name, series.times, series.values, until)

    async def certificate(self, watches: Sequence[CertificateWatch], now: float) -> None:
        parts = urlsplit(self._config.url)
        if not watches or parts.scheme != "https" or 0 <= now - self._certificate_at < CERTIFICATE_EVERY:
            return
        self._certificate_at = now
        try:
            ca = self._config.ca_text()
        except ConfigError:
            ca = ""
        ends, problem = await asyncio.to_thread(look_at_certificate, parts.hostname, parts.port or 443, ca)
        for watch in watches:
            watch.certificate(parts.hostname, ends, problem, int(now * _SECOND))

    async def hub_disk(self, watches: Sequence[HubDiskWatch], now: float) -> None:
        trouble = self._trouble()
        if not watches or (0 <= now - self._disk_at < HUB_DISK_EVERY and trouble is None):
            return
        self._disk_at = now
        used = await asyncio.to_thread(filled, self._config.state_dir)
        for watch in watches:
            watch.disk(used, str(trouble or ""), int(now * _SECOND))


def filled(folder: Path) -> float:
    """How full the disk is for a program that is not root, in percent, as `df` counts."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        log.warning("the hub's disk can't be looked at: %s", error)
        return 0.0
    return 100 * usage.used / max(1, usage.used + usage.free)


def look_at_certificate(host: str, port: int, ca: str) -> tuple[float | None, str]:
    """When the certificate that is shown there ends (Unix seconds; None: nobody answers), and why a client that trusts
    `ca` (PEM; "": the public authorities) would refuse it. Takes up to CONNECT_SECONDS; for a thread."""
    strict = ssl.create_default_context(cadata=ca or None)
    lenient = ssl.create_default_context()
    # only to read the end of what is shown, of which nothing is believed
    lenient.check_hostname, lenient.verify_mode = False, ssl.CERT_NONE
    problem = ""
    for context in (strict, lenient):
        try:
            with socket.create_connection((host, port), CONNECT_SECONDS) as plain, \
                    context.wrap_socket(plain, server_hostname=host) as connection:
                return authority.end_of(connection.getpeercert(binary_form=True)), problem
        except ssl.SSLCertVerificationError as error:
            problem = error.verify_message
        except (OSError, ValueError) as error:
            log.info("the hub's certificate could not be looked at: %s", error)
            return None, ""
    return None, problem
