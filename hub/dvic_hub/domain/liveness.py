"""Who is alive, from what each node promised and what time it is.

A node says with every keepalive in how many seconds the next one comes. It is

    online    until 1.5 of its periods after the last one
    late      until 3 periods
    silent    from then on
    never     enrolled, not heard of yet
    revoked   its key is barred, whatever it sends

Nothing is stored of this: it follows from the node's row and now, so a restart of the hub changes no state.
"""

from dataclasses import dataclass, replace

from dvic_hub.domain.model import Node

ONLINE = "online"
LATE = "late"
SILENT = "silent"
NEVER = "never"
REVOKED = "revoked"
REMOVED = "removed"
"""Only in events: the node is gone."""

STATES = (ONLINE, LATE, SILENT, NEVER, REVOKED)

LATE_AFTER = 1.5
"""Promised periods without a keepalive, after which a node is late."""

SILENT_AFTER = 3.0
"""Promised periods without a keepalive, after which a node is silent."""

DEFAULT_PERIOD = 10
"""Seconds; the period of a node that was heard but has not promised one yet."""

CLOCK_STEP = 5.0
"""Seconds by which a keepalive may lie in the future before it counts as: the hub's clock was set back."""

_SECOND = 1_000_000


@dataclass(frozen=True)
class NodeView:
    """A node as people and selectors see it at one moment."""

    id: str
    name: str
    tags: dict[str, str]
    os: str
    state: str
    node: Node


def state_of(node: Node, now: float) -> str:
    """The node's state at `now` (Unix seconds)."""
    if node.revoked:
        return REVOKED
    if not node.last_seen:
        return NEVER
    period = node.period or DEFAULT_PERIOD
    quiet = now - node.last_seen / _SECOND
    if quiet < period * LATE_AFTER:
        return ONLINE
    return LATE if quiet < period * SILENT_AFTER else SILENT


def view_of(node: Node, now: float) -> NodeView:
    """The node with its state at `now` (Unix seconds)."""
    return NodeView(node.id, node.name, node.tags, node.os, state_of(node, now), node)


def after_clock_step(node: Node, now: float) -> Node:
    """The node as it counts after the hub's clock was set back: one that was "seen in the future" is taken as seen now,
    else it would stay online for as long as the clock was wrong."""
    if node.last_seen <= (now + CLOCK_STEP) * _SECOND:
        return node
    return replace(node, last_seen=int(now * _SECOND))
