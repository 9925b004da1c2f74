"""Which nodes can't be reached because something before them is silent. Pure.

A node that is reached through another one (a gateway, a hypervisor, the radio link's near end) says so by its tag
`behind=NAME`. Chains are allowed. While a node in the chain is silent, whatever is behind it raises no alarm of its own
for being silent: one message names the gateway, not a hundred machines. One that is late may be silent in a moment, and
one that was not heard since may be late: until that is known nothing behind it is raised, since those that were cut off
together are not heard to the second, nor fall silent together where they promise other periods.
"""

from collections.abc import Callable, Mapping

from dvic_hub.domain.liveness import DEFAULT_PERIOD, LATE, LATE_AFTER, ONLINE, SILENT, NodeView
from dvic_hub.errors import BadRequest

BEHIND = "behind"
"""The tag that names what a node is reached through."""

MAX_CHAIN = 16
"""Nodes in a row, each behind the next."""

Find = Callable[[str], NodeView | None]
"""A node by its name."""


def in_the_way(view: NodeView, find: Find) -> NodeView | None:
    """The nearest node that is silent, or may be, of those that `view` is behind; None when there is none."""
    seen, node = {view.id}, view.node
    alive_at = node.last_seen + (node.period or DEFAULT_PERIOD) * LATE_AFTER * 1_000_000
    for _ in range(MAX_CHAIN):
        above = find(view.tags.get(BEHIND, "")) if view.tags.get(BEHIND) else None
        if above is None or above.id in seen:
            return None
        if above.state in (SILENT, LATE) or (above.state == ONLINE and above.node.last_seen <= alive_at):
            return above
        seen.add(above.id)
        view = above
    return None


def check_chain(view: NodeView, tags: Mapping[str, str], find: Find) -> None:
    """Whether `view` may have these tags; raises BadRequest when it would be behind itself, or in too long a chain. A
    name that no node has yet is allowed: the gateway may be enrolled later."""
    chain, name = [view.name], tags.get(BEHIND, "")
    while name:
        above = find(name)
        if above is None:
            return
        chain.append(above.name)
        if above.id == view.id:
            raise BadRequest(f"{view.name} would be behind itself: {' -> '.join(chain)}", code="behind-itself",
                             field="tags")
        if len(chain) > MAX_CHAIN:
            raise BadRequest(f"at most {MAX_CHAIN} nodes can be behind one another", field="tags", limit=MAX_CHAIN)
        name = above.tags.get(BEHIND, "")
