"""Reading the audit log."""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Cursor, Limit, Time, show_time
from dvic_hub.api.route import Call

Exactly = Annotated[str, msgspec.Meta(max_length=200, description="Only entries with exactly this.")]


class AuditQuery(msgspec.Struct, forbid_unknown_fields=True):
    actor: Exactly = ""
    action: Exactly = ""
    target: Exactly = ""
    limit: Limit = 100
    cursor: Cursor = ""


class AuditItem(msgspec.Struct):
    """Who did what to what. `outcome`: ok, the error, or empty while it goes on (or the hub stopped in the middle)."""

    id: int
    time: Time | None
    actor: str
    address: str
    action: str
    target: str
    detail: dict
    outcome: str


class AuditList(msgspec.Struct):
    """Newest first."""

    items: list[AuditItem]
    next: str


async def list_audit(doors: Doors, call: Call) -> AuditList:
    query: AuditQuery = call.query
    page = await doors.audit.list(query.limit, query.cursor, query.actor, query.action, query.target)
    items = [AuditItem(entry.id, show_time(entry.time), entry.actor, entry.address, entry.action, entry.target,
                       entry.detail, entry.outcome) for entry in page.items]
    return AuditList(items, page.next)
