"""What is told to whom and when, by rules alone; time is a number."""

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from dvic_hub.domain.alarm_model import Alarm, Flip
from dvic_hub.domain.channels import Channel
from dvic_hub.domain.delivery import MOST_PAUSE, pause
from dvic_hub.domain.routes import DEFAULT_ROUTES, Route, check_route, targets
from dvic_hub.domain.telling import (
    COLLECT,
    FLAP_FIRST,
    FLAP_MOST,
    INTERVAL,
    SECOND,
    History,
    Situation,
    Told,
    decide,
    decide_again,
    flap_delay,
)
from dvic_hub.errors import BadRequest

T = 1_763_632_800 * SECOND
MAIL = Channel("mail", "email")
CHAT = Channel("chat", "telegram")
CHANNELS = {"chat": CHAT, "mail": MAIL}


def alarm(id: str = "a1", subject: str = "node:n1", rule: str = "node-silent", severity: str = "critical",
          **more: object) -> Alarm:
    return Alarm(id, rule, subject, severity, f"{subject} is bad", T, T, **{"node": "n1", **more})


def flips(*kinds: tuple[str, str], time: int = T) -> list[Flip]:
    """(alarm, kind) in order."""
    return [Flip(number, id, kind, time + number) for number, (id, kind) in enumerate(kinds, 1)]


def at(now: int = T + SECOND, **changes: object) -> Situation:
    given = {"routes": DEFAULT_ROUTES, "channels": CHANNELS, "history": History(), "quiet": lambda alarm, time: False,
             "on_node": lambda selector, node: fnmatchcase(node, selector), "off": lambda service: frozenset()}
    return Situation(now=now, **{**given, **changes})


def by_id(*alarms: Alarm) -> dict[str, Alarm]:
    return {one.id: one for one in alarms}


def told_raised(one: Alarm, channel: str = "mail", time: int = T, again: int = 0) -> Told:
    return Told(channel, one.rule, one.subject, one.id, "raised", time, again)


def shown(plan) -> list[tuple]:
    return [(message.channel, message.kind, [one.id for one in message.alarms]) for message in plan.messages]


def test_an_alarm_is_told_to_every_channel_once_and_within_two_seconds():
    plan = decide(flips(("a1", "raised")), by_id(alarm()), at(T + COLLECT + 1))
    assert shown(plan) == [("chat", "raised", ["a1"]), ("mail", "raised", ["a1"])]
    assert [flip.id for flip in plan.claimed] == [1] and COLLECT < 1 * SECOND
    again = T + COLLECT + 1 + 4 * 3600 * SECOND
    assert {told.channel: told.again for told in plan.told} == dict.fromkeys(CHANNELS, again)


def test_ten_nodes_silent_at_once_are_one_message():
    alarms = by_id(*(alarm(f"a{number}", f"node:n{number}") for number in range(10)))
    all_flips = flips(*((id, "raised") for id in alarms))
    early = decide(all_flips, alarms, at(T + COLLECT // 2))
    assert early.messages == [] and early.claimed == [] and early.wake == T + 1 + COLLECT
    plan = decide(all_flips, alarms, at(early.wake))
    assert shown(plan) == [("chat", "raised", list(alarms)), ("mail", "raised", list(alarms))]
    assert len(plan.claimed) == 10


def test_the_rest_of_a_fleet_that_falls_silent_over_seconds_is_one_more_message():
    late = by_id(*(alarm(f"a{number}", f"node:n{number}") for number in range(9)))
    topic = "raised node-silent "
    recent = History(recent={topic: (1, T)})
    plan = decide(flips(*((id, "raised") for id in late)), late, at(T + 8 * SECOND, history=recent))
    assert plan.claimed == [] and plan.wake == T + INTERVAL
    assert shown(decide(flips(*((id, "raised") for id in late)), late, at(plan.wake, history=recent)))[0] == (
        "chat", "raised", list(late))


def test_another_rule_or_service_does_not_wait_for_it():
    one = alarm(rule="step-error", subject="service:sat/decode/", service="sat")
    recent = {"raised step-error other": (9, T), "raised node-silent ": (9, T)}
    assert len(decide(flips(("a1", "raised")), by_id(one), at(history=History(recent=recent))).messages) == 2


def test_steps_of_a_service_are_told_at_once_until_there_are_many():
    one = alarm(rule="step-error", subject="service:sat/decode/", service="sat")

    def told_after(times: int) -> int:
        history = History(recent={"raised step-error sat": (times, T)})
        return len(decide(flips(("a1", "raised")), by_id(one), at(history=history)).messages)

    assert [told_after(times) for times in (1, 2, 3)] == [2, 2, 0]


def test_a_time_from_the_future_holds_nobody():
    plan = decide(flips(("a1", "raised"), time=T + 9 * 3600 * SECOND), by_id(alarm()), at(T))
    assert len(plan.messages) == 2


def test_a_recovery_is_told_to_those_that_know_of_the_alarm():
    one = replace(alarm(), cleared=T + SECOND)
    plan = decide(flips(("a1", "cleared")), by_id(one), at(history=History((told_raised(one),))))
    assert shown(plan) == [("mail", "cleared", ["a1"])]
    assert [(told.channel, told.state, told.again) for told in plan.told] == [("mail", "cleared", 0)]


def test_what_came_and_went_before_anybody_was_told_is_told_to_nobody():
    plan = decide(flips(("a1", "raised"), ("a1", "cleared")), by_id(replace(alarm(), cleared=T + 9)), at())
    assert plan.messages == [] and len(plan.claimed) == 2


def test_no_recovery_where_the_route_wants_none():
    routes = (Route("quiet", recovery=False),)
    one = replace(alarm(), cleared=T + SECOND)
    plan = decide(flips(("a1", "cleared")), by_id(one), at(routes=routes, history=History((told_raised(one),))))
    assert plan.messages == [] and plan.told[0].state == "cleared"


def test_who_acknowledges_within_the_moment_is_enough():
    plan = decide(flips(("a1", "raised"), ("a1", "acknowledged")), by_id(replace(alarm(), acknowledged=T + 5)), at())
    assert plan.messages == [] and len(plan.claimed) == 2
    plan = decide(flips(("a1", "acknowledged")), by_id(replace(alarm(), acknowledged=T + 5)), at(T + 1))
    assert plan.messages == [] and len(plan.claimed) == 1, "it is told to nobody, and waits for nothing"


def test_of_what_is_quiet_nobody_is_told_and_the_alarm_is_silenced():
    plan = decide(flips(("a1", "raised")), by_id(alarm()), at(quiet=lambda one, time: True))
    assert plan.messages == [] and plan.told == [] and plan.silenced == ["a1"] and len(plan.claimed) == 1


def test_what_was_raised_inside_a_window_is_not_told_after_it():
    in_window = at(T + 5 * SECOND, quiet=lambda one, time: time <= T + SECOND)
    plan = decide(flips(("a1", "raised")), by_id(alarm()), in_window)
    assert plan.messages == [] and plan.silenced == ["a1"]


def test_a_recovery_inside_a_window_is_not_told():
    one = replace(alarm(), cleared=T + SECOND)
    plan = decide(flips(("a1", "cleared")), by_id(one),
                  at(history=History((told_raised(one),)), quiet=lambda one, time: True))
    assert plan.messages == [] and plan.told[0].state == "cleared"


def test_what_comes_and_goes_waits_longer_each_time():
    assert [flap_delay(raises) // SECOND for raises in range(9)] == [0, 0, 0, 60, 120, 240, 480, 960, 1800]
    assert flap_delay(10 ** 6) == FLAP_MOST
    gone, back = replace(alarm("a1"), cleared=T + 9), alarm("a2")
    history = History((told_raised(gone),), raises={("node-silent", "node:n1"): 3})
    pending = flips(("a1", "cleared"), ("a2", "raised"))
    held = decide(pending, by_id(gone, back), at(T + 30 * SECOND, history=history))
    assert held.claimed == [] and held.messages == [] and held.wake == T + FLAP_FIRST
    plan = decide(pending, by_id(gone, back), at(held.wake, history=history))
    assert shown(plan) == [("chat", "raised", ["a2"]), ("mail", "raised", ["a2"])] and len(plan.claimed) == 2


def test_flapping_of_one_holds_no_other():
    history = History((told_raised(alarm("a1")),), raises={("node-silent", "node:n1"): 9})
    plan = decide(flips(("a2", "raised"), ("b1", "raised")), by_id(alarm("a2"), alarm("b1", "node:n2")),
                  at(history=history))
    assert shown(plan)[0] == ("chat", "raised", ["b1"]) and len(plan.claimed) == 1


def test_flips_of_forgotten_alarms_are_claimed_and_told_to_nobody():
    plan = decide(flips(("gone", "raised")), {}, at())
    assert plan.messages == [] and len(plan.claimed) == 1


def test_what_nobody_acknowledges_is_told_again_and_again():
    one = alarm()
    plan = decide_again([told_raised(one, again=T)], by_id(one), at(T + SECOND))
    assert shown(plan) == [("mail", "repeated", ["a1"])] and plan.told[0].again == T + SECOND + 4 * 3600 * SECOND


@pytest.mark.parametrize("change", [{"acknowledged": T}, {"cleared": T}, {"silenced": True}])
def test_what_is_acknowledged_over_or_silenced_is_not_told_again(change):
    one = replace(alarm(), **change)
    plan = decide_again([told_raised(one, again=T)], by_id(one), at())
    assert plan.messages == [] and plan.told[0].again == 0


def test_in_a_window_the_next_time_is_put_off():
    one = alarm()
    plan = decide_again([told_raised(one, again=T)], by_id(one), at(quiet=lambda one, time: True))
    assert plan.messages == [] and plan.told[0].again > T


def test_what_may_not_have_arrived_is_told_once_more_where_no_route_repeats():
    one = alarm(severity="warning")
    plan = decide_again([told_raised(one, again=T)], by_id(one), at())
    assert shown(plan) == [("mail", "repeated", ["a1"])] and plan.told[0].again == 0


def on_node(selector: str, node: str) -> bool:
    return fnmatchcase(node, selector)


@pytest.mark.parametrize(("route", "one", "goes"), [
    (Route("r", severity="warning"), alarm(severity="info"), False),
    (Route("r", severity="warning"), alarm(severity="critical"), True),
    (Route("r", selector="n1"), alarm(), True), (Route("r", selector="n2"), alarm(), False),
    (Route("r", selector="n*"), alarm(node=""), False), (Route("r"), alarm(node=""), True),
    (Route("r", services=("sat*",)), alarm(service="sat1"), True), (Route("r", services=("sat*",)), alarm(), False),
    (Route("r", services=("*",)), alarm(service=""), False),
    (Route("r", rules=("disk-*",)), alarm(), False), (Route("r", enabled=False), alarm(), False),
    (Route("r", channels=("mail",)), alarm(), True), (Route("r", channels=("gone",)), alarm(), False)])
def test_a_route_takes_what_it_names(route, one, goes):
    assert bool(targets(one, [route], CHANNELS, on_node)) is goes


def test_each_channel_gets_an_alarm_once_with_the_shortest_repeat_of_its_routes():
    routes = [Route("a", repeat=3600), Route("b", repeat=600, channels=("mail",)), Route("c", recovery=False)]
    found = targets(alarm(), routes, CHANNELS, on_node)
    assert (found["mail"].repeat, found["chat"].repeat) == (600, 3600) and found["mail"].recovery


def test_switched_off_channels_and_media_get_nothing():
    channels = {"mail": MAIL, "chat": replace(CHAT, enabled=False)}
    assert list(targets(alarm(), DEFAULT_ROUTES, channels, on_node)) == ["mail"]
    assert list(targets(alarm(), DEFAULT_ROUTES, CHANNELS, on_node, frozenset({"email"}))) == ["chat"]


@pytest.mark.parametrize("route", [Route("r", severity="bad"), Route("r", repeat=5), Route("r", repeat=10 ** 9),
                                   Route("r", selector="tag:"), Route("r", rules=("x",) * 51)])
def test_a_route_that_cannot_be_is_refused(route):
    with pytest.raises(BadRequest):
        check_route(route)


def test_pauses_between_tries_grow_and_what_the_other_side_asks_counts():
    assert [pause(failures) for failures in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert pause(1000) == MOST_PAUSE and pause(1, 90) == 90 and pause(3, 1) == 20
