"""What the agent says of packages that it or the hub could not use. The agent keeps the file:

    {"/tmp/dvic_package_readout-5e884898-1000": {"instance": "9f86d081884c7d65", "reason": "..."}}

It is looked at before an update is written, and read where it has changed. Nothing here raises.
"""

import os

from .levels import PATH as LEVELS_PATH
from .lines import text
from .told import ToldFile

NAME = "packages"
"""The file's name, beside that of the levels."""

MAX_FILE = 4 * 1024 * 1024
"""Bytes of the file that are read."""

MAX_REASON = 1000
"""Characters of a reason."""


class Refusals:
    """Safe to share between threads: what is looked up is replaced as a whole."""

    def __init__(self, path=None):
        self._path = path
        self._file = ToldFile(MAX_FILE)
        self._told = {}

    def of(self, path, instance):
        """Why the package in this file, by this publisher, is not shown; "" when nothing is known against it."""
        try:
            self._look()
            told = self._told.get(path)
            return text(told["reason"], MAX_REASON) if told and told["instance"] == instance else ""
        except Exception:
            return ""

    def _look(self):
        beside = os.environ.get("DVIC_LOG_LEVELS") or LEVELS_PATH
        try:
            told = self._file.news(self._path or os.path.join(os.path.dirname(beside), NAME))
            self._told = self._told if told is None else told
        except Exception:
            self._told = {}


REFUSALS = Refusals()
"""For all packages of the process."""
