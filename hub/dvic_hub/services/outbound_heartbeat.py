"""The hub's own sign of life, for another system to watch it: an address that is asked again and again, as long as the
hub's work comes round and its store takes what is written.

A hub that is stuck, full or gone falls silent there, and whoever watches that address tells. Nothing waits for it.
"""

import asyncio
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp

PING_SECONDS = 10
"""Seconds in which the other side must have answered."""

log = logging.getLogger("dvic.heartbeat")


class OutboundHeartbeat:
    """`troubles`: what is wrong with the hub now, empty when all is well. `http`: gives the session to ask by."""

    def __init__(self, url: str, troubles: Callable[[], list[str]], http: Callable[[], aiohttp.ClientSession]) -> None:
        self._url = url
        self._troubles = troubles
        self._http = http
        self._failed = False
        self.sent = 0

    async def beat(self) -> None:
        """Ask the address once, if the hub is well. Never raises for what the other side does."""
        if not self._url:
            return
        troubles = self._troubles()
        if troubles:
            log.error("no heartbeat goes out: %s", "; ".join(troubles))
            return
        why = await self._ask()
        if why and not self._failed:
            log.warning("the heartbeat to %s did not arrive: %s", urlsplit(self._url).hostname, why)
        self._failed = bool(why)
        self.sent += not why

    async def _ask(self) -> str:
        """Why it did not arrive; "" when it did."""
        try:
            async with asyncio.timeout(PING_SECONDS), self._http().get(self._url, allow_redirects=False) as answer:
                return "" if answer.status < 300 else f"it answered {answer.status}"
        except TimeoutError:
            return f"no answer within {PING_SECONDS} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__  # its text may hold the address, which others must not learn
