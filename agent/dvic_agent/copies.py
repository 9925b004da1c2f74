"""Files that are copied to this machine or from it, carried between the hub and the processes that write or read them.

    hub -- CopyResume, CopyPiece, CopyTaken --> {"from"}, {"offset", "data"}, {"taken"} --> copy
    copy -- {"taken"}, {"offset", "data"}, {"file"} --> CopyTaken, CopyPiece, CopyFile --> hub

Only carried: the hub has signed size and hash of what goes to the machine, and the process that writes it checks both.
"""

from collections.abc import Callable
from pathlib import Path

from dvic_wire.messages import CopyFile, CopyPiece, CopyResume, CopyTaken

from .carrying import APPEAR_SECONDS, Carriers

SOCKET = "copy.sock"
"""What a copy listens at, in its run's directory."""

Send = Callable[[CopyPiece | CopyTaken | CopyFile], object]


class Copies(Carriers):
    """`send` hands a message to the connection with the hub."""

    def __init__(self, runs_dir: Path, send: Send, appear_seconds: float = APPEAR_SECONDS):
        super().__init__(runs_dir, SOCKET, self._translate, appear_seconds)
        self._send = send

    def take(self, message: CopyResume | CopyPiece | CopyTaken) -> None:
        """What the hub says of a copy."""
        if isinstance(message, CopyResume):
            self.resume(message.run, message.offset)
        elif isinstance(message, CopyPiece):
            self.give(message.run, {"offset": message.offset, "data": message.data})
        else:
            self.give(message.run, {"taken": message.offset})

    def _translate(self, run: str, line: dict) -> None:
        if "taken" in line:
            self._send(CopyTaken(run, int(line["taken"])))
        elif "file" in line:
            self._send(CopyFile(run, dict(line["file"])))
        elif "data" in line:
            self._send(CopyPiece(run, int(line["offset"]), str(line["data"])))
