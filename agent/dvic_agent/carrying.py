"""Carries lines between the hub and the processes that hold a run's bytes: its terminal, its file. Nothing is polled.

    hub -- resume --> connect to runs/<id>/NAME.sock, say {"from": offset}
    hub -- give --> line -> the process -> line -> `told`

Whatever ends here (a connection to the hub, one to a process) the hub goes on with by resuming. What waits here is
bounded by the window that both ends keep to.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from .runs import RUN_ID
from .sources.inotify import CREATE, DELETE_SELF, MOVED_TO, Inotify

log = logging.getLogger(__name__)

APPEAR_SECONDS = 30.0
"""How long a process that was just accepted may take to listen."""

MAX_CARRIED = 64
"""Processes of one sort (terminals, copies) that are carried for at a time."""

MAX_LINE = 256 * 1024
"""Bytes of one line from such a process."""

MAX_UNTAKEN = 512 * 1024
"""Bytes that a process leaves untaken, after which its connection is given up. The hub waits long before."""

Told = Callable[[str, dict], object]
"""Takes the run and a line of its process; what it raises of ValueError, KeyError or TypeError ends the connection."""


class Carriers:
    """`name` of the socket in a run's directory; what its processes say goes to `told`."""

    def __init__(self, runs_dir: Path, name: str, told: Told, appear_seconds: float = APPEAR_SECONDS):
        self._runs_dir = runs_dir
        self._name = name
        self._told = told
        self._appear_seconds = appear_seconds
        self._carried: dict[str, _Carried] = {}

    def resume(self, run: str, offset: int) -> None:
        """Carry for this run from now on, in the place of whatever was before."""
        if not RUN_ID.match(run) or offset < 0:
            return
        self._drop(run)
        if len(self._carried) >= MAX_CARRIED:
            log.warning("run %s is not carried for: %d are already", run, MAX_CARRIED)
            return
        self._carried[run] = _Carried(run, self._runs_dir / run, offset, self)

    def give(self, run: str, line: dict) -> None:
        """Hand a line to its process, if that is carried for now; the hub repeats what was not taken."""
        carried = self._carried.get(run)
        if carried is not None:
            carried.write(line)

    def lost(self) -> None:
        """The connection with the hub is over: let go of all of them, so that they know that nobody is there."""
        for run in list(self._carried):
            self._drop(run)

    async def stop(self) -> None:
        tasks = [carried.task for carried in self._carried.values()]
        self.lost()
        await asyncio.gather(*tasks, return_exceptions=True)

    # as what is carried sees it

    @property
    def name(self) -> str:
        return self._name

    @property
    def appear_seconds(self) -> float:
        return self._appear_seconds

    def told(self, run: str, line: dict) -> None:
        self._told(run, line)

    def over(self, carried: "_Carried") -> None:
        """Its connection has ended."""
        if self._carried.get(carried.run) is carried:
            del self._carried[carried.run]

    def _drop(self, run: str) -> None:
        carried = self._carried.pop(run, None)
        if carried is not None:
            carried.task.cancel()


class _Carried:
    """One process's connection, from the search for its socket to its end."""

    def __init__(self, run: str, folder: Path, offset: int, owner: Carriers):
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
        if self._writer.transport.get_write_buffer_size() > MAX_UNTAKEN:
            log.warning("run %s takes nothing: its connection is given up", self.run)
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
                self._owner.told(self.run, json.loads(line))
        except (OSError, ValueError, KeyError, TypeError, TimeoutError) as error:
            log.info("run %s can't be carried for: %s", self.run, error or "it does not listen")
        finally:
            if writer is not None:
                writer.close()
            self._owner.over(self)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the process's socket; one that was just accepted is waited for."""
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        watch = Inotify()
        try:
            changed = asyncio.Event()
            loop = asyncio.get_running_loop()
            watch.add(os.fsencode(self._folder), CREATE | MOVED_TO | DELETE_SELF, follow=False)
            loop.add_reader(watch.fileno(), lambda: (watch.read(), changed.set()))
            try:
                async with asyncio.timeout(self._owner.appear_seconds):
                    while True:
                        changed.clear()
                        try:  # through /proc, as an address has room for 107 characters only
                            return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{self._owner.name}",
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
