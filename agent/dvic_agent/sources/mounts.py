"""The dvic_log files and packages in the /tmp of containers and of services that have one of their own, each a stream.

lookout.py finds them, in a thread; here they become streams, in the loop. What is the machine's own /tmp, or another
container's, is read there and not twice.

Files are kept open as holds.py says (a few of each container), so that their end can still be read when the container
has ended; HOLD seconds later nothing of it is open any more, and what was not read by then is a gap.
"""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dvic_wire.streams import MOUNT_PREFIX, Gap

from ..clock import Clock
from .bystander import Bystander
from .contained_file import ContainedFile
from .contained_packages import ContainedPackages
from .container import MAX_INSIDE, MAX_PACKAGES_INSIDE, Container, Found, Naming, Wanted
from .inside import MAX_NAMES
from .lookout import TICK, Looked, Lookout
from .namespaces import Namespace
from .open_files import Key
from .source import Stream, Wake
from .vanished import VanishedStream

log = logging.getLogger(__name__)

HOLD = 1.0
"""Seconds for which files of a container that has ended are kept open at most."""

MAX_MISSED = 200
"""Containers that ended unseen, and of which the hub was not told yet; of more it is not told."""

_SYS_PTRACE = 19


def may_look(status: Path = Path("/proc/self/status")) -> bool:
    """Whether this process has the one capability that it takes."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> _SYS_PTRACE & 1)


class Mounts:
    """A source. `folders`: where files are looked for, in each container as on the machine itself; `packages`: by what
    names packages are, None: they are not looked for. `seen` hears after each look, in the looking thread, which
    namespaces there are; `named`: what a container is called; `groups`: where control groups are."""

    def __init__(self, folders: Sequence[Path], pattern: str = "dvic_log_*", packages: str | None = "dvic_package_*", *,
                 clock: Clock | None = None, tick: float = TICK, proc: str = "/proc", groups: Path | None = None,
                 seen: Callable[[Mapping[int, Namespace]], None] | None = None, named: Naming = lambda home: None):
        self._clock = clock or Clock()
        self.lookout = Lookout(folders, Wanted(pattern, packages), self._tell, self._complain, clock=self._clock,
                               tick=tick, proc=proc, groups=groups, seen=seen, named=named)
        self._reader = Bystander()
        self._packages = ContainedPackages(self._clock, self._reader, self._complain)
        self._streams: dict[str, Stream] = {}
        self._files_of: dict[int, dict[Key, ContainedFile]] = {}
        """Of each namespace, its streams of files."""
        self._ending: set[Container] = set()
        self._missed: set[str] = set()
        self._taken_in = False
        """A look was: what is not found now is gone."""
        self._asked: set[str] = set()
        self._complained: set[object] = set()

    # the promise

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._packages.start(wake)
        self._loop = asyncio.get_running_loop()
        self.lookout.start()

    def welcome(self, cursors: dict[str, str]) -> None:
        self._asked = {name for name in cursors if name.startswith(MOUNT_PREFIX)}
        self._packages.welcome(cursors)
        if self._taken_in:
            self._say_farewell()

    def streams(self) -> Iterable[Stream]:
        return [*self._streams.values(), *self._packages.streams()]

    def released(self, stream: str) -> None:
        self._packages.released(stream)
        self._missed.discard(stream)
        known = self._streams.pop(stream, None)
        if isinstance(known, ContainedFile):
            known.let_go()
            files = self._files_of[known.container.number]
            files.pop(known.key, None)
            if not files:
                del self._files_of[known.container.number]

    def moving(self) -> bool:
        return self._clock.steady() - self.lookout.looked < 120

    def stop(self) -> None:
        self.lookout.stop()
        self._reader.close()
        for container in self._ending:
            container.close()

    def look_again(self) -> None:
        """Somebody may have left. Any thread."""
        self.lookout.look_again()

    # the looking thread

    def _tell(self, looked: Looked) -> None:
        self._loop.call_soon_threadsafe(self._take_in, looked)

    # the loop

    def _take_in(self, looked: Looked) -> None:
        for container, what in looked.gone:
            self._compare(container, what)
            self._packages.ended(container, what)
        for container, what in looked.found:
            self._compare(container, what)
            self._packages.take_in(container, what)
        for container, _ in looked.gone:
            self._ending.add(container)
            self._loop.call_later(HOLD, self._let_go, container)
            for file in self._files(container):
                self._over(file)
        for name, number in looked.missed:
            self._miss(name, number)
        self._taken_in = True
        self._say_farewell()

    def _let_go(self, container: Container) -> None:
        self._ending.discard(container)
        self._packages.let_go(container)
        container.close()

    def _compare(self, container: Container, found: Found) -> None:
        for key, (path, status) in found.files.items():
            name = f"{MOUNT_PREFIX}{container.number}:{key[0]}:{key[1]}"
            file = self._streams.get(name)
            if not isinstance(file, ContainedFile) or file.container is not container:  # its numbers are given anew
                if len(self._files(container)) >= 2 * MAX_INSIDE:
                    continue  # many came and went, and the hub has not stored their ends
                file = self._streams[name] = ContainedFile(container, key, path, status.st_uid, self._clock,
                                                           self._reader)
                self._files_of.setdefault(container.number, {})[key] = file
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
        if found.more or not (found.whole or container.over):
            self._complain((container.number, "many"), f"has more than {MAX_INSIDE} log files (MAX_INSIDE) or "
                           f"{MAX_PACKAGES_INSIDE} packages (MAX_PACKAGES_INSIDE), or more than {MAX_NAMES} names in a "
                           "folder (MAX_NAMES)", container)

    def _files(self, container: Container) -> list[ContainedFile]:
        return [file for file in self._files_of.get(container.number, {}).values() if file.container is container]

    def _over(self, file: ContainedFile) -> None:
        if not file.over:
            file.end()
            self._wake(file.name)

    def _miss(self, container: str, number: str) -> None:
        """It ended before it was looked into: whether it logged anything is not known."""
        name = f"{MOUNT_PREFIX}{number}"
        if name not in self._missed and len(self._missed) >= MAX_MISSED:
            self._complain("missed", f"more than {MAX_MISSED} ended before they could be looked into (MAX_MISSED)")
            return
        self._missed.add(name)
        lost = Gap("deleted", f"container {container} ended before it could be looked into", unit="bytes")
        self._streams[name] = VanishedStream(name, lost, self._clock)
        self._wake(name)

    def _say_farewell(self) -> None:
        """To what the hub has a cursor of, and no container has any more."""
        self._packages.say_farewell()
        asked, self._asked = self._asked, set()
        for name in asked - self._streams.keys():
            lost = Gap("deleted", "the container was gone when the agent looked for it", unit="bytes")
            self._streams[name] = VanishedStream(name, lost, self._clock)
            self._wake(name)

    def _complain(self, about: object, what: str, container: Container | None = None) -> None:
        if about not in self._complained and len(self._complained) < 1000:
            self._complained.add(about)
            log.warning("container %s: %s", container.name if container else about, what)
