"""Plays a recording in our own terminal: pauses as they were, or shorter."""

import sys
import time
from collections.abc import Callable

from dvic_wire.asciicast import OUTPUT, read_events, read_header
from dvic_wire.errors import WireError

from .errors import Refused

RESET = "\x1b[!p\x1b[?25h\x1b[?1049l\x1b[0m\r\n"
"""Undoes what a recording may have left behind: another screen, a hidden cursor, colours."""


def play(text: str, speed: float, longest: float, sleep: Callable[[float], object] = time.sleep) -> None:
    """`speed`: times faster; `longest`: seconds that a pause lasts at most (0: as it was). Raises Refused."""
    lines = text.split("\n")
    shown_at = 0.0
    try:
        read_header(lines[0])
        for event in read_events(lines[1:]):
            pause, shown_at = (event.at - shown_at) / speed, event.at
            if event.kind == OUTPUT:
                sleep(max(0.0, min(pause, longest) if longest else pause))
                sys.stdout.write(event.data)
                sys.stdout.flush()
    except WireError as error:
        raise Refused(f"the recording can't be played: {error}") from None
    finally:
        if sys.stdout.isatty():
            sys.stdout.write(RESET)
            sys.stdout.flush()
