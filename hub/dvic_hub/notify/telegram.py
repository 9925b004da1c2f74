"""Telegram by its Bot API (core.telegram.org/bots/api): one message to each chat.

Messages are plain text: without parse_mode nothing in them is markup. (apprise knows Telegram too, but no other address
of the API than Telegram's own, and does not say how long it asks to wait.)
"""

import aiohttp
import msgspec

from dvic_hub.domain.channels import TelegramOptions

from .channel import Journey, Notice, Undelivered
from .web_post import ANSWER_SECONDS, MAX_ANSWER, post

MAX_MESSAGE = 4096
"""Characters of one message, counted as UTF-16 as Telegram does."""


class Parameters(msgspec.Struct, frozen=True):
    retry_after: int = 0
    migrate_to_chat_id: int = 0


class BotAnswer(msgspec.Struct):
    """What every method of the Bot API answers with."""

    ok: bool = False
    result: msgspec.Raw = msgspec.Raw(b"null")
    description: str = ""
    parameters: Parameters = Parameters()


class Bot:
    """Calls methods of the Bot API. Raises Undelivered; the token never stands in its text."""

    def __init__(self, api: str, token: str, http: aiohttp.ClientSession) -> None:
        self._base = f"{api.rstrip('/')}/bot{token}/"
        self._api = api
        self._http = http

    async def call(self, method: str, /, *, within: float = ANSWER_SECONDS, most: int = MAX_ANSWER,
                   **parameters: object) -> msgspec.Raw:
        """The result, as JSON. `within`, `most`: as of web_post.post."""
        status, data, _ = await post(self._http, self._base + method, parameters, self._api, within=within, most=most)
        try:
            answer = msgspec.json.decode(data, type=BotAnswer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Undelivered(f"{self._api} answered {status}, and not as the Bot API does") from None
        if answer.ok:
            return answer.result
        said = answer.description or str(status)
        if answer.parameters.migrate_to_chat_id:
            said += f" (the chat is {answer.parameters.migrate_to_chat_id} now: change the channel)"
        # 401 and 404 are a wrong token, which can be mended; 400 and 403 are about this chat or message
        raise Undelivered(f"Telegram: {said}", final=status in (400, 403), wait=float(answer.parameters.retry_after))


class TelegramSender:
    def __init__(self, options: TelegramOptions, token: str, http: aiohttp.ClientSession) -> None:
        self._options = options
        self._bot = Bot(options.api, token, http)

    async def send(self, notice: Notice, journey: Journey) -> None:
        """To each chat that has not got it. One that refuses for good keeps no other from getting it."""
        refused: list[Undelivered] = []
        text = cut_utf16(f"{notice.title}\n\n{notice.body}", MAX_MESSAGE)
        for chat in self._options.chats:
            if journey.behind(chat):
                continue
            await journey.handing_over(chat)
            try:
                await self._bot.call("sendMessage", chat_id=chat, text=text,
                                     link_preview_options={"is_disabled": True},
                                     disable_notification=notice.severity == "info")
            except Undelivered as error:
                await journey.not_taken(chat)
                if not error.final:
                    raise
                journey.remark(f"chat {chat}: {error}")
                refused.append(error)
        if len(refused) == len(self._options.chats):
            raise refused[0]

    async def close(self) -> None:
        """The session is its maker's."""


def cut_utf16(text: str, most: int) -> str:
    """The beginning of a text that has at most so many UTF-16 units; no character is cut in two."""
    data = text.encode("utf-16-le", "replace")
    return text if len(data) <= 2 * most else data[:2 * (most - 1)].decode("utf-16-le", "ignore") + "\u2026"
