"""One log file in a container as a stream: a LogFile whose every line says from which container it is.

The file is opened through the namespace (inside.py), and kept open only as holds.py says. Reading is done by a
bystander: what hangs there is left, and the file is not read any more.
"""

from dvic_wire.limits import MAX_FIELDS
from dvic_wire.streams import MOUNT_PREFIX

from ..clock import Clock
from .bystander import Bystander
from .container import Container
from .log_file import LogFile
from .open_files import Key
from .source import Reading


class ContainedFile(LogFile):
    """`path` is the one that the container knows."""

    def __init__(self, container: Container, key: Key, path: bytes, uid: int, clock: Clock, reader: Bystander):
        super().__init__(key, path, uid, container.files, clock)
        self.name = f"{MOUNT_PREFIX}{container.number}:{key[0]}:{key[1]}"
        self.container = container
        self._reader = reader

    def end(self) -> None:
        """Its name or its container is gone: what is still open of it is read."""
        size = self._files.size(self.key)
        if size is None:
            self.changed = self.container.holds.unseen(self.key)
        elif size != self.size:
            self.size, self.changed = size, True
        self.present, self.over = False, True

    def let_go(self) -> None:
        """Nobody wants more of it."""
        self.container.holds.forget(self.key)

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        read = super().read

        def reading_there() -> Reading:
            try:
                return read(cursor, max_records, max_bytes)
            finally:
                self.container.holds.used(self.key)

        try:
            reading = self._reader.do(self.container.number, reading_there)
        except TimeoutError:
            return Reading([], cursor, closed=self.over)
        called = self.container.called
        for record in reading.records:
            self._sign(record, called)
        if self.about:
            self.about = {**self.about, "container": self.container.told}
        return reading

    def _sign(self, record: dict, called: dict[str, str]) -> None:
        """What kernel and engine tell of the writer takes the place of what the line claims."""
        fields = {name: value for name, value in record.get("fields", {}).items() if name not in called}
        while len(fields) + len(called) > MAX_FIELDS:
            fields.popitem()
        record["fields"] = {**fields, **called}
        if self.container.home.unit:
            record["unit"] = self.container.home.unit
