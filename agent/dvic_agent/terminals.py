"""Terminals on this machine, carried between the hub and the processes that hold them.

    hub -- TerminalResume, TerminalInput, TerminalAck --> {"from"}, {"input"}, {"ack"} --> terminal
    terminal -- {"out"}, {"taken"} --> TerminalOutput, TerminalTaken --> hub

Only carried: what is typed was signed by a key that the agent does not have. At most terminals.TERMINAL_WINDOW bytes of
a terminal's output are under way unacknowledged.
"""

from collections.abc import Callable
from pathlib import Path

from dvic_wire.messages import TerminalAck, TerminalInput, TerminalOutput, TerminalResume, TerminalTaken

from .carrying import APPEAR_SECONDS, Carriers

SOCKET = "terminal.sock"
"""What a terminal listens at, in its run's directory."""

Send = Callable[[TerminalOutput | TerminalTaken], object]


class Terminals(Carriers):
    """`send` hands a message to the connection with the hub."""

    def __init__(self, runs_dir: Path, send: Send, appear_seconds: float = APPEAR_SECONDS):
        super().__init__(runs_dir, SOCKET, self._translate, appear_seconds)
        self._send = send

    def take(self, message: TerminalResume | TerminalInput | TerminalAck) -> None:
        """What the hub says of a terminal."""
        if isinstance(message, TerminalResume):
            self.resume(message.run, message.offset)
        elif isinstance(message, TerminalInput):
            self.give(message.run, {"input": message.jws})
        else:
            self.give(message.run, {"ack": message.offset})

    def _translate(self, run: str, line: dict) -> None:
        if "out" in line:
            self._send(TerminalOutput(run, int(line["out"]), str(line["data"])))
        elif "taken" in line:
            self._send(TerminalTaken(run, int(line["taken"])))
