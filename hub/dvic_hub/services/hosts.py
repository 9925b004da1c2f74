"""Hosts that send unsigned heartbeats (domain/hosts.py): told of when they come, fall silent and come back.

They are kept across restarts in one value of the store, written a moment after something changed.
"""

import json
import logging
from collections.abc import Callable

from dvic_hub.bus.port import Bus
from dvic_hub.config import HubConfig
from dvic_hub.domain.events import HostChanged
from dvic_hub.domain.hosts import Full, Host, HostBook
from dvic_hub.domain.people import Actor
from dvic_hub.errors import NotFound, StoreError
from dvic_hub.services.audit import AuditService
from dvic_hub.store.port import Store

KEEP_EVERY = 30.0
"""Seconds between two writings of what changed."""

_VALUE = "hosts"

log = logging.getLogger("dvic.hosts")


class HostService:
    """`clock` gives Unix seconds, `steady` seconds that only grow. `start()` before anything is heard."""

    def __init__(self, store: Store, bus: Bus, audit: AuditService, config: HubConfig, clock: Callable[[], float],
                 steady: Callable[[], float]):
        self._store = store
        self._bus = bus
        self._audit = audit
        self._clock = clock
        self._steady = steady
        self._book = HostBook(config.heartbeat_networks, config.heartbeat_timeout)
        self._kept = steady()

    async def start(self) -> None:
        self._book.load(json.loads(await self._store.get_value(_VALUE) or "[]"), self._steady())

    async def stop(self) -> None:
        await self._keep()

    def hosts(self) -> list[Host]:
        return self._book.hosts()

    def hear(self, address: str) -> bool:
        """An unsigned heartbeat; False when it does not count: a network that nobody named, or no room."""
        if not self._book.believes(address):
            return False
        try:
            self._tell(self._book.hear(address, int(self._clock() * 1_000_000), self._steady()))
        except Full:
            return False
        return True

    async def tick(self) -> None:
        """Name those that fell silent. Called each second."""
        for host in self._book.fall_silent(self._steady()):
            log.warning("host %s is silent: no heartbeat since %d s", host.address,
                        self._clock() - host.last_heard / 1_000_000)
            self._tell(host)
        if self._steady() - self._kept >= KEEP_EVERY:
            await self._keep()

    async def forget(self, address: str, actor: Actor) -> None:
        """Raises NotFound. A host that goes on sending comes back as a new one."""
        if address not in {host.address for host in self._book.hosts()}:
            raise NotFound(f"no host {address} was heard")
        async with self._audit.record(actor, "host.forget", address):
            self._book.forget(address)
            await self._keep()

    def _tell(self, host: Host | None) -> None:
        if host is not None:
            self._bus.publish(HostChanged(host.address, host.state))

    async def _keep(self) -> None:
        self._kept = self._steady()
        if not self._book.changed:
            return
        try:
            await self._store.set_value(_VALUE, json.dumps(self._book.dump()))
        except StoreError as error:
            self._book.changed = True
            log.warning("the hosts that were heard are not kept: %s", error)
