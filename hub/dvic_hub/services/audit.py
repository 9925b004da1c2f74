"""The audit log: what changes anything or reaches a node is written down before it is carried out.

    async with audit.record(actor, "node.revoke", node.name, {"id": node.id}) as entry:
        ...                       # raising writes the error as the outcome
        entry.outcome = "3 nodes" # optional; "ok" otherwise

If the entry can't be written nothing is carried out: the store's error goes to the caller.
Details are given by the caller and must hold no secret.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dvic_hub.domain.model import AuditEntry, Page
from dvic_hub.domain.people import Actor
from dvic_hub.errors import HubError
from dvic_hub.store.port import Audit
from dvic_wire.errors import WireError

MAX_AUDIT_TARGET = 200
"""Characters of an entry's target."""

MAX_AUDIT_DETAIL = 8 * 1024
"""Characters of an entry's detail as JSON; what is longer is named by its size only."""

MAX_AUDIT_OUTCOME = 500
"""Characters of an entry's outcome."""

log = logging.getLogger("dvic.audit")


@dataclass
class Record:
    """One entry while its action goes on. `outcome`: what to write at the end instead of "ok"."""

    id: int
    outcome: str = ""


class AuditService:
    """Writes and lists audit entries. `clock` gives Unix seconds."""

    def __init__(self, store: Audit, clock: Callable[[], float]):
        self._store = store
        self._clock = clock

    @asynccontextmanager
    async def record(self, actor: Actor, action: str, target: str, detail: dict | None = None) -> AsyncIterator[Record]:
        """Write the entry, let the body run, write its outcome. Raises what the store or the body raises."""
        entry = AuditEntry(id=0, time=int(self._clock() * 1_000_000), actor=actor.name, address=actor.address,
                           action=action, target=target[:MAX_AUDIT_TARGET], detail=_bounded(detail or {}))
        record = Record(await self._store.add(entry))
        try:
            yield record
        except asyncio.CancelledError:
            await self._end(record.id, "cancelled")
            raise
        except (HubError, WireError) as error:
            await self._end(record.id, f"{error.code}: {error}")
            raise
        except Exception:
            await self._end(record.id, "internal: the hub failed")
            raise
        await self._end(record.id, record.outcome or "ok")

    async def note(self, actor: Actor, action: str, target: str, detail: dict | None = None,
                   outcome: str = "ok") -> None:
        """Write down something that has happened already, such as a refused sign-in."""
        async with self.record(actor, action, target, detail) as record:
            record.outcome = outcome

    async def list(self, limit: int, before: str = "", actor: str = "", action: str = "", target: str = "") -> Page:
        """Entries, newest first, that match every given filter; `before` is the paging cursor."""
        return await self._store.list(limit, before, actor, action, target)

    async def _end(self, id: int, outcome: str) -> None:
        """The action is over whatever happens here: a failing store must not make it look undone, nor a caller who
        has gone leave its outcome unknown."""
        try:
            await asyncio.shield(self._store.outcome(id, outcome[:MAX_AUDIT_OUTCOME]))
        except HubError as error:
            log.error("the outcome of audit entry %d (%s) could not be written: %s", id, outcome, error)


def _bounded(detail: dict) -> dict:
    size = len(json.dumps(detail, default=str))
    if size <= MAX_AUDIT_DETAIL:
        return detail
    return {"left_out": f"{size} characters of detail", "keys": sorted(detail)[:20]}
