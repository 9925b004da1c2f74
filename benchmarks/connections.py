"""2,000 simulated agents at one hub: memory a connection, and CPU of their signed keepalives.

    python benchmarks/connections.py [--agents 2000] [--seconds 60]

Each enrols with a key of its own, proves itself, and sends a signed keepalive every 10 s, spread over the period. The
hub runs on one core, all agents in one process on the other. The peer is the bare cost that nobody can go below:
verifying as many Ed25519 signatures in a loop.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import aiohttp
from processes import Program
from report import Figure, tell
from rig import Rig
from simulated_agent import SimulatedAgent

from dvic_wire.messages import KeepAlive
from dvic_wire.signing import PrivateKey, Purpose, sign, verify
from dvic_wire.tokens import EnrolmentToken

PERIOD = 10.0
HUB_CORE, LOAD_CORE = 1, 0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--agents", type=int, default=2000)
    options.add_argument("--seconds", type=float, default=60)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place, Rig(Path(place), core=HUB_CORE) as rig:
        rig.start_hub()
        token = EnrolmentToken.decode(rig.token("--uses", str(given.agents)))
        hub = Program("dvic-hub", rig.hub.popen)
        os.sched_setaffinity(0, {LOAD_CORE})
        figures = asyncio.run(load(rig, token, hub, given.agents, given.seconds))
    tell(figures)


async def load(rig: Rig, token: EnrolmentToken, hub: Program, count: int, seconds: float) -> list[Figure]:
    agents = [SimulatedAgent(rig.url, token.hub, name=f"sim-{number}") for number in range(count)]
    limit = asyncio.Semaphore(20)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(step) -> None:
            async with limit:
                await step

        began = time.monotonic()
        await asyncio.gather(*(one(agent.enrol(http, token)) for agent in agents))
        enrolled = time.monotonic() - began
        before = hub.pss()
        began = time.monotonic()
        await asyncio.gather(*(one(agent.connect(http)) for agent in agents))
        connected = time.monotonic() - began
        await asyncio.gather(*(agent.send(KeepAlive(agent.keepalive())) for agent in agents))
        await asyncio.sleep(5)
        memory = (hub.pss() - before) / count
        idle = hub.cpu()
        await asyncio.sleep(10)
        idle = (hub.cpu() - idle) / 10
        cpu, began, sent = hub.cpu(), time.monotonic(), 0
        while time.monotonic() - began < seconds:
            for number, agent in enumerate(agents):
                await agent.send(KeepAlive(agent.keepalive()))
                sent += 1
                due = began + sent * PERIOD / count
                if number % 10 == 0 and (wait := due - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
        elapsed = time.monotonic() - began
        busy = (hub.cpu() - cpu) / elapsed
        for agent in agents:
            await agent.close()
    each = (busy - idle) * elapsed / sent
    bare = bare_verify()
    return [
        Figure("connections", "hub's memory a connection (PSS)", memory / 1024, "KiB", note=f"{count} connections"),
        Figure("connections", "enrolments", count / enrolled, "1/s"),
        Figure("connections", "connections made, with both proofs", count / connected, "1/s"),
        Figure("connections", "CPU of signed keepalives", busy * 100, "%",
               note=f"of one core, {sent / elapsed:.0f} keepalives a second, {idle * 100:.1f} % without any"),
        Figure("connections", "CPU of one keepalive", each * 1e6, "µs", note="socket, verify, window, FULL commit"),
        Figure("connections", "a bare verify of the same", bare * 1e6, "µs", note="dvic_wire.signing.verify in a loop"),
    ]


def bare_verify(rounds: int = 3000) -> float:
    """Seconds of CPU of one verification."""
    key = PrivateKey.generate()
    jws = sign(key, Purpose.KEEPALIVE_WS, {"iss": key.public.node_id, "aud": "hub", "serial": 1, "period": 10},
               now=time.time(), ttl=300)
    began = time.process_time()
    for _ in range(rounds):
        verify(jws, key.public, Purpose.KEEPALIVE_WS, audience="hub", now=time.time())
    return (time.process_time() - began) / rounds


if __name__ == "__main__":
    main()
