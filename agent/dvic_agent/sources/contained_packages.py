"""The histogram packages in containers: each a stream that says from which container it is.

They are as those of the machine (packages.py), but:

- Nothing is watched inside. A package is looked at when its container is, and read when it has changed, as it is then
  (through inside.py). Nothing of it stays open.
- A package is known by its container too, and that by what its engine or systemd calls it: a service that was started
  anew goes on with its package. Where several namespaces have one home, the others are known by their numbers.
- A publisher is not told what could not be used: nothing is ever written in a container. The agent's journal has it.
"""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable

from dvic_wire.streams import is_contained_package

from ..clock import Clock
from .bystander import Bystander
from .container import Container, Found
from .package_file import GonePackage, PackageStream, state_of, stream_name
from .source import Stream, Wake

log = logging.getLogger(__name__)

MAX_CONTAINED_PACKAGES = 300
"""Package files followed in all containers together, at most half of them of one owner; more are named in the agent's
log and wait."""

SETTLED = 2.0
"""Seconds after which a home that no engine named is believed: a first process is moved into its control group late."""

Complain = Callable[[object, str, Container], None]
"""Names what is wrong with a container, once for each thing."""


class ContainedPackage(PackageStream):
    """`home`: a hash of whose it is; `path` is the one that the container knows."""

    def __init__(self, container: Container, home: str, path: bytes, uid: int, clock: Clock, reader: Bystander):
        super().__init__(path, uid, self._tell, clock, home)
        self.container = container
        self.ending = False
        """Its container has ended; what the last look saw of it is read, if that is soon."""
        self._reader = reader
        self._looked: tuple | None = None

    def changed(self, status: os.stat_result) -> bool:
        """Whether it is not what the last look saw."""
        before, self._looked = self._looked, state_of(status)
        return before != self._looked

    def _bytes(self, cursor: str) -> tuple[bytes | None, os.stat_result]:
        self.about = {**self.about, "container": self.container.told}
        read = super()._bytes
        return self._reader.do(self.container.number, lambda: read(cursor))

    def _open(self) -> int:
        return self.container.open(self.path)

    def _tell(self, path: bytes, instance: str, reason: str) -> None:
        if reason:
            log.warning("package %s in container %s is not shown: %s", ascii(os.fsdecode(path)),
                        self.container.name, reason)


class ContainedPackages:
    """A part of the source Mounts, used by the loop's thread; `reader` reads."""

    def __init__(self, clock: Clock, reader: Bystander, complain: Complain, most: int = MAX_CONTAINED_PACKAGES):
        self._clock = clock
        self._reader = reader
        self._complain = complain
        self._most = most
        self._streams: dict[str, Stream] = {}
        self._by_path: dict[int, dict[bytes, ContainedPackage]] = {}
        """Of each namespace, those that are there."""
        self._ending: dict[Container, list[ContainedPackage]] = {}
        self._of_owner: Counter[int] = Counter()
        self._asked: set[str] = set()
        self._since = 0.0

    def start(self, wake: Wake) -> None:
        self._wake = wake
        self._since = self._clock.steady()

    def welcome(self, cursors: dict[str, str]) -> None:
        self._asked = {name for name in cursors if is_contained_package(name)}

    def streams(self) -> Iterable[Stream]:
        return self._streams.values()

    def released(self, stream: str) -> None:
        known = self._streams.pop(stream, None)
        if isinstance(known, ContainedPackage):
            self._of_owner[known.uid] -= 1

    def take_in(self, container: Container, found: Found) -> None:
        """A look into a container gave this."""
        if not (container.home.engine or self._clock.steady() - container.since >= SETTLED):
            return
        here = self._by_path.setdefault(container.number, {})
        for path, status in found.packages.items():
            if path in here and here[path].uid != status.st_uid:
                self._left(here.pop(path))
            package = here.get(path) or self._add(container, path, status.st_uid)
            if package:
                here[path] = package
                if package.changed(status) or package.waiting:
                    self._wake(package.name)
        if found.whole:
            for path in here.keys() - found.packages.keys():
                self._left(here.pop(path))

    def ended(self, container: Container, found: Found) -> None:
        """`found`: at the last look, in the folders that are open still; what it gave can be read until `let_go`."""
        self.take_in(container, found)
        for path, package in self._by_path.pop(container.number, {}).items():
            if path in found.packages:
                package.ending = True
                self._ending.setdefault(container, []).append(package)
            else:
                self._left(package)

    def let_go(self, container: Container) -> None:
        """Nothing of a container that has ended is open any more."""
        for package in self._ending.pop(container, []):
            self._left(package)

    def say_farewell(self) -> None:
        """To what the hub has a cursor of, and no container has any more: when all have had time to be seen."""
        if self._asked and self._clock.steady() - self._since > 2 * SETTLED:
            asked, self._asked = self._asked, set()
            for name in asked - self._streams.keys():
                self._streams[name] = GonePackage(name)
                self._wake(name)

    def _add(self, container: Container, path: bytes, uid: int) -> ContainedPackage | None:
        home = _hash(container.home_id)
        before = self._streams.get(stream_name(path, uid, home))
        if isinstance(before, ContainedPackage) and not before.over and not before.ending:
            home = _hash(f"{container.home_id} {container.number}")
            before = self._streams.get(stream_name(path, uid, home))
        if before is not None:
            return None  # its end is under way
        followed = self._of_owner.total()
        if followed >= self._most or self._of_owner[uid] >= self._most // 2:
            self._complain("packages", f"{ascii(os.fsdecode(path))} waits: {followed} packages are followed in "
                           "containers already (MAX_CONTAINED_PACKAGES, half of them of one owner)", container)
            return None
        package = ContainedPackage(container, home, path, uid, self._clock, self._reader)
        self._of_owner[uid] += 1
        self._streams[package.name] = package
        return package

    def _left(self, package: ContainedPackage) -> None:
        package.present, package.over = False, True
        self._wake(package.name)


def _hash(home: str) -> str:
    return hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
