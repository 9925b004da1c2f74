"""What programs call. Every call is safe anywhere: it raises nothing whatever it is given.

    log = get_logger("daq", service="night-run", component="readout")
    log.warning("channel %d is noisy", 3, rate=1200.5)

    with log:                       # start(), then done(); an exception becomes an error, and goes on
        read_out()

Arguments fill the message as in `logging`; keyword arguments become fields.
"""

import os
import secrets
import sys
import threading
import time as clock
import traceback

from . import lines
from .file import LogFile, now
from .levels import Levels

MAX_NESTING = 3
"""Objects whose text is made by code that logs itself are followed this deep."""

CYCLE = "DVIC_CYCLE"
"""Environment variable that hands the cycle to programs that this one starts."""

LEVELS = Levels()
"""At which level each service logs, for all loggers that are not given another."""

_nesting = threading.local()


class Logger:
    """Writes records of one part of a program, all of them with its name and its place: service, component, cycle and
    source. `cycle` None: the environment's DVIC_CYCLE, else the hub finds out to which cycle a record belongs."""

    def __init__(self, file, name="", service=None, component=None, cycle=None, source=None, levels=None):
        self.name = _key(name)
        self.service = _key(service)
        self.component = _key(component)
        self.cycle = _key(os.environ.get(CYCLE) if cycle is None and self.service else cycle)
        self.source = _key(source)
        self._place = (("s", self.service), ("c", self.component), ("y", self.cycle), ("i", self.source))
        self._file = file
        self._levels = levels or LEVELS

    # ---- steps of a monitoring service

    def start(self, message="started", /, *arguments, **fields):
        """The step begins (again)."""
        self.write("info", message, arguments, fields, step="start")

    def done(self, message="done", /, *arguments, **fields):
        """The step has ended; well, unless it logged warnings or errors."""
        self.write("info", message, arguments, fields, step="done")

    def fail(self, message="failed", /, *arguments, **fields):
        """The step has ended badly."""
        self.write("error", message, arguments, fields, step="fail")

    def skip(self, message="skipped", /, *arguments, **fields):
        """The step is left out in this cycle."""
        self.write("info", message, arguments, fields, step="skip")

    def step(self, component, source=None):
        """A logger of another component (or source) in the same cycle."""
        return Logger(self._file, self.name, self.service, component, self.cycle, source, self._levels)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        if kind is None or (kind is SystemExit and not getattr(error, "code", 1)):
            self.done()
        else:
            self.fail("%s: %s", getattr(kind, "__name__", kind), error, exc_info=(kind, error, trace))
        return False

    # ---- messages

    def log(self, level, message, /, *arguments, **fields):
        """`level`: debug, info, notice, warning, error, critical, or a number of `logging`.

        `exc_info=True` (or an exception) adds the traceback to the message.
        """
        self.write(level, message, arguments, fields)

    def debug(self, message, /, *arguments, **fields):
        self.write("debug", message, arguments, fields)

    def info(self, message, /, *arguments, **fields):
        self.write("info", message, arguments, fields)

    def warning(self, message, /, *arguments, **fields):
        self.write("warning", message, arguments, fields)

    def error(self, message, /, *arguments, **fields):
        self.write("error", message, arguments, fields)

    def critical(self, message, /, *arguments, **fields):
        self.write("critical", message, arguments, fields)

    def exception(self, message, /, *arguments, **fields):
        """An error with the traceback of the exception that is being handled."""
        fields.setdefault("exc_info", True)
        self.write("error", message, arguments, fields)

    def write(self, level, message, arguments, fields, time=None, step=""):
        """The same with arguments and fields as a tuple and a dict; `time` in microseconds (None: now), `step` one of
        lines.STEPS."""
        if self.service and not step and not self._levels.wanted(self.service, self.component, lines.level_name(level)):
            return
        depth = getattr(_nesting, "depth", 0)
        if depth >= MAX_NESTING:
            return
        _nesting.depth = depth + 1
        try:
            said = lines.message(message, arguments)
            if "exc_info" in fields:
                said = lines.text(said + _trace(fields.pop("exc_info")), lines.MAX_MESSAGE)
            flat = lines.fields(fields)
            if self.name:
                flat.setdefault("logger", self.name)
            self._file.write(lines.record(now() if time is None else time, lines.level_name(level), said, flat,
                                          (*self._place, ("e", step))))
        except Exception:
            pass
        finally:
            _nesting.depth = depth


def _key(value):
    return "" if value is None else lines.text(value, lines.MAX_KEY)


def _trace(given):
    if not given:
        return ""
    if isinstance(given, BaseException):
        kind, error, trace = type(given), given, given.__traceback__
    else:
        kind, error, trace = given if isinstance(given, tuple) else sys.exc_info()
    if kind is None:
        return ""
    try:
        return "\n" + "".join(traceback.format_exception(kind, error, trace)).rstrip("\n")
    except Exception:
        return "\n" + lines.text(error, lines.MAX_FIELD)


FILE = LogFile()
"""The process's file: one for all loggers and handlers that are not given another. Opened at the first line."""

_default = Logger(FILE)

log = _default.log
debug = _default.debug
info = _default.info
warning = _default.warning
error = _default.error
critical = _default.critical


def get_logger(name, service=None, component=None, cycle=None, source=None):
    """A logger whose records carry `name` (as the field `logger`) and, for monitoring services, `service`, `component`,
    `cycle` (see new_cycle) and the `source` for which a component is repeated."""
    return Logger(FILE, name, service, component, cycle, source)


def new_cycle():
    """A name for a cycle that nobody else has, such as 20261120T100000-3f9a1c: for `cycle=`, and for the environment
    variable DVIC_CYCLE of programs that do the cycle's other steps."""
    return "%s-%s" % (clock.strftime("%Y%m%dT%H%M%S", clock.gmtime()), secrets.token_hex(3))
