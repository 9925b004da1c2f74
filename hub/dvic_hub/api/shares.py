"""Shares of a monitoring service: who may make them sees their list; the secret of each is told once."""

from typing import Annotated
from urllib.parse import quote

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.cycle_model import Share
from dvic_hub.domain.people import MAX_NOTE


class ShareItem(msgspec.Struct):
    """What is known of a share; not its text."""

    id: str
    note: str
    created: Time | None
    created_by: str


class ShareList(msgspec.Struct):
    """Oldest first."""

    items: list[ShareItem]
    next: str


class NewShare(msgspec.Struct, forbid_unknown_fields=True):
    """`note`: for whom it is."""

    note: Annotated[str, msgspec.Meta(max_length=MAX_NOTE)] = ""


class ShareAnswer(msgspec.Struct):
    """`share`: what a page of another site connects with. `embed`: the address for an iframe; what stands behind # in
    it is sent to no server with a request."""

    id: str
    share: str
    embed: str


async def list_shares(doors: Doors, call: Call) -> ShareList:
    shown, following = page_of(await doors.shares.of(call.path["service"]), lambda share: share.id, call.query)
    return ShareList([_shown(share) for share in shown], following)


async def add_share(doors: Doors, call: Call) -> ShareAnswer:
    name = call.path["service"]
    text, share = await doors.shares.add(name, call.body.note, call.actor)
    return ShareAnswer(share.id, text, f"{doors.config.url}/embed/services/{quote(name, safe='')}#{text}")


async def remove_share(doors: Doors, call: Call) -> None:
    await doors.shares.remove(call.path["service"], call.path["share"], call.actor)


def _shown(share: Share) -> ShareItem:
    return ShareItem(share.id, share.note, show_time(share.created), share.created_by)
