"""A real hub that serves STOMP over a WebSocket and over TCP.

    async with stomp_hub(tmp_path) as hub:
        link = await hub.link("tcp")
        publish(hub, node, "a log line")
"""

import asyncio
from contextlib import asynccontextmanager

import msgspec
from api_hub import ApiHub
from stomp_link import StompLink, socket_link, tcp_link

from dvic_hub.domain.events import LogsStored
from dvic_hub.stomp_port import serving_stomp


@asynccontextmanager
async def stomp_hub(folder, **settings):
    """A hub that serves STOMP both ways. `hub.link(carrier)` opens a connection."""
    async with asyncio.timeout(60), ApiHub(folder, stomp_listen="127.0.0.1:0", **settings) as hub:
        async with serving_stomp(hub.doors) as place:

            async def link(carrier: str = "tcp", **options) -> StompLink:
                return await (tcp_link(place) if carrier == "tcp" else socket_link(hub.http, hub.url, **options))

            hub.link, hub.place = link, place
            yield hub


async def new_service(hub, name: str = "meteor", *components: str) -> None:
    body = {"name": name, "components": [{"name": each} for each in components or ("connect", "decode")]}
    status, answer = await hub.ask("POST", "/api/v1/services", "ada", body)
    assert status == 201, answer


def publish(hub, node, *messages: str) -> None:
    records = [msgspec.json.encode({"time": 1, "level": "info", "message": message}) for message in messages]
    hub.bus.publish(LogsStored(node.id, "journal", records, 2))
