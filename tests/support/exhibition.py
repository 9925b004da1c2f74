"""A small museum and its laboratory, with six hours behind it: what the page is drawn with for the README.

    await furnish(folder / "hub" / "dvic.db", time.time())       # before a hub is started on it
"""

import json
import math
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dvic_hub.domain.decoding import decode_batch
from dvic_hub.domain.model import IncomingBatch, Node
from dvic_hub.services.ingest import incoming
from dvic_hub.store.sqlite import SqliteStore
from dvic_wire.records import facts, log, sample
from dvic_wire.signing import PublicKey

HOURS = 6
STEP = 30
"""Seconds between two samples."""

PROMISED = 6 * 3600
"""Seconds until the next keepalive of a node that is on show as online: nobody sends one."""


@dataclass(frozen=True)
class Exhibit:
    """`quiet`: hours since it was last heard of."""

    name: str
    room: str
    os: str = "debian 12"
    model: str = "OptiPlex 7090"
    quiet: float = 0
    extra: str = ""


EXHIBITS = (
    *(Exhibit(f"kiosk-{room}", room, extra="public") for room in ("hall", "library", "roof", "shop")),
    *(Exhibit(f"detector-{number}", "lab", "debian 13", "PowerEdge R640", extra="beamline") for number in range(1, 7)),
    *(Exhibit(f"proc-{number}", "cellar", "debian 13", "PowerEdge R760") for number in range(1, 5)),
    *(Exhibit(f"camera-{number}", "roof", "raspbian 12", "Raspberry Pi 4", extra="camera") for number in range(1, 6)),
    Exhibit("planetarium", "dome", "debian 12", "Z8 Fury"), Exhibit("weather", "roof", "raspbian 12", "Raspberry Pi 3"),
    Exhibit("archive", "cellar", quiet=0.4), Exhibit("kiosk-garden", "garden", quiet=31, extra="public"),
)

SAID = (
    ("info", "readout", "run {n} started, {n} channels"), ("info", "readout", "event rate {n} Hz"),
    ("debug", "trigger", "threshold {n} mV"), ("info", "player", "film {n} begins"),
    ("notice", "sync", "copied {n} files to the archive"), ("warning", "readout", "the voltage is high: 1.2{n} V"),
    ("warning", "disk", "scratch is {n} % full"), ("error", "sync", "archive does not answer, try {n} of 5"),
)


def node_of(number: int, exhibit: Exhibit, now: float) -> Node:
    """Its row; the same number gives the same key."""
    key = random.Random(number).randbytes(32)
    tags = {"room": exhibit.room, **({exhibit.extra: ""} if exhibit.extra else {})}
    seen = now - exhibit.quiet * 3600 - (0 if exhibit.quiet else number % 9)
    return Node(PublicKey(key).node_id, exhibit.name, key, tags=tags, address=f"10.0.4.{number + 10}",
                facts={"os": exhibit.os, "model": exhibit.model, "arch": "x86_64", "hostname": exhibit.name,
                       "kernel": "6.12.43-amd64", "machine_id": key[:16].hex(), "boot_id": key[16:].hex()},
                agent_version="0.1.0", enrolled=int((now - 86400 * (40 - number)) * 1e6), last_seen=int(seen * 1e6),
                period=10 if exhibit.quiet else PROMISED)


def samples_of(number: int, exhibit: Exhibit, now: float) -> list[dict]:
    """Half-minute samples: a day's wave, visitors, and a gap where the machine was off."""
    chance = random.Random(number)
    end = now - exhibit.quiet * 3600
    off = range(3 * 120, 3 * 120 + 25) if number % 5 == 2 else range(0)
    found = []
    for step in range(HOURS * 3600 // STEP - 1, -1, -1):
        if step in off:
            continue
        wave = 35 + 22 * math.sin((step + number * 40) / 60) + 9 * math.sin(step / 7) + chance.gauss(0, 3)
        cpu = min(100.0, max(1.0, wave))
        cores = {f"cpu.{core}": round(min(100, cpu * (0.7 + core / 6)), 1) for core in range(4)}
        used = 40 + 8 * math.sin((step + number * 13) / 150)
        found.append(sample(int((end - step * STEP) * 1e6), {
            "cpu.total": round(cpu, 1), **cores,
            "load.1": round(cpu / 22, 2), "load.5": round(cpu / 25, 2), "load.15": round(cpu / 27, 2),
            "processes": 180.0 + number, "uptime": 9e5 + (720 - step) * STEP,
            "memory.total": 1.6e10, "memory.used": 1.6e8 * used, "memory.available": 1.6e8 * (100 - used),
            "memory.percent": round(used, 1), "swap.total": 0.0, "swap.used": 0.0, "swap.percent": 0.0,
            "disk./.total": 2.5e11, "disk./.used": 2.5e9 * (30 + number), "disk./.percent": 30.0 + number * 2,
            "io.sda.read_bytes": cpu * 9e3, "io.sda.write_bytes": cpu * 21e3,
            "net.eth0.rx_bytes": cpu * 4e4, "net.eth0.tx_bytes": cpu * 1.5e4,
            "temp.coretemp.Package_id_0": round(38 + cpu / 4, 1)}))
    return found


def lines_of(number: int, exhibit: Exhibit, now: float) -> list[dict]:
    """Its program's log, with an hour in which something is wrong."""
    chance = random.Random(number)
    end, times = now - exhibit.quiet * 3600, []
    at = end - HOURS * 3600
    while at < end:
        times.append(at)
        at += chance.expovariate(1 / 45)
    found = []
    for time in times:
        wrong = 1.2 < (now - time) / 3600 < 1.9 and number % 3 == 0
        weights = (8, 9, 5, 3, 2, 9, 3, 8) if wrong else (8, 9, 5, 3, 2, 0.6, 0.3, 0.1)
        level, source, text = chance.choices(SAID, weights)[0]
        said = text.format(n=chance.randint(2, 9))
        found.append(log(int(time * 1e6), level, said, identifier=source, pid=800 + number))
    return found


def _batches(node: str, stream: str, source: str, records: list[dict]) -> Iterator[IncomingBatch]:
    for place in range(0, len(records), 500):
        data = json.dumps({"kind": "batch", "stream": stream, "source": source, "from_cursor": str(place or ""),
                           "to_cursor": str(place + 500), "records": records[place:place + 500]}).encode()
        yield incoming(node, decode_batch(data), zlib.compress(data, 1))


async def furnish(path: Path, now: float) -> None:
    """Put it all into a database of its own. `now`: seconds, the moment of the pictures."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = SqliteStore(path)
    await store.open()
    try:
        for number, exhibit in enumerate(EXHIBITS):
            node = node_of(number, exhibit, now)
            await store.nodes.add(node)
            hardware = [facts(int(now * 1e6), node.facts), *samples_of(number, exhibit, now)]
            for batch in _batches(node.id, "hardware", "hardware", hardware):
                await store.streams.commit(batch)
            for batch in _batches(node.id, f"file:{number + 1}:1", "exhibit", lines_of(number, exhibit, now)):
                await store.streams.commit(batch)
    finally:
        await store.close()
