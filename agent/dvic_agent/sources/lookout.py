"""A thread that looks into containers: at what begins and ends, at /proc, and into the folders of those that are due.

Control groups tell at once what an engine or systemd begins, and until its first process is in its own tree there is a
look each QUICK seconds, and some more behind that; so a life of milliseconds is met. What has no group of its own is
found at the next look at /proc. A container is looked into while it is fresh at each TICK, others once a second, and
those that have nothing to read every other second. No folder is watched inside, so nothing that a container does costs
more than its look.
"""

import contextlib
import errno
import math
import os
import select
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..clock import Clock
from .bystander import Bystander
from .census import Census
from .claims import Claims, Places
from .container import Container, Found, Naming, Wanted
from .control_groups import ControlGroups, of_people
from .expected import Expected
from .holds import SETTLED, Closings
from .namespace_owner import owner_of
from .namespaces import Group, Namespace
from .open_files import Key, key_of

TICK = 0.1
"""Seconds between looks at /proc, and into containers that are fresh, while processes come."""

CALM, CALMER = 0.25, 1.0
"""The same while none comes, and where control groups tell of what begins."""

QUICK = 0.02
"""The same while a container is expected to begin, or has just begun; less is never between two looks. While a service
is, it is TICK."""

MOST_AT_ONCE = 100
"""Containers that are looked into in one turn, first those that are expected, and control groups whose processes are
asked; the next turn waits as long as this one took."""

OFTEN, EVERY, SELDOM = 0.25, 1.0, 2.0
"""Seconds between looks into containers that are not settled, into others, and into those that have nothing to read."""

AT_LEAST = 10.0
"""Seconds after which it is told that nothing is new, too."""

MAX_CONTAINERS = 400
"""Mount namespaces that are looked into at a time, at most half of them of one user; more are named in the agent's log
and wait."""


@dataclass
class Looked:
    """What one look gave: of containers that are gone, what was left; of those that are there, what is in them; and
    those that ended before they could be looked into, by what is told of them and a number that is theirs alone."""

    gone: list[tuple[Container, Found]] = field(default_factory=list)
    found: list[tuple[Container, Found]] = field(default_factory=list)
    missed: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.gone or self.found or self.missed)


class Lookout:
    """`folders`: where is looked, in each container as on the machine; `seen` hears after each look which namespaces
    there are; `named`: what a container is called; `tell`: what each look gave; `complain`: about whom, of what, and
    whose it is. All four are called by the looking thread. `groups`: where control groups are, None: nobody tells what
    begins."""

    def __init__(self, folders: Sequence[Path], wanted: Wanted, tell: Callable[[Looked], None],
                 complain: Callable[[object, str, Container | None], None], *, clock: Clock, tick: float, proc: str,
                 groups: Path | None, seen: Callable[[Mapping[int, Namespace]], None] | None, named: Naming):
        self._folders = [os.fsencode(folder) for folder in folders]
        self._wanted = wanted
        self._tell, self._complain = tell, complain
        self._clock, self._tick, self._proc = clock, tick, proc
        self._seen, self._named = seen, named
        self.census = Census(proc)
        self._groups = ControlGroups(groups)
        self._expected = Expected()
        self._ended: list[Group] = []
        """Of which it is not told yet."""
        self._closings = Closings()
        self._looker = Bystander()
        self.containers: dict[int, Container] = {}
        self._there: dict[int, Namespace] | None = None
        self._due = 0.0
        """When one of them is to be looked into next."""
        self._owners: dict[int, int] = {}
        """Of each namespace, those that wait among them, the user behind it."""
        self._places = Places(MAX_CONTAINERS)
        self._claims = Claims()
        self._stopped = threading.Event()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._told_of = select.poll()
        for fd in (self._bell, self._groups.fileno()):
            if fd >= 0:
                self._told_of.register(fd, select.POLLIN)
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        self.looked = clock.steady()
        """When a look was last begun, steady seconds."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, and lets go of everything."""
        self._stopped.set()
        self._ring()
        if self._thread.ident:
            self._thread.join(2.0)
        bell, self._bell = self._bell, -1
        os.close(bell)
        self.census.close()
        self._groups.close()
        self._closings.close()
        self._looker.close()
        for container in list(self.containers.values()):
            container.close()

    def look_again(self) -> None:
        """Somebody may have left. Any thread."""
        self.census.somebody_left()
        self._ring()

    def _ring(self) -> None:
        if self._bell >= 0:
            with contextlib.suppress(OSError):
                os.eventfd_write(self._bell, 1)

    def _run(self) -> None:
        told = -math.inf
        while not self._stopped.is_set():
            now = self.looked = self._clock.steady()
            try:
                looked = self._look(now)
                if looked or now >= told + AT_LEAST:
                    self._tell(looked)
                    told = now
            except OSError as error:
                self._complain("look", f"containers can't be looked for: {error}", None)
            except RuntimeError:
                return  # the loop that is told has ended
            self._pause(self._wait(now), self._clock.steady() - now)

    def _pause(self, seconds: float, took: float) -> None:
        """Until the next look: not at once whatever is heard, so that nobody can keep it busy."""
        least = max(QUICK, took)
        self._stopped.wait(least)
        if seconds > least and not self._stopped.is_set():
            self._told_of.poll((seconds - least) * 1000)
        with contextlib.suppress(OSError):  # nobody rang, or it is closed
            os.eventfd_read(self._bell)

    def _wait(self, now: float) -> float:
        """Seconds from one look to the next."""
        awaited = self._expected.awaited(now)
        if any(group.home.engine for group in awaited) or any(
                container.home.engine and (container.newborn(now) or container.expected(now))
                for container in self.containers.values()):
            return QUICK
        if awaited:  # a service, which mostly has no tree of its own
            return self._tick
        stirred = self.census.stirred(now)
        if self._groups.told:
            wait = CALM if stirred else CALMER
        else:
            wait = self._tick if stirred else max(self._tick, CALM)
        return min(wait, max(self._tick, self._due - now))

    def _look(self, now: float) -> Looked:
        for number, key in self._closings.told():
            if container := self.containers.get(number):
                container.holds.closed(key, now)
                container.due = self._due = now
        begun, ended = self._groups.changes()
        if self._groups.trouble:
            self._complain("groups", f"are looked for less often, as of control groups {self._groups.trouble}", None)
        self._expected.begin(begun, now)
        self._ended += ended
        if any(group.home.engine for group in ended):
            self.census.somebody_left()
        awaited = sorted(self._expected.awaited(now), key=lambda group: of_people(group.path))
        for group in awaited[:MOST_AT_ONCE]:
            self.census.expect(self._groups.processes(group), now)
        there = self.census.look(now)
        if there is self._there and now < self._due and not self._ended:
            return Looked()
        self._there = there
        if self._seen:
            self._seen(there)
        looked = self._take_leave(there, now)
        known = [self._container(number, namespace, now) for number, namespace in there.items()]
        due = [container for container in known
               if container and now >= container.due and not self._looker.blames(container.number)]
        due.sort(key=lambda container: (not container.expected(now), container.due))
        looked.found = self._look_into(due[:MOST_AT_ONCE], now)
        self._due = min((one.due for one in known if one and not self._looker.blames(one.number)), default=math.inf)
        # what was looked into for long enough lives in the machine's own tree
        self._expected.met(container.home for container, _ in looked.found if not container.expected(now))
        self._expected.met((container.home for container, _ in looked.gone if container.seen is not None), before=now)
        looked.missed += [(group.home.short, f"0:0:{group.number}") for group in self._expected.end(self._ended)]
        self._ended = []
        return looked

    def _take_leave(self, there: Mapping[int, Namespace], now: float) -> Looked:
        """Of those that are gone."""
        looked = Looked(gone=[self._last_look(self.containers.pop(number), now) for number, container in
                              list(self.containers.items())
                              if number not in there or container.is_another(there[number])])
        for container, found in looked.gone:
            self._claims.leave(container.number)
            self._places.leave(container.owner)
            self._closings.forget(container.number)
            unmet = container.expected(now) and not self._expected.knows(container.home)
            if container.home.engine and (unmet or container.lost(found, now)):
                looked.missed.append((container.name, f"{container.number}:0:{container.pids[0]}"))
        for number in self._owners.keys() - there.keys():
            del self._owners[number]
        return looked

    def _look_into(self, containers: list[Container], now: float) -> list[tuple[Container, Found]]:
        own = self._own() if containers else set()
        answers = self._looker.do_each([(one.number, lambda one=one: self._inside(one, own, now))
                                        for one in containers])
        found = []
        for container, (seen, error) in zip(containers, answers, strict=True):
            container.due = _due(container, seen, now)
            if error is None:
                found.append((container, seen))
            elif isinstance(error, TimeoutError):
                self._complain(container.number, "does not answer, and is not looked into any more", container)
            elif not isinstance(error, OSError):
                raise error
            elif error.errno == errno.ESRCH:
                self.census.somebody_left()
            elif error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._complain(container.number, f"can't be looked into: {error.strerror}", container)
        return found

    def _own(self) -> set[Key]:
        """The machine's own folders."""
        return {key_of(os.stat(folder)) for folder in self._folders if os.path.isdir(folder)}

    def _last_look(self, container: Container, now: float) -> tuple[Container, Found]:
        """What came since the look before, in the folders that are open still."""
        container.over = True
        if container.folders:
            with contextlib.suppress(OSError):  # TimeoutError is one
                return container, self._looker.do(container.number, lambda: self._inside(container, self._own(), now))
        return container, Found(whole=False)

    def _container(self, number: int, namespace: Namespace, now: float) -> Container | None:
        container = self.containers.get(number)
        if container is None:
            owner = self._owners.get(number, -1)
            if owner < 0:
                owner = self._owners[number] = owner_of(namespace.pids[0], self._proc)
            if not self._places.take(owner):
                self._complain(f"user {owner}", f"of user {owner} waits: {len(self.containers)} others are looked "
                               "into already (MAX_CONTAINERS, half of them of one user)", None)
                return None
            container = self.containers[number] = Container(number, now, self._proc, self._closings, owner,
                                                            self._named)
        container.pids, container.home = namespace.pids, namespace.home
        return container

    def _inside(self, container: Container, own: Collection[Key], now: float) -> Found:
        """By the bystander: what is in the container's folders that are not the machine's `own`."""
        self.looked = self._clock.steady()

        def theirs(key: Key) -> bool:
            return key not in own and self._claims.take(container.number, key)

        self._claims.begin(container.number)
        found = container.look(self._folders, self._wanted, theirs, now)
        self._claims.end(container.number)
        return found


def _due(container: Container, found: Found | None, now: float) -> float:
    """When to look into it again. `found`: None where that failed."""
    if container.expected(now) or container.newborn(now):
        return now
    if container.fresh(now):
        return now + TICK
    if found is None:
        return _next(now, EVERY)
    often = OFTEN if now - container.since < SETTLED else EVERY if found.files or found.packages else SELDOM
    return min(container.holds.due(), _next(now, often))


def _next(now: float, seconds: float) -> float:
    """The same moment for all that are looked at so often: to wake up once costs less."""
    return (now // seconds + 1) * seconds
