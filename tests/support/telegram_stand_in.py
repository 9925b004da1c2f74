"""A working stand-in of the Telegram Bot API (core.telegram.org/bots/api) in the test's own event loop: getMe,
sendMessage and getUpdates with long polling, with the refusals that bots meet.

    async with TelegramStandIn(chats=[42]) as telegram:
        channel = {"api": telegram.url, "token": telegram.token, "chats": ["42"]}
        message = await telegram.next_message()      # what the bot sent: chat_id, text ...
        telegram.say(42, "/status", user="olga")     # what a person writes to the bot
        telegram.throttle(retry_after=7)             # the next message is answered by 429
        telegram.hold()                              # requests hang until telegram.let_go()
"""

import asyncio
import itertools
import json

from aiohttp import web

MAX_TEXT = 4096
"""Characters of a message."""

MAX_POLL = 50
"""Seconds for which getUpdates waits at most."""


class TelegramStandIn:
    """`chats`: those that the bot may write to. `messages`: what it sent, in order; `calls`: every method that was
    called, with its parameters. `blocked`: chats whose person has blocked the bot."""

    def __init__(self, token: str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", chats: tuple | list = (42,)):
        self.token = token
        self.chats = {str(chat) for chat in chats}
        self.blocked: set[str] = set()
        self.messages: list[dict] = []
        self.calls: list[tuple[str, dict]] = []
        self.url = ""
        self._updates: list[dict] = []
        self._news = asyncio.Condition()
        self._free = asyncio.Event()
        self._free.set()
        self._throttled: list[int] = []
        self._broken = 0
        self._numbers = itertools.count(1001)
        self._seen = 0
        self._polling: asyncio.Future | None = None
        self._tasks: set[asyncio.Task] = set()

    async def __aenter__(self) -> "TelegramStandIn":
        application = web.Application()
        application.router.add_route("*", "/bot{token}/{method}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.let_go()
        await self._runner.cleanup()

    # ---- for tests

    def say(self, chat: int | str, text: str, user: str = "olga", date: float = 1_763_632_800) -> int:
        """A person writes to the bot; returns the update's number."""
        number = next(self._numbers)
        self._add({"update_id": number, "message": {
            "message_id": number, "date": int(date), "text": text,
            "from": {"id": 7, "is_bot": False, "first_name": user, "username": user},
            "chat": {"id": int(chat), "type": "private" if int(chat) > 0 else "group"}}})
        return number

    def update(self, **parts: object) -> int:
        """Any other update, such as an edited message."""
        number = next(self._numbers)
        self._add({"update_id": number, **parts})
        return number

    def throttle(self, retry_after: int, times: int = 1) -> None:
        """Answer the next messages by 429."""
        self._throttled += [retry_after] * times

    def break_down(self, times: int = 1) -> None:
        """Answer the next requests by 502, as its front does, without JSON."""
        self._broken += times

    def hold(self) -> None:
        """Take requests, and answer none of them."""
        self._free.clear()

    def let_go(self) -> None:
        self._free.set()

    async def next_message(self) -> dict:
        """The next message that the bot sent, in order; waits for it."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.messages) > self._seen)
        self._seen += 1
        return self.messages[self._seen - 1]

    async def called(self, method: str, times: int = 1) -> list[dict]:
        """Wait until a method was called so often; the parameters of each call."""
        async with self._news:
            await self._news.wait_for(lambda: sum(name == method for name, _ in self.calls) >= times)
        return [parameters for name, parameters in self.calls if name == method]

    # ---- the API

    async def _answer(self, request: web.Request) -> web.Response:
        if request.match_info["token"] != self.token:
            return _no(401, "Unauthorized")
        parameters = dict(request.query)
        if request.content_type == "application/json":
            parameters |= json.loads(await request.text() or "{}")
        elif request.method == "POST":
            parameters |= {name: str(value) for name, value in (await request.post()).items()}
        method = request.match_info["method"].lower()
        self.calls.append((request.match_info["method"], parameters))
        await self._tell()
        await self._free.wait()
        if self._broken:
            self._broken -= 1
            return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
        does = {"getme": self._get_me, "sendmessage": self._send, "getupdates": self._get_updates}.get(method)
        return await does(parameters) if does else _no(404, "Not Found: method not found")

    async def _get_me(self, _: dict) -> web.Response:
        return _yes({"id": int(self.token.split(":")[0]), "is_bot": True, "first_name": "DVIC", "username": "dvic_bot"})

    async def _send(self, parameters: dict) -> web.Response:
        chat, text = str(parameters.get("chat_id", "")), parameters.get("text", "")
        if self._throttled:
            seconds = self._throttled.pop(0)
            return _no(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})
        if not chat:
            return _no(400, "Bad Request: chat_id is empty")
        if chat not in self.chats:
            return _no(400, "Bad Request: chat not found")
        if chat in self.blocked:
            return _no(403, "Forbidden: bot was blocked by the user")
        if not isinstance(text, str) or not text.strip():
            return _no(400, "Bad Request: message text is empty")
        if len(text) > MAX_TEXT:
            return _no(400, "Bad Request: message is too long")
        self.messages.append(parameters)
        await self._tell()
        numeric = chat.lstrip("-").isdigit()
        return _yes({"message_id": len(self.messages), "date": 1_763_632_800, "text": text,
                     "chat": {"id": int(chat)} if numeric else {"id": -100, "username": chat.lstrip("@")}})

    async def _get_updates(self, parameters: dict) -> web.Response:
        offset, limit = int(parameters.get("offset") or 0), int(parameters.get("limit") or 100)
        seconds = min(MAX_POLL, max(0, int(parameters.get("timeout") or 0)))
        if self._polling is not None and not self._polling.done():
            self._polling.set_result(None)  # the newer request ends the one before it
            await self._tell()
        mine = self._polling = asyncio.get_running_loop().create_future()
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self._updates or mine.done())
        except TimeoutError:
            pass
        if mine.done():
            return _no(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance "
                            "is running")
        mine.set_result(None)
        return _yes(self._updates[:limit])

    def _add(self, update: dict) -> None:
        self._updates.append(update)
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


def _yes(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _no(code: int, description: str, parameters: dict | None = None) -> web.Response:
    body = {"ok": False, "error_code": code, "description": description}
    return web.json_response({**body, "parameters": parameters} if parameters else body, status=code)
