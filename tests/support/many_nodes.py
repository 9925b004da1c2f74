"""Thousands of simulated nodes in a store, with an hour of samples each: what a page of the fleet is tried with.

    asyncio.run(fill(folder / "dvic.db", 5000, time.time()))     # before a hub is started on it
"""

import asyncio
import json
import math
import random
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dvic_hub.domain.decoding import decode_batch
from dvic_hub.domain.model import IncomingBatch, Node
from dvic_hub.services.ingest import incoming
from dvic_hub.store.port import Store
from dvic_hub.store.sqlite import SqliteStore
from dvic_wire.records import facts, sample
from dvic_wire.signing import PublicKey

ROOMS = ("lab", "hall", "roof", "cellar", "store")
SYSTEMS = ("debian 12", "debian 13", "raspbian 12", "ubuntu 24.04")
ONLINE_FOR = 3600
"""Seconds that an online node has promised until its next keepalive: nobody sends one."""

AT_A_TIME = 500
WHOLE = 50
"""The first nodes have every metric in all of their samples; the others only in the newest, to be made sooner."""

MINUTES = 60


def node_of(number: int, now: float) -> Node:
    """Of a hundred nodes one is silent and one was never heard of."""
    source = random.Random(number)
    quiet = number % 100 == 7
    key = source.randbytes(32)
    return Node(
        PublicKey(key).node_id, f"{ROOMS[number % 5]}-{number}", key,
        address=f"10.0.{number >> 8 & 255}.{number & 255}",
        tags={"room": ROOMS[number % 5], "rack": str(number // 40), **({"camera": ""} if number % 7 == 0 else {})},
        facts={"os": SYSTEMS[number % 4], "kernel": "6.1.0-41-amd64", "arch": "x86_64", "hostname": f"host-{number}",
               "machine_id": f"{number:032x}", "boot_id": f"{number:032x}", "model": "PowerEdge R640"},
        agent_version="1.0.0" if number % 3 else "0.9.4", enrolled=int((now - 86400 * 30) * 1e6), period=ONLINE_FOR,
        last_seen=0 if number % 100 == 8 else int((now - (ONLINE_FOR * 24 if quiet else source.random() * 9)) * 1e6))


def values_of(number: int, minute: int) -> dict[str, float]:
    """A sample as a common machine sends one."""
    wave = 30 + 25 * math.sin((number + minute) / 9) + (number * 7919 + minute * 31) % 13
    return {
        "cpu.total": round(wave, 1), **{f"cpu.{core}": round(wave + core, 1) for core in range(8)},
        "load.1": round(wave / 20, 2), "load.5": round(wave / 22, 2), "load.15": round(wave / 25, 2),
        "processes": 240.0, "uptime": 1e6 + minute * 60, "memory.total": 6.7e10, "memory.used": 6.7e8 * wave,
        "memory.available": 6.7e10, "memory.percent": round(wave * 0.9, 1),
        "swap.total": 0.0, "swap.used": 0.0, "swap.percent": 0.0,
        "disk./.total": 1e11, "disk./.used": 4e10, "disk./.percent": float(number % 97),
        "disk./data.total": 1e12, "disk./data.used": 4e11, "disk./data.percent": 40.0,
        **{f"io.sda.{kind}": wave * 1000 for kind in ("read_bytes", "write_bytes", "reads", "writes", "busy")},
        **{f"net.eth0.{kind}": wave * 100 for kind in ("rx_bytes", "tx_bytes", "rx_errors", "tx_errors")},
        "temp.coretemp.Package_id_0": round(40 + wave / 5, 1)}


def batch_of(node: Node, number: int, now: float, cursor: int, minutes: range) -> IncomingBatch:
    """Samples of these minutes before now, oldest first."""
    records = []
    for minute in minutes:
        values = values_of(number, MINUTES - minute)
        if minute and number >= WHOLE:
            values = {name: values[name] for name in ("cpu.total", "memory.percent", "disk./.percent", "load.1")}
        records.append(sample(int((now - minute * 60) * 1e6), values))
    if not cursor:
        records.insert(0, facts(int(now * 1e6), node.facts))
    data = json.dumps({"kind": "batch", "stream": "hardware", "source": "hardware", "from_cursor": str(cursor or ""),
                       "to_cursor": str(cursor + 1), "records": records}).encode()
    return incoming(node.id, decode_batch(data), zlib.compress(data, 1))


async def put(store: Store, count: int, now: float) -> list[Node]:
    """Add the nodes and their hour to an open store."""
    nodes = [node_of(number, now) for number in range(count)]

    async def one(number: int, node: Node) -> None:
        await store.nodes.add(node)
        if node.last_seen:
            await store.streams.commit(batch_of(node, number, now, 0, range(MINUTES - 1, -1, -1)))

    for part in _parts(list(enumerate(nodes))):
        await asyncio.gather(*(one(number, node) for number, node in part))
    return nodes


async def fill(path: Path, count: int, now: float) -> list[Node]:
    """The same in a database of its own, for a hub that is started afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = SqliteStore(path)
    await store.open()
    try:
        return await put(store, count, now)
    finally:
        await store.close()


async def go_on(store: Store, nodes: list[Node], now: float, cursor: int) -> list[Node]:
    """Another sample of each node that reports, and the rows as they are then."""
    fresh = [replace(node, last_seen=int(now * 1e6)) if node.last_seen else node for node in nodes]
    for part in _parts(list(enumerate(fresh))):
        await asyncio.gather(*(store.streams.commit(batch_of(node, number, now, cursor, range(1)))
                               for number, node in part if node.last_seen))
    return fresh


def _parts(all_of: list) -> Iterator[list]:
    for start in range(0, len(all_of), AT_A_TIME):
        yield all_of[start:start + AT_A_TIME]
