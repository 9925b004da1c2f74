"""For programs that use `logging` already: one handler, and all their records go to DVIC too.

    logging.getLogger().addHandler(dvic_log.Handler())
"""

import logging

from .lines import message
from .logger import FILE, Logger

_KNOWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


class Handler(logging.Handler):
    """Writes each record with its level, logger, place in the source, traceback and `extra` values as fields."""

    def __init__(self, level=logging.NOTSET, service=None, component=None, file=None, cycle=None, source=None):
        super().__init__(level)
        self._logger = Logger(file or FILE, "", service, component, cycle, source)

    def emit(self, record):
        """Never raises and never prints, whatever `logging.raiseExceptions` says."""
        try:
            fields = {key: value for key, value in vars(record).items() if key not in _KNOWN}
            fields.update(logger=record.name, file=record.filename, line=record.lineno)
            if record.exc_info and self._plain():  # a formatter puts the traceback in itself
                fields["exc_info"] = record.exc_info
            self._logger.write(record.levelno, self._said(record), (), fields, int(record.created * 1_000_000))
        except Exception:
            pass

    def _said(self, record):
        if self._plain():
            return message(record.msg, record.args)
        try:
            return self.format(record)
        except Exception:
            return message(record.msg, record.args)

    def _plain(self):
        # basicConfig(handlers=[...]) gives this format to handlers that have none: it says what the fields say already.
        return self.formatter is None or getattr(self.formatter, "_fmt", None) == logging.BASIC_FORMAT
