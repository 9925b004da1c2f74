"""Pure: which mount namespaces there are on this machine, and whose each of them is.

    processes -> namespaces, with the processes to look through            path of a control group -> who lives there

A container's engine and id come from the path of its control group, which the engine chose and the kernel tells;
nothing of it comes from inside. A service with a /tmp of its own is known by its unit.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

SHORT = 12
"""Characters of a container's id as people see it."""

MAX_LABEL = 128
"""Characters of a container's or unit's name."""

WITNESSES = 4
"""Processes of a namespace that are kept: when one has ended, another is looked through."""

_ID = r"([0-9a-f]{64})"

_ENGINES = (
    ("docker", re.compile(rf"/docker[-/]{_ID}(?:\.scope)?(?=/|\Z)")),
    ("podman", re.compile(rf"/libpod[-/]{_ID}(?:\.scope)?(?=/|\Z)")),
    ("containerd", re.compile(rf"/cri-containerd-{_ID}\.scope(?=/|\Z)")),
    ("cri-o", re.compile(rf"/crio-{_ID}(?:\.scope)?(?=/|\Z)")),
    ("kubernetes", re.compile(rf"/kubepods(?:/[^/]+)*/pod[^/]+/{_ID}(?=/|\Z)")),
    ("containerd", re.compile(rf"/(?:nerdctl|containerd|default|k8s\.io)[-/]{_ID}(?:\.scope)?(?=/|\Z)")),
    ("containerd", re.compile(r"\A/default/([^/]+)")),
    ("lxc", re.compile(r"/lxc(?:\.payload\.|/)([^/]+)")),
    # libvirt's virtual machines are named so too, and are no containers
    ("nspawn", re.compile(r"/(?:machine-(?!qemu\\x2d)|systemd-nspawn@)([^/]+?)\.(?:scope|service)(?=/|\Z)")),
)
"""The first that fits, from the outside in: what runs in a container that runs in a container belongs to the outer."""

_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?=/|\Z)")
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")


@dataclass(frozen=True)
class Home:
    """Who lives in a namespace. `id`: the container's, "" where there is no container; `unit`: systemd's, "" where
    there is none."""

    engine: str = ""
    id: str = ""
    unit: str = ""

    @property
    def short(self) -> str:
        """The container's id for people, or the unit, or ""."""
        return (self.id[:SHORT] if len(self.id) == 64 else self.id[:MAX_LABEL]) or self.unit

    @property
    def told(self) -> dict[str, str]:
        """What there is, by name."""
        return {name: told for name, told in (("engine", self.engine), ("id", self.id), ("unit", self.unit)) if told}


@dataclass(frozen=True)
class Group:
    """A control group. `path`: from the top, as /proc/PID/cgroup has it; `number`: its alone since the machine booted;
    `home`: who lives in it."""

    path: str
    number: int
    home: Home


@dataclass(frozen=True)
class Namespace:
    number: int
    pids: tuple[int, ...]
    """Lowest first: mostly the first process of the container."""
    home: Home


def home_of(cgroup: str) -> Home:
    """Who a control group's path belongs to."""
    units = _UNIT.findall(cgroup)
    for engine, pattern in _ENGINES:
        if found := pattern.search(cgroup):
            unit = next((unit for unit in units if found[1] in unit), units[0] if units else "")
            return Home(engine, _unescaped(found[1])[:MAX_LABEL], unit[:MAX_LABEL])
    # the innermost: below user@1000.service each service of that person has its own
    return Home(unit=units[-1][:MAX_LABEL] if units else "")


def cgroup_of(text: str) -> str:
    """The path in what /proc/PID/cgroup says: of the unified tree, or of systemd's own where there are several."""
    lines = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]
    for number, controllers, path in lines:
        if path != "/" and ((number == "0" and not controllers) or controllers == "name=systemd"):
            return path
    return lines[-1][2] if lines else ""


def residents(said: Mapping[int, int], own: Collection[int]) -> dict[int, tuple[int, ...]]:
    """The namespaces but for `own`, each with its processes: of `said`, process to namespace."""
    found: dict[int, list[int]] = {}
    for pid in sorted(said):
        if said[pid] not in own and len(found.setdefault(said[pid], [])) < WITNESSES:
            found[said[pid]].append(pid)
    return {number: tuple(pids) for number, pids in found.items()}


def _unescaped(name: str) -> str:
    """A machine's name as systemd writes it into a unit's."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)
