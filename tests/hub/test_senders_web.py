"""Telegram, webhooks and apprise's services, each against a real server of its kind."""

import asyncio
import json
import threading

import aiohttp
import pytest
from aiohttp import web
from journeys import MemoryJourney
from telegram_stand_in import TelegramStandIn

from dvic_hub.domain.channels import TelegramOptions
from dvic_hub.errors import BadRequest
from dvic_hub.notify.apprise_channel import AppriseSender, defused, make_service
from dvic_hub.notify.channel import Notice, Undelivered
from dvic_hub.notify.telegram import MAX_MESSAGE, TelegramSender, cut_utf16
from dvic_hub.notify.webhook import WebhookSender

NOTICE = Notice("d1", "raised", "critical", "[critical] lab-1 is silent", "since 10:00", ("a1",), "a1")
HOSTILE = "<b>x</b> *bold* _it_ [a](http://evil) {{ 7*7 }} @everyone <!channel> \u0026amp;"


def played(scene, chats=(42,)):
    async def run():
        async with asyncio.timeout(60), TelegramStandIn(chats=chats) as telegram, aiohttp.ClientSession() as http:
            await scene(telegram, lambda token="", to=chats: TelegramSender(
                TelegramOptions(tuple(map(str, to)), telegram.url), token or telegram.token, http))

    asyncio.run(run())


async def refused(sender, notice=NOTICE, journey=None) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        await sender.send(notice, journey or MemoryJourney())
    return caught.value


def test_telegram_gets_plain_text_in_which_nothing_is_markup():
    async def scene(telegram, sender):
        await sender().send(Notice("d", "raised", "critical", "[critical] x", HOSTILE), MemoryJourney())
        message = await telegram.next_message()
        assert message["text"] == f"[critical] x\n\n{HOSTILE}" and "parse_mode" not in message
        assert message["link_preview_options"] == {"is_disabled": True} and message["disable_notification"] is False

    played(scene)


def test_telegram_says_how_long_it_asks_to_wait():
    async def scene(telegram, sender):
        telegram.throttle(retry_after=7)
        journey = MemoryJourney()
        error = await refused(sender(), journey=journey)
        assert error.wait == 7 and not error.final and journey.handed == [], "it may be sent again"
        await sender().send(NOTICE, journey)
        assert len(telegram.messages) == 1

    played(scene)


def test_a_chat_that_blocked_the_bot_keeps_no_other_from_its_message():
    async def scene(telegram, sender):
        telegram.blocked.add("42")
        journey = MemoryJourney()
        await sender().send(NOTICE, journey)
        assert [message["chat_id"] for message in telegram.messages] == ["43"]
        assert journey.remarks == ["chat 42: Telegram: Forbidden: bot was blocked by the user"]

    played(scene, chats=(42, 43))


def test_a_try_goes_on_where_the_one_before_stopped():
    async def scene(telegram, sender):
        await sender().send(NOTICE, MemoryJourney("42"))
        assert [message["chat_id"] for message in telegram.messages] == ["43"]

    played(scene, chats=(42, 43))


def test_what_no_other_try_would_help_is_final_and_the_token_is_in_no_error():
    async def scene(telegram, sender):
        error = await refused(sender(to=(44,)))
        assert error.final and "chat not found" in str(error)
        error = await refused(sender(token="99:" + "x" * 30))
        assert not error.final and "Unauthorized" in str(error) and "99:" not in str(error)
        telegram.break_down()
        error = await refused(sender())
        assert not error.final and "502" in str(error) and telegram.token not in str(error)

    played(scene)


def test_a_long_message_is_cut_as_telegram_counts():
    async def scene(telegram, sender):
        await sender().send(Notice("d", "raised", "critical", "t", "\U0001f525" * MAX_MESSAGE), MemoryJourney())
        text = (await telegram.next_message())["text"]
        assert len(text.encode("utf-16-le")) // 2 <= MAX_MESSAGE and text.endswith("\U0001f525\u2026")

    played(scene)
    assert cut_utf16("short", 10) == "short" and cut_utf16("\U0001f525" * 6, 11) == "\U0001f525" * 5 + "\u2026"


def test_a_telegram_that_hangs_can_be_left():
    async def scene(telegram, sender):
        telegram.hold()
        task = asyncio.create_task(sender().send(NOTICE, MemoryJourney()))
        await telegram.called("sendMessage")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    played(scene)


class Receiver:
    """A web server that keeps what it is POSTed, and answers as told."""

    def __init__(self):
        self.got: list[dict] = []
        self.status, self.headers = 200, {}

    async def __aenter__(self):
        application = web.Application()
        application.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _take(self, request):
        self.got.append(json.loads(await request.text()))
        return web.Response(status=self.status, headers=self.headers)


def received(scene):
    async def run():
        async with asyncio.timeout(60), Receiver() as receiver, aiohttp.ClientSession() as http:
            await scene(receiver, http)

    asyncio.run(run())


def test_a_webhook_gets_json_with_the_same_id_at_every_try():
    async def scene(receiver, http):
        sender = WebhookSender(f"http://127.0.0.1:{receiver.port}/hook/s3cret", http)
        receiver.status, receiver.headers = 503, {"Retry-After": "9"}
        error = await refused(sender)
        assert error.wait == 9 and not error.final and "s3cret" not in str(error)
        receiver.status = 200
        await sender.send(NOTICE, MemoryJourney())
        assert receiver.got == [{"version": 1, "id": "d1", "kind": "raised", "severity": "critical",
                                 "title": "[critical] lab-1 is silent", "text": "since 10:00", "alarms": ["a1"]}] * 2

    received(scene)


@pytest.mark.parametrize(("status", "final"), [(301, True), (400, True), (404, True), (408, False), (429, False),
                                               (500, False)])
def test_what_a_webhook_answers_decides_whether_it_is_tried_again(status, final):
    async def scene(receiver, http):
        receiver.status, receiver.headers = status, {"Location": "http://127.0.0.1:1/"}
        assert (await refused(WebhookSender(f"http://127.0.0.1:{receiver.port}/", http))).final is final
        assert len(receiver.got) == 1, "a redirect is not followed"

    received(scene)


def test_a_webhook_that_is_not_there_is_named_without_its_path():
    async def scene(receiver, http):
        error = await refused(WebhookSender("http://user:pw@127.0.0.1:1/s3cret", http))
        assert str(error).startswith("127.0.0.1:1 can't be reached") and not error.final

    received(scene)


def test_apprise_delivers_to_a_real_service_and_says_why_it_did_not():
    async def scene(receiver, http):
        sender = AppriseSender(f"json://127.0.0.1:{receiver.port}/s3cret")
        await sender.send(Notice("d", "raised", "critical", "[critical] x", HOSTILE), MemoryJourney())
        assert receiver.got[0]["type"] == "failure" and receiver.got[0]["title"] == "[critical] x"
        assert receiver.got[0]["message"] == defused(HOSTILE)
        receiver.status = 500
        journey = MemoryJourney()
        error = await refused(sender, journey=journey)
        assert "500" in str(error) and "s3cret" not in str(error) and journey.handed == []

    received(scene)


def test_what_apprise_writes_as_html_is_escaped():
    async def scene(receiver, http):
        sender = AppriseSender(f"json://127.0.0.1:{receiver.port}/?format=html")
        await sender.send(Notice("d", "raised", "critical", "x", "<b>{{ 7*7 }}</b>\n&amp;"), MemoryJourney())
        assert "<b>" not in receiver.got[0]["message"] and "&lt;b&gt;" in receiver.got[0]["message"]
        assert "49" not in receiver.got[0]["message"]

    received(scene)


@pytest.mark.parametrize("address", ["nosuch://x", "json://", "tgram://", "slack://a", "x"])
def test_an_address_that_apprise_does_not_know_is_refused_without_naming_it(address):
    with pytest.raises(BadRequest, match="apprise knows no such address"):
        make_service(address)


def test_mentions_and_links_of_chats_are_taken_apart():
    assert defused("@everyone <!channel> <@U1> a@b.org < 3 @ home") == (
        "@\u200beveryone <\u200b!channel> <\u200b@\u200bU1> a@\u200bb.org < 3 @ home")
    assert defused("plain text {{ x }}") == "plain text {{ x }}"


def test_a_service_that_hangs_holds_its_own_channel_only():
    async def run():
        async with asyncio.timeout(60):
            stuck, let_go = threading.Event(), threading.Event()

            class Hanging:
                def notify(self, **_):
                    stuck.set()
                    return let_go.wait(60)

            sender, journey = AppriseSender("x://y", lambda url: Hanging()), MemoryJourney()
            task = asyncio.create_task(sender.send(NOTICE, journey))
            await asyncio.to_thread(stuck.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            before = threading.active_count()
            for _ in range(5):
                assert "has not come back" in str(await refused(sender))
            assert threading.active_count() == before, "no try takes another thread"
            let_go.set()
            while True:  # the thread is about to come back
                try:
                    await sender.send(NOTICE, MemoryJourney())
                    break
                except Undelivered:
                    await asyncio.sleep(0.01)

    asyncio.run(run())


def test_a_plugin_that_fails_is_told_by_kind_and_not_by_its_words():
    async def run():
        class Failing:
            def notify(self, **_):
                raise ValueError("https://token@secret")

        error = await refused(AppriseSender("x://y", lambda url: Failing()))
        assert str(error) == "ValueError in apprise"

    asyncio.run(run())
