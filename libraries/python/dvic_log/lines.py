"""Pure: what is logged, as one line of bytes. Nothing here raises for what a caller hands in.

A file is JSON lines. The first says who writes (claims, which the agent shows beside the file's real owner):

    {"dvic_log":1,"pid":812,"executable":"/usr/bin/python3","user":"ada","name":"daq","start":1700000000000000,
     "library":"python 0.1.0"}

and each further one is a record; `t` and `start` are microseconds since 1970, what is empty is left out:

    {"t":1700000000000123,"l":"info","m":"run 17 started","f":{"voltage":1.25},"s":"service","c":"component",
     "y":"cycle","i":"source","e":"start"}

`s` to `i` say to which step of a monitoring service the record belongs; `e` what becomes of it, one of STEPS.
"""

import json
import math
import operator

VERSION = "0.1.0"
LIBRARY = "python " + VERSION

STEPS = ("start", "done", "fail", "skip")
"""What a record can say of its step; without one it is a message from within."""

LEVELS = ("debug", "info", "notice", "warning", "error", "critical")

MAX_MESSAGE = 256 * 1024
"""Characters of a message; what is longer is cut and says how much was cut."""

MAX_FIELDS = 64
"""Fields of one record; of more, the first ones are kept and `fields_cut` counts the rest."""

MAX_FIELD = 16 * 1024
"""Characters of one field's text."""

MAX_KEY = 64
"""Characters of a field's name."""

_LEAST = ((50, "critical"), (40, "error"), (30, "warning"), (25, "notice"), (20, "info"))
_ALIASES = {"warn": "warning", "err": "error", "fatal": "critical", "crit": "critical", "exception": "error",
            "trace": "debug"}
_WHOLE = 2 ** 63


def level_name(level):
    """The level's name, for a name (any case, usual short forms) or a number of `logging`; "info" for anything else."""
    if isinstance(level, int):
        return next((name for least, name in _LEAST if level >= least), "debug")
    name = text(level, MAX_KEY).strip().lower()
    name = _ALIASES.get(name, name)
    return name if name in LEVELS else "info"


def text(value, limit):
    """Any object as text that is valid UTF-8, of at most about `limit` characters."""
    try:
        if type(value) is not str:
            value = value.decode("utf-8", "backslashreplace") if type(value) in (bytes, bytearray) else str(value)
        if len(value) > limit:
            value = "%s... (%d characters cut)" % (value[:limit], len(value) - limit)
        # Also makes an exact str of a subclass, whose own methods could do anything.
        return str.encode(value, "utf-8", "backslashreplace").decode("utf-8")
    except Exception:
        return "<a %s that can't be shown>" % type(value).__name__


def message(template, arguments):
    """`template % arguments` as `logging` does it; a template that doesn't fit is kept, its arguments behind it."""
    if not arguments:
        return text(template, MAX_MESSAGE)
    try:
        # logging's convention: one mapping fills %(name)s
        if len(arguments) == 1 and isinstance(arguments[0], dict) and arguments[0]:
            arguments = arguments[0]
        return text(text(template, MAX_MESSAGE) % arguments, MAX_MESSAGE)
    except Exception:
        return text("%s %s" % (text(template, MAX_MESSAGE), text(arguments, MAX_FIELD)), MAX_MESSAGE)


def fields(values):
    """A flat object of texts, numbers and booleans from whatever `values` (a dict) holds."""
    flat = {}
    for key, value in list(values.items())[:MAX_FIELDS]:
        flat[text(key, MAX_KEY)] = _field(value)
    if len(values) > MAX_FIELDS:
        flat["fields_cut"] = len(values) - MAX_FIELDS
    return flat


def record(time, level, said, values=None, place=()):
    """One line. `time` in microseconds, `level` one of LEVELS, `said` and the rest already texts and flat fields;
    `place`: pairs of s, c, y, i, e and a text."""
    line = {"t": time, "l": level, "m": said}
    if values:
        line["f"] = values
    line.update((key, value) for key, value in place if value)
    return _dump(line)


def header(pid, executable, user, name, start):
    """The first line of a file; `start` in microseconds."""
    return _dump({"dvic_log": 1, "pid": pid, "executable": text(executable, MAX_FIELD), "user": text(user, MAX_KEY),
                  "name": text(name, MAX_KEY), "start": start, "library": LIBRARY})


def _dump(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _field(value):
    if value is None or type(value) is str:
        return text("" if value is None else value, MAX_FIELD)
    if type(value) is bool:
        return value
    try:
        whole = operator.index(value)
        return int(whole) if -_WHOLE <= whole < _WHOLE else text(whole, MAX_FIELD)
    except Exception:
        pass
    try:
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
    except Exception:
        pass
    return text(value, MAX_FIELD)
