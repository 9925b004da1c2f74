"""A node at a glance: the few figures that a list of thousands shows, and the last hour of three of them as bytes.

    cpu, memory, disk   percent: of all cores, of memory, of the fullest disk; these have a history
    load                the load average of a minute
    temperature         the hottest sensor, degrees Celsius
    uptime              seconds

A history is one byte a minute and figure, the highest of that minute in half percents, NOTHING where there is none:
180 bytes a node, so that an hour of thousands of nodes is one short answer. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FIGURES = ("cpu", "memory", "disk", "load", "temperature", "uptime")
DRAWN = ("cpu", "memory", "disk")
"""The figures with a history, in the order in which theirs follow one another."""

STEP = 60
"""Seconds of one point."""

POINTS = 60
"""Points of one history."""

NOTHING = 255
"""The byte of a minute without a sample."""

EMPTY = bytes([NOTHING]) * (POINTS * len(DRAWN))

_WIDTH = STEP * 1_000_000
_MOST = 200

Figures = tuple[float | None, ...]


@dataclass(frozen=True)
class Glance:
    """`time` of the newest sample (us, the node's clock), its `figures`, and `history` up to the minute `minute`.
    `number` grows over all nodes with each sample stored: what is beyond a number is new since then."""

    node: str
    number: int
    time: int
    figures: Figures
    minute: int
    history: bytes


def figures_of(values: Mapping[str, float]) -> Figures:
    """The figures of one sample, None for each that it does not tell."""
    disk = [value for name, value in values.items() if name.startswith("disk.") and name.endswith(".percent")]
    heat = [value for name, value in values.items() if name.startswith("temp.")]
    return (values.get("cpu.total"), values.get("memory.percent"), max(disk, default=None), values.get("load.1"),
            max(heat, default=None), values.get("uptime"))


def extended(minute: int, history: bytes, samples: Iterable[tuple[int, Figures]]) -> tuple[int, bytes]:
    """The history with further samples, in the order of their arrival, and its last minute.

    A clock that was set back by more than an hour begins a new one: nothing may hide behind a time that never was.
    """
    drawn = bytearray(history)
    for time, figures in samples:
        at = time // _WIDTH
        if at > minute or at <= minute - POINTS:
            drawn = bytearray(shifted(bytes(drawn), at - minute) if at > minute else EMPTY)
            minute = at
        for number in range(len(DRAWN)):
            value = figures[number]
            if value is not None:
                place = (number + 1) * POINTS - 1 - (minute - at)
                byte = min(_MOST, max(0, round(2 * value)))
                if drawn[place] == NOTHING or byte > drawn[place]:
                    drawn[place] = byte
    return minute, bytes(drawn)


def shifted(history: bytes, minutes: int) -> bytes:
    """The history as it looks `minutes` later, with nothing in them."""
    if minutes <= 0:
        return history
    gone = min(minutes, POINTS)
    fill = bytes([NOTHING]) * gone
    return b"".join(history[start + gone:start + POINTS] + fill for start in range(0, len(history), POINTS))


def history_at(glance: Glance, now: int) -> bytes:
    """The history that ends with the minute of `now` (us); of a node whose clock is ahead, with its own."""
    return shifted(glance.history, now // _WIDTH - glance.minute)
