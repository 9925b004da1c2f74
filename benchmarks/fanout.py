"""Live events to 100 subscribers with filters: deliveries a second, beside RabbitMQ (STOMP over WebSocket).

    python benchmarks/fanout.py [--seconds 10]

A real hub on one core; on the other, one process with ten simulated agents that send batches of 100 records of 271
bytes, and 100 subscribers on raw sockets that count what they get. The agents go on as soon as the subscribers have
kept up (at most WAITING records are under way), so nobody is too slow and every delivery is counted and checked.

Ours, twice: with 20 different filters, five subscribers each, and with 100 filters, no two alike, which look at each
record. Every filter leaves out one node of ten; half of them also leave out debug records, a fifth of all.
RabbitMQ on the same core, after the hub has stopped: the same records as transient messages to a topic, 100 SENDs a
WebSocket frame; subscribers have `ack:auto` and topic patterns, half of them without the debug records (see
peers/rabbitmq.py for its settings). A topic can't leave out one node, so RabbitMQ is not asked to.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import aiohttp
import uvloop
from peers import rabbitmq
from processes import Program
from raw_websocket import masked_text, upgrade_request
from report import Figure, tell
from rig import Rig
from simulated_agent import SimulatedAgent

from dvic_wire.messages import Ack, Batch
from dvic_wire.tokens import EnrolmentToken

HUB_CORE, LOAD_CORE = 1, 0
SUBSCRIBERS = 100
NODES = 10
BATCH = 100
WAITING = 4000
"""Records that may be under way: sent, and not yet with every subscriber that wants them."""

WAITING_THEIRS = 500
"""The same with RabbitMQ, which is at its best so: of 200, 500, 1000 and 4000, deeper queues made it slower."""

WARM_UP = 3.0
UNITS = ("worker-*", "w*", "*-5", "worker-[0-9]", "work*")
"""Globs that all match, but are no equal filters."""


class Counter(asyncio.Protocol):
    """One subscriber: counts events by a byte that stands once in each (`mark`: STOMP's NUL) in text frames. `ready`
    after `ready_at` of them: what says that the subscription stands."""

    def __init__(self, opening: bytes, first: bytes, ready_at: int = 1, mark: bytes = b"\0"):
        self.opening, self.first, self.ready_at, self.mark = opening, first, ready_at, mark
        self.count = 0
        self.ready = asyncio.get_running_loop().create_future()
        self._head = b""
        self._left = 0
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.opening)

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self._upgraded, self._head = True, b""
            self.transport.write(self.first)
        at, size = 0, len(data)
        if self._head:
            data, self._head = self._head + data, b""
            size = len(data)
        while at < size:
            if not self._left:
                begin = self._frame(data, at)
                if not begin:
                    self._head = data[at:]
                    return
                at = begin
                self.begun(self._left)
            end = min(size, at + self._left)
            self.got(data, at, end)
            self._left -= end - at
            at = end
            if not self._left:
                self.ended()
        if not self.ready.done() and self.count == self.ready_at and not self._left:
            self.ready.set_result(None)

    def _frame(self, data: bytes, at: int) -> int:
        """Read a frame's head; returns where its payload begins, 0 when the head is not whole."""
        if len(data) - at < 2:
            return 0
        size, begin = data[at + 1], at + 2
        if size >= 126:
            begin = at + (4 if size == 126 else 10)
            if len(data) < begin:
                return 0
            size = int.from_bytes(data[at + 2:begin], "big")
        self._left = size
        return begin

    def begun(self, size: int) -> None:
        """A frame with a payload of `size` bytes begins."""

    def got(self, data: bytes, at: int, end: int) -> None:
        """A piece of its payload."""
        self.count += data.count(self.mark, at, end)

    def ended(self) -> None:
        """It is whole."""

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionResetError(f"a subscriber was refused: {error}"))


class LineCounter(Counter):
    """A subscriber of ours. All lines of events are equally long here, so after the first frame of them, whose newlines
    are counted, the sizes of frames tell how many are in them: looking at each byte would cost the load's core more
    than serving them costs the hub's. A frame that does not fit (a gap, a problem) ends the benchmark."""

    def __init__(self, opening: bytes, first: bytes):
        super().__init__(opening, first, mark=b"\n")
        self.line = self.size = self.seen = 0

    def begun(self, size: int) -> None:
        self.size, self.seen = size, 1

    def got(self, data: bytes, at: int, end: int) -> None:
        if not self.line:
            self.seen += data.count(self.mark, at, end)

    def ended(self) -> None:
        if self.line:
            self.seen, rest = divmod(self.size + 1, self.line)
        else:
            rest = (self.size + 1) % self.seen
            if self.count:
                self.line = (self.size + 1) // self.seen
        if rest:
            raise SystemExit(f"a frame of {self.size} bytes is no row of lines of {self.line}")
        self.count += self.seen


def record(number: int) -> dict:
    """A log record of 271 bytes as JSON; every fifth is debug."""
    made = {"time": 1_795_168_800_000_000 + number, "level": "debug" if number % 5 == 0 else "info",
            "unit": "worker-5", "pid": 4711, "message": ""}
    made["message"] = "x" * (271 - len(json.dumps(made, separators=(",", ":"))))
    return made


def filters(different: int) -> list[dict]:
    """A filter for each subscriber, `different` of them distinct."""
    kinds = []
    for number in range(different):
        kinds.append({"kinds": ["log"], "selector": f"not sim-{number % NODES}",
                      "level": "info" if number // NODES % 2 else "",
                      "unit": UNITS[number // (2 * NODES)] if different > 2 * NODES else ""})
    return [kinds[number % different] for number in range(SUBSCRIBERS)]


def wanted_of(one: dict, node: str) -> int:
    """How many records of a batch of `node` pass a filter."""
    if one["selector"] == f"not {node}":
        return 0
    return BATCH * 4 // 5 if one["level"] else BATCH


class Gate:
    """Lets senders on while at most WAITING records are under way. `owed` counts deliveries, not records."""

    def __init__(self, counters: list[Counter], owed_at_most: int):
        self.counters, self.most = counters, owed_at_most
        self.owed = 0
        self.base = self.received()

    def received(self) -> int:
        return sum(counter.count for counter in self.counters)

    async def admit(self, deliveries: int) -> None:
        while self.owed + deliveries - (self.received() - self.base) > self.most:
            await asyncio.sleep(0.001)
        self.owed += deliveries


@dataclass(frozen=True)
class Rate:
    """`rate`: deliveries a second; `busy`: the share of its core that the server had for it."""

    rate: float
    busy: float

    def note(self) -> str:
        return f"with {self.busy:.0%} of its core"


async def measure(gate: Gate, senders: list[Callable[[], Awaitable[None]]], server: Program, seconds: float) -> Rate:
    """Deliveries a second, once warm. Afterwards every delivery that is owed must arrive."""
    tasks = [asyncio.create_task(sender()) for sender in senders]
    try:
        await asyncio.wait(tasks, timeout=WARM_UP, return_when=asyncio.FIRST_EXCEPTION)
        began, before, cpu = time.monotonic(), gate.received(), server.cpu()
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        elapsed = time.monotonic() - began
        measured = Rate((gate.received() - before) / elapsed, (server.cpu() - cpu) / elapsed)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
    deadline = time.monotonic() + 30
    while gate.received() - gate.base < gate.owed and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    missing = gate.owed - (gate.received() - gate.base)
    if missing:
        raise SystemExit(f"{missing} of {gate.owed} deliveries are missing")
    return measured


async def connect(host: str, port: int, make: Callable[[int], Counter]) -> list[Counter]:
    loop = asyncio.get_running_loop()
    made = [(await loop.create_connection(lambda number=number: make(number), host, port))[1]
            for number in range(SUBSCRIBERS)]
    await asyncio.gather(*(counter.ready for counter in made))
    return made


async def ours(rig: Rig, token: EnrolmentToken, agents: list[SimulatedAgent], different: int, seconds: float) -> Rate:
    """Deliveries a second of the hub."""
    parts = urlsplit(rig.url)
    wanted = filters(different)
    counters = await connect(parts.hostname, parts.port, lambda number: LineCounter(
        upgrade_request(parts.hostname, parts.port, "/api/v1/stream", Authorization=f"Bearer {rig.api_token}"),
        masked_text(json.dumps({"subscribe": [wanted[number]]}).encode())))
    per_node = {agent.name: sum(wanted_of(one, agent.name) for one in wanted) for agent in agents}
    gate = Gate(counters, WAITING * sum(per_node.values()) // (len(agents) * BATCH))
    records = [record(number) for number in range(BATCH)]

    async def send(agent: SimulatedAgent) -> None:
        """Batches with two unacknowledged at most."""
        held = agent.welcome.cursors.get("journal", "")
        places = itertools.count(int(held or 0) + 1)
        unacknowledged = 0
        try:
            while True:
                await gate.admit(per_node[agent.name])
                place = str(next(places))
                await agent.send(Batch("journal", held, place, "journal", records), compressed=True)
                held = place
                unacknowledged += 1
                if unacknowledged == 2:
                    await acknowledged(agent)
                    unacknowledged -= 1
        finally:
            agent.welcome.cursors["journal"] = held

    async with aiohttp.ClientSession() as http:
        for agent in agents:
            await agent.connect(http)
        try:
            return await measure(gate, [lambda agent=agent: send(agent) for agent in agents],
                                 Program("dvic-hub", rig.hub.popen), seconds)
        finally:
            for agent in agents:
                await agent.close()
            for counter in counters:
                counter.transport.abort()


async def acknowledged(agent: SimulatedAgent) -> None:
    while True:
        answer = await agent.receive()
        if isinstance(answer, Ack):
            if not answer.stored:
                raise SystemExit(f"the hub did not store a batch: {answer}")
            return


async def theirs(broker: rabbitmq.Broker, seconds: float) -> Rate:
    """Deliveries a second of RabbitMQ."""
    parts = urlsplit(broker.stomp_url)
    opening = upgrade_request(parts.hostname, parts.port, parts.path, **{"Sec-WebSocket-Protocol": "v12.stomp"})

    def subscribe(number: int) -> bytes:
        pattern = "/topic/logs.*.info" if number % 2 else "/topic/logs.#"
        return masked_text(rabbitmq.connect_frame()) + masked_text(rabbitmq.frame("SUBSCRIBE", {
            "id": "0", "destination": pattern, "ack": "auto", "receipt": "subscribed"}))

    counters = await connect(parts.hostname, parts.port, lambda number: Counter(
        opening, subscribe(number), ready_at=2))
    bodies = [(record(number)["level"], json.dumps(record(number), separators=(",", ":")).encode())
              for number in range(BATCH)]
    each = sum(BATCH * 4 // 5 if number % 2 else BATCH for number in range(SUBSCRIBERS))
    gate = Gate(counters, WAITING_THEIRS * each // BATCH)
    loop = asyncio.get_running_loop()
    _, publisher = await loop.create_connection(
        lambda: Counter(opening, masked_text(rabbitmq.connect_frame())), parts.hostname, parts.port)
    await publisher.ready

    async def send() -> None:
        for turn in itertools.count():
            await gate.admit(each)
            publisher.transport.write(masked_text(b"".join(
                rabbitmq.frame("SEND", {"destination": f"/topic/logs.sim-{turn % NODES}.{level}"}, body)
                for level, body in bodies)))

    try:
        return await measure(gate, [send], broker.program, seconds)
    finally:
        for counter in (*counters, publisher):
            counter.transport.abort()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=10, help="how long each is measured, after warming up")
    given = options.parse_args()
    rates = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Rig(folder, core=HUB_CORE) as rig:
            rig.start_hub()
            token = EnrolmentToken.decode(rig.token("--uses", str(NODES)))
            os.sched_setaffinity(0, {LOAD_CORE})
            agents = [SimulatedAgent(rig.url, token.hub, name=f"sim-{number}") for number in range(NODES)]

            async def enrol() -> None:
                async with aiohttp.ClientSession() as http:
                    for agent in agents:
                        await agent.enrol(http, token)

            uvloop.run(enrol())
            for different in (20, 100):
                rates[different] = uvloop.run(ours(rig, token, agents, different, given.seconds))
        broker = rabbitmq.start(HUB_CORE, folder)
        try:
            peer = uvloop.run(theirs(broker, given.seconds))
        finally:
            broker.stop()
    tell([
        Figure("fanout", "deliveries, 20 different filters", rates[20].rate, "1/s", ">= 1000000",
               f"{SUBSCRIBERS} subscribers, stored with FULL commit first, {rates[20].note()}"),
        Figure("fanout", "deliveries, 100 different filters", rates[100].rate, "1/s", "",
               f"each looks at each record, {rates[100].note()}"),
        Figure("fanout", "deliveries, RabbitMQ", peer.rate, "1/s", "",
               f"STOMP over WebSocket, same core, nothing stored, {peer.note()}"),
        Figure("fanout", "times RabbitMQ, 20 filters", rates[20].rate / peer.rate, "x", ">= 20"),
        Figure("fanout", "times RabbitMQ, 100 filters", rates[100].rate / peer.rate, "x", ">= 20"),
    ])


if __name__ == "__main__":
    main()
