"""Who runs next, what is sent again, what has ended: decided from rows, the nodes' seats and now. Nothing else decides.

- At most `window` nodes of a run are dispatched or running at a time; each end admits the next, in order of position.
- When more than `max_failures` nodes ended badly no further node is started: those still queued are cancelled.
- A node that is offline is waited for until `queue_until`, and RECONNECT_GRACE so that a restart costs no run; then its
  row expires.
- A request without an answer is signed and sent again, as an executor starts an id once; after ANSWER_LIMIT it is lost.
- A running node that is silent, or owes the end of its run, for longer than its timeout and a limit, is lost.
- Each rule has a bound in time, so no row stays open for ever, whatever the node does (HARD_LIMIT at the latest).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dvic_hub.domain.model import Run, RunNode
from dvic_hub.errors import BadRequest
from dvic_wire.limits import RUN_REQUEST_TTL
from dvic_wire.runs import (
    CANCELLED,
    DISPATCHED,
    EXPIRED,
    FAILED,
    LOST,
    QUEUED,
    REFUSED,
    RUNNING,
    TERMINAL,
    TIMED_OUT,
    RunSpec,
)
from dvic_wire.signing import CLOCK_LEEWAY

RECONNECT_GRACE = 30
"""Seconds without a connection (or since the hub's start) before a node counts as offline for a run."""

RESEND_AFTER = RUN_REQUEST_TTL + CLOCK_LEEWAY
"""Seconds without an answer after which a request is signed and sent again: the one before can't start any more."""

ANSWER_LIMIT = 900
"""Seconds in which a dispatched request must be answered, counted anew at each connection."""

SILENCE_LIMIT = 300
"""Seconds beyond its timeout for which the node of a running run may be silent."""

END_LIMIT = 900
"""Seconds beyond its timeout in which a connected node must deliver the end of a run."""

HARD_LIMIT = 86_400
"""Seconds beyond every other limit after which a row is lost, however often the node comes and goes."""

CANCEL_AGAIN = 30
"""Seconds between two requests to cancel the same run on the same node."""

MAX_QUEUE = 30 * 86_400
"""Seconds for which a run may wait for nodes that are offline."""

MAX_TIMEOUT = 30 * 86_400
"""Seconds that a run may take on a node."""

MAX_OUTPUT = 1024 * 1024 * 1024
"""Bytes of output that a run may ask to be kept on a node."""

MAX_REASON = 500
"""Characters of the reason that is given for a run."""

CANCEL_ASKED = "cancel asked for by "
"""How the reason of an open row begins while its end is being asked for; the rest is who asked."""

BAD_ENDS = frozenset({FAILED, TIMED_OUT, REFUSED, LOST})
"""What counts as a failure: not where it was cancelled, nor where the node was not there (expired)."""

UNDER_WAY = frozenset({DISPATCHED, RUNNING})

_BATCH = re.compile(r"([1-9][0-9]{0,5})(%?)\Z")
_SECOND = 1_000_000


@dataclass(frozen=True)
class RunOrder:
    """What somebody wants run. `queue`: seconds for which offline nodes are waited for. `id` "": one is made. See
    model.Run for the rest."""

    selector: str
    spec: RunSpec
    batch: str = ""
    max_failures: int = -1
    queue: int = 0
    reason: str = ""
    operator: str = ""
    kind: str = "run"
    detail: dict = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True)
class Seat:
    """What is known of a node now. `since`: connected, or not connected, since then; `heard`: its last sign of life;
    neither is before the start of this hub (Unix seconds). `gone`: removed or revoked."""

    connected: bool
    since: float
    heard: float
    gone: bool = False


@dataclass(frozen=True)
class End:
    """This node's row ends in `state`, if it is still in `was`."""

    node: str
    was: str
    state: str
    reason: str


@dataclass(frozen=True)
class Decision:
    """What to do now, in this order. `start`: dispatch these; `again`: sign and send the request again; `cancel`: send
    a cancel. `over`: every row is terminal (after `ends`)."""

    ends: list[End] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    cancel: list[str] = field(default_factory=list)
    over: bool = False


def check_order(order: RunOrder) -> RunOrder:
    """Return the order, or raise BadRequest that names the field."""
    parse_batch(order.batch, 1)
    bounds = (("queue", order.queue, 0, MAX_QUEUE), ("max_failures", order.max_failures, -1, 10**6),
              ("timeout", order.spec.timeout, 1, MAX_TIMEOUT), ("output", order.spec.output, 0, MAX_OUTPUT))
    for name, value, least, most in bounds:
        if not least <= value <= most:
            raise BadRequest(f"{name} must be {least} to {most}", field=name, limit=most)
    if len(order.reason) > MAX_REASON:
        raise BadRequest(f"a reason has at most {MAX_REASON} characters", field="reason", limit=MAX_REASON)
    return order


def parse_batch(text: str, total: int, field: str = "batch") -> int:
    """How many of `total` nodes are meant: `10`, `25%` (at least one), "" for all. Raises BadRequest for `field`."""
    if not text:
        return max(1, total)
    found = _BATCH.match(text)
    if not found or (found[2] and int(found[1]) > 100):
        raise BadRequest(f"{field} {text!r} is neither a number of nodes nor 1% to 100%", field=field)
    number = int(found[1])
    return max(1, total * number // 100) if found[2] else number


def failures(rows: Iterable[RunNode]) -> int:
    """How many nodes ended badly."""
    return sum(row.state in BAD_ENDS for row in rows)


def cancel_asked(run: Run, row: RunNode) -> bool:
    """True when the end of the run on this node was asked for."""
    return bool(run.cancelled) or row.reason.startswith(CANCEL_ASKED)


def canceller(run: Run, row: RunNode) -> str:
    """Who asked for the end of the run on this node."""
    return row.reason.removeprefix(CANCEL_ASKED) if row.reason.startswith(CANCEL_ASKED) else run.created_by


def next_to_start(rows: list[RunNode], window: int, max_failures: int, online: Iterable[str]) -> list[str]:
    """The queued nodes that may start now, in order of position; `online` are those that are connected."""
    if 0 <= max_failures < failures(rows):
        return []
    room = window - sum(row.state in UNDER_WAY for row in rows)
    there = set(online)
    waiting = sorted((row for row in rows if row.state == QUEUED and row.node in there), key=lambda row: row.position)
    return [row.node for row in waiting[:max(0, room)]]


def decide(run: Run, rows: list[RunNode], seats: Mapping[str, Seat], sent: Mapping[str, float],
           asked: Mapping[str, float], now: float) -> Decision:
    """What to do for a run at `now` (Unix seconds). A node without a seat is gone. `sent`, `asked`: when the last
    request, the last cancel, went to a node over its present connection, where that is known."""
    ends = [end for row in rows if row.state not in TERMINAL
            and (end := _end(run, row, seats.get(row.node, _GONE), now))]
    after = _apply(rows, ends)
    bad = failures(after)
    if 0 <= run.max_failures < bad:
        halted = [End(row.node, QUEUED, CANCELLED, f"halted: {bad} nodes failed, at most {run.max_failures} may")
                  for row in after if row.state == QUEUED]
        ends, after = ends + halted, _apply(after, halted)
    connected = {row.node for row in after if (seat := seats.get(row.node)) and seat.connected}
    again, cancel = [], []
    for row in after:
        if row.state not in UNDER_WAY or row.node not in connected:
            continue
        if cancel_asked(run, row):
            if abs(now - asked.get(row.node, 0)) >= CANCEL_AGAIN:
                cancel.append(row.node)
        elif row.state == DISPATCHED and now - sent.get(row.node, row.dispatched / _SECOND) >= RESEND_AFTER:
            again.append(row.node)
    start = next_to_start(after, parse_batch(run.batch, len(rows)), run.max_failures, connected)
    return Decision(ends, start, again, cancel, all(row.state in TERMINAL for row in after))


def after_reply(row: RunNode, state: str, newer: bool) -> str | None:
    """The state that an agent's RunReply moves a row to; None: it changes nothing. `newer`: another request is on its
    way to the node, so that an expired one says nothing yet. What a started run ends with comes in its stream, never
    so."""
    if row.state == DISPATCHED and state in (RUNNING, REFUSED, FAILED, CANCELLED, LOST):
        return state
    if row.state == DISPATCHED and state == EXPIRED and not newer:
        return EXPIRED
    if row.state == RUNNING and state == LOST:
        return LOST
    return None


_GONE = Seat(False, 0, 0, gone=True)


def _end(run: Run, row: RunNode, seat: Seat, now: float) -> End | None:
    """The end that a row comes to by time or by its node, if any."""
    if seat.gone:
        return End(row.node, row.state, LOST, "the node was removed or its key revoked")
    if row.state == QUEUED:
        if cancel_asked(run, row):
            return End(row.node, QUEUED, CANCELLED, "cancelled before it was sent")
        if not seat.connected and now * _SECOND >= run.queue_until and now - seat.since >= RECONNECT_GRACE:
            return End(row.node, QUEUED, EXPIRED, "the node was not connected")
        return None
    if row.state == DISPATCHED:
        limit = max(run.queue_until / _SECOND, row.dispatched / _SECOND + ANSWER_LIMIT)
        if now > limit + HARD_LIMIT or (now > limit and now - seat.since > ANSWER_LIMIT):
            return End(row.node, DISPATCHED, LOST, "it was sent and never answered")
        return None
    begun, timeout = _begun(row, now), run.spec.timeout
    if now - max(begun, seat.heard) > timeout + SILENCE_LIMIT:
        return End(row.node, RUNNING, LOST, "the node fell silent while it ran")
    if seat.connected and now - max(begun, seat.since) > timeout + END_LIMIT or now - begun > timeout + HARD_LIMIT:
        return End(row.node, RUNNING, LOST, "the node never reported its end")
    return None


def _begun(row: RunNode, now: float) -> float:
    """When it began to run. The node's own word counts only where it can be true: its clock may be anything."""
    return row.started / _SECOND if row.dispatched <= row.started <= now * _SECOND else row.dispatched / _SECOND


def _apply(rows: list[RunNode], ends: list[End]) -> list[RunNode]:
    """The rows as they are after these ends; only what deciding looks at."""
    to = {end.node: end.state for end in ends}
    return [replace(row, state=to[row.node]) if row.node in to else row for row in rows] if to else rows
