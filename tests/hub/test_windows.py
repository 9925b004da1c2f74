"""When a maintenance window is on, by its rules alone; what it does at a hub, and who may make one."""

import asyncio
from datetime import UTC, datetime

import pytest
from api_hub import ApiHub
from hub_parts import OPERATOR, with_hub
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.events import NodeChanged
from dvic_hub.domain.windows import Calendar, Window, check, ended_since, is_over, next_spans
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.silences import SilenceService
from dvic_hub.services.windows import WindowService

HOUR = 3600


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def silence_by(window: Window, now: float):
    """The silence that it makes at `now`; None while it is not on."""
    return next(iter(Calendar().silences([window], now)), None)


def begins(window: Window, now: float, count: int) -> list[str]:
    return [datetime.fromtimestamp(begin / 1e6, UTC).strftime("%m-%d %H:%M")
            for begin, _ in next_spans(window, now, count)]


def test_one_of_one_time_is_on_from_its_begin_to_its_end_and_then_over():
    window = Window("move", "tag:room=lab", 2 * HOUR, begin=int(at("2026-11-27T10:00") * 1e6), created_by="olga")
    assert silence_by(window, at("2026-11-27T09:59:59")) is None
    made = silence_by(window, at("2026-11-27T10:00"))
    assert (made.id, made.selector, made.created_by, made.reason) == ("window:move", "tag:room=lab", "olga",
                                                                      "maintenance: move")
    assert made.until == int(at("2026-11-27T12:00") * 1e6)
    assert silence_by(window, at("2026-11-27T11:59:59")) == made
    assert silence_by(window, at("2026-11-27T12:00")) is None
    assert is_over(window, at("2026-11-27T12:00")) and not is_over(window, at("2026-11-27T11:59"))


def test_one_of_each_week_keeps_to_the_clocks_of_its_zone_when_they_change():
    window = Window("backup", "all", 4 * HOUR, cron="0 22 * * 6", zone="Europe/Paris")
    assert begins(window, at("2026-10-17T12:00"), 3) == ["10-17 20:00", "10-24 20:00", "10-31 21:00"]
    assert silence_by(window, at("2026-10-24T21:00")).until == int(at("2026-10-25T00:00") * 1e6)
    assert silence_by(window, at("2026-10-31T20:59")) is None
    assert begins(window, at("2026-10-24T23:00"), 1) == ["10-24 20:00"], "the one that is on counts"


@given(st.lists(st.integers(0, 20 * 86_400), max_size=12), st.sampled_from(["0 22 * * 6", "30 2 * * *", "0 * 25 * *"]))
def test_a_calendar_that_is_asked_again_and_again_says_what_a_fresh_one_says(times, cron):
    windows = [Window("w", "all", HOUR // 2, cron=cron, zone="Europe/Paris"),
               Window("once", "all", HOUR, begin=int(at("2026-10-20T10:00") * 1e6))]
    calendar = Calendar()
    for offset in times:
        now = at("2026-10-12T00:00") + offset
        assert calendar.silences(windows, now) == [made for one in windows if (made := silence_by(one, now))]


def test_a_night_in_which_the_clocks_are_put_forward_or_back_has_its_window_once():
    window = Window("night", "all", HOUR, cron="30 2 * * *", zone="Europe/Paris")
    assert begins(window, at("2026-03-28T12:00"), 2) == ["03-29 01:00", "03-30 00:30"], "at 3:00, as 2:30 is left out"
    assert begins(window, at("2026-10-24T12:00"), 2) == ["10-25 00:30", "10-26 01:30"], "the first of the two 2:30"


def test_what_ended_lately_is_known_also_after_a_restart():
    window = Window("w", "all", HOUR, cron="0 */2 * * *")
    found = ended_since(window, at("2026-11-27T10:30"), at("2026-11-27T13:30"))
    assert [one.until for one in found] == [int(at(f"2026-11-27T{hour}:00") * 1e6) for hour in ("11", "13")]


@pytest.mark.parametrize(("wrong", "word"), [
    ({"seconds": 59}, "60 s"), ({"seconds": 8 * 86_400}, "7 days"), ({"cron": ""}, "either"), ({"begin": 5}, "either"),
    ({"cron": "61 * * * *"}, "can't be read"), ({"cron": "0 0 30 2 *"}, "no window ever|can't be read"),
    ({"zone": "Mars/Olympus"}, "Mars"), ({"zone": "../../etc/passwd"}, "no time zone"),
    ({"selector": "state:silent"}, "by state"), ({"cron": "*/5 * * * *", "seconds": HOUR}, "begin again"),
    ({"name": "x" * 65}, "64"), ({"cron": "", "begin": int(at("2026-11-27T08:00") * 1e6)}, "in the future"),
    ({"cron": "", "begin": int(at("2029-11-27T08:00") * 1e6)}, "within a year"),
])
def test_a_window_that_makes_no_sense_is_refused_and_said_why(wrong, word):
    right = {"name": "w", "selector": "all", "seconds": HOUR, "cron": "0 22 * * 6"}
    check(Window(**right), at("2026-11-27T12:00"))
    with pytest.raises(BadRequest, match=word):
        check(Window(**{**right, **wrong}), at("2026-11-27T12:00"))


def test_while_it_is_on_its_nodes_are_silenced_and_not_before_nor_after():
    async def test(hub):
        await hub.node(0, "ada", tags={"room": "lab"})
        bob = await hub.node(1, "bob")
        silences = SilenceService(hub.store, hub.bus, hub.fleet, hub.audit, hub.clock)
        await silences.start()
        windows = WindowService(hub.store.silences, silences, hub.audit, hub.clock)
        begin = int((hub.clock() + 60) * 1e6)
        await windows.put(Window("move", "tag:room=lab", HOUR, begin), OPERATOR)
        assert silences.all() == []
        hub.clock.now += 60
        await silences.tick()
        assert [silences.of(view) is not None for view in hub.fleet.views()] == [True, False]
        with pytest.raises(Conflict, match="remove move"):
            await silences.end("window:move", OPERATOR)
        await windows.put(Window("move", "bob", HOUR, begin, reason="other racks"), OPERATOR)
        assert [silences.of(view) is not None for view in hub.fleet.views()] == [False, True], "as it was changed"
        hub.clock.now += HOUR
        hub.events.clear()
        await silences.tick()
        assert silences.all() == [] and len(await windows.all()) == 1
        assert {event.node for event in hub.events if isinstance(event, NodeChanged)} == {bob.id}, "its end is told"
        hub.clock.now += 86_401
        assert await windows.all() == [], "over for a day"
        with pytest.raises(NotFound):
            await windows.remove("move", OPERATOR)
        assert [action for action, _ in hub.audited()] == ["window.put", "window.put", "window.remove"]

    with_hub(test)


def test_by_the_api_an_operator_plans_one_sees_when_it_comes_and_removes_it(tmp_path):
    async def steps():
        async with asyncio.timeout(60), ApiHub(tmp_path) as hub:
            await hub.new_node("web-1")
            body = {"selector": "web-*", "seconds": HOUR, "cron": "0 22 * * 6", "zone": "Europe/Paris"}
            for who, expected in (("", 401), ("mallory", 401), ("vera", 403)):
                assert (await hub.ask("PUT", "/api/v1/windows/backup", who, body))[0] == expected
                assert (await hub.ask("DELETE", "/api/v1/windows/backup", who))[0] == expected
            status, preview = await hub.ask("POST", "/api/v1/windows/preview", "vera", body)
            assert (status, len(preview["next"])) == (200, 3)
            assert (await hub.ask("GET", "/api/v1/windows", "vera"))[1]["items"] == []
            status, made = await hub.ask("PUT", "/api/v1/windows/backup", "otto", body)
            assert (status, made["created_by"], made["next"]) == (200, "otto", preview["next"])
            status, problem = await hub.ask("PUT", "/api/v1/windows/backup", "otto", {**body, "begin": "soon"})
            assert status == 400 and "begin" in str(problem)
            assert (await hub.ask("GET", "/api/v1/windows", "vera"))[1] == {"items": [made], "next": ""}
            assert (await hub.ask("DELETE", "/api/v1/windows/backup", "otto"))[0] == 204
            assert (await hub.ask("DELETE", "/api/v1/windows/backup", "otto"))[0] == 404

    asyncio.run(steps())
