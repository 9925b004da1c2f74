"""A real hub behind a real port in the test's own event loop, with a cast that signs in:

    ada admin, otto operator, vera viewer; mallory has a token that was never valid, old one that has expired.

    async with ApiHub(tmp_path) as hub:
        status, answer = await hub.ask("GET", "/api/v1/nodes", "vera")
"""

import asyncio
import hashlib
import json
import secrets
import socket
import time
from pathlib import Path

import aiohttp
from aiohttp import web
from argon2 import PasswordHasher

from dvic_hub.api.http_log import server_logger
from dvic_hub.app import HUB, build_app
from dvic_hub.config import HubConfig
from dvic_hub.domain.model import ApiToken, Node, User
from dvic_hub.domain.people import new_token_id, token_text
from dvic_hub.store.port import Store
from dvic_wire.signing import PrivateKey

PASSWORD = "correct horse battery"
CAST = {"ada": "admin", "otto": "operator", "vera": "viewer"}
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class ApiHub:
    """`store`: another one than SQLite in `folder`. `offset` seconds move the hub's clock."""

    def __init__(self, folder: Path, store: Store | None = None, **settings: object):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.offset = 0.0
        given = {"url": self.url, **settings}
        self.config = HubConfig(listen=f"127.0.0.1:{self.port}", state_dir=folder / "state", **given)
        self.application = build_app(self.config, self.clock, store=store)
        self.doors = self.application[HUB].doors
        self.bus = self.doors.live.bus
        self.tokens: dict[str, str] = {}

    def clock(self) -> float:
        return time.time() + self.offset

    async def __aenter__(self) -> "ApiHub":
        self._runner = web.AppRunner(self.application, access_log=None, logger=server_logger(), shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.http = aiohttp.ClientSession()
        for name, role in CAST.items():
            await self.doors.store.people.add_user(User(name, role, CHEAP.hash(PASSWORD), self.doors.now()))
            self.tokens[name] = await self.new_token(name, role)
        self.tokens["old"] = await self.new_token("vera", "viewer", expires=self.doors.now() - 1)
        self.tokens["mallory"] = token_text(new_token_id(), secrets.token_urlsafe(32))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        await self._runner.cleanup()

    async def new_token(self, user: str, role: str, expires: int = 0) -> str:
        """A token as the store keeps it, without the ceremony of signing in."""
        id, secret = new_token_id(), secrets.token_urlsafe(32)
        await self.doors.store.people.add_token(ApiToken(id, hashlib.sha256(secret.encode()).digest(), user, role,
                                                         self.doors.now(), expires))
        return token_text(id, secret)

    async def new_node(self, name: str, **changes: object) -> Node:
        """A node that is enrolled, and known to the fleet."""
        key = PrivateKey.generate().public
        node = Node(**{"id": key.node_id, "name": name, "public_key": key.raw, "enrolled": self.doors.now(), **changes})
        await self.doors.store.nodes.add(node)
        await self.doors.fleet.announce(node.id)
        return node

    def headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}

    async def ask(self, method: str, path: str, who: str = "", body: object = None,
                  **options: object) -> tuple[int, dict]:
        """(status, JSON); `body` is sent as JSON, bytes as they are."""
        headers = {**self.headers(who), **options.pop("headers", {})}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        async with self.http.request(method, self.url + path, headers=headers, data=data, **options) as answer:
            text = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text) if text and is_json else {"text": text.decode()}

    async def raw(self, request: bytes) -> bytes:
        """Bytes as they stand to the port, and all that comes back: for what no client library would send."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()
