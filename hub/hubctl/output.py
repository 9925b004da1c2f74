"""What hubctl shows: lists in six forms on stdout, notes for the person on stderr.

    table  wide    for people, fitted to the terminal
    json   jsonl   the fields that a list promises, nothing else
    yaml           the same
    name           one name a line, for loops in a shell

Colour only on a terminal, and never with NO_COLOR (https://no-color.org) or TERM=dumb.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TextIO

from .harmless import escape, escape_json, is_harmless, one_line
from .tables import Column, paint, render

TABLE, WIDE, JSON, JSONL, YAML, NAME = FORMS = ("table", "wide", "json", "jsonl", "yaml", "name")


@dataclass(frozen=True)
class Listing:
    """How a kind of thing is listed. `fields`: what the machine-readable forms hold, in this order (empty: all).
    `empty` is said to the person where there is none."""

    columns: Sequence[Column]
    name: Callable[[dict], str]
    fields: Sequence[str] = field(default=())
    empty: str = "Nothing there."

    def plain(self, item: dict) -> dict:
        """The item as programs get it."""
        return {key: item.get(key) for key in self.fields} if self.fields else item


@dataclass(frozen=True)
class Screen:
    """Where text goes. `width` 0: no terminal, nothing is cut."""

    file: TextIO
    width: int = 0
    colour: bool = False
    terminal: bool = False

    @classmethod
    def of(cls, file: TextIO, environ: Mapping[str, str] = os.environ) -> "Screen":
        terminal = file.isatty()
        plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
        width = shutil.get_terminal_size().columns if terminal else 0
        return cls(file, width, terminal and not plain, terminal)

    def line(self, text: str = "") -> None:
        self.file.write(text + "\n")

    def paint(self, text: str, style: str) -> str:
        return paint(text, style) if self.colour else text


def show_list(items: Iterable[dict], listing: Listing, form: str) -> None:
    """Write a list in the form asked for. jsonl and name are written as the items come."""
    screen = Screen.of(sys.stdout)
    if form == JSONL:
        for item in items:
            screen.line(json_line(listing.plain(item)))
    elif form == NAME:
        for item in items:
            screen.line(one_line(listing.name(item)))
    elif form in (TABLE, WIDE):
        _show_table(items, listing, form, screen)
    else:
        show_value([listing.plain(item) for item in items], form)


def show_value(value: object, form: str) -> None:
    """Write one JSON value as json (or jsonl: one line) or yaml."""
    screen = Screen.of(sys.stdout)
    if form == YAML:
        screen.file.write(_yaml(value))
    elif form == JSONL:
        screen.line(json_line(value))
    else:
        screen.line(escape_json(json.dumps(value, ensure_ascii=False, indent=2)))


def show_details(pairs: Iterable[tuple[str, object]]) -> None:
    """One thing, a line for each of its sides; what is empty is left out. Values may have several lines."""
    screen = Screen.of(sys.stdout)
    known = [(title, str(value)) for title, value in pairs if value not in ("", None, {}, [])]
    widest = max((len(title) for title, _ in known), default=0)
    for title, value in known:
        first, *others = escape(value).split("\n")
        screen.line(f"{screen.paint(title.ljust(widest), 'bold')}  {first}")
        for other in others:
            screen.line(" " * (widest + 2) + other)


def json_line(value: object) -> str:
    return escape_json(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def say(text: str) -> None:
    """A note for the person."""
    print(escape(text), file=sys.stderr, flush=True)


def warn(text: str) -> None:
    screen = Screen.of(sys.stderr)
    print(screen.paint("warning:", "yellow"), escape(text), file=sys.stderr, flush=True)


def state_style(state: object) -> str:
    """The colour of the state of a node, a run, an update or a step."""
    return {"online": "green", "late": "yellow", "silent": "red", "revoked": "dim", "never": "dim",
            "finished": "green", "running": "cyan", "dispatched": "cyan", "queued": "dim", "failed": "red",
            "timed-out": "red", "lost": "red", "refused": "magenta", "cancelled": "yellow", "expired": "yellow",
            "updated": "green", "unchanged": "dim", "pending": "dim", "sent": "cyan", "downloading": "cyan",
            "installing": "cyan", "confirming": "cyan", "rolling-back": "red", "rolled-back": "red",
            "ok": "green", "warning": "yellow", "error": "red", "overdue": "magenta", "idle": "dim", "waiting": "dim",
            "skipped": "dim", "off": "dim", "alive": "green", "going": "cyan", "halted": "red", "cancelling": "yellow",
            "ended": "", "live": "green", "gone": "dim", "raised": "red", "acknowledged": "yellow", "cleared": "green",
            "changed": "cyan", "own": "cyan",
            }.get(str(state), "")


def level_style(level: object) -> str:
    return {"critical": "bold red", "error": "red", "warning": "yellow", "debug": "dim"}.get(str(level), "")


def tags_text(item: dict) -> str:
    """Tags in one line, by key."""
    tags = item.get("tags") or {}
    return " ".join(f"{key}={tags[key]}" if tags[key] else key for key in sorted(tags))


def _show_table(items: Iterable[dict], listing: Listing, form: str, screen: Screen) -> None:
    iterator = iter(items)
    first = next(iterator, None)
    if first is None:
        say(listing.empty)
        return
    columns = [column for column in listing.columns if form == WIDE or not column.wide]
    for line in render(columns, chain([first], iterator), screen.width, screen.colour):
        screen.line(line)


def _yaml(value: object) -> str:
    import yaml  # noqa: PLC0415 (30 ms, for one of six forms)

    readable = is_harmless(json.dumps(value, ensure_ascii=False))
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=readable, width=120)
