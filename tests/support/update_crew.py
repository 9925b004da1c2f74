"""Nodes that a real hub updates, while something else, such as a browser, is driven in the test's own thread.

    with Crew(rig) as crew:
        crew.join("crew-1")                 # of version 9.0, connected
        crew.update("crew-1")               # it takes the order that it was sent, and all goes well
        run = crew.take("crew-2")           # or step by step
        crew.tell("crew-2", run, run_step(2, "downloading"))
        crew.fail("crew-2", run, "no space left")
"""

import asyncio
import threading
import time
from collections.abc import Coroutine

import aiohttp
from rig import Rig
from updating_agent import UpdatingAgent

from dvic_wire.messages import KeepAlive
from dvic_wire.records import run_end, run_start
from dvic_wire.signing import PublicKey
from dvic_wire.tokens import EnrolmentToken

PATIENCE = 60
"""Seconds for what takes a moment."""


class Crew:
    """Start it with `with`. Its agents live in an event loop of their own."""

    def __init__(self, rig: Rig):
        self._rig = rig
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._agents: dict[str, UpdatingAgent] = {}

    def __enter__(self) -> "Crew":
        self._thread.start()
        self._http = self._wait(self._session())
        status, answer = self._rig.request("GET", "/api/v1/hub-key", signed_in=False)
        assert status == 200
        self._key = PublicKey.from_jwk(answer["jwk"])
        return self

    def __exit__(self, *_: object) -> None:
        for agent in self._agents.values():
            self._wait(agent.close())
        self._wait(self._http.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def join(self, name: str, version: str = "9.0", os: str = "debian 12") -> None:
        token = EnrolmentToken.decode(self._rig.token())
        agent = self._agents[name] = UpdatingAgent(self._rig.url, token.hub, name=name, os=os,
                                                   agent_version=version)
        self._wait(self._begin(agent, token))

    def leave(self, name: str) -> None:
        """Its connection ends."""
        self._wait(self._agents[name].close())

    def update(self, name: str) -> None:
        self._wait(self._carried_out(self._agents[name]))

    def take(self, name: str) -> str:
        """Wait for the order and accept it; returns the run."""
        agent = self._agents[name]
        run, _ = self._wait(agent.take_order(self._key, time.time()))
        self.tell(name, run, run_start(1, 99, "root"))
        return run

    def tell(self, name: str, run: str, *records: dict) -> None:
        self._wait(self._agents[name].tell(run, *records))

    def fail(self, name: str, run: str, reason: str) -> None:
        self.tell(name, run, run_end(9, "failed", 1, reason))

    # ---- inside

    def _wait(self, work: Coroutine):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def _begin(self, agent: UpdatingAgent, token: EnrolmentToken) -> None:
        await agent.enrol(self._http, token)
        await self._connect(agent)

    async def _connect(self, agent: UpdatingAgent) -> None:
        await agent.connect(self._http)
        await agent.send(KeepAlive(agent.keepalive(period=3600)))

    async def _carried_out(self, agent: UpdatingAgent) -> None:
        await agent.carry_out(self._http, self._key, time.time())
        await agent.send(KeepAlive(agent.keepalive(period=3600)))
