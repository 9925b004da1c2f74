"""The least levels that programs shall log at, as the hub asks for them: a small file that dvic_log looks at.

    {"meteor": "warning", "meteor/decode": "debug"}        a service, or one component of it

It is replaced as a whole, readable by everybody, and holds no secret. That it can't be written is logged once and harms
nothing: programs log as they did.
"""

import json
import logging
from pathlib import Path

from dvic_wire.streams import LEVELS

from .told_file import replace

MAX_LOG_LEVELS = 1000
"""Services and components with a level of their own; of more, the first ones count."""

MAX_LEVEL_NAME = 200
"""Characters of a service's and a component's name together."""

log = logging.getLogger(__name__)


class LogLevels:
    """Writes `path` (told_file.py)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: bytes | None = None
        self._warned = False

    def want(self, levels: object) -> None:
        """Make these the levels: the hub's word, of which only what makes sense is taken."""
        if not isinstance(levels, dict):
            return
        sound = {name: level for name, level in list(levels.items())[:MAX_LOG_LEVELS]
                 if isinstance(name, str) and len(name) <= MAX_LEVEL_NAME and level in LEVELS}
        data = json.dumps(sound, sort_keys=True).encode()
        if data == self._written or (self._written is None and not sound and not self._path.exists()):
            return
        try:
            replace(self._path, data)
            self._written, self._warned = data, False
        except OSError as error:
            if not self._warned:
                log.warning("programs are not told at which level to log: %s", error)
                self._warned = True
