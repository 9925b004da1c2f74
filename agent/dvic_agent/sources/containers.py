"""The stream `containers`: which containers there are, and how each does. container_states.py says by what rules.

    what the kernel shows (lookout.py) ─┐
                                        ├─>  states  ->  ring  ->  hub        names  ->  the lines of contained files
    what engines say (engine.py)       ─┘

Told is what changed; and all there are at the start and every WHOLE seconds, `whole`, so that the hub forgets what
went while nobody looked. A service with a /tmp of its own is no container and is not told.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dvic_wire.streams import CONTAINERS

from ..clock import Clock
from .container_states import ContainerStates
from .engine import Engine
from .engine_answers import TROUBLE
from .namespaces import Home, Namespace
from .processes import PROC, boot_time, look
from .sampled import Sampled
from .source import Wake

PERIOD = 1.0
"""Seconds between two looks; what is heard is looked at sooner."""

WHOLE = 600.0
"""Seconds between two records that tell of all containers."""

MAX_SEEN = 400
"""Containers of which the kernel's word is taken; lookout.py looks into as many."""

GRACE = 0.5
"""Seconds in which an engine can say more of a new container before the kernel's word alone is told."""

IN_ONE_RECORD = 200
"""Changes told in one record."""


class Containers(Sampled):
    """The source `containers`. `kernel`: whether `seen` will be called."""

    def __init__(self, sockets: Sequence[Path], folder: Path, *, kernel: bool = True, room: int = 8 * 1024 * 1024,
                 period: float = PERIOD, clock: Clock | None = None, proc: Path = PROC):
        clock = clock or Clock()
        super().__init__(CONTAINERS, self._records, folder, period=period, room=room, clock=clock)
        self._steady = clock.steady
        self._proc = proc
        self._states = ContainerStates()
        self._engines = [Engine(socket, self.ask_now, clock) for socket in sockets]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task] = []
        self._seen: dict[Home, int] | None = {} if kernel else None
        self._began: dict[int, int] = {}
        """When the first process of each namespace did, microseconds; 0 where nobody could tell."""
        self._witnesses: list[tuple[int, ...]] = []
        """Of each namespace, processes by which it is known."""
        self.left: Callable[[], None] = lambda: None
        """Called, in whatever thread, when those of one have ended: the kernel is to be asked again."""
        self._new: dict[Home, float] = {}
        """When each was first seen, steady seconds."""
        self._looked = not kernel
        self._whole_at = 0.0

    @property
    def unavailable(self) -> str:
        """For `dvic-agent status`."""
        return "; ".join(f"{TROUBLE} {engine.socket} can't be asked: {engine.trouble}"
                         for engine in self._engines if engine.trouble)

    def set_period(self, seconds: float) -> None:
        """The hub's wish is for hardware."""

    def start(self, wake: Wake) -> None:
        super().start(wake)
        self._tasks = [asyncio.create_task(engine.run(), name=f"engine {engine.socket}") for engine in self._engines]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        super().stop()

    def seen(self, namespaces: Mapping[int, Namespace]) -> None:
        """What the kernel shows now; by the thread that asked it."""
        began: dict[int, int] = {}
        witnesses = []
        now: dict[Home, int] = {}
        for number, namespace in namespaces.items():
            home = namespace.home
            if home.engine and home.id and (home in now or len(now) < MAX_SEEN):
                witnesses.append(namespace.pids)
                began[number] = self._began.get(number) or self._ask_when(namespace.pids)
                now[home] = min(began[number], now.get(home) or began[number])
        self._began, self._witnesses = began, witnesses
        steady = self._steady()
        self._new = {home: self._new.get(home, steady) for home in now}
        first, self._looked = not self._looked, True
        if now != self._seen or first:
            self._seen = now
            self._call(self.ask_now)

    def named(self, home: Home) -> tuple[str, str] | None:
        """Name and image of a container where its engine has told them. Any thread."""
        return next((found for engine in self._engines if (found := engine.name_of(home.id))), None)

    def _settled(self, steady: float) -> dict[Home, int] | None:
        """What was seen, without what engines that are asked may be about to tell better."""
        seen, new = self._seen, self._new
        if seen is None or not any(engine.fresh for engine in self._engines):
            return seen
        return {home: since for home, since in seen.items() if steady - new.get(home, steady) >= GRACE}

    def _call(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            if self._loop:
                self._loop.call_soon_threadsafe(what)

    def _ask_when(self, pids: Sequence[int]) -> int:
        process = look(pids[0], self._proc)
        return process.started(boot_time(self._proc)) if process else 0

    def _records(self, now: int) -> list[dict]:
        if not self._looked or (not self._whole_at and not all(one.fresh or one.trouble for one in self._engines)):
            return []  # what is not known yet is not told as all there is
        if any(not any((self._proc / str(pid)).exists() for pid in pids) for pids in self._witnesses):
            self.left()
        told = [(one, engine.fresh) for engine in self._engines for one in list(engine.told.values())]
        buried = [one for engine in self._engines for one in engine.buried()]
        steady = self._steady()
        changed = self._states.compare(self._settled(steady), told, buried, now, steady)
        if steady >= self._whole_at:
            self._whole_at = steady + WHOLE
            return [{"time": now, "containers": self._states.all(), "whole": True}]
        return [{"time": now, "containers": changed[at:at + IN_ONE_RECORD]}
                for at in range(0, len(changed), IN_ONE_RECORD)]
