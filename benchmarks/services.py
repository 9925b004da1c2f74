"""Events of a monitoring service from 20 programs to 10 subscribers, stored and moving steps; beside RabbitMQ.

    python benchmarks/services.py [--seconds 20] [--rate 10000]

Ours: 20 processes log through `dvic_log`, each as one component of one service: `start`, messages, `done`, 200 events a
cycle. A real agent reads their files, a real hub commits the records, moves the steps and tells 10 subscribers by STOMP
over WebSocket at /topic/SERVICE. All of it, the programs and the subscribers too, shares the machine's two cores.

- as many as go through: the programs may be at most WAITING events ahead of what the subscribers have;
- at a fixed rate: the time from the call of the logger to each subscriber, by the time in the record.

Afterwards nothing may be missing: each subscriber has each event, the store has each record, each cycle of each step
has its 200 events and ended well, and no event moved nothing.

RabbitMQ (see peers/rabbitmq.py for its settings, here with two schedulers): 20 processes SEND the same events over TCP
to a topic, transient and without receipts; 10 subscribers, `ack:auto`. It stores nothing and moves nothing. Where it
can't carry the fixed rate its times are taken at a rate that it can.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import re
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import apsw
import uvloop
from fanout import Counter
from peers import rabbitmq
from processes import Program
from raw_websocket import masked_text, upgrade_request
from report import Figure, tell
from rig import Rig, until
from service_programs import CYCLE, log_events, send_events

from dvic_hub.store import schema

PROGRAMS = 20
SUBSCRIBERS = 10
WAITING = 8000
"""Events that the programs may be ahead of the slowest subscriber."""

WAITING_THEIRS = 500
"""The same with RabbitMQ, which is at its best so (see fanout.py): deeper queues make it slower."""

SHARE_THEIRS = 0.7
"""Of the most that RabbitMQ carries: the rate at which its times are taken, where it can't carry ours."""

WARM_UP = 3.0
SERVICE = "bench"
GRACE = 60.0
"""Seconds for what is under way to arrive at the end."""

_TIME = re.compile(rb'"time":(\d{16})')
_THEIR_TIME = re.compile(rb'"t":(\d{16})')


class Ear(Counter):
    """A subscriber. It counts events by the mark that stands once in each; with `clock` it also notes how old each is
    when it comes (the hub's step changes carry `component` before their time, and are no events)."""

    def __init__(self, opening: bytes, first: bytes, mark: bytes, clock: re.Pattern | None = None):
        super().__init__(opening, first, ready_at=-1, mark=mark)
        self.clock, self.ages = clock, array("q")
        self._rest = b""

    def got(self, data: bytes, at: int, end: int) -> None:
        piece = self._rest + data[at:end]
        cut = piece.rfind(b"\0") + 1
        whole, self._rest = piece[:cut], piece[cut:]
        self.count += whole.count(self.mark)
        if self.clock is not None:
            now = time.time_ns() // 1000
            self.ages.extend(now - int(found) for found in self.clock.findall(whole))
        if not self.ready.done() and b"RECEIPT" in whole:
            self.ready.set_result(None)


@dataclass
class Programs:
    """The programs that log. `allowed`: how many events all of them together may have logged by now; `logged`: of each,
    -1 until it has come up."""

    processes: list[multiprocessing.Process] = field(default_factory=list)
    allowed: object = field(default_factory=lambda: multiprocessing.Value("q", 0, lock=False))
    logged: object = field(default_factory=lambda: multiprocessing.Array("q", [-1] * PROGRAMS, lock=False))

    def start(self, work: Callable, *arguments: object) -> None:
        for number in range(PROGRAMS):
            process = multiprocessing.Process(target=work, args=(number, self.allowed, self.logged, *arguments))
            process.start()
            self.processes.append(process)

    @property
    def total(self) -> int:
        return sum(self.logged)

    def end(self) -> None:
        """Let all of them end with the same cycle, which nobody has begun yet."""
        self.allowed.value = -(max(self.logged) // CYCLE + 2)
        for process in self.processes:
            process.join(30)
            if process.exitcode:
                raise SystemExit(f"a program ended with {process.exitcode}")

    def stop(self) -> None:
        for process in self.processes:
            if process.is_alive():
                process.kill()


@dataclass(frozen=True)
class Run:
    """`rate`: events a second with all subscribers; `busy`: CPU seconds a second by program; `ages`, sorted, of one
    subscriber's events in microseconds; `behind`: seconds from the last event to its last delivery."""

    rate: float
    busy: dict[str, float]
    ages: list[int]
    behind: float
    total: int

    def age(self, share: float) -> float:
        """Milliseconds."""
        return self.ages[min(len(self.ages) - 1, int(len(self.ages) * share))] / 1000

    def note(self) -> str:
        return ", ".join(f"{name} {share:.0%}" for name, share in self.busy.items())


async def measured(ears: list[Ear], programs: Programs, watched: list[Program], rate: float, seconds: float,
                   waiting: int) -> Run:
    """Let the programs log for WARM_UP and `seconds`, at `rate` events a second or (0) `waiting` ahead of the ears."""
    base = [ear.count for ear in ears]

    def slowest() -> int:
        return min(ear.count - before for ear, before in zip(ears, base, strict=True))

    while min(programs.logged) < 0:
        await asyncio.sleep(0.01)
    began = time.monotonic()
    start = at = cpu = None
    while (now := time.monotonic()) - began < WARM_UP + seconds:
        programs.allowed.value = int((now - began) * rate) if rate else slowest() + waiting
        if start is None and now - began >= WARM_UP:
            start, at, cpu = now, slowest(), [program.cpu() for program in watched]
            for ear in ears:
                del ear.ages[:]
        await asyncio.sleep(0.005)
    elapsed, came = time.monotonic() - start, slowest() - at
    used = {program.name: (program.cpu() - before) / elapsed for program, before in zip(watched, cpu, strict=True)}
    ages = sorted(age for ear in ears for age in ear.ages)
    await asyncio.to_thread(programs.end)
    ended = time.monotonic()
    while slowest() < programs.total and time.monotonic() - ended < GRACE:
        await asyncio.sleep(0.01)
    if any(ear.count - before != programs.total for ear, before in zip(ears, base, strict=True)):
        raise SystemExit(f"of {programs.total} events the subscribers got "
                         f"{[ear.count - before for ear, before in zip(ears, base, strict=True)]}")
    return Run(came / elapsed, used, ages, time.monotonic() - ended, programs.total)


async def connect(host: str, port: int, make: Callable[[int], Ear]) -> list[Ear]:
    loop = asyncio.get_running_loop()
    made = [(await loop.create_connection(lambda number=number: make(number), host, port))[1]
            for number in range(SUBSCRIBERS)]
    await asyncio.gather(*(ear.ready for ear in made))
    return made


def subscription(passcode: str, destination: str) -> bytes:
    connecting = rabbitmq.frame("CONNECT", {"accept-version": "1.2", "host": "/", "login": "guest",
                                            "passcode": passcode, "heart-beat": "0,0"})
    return masked_text(connecting) + masked_text(rabbitmq.frame("SUBSCRIBE", {
        "id": "0", "destination": destination, "ack": "auto", "receipt": "r"}))


async def heard(url: str, passcode: str, clock: re.Pattern, mark: bytes, programs: Programs, watched: list[Program],
                rate: float, seconds: float, waiting: int = WAITING) -> Run:
    """One run with subscribers of its own. The last subscriber, which is written to last, takes the times."""
    parts = urlsplit(url)
    opening = upgrade_request(parts.hostname, parts.port, parts.path, **{"Sec-WebSocket-Protocol": "v12.stomp"})
    ears = await connect(parts.hostname, parts.port, lambda number: Ear(
        opening, subscription(passcode, f"/topic/{SERVICE}"), mark, clock if number == SUBSCRIBERS - 1 else None))
    try:
        return await measured(ears, programs, watched, rate, seconds, waiting)
    finally:
        for ear in ears:
            ear.transport.abort()


def ours(folder: Path, rates: list[float], seconds: float) -> list[Run]:
    """The runs through agent and hub, and the check that nothing is missing."""
    with Rig(folder, settings="metrics_public = true") as rig:
        rig.start_hub()
        components = [{"name": f"step-{number}", "after": []} for number in range(PROGRAMS)]
        status, answer = rig.request("POST", "/api/v1/services", {"name": SERVICE, "components": components})
        assert status in (200, 201), answer
        agent = rig.new_agent("worker").start(executor=False).online()
        watched = [Program("hub", rig.hub.popen), Program("agent", agent.agent.popen)]
        runs = []
        for number, rate in enumerate(rates):
            with running(log_events, str(agent.logs), SERVICE, f"{number}") as programs:
                runs.append(uvloop.run(heard(f"ws://127.0.0.1:{rig.port}/stomp", rig.api_token, _TIME, b'"place":',
                                             programs, watched, rate, seconds)))
        check(rig, sum(run.total for run in runs))
    return runs


def theirs(folder: Path, rate: float, seconds: float) -> tuple[Run, Run]:
    """As many as go through, and at `rate`, or at a rate that it can carry."""
    broker = rabbitmq.start(None, folder, schedulers=2)

    def run(rate: float) -> Run:
        with running(send_events, broker.stomp_port, SERVICE) as programs:
            return uvloop.run(heard(broker.stomp_url, "guest", _THEIR_TIME, b'"t":', programs,
                                    [Program("broker", broker.program.process)], rate, seconds, WAITING_THEIRS))

    try:
        most = run(0)
        return most, run(min(rate, SHARE_THEIRS * most.rate))
    finally:
        broker.stop()


@contextlib.contextmanager
def running(work: Callable, *arguments: object) -> Iterator[Programs]:
    programs = Programs()
    try:
        programs.start(work, *arguments)
        yield programs
    finally:
        programs.stop()


def check(rig: Rig, total: int) -> None:
    """SystemExit unless every event is in the store, and moved its step."""
    name = f"/api/v1/services/{SERVICE}"
    cycles = total // (CYCLE * PROGRAMS)

    def newest() -> dict:
        return rig.request("GET", name)[1]

    until(lambda: newest()["cycle"] and newest()["cycle"]["number"] >= cycles
          and newest()["state"] == "idle", "all cycles have ended", GRACE)
    if newest().get("counted"):
        raise SystemExit(f"events that moved nothing: {newest()['counted']}")
    wrong = [cycle for cycle in listed(rig, f"{name}/cycles") if cycle["state"] != "ok"
             or len(cycle["steps"]) != PROGRAMS or any(step["events"] != CYCLE for step in cycle["steps"])]
    if wrong:
        raise SystemExit(f"{len(wrong)} cycles are not what was logged: {json.dumps(wrong[0])[:2000]}")
    stored = stored_records(rig.state / "dvic.db")
    if stored != total:
        raise SystemExit(f"{stored} records are stored of {total}")


def listed(rig: Rig, path: str) -> Iterator[dict]:
    cursor = ""
    while True:
        page = rig.request("GET", f"{path}?limit=200&cursor={cursor}" if cursor else f"{path}?limit=200")[1]
        yield from page["items"]
        if not (cursor := page["next"]):
            return


def stored_records(database: Path) -> int:
    """Log records of the programs' files in the store, by its index."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        count = 0
        for day in schema.days(connection):
            for (records,) in connection.execute(
                    f"SELECT sum(i.count) FROM index_{day} i JOIN string_{day} s ON s.id = i.source "
                    "WHERE s.text LIKE 'dvic_log_%'"):
                count += records or 0
        return count
    finally:
        connection.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=20, help="how long each run is measured, after warming up")
    options.add_argument("--rate", type=float, default=10_000, help="events a second of the second run")
    options.add_argument("--no-peer", action="store_true", help="without RabbitMQ")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        most, steady = ours(folder, [0, given.rate], given.seconds)
        peer = [] if given.no_peer else theirs(folder, given.rate, given.seconds)
    figures = [
        Figure("services", "events a second", most.rate, "1/s", ">= 20000",
               f"{most.total:,} events, none missing, {SUBSCRIBERS} subscribers, 2 cores: {most.note()}"),
        Figure("services", f"from the logger to a subscriber at {given.rate:,.0f} a second (99 %)", steady.age(0.99),
               "ms", "<= 500", f"{steady.rate:,.0f} a second came; {steady.note()}"),
        Figure("services", "the same (median)", steady.age(0.5), "ms"),
    ]
    if peer:
        figures += [
            Figure("services", "RabbitMQ, events a second", peer[0].rate, "1/s", "",
                   f"stores and moves nothing; {peer[0].note()}"),
            Figure("services", "RabbitMQ, from a program to a subscriber (99 %)", peer[1].age(0.99), "ms", "",
                   f"at {peer[1].rate:,.0f} a second, which it can carry; {peer[1].note()}"),
            Figure("services", "RabbitMQ, the same (median)", peer[1].age(0.5), "ms"),
            Figure("services", "times RabbitMQ", most.rate / peer[0].rate, "x"),
        ]
    tell(figures)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()
