"""The heartbeat clients of examples/, as their users start them, at a hub that hears them."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from heard_hub import heard_hub
from served_hub import ADMIN

from dvic_hub.domain.hosts import ALIVE, SILENT

EXAMPLES = Path(__file__).parents[2] / "examples" / "heartbeat"


@asynccontextmanager
async def started(program: str, *arguments: object):
    process = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLES / program), *map(str, arguments))
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


def test_ten_lines_show_as_a_host_that_is_named_silent_when_they_stop(tmp_path):
    async def body():
        async with heard_hub(tmp_path, heartbeat_networks=("127.0.0.0/8",), heartbeat_timeout=1) as hub:
            def state() -> dict:
                return {host.address: host.state for host in hub.doors.hosts.hosts()}

            host, port = hub.place
            async with started("thump.py", host, 0.1, port):
                await hub.until(lambda: state() == {"127.0.0.1": ALIVE}, "the host is there")
                await hub.until(lambda: hub.doors.heartbeats.counters.unsigned >= 3, "it goes on")
            await hub.until(lambda: state() == {"127.0.0.1": SILENT}, "it is named silent")

    lines = (EXAMPLES / "thump.py").read_text().strip().splitlines()
    assert len([line for line in lines if line]) <= 10
    asyncio.run(body())


def test_the_signed_one_is_a_node_that_is_online_with_its_number(tmp_path):
    async def body():
        async with heard_hub(tmp_path) as hub:
            node, pem = await hub.doors.enrolment.add_device("scale-3", {}, None, "ed25519", ADMIN)
            key = tmp_path / "scale-3.pem"
            key.write_text(pem)
            host, port = hub.place
            async with started("signed.py", host, key, node.id, hub.doors.identity.fingerprint, "--port", port,
                               "--period", 1):
                await hub.until(lambda: hub.doors.heartbeats.counters.verified >= 2, "each of them counts")
            view = hub.doors.fleet.view("scale-3")
            assert (view.state, view.node.status) == ("online", "weighing")
            assert "load" in (await hub.doors.store.streams.latest(node.id))["values"]
            assert hub.doors.heartbeats.counters.refused == 0

    asyncio.run(body())
