"""A served hub that hears heartbeats over UDP, and machines that send them from addresses of their own.

    async with heard_hub(tmp_path) as hub:
        with sender("127.0.0.7") as port:
            port.sendto(b"Thump!", hub.place)
        await outcome(hub, "junk")
"""

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager

from served_hub import ServedHub

from dvic_hub.heartbeats import hearing


@asynccontextmanager
async def heard_hub(folder, **settings):
    """A hub that hears heartbeats; `hub.place` is where."""
    async with asyncio.timeout(60), ServedHub(folder, heartbeat_listen="127.0.0.1:0", **settings) as hub:
        async with hearing(hub.doors.heartbeats, hub.doors.config) as hub.place:
            yield hub


@contextmanager
def sender(address: str = "127.0.0.1"):
    """A socket of a machine with this address (all of 127.0.0.0/8 is this one)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((address, 0))
        opened.setblocking(False)
        yield opened


async def outcome(hub: ServedHub, name: str, count: int = 1) -> None:
    """Wait until so many datagrams have this outcome."""
    await hub.until(lambda: getattr(hub.doors.heartbeats.counters, name) >= count, f"{count} {name}")
