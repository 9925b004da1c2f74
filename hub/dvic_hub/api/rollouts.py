"""Rollouts: a new agent to many nodes; what it would do, how it goes, halting, resuming and cancelling it."""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Cursor, Limit, Time, show_time
from dvic_hub.api.route import Call
from dvic_hub.api.runs import node_names
from dvic_hub.domain.dispatch import MAX_QUEUE, MAX_REASON
from dvic_hub.domain.model import Rollout, RolloutNode
from dvic_hub.domain.rollout import MAX_CONFIRM, MAX_SOAK, MIN_CONFIRM, RolloutOrder
from dvic_hub.errors import NotFound
from dvic_wire.limits import MAX_SELECTOR
from dvic_wire.versions import MAX_VERSION

Part = Annotated[str, msgspec.Meta(max_length=16)]


class NewRollout(msgspec.Struct, forbid_unknown_fields=True):
    """`version` empty: the newest that the hub serves; `older`: also where a newer one is installed. `canary` nodes
    (`2` or `10%`; empty: none) go first, and are watched for `soak` seconds; then `batch` nodes at a time (empty: all).
    It halts by itself after more than `max_failures` failures (-1: any in the canary wave), with `halt_on_error` after
    the first, and when updated nodes fall silent. `queue`: seconds to wait for nodes that are offline. `confirm`:
    seconds in which a new agent must have been welcomed, else the machine puts the previous one back."""

    selector: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SELECTOR)]
    version: Annotated[str, msgspec.Meta(max_length=MAX_VERSION)] = ""
    older: bool = False
    canary: Part = ""
    batch: Part = ""
    max_failures: Annotated[int, msgspec.Meta(ge=-1, le=1_000_000)] = -1
    halt_on_error: bool = False
    soak: Annotated[int, msgspec.Meta(ge=0, le=MAX_SOAK)] = 60
    queue: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUEUE)] = 0
    confirm: Annotated[int, msgspec.Meta(ge=MIN_CONFIRM, le=MAX_CONFIRM)] = 180
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)] = ""


class RolloutNodeItem(msgspec.Struct):
    """One node in the rollout. `state`: pending, sent, downloading, installing, confirming, rolling-back, or at the end
    updated, unchanged, rolled-back, failed, refused, expired, cancelled, lost. `wave`: 0 for canaries, from 1 on the
    batches, -1 where nothing was to be done. `run`: the update, whose output is what apt said (empty: none yet)."""

    node: str
    node_id: str
    state: str
    reason: str
    wave: int
    run: str
    from_version: str
    to_version: str
    sent: Time | None
    changed: Time | None
    ended: Time | None


class RolloutItem(msgspec.Struct, omit_defaults=True):
    """`state`: going, halted, cancelling, or ended. `counts`: nodes by state. `nodes` only where one rollout is asked
    for."""

    id: str
    selector: str
    package: str
    version: str
    state: str
    created: Time | None
    created_by: str
    reason: str
    older: bool
    canary: str
    batch: str
    max_failures: int
    halt_on_error: bool
    soak: int
    confirm: int
    queue_until: Time | None
    halted: Time | None
    halt_reason: str
    cancelled: Time | None
    ended: Time | None
    counts: dict[str, int]
    nodes: list[RolloutNodeItem] | None = None


class RolloutPlan(msgspec.Struct):
    """What a rollout would do: nothing of it has happened."""

    package: str
    version: str
    counts: dict[str, int]
    nodes: list[RolloutNodeItem]


class RolloutsQuery(msgspec.Struct, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Cursor = ""


class RolloutList(msgspec.Struct):
    """Newest first."""

    items: list[RolloutItem]
    next: str


async def plan_rollout(doors: Doors, call: Call) -> RolloutPlan:
    rollout, rows = await doors.rollouts.plan(_order(call.body), call.actor)
    return RolloutPlan(rollout.package, rollout.version, _counts(rows), _shown_rows(doors, rows))


async def add_rollout(doors: Doors, call: Call) -> RolloutItem:
    return await _shown(doors, await doors.rollouts.create(_order(call.body), call.actor), True)


async def list_rollouts(doors: Doors, call: Call) -> RolloutList:
    page = await doors.store.rollouts.list(call.query.limit, call.query.cursor)
    return RolloutList([await _shown(doors, rollout, False) for rollout in page.items], page.next)


async def show_rollout(doors: Doors, call: Call) -> RolloutItem:
    rollout = await doors.store.rollouts.get(call.path["rollout"])
    if rollout is None:
        raise NotFound(f"there is no rollout {call.path['rollout']}")
    return await _shown(doors, rollout, True)


async def halt_rollout(doors: Doors, call: Call) -> RolloutItem:
    return await _shown(doors, await doors.rollouts.halt(call.path["rollout"], call.actor), True)


async def resume_rollout(doors: Doors, call: Call) -> RolloutItem:
    return await _shown(doors, await doors.rollouts.resume(call.path["rollout"], call.actor), True)


async def cancel_rollout(doors: Doors, call: Call) -> RolloutItem:
    return await _shown(doors, await doors.rollouts.cancel(call.path["rollout"], call.actor), True)


def _order(body: NewRollout) -> RolloutOrder:
    return RolloutOrder(**msgspec.structs.asdict(body))


async def _shown(doors: Doors, rollout: Rollout, with_nodes: bool) -> RolloutItem:
    rows = await doors.store.rollouts.nodes(rollout.id)
    return RolloutItem(
        id=rollout.id, selector=rollout.selector, package=rollout.package, version=rollout.version,
        state=_state(rollout), created=show_time(rollout.created), created_by=rollout.created_by,
        reason=rollout.reason, older=rollout.older, canary=rollout.canary, batch=rollout.batch,
        max_failures=rollout.max_failures, halt_on_error=rollout.halt_on_error, soak=rollout.soak,
        confirm=rollout.confirm, queue_until=show_time(rollout.queue_until), halted=show_time(rollout.halted),
        halt_reason=rollout.halt_reason, cancelled=show_time(rollout.cancelled), ended=show_time(rollout.ended),
        counts=_counts(rows), nodes=_shown_rows(doors, rows) if with_nodes else None)


def _state(rollout: Rollout) -> str:
    if rollout.ended:
        return "ended"
    return "cancelling" if rollout.cancelled else "halted" if rollout.halted else "going"


def _counts(rows: list[RolloutNode]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    return counts


def _shown_rows(doors: Doors, rows: list[RolloutNode]) -> list[RolloutNodeItem]:
    names = node_names(doors)
    return [RolloutNodeItem(names.get(row.node, row.node), row.node, row.state, row.reason, row.wave, row.run,
                            row.from_version, row.to_version, show_time(row.sent), show_time(row.changed),
                            show_time(row.ended)) for row in rows]
