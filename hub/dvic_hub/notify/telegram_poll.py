"""Hearing commands by Telegram: getUpdates with long polling, for one bot, in a task of its own.

What an update means, and what a restart means for it, is decided in domain/telegram_updates.py; what a command does, by
whoever is handed in. Here is only the moving: ask, hand over, keep how far it came, answer.

A network that is gone, a Telegram that hangs, asks to wait (429) or answers nonsense costs rests and nothing else: no
answer is waited for without a limit, and answers go out by a task of their own.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from dvic_hub.domain import telegram_answers, telegram_updates
from dvic_hub.domain.delivery import pause
from dvic_hub.domain.telegram_commands import Command
from dvic_hub.domain.telegram_updates import STALE, Judged, Message, Progress
from dvic_hub.errors import HubError

from .channel import Undelivered
from .telegram import MAX_MESSAGE, Bot, cut_utf16

POLL_SECONDS = 25
"""Seconds for which Telegram is asked to hold a request while there is nothing."""

LATE_SECONDS = 15
"""Seconds beyond these, after which a request counts as lost."""

UPDATES_AT_ONCE = 20
"""Updates that are asked for at a time."""

MAX_UPDATES_BYTES = 4 * 1024 * 1024
"""Bytes of one answer with updates."""

MAX_ANSWERS = 50
"""Answers of one bot that wait to be sent; the oldest make room."""

MOST_REST = 60
"""Seconds between two tries at most, unless Telegram asks for more."""

MAX_STRANGERS = 1000
"""Chats that may not command and are remembered, so that each is logged once."""

BREATH = 1.0
"""Seconds that are waited after an answer without updates that came at once, which none should."""

log = logging.getLogger("dvic.telegram")


class Keeps(Protocol):
    """Where it is kept how far the bot's updates were worked off (the store)."""

    async def get_value(self, key: str) -> str | None: ...

    async def set_value(self, key: str, value: str) -> None: ...


class Commands(Protocol):
    """What carries commands out (services.telegram_commands.TelegramCommands)."""

    def read(self, message: Message, bot: str) -> Command | str | None: ...

    async def carry_out(self, command: Command, message: Message, since: int = 0) -> str: ...


@dataclass(frozen=True)
class _Answer:
    message: Message
    text: str
    made: float


class _Me(msgspec.Struct):
    username: str = ""


class Poller:
    """`name`: of the bot, for the store and the log: never its token. `chats`: those that may command, as texts.
    `counters`: what became of messages. `clock` gives Unix seconds; `rest` waits so many seconds."""

    def __init__(self, name: str, bot: Bot, chats: frozenset[str], store: Keeps, commands: Commands,
                 counters: Counter[str], clock: Callable[[], float],
                 rest: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._name = name
        self._bot = bot
        self._chats = chats
        self._store = store
        self._commands = commands
        self._counters = counters
        self._clock = clock
        self._rest = rest
        self._key = f"telegram.offset.{name}"
        self._called = ""
        self._strangers: set[str] = set()
        self._answers: asyncio.Queue[_Answer] = asyncio.Queue()
        self.trouble = ""
        """Why nothing is heard at the moment; "" when all is well."""

    async def run(self) -> None:
        """Until it is cancelled."""
        sending = asyncio.get_running_loop().create_task(self._send_answers(), name=f"answers of bot {self._name}")
        try:
            await self._hear()
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    # ---- hearing

    async def _hear(self) -> None:
        failures, progress = 0, None
        while True:
            try:
                if progress is None:
                    progress = telegram_updates.load(await self._store.get_value(self._key))
                if not self._called:
                    self._called = msgspec.json.decode(await self._bot.call("getMe"), type=_Me).username
                progress = await self._turn(progress)
            except Undelivered as error:
                failures += 1
                await self._wait(failures, str(error), error.wait)
            except (HubError, msgspec.DecodeError) as error:
                progress, failures = None, failures + 1
                await self._wait(failures, str(error))
            except Exception as error:
                progress, failures = None, failures + 1
                log.exception("commands by Telegram failed; they are tried again")
                await self._wait(failures, type(error).__name__)
            else:
                failures = 0
                if self.trouble:
                    log.info("commands to the Telegram bot %s are heard again", self._name)
                self.trouble = ""

    async def _turn(self, progress: Progress) -> Progress:
        """Ask once, and carry out what comes."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        result = await self._bot.call(
            "getUpdates", within=POLL_SECONDS + LATE_SECONDS, most=MAX_UPDATES_BYTES,
            offset=progress.offset(self._clock()), limit=UPDATES_AT_ONCE, timeout=POLL_SECONDS,
            allowed_updates=["message"])
        judged, strangers = telegram_updates.judge(
            telegram_updates.read_updates(result), self._chats, progress, self._clock())
        self._pass_over(strangers)
        if not judged:
            if loop.time() - asked < BREATH:
                await self._rest(BREATH)
            return progress
        stale: dict[int, list[Message]] = {}
        for each in judged:
            progress = await self._take(each, progress, stale)
        await self._keep(progress)
        for messages in stale.values():
            self._answer(messages[-1], telegram_answers.too_old(
                [message.text for message in messages], self._clock() - messages[0].date))
        return progress

    async def _take(self, each: Judged, progress: Progress, stale: dict[int, list[Message]]) -> Progress:
        message, now = each.message, self._clock()
        command = self._commands.read(message, self._called) if message is not None else None
        if command is None:
            return progress.done(each.update, now)
        if each.stale:
            self._counters["stale"] += 1
            stale.setdefault(message.chat.id, []).append(message)
            return progress.done(each.update, now)
        if isinstance(command, str):
            self._counters["malformed"] += 1
            self._answer(message, command)
            return progress.done(each.update, now)
        since = progress.begun.since if progress.begun and progress.begun.update == each.update else 0
        if command.changes:
            progress = progress.begin(each.update, now)
            await self._keep(progress)
        text = await self._commands.carry_out(command, message, since)
        self._counters["done"] += 1
        progress = progress.done(each.update, self._clock())
        if command.changes:
            await self._keep(progress)
        self._answer(message, text)
        return progress

    def _pass_over(self, strangers: list[str]) -> None:
        for chat in strangers:
            self._counters["stranger"] += 1
            if chat not in self._strangers and len(self._strangers) < MAX_STRANGERS:
                self._strangers.add(chat)
                log.warning("chat %s may not command the Telegram bot %s: it gets no answer", chat, self._name)

    async def _keep(self, progress: Progress) -> None:
        await self._store.set_value(self._key, telegram_updates.dump(progress))

    async def _wait(self, failures: int, why: str, asked: float = 0.0) -> None:
        if why != self.trouble:
            log.warning("no commands are heard by the Telegram bot %s: %s", self._name, why)
        self.trouble = why
        await self._rest(max(min(pause(failures), MOST_REST), asked))

    # ---- answering

    def _answer(self, message: Message, text: str) -> None:
        if self._answers.qsize() >= MAX_ANSWERS:
            self._answers.get_nowait()
            self._counters["unanswered"] += 1
        self._answers.put_nowait(_Answer(message, text, self._clock()))

    async def _send_answers(self) -> None:
        """One after the other. What does not go out is tried again while it is worth something."""
        while True:
            answer = await self._answers.get()
            failures = 0
            while self._clock() - answer.made < STALE:
                try:
                    await self._bot.call(
                        "sendMessage", chat_id=answer.message.chat.id, text=cut_utf16(answer.text, MAX_MESSAGE),
                        reply_parameters={"message_id": answer.message.message_id, "allow_sending_without_reply": True},
                        link_preview_options={"is_disabled": True})
                    break
                except Undelivered as error:
                    failures += 1
                    log.warning("the Telegram bot %s could not answer: %s", self._name, error)
                    if error.final:
                        self._counters["unanswered"] += 1
                        break
                    await self._rest(max(min(pause(failures), MOST_REST), error.wait))
                except Exception:
                    log.exception("an answer by Telegram could not be sent")
                    break
            else:
                self._counters["unanswered"] += 1
