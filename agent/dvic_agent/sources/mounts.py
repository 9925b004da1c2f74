"""The dvic_log files in the /tmp of containers and of services that have one of their own, each a stream.

A thread looks at /proc and into the containers: at a new one TICK after TICK, at others once a second. Nothing is
watched inside, so nothing that a container does costs more than its look. What is the machine's own /tmp, or another
container's, is read there and not twice.

A file is kept open while its container runs (a few of each), so that its end can still be read when the container has
ended; HOLD seconds later nothing of it is open any more, and what was not read by then is a gap.
"""

import asyncio
import errno
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from pathlib import Path

from dvic_wire.streams import MOUNT_PREFIX, Gap

from ..clock import Clock
from .bystander import Bystander
from .census import Census
from .contained_file import ContainedFile
from .container import MAX_INSIDE, Container, Found, Naming
from .inside import MAX_NAMES
from .namespaces import Namespace
from .open_files import Key, key_of
from .source import Stream, Wake
from .vanished import VanishedStream

log = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between looks at /proc, and into containers that are new."""

SETTLED = 10.0
"""Seconds after which a container is looked into once a second only."""

HOLD = 1.0
"""Seconds for which files of a container that has ended are kept open at most."""

MAX_CONTAINERS = 300
"""Mount namespaces that are looked into at a time; more are named in the agent's log and wait."""


_SYS_PTRACE = 19


def may_look(status: Path = Path("/proc/self/status")) -> bool:
    """Whether this process has the one capability that it takes."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> _SYS_PTRACE & 1)


class Mounts:
    """A source. `folders`: where log files are looked for, in each container as on the machine itself. `seen` hears
    after each look, in the looking thread, which namespaces there are; `named`: what a container is called."""

    def __init__(self, folders: Sequence[Path], pattern: str = "dvic_log_*", *, clock: Clock | None = None,
                 tick: float = TICK, proc: str = "/proc", seen: Callable[[Mapping[int, Namespace]], None] | None = None,
                 named: Naming = lambda home: None):
        self._folders = [os.fsencode(folder) for folder in folders]
        self._wanted = re.compile(os.fsencode(translate(pattern)))
        self._clock = clock or Clock()
        self._tick = tick
        self._proc = proc
        self._census = Census(proc)
        self._seen, self._named = seen, named
        self._looker, self._reader = Bystander(), Bystander()
        self._containers: dict[int, Container] = {}
        """The thread's; the loop gets what it found."""
        self._belongs: dict[Key, int] = {}
        """Whose a folder is that several may have."""
        self._streams: dict[str, Stream] = {}
        self._ending: list[tuple[float, Container]] = []
        self._taken_in = False
        """A look was: what is not found now is gone."""
        self._asked: set[str] = set()
        self._complained: set[object] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._looked = 0.0

    # the promise

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._looked = self._clock.steady()
        self._thread = threading.Thread(target=self._run, name="mounts", daemon=True)
        self._thread.start()

    def welcome(self, cursors: dict[str, str]) -> None:
        self._asked = {name for name in cursors if name.startswith(MOUNT_PREFIX)}
        if self._taken_in:
            self._say_farewell()

    def streams(self) -> Iterable[Stream]:
        return list(self._streams.values())

    def released(self, stream: str) -> None:
        known = self._streams.pop(stream, None)
        if isinstance(known, ContainedFile):
            known.let_go()

    def moving(self) -> bool:
        return self._clock.steady() - self._looked < 120

    def stop(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join(2.0)
        self._looker.close()
        self._reader.close()
        for container in [*self._containers.values(), *(container for _, container in self._ending)]:
            container.files.close()

    # the thread

    def _run(self) -> None:
        while not self._stopped.is_set():
            now = self._looked = self._clock.steady()
            try:
                gone, found = self._look(now)
                self._loop.call_soon_threadsafe(self._take_in, gone, found)
            except OSError as error:
                self._complain("look", f"containers can't be looked for: {error}")
            except RuntimeError:
                return  # the loop has ended
            self._stopped.wait(self._tick)

    def _look(self, now: float) -> tuple[list[Container], list[tuple[Container, Found]]]:
        there = self._census.look(now)
        if self._seen:
            self._seen(there)
        gone = [self._containers.pop(number) for number in self._containers.keys() - there.keys()]
        for container in gone:
            self._belongs = {key: owner for key, owner in self._belongs.items() if owner != container.number}
        found = []
        for number, namespace in there.items():
            container = self._container(number, namespace, now)
            if container and not self._looker.blames(number) and now >= container.due:
                container.due = now + (0 if now - container.since < SETTLED else 1.0)
                try:
                    found.append((container, self._looker.do(number, lambda one=container: self._inside(one))))
                except TimeoutError:
                    self._complain(number, "does not answer, and is not looked into any more")
                except OSError as error:
                    if error.errno not in (errno.ESRCH, errno.ENOENT, errno.ENOTDIR):
                        self._complain(number, f"can't be looked into: {error.strerror}")
        return gone, found

    def _container(self, number: int, namespace: Namespace, now: float) -> Container | None:
        container = self._containers.get(number)
        if container is None:
            if len(self._containers) >= MAX_CONTAINERS:
                self._complain("many", f"waits: {MAX_CONTAINERS} others are looked into already (MAX_CONTAINERS)")
                return None
            container = self._containers[number] = Container(number, now, self._proc, self._named)
        container.pids, container.home = namespace.pids, namespace.home
        return container

    def _inside(self, container: Container) -> Found:
        """By the bystander: what is in the container's folders."""
        own = {key_of(os.stat(folder)) for folder in self._folders if os.path.isdir(folder)}

        def theirs(key: Key) -> bool:
            return key not in own and self._belongs.setdefault(key, container.number) == container.number

        return container.look(self._folders, self._wanted, theirs)

    # the loop

    def _take_in(self, gone: list[Container], found: list[tuple[Container, Found]]) -> None:
        now = self._clock.steady()
        for container, what in found:
            self._compare(container, what)
        for container in gone:
            self._ending.append((now + HOLD, container))
            for file in self._files(container):
                self._over(file)
        for until, container in list(self._ending):
            if now >= until:
                self._ending.remove((until, container))
                container.files.close()
        self._taken_in = True
        self._say_farewell()

    def _compare(self, container: Container, found: Found) -> None:
        for key, (path, status) in found.files.items():
            name = f"{MOUNT_PREFIX}{container.number}:{key[0]}:{key[1]}"
            file = self._streams.get(name)
            if not isinstance(file, ContainedFile):
                if len(self._files(container)) >= 2 * MAX_INSIDE:
                    continue  # many came and went, and the hub has not stored their ends
                file = self._streams[name] = ContainedFile(container, key, path, status.st_uid, self._clock,
                                                           self._reader)
            if file.path != path:
                file.called(path)
            if file.grew(status) or file.waiting:
                file.size = status.st_size
                self._wake(name)
        for file in self._files(container) if found.whole else ():
            if file.key not in found.files:
                self._over(file)
        for path, why in found.refused.items():
            self._complain((container.number, path), f"{ascii(os.fsdecode(path))} {why}", container)
        if found.more or not found.whole:
            self._complain((container.number, "many"), f"has more than {MAX_INSIDE} log files (MAX_INSIDE), "
                           f"or more than {MAX_NAMES} names in a folder (MAX_NAMES)", container)

    def _files(self, container: Container) -> list[ContainedFile]:
        return [file for file in self._streams.values() if isinstance(file, ContainedFile)
                and file.container is container]

    def _over(self, file: ContainedFile) -> None:
        if not file.over:
            file.end()
            self._wake(file.name)

    def _say_farewell(self) -> None:
        """To what the hub has a cursor of, and no container has any more."""
        asked, self._asked = self._asked, set()
        for name in asked - self._streams.keys():
            lost = Gap("deleted", "the container was gone when the agent looked for it", unit="bytes")
            self._streams[name] = VanishedStream(name, lost, self._clock)
            self._wake(name)

    def _complain(self, about: object, what: str, container: Container | None = None) -> None:
        if about not in self._complained and len(self._complained) < 1000:
            self._complained.add(about)
            log.warning("container %s: %s", container.home.short if container else about, what)
