"""Each order once only: the replay list, which survives restarts and power cuts.

It is a directory with one small file for each run id that was ever decided here, holding the answer. A file appears
whole or not at all, and is on the disk before anything is started, so neither a restart nor a power cut can make an id
run twice. Entries older than KEEP_SECONDS may be dropped; what was signed before the newest dropped one is refused from
then on (`floor`), so a clock that is set back opens nothing.
"""

import json
import os

from .errors import Untrusted

KEEP_SECONDS = 400 * 86400
"""How long the replay list remembers an id, seconds."""

FLOOR = "floor"


class ReplayList:
    """Ids that were decided here, each with its answer. `folder` is a directory descriptor (root, 0700)."""

    def __init__(self, folder: int):
        self._folder = folder

    def answer(self, name: str) -> dict | None:
        """What was answered to `name` the first time, None when it is new."""
        data = self._read(name)
        if data is None:
            return None
        try:
            return dict(json.loads(data)["answer"])
        except (ValueError, KeyError, TypeError):
            return {"state": "lost", "code": "lost", "reason": "the replay list's entry is damaged"}

    def claim(self, name: str, answer: dict, issued: int) -> bool:
        """Enter `name` for ever with its answer; False when it was there. Returns after it is on the disk."""
        beside = f".{name}.{os.getpid()}"
        try:
            with os.fdopen(self._create(beside), "w") as file:
                json.dump({"iat": issued, "answer": answer}, file)
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        except FileExistsError:
            return False
        finally:
            os.unlink(beside, dir_fd=self._folder)
        return True

    def floor(self) -> int:
        """Orders signed at or before this second (Unix time) are refused; 0 at first."""
        try:
            return int(self._read(FLOOR) or 0)
        except ValueError:
            raise Untrusted("the replay list's floor is damaged: remove executor/seen/floor") from None

    def drop_before(self, issued: int) -> int:
        """Forget entries signed before `issued`, raising the floor first; returns how many."""
        old = {name: at for name in os.listdir(self._folder) if name != FLOOR and name[0] != "."
               and (at := self._issued(name)) < issued}
        if old:
            with os.fdopen(self._create(".floor"), "w") as file:
                file.write(str(max(self.floor(), *old.values())))
                file.flush()
                os.fsync(file.fileno())
            os.rename(".floor", FLOOR, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        for name in old:
            os.unlink(name, dir_fd=self._folder)
        return len(old)

    def _create(self, name: str) -> int:
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600, dir_fd=self._folder)

    def _issued(self, name: str) -> int:
        try:
            return int(json.loads(self._read(name) or b"")["iat"])
        except (ValueError, KeyError, TypeError):
            return 0

    def _read(self, name: str) -> bytes | None:
        try:
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read()
