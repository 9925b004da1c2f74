"""A whole hub with a bot, as its people meet it: what a window keeps quiet, what a gateway explains, and an answer."""

import asyncio

from api_hub import ApiHub
from telegram_stand_in import TelegramStandIn

from dvic_hub.api.params import show_time

CHAT = "42"


async def at_once(hub) -> None:
    """Let nodes be told as silent as soon as they are."""
    assert (await hub.ask("PATCH", "/api/v1/rules/node-silent", "ada", {"settings": {"seconds": 0}}))[0] == 200


async def put_bot(hub, telegram, **options) -> None:
    bot = {"kind": "telegram", "secret": telegram.token, "options": {"chats": [CHAT], "api": telegram.url, **options}}
    assert (await hub.ask("PUT", "/api/v1/channels/phone", "ada", bot))[0] == 200


async def until(condition):
    """What `condition` answers as soon as it is something."""
    while not (found := await condition()):
        await asyncio.sleep(0.05)
    return found


def test_a_window_keeps_quiet_a_gateway_speaks_for_what_is_behind_it_and_a_chat_acknowledges(tmp_path):
    async def steps():
        async with asyncio.timeout(120), TelegramStandIn(chats=(CHAT,)) as telegram, ApiHub(tmp_path) as hub:
            await at_once(hub)
            alive = {"last_seen": hub.doors.now(), "period": 10}
            moved = await hub.new_node("moved", tags={"room": "lab"}, **alive)
            await hub.new_node("gw", **alive)
            for number in range(3):
                await hub.new_node(f"disk-{number}", **alive)
                tags = {"tags": {"behind": "gw"}}
                assert (await hub.ask("PATCH", f"/api/v1/nodes/disk-{number}", "ada", tags))[0] == 200
            window = {"selector": "tag:room=lab", "seconds": 3600, "cron": "* * * * *"}
            assert (await hub.ask("PUT", "/api/v1/windows/move", "otto", window))[0] == 400, "it would overlap itself"
            window = {"selector": "tag:room=lab", "seconds": 3600, "begin": _rfc3339(hub.clock())}
            assert (await hub.ask("PUT", "/api/v1/windows/move", "otto", window))[0] == 200
            await put_bot(hub, telegram, commands=True)

            hub.offset += 120  # all five fall silent at once
            said = (await telegram.next_message())["text"]
            assert said.startswith("[critical] gw is silent") and "disk" not in said and "moved" not in said

            async def silenced():
                return [one for one in await alarms(hub) if one["node"] == "moved" and one["silenced"]]

            await until(silenced)
            assert sorted(one["node"] for one in await alarms(hub)) == ["gw", "moved"]

            telegram.say(CHAT, "/ack gw", date=hub.clock())
            assert "too short" in (await telegram.next_message())["text"]
            [gateway] = [one for one in await alarms(hub) if one["node"] == "gw"]
            telegram.say(CHAT, f"/ack {gateway['id'][-6:]}", date=hub.clock())
            assert (await telegram.next_message())["text"] == f"Acknowledged by telegram:{CHAT}:\ngw is silent"
            [gateway] = [one for one in await alarms(hub) if one["node"] == "gw"]
            assert (gateway["state"], gateway["acknowledged_by"]) == ("acknowledged", f"telegram:{CHAT}")

            hub.doors.fleet.heard(moved.id, last_seen=hub.doors.now())

            async def cleared():
                return [one for one in await alarms(hub) if one["node"] == "moved" and one["state"] == "cleared"]

            [over] = await until(cleared)
            await until(lambda: told(hub, over))
            hub.offset += 3600  # the window is over, and "moved" silent again
            said = (await telegram.next_message())["text"]
            assert said.startswith("[critical] moved is silent"), "of what was in the window nothing is told"

    asyncio.run(steps())


def test_what_is_still_silent_when_its_window_ends_is_told_then_once(tmp_path):
    async def steps():
        async with asyncio.timeout(120), TelegramStandIn(chats=(CHAT,)) as telegram, ApiHub(tmp_path) as hub:
            await at_once(hub)
            await hub.new_node("moved", last_seen=hub.doors.now(), period=10)
            window = {"selector": "moved", "seconds": 3600, "begin": _rfc3339(hub.clock())}
            assert (await hub.ask("PUT", "/api/v1/windows/move", "otto", window))[0] == 200
            await put_bot(hub, telegram)
            hub.offset += 120

            async def silenced():
                return [one for one in await alarms(hub) if one["silenced"]]

            await until(silenced)
            assert (await hub.ask("DELETE", "/api/v1/windows/move", "otto"))[0] == 204
            assert (await telegram.next_message())["text"].startswith("[critical] moved is silent")
            assert not await silenced() and len(telegram.messages) == 1

    asyncio.run(steps())


async def alarms(hub) -> list[dict]:
    return (await hub.ask("GET", "/api/v1/alarms", "vera"))[1]["items"]


async def told(hub, alarm: dict) -> bool:
    """Whether somebody has taken each of its changes, to tell it or not."""
    flips = (await hub.ask("GET", f"/api/v1/alarms/{alarm['id']}", "vera"))[1]["flips"]
    return all(flip["claimed"] for flip in flips)


def _rfc3339(time: float) -> str:
    return show_time(int(time * 1e6))
