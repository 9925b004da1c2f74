"""From a channel as people set it up to what sends."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp

from dvic_hub.domain.channels import EMAIL, TELEGRAM, URL, WEBHOOK, Channel, options_of

from .apprise_channel import AppriseSender, make_service
from .channel import Sender
from .mail import EmailSender
from .telegram import TelegramSender
from .trust import trusting
from .webhook import WebhookSender


class Senders:
    """Makes senders. `url`: the hub's address; `authority`: certificates (PEM) of the hub's own network, which count
    besides the system's; `clock` gives Unix seconds. `http` is opened by `open()`."""

    def __init__(self, url: str, authority: str, clock: Callable[[], float]) -> None:
        self._host = urlsplit(url).hostname or "localhost"
        self._authority = authority
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None

    def open(self) -> None:
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting(self._authority)),
                                           headers={"User-Agent": "DVIC"})

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def check(self, channel: Channel) -> None:
        """Whether it can be used, as far as that shows without sending anything. Raises BadRequest."""
        if channel.kind == URL:
            await asyncio.to_thread(make_service, channel.secret)

    @property
    def http(self) -> aiohttp.ClientSession:
        """Raises RuntimeError before `open()`."""
        if self._http is None:
            raise RuntimeError("the senders are not open")
        return self._http

    def make(self, channel: Channel) -> Sender:
        options = options_of(channel)
        if channel.kind == EMAIL:
            return EmailSender(options, channel.secret, self._host, self._clock, self._authority)
        if channel.kind == TELEGRAM:
            return TelegramSender(options, channel.secret, self.http)
        return WebhookSender(channel.secret, self.http) if channel.kind == WEBHOOK else AppriseSender(channel.secret)
