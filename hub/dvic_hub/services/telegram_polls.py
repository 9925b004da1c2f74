"""Which bots are listened to: one Poller for each bot of the channels that let their chats command.

Channels that share a bot share its poller, as Telegram hands each update out once. What is heard is asked for anew
whenever a channel changes; a poller that is ended in the middle of a command has noted that it began it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

import aiohttp

from dvic_hub.domain.channels import TELEGRAM, Channel, TelegramOptions, options_of
from dvic_hub.notify.telegram import Bot
from dvic_hub.notify.telegram_poll import Commands, Poller
from dvic_hub.services.channels import ChannelService
from dvic_hub.store.port import Store

OUTCOMES = ("done", "malformed", "stale", "stranger", "unanswered")
"""What becomes of messages: carried out, no sound command, too old, from a chat that may not, not answered."""

Wanted = dict[tuple[str, str], frozenset[str]]
"""The chats that may command, by the API's address and the bot's token."""


class TelegramPolls:
    """`http` gives the connections out; `clock` gives Unix seconds."""

    def __init__(self, channels: ChannelService, store: Store, commands: Commands,
                 http: Callable[[], aiohttp.ClientSession], clock: Callable[[], float]) -> None:
        self._channels = channels
        self._store = store
        self._commands = commands
        self._http = http
        self._clock = clock
        self._wanted: Wanted = {}
        self._running: dict[tuple[str, str], tuple[Poller, asyncio.Task]] = {}
        self.counters: Counter[str] = Counter()
        """Messages, by OUTCOMES."""

    async def tick(self) -> None:
        """Listen to those that are wanted now. Called each second."""
        wanted = commanding(self._channels.channels.values())
        for key in [key for key in self._running if self._wanted.get(key) != wanted.get(key)]:
            await self._end(key)
        for key in wanted.keys() - self._running.keys():
            api, token = key
            name = token.partition(":")[0]
            poller = Poller(name, Bot(api, token, self._http()), wanted[key], self._store, self._commands,
                            self.counters, self._clock)
            self._running[key] = poller, asyncio.get_running_loop().create_task(poller.run(), name=f"bot {name}")
        self._wanted = wanted

    def troubles(self) -> list[str]:
        """Why something is not heard, for each bot of which that is so."""
        return [poller.trouble for poller, _ in self._running.values() if poller.trouble]

    async def stop(self) -> None:
        for key in list(self._running):
            await self._end(key)

    async def _end(self, key: tuple[str, str]) -> None:
        _, task = self._running.pop(key)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def commanding(channels: Iterable[Channel]) -> Wanted:
    """The bots to listen to. A chat by its @name is a channel, in which only the bot itself writes."""
    wanted: Wanted = {}
    for channel in channels:
        if channel.kind != TELEGRAM or not channel.enabled:
            continue
        options = options_of(channel)
        if isinstance(options, TelegramOptions) and options.commands:
            key = options.api.rstrip("/"), channel.secret
            chats = frozenset(chat for chat in options.chats if not chat.startswith("@"))
            if chats:
                wanted[key] = wanted.get(key, frozenset()) | chats
    return wanted
