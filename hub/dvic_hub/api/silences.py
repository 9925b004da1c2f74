"""Silences: nobody is to be troubled about some nodes until then; who made which, and ending one before its time."""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import NO_NUL, Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.dispatch import MAX_REASON
from dvic_hub.domain.model import Silence
from dvic_hub.domain.silences import MAX_SILENCE, MIN_SILENCE, SilenceOrder
from dvic_wire.limits import MAX_SELECTOR


class NewSilence(msgspec.Struct, forbid_unknown_fields=True):
    """`seconds`: how long it lasts. `fixed`: it means the nodes that the selector names now; else whatever it names
    while it lasts, and then it can't look at states."""

    selector: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SELECTOR)]
    seconds: Annotated[int, msgspec.Meta(ge=MIN_SILENCE, le=MAX_SILENCE)]
    fixed: bool = False
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON, pattern=NO_NUL)] = ""


class SilenceItem(msgspec.Struct):
    """`nodes`: how many nodes it means now."""

    id: str
    selector: str
    fixed: bool
    nodes: int
    until: Time | None
    created: Time | None
    created_by: str
    reason: str


class SilenceList(msgspec.Struct):
    """Those that are on, oldest first."""

    items: list[SilenceItem]
    next: str


async def list_silences(doors: Doors, call: Call) -> SilenceList:
    shown, following = page_of(doors.silences.all(), lambda one: f"{one.created:020d}/{one.id}", call.query)
    counts = await doors.silences.meant(shown)
    return SilenceList([_item(*each) for each in zip(shown, counts, strict=True)], following)


async def add_silence(doors: Doors, call: Call) -> SilenceItem:
    silence = await doors.silences.add(SilenceOrder(**msgspec.structs.asdict(call.body)), call.actor)
    return _item(silence, *await doors.silences.meant([silence]))


async def end_silence(doors: Doors, call: Call) -> None:
    await doors.silences.end(call.path["silence"], call.actor)


def _item(silence: Silence, nodes: int) -> SilenceItem:
    return SilenceItem(silence.id, silence.selector, silence.fixed, nodes, show_time(silence.until),
                       show_time(silence.created), silence.created_by, silence.reason)
