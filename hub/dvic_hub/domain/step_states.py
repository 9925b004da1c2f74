"""The states of a step in a processing cycle, and the one table by which it goes from one to another. Pure.

    idle      what it depends on has not ended       waiting   it can begin, and has not
    running   it has begun                           overdue   it should have ended (or begun) by now
    ok, warning, error, skipped                      it has ended, and how
    off       switched off by people: nothing moves it until it is switched on

Moves are what programs say (`start`, `done`, `fail`, `skip`; a message: `say`, `warn`, and `fail` from error on), what
follows from other steps (`ready`, `block`, `reset`), from time (`late`) and from people (`off`, `on`).
"""

IDLE, WAITING, RUNNING, OK, WARNING, ERROR = "idle", "waiting", "running", "ok", "warning", "error"
OVERDUE, SKIPPED, OFF = "overdue", "skipped", "off"

STATES = (IDLE, WAITING, RUNNING, OK, WARNING, ERROR, OVERDUE, SKIPPED, OFF)

ENDED = frozenset({OK, WARNING, ERROR, SKIPPED, OFF})
"""States in which a cycle waits for a step no longer."""

SAID = ("start", "done", "fail", "skip")
"""What a program can say of its step."""

MOVES: dict[str, dict[str, str]] = {
    "start": dict.fromkeys((IDLE, WAITING, RUNNING, OVERDUE, SKIPPED, OK, WARNING, ERROR), RUNNING),
    "done": {**dict.fromkeys((IDLE, WAITING, RUNNING, OVERDUE, SKIPPED, OK), OK), WARNING: WARNING, ERROR: ERROR},
    "done_warned": {**dict.fromkeys((IDLE, WAITING, RUNNING, OVERDUE, SKIPPED, OK, WARNING), WARNING), ERROR: ERROR},
    "fail": dict.fromkeys((IDLE, WAITING, RUNNING, OVERDUE, SKIPPED, OK, WARNING, ERROR), ERROR),
    "skip": dict.fromkeys((IDLE, WAITING, RUNNING, OVERDUE, SKIPPED), SKIPPED),
    "say": {IDLE: RUNNING, WAITING: RUNNING, RUNNING: RUNNING, OVERDUE: OVERDUE, OK: OK, WARNING: WARNING,
            ERROR: ERROR, SKIPPED: SKIPPED},
    "warn": {IDLE: RUNNING, WAITING: RUNNING, RUNNING: RUNNING, OVERDUE: OVERDUE, OK: WARNING, WARNING: WARNING,
             ERROR: ERROR, SKIPPED: SKIPPED},
    "ready": {IDLE: WAITING, WAITING: WAITING, SKIPPED: WAITING},
    "block": dict.fromkeys((IDLE, WAITING, SKIPPED), SKIPPED),
    "reset": dict.fromkeys((IDLE, WAITING, SKIPPED), IDLE),
    "late": dict.fromkeys((WAITING, RUNNING), OVERDUE),
    "off": dict.fromkeys(STATES, OFF),
    "on": {OFF: IDLE},
}
"""Move to {state before: state after}. A move that is not here can't be made."""

TRANSITIONS = {state: sorted({to[state] for to in MOVES.values() if state in to and to[state] != state},
                             key=STATES.index) for state in STATES}
"""The same as documents draw it: state to the states that can follow."""

_WORST_FIRST = (ERROR, OVERDUE, WARNING, OK)


class ImpossibleMove(Exception):
    """The table has no such move: ours to mend where rules made it, to be counted where a program did."""


def moved(state: str, move: str) -> str:
    """The state after a move. Raises ImpossibleMove."""
    try:
        return MOVES[move][state]
    except KeyError:
        raise ImpossibleMove(f"{move} from {state}") from None


def result_of(states: list[str]) -> str:
    """How a cycle of steps that ended so ended: as its worst step. `skipped` where nothing was done."""
    return next((state for state in _WORST_FIRST if state in states), SKIPPED)
