"""Who may do what in a shared terminal, and how large its window is. Pure."""

from collections.abc import Iterable

from dvic_hub.domain.model import TerminalSession
from dvic_hub.domain.people import ADMIN, Actor
from dvic_hub.errors import BadRequest, Forbidden
from dvic_wire.terminals import MAX_TERMINAL_ARGUMENTS, Resized

MAX_TITLE = 100
"""Characters of a session's title."""

ATTACH_GRACE = 60.0
"""Seconds for which a session goes on though nobody is in it: as long as people may take to come back."""

SLOW = 20.0
"""Seconds in which somebody in a session must take what is shown; who can't is put out, as all wait for the slowest."""


def may_end(actor: Actor, session: TerminalSession) -> None:
    """Raise Forbidden unless the actor began the session or is an admin."""
    if actor.name != session.created_by and actor.role != ADMIN:
        raise Forbidden(f"only {session.created_by}, who began it, or an admin may end it")


def common_size(windows: Iterable[tuple[int, int]], now: tuple[int, int]) -> tuple[int, int]:
    """The largest size that fits into every window (columns, rows); `now` when there are none."""
    sizes = list(windows)
    return (min(cols for cols, _ in sizes), min(rows for _, rows in sizes)) if sizes else now


def nudge(cols: int, rows: int) -> tuple[Resized, Resized]:
    """Two changes of size, there and back, after which a full-screen program has drawn itself anew."""
    return Resized(cols, rows - 1 if rows > 1 else 2), Resized(cols, rows)


def title_of(argv: list[str], title: str, node: str) -> str:
    """What a session is called: as it was asked for, else by its node and command. Raises BadRequest."""
    if len(title) > MAX_TITLE or not (title + " ").isprintable():
        raise BadRequest(f"a title is one line of at most {MAX_TITLE} characters", field="title", limit=MAX_TITLE)
    return title or f"{node}: {' '.join(argv) if argv else 'shell'}"[:MAX_TITLE]


def check_argv(argv: list[str]) -> None:
    """Raise BadRequest for a command that no order can carry."""
    if any("\0" in part for part in argv) or sum(map(len, argv)) > MAX_TERMINAL_ARGUMENTS:
        raise BadRequest(f"a command has at most {MAX_TERMINAL_ARGUMENTS} characters and no NUL", field="argv",
                         limit=MAX_TERMINAL_ARGUMENTS)
