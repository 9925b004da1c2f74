"""What the agent says of packages that it or the hub could not use. The agent keeps the file:

    {"/tmp/dvic_package_readout-5e884898-1000": {"instance": "9f86d081884c7d65", "reason": "..."}}

It is looked at again at most once a second, when something is published. Nothing here raises.
"""

import json
import os
import time

from .levels import PATH as LEVELS_PATH
from .lines import text

NAME = "packages"
"""The file's name, beside that of the levels."""

MAX_FILE = 4 * 1024 * 1024
"""Bytes of the file that are read."""

MAX_REASON = 1000
"""Characters of a reason."""

LOOK_AGAIN = 1.0
"""Seconds between two looks at the file."""


class Refusals:
    """Safe to share between threads: what is looked up is replaced as a whole. `clock` gives seconds."""

    def __init__(self, path=None, clock=time.monotonic):
        self._path = path
        self._clock = clock
        self._look_at = 0.0
        self._told = {}

    def of(self, path, instance):
        """Why the package in this file, by this publisher, is not shown; "" when nothing is known against it."""
        try:
            now = self._clock()
            if now >= self._look_at:
                self._look_at = now + LOOK_AGAIN
                self._look()
            told = self._told.get(path)
            return text(told["reason"], MAX_REASON) if told and told["instance"] == instance else ""
        except Exception:
            return ""

    def _look(self):
        beside = os.environ.get("DVIC_LOG_LEVELS") or LEVELS_PATH
        path = self._path or os.path.join(os.path.dirname(beside), NAME)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe there must hold up nobody
            try:
                self._told = json.loads(os.read(handle, MAX_FILE).decode("utf-8"))
            finally:
                os.close(handle)
        except Exception:
            self._told = {}


REFUSALS = Refusals()
"""For all packages of the process."""
