"""What the agent says of packages that it or the hub could not use. The agent keeps the file:

    {"/tmp/dvic_package_readout-5e884898-1000": {"instance": "9f86d081884c7d65", "reason": "..."}}

It is looked at before an update is written, and read where it has changed. Nothing here raises.
"""

import json
import os

from .levels import PATH as LEVELS_PATH
from .lines import text

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
        self._seen = None
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
        path = self._path or os.path.join(os.path.dirname(beside), NAME)
        try:
            status = os.stat(path)
            seen = (path, status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe there must hold up nobody
            try:
                self._told = json.loads(os.read(handle, MAX_FILE).decode("utf-8"))
            finally:
                os.close(handle)
            self._seen = seen
        except Exception:
            self._told, self._seen = {}, None


REFUSALS = Refusals()
"""For all packages of the process."""
