"""Who is updated next, and when a rollout halts: decided from rows, where the nodes are, and now. Nothing else decides.

- Nodes that are there come first. The canary wave (0) comes before all others and must prove itself: at least one of it
  updated, and then `soak` seconds of quiet. Then come waves of `batch` nodes, each when the one before is settled.
- Settled is a wave when each of its nodes has ended, or is not there: what is offline holds nobody up. It is updated
  when it comes back, or expires when it was waited for until `queue_until`.
- A rollout halts by itself when too many nodes ended badly (in the canary wave: one, unless `max_failures` is given),
  or fell silent after their update. Halted, it starts nothing further; what is under way goes on. Who resumes it
  forgives what it had halted for.
- Each wait has a bound: that for a run by domain.dispatch, for an offline node by `queue_until`, for the soak by the
  clock, for who resumes by HALTED_LIMIT. So every row comes to an end, whatever the nodes do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dvic_hub.domain.dispatch import MAX_QUEUE, MAX_REASON, RECONNECT_GRACE, parse_batch
from dvic_hub.domain.model import Rollout, RolloutNode
from dvic_hub.domain.update_progress import verdict
from dvic_hub.errors import BadRequest
from dvic_wire.updates import (
    CANCELLED,
    DOWNLOADING,
    EXPIRED,
    FAILED,
    LOST,
    PENDING,
    REFUSED,
    ROLLED_BACK,
    SENT,
    TERMINAL,
    UNCHANGED,
    UPDATED,
)

PACKAGE = "dvic-agent"
"""The package that is rolled out."""

CANARY = 0
"""The wave that goes first."""

NO_WAVE = -1
"""Of nodes that had ended before anything began."""

MAX_AT_A_TIME = 200
"""Nodes of one rollout that are updated at the same time, however large its batch."""

MAX_SOAK = 7 * 86_400
"""Seconds for which the canary wave is watched."""

MIN_CONFIRM = 30
MAX_CONFIRM = 3600
"""Seconds in which a new agent must have been welcomed."""

NOT_BACK = 300
"""Seconds without a connection after which a node that was updated counts as silent, whatever period it promised."""

HALTED_LIMIT = 7 * 86_400
"""Seconds after which a halted rollout that nobody resumed is cancelled."""

BAD_ENDS = frozenset({FAILED, ROLLED_BACK, REFUSED, LOST})
"""What counts as a failure, of nodes to which the update was sent."""

NAMED = 3
"""Nodes that a reason names."""

_SECOND = 1_000_000


@dataclass(frozen=True)
class RolloutOrder:
    """What somebody wants rolled out. `version` "": the newest that the hub serves. `queue`: seconds for which offline
    nodes are waited for. See model.Rollout for the rest."""

    selector: str
    version: str = ""
    older: bool = False
    canary: str = ""
    batch: str = ""
    max_failures: int = -1
    halt_on_error: bool = False
    soak: int = 60
    queue: int = 0
    confirm: int = 180
    reason: str = ""


@dataclass(frozen=True)
class Place:
    """Where a node is now. `since`: connected, or not, since then (Unix seconds). `silent`: it missed its keepalives.
    `gone`: removed or revoked. `version`: its agent's, as far as known."""

    name: str
    connected: bool
    since: float
    silent: bool = False
    gone: bool = False
    version: str = ""


@dataclass(frozen=True)
class Move:
    """This node's row goes from `was` to `state`, if it still is in `was`."""

    node: str
    was: str
    state: str
    reason: str


@dataclass(frozen=True)
class Decision:
    """What to do now, in this order. `halt`: why the rollout halts ("": it does not). `start`: send the update;
    `again`: it was claimed and never ordered, order it now; `cancel`: ask for its end. `give_up`: cancel the rest.
    `over`: every row has ended (after `moves`)."""

    moves: list[Move] = field(default_factory=list)
    halt: str = ""
    start: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    cancel: list[str] = field(default_factory=list)
    give_up: bool = False
    over: bool = False


def check_order(order: RolloutOrder) -> RolloutOrder:
    """Return the order, or raise BadRequest that names the field."""
    parse_batch(order.batch, 1)
    parse_batch(order.canary, 1, "canary")
    bounds = (("queue", order.queue, 0, MAX_QUEUE), ("max_failures", order.max_failures, -1, 10**6),
              ("soak", order.soak, 0, MAX_SOAK), ("confirm", order.confirm, MIN_CONFIRM, MAX_CONFIRM))
    for name, value, least, most in bounds:
        if not least <= value <= most:
            raise BadRequest(f"{name} must be {least} to {most}", field=name, limit=most)
    if len(order.reason) > MAX_REASON:
        raise BadRequest(f"a reason has at most {MAX_REASON} characters", field="reason", limit=MAX_REASON)
    return order


def plan(rollout: Rollout, places: Mapping[str, Place]) -> list[RolloutNode]:
    """The rows of a new rollout over these nodes: those that are there first, by name, each with its wave; last those
    that have ended already, since they have the version or must not have it."""
    waiting, ended = [], []
    for node, place in sorted(places.items(), key=lambda each: (not each[1].connected, each[1].name, each[0])):
        state, reason = verdict(place.version, rollout.version, rollout.older)
        row = RolloutNode(rollout.id, node, 0, NO_WAVE, state or PENDING, reason, "", place.version, rollout.version,
                          changed=rollout.created, ended=rollout.created if state else 0)
        (ended if state else waiting).append(row)
    canaries = parse_batch(rollout.canary, len(waiting), "canary") if rollout.canary else 0
    batch = parse_batch(rollout.batch, len(waiting))
    rows = [replace(row, wave=CANARY if place < canaries else 1 + (place - canaries) // batch)
            for place, row in enumerate(waiting)]
    return [replace(row, position=place) for place, row in enumerate([*rows, *ended])]


def decide(rollout: Rollout, rows: list[RolloutNode], places: Mapping[str, Place], ordered: Iterable[str],
           now: float) -> Decision:
    """What to do at `now` (Unix seconds). A node without a place is gone. `ordered`: nodes whose row names a run that
    there is."""
    there = set(ordered)
    moves = [move for row in rows if row.state not in TERMINAL
             and (move := _move(rollout, row, places.get(row.node, _GONE), row.node in there, now))]
    rows = _apply(rows, moves)
    if all(row.state in TERMINAL for row in rows):
        return Decision(moves, over=True)
    if rollout.cancelled:
        return Decision(moves, cancel=[row.node for row in rows if row.state in (SENT, DOWNLOADING)])
    if rollout.halted:
        return Decision(moves, give_up=now - rollout.halted / _SECOND > HALTED_LIMIT)
    wave, unproved = _open_wave(rollout, rows, places, now)
    waits = any(row.state == PENDING for row in rows)
    halt = (_why_halt(rollout, rows, places, now) or unproved) if waits else ""
    if halt:
        return Decision(moves, halt)
    again = [row.node for row in rows if row.state == SENT and row.node not in there]
    return Decision(moves, start=_next_to_start(rollout, rows, places, wave), again=again)


def blamed(rollout: Rollout, rows: list[RolloutNode], places: Mapping[str, Place], now: float) -> list[str]:
    """The nodes for which a rollout halts or has halted: who resumes it forgives them."""
    unproved = _canaries(rows) if _open_wave(rollout, rows, places, now)[1] else []
    return sorted({row.node for row in (*_failed(rows), *_dark(rows, places, now), *unproved)})


def under_way(rows: Iterable[RolloutNode]) -> int:
    """Nodes that have begun and not ended."""
    return sum(row.state not in TERMINAL and row.state != PENDING for row in rows)


# ---- ends and ways back

_GONE = Place("", False, 0, gone=True)


def _move(rollout: Rollout, row: RolloutNode, place: Place, ordered: bool, now: float) -> Move | None:
    """Where a row goes by time, by its node, or by what was wanted of the rollout, if anywhere."""
    if place.gone:
        return Move(row.node, row.state, LOST, "the node was removed or its key revoked")
    unsent = row.state == PENDING or (row.state == SENT and not ordered)
    if unsent and rollout.cancelled:
        return Move(row.node, row.state, CANCELLED, "cancelled before it was sent")
    if row.state == SENT and not ordered and rollout.halted:
        return Move(row.node, SENT, PENDING, "")
    if row.state != PENDING:
        return None
    if not place.connected:
        late = now * _SECOND >= rollout.queue_until and now - place.since >= RECONNECT_GRACE
        return Move(row.node, PENDING, EXPIRED, "the node was not connected") if late else None
    state, reason = verdict(place.version, rollout.version, rollout.older)
    return Move(row.node, PENDING, state, reason) if state else None


# ---- halting

def _failed(rows: Iterable[RolloutNode]) -> list[RolloutNode]:
    """Nodes that were sent the update and ended badly."""
    return [row for row in rows if row.state in BAD_ENDS and row.run and not row.forgiven]


def _dark(rows: Iterable[RolloutNode], places: Mapping[str, Place], now: float) -> list[RolloutNode]:
    """Nodes that fell silent after their update."""
    found = []
    for row in rows:
        place = places.get(row.node, _GONE)
        if row.state == UPDATED and not row.forgiven and not place.gone:
            if place.silent or (not place.connected and now - place.since >= NOT_BACK):
                found.append(row)
    return found


def _why_halt(rollout: Rollout, rows: list[RolloutNode], places: Mapping[str, Place], now: float) -> str:
    failed, dark = _failed(rows), _dark(rows, places, now)
    limit = 0 if rollout.halt_on_error else rollout.max_failures
    if limit < 0:  # not given: no failure in the canary wave, and nobody who falls silent
        failed, limit = [row for row in failed if row.wave == CANARY], 0
    if len(failed) + len(dark) <= limit:
        return ""
    said = []
    if failed:
        said.append(f"{_nodes(len(failed))} failed ({_names(failed, places)})")
    if dark:
        said.append(f"{_nodes(len(dark))} fell silent after the update ({_names(dark, places)})")
    return " and ".join(said) + (f"; at most {limit} may" if limit else "")


def _names(rows: list[RolloutNode], places: Mapping[str, Place]) -> str:
    names = [places[row.node].name if row.node in places else row.node for row in rows[:NAMED]]
    return ", ".join(names) + (f" and {len(rows) - NAMED} more" if len(rows) > NAMED else "")


def _nodes(count: int) -> str:
    return f"{count} node{'s' * (count != 1)}"


# ---- waves

def _canaries(rows: Iterable[RolloutNode]) -> list[RolloutNode]:
    return [row for row in rows if row.wave == CANARY]


def _open_wave(rollout: Rollout, rows: list[RolloutNode], places: Mapping[str, Place], now: float) -> tuple[int, str]:
    """The highest wave that may start, and why there can be no further one where the canary wave proved nothing."""
    canaries = _canaries(rows)
    if canaries and not all(row.forgiven for row in canaries):
        if not _settled(canaries, places):
            return CANARY, ""
        if not any(row.state in (UPDATED, UNCHANGED) for row in canaries):
            waiting = any(row.state == PENDING for row in canaries)
            return CANARY, "" if waiting else "no node of the canary wave was updated, so nothing is proved"
        if _soaks(rollout, canaries, places, now):
            return CANARY, ""
    waves = sorted({row.wave for row in rows if row.wave > CANARY})
    for wave in waves:
        if not _settled([row for row in rows if row.wave == wave], places):
            return wave, ""
    return waves[-1] if waves else CANARY, ""


def _settled(rows: list[RolloutNode], places: Mapping[str, Place]) -> bool:
    return all(row.state in TERMINAL or (row.state == PENDING and not places.get(row.node, _GONE).connected)
               for row in rows)


def _soaks(rollout: Rollout, canaries: list[RolloutNode], places: Mapping[str, Place], now: float) -> bool:
    """Whether the canary wave is still watched: for the time that was asked for, and until those that lost their
    connection are back or count as silent. (A clock that was set back ends the time, and does not lengthen it.)"""
    updated = [row for row in canaries if row.state == UPDATED]
    quiet = now - max((row.ended for row in updated), default=0) / _SECOND
    away = [place for row in updated if not row.forgiven and not (place := places.get(row.node, _GONE)).gone
            and not place.connected and now - place.since < NOT_BACK]
    return 0 <= quiet < rollout.soak or bool(away)


def _next_to_start(rollout: Rollout, rows: list[RolloutNode], places: Mapping[str, Place], wave: int) -> list[str]:
    size = parse_batch(rollout.batch, sum(row.wave != NO_WAVE for row in rows))
    most = MAX_AT_A_TIME if wave == CANARY else min(size, MAX_AT_A_TIME)
    ready = [row for row in rows if row.state == PENDING and row.wave <= wave and places[row.node].connected]
    ready.sort(key=lambda row: row.position)
    return [row.node for row in ready[:max(0, most - under_way(rows))]]


def _apply(rows: list[RolloutNode], moves: list[Move]) -> list[RolloutNode]:
    """The rows as they are after these moves; only what deciding looks at."""
    to = {move.node: move.state for move in moves}
    return [replace(row, state=to[row.node]) if row.node in to else row for row in rows] if to else rows
