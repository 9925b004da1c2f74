"""STOMP at a real hub, over a real WebSocket and real TCP: who comes in, what is heard, who is cut off."""

import asyncio
import json

import aiohttp
import pytest
from api_hub import PASSWORD
from stomp_hub import publish, stomp_hub
from stomp_link import StompLink

from dvic_hub.config import ConfigError, HubConfig
from dvic_hub.domain.events import HostChanged
from dvic_hub.domain.stomp_session import MAX_UNACKNOWLEDGED
from dvic_hub.services import live, stomp
from dvic_hub.services.people import PAIR_ALLOWANCE
from dvic_hub.stomp_port import NotServing, serving_stomp

CARRIERS = ("socket", "tcp")


def played(scene, tmp_path, **settings):
    async def run():
        async with stomp_hub(tmp_path, **settings) as hub:
            await scene(hub, await hub.new_node("web-1", tags={"room": "lab"}))

    asyncio.run(run())


async def subscribed(hub, carrier="tcp", who="vera", **headers) -> StompLink:
    link = await hub.link(carrier)
    await link.connect(passcode=hub.tokens[who])
    await link.say("SUBSCRIBE", id="1", destination="/topic/events.log", receipt="r", **headers)
    assert (await link.hear())[:2] == ("RECEIPT", {"receipt-id": "r"})
    return link


async def messages_of(link: StompLink, count: int) -> list[str]:
    found = []
    for _ in range(count):
        command, headers, body = await link.hear()
        assert (command, headers["subscription"], headers["destination"]) == ("MESSAGE", "1", "/topic/events.log")
        found.append(json.loads(body)["message"])
    return found


async def until(reached) -> None:
    while not reached():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_viewer_with_a_token_hears_each_event_as_a_message(tmp_path, carrier):
    async def scene(hub, node):
        link = await subscribed(hub, carrier)
        publish(hub, node, "one", "two \n lines and \0")
        publish(hub, node, "three")
        assert await messages_of(link, 3) == ["one", "two \n lines and \0", "three"]
        await link.say("DISCONNECT", receipt="bye")
        assert (await link.hear())[1] == {"receipt-id": "bye"}
        assert await link.hear() is None
        await until(lambda: not hub.doors.stomp.connections and not hub.doors.live.subscribers)
    played(scene, tmp_path)


def test_destinations_and_headers_choose_as_the_live_stream_does(tmp_path):
    async def scene(hub, node):
        other = await hub.new_node("cam-1")
        link = await hub.link()
        await link.connect(passcode=hub.tokens["vera"])
        await link.say("SUBSCRIBE", id="1", destination="/topic/events.log.tag:room=lab", grep="yes")
        await link.say("SUBSCRIBE", id="h", destination="/topic/events.host", receipt="r")
        await link.hear()
        publish(hub, other, "yes, elsewhere")
        publish(hub, node, "no")
        publish(hub, node, "yes")
        assert json.loads((await link.hear())[2])["message"] == "yes"
        hub.bus.publish(HostChanged("10.1.0.7", "silent"))
        _, headers, body = await link.hear()
        assert headers["subscription"] == "h"
        assert json.loads(body) == {"kind": "host", "address": "10.1.0.7", "state": "silent"}
        await link.say("UNSUBSCRIBE", id="1", receipt="u")
        await link.hear()
        publish(hub, node, "yes")
        hub.bus.publish(HostChanged("10.1.0.7", "alive"))
        assert json.loads((await link.hear())[2])["state"] == "alive"
    played(scene, tmp_path)


def test_subscribers_that_want_the_same_share_their_frames(tmp_path):
    async def scene(hub, node):
        links = [await subscribed(hub, carrier) for carrier in ("tcp", "tcp", "socket", "socket")]
        assert (hub.doors.live.subscribers, hub.doors.live.groups) == (4, 2)
        publish(hub, node, "x")
        assert [await messages_of(link, 1) for link in links] == [["x"]] * 4
    played(scene, tmp_path)


@pytest.mark.parametrize("login, passcode", [
    ("vera", "wrong password"), ("nobody", "wrong password"), ("", ""), ("vera", "old"), ("vera", "mallory")])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_who_is_nobody_gets_an_error_and_no_event(tmp_path, login, passcode, carrier):
    async def scene(hub, node):
        link = await hub.link(carrier)
        await link.say("CONNECT", accept_version="1.2", login=login, passcode=hub.tokens.get(passcode, passcode))
        assert await link.error()
        link = await hub.link(carrier)
        await link.say("SUBSCRIBE", id="1", destination="/topic/events")
        assert "CONNECT comes first" in await link.error()
        assert hub.doors.live.subscribers == 0
    played(scene, tmp_path)


def test_a_user_with_a_password_comes_in_with_a_login_that_ends_with_the_connection(tmp_path):
    async def scene(hub, node):
        link = await hub.link()
        await link.connect(login="otto", passcode=PASSWORD)
        logins = [token for token in await hub.doors.store.people.tokens("otto") if token.kind == "login"]
        assert [token.note for token in logins] == ["STOMP"]
        await link.close()
        await until(lambda: not hub.doors.stomp.connections)
        while [token for token in await hub.doors.store.people.tokens("otto") if token.kind == "login"]:
            await asyncio.sleep(0.01)
        _, audit = await hub.ask("GET", "/api/v1/audit?limit=2", "ada")
        assert [entry["action"] for entry in audit["items"]] == ["sign-out", "sign-in"]
    played(scene, tmp_path)


def test_guessing_is_limited_as_at_every_sign_in(tmp_path):
    async def scene(hub, node):
        for _ in range(PAIR_ALLOWANCE.burst):
            link = await hub.link()
            await link.say("CONNECT", login="vera", passcode="wrong password")
            assert "wrong" in await link.error()
        link = await hub.link()
        await link.say("CONNECT", login="vera", passcode=PASSWORD)
        assert "too many" in (await link.error()).lower()
    played(scene, tmp_path)


def test_another_sites_page_opens_no_socket_and_the_best_subprotocol_is_chosen(tmp_path):
    async def scene(hub, node):
        for origin in ("https://evil.example", "null"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as error:
                await hub.link("socket", headers={"Origin": origin})
            assert error.value.status == 403
        link = await hub.link("socket", headers={"Origin": hub.url}, protocols=("v10.stomp", "v11.stomp"))
        assert link.socket.protocol == "v10.stomp"
        assert (await link.connect("1.0,1.1", passcode=hub.tokens["vera"]))["version"] == "1.1"
        assert (await hub.ask("GET", "/stomp"))[0] == 426
    played(scene, tmp_path)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"SHOUT\n\n\0", b"\xff\n\n\0", b"x" * 20_000,
                                  b"SEND\ncontent-length:999999999\n\n", b"SEND\ndestination:/topic/x\n\nhello\0",
                                  b"SUBSCRIBE\nid:1\ndestination:/topic/events.log.tag:\n\n\0"])
def test_what_can_not_be_used_ends_that_connection_with_a_reason_and_no_other(tmp_path, said):
    async def scene(hub, node):
        good, bad = await subscribed(hub), await hub.link()
        await bad.connect(passcode=hub.tokens["vera"])
        await bad.send(said)
        assert await bad.error()
        publish(hub, node, "still here")
        assert await messages_of(good, 1) == ["still here"]
        assert hub.doors.live.subscribers == 1
    played(scene, tmp_path)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_frames_may_be_cut_anywhere(tmp_path, carrier):
    async def scene(hub, node):
        link = await hub.link(carrier)
        whole = (f"CONNECT\naccept-version:1.2\npasscode:{hub.tokens['vera']}\n\n\0\n"
                 "SUBSCRIBE\nid:1\ndestination:/topic/events.log\nreceipt:r\n\n\0").encode()
        for start in range(0, len(whole), 7):
            await link.send(whole[start:start + 7])
        assert [(await link.hear())[0], (await link.hear())[0]] == ["CONNECTED", "RECEIPT"]
    played(scene, tmp_path)


def test_one_that_acknowledges_nothing_misses_events_and_is_told_how_many(tmp_path):
    async def scene(hub, node):
        link, quick = await subscribed(hub, ack="client"), await subscribed(hub)
        for start in range(0, MAX_UNACKNOWLEDGED, 100):
            publish(hub, node, *map(str, range(start, start + 100)))
            await messages_of(quick, 100)
        publish(hub, node, "missed", "too")
        assert await messages_of(quick, 2) == ["missed", "too"]
        acks = [(await link.hear())[1]["ack"] for _ in range(MAX_UNACKNOWLEDGED)]
        assert len(set(acks)) == MAX_UNACKNOWLEDGED and hub.doors.live.counters.missed == 2
        await link.say("ACK", id=acks[-1])
        assert json.loads((await link.hear())[2]) == {"kind": "gap", "missed": 2}
        publish(hub, node, "again")
        assert json.loads((await link.hear())[2])["message"] == "again"
    played(scene, tmp_path)


def test_a_client_that_does_not_read_misses_events_is_cut_off_and_slows_nobody(tmp_path, monkeypatch):
    async def scene(hub, node):
        monkeypatch.setattr(live, "PATIENCE", 0.05)
        slow, quick = await subscribed(hub), await subscribed(hub)
        slow.transport.pause_reading()
        while not hub.doors.live.counters.missed:
            publish(hub, node, *["x" * 50_000] * 10)
            await messages_of(quick, 10)
        await until(lambda: hub.doors.live.subscribers == 1)
        publish(hub, node, "on it goes")
        assert await messages_of(quick, 1) == ["on it goes"]
        slow.transport.abort()
    played(scene, tmp_path)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_signed_out_listener_hears_no_more(tmp_path, carrier):
    async def scene(hub, node):
        hub.doors.live.recheck = 0.05
        link = await subscribed(hub, carrier)
        await hub.ask("POST", "/api/v1/logout", "vera")
        assert "token" in await link.error()
        assert hub.doors.live.subscribers == 0
    played(scene, tmp_path)


def test_there_is_room_for_a_bounded_number_of_strangers(tmp_path, monkeypatch):
    async def scene(hub, node):
        monkeypatch.setattr(stomp, "MAX_STOMP_STRANGERS", 2)
        inside = await subscribed(hub)
        waiting = [await hub.link() for _ in range(2)]
        await until(lambda: len(hub.doors.stomp.connections) == 3)
        assert "too many" in await (await hub.link()).error()
        await waiting[0].connect(passcode=hub.tokens["vera"])
        await (await hub.link()).connect(passcode=hub.tokens["vera"])
        publish(hub, node, "x")
        assert await messages_of(inside, 1) == ["x"]
    played(scene, tmp_path)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_when_the_hub_stops_its_clients_are_told(tmp_path, carrier):
    async def scene(hub, node):
        links = [await subscribed(hub, carrier), await hub.link(carrier)]
        await until(lambda: len(hub.doors.stomp.connections) == 2)
        stopping = asyncio.create_task(hub._runner.cleanup())
        for link in links:
            assert "stopping" in await link.error()
        await stopping
    played(scene, tmp_path)


def test_without_the_setting_nothing_is_opened_and_a_wrong_one_is_named(tmp_path):
    async def scene(hub, node):
        closed = HubConfig(state_dir=tmp_path)
        async with serving_stomp(doors_with(closed)) as place:
            assert place is None
        taken = HubConfig(stomp_listen=f"127.0.0.1:{hub.place[1]}")
        with pytest.raises(NotServing, match="stomp_listen"):
            async with serving_stomp(doors_with(taken)):
                pass
    played(scene, tmp_path)
    with pytest.raises(ConfigError, match="stomp_listen"):
        HubConfig(stomp_listen="61613")


def doors_with(config):
    return type("Doors", (), {"config": config})
