"""Commands by Telegram, heard and carried out: with a working Bot API, real services, and a clock that tests turn."""

import asyncio
import logging
from collections import Counter
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from hub_parts import OPERATOR, HubParts
from telegram_stand_in import TelegramStandIn

from dvic_hub.domain.alarm_model import Alarm
from dvic_hub.domain.channels import Channel
from dvic_hub.domain.service_description import checked
from dvic_hub.domain.telegram_answers import MAX_LINES
from dvic_hub.notify.telegram import Bot
from dvic_hub.notify.telegram_poll import Poller
from dvic_hub.services.alarms import AlarmService
from dvic_hub.services.cycles import CycleService
from dvic_hub.services.silences import SilenceService
from dvic_hub.services.telegram_commands import TelegramCommands
from dvic_hub.services.telegram_polls import TelegramPolls, commanding

CHAT, FRIEND, STRANGER = 42, -100, 43
BOT = "110201543"


def hub_now(hub):
    return int(hub.clock() * 1e6)


class Scene:
    """A hub with a bot. `rested`: for how long its poller rested, which takes no time here."""

    def __init__(self, hub, telegram, http):
        self.hub, self.telegram, self.http = hub, telegram, http
        self.alarms = AlarmService(hub.store.alarms, hub.bus, hub.fleet, hub.audit, 90, hub.clock)
        self.cycles = CycleService(hub.store.services, hub.bus, hub.fleet, hub.audit, hub.clock, self._asked)
        self.silences = SilenceService(hub.store, hub.bus, hub.fleet, hub.audit, hub.clock)
        self.commands = TelegramCommands(hub.fleet, self.alarms, self.cycles, self.silences, hub.clock)
        self.counters = Counter()
        self.rested: list[float] = []
        self.most_rests = 100

    async def _asked(self, **settings):
        pass

    async def raise_alarm(self, id, summary="lab-1 is silent"):
        now = hub_now(self.hub)
        alarm = Alarm(id, "node-silent", f"node:{id}", "critical", summary, now, now)
        await self.hub.store.alarms.begin([alarm], 100)
        self.alarms.tell(alarm)

    async def rest(self, seconds):
        self.rested.append(seconds)
        await asyncio.sleep(0)
        if len(self.rested) >= self.most_rests:
            await asyncio.Event().wait()

    def poller(self, commands=None, api=""):
        bot = Bot(api or self.telegram.url, self.telegram.token, self.http)
        return Poller(BOT, bot, frozenset({str(CHAT), str(FRIEND)}), self.hub.store, commands or self.commands,
                      self.counters, self.hub.clock, self.rest)

    @asynccontextmanager
    async def listening(self, commands=None, api=""):
        poller = self.poller(commands, api)
        task = asyncio.create_task(poller.run())
        try:
            yield poller
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def tell(self, text, chat=CHAT):
        """The answer to a message."""
        self.telegram.say(chat, text)
        message = await self.telegram.next_message()
        assert message["chat_id"] == chat
        return message["text"]


def played(play):
    async def run():
        hub = await HubParts().start()
        try:
            async with (asyncio.timeout(60), TelegramStandIn(chats=(CHAT, FRIEND, STRANGER)) as telegram,
                        aiohttp.ClientSession() as http):
                scene = Scene(hub, telegram, http)
                await scene.cycles.start()
                await scene.silences.start()
                await play(scene)
        finally:
            await hub.stop()

    asyncio.run(run())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


def test_a_chat_asks_how_it_is_and_gets_plain_words():
    async def play(scene):
        await scene.hub.node(0, "ada")
        await scene.hub.node(1, "bob", last_seen=hub_now(scene.hub) - 600_000_000)
        await scene.raise_alarm("0mb3aaaa", summary="bob is silent\n<b>\u202ex")
        async with scene.listening():
            said = await scene.tell("/status")
            assert "2 nodes: 1 online, 1 silent" in said and "1 alarm open:\n[critical] bob is silent <b> x" in said
            assert "0mb3aaaa" in said
            assert (await scene.tell("/nodes")).splitlines() == [
                "2 nodes:", "bob: silent, last heard 10m ago", "ada: online"]
            assert await scene.tell("/nodes ada") == "1 node:\nada: online"
            assert "No node is named by x*" in await scene.tell("/nodes x*")
            assert "/silence 2h SELECTOR" in await scene.tell("/help")
            assert "/service NAME on" in await scene.tell("/service")
        assert scene.counters == {"done": 5, "malformed": 1}
        assert all("parse_mode" not in message for message in scene.telegram.messages)

    played(play)


def test_what_a_chat_changes_is_done_by_it_and_stands_in_the_audit_log():
    async def play(scene):
        hub = scene.hub
        await hub.node(0, "ada", tags={"room": "lab"})
        await scene.cycles.create(checked({"name": "meteor", "components": [{"name": "connect"}]}), OPERATOR)
        await scene.raise_alarm("0mb3aaaa")
        hub.store.audit.entries.clear()
        async with scene.listening():
            assert "Silenced for 2h: 1 node" in await scene.tell("/silence 2h tag:room=lab")
            assert scene.silences.of(hub.fleet.view("ada")).created_by == "telegram:42"
            assert await scene.tell("/service meteor off") == "meteor is switched off."
            assert await scene.tell("/service meteor off") == "meteor is switched off already."
            assert scene.cycles.get("meteor").off
            assert await scene.tell("/ack", FRIEND) == "Acknowledged by telegram:-100:\nlab-1 is silent"
            assert (await hub.store.alarms.get("0mb3aaaa")).acknowledged_by == "telegram:-100"
            assert "Not done: there is no service nix" in await scene.tell("/service nix on")
            assert "Not done: a silence lasts" in await scene.tell("/silence 300d all")
        assert [(entry.action, entry.actor, entry.address) for entry in hub.store.audit.entries] == [
            ("silence.add", "telegram:42", "telegram user 7"), ("service.switch", "telegram:42", "telegram user 7"),
        ("alarm.acknowledge", "telegram:-100", "telegram user 7")]

    played(play)


def test_of_several_alarms_one_is_named_or_all_are_meant():
    async def play(scene):
        for id in ("0mb3aaaa", "0mb3bbbb", "0mb3cccc"):
            await scene.raise_alarm(id)
        async with scene.listening():
            assert "Which one?" in await scene.tell("/ack")
            assert "too short" in await scene.tell("/ack 0mb")
            assert "3 alarms have an id like 0mb3" in await scene.tell("/ack 0mb3")
            assert "no open alarm has the id zzzz" in await scene.tell("/ack zzzz")
            assert "Acknowledged" in await scene.tell("/ack BBBB")
            assert "acknowledged before, by telegram:42" in await scene.tell("/ack 0mb3bbbb")
            assert (await scene.tell("/ack all")).count("\n") == 2
            assert await scene.tell("/ack") == "There is nothing to acknowledge."

    played(play)


def test_a_selector_of_states_means_the_nodes_that_are_in_them_now():
    async def play(scene):
        await scene.hub.node(0, "bob", last_seen=hub_now(scene.hub) - 600_000_000)
        async with scene.listening():
            assert "1 node (those that it names now)" in await scene.tell("/silence 1h state:silent")
        assert scene.silences.all()[0].fixed

    played(play)


def test_a_chat_that_may_not_command_gets_no_answer_is_counted_and_logged_once(caplog):
    async def play(scene):
        await scene.hub.node(0, "ada")
        async with scene.listening():
            scene.telegram.say(STRANGER, "/silence 2h all")
            scene.telegram.say(STRANGER, "/status")
            assert "1 node" in await scene.tell("/status")
        assert [message["chat_id"] for message in scene.telegram.messages] == [CHAT]
        assert scene.counters["stranger"] == 2 and scene.silences.all() == []

    with caplog.at_level(logging.WARNING, "dvic.telegram"):
        played(play)
    assert caplog.text.count("chat 43 may not command") == 1 and "AAHdq" not in caplog.text


def test_a_restart_neither_loses_nor_repeats_a_command():
    async def play(scene):
        await scene.hub.node(0, "ada")
        scene.telegram.say(CHAT, "/silence 1h ada")
        async with scene.listening():
            await scene.telegram.next_message()
        scene.telegram.say(CHAT, "/silence 2h all")
        async with scene.listening():
            assert "Silenced for 2h" in (await scene.telegram.next_message())["text"]
        async with scene.listening():
            assert "Silenced" in await scene.tell("/status")
        assert sorted(one.selector for one in scene.silences.all()) == ["ada", "all"]
        assert len(scene.telegram.messages) == 3

    played(play)


class CutOff:
    """Commands of a hub that is killed when one was carried out, before anybody hears of it."""

    def __init__(self, commands):
        self._commands, self.done = commands, asyncio.Event()
        self.read = commands.read

    async def carry_out(self, command, message, since=0):
        await self._commands.carry_out(command, message, since)
        self.done.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("text", ["/silence 1h ada", "/ack all", "/service meteor off"])
def test_a_hub_that_is_killed_while_it_carries_out_a_command_does_it_once_and_says_so(text):
    async def play(scene):
        await scene.hub.node(0, "ada")
        await scene.cycles.create(checked({"name": "meteor", "components": [{"name": "connect"}]}), OPERATOR)
        await scene.raise_alarm("0mb3aaaa")
        killed = CutOff(scene.commands)
        scene.telegram.say(CHAT, text)
        async with scene.listening(killed):
            await killed.done.wait()
        audited = len(scene.hub.audited())
        scene.hub.clock.now += 1000  # also when it is old by now: it was begun in time
        async with scene.listening():
            said = (await scene.telegram.next_message())["text"]
        assert said.startswith(("Silenced for 1h: 1 node", "Acknowledged by telegram:42", "meteor is switched off"))
        assert len(scene.hub.audited()) == audited, "nothing was done a second time"
        assert len(scene.silences.all()) == (1 if "silence" in text else 0)

    played(play)


def test_a_hub_that_is_killed_before_it_did_anything_does_it_after_the_restart():
    class Late(CutOff):
        async def carry_out(self, command, message, since=0):
            self.done.set()
            await asyncio.Event().wait()

    async def play(scene):
        killed = Late(scene.commands)
        scene.telegram.say(CHAT, "/silence 1h all")
        async with scene.listening(killed):
            await killed.done.wait()
        async with scene.listening():
            assert "Silenced" in (await scene.telegram.next_message())["text"]
        assert len(scene.silences.all()) == 1

    played(play)


def test_what_comes_too_late_is_not_carried_out_but_answered_once():
    async def play(scene):
        scene.hub.clock.now += 720
        scene.telegram.say(CHAT, "/silence 2h all")
        scene.telegram.say(CHAT, "good morning")
        scene.telegram.say(CHAT, "/service meteor off")
        async with scene.listening():
            said = (await scene.telegram.next_message())["text"]
            assert "12m late: /silence 2h all, /service meteor off" in said and "Send it again" in said
            await until(lambda: scene.counters["stale"] == 2)
        assert scene.silences.all() == [] and len(scene.telegram.messages) == 1

    played(play)


def test_when_telegram_asks_to_wait_the_answer_waits_as_long_and_comes_once():
    async def play(scene):
        scene.telegram.throttle(retry_after=77, times=2)
        async with scene.listening():
            assert "There are no nodes" in await scene.tell("/status")
        assert scene.rested == [77, 77] and len(scene.telegram.messages) == 1

    played(play)


def test_a_telegram_that_is_broken_for_a_while_is_asked_again_with_growing_rests():
    async def play(scene):
        scene.telegram.break_down(times=5)
        async with scene.listening() as poller:
            assert "There are no nodes" in await scene.tell("/status")
            assert poller.trouble == ""
        assert scene.rested[:5] == [5, 10, 20, 40, 60]

    played(play)


def test_without_a_network_it_rests_says_why_and_never_names_the_token(caplog):
    async def play(scene):
        scene.most_rests = 3
        async with scene.listening(api="http://127.0.0.1:9") as poller:
            await until(lambda: len(scene.rested) == 3)
            assert "can't be reached" in poller.trouble

    with caplog.at_level(logging.INFO, "dvic.telegram"):
        played(play)
    assert caplog.text.count("no commands are heard") == 1, "said once, not at every try"
    assert "AAHdq" not in caplog.text


def test_updates_that_cannot_be_read_hold_up_no_command():
    async def play(scene):
        scene.telegram.update(message={"chat": "x"})
        scene.telegram.update(edited_message={"text": "/status"})
        async with scene.listening():
            assert "There are no nodes" in await scene.tell("/status")

    played(play)


def test_a_full_disk_carries_out_nothing_and_the_command_comes_again():
    async def play(scene):
        scene.hub.store.full = True
        scene.telegram.say(CHAT, "/silence 2h all")
        async with scene.listening() as poller:
            await until(lambda: poller.trouble)
            assert scene.silences.all() == [] and scene.telegram.messages == []
            scene.hub.store.full = False
            assert "Silenced" in (await scene.telegram.next_message())["text"]
        assert len(scene.silences.all()) == 1

    played(play)


def test_an_answer_lists_a_bounded_number_of_lines():
    async def play(scene):
        for number in range(MAX_LINES + 5):
            await scene.hub.node(number, f"node-{number}")
        async with scene.listening():
            said = await scene.tell("/nodes all")
        assert len(said.splitlines()) == MAX_LINES + 2 and said.endswith("and 5 more")

    played(play)


# ---- which bots are listened to


class Channels:
    def __init__(self, *channels):
        self.channels = {channel.name: channel for channel in channels}


def channel(telegram, name="ops", chats=("42",), commands=True, enabled=True):
    return Channel(name, "telegram", enabled, {"chats": list(chats), "api": telegram.url, "commands": commands},
                   telegram.token)


def test_only_channels_that_let_their_chats_command_are_listened_to_and_one_bot_once():
    async def play(scene):
        telegram = scene.telegram
        wanted = commanding([
            channel(telegram, "a"), channel(telegram, "b", ("-100", "@news")), channel(telegram, "c", ("7",), False),
            channel(telegram, "d", ("8",), enabled=False), Channel("e", "webhook", True, {}, "https://x.example/")])
        assert wanted == {(telegram.url, telegram.token): frozenset({"42", "-100"})}
        assert commanding([channel(telegram, chats=("@news",))]) == {}

    played(play)


def test_a_bot_is_listened_to_while_its_channel_wants_it_and_a_hanging_one_holds_up_nothing():
    async def play(scene):
        channels = Channels(channel(scene.telegram))
        polls = TelegramPolls(channels, scene.hub.store, scene.commands, lambda: scene.http, scene.hub.clock)
        async with TelegramStandIn(token="77:" + "x" * 30) as hanging:
            hanging.hold()
            channels.channels["other"] = channel(hanging, "other")
            await polls.tick()
            await hanging.called("getMe")
            assert "There are no nodes" in await scene.tell("/status"), "the other bot hangs, this one answers"
            channels.channels["ops"] = channel(scene.telegram, chats=("-100",))
            await polls.tick()
            scene.telegram.say(CHAT, "/status")
            await until(lambda: polls.counters["stranger"] == 1)
            channels.channels.clear()
            await polls.tick()
            assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("bot")]
            await polls.stop()

    played(play)
