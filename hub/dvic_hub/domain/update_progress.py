"""How far a node's update is, from what its machine has told and how its run ended. Pure.

The hub hears of an update in pieces that can be late or, across a restart, many at once; a row goes the ways of
dvic_wire.updates.TRANSITIONS whatever the order:

    >>> path("sent", "confirming")
    ('downloading', 'installing', 'confirming')
"""

from collections import deque
from functools import cache

from dvic_wire import runs
from dvic_wire.errors import MalformedMessage
from dvic_wire.updates import (
    CANCELLED,
    EXPIRED,
    FAILED,
    LOST,
    PENDING,
    REFUSED,
    ROLLED_BACK,
    SENT,
    STEPS,
    TERMINAL,
    TRANSITIONS,
    UNCHANGED,
    UPDATED,
)
from dvic_wire.versions import compare

_ENDS = {runs.FAILED: FAILED, runs.TIMED_OUT: FAILED, runs.REFUSED: REFUSED, runs.CANCELLED: CANCELLED,
         runs.LOST: LOST, runs.EXPIRED: EXPIRED}


@cache
def path(state: str, to: str) -> tuple[str, ...]:
    """The shortest way through the table from `state`, which is not in it, to `to`; () where there is none. It never
    leads through pending: what was sent is sent."""
    before = {state: ""}
    edge = deque([state])
    while edge and to not in before:
        here = edge.popleft()
        for following in sorted(TRANSITIONS.get(here, ())):
            if following not in before and (following != PENDING or following == to):
                before[following] = here
                edge.append(following)
    way = [to] if to in before and to != state else []
    while way and before[way[0]] != state:
        way.insert(0, before[way[0]])
    return tuple(way)


def after_step(state: str, step: str) -> tuple[str, ...]:
    """The states that a row goes through when its machine tells of `step`. Ends are only believed together with the end
    of the run, which says why; a step that is not known here changes nothing."""
    return path(state, step) if step in STEPS and step not in TERMINAL else ()


def after_end(state: str, ended: str, last_step: str, came_to_start: bool, may_wait: bool) -> tuple[str, ...]:
    """The states that a row goes through when its run has ended in the state `ended`. `last_step`: the last that the
    machine told of. `came_to_start`: the request was sent at all; one that was not is put back when it `may_wait`."""
    if last_step in (UPDATED, ROLLED_BACK):
        end = last_step
    elif ended == runs.FINISHED:
        end = UNCHANGED if state == SENT and not last_step else UPDATED
    elif ended == runs.EXPIRED and not came_to_start and may_wait:
        end = PENDING
    else:
        end = _ENDS.get(ended, FAILED)
    return path(state, end) or path(state, FAILED)


def same_version(one: str, other: str) -> bool:
    """Whether two versions are the same to Debian; what is no version is the same as nothing but itself."""
    try:
        return one == other or compare(one, other) == 0
    except MalformedMessage:
        return False


def verdict(installed: str, target: str, older: bool) -> tuple[str, str]:
    """What becomes of a node with this version without its being asked: (state, reason), or ("", "") to send it."""
    if not installed:
        return REFUSED, "no agent of this node was ever connected: there is nothing to update"
    if same_version(installed, target):
        return UNCHANGED, "it has this version already"
    try:
        newer = compare(installed, target) > 0
    except MalformedMessage:
        newer = False
    if newer and not older:
        return REFUSED, f"it has {installed}, which is newer; to go back all the same, ask for the older version"
    return "", ""


def awaits_word(from_version: str, present: str, target: str) -> bool:
    """Whether the agent that is connected now, with the version `present`, is the one that the update was to bring. The
    one that it was sent to had another version, so the same version means another, newer connection."""
    return bool(present) and same_version(present, target) and not same_version(from_version, target)
