"""What programs call. Every call is safe anywhere: it returns None, and raises nothing whatever it is given.

    log = get_logger("daq", service="night-run", component="readout")
    log.warning("channel %d is noisy", 3, rate=1200.5)

Arguments fill the message as in `logging`; keyword arguments become fields.
"""

import sys
import threading
import traceback

from . import lines
from .file import LogFile, now

MAX_NESTING = 3
"""Objects whose text is made by code that logs itself are followed this deep."""

_nesting = threading.local()


class Logger:
    """Writes records of one part of a program, all of them with its name, service and component."""

    def __init__(self, file, name="", service=None, component=None):
        self.name = lines.text(name or "", lines.MAX_KEY)
        self.service = lines.text(service or "", lines.MAX_KEY)
        self.component = lines.text(component or "", lines.MAX_KEY)
        self._file = file

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

    def write(self, level, message, arguments, fields, time=None):
        """The same with arguments and fields as a tuple and a dict; `time` in microseconds (None: now)."""
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
                                          self.service, self.component))
        except Exception:
            pass
        finally:
            _nesting.depth = depth


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


def get_logger(name, service=None, component=None):
    """A logger whose records carry `name` (as the field `logger`) and, for monitoring services, `service` and
    `component`."""
    return Logger(FILE, name, service, component)
