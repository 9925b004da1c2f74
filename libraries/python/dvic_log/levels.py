"""At which level the records of a service shall be written, as the hub's people set it. The agent keeps the file:

    {"meteor": "warning", "meteor/decode": "debug"}

It is looked at again at most once a second, when something is logged. No file, or one that makes no sense: everything
is written. Nothing here raises.
"""

import os
import time

from .lines import LEVELS
from .told import ToldFile

PATH = "/run/dvic-agent/log_levels"
"""Where the agent keeps it; the environment variable DVIC_LOG_LEVELS names another place."""

MAX_FILE = 1024 * 1024
"""Bytes of the file that are read."""

LOOK_AGAIN = 1.0
"""Seconds between two looks at the file."""

_RANK = {level: rank for rank, level in enumerate(LEVELS)}


class Levels:
    """Safe to share between threads: what is looked up is replaced as a whole. `clock` gives seconds."""

    def __init__(self, path=None, clock=time.monotonic):
        self._path = path
        self._clock = clock
        self._look_at = 0.0
        self._file = ToldFile(MAX_FILE)
        self._least = {}

    def wanted(self, service, component, level):
        """Whether a record of this level shall be written."""
        try:
            now = self._clock()
            if now >= self._look_at:
                self._look_at = now + LOOK_AGAIN
                self._look()
            if not self._least:
                return True
            least = self._least.get("%s/%s" % (service, component))
            if least is None:
                least = self._least.get(service, 0)
            return _RANK[level] >= least
        except Exception:
            return True

    def _look(self):
        try:
            told = self._file.news(self._path or os.environ.get("DVIC_LOG_LEVELS") or PATH)
            if told is not None:
                self._least = {name: _RANK[level] for name, level in told.items() if level in _RANK}
        except Exception:
            self._least = {}
