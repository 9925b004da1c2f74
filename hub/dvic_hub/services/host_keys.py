"""The host keys that people accepted, remembered from one push to the next."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict

from dvic_hub.domain.known_hosts import KnownHost, place_id
from dvic_hub.domain.people import Actor
from dvic_hub.errors import Conflict, NotFound
from dvic_hub.services.audit import AuditService
from dvic_hub.store.port import Store
from dvic_wire.pushing import HostKey, Target

MAX_KNOWN_HOSTS = 5000
"""Places whose host key the hub remembers."""

_VALUE = "push.known-hosts"


class HostKeyService:
    """All of it is one value of the store. `clock` gives Unix seconds."""

    def __init__(self, store: Store, audit: AuditService, clock: Callable[[], float]):
        self._store = store
        self._audit = audit
        self._clock = clock
        self._changing = asyncio.Lock()

    async def all(self) -> list[KnownHost]:
        """By place."""
        return sorted((await self._load()).values(), key=lambda known: (known.host, known.port, known.source))

    async def find(self, source: str, target: Target) -> KnownHost | None:
        return (await self._load()).get(place_id(source, target.host, target.port))

    async def remember(self, source: str, target: Target, key: HostKey, actor: Actor) -> None:
        """Nothing changes where a key is remembered already; raises Conflict when there are too many."""
        async with self._changing:
            book = await self._load()
            known = KnownHost(source, target.host, target.port, str(key), int(self._clock() * 1e6), actor.name)
            if known.id in book:
                return
            if len(book) >= MAX_KNOWN_HOSTS:
                raise Conflict(f"the hub remembers at most {MAX_KNOWN_HOSTS} host keys: forget some",
                               code="limit", limit=MAX_KNOWN_HOSTS)
            await self._save({**book, known.id: known})

    async def forget(self, id: str, actor: Actor) -> None:
        """The next push there asks again; raises NotFound."""
        async with self._changing:
            book = await self._load()
            known = book.pop(id, None)
            if known is None:
                raise NotFound("no such host key is remembered")
            detail = {"source": known.source, "host_key": known.fingerprint, "accepted_by": known.by}
            async with self._audit.record(actor, "host-key.forget", known.place, detail):
                await self._save(book)

    async def _load(self) -> dict[str, KnownHost]:
        found = [KnownHost(**item) for item in json.loads(await self._store.get_value(_VALUE) or "[]")]
        return {known.id: known for known in found}

    async def _save(self, book: dict[str, KnownHost]) -> None:
        await self._store.set_value(_VALUE, json.dumps([asdict(known) for known in book.values()]))
