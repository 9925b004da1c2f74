"""Monitoring services over STOMP: who hears a service, who may send to it, what is committed and what is refused."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stomp_hub import new_service, stomp_hub
from stomp_link import StompLink

from dvic_hub.api import stomp_sending
from dvic_hub.domain.events import EventsPosted, LogsStored
from dvic_hub.domain.step_events import StepEvent
from dvic_hub.domain.stomp_session import Deliver
from dvic_hub.errors import HubError
from dvic_hub.services.cycles import MAX_POSTED


def played(scene, tmp_path):
    async def run():
        async with stomp_hub(tmp_path) as hub:
            await new_service(hub)
            await scene(hub, await hub.new_node("web-1", tags={"room": "lab"}))

    asyncio.run(run())


async def opened(hub, who="otto", carrier="tcp") -> StompLink:
    link = await hub.link(carrier)
    await link.connect(passcode=hub.tokens[who])
    return link


async def listening(hub, destination="/topic/meteor", **headers) -> StompLink:
    link = await opened(hub, "vera")
    await link.say("SUBSCRIBE", id="1", destination=destination, receipt="r", **headers)
    assert (await link.hear())[0] == "RECEIPT"
    return link


async def received(link: StompLink) -> None:
    command, headers, body = await link.hear()
    assert command == "RECEIPT", (headers, body)


async def step(hub, component: str) -> dict:
    """The newest cycle's step, once an event has moved it."""
    while True:
        _, service = await hub.ask("GET", "/api/v1/services/meteor", "vera")
        for found in (service.get("cycle") or {}).get("steps", ()):
            if found["component"] == component and found.get("events"):
                return found
        await asyncio.sleep(0.02)


def logged(hub, node, *messages: str, services: dict) -> None:
    records = [json.dumps({"time": 1, "level": "info", "message": text}).encode() for text in messages]
    hub.bus.publish(LogsStored(node.id, "dvic_log_x", records, 2, 7, services))


def test_a_subscriber_of_a_service_hears_its_log_records_and_no_others(tmp_path):
    async def scene(hub, node):
        await new_service(hub, "venus")
        link, both = await listening(hub), await listening(hub, "/topic/events.log", level="info")
        logged(hub, node, "of meteor", "of venus", "of none", services={"meteor": [0], "venus": [1]})
        logged(hub, node, "elsewhere", services={"venus": [0]})
        logged(hub, node, "all", "of it", services={"meteor": [0, 1]})
        heard = [json.loads((await link.hear())[2]) for _ in range(3)]
        assert [(one["kind"], one["message"], one["place"]) for one in heard] == [
            ("log", "of meteor", "7.0"), ("log", "all", "7.0"), ("log", "of it", "7.1")]
        assert len([await both.hear() for _ in range(6)]) == 6
    played(scene, tmp_path)


def test_an_events_destination_of_a_service_is_heard_alone(tmp_path):
    async def scene(hub, node):
        await new_service(hub, "events")
        link = await listening(hub, "/topic/events.event.events")
        otto = await opened(hub)
        await otto.say("SEND", b"x", destination="/topic/meteor", component="connect")
        await otto.say("SEND", b"y", destination="/queue/events", component="connect", receipt="s")
        await received(otto)
        assert json.loads((await link.hear())[2])["message"] == "y"
        await otto.say("SEND", b"z", destination="/topic/events", component="connect")
        assert "/topic/SERVICE or /queue/SERVICE" in await otto.error()
    played(scene, tmp_path)


@pytest.mark.parametrize("body, headers", [
    (b"began", {"component": "connect", "step": "start", "level": "INFO"}),
    (b'{"component": "connect", "step": "start", "message": "began"}', {}),
    (b'[{"step": "start", "message": "began"}]', {"component": "connect"}),
    (b'{"events": [{"component": "connect", "step": "start", "message": "began"}]}',
     {"content_type": "application/json"})])
@pytest.mark.parametrize("carrier", ["tcp", "socket"])
def test_what_is_sent_moves_a_step_in_whatever_form_it_comes(tmp_path, body, headers, carrier):
    async def scene(hub, node):
        link = await opened(hub, carrier=carrier)
        await link.say("SEND", body, destination="/topic/meteor", receipt="s", **headers)
        await received(link)
        moved = await step(hub, "connect")
        assert (moved["state"], moved["message"]) == ("running", "began")
    played(scene, tmp_path)


def test_a_receipt_says_that_it_is_stored_and_many_that_come_together_are_one_commit(tmp_path):
    async def scene(hub, node):
        link, posted = await opened(hub), []
        hub.bus.subscribe(lambda event: posted.append(event) if isinstance(event, EventsPosted) else None)
        frames = "".join(f"SEND\ndestination:/topic/meteor\ncomponent:connect\nreceipt:{n}\n\n{n}\0" for n in range(50))
        await link.send(frames.encode())
        assert [(await link.hear())[1]["receipt-id"] for _ in range(50)] == [str(n) for n in range(50)]
        assert sum(len(event.lines) for event in posted) == 50 and len(posted) < 10
    played(scene, tmp_path)


def test_a_transaction_is_one_commit_and_what_was_aborted_or_cut_off_is_none(tmp_path):
    async def scene(hub, node):
        link, told = await opened(hub), []
        hub.bus.subscribe(lambda event: told.append(event) if isinstance(event, EventsPosted) else None)
        for name, text in (("a", b"one"), ("b", b"aborted"), ("a", b"two"), ("c", b"cut off")):
            if text in (b"one", b"aborted", b"cut off"):
                await link.say("BEGIN", transaction=name)
            await link.say("SEND", text, destination="/topic/meteor", component="connect", transaction=name)
        await link.say("ABORT", transaction="b")
        await link.say("COMMIT", transaction="a", receipt="c")
        await received(link)
        await link.say("DISCONNECT", receipt="d")
        await received(link)
        (event,) = told
        assert [json.loads(line)["message"] for line in event.lines] == ["one", "two"]
    played(scene, tmp_path)


def test_one_wrong_message_in_a_transaction_and_nothing_of_it_is_stored(tmp_path):
    async def scene(hub, node):
        link, told = await opened(hub), []
        hub.bus.subscribe(lambda event: told.append(event) if isinstance(event, EventsPosted) else None)
        await link.say("BEGIN", transaction="t")
        await link.say("SEND", b"good", destination="/topic/meteor", component="connect", transaction="t")
        await link.say("SEND", b"bad", destination="/topic/venus", component="connect", transaction="t")
        await link.say("COMMIT", transaction="t", receipt="c")
        command, headers, _ = await link.hear()
        assert command == "ERROR" and headers["receipt-id"] == "c" and "no service venus" in headers["message"]
        assert await link.hear() is None and told == []
    played(scene, tmp_path)


def test_what_came_before_something_wrong_is_stored_and_has_its_receipt(tmp_path):
    async def scene(hub, node):
        link = await opened(hub)
        await link.send(b"SEND\ndestination:/topic/meteor\ncomponent:connect\nstep:start\nreceipt:1\n\n\0SHOUT\n\n\0")
        await received(link)
        assert await link.error() and (await step(hub, "connect"))["state"] == "running"
    played(scene, tmp_path)


@pytest.mark.parametrize("destination, body, headers, why", [
    ("/topic/venus", b"x", {"component": "connect"}, "no service venus"),
    ("/queue/venus", b"x", {"component": "connect"}, "hubctl service"),
    ("/topic/a/b", b"x", {"component": "connect"}, "/topic/SERVICE"),
    ("/topic/events.log", b"x", {"component": "connect"}, "/topic/SERVICE"),
    ("/topic/meteor", b"x", {}, "component"),
    ("/topic/meteor", b"x", {"component": "connect", "step": "explode"}, "done, fail, skip"),
    ("/topic/meteor", b"x", {"component": "connect", "level": "loud"}, "level"),
    ("/topic/meteor", b"x", {"component": "connect", "time": "soon"}, "time"),
    ("/topic/meteor", b"\xff", {"component": "connect"}, "UTF-8"),
    ("/topic/meteor", b"{", {"component": "connect"}, "JSON"),
    ("/topic/meteor", b"[" * 5000, {"component": "connect"}, "JSON"),
    ("/topic/meteor", b"[]", {"component": "connect"}, "1 to"),
    ("/topic/meteor", b"[3]", {"component": "connect"}, "object"),
    ("/topic/meteor", b"3", {"content_type": "application/json", "component": "connect"}, "object"),
    ("/topic/meteor", b'{"component": 3}', {}, "component"),
    ("/topic/meteor", json.dumps([{}] * (MAX_POSTED + 1)).encode(), {"component": "connect"}, str(MAX_POSTED))])
def test_what_can_not_be_used_is_refused_with_its_reason_and_nothing_is_stored(tmp_path, destination, body, headers,
                                                                                 why):
    async def scene(hub, node):
        link = await opened(hub)
        await link.say("SEND", body, destination=destination, receipt="r", **headers)
        assert why in await link.error()
        assert await hub.doors.store.services.waiting(9) == []
    played(scene, tmp_path)


VALUES = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=70),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
                          ["component", "step", "level", "message", "time", "events", "x"]), inner, max_size=5))


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()),
       st.dictionaries(st.sampled_from(["component", "step", "level", "cycle", "source", "time", "content-type"]),
                       st.text(max_size=70) | st.sampled_from(["application/json", "start", "info", "connect"])))
def test_whatever_is_sent_is_events_or_is_refused(body, headers):
    doors = SimpleNamespace(cycles=SimpleNamespace(get=lambda name: SimpleNamespace(name=name)), now=lambda: 1)
    try:
        events = stomp_sending.events_of(doors, Deliver("/topic/meteor", headers, body))
    except HubError as error:
        assert str(error)
    else:
        assert events and all(isinstance(event, StepEvent) and event.service == "meteor" for event in events)


def test_a_transaction_of_very_many_small_events_is_refused(tmp_path, monkeypatch):
    async def scene(hub, node):
        monkeypatch.setattr(stomp_sending, "MAX_SENT_EVENTS", 3)
        link = await opened(hub)
        await link.say("BEGIN", transaction="t")
        for _ in range(2):
            await link.say("SEND", b"[{}, {}]", destination="/topic/meteor", component="connect", transaction="t")
        await link.say("COMMIT", transaction="t")
        assert "at most 3 events" in await link.error()
    played(scene, tmp_path)


def test_a_viewer_hears_and_may_not_send(tmp_path):
    async def scene(hub, node):
        link = await opened(hub, "vera")
        await link.say("SEND", b"x", destination="/topic/meteor", component="connect", receipt="r")
        assert "needs the role operator" in await link.error()
        assert await hub.doors.store.services.waiting(9) == []
    played(scene, tmp_path)


def test_there_is_nothing_to_hear_of_a_service_that_there_is_not(tmp_path):
    async def scene(hub, node):
        link = await opened(hub, "vera")
        await link.say("SUBSCRIBE", id="1", destination="/topic/venus")
        assert "no service venus" in await link.error()
        assert hub.doors.live.subscribers == 0
    played(scene, tmp_path)


def test_steps_of_other_services_are_not_heard(tmp_path):
    async def scene(hub, node):
        await new_service(hub, "venus")
        link, otto = await listening(hub), await opened(hub)
        for name in ("venus", "meteor"):
            await otto.say("SEND", b"", destination=f"/topic/{name}", component="connect", step="start", receipt=name)
            await received(otto)
        heard = [json.loads((await link.hear())[2]) for _ in range(3)]
        assert {one["service"] for one in heard} == {"meteor"}
    played(scene, tmp_path)
