"""Terminals on this machine, carried between the hub and the processes that hold them. Nothing is polled.

    hub -- TerminalResume --> connect to runs/<id>/terminal.sock, ask for the output from there on
    hub -- TerminalInput, TerminalAck --> terminal -- {"out"}, {"taken"} --> TerminalOutput, TerminalTaken --> hub

Only carried: what is typed was signed by a key that the agent does not have. Whatever ends here (a connection to the
hub, one to a terminal) the hub goes on with TerminalResume. At most terminals.TERMINAL_WINDOW bytes of a terminal's
output are under way unacknowledged, so what waits here is bounded by it.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from dvic_wire.messages import TerminalAck, TerminalInput, TerminalOutput, TerminalResume, TerminalTaken

from .runs import RUN_ID
from .sources.inotify import CREATE, DELETE_SELF, MOVED_TO, Inotify

log = logging.getLogger(__name__)

SOCKET = "terminal.sock"
"""What a terminal listens at, in its run's directory."""

APPEAR_SECONDS = 30.0
"""How long a terminal that was just accepted may take to listen."""

MAX_TERMINALS = 64
"""Terminals that are carried at a time."""

MAX_LINE = 256 * 1024
"""Bytes of one line from a terminal."""

MAX_INPUT_WAITING = 512 * 1024
"""Bytes of input that a terminal leaves untaken, after which its connection is given up. The hub waits long before."""

Send = Callable[[TerminalOutput | TerminalTaken], object]


class Terminals:
    """`send` hands a message to the connection with the hub."""

    def __init__(self, runs_dir: Path, send: Send, appear_seconds: float = APPEAR_SECONDS):
        self._runs_dir = runs_dir
        self._send = send
        self._appear_seconds = appear_seconds
        self._carried: dict[str, _Carried] = {}

    def resume(self, message: TerminalResume) -> None:
        """Carry this terminal from now on, in the place of whatever was before."""
        if not RUN_ID.match(message.run) or message.offset < 0:
            return
        self._drop(message.run)
        if len(self._carried) >= MAX_TERMINALS:
            log.warning("terminal %s is not carried: %d are carried already", message.run, MAX_TERMINALS)
            return
        self._carried[message.run] = _Carried(message.run, self._runs_dir / message.run, message.offset, self)

    def give(self, message: TerminalInput | TerminalAck) -> None:
        """Hand it to its terminal, if that is carried now; the hub repeats what was not taken."""
        carried = self._carried.get(message.run)
        if carried is not None:
            line = {"input": message.jws} if isinstance(message, TerminalInput) else {"ack": message.offset}
            carried.write(line)

    def lost(self) -> None:
        """The connection with the hub is over: let go of all of them, so that they know that nobody is there."""
        for run in list(self._carried):
            self._drop(run)

    def send(self, message: TerminalOutput | TerminalTaken) -> None:
        self._send(message)

    def over(self, carried: "_Carried") -> None:
        """Its connection has ended."""
        if self._carried.get(carried.run) is carried:
            del self._carried[carried.run]

    def appear_seconds(self) -> float:
        return self._appear_seconds

    async def stop(self) -> None:
        tasks = [carried.task for carried in self._carried.values()]
        self.lost()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self, run: str) -> None:
        carried = self._carried.pop(run, None)
        if carried is not None:
            carried.task.cancel()


class _Carried:
    """One terminal's connection, from the search for its socket to its end."""

    def __init__(self, run: str, folder: Path, offset: int, owner: Terminals):
        self.run = run
        self._folder = folder
        self._offset = offset
        self._owner = owner
        self._writer: asyncio.StreamWriter | None = None
        self._early: list[dict] = []
        self.task = asyncio.ensure_future(self._carry())

    def write(self, line: dict) -> None:
        if self._writer is None:
            if len(self._early) < 100:
                self._early.append(line)
            return
        if self._writer.transport.get_write_buffer_size() > MAX_INPUT_WAITING:
            log.warning("terminal %s takes no input: its connection is given up", self.run)
            self.task.cancel()
            self._owner.over(self)
            return
        self._writer.write(_line(line))

    async def _carry(self) -> None:
        writer = None
        try:
            reader, writer = await self._connect()
            writer.write(_line({"from": self._offset}) + b"".join(map(_line, self._early)))
            self._writer = writer
            while line := await reader.readline():
                self._pass_on(json.loads(line))
        except (OSError, ValueError, TimeoutError) as error:
            log.info("terminal %s can't be carried: %s", self.run, error or "it does not listen")
        finally:
            if writer is not None:
                writer.close()
            self._owner.over(self)

    def _pass_on(self, message: dict) -> None:
        if "out" in message:
            self._owner.send(TerminalOutput(self.run, int(message["out"]), str(message["data"])))
        elif "taken" in message:
            self._owner.send(TerminalTaken(self.run, int(message["taken"])))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the terminal's socket; one that was just accepted is waited for."""
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        watch = Inotify()
        try:
            changed = asyncio.Event()
            loop = asyncio.get_running_loop()
            watch.add(os.fsencode(self._folder), CREATE | MOVED_TO | DELETE_SELF, follow=False)
            loop.add_reader(watch.fileno(), lambda: (watch.read(), changed.set()))
            try:
                async with asyncio.timeout(self._owner.appear_seconds()):
                    while True:
                        changed.clear()
                        try:  # through /proc, as an address has room for 107 characters only
                            return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{SOCKET}",
                                                                      limit=MAX_LINE)
                        except (FileNotFoundError, ConnectionRefusedError):
                            if not self._folder.is_dir():
                                raise
                        await changed.wait()
            finally:
                loop.remove_reader(watch.fileno())
        finally:
            watch.close()
            os.close(folder)


def _line(message: dict) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
