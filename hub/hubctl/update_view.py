"""How a rollout is shown: the plan before it begins, a table that lives while it goes on, and the table at the end.

    NODE   FROM  TO   STATE        TOOK  REMARK
    web-1  1.1   1.2  confirming    12s  dvic-agent 1.2 is installed, waiting for the hub's word
    2 of 5 done: 2 updated, 1 confirming, 2 pending  1m20s

On a terminal the table is drawn anew in its place; elsewhere each change is a line. All of it is on stderr.
"""

import shutil
import sys
import time
from collections.abc import Iterable

from dvic_wire.updates import PENDING, TERMINAL, UNCHANGED, UPDATED

from .errors import OK, SOME_FAILED
from .harmless import escape
from .output import Listing, Screen, say, state_style
from .tables import Column, render
from .times import moment_of, span

GOOD = frozenset({UPDATED, UNCHANGED})
"""How a node should end."""

ROWS_SHOWN = 40
"""Nodes that are listed at most: of more, a plan shows the first, the end those that went wrong."""

LEAST_ROWS = 5
"""Nodes that the living table shows however small the terminal is."""

CANARY = 0
NO_WAVE = -1


def wave_text(row: dict) -> str:
    return {CANARY: "canary", NO_WAVE: ""}.get(row["wave"], str(row["wave"]))


def what_text(row: dict) -> str:
    """What a plan has for a node."""
    return row["reason"] if row["state"] in TERMINAL else "update"


def took(row: dict, now: float) -> str:
    """How long the update has taken by `now` (Unix seconds, the hub's), or took."""
    sent, ended = moment_of(row.get("sent")), moment_of(row.get("ended"))
    return span(max(0.0, (ended / 1e6 if ended else now) - sent / 1e6)) if sent else ""


def listing(now: float) -> Listing:
    """The nodes of a rollout."""
    return Listing(
        columns=(
            Column("NODE", lambda row: row["node"], least=16, style=lambda row: "bold"),
            Column("FROM", lambda row: row["from_version"], least=6),
            Column("TO", lambda row: row["to_version"], least=6),
            Column("STATE", lambda row: row["state"], style=lambda row: state_style(row["state"])),
            Column("TOOK", lambda row: took(row, now), right=True),
            Column("REMARK", lambda row: row["reason"], least=10),
            Column("WAVE", wave_text, wide=True),
            Column("RUN", lambda row: row["run"], wide=True),
        ),
        name=lambda row: row["node"],
    )


PLAN = (
    Column("NODE", lambda row: row["node"], least=16, style=lambda row: "bold"),
    Column("FROM", lambda row: row["from_version"], least=6),
    Column("TO", lambda row: row["to_version"], least=6),
    Column("WAVE", wave_text),
    Column("WHAT", what_text, least=10, style=lambda row: "" if row["state"] == PENDING else "dim"),
)


def plan_words(plan: dict, soak: int) -> str:
    """What is about to happen, in a sentence or two."""
    waves: dict[int, int] = {}
    for row in plan["nodes"]:
        if row["state"] == PENDING:
            waves[row["wave"]] = waves.get(row["wave"], 0) + 1
    if not waves:
        return f"Nothing is to be done for {plan['package']} {plan['version']}."
    total, others = sum(waves.values()), [size for wave, size in sorted(waves.items()) if wave != CANARY]
    said = f"{plan['package']} {plan['version']} goes to {nodes(total)}"
    if CANARY in waves:
        said += f": first to {waves[CANARY]}" + (f", watched for {span(soak)}" if soak else "")
        said += f", then to {sum(others)}" if others else ""
    if len(others) > 1:
        said += f", in {len(others)} waves of at most {max(others)}"
    return said + "."


def nodes(count: int) -> str:
    return f"{count} node{'s' * (count != 1)}"


def exit_code(rows: Iterable[dict]) -> int:
    """All well only where each node has the version now."""
    return OK if all(row["state"] in GOOD for row in rows) else SOME_FAILED


def show_plan(plan: dict, soak: int) -> None:
    screen, rows = Screen.of(sys.stderr), plan["nodes"]
    for line in render(PLAN, rows[:ROWS_SHOWN], screen.width, screen.colour):
        screen.line(line)
    if len(rows) > ROWS_SHOWN:
        screen.line(f"... and {nodes(len(rows) - ROWS_SHOWN)} more")
    screen.line(escape(plan_words(plan, soak)))
    screen.file.flush()


def words(rows: Iterable[dict]) -> str:
    """How many are in which state."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    order = sorted(counts, key=lambda state: (state == PENDING, state not in GOOD, state))
    return ", ".join(f"{counts[state]} {state}" for state in order)


def by_interest(rows: Iterable[dict]) -> list[dict]:
    """What is under way first, then what went wrong, what waits, and what went well."""
    def rank(row: dict) -> int:
        state = row["state"]
        return 3 if state in GOOD else 2 if state == PENDING else 1 if state in TERMINAL else 0

    return sorted(rows, key=rank)


class UpdateDisplay:
    """Writes to stderr. `show` may be called as often as one likes."""

    def __init__(self, quiet: bool = False):
        self._screen = Screen.of(sys.stderr)
        self._quiet = quiet
        self._lines = 0
        self._shown_at = 0.0
        self._began = time.monotonic()
        self._told: dict[str, str] = {}

    def show(self, rows: list[dict], now: float, force: bool = False) -> None:
        """Where things stand at `now` (the hub's); redrawn at most ten times a second unless `force`."""
        if self._quiet:
            return
        if not self._screen.terminal:
            self._tell_changes(rows)
        elif force or time.monotonic() - self._shown_at > 0.1:
            self._shown_at = time.monotonic()
            self._redraw(rows, now)

    def note(self, text: str) -> None:
        """Something to say; the table goes on below it."""
        self.hide()
        say(f"-- {text}")

    def hide(self) -> None:
        """Take the living table away."""
        if self._lines:
            self._screen.file.write(f"\x1b[{self._lines}A\r\x1b[0J")
            self._screen.file.flush()
            self._lines = 0

    def table(self, id: str, rows: list[dict], now: float) -> None:
        """The table at the end."""
        self.hide()
        bad = [row for row in rows if row["state"] not in GOOD]
        shown = rows if len(rows) <= ROWS_SHOWN else bad[:ROWS_SHOWN]
        columns = [column for column in listing(now).columns if not column.wide]
        if shown:
            for line in render(columns, shown, self._screen.width, self._screen.colour):
                self._screen.line(line)
        more = "" if shown == rows else f" All of it: hubctl updates show {id}"
        self._screen.line(f"{nodes(len(rows))}: {words(rows)}.{more}")
        self._screen.file.flush()

    def _redraw(self, rows: list[dict], now: float) -> None:
        height = shutil.get_terminal_size().lines
        most = max(LEAST_ROWS, height - 4)
        columns = [column for column in listing(now).columns if not column.wide]
        lines = list(render(columns, by_interest(rows)[:most], self._screen.width, self._screen.colour))
        if len(rows) > most:
            lines.append(f"... and {nodes(len(rows) - most)} more")
        done = sum(row["state"] in TERMINAL for row in rows)
        lines.append(f"{done} of {len(rows)} done: {words(rows)}  {span(int(time.monotonic() - self._began))}"
                     [:self._screen.width])
        self.hide()
        self._screen.file.write("\n".join(lines) + "\n")
        self._screen.file.flush()
        self._lines = len(lines)

    def _tell_changes(self, rows: list[dict]) -> None:
        for row in rows:
            if self._told.get(row["node_id"], PENDING) != row["state"]:
                self._told[row["node_id"]] = row["state"]
                said = f" ({row['reason']})" if row["reason"] else ""
                say(f"{row['node']}: {row['state']}{said}")
