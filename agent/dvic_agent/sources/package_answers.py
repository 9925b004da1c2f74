"""What could not be used of packages, for their publishers: a small file that dvic_log looks at.

    {"/tmp/dvic_package_readout-5e884898-1000": {"instance": "9f86d081884c7d65", "reason": "..."}}

It is replaced as a whole, readable by everybody, and holds no secret. That it can't be written harms nothing else.
"""

import json
import logging
import os
from pathlib import Path

from ..told_file import replace

MAX_ANSWERS = 500
"""Packages that are told of at a time; of more, the oldest are forgotten."""

log = logging.getLogger(__name__)


class PackageAnswers:
    """Writes `path`, only when something changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: dict[str, dict] = {}
        self._warned = False

    def tell(self, file: bytes, instance: str, reason: str) -> None:
        """That publisher's update could not be used; "" takes the last word on this file back."""
        name = os.fsdecode(file)
        before = self._told.pop(name, None)
        if reason:
            self._told[name] = {"instance": instance, "reason": reason}
            while len(self._told) > MAX_ANSWERS:
                self._told.pop(next(iter(self._told)))
        if self._told.get(name) != before:
            self._write()

    def forget(self, file: bytes) -> None:
        """It is not there any more."""
        self.tell(file, "", "")

    def _write(self) -> None:
        try:
            replace(self._path, json.dumps(self._told).encode())
            self._warned = False
        except OSError as error:
            if not self._warned:
                log.warning("publishers are not told what is wrong with their packages: %s", error)
                self._warned = True
