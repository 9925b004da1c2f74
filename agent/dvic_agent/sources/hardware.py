"""The machine's state as numbers, by psutil, which is imported with the first sample.

    cpu.total cpu.0 ...                      percent busy since the sample before
    load.1 load.5 load.15   processes   uptime (s)
    memory.total .used .available .percent   swap.total .used .percent          bytes, percent
    disk./home.total .used .percent          bytes, percent; what an unprivileged program can use
    io.sda.read_bytes .write_bytes .reads .writes .busy                         a second; busy in percent of the time
    net.eth0.rx_bytes .tx_bytes .rx_errors .tx_errors .rx_drops .tx_drops       a second
    temp.coretemp.Core_0                     degrees Celsius

Counting (`Counters`) and calculating (`values`) are apart: rates are made from two counts. The first sample has no
rates. Facts (OS, kernel, model, machine id ...) come at start and when one of them changes.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvic_wire import records
from dvic_wire.limits import MAX_METRIC_NAME, MAX_METRICS
from dvic_wire.streams import HARDWARE

from ..clock import Clock
from ..machine import machine_facts
from .sampled import Sampled

MOST_OF_A_KIND = 200
"""Disks, block devices, network interfaces or sensors in one sample; a machine with containers can have thousands."""

FACTS_EVERY = 60
"""Samples between looks at what the machine is."""

_SKIPPED_FILESYSTEMS = frozenset({"squashfs", "iso9660", "udf", "erofs"})
"""Always full by their nature."""

_SKIPPED_DEVICES = ("loop", "ram", "zram", "fd", "sr")
_SKIPPED_INTERFACES = ("veth", "ifb", "tap", "cali", "vnet")
"""One a container or virtual machine: their traffic is counted at the bridge."""


@dataclass(frozen=True)
class Counters:
    """What the machine says at one moment. `steady`: seconds. `cpus`: (busy, all) seconds of the whole and of each
    core; `disks`, `interfaces`: counters since boot by name and kind; `levels`: numbers that are what they are."""

    steady: float
    cpus: list[tuple[float, float]] = field(default_factory=list)
    disks: dict[str, dict[str, float]] = field(default_factory=dict)
    interfaces: dict[str, dict[str, float]] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)


def values(before: Counters | None, now: Counters) -> dict[str, float]:
    """The metrics of a sample, names as above. Pure. What went backwards (a counter that began anew) is left out."""
    found = dict(now.levels)
    if before is not None and (seconds := now.steady - before.steady) > 0:
        for number, ((busy0, all0), (busy1, all1)) in enumerate(zip(before.cpus, now.cpus, strict=False)):
            if all1 > all0:
                name = "cpu.total" if number == 0 else f"cpu.{number - 1}"
                found[name] = min(100.0, max(0.0, 100 * (busy1 - busy0) / (all1 - all0)))
        for prefix, earlier, later in (("io", before.disks, now.disks), ("net", before.interfaces, now.interfaces)):
            for name, counts in later.items():
                for kind, count in counts.items():
                    grown = count - earlier.get(name, {}).get(kind, math.inf)
                    if grown >= 0:
                        found[f"{prefix}.{name}.{kind}"] = grown / seconds
    tidy = ((name[:MAX_METRIC_NAME], round(value, 3)) for name, value in found.items() if math.isfinite(value))
    return dict(list(tidy)[:MAX_METRICS])


def count(psutil: Any, steady: float) -> Counters:
    """Ask the machine. A part that can't be asked is left out."""
    levels: dict[str, float] = {}
    for part in (_basics, _disks, _temperatures):
        try:
            levels.update(part(psutil))
        except (OSError, AttributeError, ValueError, RuntimeError):
            continue
    return Counters(steady, _cpus(psutil), _block_devices(psutil), _interfaces(psutil), levels)


class Hardware(Sampled):
    """The source `hardware`."""

    def __init__(self, folder: Path, *, period: float = 10.0, room: int = 8 * 1024 * 1024, clock: Clock | None = None):
        clock = clock or Clock()
        super().__init__(HARDWARE, self._records, folder, period=period, room=room, clock=clock)
        self._steady = clock.steady
        self._before: Counters | None = None
        self._facts: dict[str, str] = {}
        self._taken = 0

    def _records(self, now: int) -> list[dict]:
        import psutil  # noqa: PLC0415 (1.3 MiB that an agent without this source can do without)

        found = []
        if self._taken % FACTS_EVERY == 0 and (facts := machine_facts()) != self._facts:
            self._facts = facts
            found.append(records.facts(now, facts))
        counters = count(psutil, self._steady())
        found.append(records.sample(now, values(self._before, counters)))
        self._before = counters
        self._taken += 1
        return found


def _basics(psutil: Any) -> dict[str, float]:
    one, five, fifteen = os.getloadavg()
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    with open("/proc/uptime", encoding="ascii") as file:
        uptime = float(file.read().split()[0])
    return {"load.1": one, "load.5": five, "load.15": fifteen, "uptime": uptime, "processes": len(psutil.pids()),
            "memory.total": memory.total, "memory.used": memory.used, "memory.available": memory.available,
            "memory.percent": memory.percent, "swap.total": swap.total, "swap.used": swap.used,
            "swap.percent": swap.percent}


def _disks(psutil: Any) -> dict[str, float]:
    found, seen = {}, set()
    parts = psutil.disk_partitions(all=False)
    if not any(part.mountpoint == "/" for part in parts):  # a container's is no device
        parts += [part for part in psutil.disk_partitions(all=True) if part.mountpoint == "/"][-1:]
    for part in parts:
        if part.device in seen or part.fstype in _SKIPPED_FILESYSTEMS or len(seen) >= MOST_OF_A_KIND:
            continue  # one device mounted in many places is one disk
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError:
            continue
        seen |= {part.device, part.mountpoint}
        name = f"disk.{_tidy(part.mountpoint)}"
        found |= {f"{name}.total": usage.total, f"{name}.used": usage.used, f"{name}.percent": usage.percent}
    return found


def _temperatures(psutil: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for chip, sensors in psutil.sensors_temperatures().items():
        for number, sensor in enumerate(sensors):
            name = f"temp.{_tidy(chip)}.{_tidy(sensor.label or str(number))}"
            if name in found:
                name += f"_{number}"
            if len(found) < MOST_OF_A_KIND:
                found[name] = sensor.current
    return found


def _cpus(psutil: Any) -> list[tuple[float, float]]:
    """The whole machine first, then each core."""
    return [_busy(times) for times in (psutil.cpu_times(), *psutil.cpu_times(percpu=True))]


def _busy(times: Any) -> tuple[float, float]:
    # guest time is counted in user time already
    total = sum(times) - getattr(times, "guest", 0) - getattr(times, "guest_nice", 0)
    return total - times.idle - getattr(times, "iowait", 0), total


def _block_devices(psutil: Any) -> dict[str, dict[str, float]]:
    """Whole devices: what their partitions do is in there."""
    counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    return {_tidy(name): {"read_bytes": io.read_bytes, "write_bytes": io.write_bytes, "reads": io.read_count,
                          "writes": io.write_count, "busy": getattr(io, "busy_time", 0) / 10}
            for name, io in _wanted(counters, _SKIPPED_DEVICES) if os.path.exists(f"/sys/block/{name}")}


def _interfaces(psutil: Any) -> dict[str, dict[str, float]]:
    counters = psutil.net_io_counters(pernic=True, nowrap=False) or {}
    return {_tidy(name): {"rx_bytes": io.bytes_recv, "tx_bytes": io.bytes_sent, "rx_errors": io.errin,
                          "tx_errors": io.errout, "rx_drops": io.dropin, "tx_drops": io.dropout}
            for name, io in _wanted(counters, _SKIPPED_INTERFACES) if name != "lo"}


def _wanted(counters: dict[str, Any], skipped: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    names = [name for name in counters if not name.startswith(skipped)]
    return ((name, counters[name]) for name in names[:MOST_OF_A_KIND])


def _tidy(name: str) -> str:
    """A part of a metric's name: no blanks, nothing that is not text."""
    return "_".join(name.encode("utf-8", "backslashreplace").decode().split()) or "_"
