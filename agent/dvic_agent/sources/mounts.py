"""The dvic_log files and packages in the /tmp of containers and of services that have one of their own, each a stream.

A thread looks at /proc and into the containers: at a new one TICK after TICK, at others once a second, and at those
that have nothing to read every other second. No folder is watched inside, so nothing that a container does costs more
than its look. What is the machine's own /tmp, or another container's, is read there and not twice.

Files are kept open as holds.py says (a few of each container), so that their end can still be read when the container
has ended; HOLD seconds later nothing of it is open any more, and what was not read by then is a gap.
"""

import asyncio
import contextlib
import errno
import logging
import math
import os
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from dvic_wire.streams import MOUNT_PREFIX, Gap

from ..clock import Clock
from .bystander import Bystander
from .census import Census
from .claims import Claims, Places
from .contained_file import ContainedFile
from .contained_packages import ContainedPackages
from .container import MAX_INSIDE, MAX_PACKAGES_INSIDE, Container, Found, Naming, Wanted
from .holds import SETTLED, Closings
from .inside import MAX_NAMES
from .namespace_owner import owner_of
from .namespaces import Namespace
from .open_files import Key, key_of
from .source import Stream, Wake
from .vanished import VanishedStream

log = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between looks at /proc, and into containers that are fresh, while processes come."""

CALM = 0.25
"""The same while none comes."""

QUICK = 0.02
"""The same while a container is expected to begin."""

MOST_AT_ONCE = 100
"""Containers that are looked into in one turn, first those that are expected; the next turn waits as long as this one
took."""

OFTEN, EVERY, SELDOM = 0.25, 1.0, 2.0
"""Seconds between looks into containers that are not settled, into others, and into those that have nothing to read."""

HOLD = 1.0
"""Seconds for which files of a container that has ended are kept open at most."""

MAX_CONTAINERS = 400
"""Mount namespaces that are looked into at a time, at most half of them of one user; more are named in the agent's log
and wait."""

_SYS_PTRACE = 19


def may_look(status: Path = Path("/proc/self/status")) -> bool:
    """Whether this process has the one capability that it takes."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> _SYS_PTRACE & 1)


class Mounts:
    """A source. `folders`: where files are looked for, in each container as on the machine itself; `packages`: by what
    names packages are, None: they are not looked for. `seen` hears after each look, in the looking thread, which
    namespaces there are; `named`: what a container is called."""

    def __init__(self, folders: Sequence[Path], pattern: str = "dvic_log_*", packages: str | None = "dvic_package_*", *,
                 clock: Clock | None = None, tick: float = TICK, proc: str = "/proc",
                 seen: Callable[[Mapping[int, Namespace]], None] | None = None, named: Naming = lambda home: None):
        self._folders = [os.fsencode(folder) for folder in folders]
        self._wanted = Wanted(pattern, packages)
        self._clock = clock or Clock()
        self._tick = tick
        self._proc = proc
        self._census = Census(proc)
        self._seen, self._named = seen, named
        self._closings = Closings()
        self._looker, self._reader = Bystander(), Bystander()
        self._packages = ContainedPackages(self._clock, self._reader, self._complain)
        self._containers: dict[int, Container] = {}
        """The thread's; the loop gets what it found."""
        self._there: dict[int, Namespace] | None = None
        self._due = 0.0
        """When one of them is to be looked into next."""
        self._owners: dict[int, int] = {}
        """Of each namespace, those that wait among them, the user behind it."""
        self._places = Places(MAX_CONTAINERS)
        self._claims = Claims()
        self._streams: dict[str, Stream] = {}
        self._files_of: dict[int, dict[Key, ContainedFile]] = {}
        """Of each namespace, its streams of files."""
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
        self._packages.start(wake)
        self._loop = asyncio.get_running_loop()
        self._looked = self._clock.steady()
        self._thread = threading.Thread(target=self._run, name="mounts", daemon=True)
        self._thread.start()

    def welcome(self, cursors: dict[str, str]) -> None:
        self._asked = {name for name in cursors if name.startswith(MOUNT_PREFIX)}
        self._packages.welcome(cursors)
        if self._taken_in:
            self._say_farewell()

    def streams(self) -> Iterable[Stream]:
        return [*self._streams.values(), *self._packages.streams()]

    def released(self, stream: str) -> None:
        self._packages.released(stream)
        known = self._streams.pop(stream, None)
        if isinstance(known, ContainedFile):
            known.let_go()
            files = self._files_of[known.container.number]
            files.pop(known.key, None)
            if not files:
                del self._files_of[known.container.number]

    def moving(self) -> bool:
        return self._clock.steady() - self._looked < 120

    def stop(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join(2.0)
        self._census.close()
        self._closings.close()
        self._looker.close()
        self._reader.close()
        for container in [*self._containers.values(), *(container for _, container in self._ending)]:
            container.close()

    def look_again(self) -> None:
        """Somebody may have left. Any thread."""
        self._census.somebody_left()

    # the thread

    def _run(self) -> None:
        told = -EVERY
        while not self._stopped.is_set():
            now = self._looked = self._clock.steady()
            try:
                gone, found = self._look(now)
                if gone or found or self._ending or now >= told + EVERY:
                    self._loop.call_soon_threadsafe(self._take_in, gone, found)
                    told = now
            except OSError as error:
                self._complain("look", f"containers can't be looked for: {error}")
            except RuntimeError:
                return  # the loop has ended
            wait = QUICK if self._expects(now) else self._tick if self._census.stirred(now) else max(self._tick, CALM)
            self._stopped.wait(max(wait, self._clock.steady() - now))

    def _look(self, now: float) -> tuple[list[tuple[Container, Found]], list[tuple[Container, Found]]]:
        """What was left in containers that have gone, and what is in those that are there."""
        for number, key in self._closings.told():
            if container := self._containers.get(number):
                container.holds.closed(key, now)
                container.due = self._due = now
        there = self._census.look(now)
        if there is self._there and now < self._due:
            return [], []
        self._there = there
        if self._seen:
            self._seen(there)
        gone = [self._last_look(self._containers.pop(number), now) for number, container in
                list(self._containers.items()) if number not in there or container.is_another(there[number])]
        for container, _ in gone:
            self._claims.leave(container.number)
            self._places.leave(container.owner)
            self._closings.forget(container.number)
        for number in self._owners.keys() - there.keys():
            del self._owners[number]
        known = [self._container(number, namespace, now) for number, namespace in there.items()]
        due = [container for container in known
               if container and now >= container.due and not self._looker.blames(container.number)]
        due.sort(key=lambda container: (not container.expected(now), container.due))
        found = self._look_into(due[:MOST_AT_ONCE], now)
        self._due = min((one.due for one in known if one and not self._looker.blames(one.number)), default=math.inf)
        return gone, found

    def _look_into(self, containers: list[Container], now: float) -> list[tuple[Container, Found]]:
        own = self._own() if containers else set()
        answers = self._looker.do_each([(one.number, lambda one=one: self._inside(one, own, now))
                                        for one in containers])
        found = []
        for container, (seen, error) in zip(containers, answers, strict=True):
            container.due = now if container.expected(now) or container.fresh(now) else _next(now, EVERY)
            if error is None:
                found.append((container, seen))
                if container.due > now:
                    container.due = min(container.holds.due(), _next(now, OFTEN if now - container.since < SETTLED else
                                                                     EVERY if seen.files or seen.packages else SELDOM))
            elif isinstance(error, TimeoutError):
                self._complain(container.number, "does not answer, and is not looked into any more", container)
            elif not isinstance(error, OSError):
                raise error
            elif error.errno == errno.ESRCH:
                self._census.somebody_left()
            elif error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._complain(container.number, f"can't be looked into: {error.strerror}", container)
        return found

    def _own(self) -> set[Key]:
        """The machine's own folders."""
        return {key_of(os.stat(folder)) for folder in self._folders if os.path.isdir(folder)}

    def _expects(self, now: float) -> bool:
        """Whether an engine has begun a container that is not in its own tree yet."""
        return any(container.home.engine and container.expected(now) for container in self._containers.values())

    def _last_look(self, container: Container, now: float) -> tuple[Container, Found]:
        """What came since the look before, in the folders that are open still."""
        container.over = True
        if container.folders:
            with contextlib.suppress(OSError):  # TimeoutError is one
                return container, self._looker.do(container.number, lambda: self._inside(container, self._own(), now))
        return container, Found(whole=False)

    def _container(self, number: int, namespace: Namespace, now: float) -> Container | None:
        container = self._containers.get(number)
        if container is None:
            owner = self._owners.get(number, -1)
            if owner < 0:
                owner = self._owners[number] = owner_of(namespace.pids[0], self._proc)
            if not self._places.take(owner):
                self._complain(f"user {owner}", f"of user {owner} waits: {len(self._containers)} others are looked "
                               "into already (MAX_CONTAINERS, half of them of one user)")
                return None
            container = self._containers[number] = Container(number, now, self._proc, self._closings, owner,
                                                             self._named)
        container.pids, container.home = namespace.pids, namespace.home
        return container

    def _inside(self, container: Container, own: Collection[Key], now: float) -> Found:
        """By the bystander: what is in the container's folders that are not the machine's `own`."""
        self._looked = self._clock.steady()

        def theirs(key: Key) -> bool:
            return key not in own and self._claims.take(container.number, key)

        self._claims.begin(container.number)
        found = container.look(self._folders, self._wanted, theirs, now)
        self._claims.end(container.number)
        return found

    # the loop

    def _take_in(self, gone: list[tuple[Container, Found]], found: list[tuple[Container, Found]]) -> None:
        now = self._clock.steady()
        for container, what in gone:
            self._compare(container, what)
            self._packages.ended(container)
            if container.home.engine and container.expected(now):
                self._miss(container)
        for container, what in found:
            self._compare(container, what)
            self._packages.take_in(container, what)
        for container, _ in gone:
            self._ending.append((now + HOLD, container))
            for file in self._files(container):
                self._over(file)
        for until, container in list(self._ending):
            if now >= until:
                self._ending.remove((until, container))
                container.close()
        self._taken_in = True
        self._say_farewell()

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

    def _miss(self, container: Container) -> None:
        """It ended before it was looked into: whether it logged anything is not known."""
        name = f"{MOUNT_PREFIX}{container.number}:0:{container.pids[0]}"
        lost = Gap("deleted", f"container {container.name} ended before it could be looked into", unit="bytes")
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


def _next(now: float, seconds: float) -> float:
    """The same moment for all that are looked at so often: to wake up once costs less."""
    return (now // seconds + 1) * seconds
