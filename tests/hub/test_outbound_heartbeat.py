"""The hub's own sign of life goes out while it is well, and what the other side does harms nobody."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from dvic_hub.config import ConfigError, HubConfig
from dvic_hub.services.outbound_heartbeat import OutboundHeartbeat


def played(scene, status: int = 200):
    async def run():
        heard = []

        async def answer(request):
            heard.append(str(request.rel_url))
            return web.Response(status=status)

        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with asyncio.timeout(30), aiohttp.ClientSession() as http:
            await scene(f"http://127.0.0.1:{runner.addresses[0][1]}/ping/s3cret", heard, lambda: http)
        await runner.cleanup()

    asyncio.run(run())


def test_it_is_sent_while_all_is_well_and_no_longer(caplog):
    async def scene(url, heard, http):
        troubles = []
        heartbeat = OutboundHeartbeat(url, lambda: troubles, http)
        await heartbeat.beat()
        troubles.append("watching nodes is stuck")
        await heartbeat.beat()
        assert heard == ["/ping/s3cret"] and "watching nodes is stuck" in caplog.text
        troubles.clear()
        await heartbeat.beat()
        assert len(heard) == 2

    played(scene)


@pytest.mark.parametrize("elsewhere", ["", "http://127.0.0.1:1/s3cret", "http://127.0.0.1:1:1/s3cret"])
def test_nobody_there_is_told_once_without_the_address(caplog, elsewhere):
    async def scene(url, heard, http):
        heartbeat = OutboundHeartbeat(elsewhere, lambda: [], http)
        for _ in range(3):
            await heartbeat.beat()
        assert heartbeat.sent == 0 and "s3cret" not in caplog.text
        assert caplog.text.count("did not arrive") == bool(elsewhere)

    played(scene)


def test_an_answer_that_refuses_is_named(caplog):
    async def scene(url, heard, http):
        await OutboundHeartbeat(url, lambda: [], http).beat()
        assert "it answered 500" in caplog.text

    played(scene, status=500)


@pytest.mark.parametrize("url", ["ftp://x", "/etc/passwd", "https://"])
def test_an_address_that_is_none_is_refused_with_its_setting(url):
    with pytest.raises(ConfigError, match="heartbeat_url"):
        HubConfig(heartbeat_url=url)
