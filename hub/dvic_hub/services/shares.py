"""Shares: each lets whoever has its text look at one monitoring service, from another site's page too; at nothing else.

A share is no API token: no other door knows what it is. Its secret is kept only as a hash; it holds until it is
revoked, or its service deleted.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dvic_hub.domain import people as rules
from dvic_hub.domain.cycle_model import Share
from dvic_hub.domain.people import Actor
from dvic_hub.errors import Conflict, NotFound, NotSignedIn, TooMany
from dvic_hub.services.audit import AuditService
from dvic_hub.services.cycles import CycleService
from dvic_hub.store.port import Services

MAX_SHARES = 20
"""Shares of one monitoring service."""

MAX_SHARED = 200
"""Who looks at shared services at a time, those included that have not shown their share yet."""

SHARE_PREFIX = "dvics"


class ShareService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Services, cycles: CycleService, audit: AuditService,
                 clock: Callable[[], float]) -> None:
        self._store = store
        self._cycles = cycles
        self._audit = audit
        self._clock = clock
        self._looking = 0

    @contextmanager
    def looking(self) -> Iterator[None]:
        """A place for one who looks at a shared service, as long as it is held. Raises TooMany."""
        if self._looking >= MAX_SHARED:
            raise TooMany(f"at most {MAX_SHARED} look at shared services at a time", retry=30)
        self._looking += 1
        try:
            yield
        finally:
            self._looking -= 1

    async def of(self, service: str) -> list[Share]:
        """Oldest first. Raises NotFound."""
        self._cycles.get(service)
        return await self._store.shares(service)

    async def add(self, service: str, note: str, actor: Actor) -> tuple[str, Share]:
        """A new share, and its text, which is told this once. Raises NotFound, BadRequest, Conflict."""
        self._cycles.get(service)
        rules.check_note(note)
        id, secret = rules.new_token_id(), secrets.token_urlsafe(32)
        share = Share(id, hashlib.sha256(secret.encode()).digest(), service, int(self._clock() * 1_000_000),
                      actor.name, note)
        async with self._audit.record(actor, "service.share", service, {"share": id, "note": note}):
            if not await self._store.add_share(share, MAX_SHARES):
                raise Conflict(f"{service} has {MAX_SHARES} shares: revoke one first", code="limit", limit=MAX_SHARES)
        return rules.token_text(id, secret, SHARE_PREFIX), share

    async def remove(self, service: str, id: str, actor: Actor) -> None:
        """Who looks by it sees nothing further within moments. Raises NotFound."""
        if not any(share.id == id for share in await self.of(service)):
            raise NotFound(f"{service} has no share {id}")
        async with self._audit.record(actor, "service.unshare", service, {"share": id}):
            await self._store.remove_share(id)

    async def service_of(self, text: str) -> str:
        """The name of the service that a share's text lets one look at. Raises NotSignedIn."""
        parts = rules.split_token(text, SHARE_PREFIX)
        share = await self._store.share(parts[0]) if parts else None
        given = hashlib.sha256(parts[1].encode()).digest() if parts else b""
        if share is None or not secrets.compare_digest(share.hash, given):
            raise NotSignedIn("the share is not valid, or was revoked", code="share-wrong")
        return share.service
