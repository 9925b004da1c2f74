"""What aiohttp's server says of connections, in as much of the log as it deserves.

Anybody can send bytes that are no HTTP; aiohttp answers 400 and would write a traceback each time, with which a
stranger could fill the journal. Such faults of a peer become one debug line; faults of ours stay as they are.
"""

import logging

from aiohttp.http_exceptions import HttpProcessingError


class PeersFaults(logging.Filter):
    """Lets through what isn't a peer's fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else record.exc_info
        if not isinstance(error, HttpProcessingError | ConnectionError):
            return True
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        record.msg, record.args, record.exc_info = "a request that is no HTTP: %s", (str(error.args[:1]),), None
        return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


def server_logger() -> logging.Logger:
    """The logger to give to aiohttp's runner."""
    logger = logging.getLogger("dvic.http")
    if not logger.filters:
        logger.addFilter(PeersFaults())
    return logger
