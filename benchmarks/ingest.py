"""Log records from 50 connections to the disk: records a second, beside RabbitMQ (STOMP over WebSocket, persistent).

    python benchmarks/ingest.py [--records 2000000] [--seconds 10] [--no-peer]

A real hub, pinned to one core; on the other, 50 simulated agents in one process. Each sends batches of 100 records of
271 bytes, zlib-compressed, as the agent does, with at most WINDOW of them unacknowledged; each batch is acknowledged
after it is committed with synchronous=FULL. The frames are made before the clock starts. Afterwards the hub is stopped
and every record is looked up in its database: each that was acknowledged must be there, once.

RabbitMQ, on the same core after the hub has stopped: the same records (JSON, 271 bytes) as persistent messages, one
record a message, to durable queues; every message asks for a receipt, which RabbitMQ sends after it has written the
message to disk and synced it. Each of the 50 connections has some messages without one (WINDOWS, the better counts) and
joins what it sends in one WebSocket frame. Measured with a classic queue for each connection, with one for all, and
with a quorum queue (of one node); the best of the three counts. Two figures are printed without a goal, for they are
of another service: a stream (x-queue-type: stream) answers before it has synced, and of messages that hold 100 records
each, consumers take and acknowledge the whole.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import aiohttp
import apsw
import uvloop
from log_records import records
from peers import rabbitmq
from processes import Program
from raw_websocket import Frames, masked_text, upgrade_request
from report import Figure, tell
from rig import Rig
from simulated_agent import SimulatedAgent

from dvic_hub.store import schema
from dvic_hub.store.sqlite_reading import batches
from dvic_wire.tokens import EnrolmentToken

HUB_CORE, LOAD_CORE = 1, 0
CONNECTIONS = 50
BATCH = 100
WINDOW = 8
WINDOWS = (100, 500)
QUEUES = {"a classic queue a connection": ("/queue/bench-{}", {}), "one classic queue": ("/queue/bench", {}),
          "one quorum queue": ("/queue/bench", {"x-queue-type": "quorum"})}
STREAM = {"one stream": ("/queue/bench", {"x-queue-type": "stream"})}


def frames(job: tuple[int, int]) -> list[bytes]:
    """The batches of one connection, compressed: (connection, how many)."""
    connection, count = job
    made = []
    for number in range(count):
        first = (connection * count + number) * BATCH
        text = json.dumps({
            "kind": "batch", "stream": "journal", "from_cursor": f"c{number}" if number else "",
            "to_cursor": f"c{number + 1}", "source": "journal", "records": list(records(first, BATCH))},
            separators=(",", ":"))
        made.append(zlib.compress(text.encode(), 1))
    return made


async def send(agent: SimulatedAgent, chain: list[bytes], waits: list[float]) -> None:
    """Send every frame, and wait until each is acknowledged."""
    socket, sent, acknowledged = agent.socket, [], 0
    while acknowledged < len(chain):
        while len(sent) < len(chain) and len(sent) - acknowledged < WINDOW:
            sent.append(time.perf_counter())
            await socket.send_bytes(chain[len(sent) - 1])
        answer = json.loads((await socket.receive(60)).data)
        if answer["kind"] == "ack":
            if not answer["stored"]:
                raise SystemExit(f"the hub did not store a batch: {answer}")
            waits.append(time.perf_counter() - sent[acknowledged])
            acknowledged += 1


async def ours(rig: Rig, hub: Program, token: EnrolmentToken,
               chains: list[list[bytes]]) -> tuple[float, float, list[float], list[str]]:
    """Seconds until all is acknowledged, the hub's CPU of it, how long each batch waited, and the nodes' ids."""
    agents = [SimulatedAgent(rig.url, token.hub, name=f"sim-{number}") for number in range(CONNECTIONS)]
    waits: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        for agent in agents:
            await agent.enrol(http, token)
            await agent.connect(http)
        began, cpu = time.perf_counter(), hub.cpu()
        await asyncio.gather(*(send(agent, chain, waits) for agent, chain in zip(agents, chains, strict=True)))
        elapsed, cpu = time.perf_counter() - began, hub.cpu() - cpu
        for agent in agents:
            await agent.close()
    return elapsed, cpu, waits, [agent.id for agent in agents]


def stored(database: Path) -> Iterator[tuple[str, int]]:
    """Node and number of every record in a database."""
    connection = apsw.Connection(str(database))
    for day in schema.days(connection):
        names = dict(connection.execute(f"SELECT id, text FROM string_{day}"))
        for id, node, codec, data in connection.execute(
                f"SELECT i.id, i.node, i.codec, d.bytes FROM index_{day} i JOIN data_{day} d USING (id)"):
            for _, part in batches(id, codec, data, whole=True):
                for record in part:
                    yield names[node], record["fields"]["n"]
    connection.close()


def check(database: Path, nodes: list[str], each: int) -> None:
    """SystemExit unless every record is there, once."""
    seen = {node: bytearray(each) for node in nodes}
    for node, number in stored(database):
        seen[node][number % each] += 1
    missing = sum(marks.count(0) for marks in seen.values())
    total = sum(map(sum, seen.values()))
    if missing or total != each * len(nodes):
        raise SystemExit(f"{missing} acknowledged records are missing, {total} are stored of {each * len(nodes)}")


class Publisher(asyncio.Protocol):
    """One connection to RabbitMQ that always has `window` messages without a receipt."""

    def __init__(self, opening: bytes, destination: str, headers: dict[str, str], bodies: list[bytes], window: int):
        self.ready = asyncio.get_running_loop().create_future()
        self.received = 0
        self._opening, self._frames, self._head, self._upgraded = opening, Frames(), b"", False
        self._sends = [rabbitmq.frame("SEND", {"destination": destination, "persistent": "true", "receipt": str(number),
                                               "content-type": "application/json", **headers}, body)
                       for number, body in enumerate(bodies)]
        self._window, self._next = window, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self._upgraded = True
            self.transport.write(masked_text(rabbitmq.connect_frame()))
        receipts = 0
        for _, payload in self._frames.feed(data):
            receipts += payload.count(b"RECEIPT\n")
            if payload.startswith(b"CONNECTED"):
                self.ready.set_result(None)
            elif payload.startswith(b"ERROR"):
                raise SystemExit(f"RabbitMQ: {payload[:300]!r}")
        if receipts:
            self.received += receipts
            self.publish(receipts)

    def publish(self, count: int = 0) -> None:
        """Send `count` messages (a whole window at the start) in one frame."""
        chosen = [self._sends[(self._next + number) % len(self._sends)] for number in range(count or self._window)]
        self._next += len(chosen)
        self.transport.write(masked_text(b"".join(chosen)))


async def theirs(broker: rabbitmq.Broker, destination: str, headers: dict[str, str], bodies: list[bytes], window: int,
                 seconds: float) -> float:
    """Receipts a second, once warm."""
    parts, loop = urlsplit(broker.stomp_url), asyncio.get_running_loop()
    opening = upgrade_request(parts.hostname, parts.port, parts.path, **{"Sec-WebSocket-Protocol": "v12.stomp"})
    publishers = [(await loop.create_connection(
        lambda number=number: Publisher(opening, destination.format(number), headers, bodies, window), parts.hostname,
        parts.port))[1] for number in range(CONNECTIONS)]
    await asyncio.gather(*(publisher.ready for publisher in publishers))
    for publisher in publishers:
        publisher.publish()
    await asyncio.sleep(3)
    before, began = sum(publisher.received for publisher in publishers), time.perf_counter()
    await asyncio.sleep(seconds)
    rate = (sum(publisher.received for publisher in publishers) - before) / (time.perf_counter() - began)
    for publisher in publishers:
        publisher.transport.abort()
    await asyncio.sleep(2)
    return rate


def measure_peer(folder: Path, seconds: float) -> tuple[dict[str, float], float]:
    """Records a second by kind of queue, and of messages that hold 100 records. A new broker for each kind."""
    bodies = [json.dumps(record, separators=(",", ":")).encode() for record in records(0, 1000)]
    joined = [b"[" + b",".join(bodies[start:start + BATCH]) + b"]" for start in range(0, 1000, BATCH)]
    rates, whole = {}, 0.0
    for number, (name, (destination, headers)) in enumerate({**QUEUES, **STREAM}.items()):
        home = folder / f"broker-{number}"
        home.mkdir()
        broker = rabbitmq.start(HUB_CORE, home)
        try:
            rates[name] = max(uvloop.run(theirs(broker, destination, headers, bodies, window, seconds))
                              for window in WINDOWS)
            if not number:
                whole = uvloop.run(theirs(broker, "/queue/whole-{}", {}, joined, WINDOW, seconds))
        finally:
            broker.stop()
    return rates, whole * BATCH


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=2_000_000)
    options.add_argument("--seconds", type=float, default=10, help="how long each way of RabbitMQ is measured")
    options.add_argument("--no-peer", action="store_true", help="leave RabbitMQ out")
    given = options.parse_args()
    count = max(given.records // (CONNECTIONS * BATCH), 1)
    with ProcessPoolExecutor(2) as pool:
        chains = list(pool.map(frames, [(number, count) for number in range(CONNECTIONS)]))
    frame_bytes = sum(len(frame) for chain in chains for frame in chain) / (count * CONNECTIONS)
    total = count * CONNECTIONS * BATCH
    with tempfile.TemporaryDirectory(dir=os.environ.get("DVIC_BENCH_DIR")) as place:
        folder = Path(place)
        with Rig(folder, core=HUB_CORE) as rig:
            rig.start_hub()
            hub = Program("dvic-hub", rig.hub.popen)
            token = EnrolmentToken.decode(rig.token("--uses", str(CONNECTIONS)))
            os.sched_setaffinity(0, {LOAD_CORE})
            elapsed, cpu, waits, nodes = uvloop.run(ours(rig, hub, token, chains))
            rig.hub.stop()
            check(rig.state / "dvic.db", nodes, count * BATCH)
        waits.sort()
        rate = total / elapsed
        figures = [
            Figure("ingest", "records a second", rate, "1/s", ">= 150000",
                   f"{total:,} records, {CONNECTIONS} connections, FULL commits, none missing"),
            Figure("ingest", "a batch is acknowledged within (median)", waits[len(waits) // 2] * 1000, "ms", "",
                   f"window of {WINDOW} batches"),
            Figure("ingest", "a batch is acknowledged within (99 %)", waits[len(waits) * 99 // 100] * 1000, "ms"),
            Figure("ingest", "CPU of a batch", cpu / (count * CONNECTIONS) * 1e6, "µs", "",
                   f"{frame_bytes:.0f} bytes a frame, {BATCH} records"),
        ]
        if not given.no_peer:
            rates, whole = measure_peer(folder, given.seconds)
            best = max(QUEUES, key=rates.__getitem__)
            for names, note in ((QUEUES, "persistent, a receipt each"), (STREAM, "answers before its sync")):
                figures += [Figure("ingest", f"RabbitMQ, {name}", rates[name], "1/s", "", note) for name in names]
            figures += [Figure("ingest", "RabbitMQ, 100 records a message", whole, "1/s", "", "not the same service"),
                        Figure("ingest", "times RabbitMQ", rate / rates[best], "x", ">= 12", f"its best: {best}")]
    tell(figures)


if __name__ == "__main__":
    main()
