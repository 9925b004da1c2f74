"""A whole hub in this process, with its real database and a real socket, and raw WebSocket peers that speak to it.

    async with ServedHub(tmp_path) as hub:
        agent = await hub.agent("ada")          # enrolled and connected
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from simulated_agent import SimulatedAgent

from dvic_hub.app import HUB, build_app
from dvic_hub.config import HubConfig
from dvic_hub.domain.people import Actor
from dvic_wire import codec
from dvic_wire.messages import Message
from dvic_wire.tokens import EnrolmentToken

ADMIN = Actor("root", "admin", "127.0.0.1")


class ServedHub:
    """Start it with `async with`. `clock` may be turned by the test."""

    def __init__(self, folder: Path, **settings: object):
        self.folder = folder
        self.settings = settings
        self.ahead = 0.0

    def clock(self) -> float:
        return time.time() + self.ahead

    async def __aenter__(self) -> "ServedHub":
        config = HubConfig(listen="127.0.0.1:0", url="http://127.0.0.1:1", state_dir=self.folder / "hub",
                           **self.settings)
        application = build_app(config, self.clock)
        self.hub = application[HUB]
        self.doors = self.hub.doors
        self.runner = web.AppRunner(application, access_log=None, shutdown_timeout=2)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.http = aiohttp.ClientSession()
        self.agents: list[SimulatedAgent] = []
        return self

    async def __aexit__(self, *_: object) -> None:
        for agent in self.agents:
            await agent.close()
        await self.http.close()
        await self.runner.cleanup()

    @property
    def fingerprint(self) -> str:
        return self.doors.identity.fingerprint

    async def token(self, **options: object) -> EnrolmentToken:
        given = {"ttl": 3600, "uses": 1, "tags": {}, "note": "", **options}
        text, _ = await self.doors.enrolment.create_token(actor=ADMIN, **given)
        return EnrolmentToken.decode(text)

    async def enrolled(self, name: str) -> SimulatedAgent:
        """An agent that has joined and is not connected."""
        agent = SimulatedAgent(self.url, self.fingerprint, name=name)
        await agent.enrol(self.http, await self.token())
        self.agents.append(agent)
        return agent

    async def agent(self, name: str) -> SimulatedAgent:
        """An agent that has joined and is connected."""
        agent = await self.enrolled(name)
        await agent.connect(self.http)
        return agent

    def again(self, agent: SimulatedAgent, **changes: object) -> SimulatedAgent:
        """Another agent with the same key, not connected; by default the same instance."""
        other = SimulatedAgent(**{"url": self.url, "hub": self.fingerprint, "key": agent.key, "name": agent.name,
                                  "instance": agent.instance, "serial": agent.serial, **changes})
        self.agents.append(other)
        return other

    async def post(self, path: str, body: object) -> tuple[int, dict]:
        async with self.http.post(f"{self.url}/api/v1/{path}", json=body) as answer:
            return answer.status, await answer.json(content_type=None)

    @asynccontextmanager
    async def socket(self, **headers: str) -> AsyncIterator["RawSocket"]:
        """A WebSocket that has said nothing yet."""
        async with self.http.ws_connect(f"{self.url}/api/v1/agent", max_msg_size=0, compress=0,
                                        headers=headers) as socket:
            yield RawSocket(socket)

    async def until(self, reached: Callable[[], object], what: str) -> object:
        """Wait (bounded) until something is so."""
        for _ in range(1000):
            if value := reached():
                return value
            await asyncio.sleep(0.01)
        raise AssertionError(f"{what} did not come to be")


class RawSocket:
    """Sends whatever bytes a test wants."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self.socket = socket

    async def text(self, text: str) -> None:
        await self.socket.send_str(text)

    async def say(self, message: Message) -> None:
        await self.text(codec.encode(message))

    async def hear(self) -> Message | None:
        """The next message; None when the hub closed instead."""
        frame = await self.socket.receive(20)
        if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            return None
        return codec.decode(frame.data)


def a_batch(stream: str = "journal", start: str = "", end: str = "a", *messages: str, **extra: object) -> str:
    """The text frame of a batch of log records."""
    records = [{"time": 1_763_632_800_000_000 + index, "level": "info", "message": message}
               for index, message in enumerate(messages or ("hello",))]
    return json.dumps({"kind": "batch", "stream": stream, "from_cursor": start, "to_cursor": end, "source": stream,
                       "records": records, **extra})


def nonce() -> str:
    return secrets.token_urlsafe(16)


def with_served_hub(folder: Path, test: Callable[[ServedHub], Awaitable[None]], **settings: object) -> None:
    """Run one asynchronous test with a served hub, within bounds."""

    async def body() -> None:
        async with asyncio.timeout(60), ServedHub(folder, **settings) as hub:
            await test(hub)

    asyncio.run(body())
