"""How a run is shown while it goes on: output marked by node, a bar over many nodes, a table at the end.

    web-1 | Linux web-1 6.1.0        what it wrote to stdout, on stdout
    web-2 ! uname: no such option    what it wrote to stderr, on stderr

The bar is on stderr, and only on a terminal.
"""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from dvic_wire.runs import FINISHED, QUEUED, TERMINAL

from .harmless import escape, one_line
from .log_lines import WIDEST_NODE, node_colour
from .output import Listing, Screen, paint, say, state_style
from .tables import Column, cell_width, render
from .times import moment_of, span

LONGEST_LINE = 64 * 1024
"""Characters of a line without an end that are held back; then they are shown as a line."""

ROWS_AT_THE_END = 20
"""Nodes up to which the table at the end has all; otherwise it has those that did not end well."""


def duration(row: dict) -> str:
    started, ended = moment_of(row.get("started")), moment_of(row.get("ended"))
    return span((ended - started) / 1e6) if started and ended else ""


def remark(row: dict) -> str:
    """What there is to say besides state and exit code."""
    reason = str(row.get("reason") or "")
    if reason == f"exit code {row.get('exit_code')}":
        reason = ""
    cut = f"{row['cut']} bytes of output were cut" if row.get("cut") else ""
    return ". ".join(part for part in (reason, cut) if part)


ROWS = Listing(
    columns=(
        Column("NODE", lambda row: row["node"], least=20, style=lambda row: "bold"),
        Column("STATE", lambda row: row["state"], style=lambda row: state_style(row["state"])),
        Column("EXIT", lambda row: row["exit_code"] if row.get("exit_code", -1) >= 0 else "", right=True),
        Column("TOOK", duration, right=True),
        Column("REMARK", remark, least=10),
    ),
    name=lambda row: row["node"],
)


@dataclass
class LineCutter:
    """Bytes of one node's stdout or stderr to whole lines of text, however they were cut up on the way."""

    _rest: bytes = b""

    def take(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            whole.append(self._rest)
            self._rest = b""
        return [self._text(line) for line in whole]

    def end(self) -> list[str]:
        """What is left over: a last line without an end."""
        rest, self._rest = self._rest, b""
        return [self._text(rest)] if rest else []

    @staticmethod
    def _text(line: bytes) -> str:
        return line.removesuffix(b"\r").decode("utf-8", "backslashreplace")


@dataclass
class Tally:
    """States of a run's nodes, by their ids."""

    states: dict[str, str] = field(default_factory=dict)

    def update(self, rows: Iterable[dict]) -> None:
        """Rows of an answer: what is new in them is taken."""
        for row in rows:
            self.states.setdefault(row["node_id"], QUEUED)
            self.move(row["node_id"], row["state"])

    def move(self, node: str, state: str) -> None:
        """A node's new state. A terminal one stays: an event may come later than a newer answer."""
        if node in self.states and self.states[node] not in TERMINAL:
            self.states[node] = state

    def nodes_in(self, states: frozenset[str]) -> set[str]:
        return {node for node, state in self.states.items() if state in states}

    @property
    def done(self) -> int:
        return sum(1 for state in self.states.values() if state in TERMINAL)

    @property
    def all_done(self) -> bool:
        return self.done == len(self.states)

    def words(self) -> str:
        counts: dict[str, int] = {}
        for state in self.states.values():
            counts[state] = counts.get(state, 0) + 1
        order = sorted(counts, key=lambda state: (state == QUEUED, state != FINISHED, state))
        return ", ".join(f"{counts[state]} {state}" for state in order)


class Display:
    """Writes to the terminal. With a bar, everything is written above it."""

    def __init__(self, nodes: Iterable[str], bare: bool = False, bar: bool = True):
        self.out, self.err = Screen.of(sys.stdout), Screen.of(sys.stderr)
        self._bare = bare
        self._cutters: dict[tuple[str, str], LineCutter] = {}
        names = [one_line(name) for name in nodes]
        self._width = min(max((cell_width(name) for name in names), default=0), WIDEST_NODE)
        self._bar = Bar(self.err, len(names)) if bar and self.err.terminal and len(names) > 1 else None

    def output(self, node: str, stream: str, data: bytes) -> None:
        """A piece of what a node wrote."""
        if self._bare and not (self.out if stream == "out" else self.err).terminal:
            file = sys.stdout if stream == "out" else sys.stderr
            file.buffer.write(data)
            file.flush()
            return
        cutter = self._cutters.setdefault((node, stream), LineCutter())
        self._lines(node, stream, cutter.take(data))

    def node_ended(self, node: str) -> None:
        for stream in ("out", "err"):
            if (node, stream) in self._cutters:
                self._lines(node, stream, self._cutters.pop((node, stream)).end())

    def progress(self, tally: Tally) -> None:
        """Show where things stand; at most ten times a second, save for the end."""
        if self._bar and (tally.all_done or self._bar.age() > 0.1):
            self._bar.show(tally)

    def note(self, text: str) -> None:
        self._hide()
        say(f"-- {text}")
        self._redraw()

    def close(self) -> None:
        """Show what is left over and take the bar away."""
        for node in sorted({node for node, _ in self._cutters}):
            self.node_ended(node)
        self._hide()

    def table(self, run: str, rows: list[dict]) -> None:
        """The table at the end, on stderr: stdout holds what the nodes wrote."""
        bad = [row for row in rows if row["state"] != FINISHED]
        shown = rows if len(rows) <= ROWS_AT_THE_END else bad
        if shown:
            self.err.line()
            for line in render(ROWS.columns, shown, self.err.width, self.err.colour):
                self.err.line(line)
        if len(rows) > 1:
            tally = Tally({row["node_id"]: row["state"] for row in rows})
            all_of_it = "" if shown == rows else f" All of it: hubctl runs show {run}"
            self.err.line(f"{len(rows)} nodes: {tally.words()}.{all_of_it}")
        self.err.file.flush()

    def _lines(self, node: str, stream: str, lines: list[str]) -> None:
        if not lines:
            return
        screen = self.out if stream == "out" else self.err
        self._hide()
        mark = "" if self._bare else self._mark(node, stream, screen.colour)
        screen.file.write("".join(f"{mark}{escape(line)}\n" for line in lines))
        screen.file.flush()
        self._redraw()

    def _mark(self, node: str, stream: str, colour: bool) -> str:
        name = one_line(node)
        name += " " * (self._width - cell_width(name))
        sign = "|" if stream == "out" else "!"
        return f"{paint(name, node_colour(node))} {paint(sign, 'red' if sign == '!' else 'dim')} " if colour \
            else f"{name} {sign} "

    def _hide(self) -> None:
        if self._bar:
            self._bar.hide()

    def _redraw(self) -> None:
        if self._bar:
            self._bar.redraw()


class Bar:
    """One line at the bottom of the terminal, taken away before anything else is written."""

    def __init__(self, screen: Screen, total: int):
        from rich.console import Console  # noqa: PLC0415 (40 ms, for runs over several nodes on a terminal)
        from rich.progress_bar import ProgressBar  # noqa: PLC0415

        self._screen = screen
        self._console = Console(file=screen.file, no_color=not screen.colour, highlight=False)
        self._bar = ProgressBar(total=total, width=24)
        self._began = time.monotonic()
        self._shown_at = 0.0
        self._words = ""
        self._visible = False

    def age(self) -> float:
        """Seconds since it was shown with new numbers."""
        return time.monotonic() - self._shown_at

    def show(self, tally: Tally) -> None:
        self._shown_at = time.monotonic()
        self._bar.update(tally.done, len(tally.states))
        self._words = f" {tally.done}/{len(tally.states)}  {tally.words()}  "
        self.hide()
        self.redraw()

    def redraw(self) -> None:
        from rich.text import Text  # noqa: PLC0415

        if self._words:
            words = Text(self._words + span(int(time.monotonic() - self._began)), no_wrap=True, overflow="ellipsis")
            words.truncate(max(self._console.width - 26, 0), overflow="ellipsis")
            self._console.print(self._bar, words, sep="", end="")
            self._screen.file.flush()
            self._visible = True

    def hide(self) -> None:
        if self._visible:
            self._screen.file.write("\r\x1b[2K")
            self._screen.file.flush()
            self._visible = False
