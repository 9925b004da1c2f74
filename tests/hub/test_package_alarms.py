"""Rules about histogram packages: what each says of a histogram, and at work in a hub."""

import json

import pytest
from hub_parts import ADMIN
from package_updates import STREAM, histogram, package_message, update
from watched_hub import S, only, with_hub

from dvic_hub.domain.alarm_judging import BAD, GOOD, UNSURE, judge, judge_data
from dvic_hub.domain.alarm_packages import REGULAR
from dvic_hub.domain.alarm_rules import Rule, checked
from dvic_hub.domain.histogram_contents import contents_of
from dvic_hub.domain.package_objects import check_object
from dvic_hub.errors import BadRequest


def said(kind, data, reference=None, **settings):
    rule = checked(Rule("r", kind, settings={"entries": 10, **settings}))
    return judge(rule, contents_of(data.encode()), reference and contents_of(reference.encode()))


def table(*rows):
    axis = {"type": "regular", "lower": 0, "upper": 1, "underflow": False, "overflow": False, "circular": False}
    return json.dumps({"uhi_schema": 1, "axes": [{**axis, "bins": len(rows)}, {**axis, "bins": len(rows[0])}],
                       "storage": {"type": "int", "values": rows}})


def graph(*y):
    return json.dumps({"dvic_graph": 1, "type": "scatter", "x": list(range(len(y))), "y": list(y)})


def test_a_mean_is_raised_outside_and_cleared_a_margin_inside():
    for values, state in (((96, 4), BAD), ((76, 24), UNSURE), ((50, 50), GOOD), ((4, 96), BAD)):
        assert said("package-mean", histogram(*values), minimum=0.3, maximum=0.7, margin=0.1).state == state
    found = said("package-mean", histogram(90, 10), minimum=0.4)
    assert (found.text, found.value) == ("mean 0.3 is below 0.4", "0.3")
    assert said("package-mean", graph(1, 2, 9), maximum=3, entries=1).text == "mean 4 is above 3"
    assert said("package-mean", graph("NaN"), maximum=3, entries=1).state == UNSURE


def test_an_empty_bin_is_told_within_its_range_and_after_enough_entries():
    found = said("package-empty-bin", histogram(0, 9, 0, 9, 0), first=2, last=4)
    assert (found.state, found.text) == (BAD, "1 bin is empty (limit: none): 3")
    assert said("package-empty-bin", histogram(0, 9, 1, 9, 0), first=2, last=4).state == GOOD
    assert said("package-empty-bin", histogram(0, 4, 0), first=2).state == UNSURE
    assert said("package-empty-bin", table([9, 9], [9, 0])).text.endswith(": (2, 2)")
    assert said("package-empty-bin", histogram(99, 9), last=3).why == "it has only 2 bins"


def test_a_hot_bin_is_told_by_its_place_with_another_value_to_clear():
    found = said("package-hot-bin", table([10, 10], [900, 10]), above=50, clear=20)
    assert found.text == "bin (2, 1) holds 90 times the median of the others, above 50" and found.value == "90"
    assert said("package-hot-bin", table([10, 10], [300, 10]), above=50, clear=20).state == UNSURE
    assert said("package-hot-bin", table([10, 10], [200, 10]), above=50, clear=20).state == GOOD


def test_distances_from_the_reference_are_raised_above_a_limit_and_cleared_below_another():
    one, other = histogram(10, 20, 30), histogram(20, 20, 20)
    assert said("package-chi2", one, other, above=2).text == (
        "chi-squared per degree of freedom from the reference is 2.667, above 2")
    assert said("package-chi2", one, other, above=3, clear=2).state == UNSURE
    assert said("package-chi2", one, one, above=3, clear=2).state == GOOD
    assert said("package-chi2", table([10, 20], [30, 0]), table([20, 20], [20, 0]), above=2).value == "2.667"
    assert said("package-kolmogorov", one, other).value == "0.1667"
    assert said("package-kolmogorov", table([10, 20]), table([10, 20])).why == "it has two axes"


@pytest.mark.parametrize("kind", ["package-chi2", "package-kolmogorov"])
@pytest.mark.parametrize(("data", "reference", "why"), [
    (histogram(90, 1), None, "no reference"), (histogram(90, 1), histogram(1, 1, 90), "other bins"),
    (histogram(90, "NaN"), histogram(1, 90), "not finite"), (histogram(90, 1), histogram(1, "Infinity"), "not finite"),
    (histogram(0, 0), histogram(1, 90), "too few entries"), (histogram(), histogram(), "too few entries"),
    (histogram(90, 1), histogram(0, 0), "can't be compared"), (graph(1, 2), graph(2, 1), "no bins")])
def test_what_can_not_be_compared_flips_nothing_and_says_why(kind, data, reference, why):
    found = said(kind, data, reference)
    assert found.state == UNSURE and why in found.why


@pytest.mark.parametrize("number", ["1e999", "1e308", "1e-320", "9" * 300])
def test_numbers_beyond_what_can_be_computed_with_flip_nothing_of_any_rule(number):
    data = histogram(1, 2, 3).replace("[1, 2, 3]", f"[{number}, {number}, 1e200]").encode()
    check_object(data, "it is taken in")
    rules = [checked(Rule("r", kind, settings={"entries": 0, **more})) for kind, more in (
        ("package-chi2", {}), ("package-kolmogorov", {}), ("package-mean", {"maximum": 1}))]
    for reference in (data, histogram(1, 2, 3).encode()):
        assert len(judge_data(rules, data, [reference] * 3)) == len(judge_data(rules, histogram(1, 2, 3).encode(),
                                                                               [data] * 3)) == 3
    if number == "1e999":
        assert {each.state for each in judge_data(rules, data, [data] * 3)} == {UNSURE}


def test_bounds_that_could_never_be_met_are_refused():
    for kind, settings in (("package-mean", {}), ("package-mean", {"minimum": 2, "maximum": 1}),
                           ("package-mean", {"minimum": 0, "maximum": 1, "margin": 0.6}),
                           ("package-hot-bin", {"above": 5, "clear": 6}),
                           ("package-empty-bin", {"first": 5, "last": 2})):
        with pytest.raises(BadRequest):
            checked(Rule("r", kind, settings=settings))


async def bring(hub, node, serial, objects):
    """An update of the package, or None: its file is gone."""
    cursor = hub.store.streams.held.get((node, STREAM), "")
    record = None if objects is None else update(objects, serial)
    ack = await hub.doors.ingest.commit(node, package_message(record, cursor, f"{serial:09}"))
    assert ack.stored


async def rule(hub, name, kind, **settings):
    await hub.doors.rules.put(Rule(name, kind, settings=settings), ADMIN)


def test_an_update_raises_and_clears_and_a_restart_changes_nothing(tmp_path):
    async def test(hub):
        await only(hub)
        ada = await hub.node(0, "ada")
        await rule(hub, "shape", "package-chi2", object="adc", above=3, entries=10)
        await bring(hub, ada, 1, {"adc": histogram(100, 100), "other": histogram(1)})
        await hub.turn(1)
        [package] = hub.doors.packages.all()
        assert hub.open() == [] and hub.doors.rules.unjudged("shape") == ["readout adc: no reference"]
        await hub.doors.packages.add_reference(package.id, "good", 0, "", ADMIN)
        await bring(hub, ada, 2, {"adc": histogram(10, 190), "other": histogram(1)})
        await hub.turn(7)
        assert hub.open() == [("shape", f"package:{package.id} adc")] and hub.doors.rules.unjudged("shape") == []
        [alarm] = hub.doors.alarms.open()
        assert alarm.node == ada and alarm.summary.startswith(
            "readout adc on ada: chi-squared per degree of freedom from the reference is 101.6, above 3")
        hub = await hub.restarted()
        await hub.doors.packages.start()
        await hub.turn(7)
        assert len(hub.open()) == 1 and hub.flips() == ["raised"]
        await bring(hub, ada, 3, {"adc": histogram(95, 105), "other": histogram(1)})
        await hub.turn(7)
        assert hub.open() == [] and hub.flips() == ["raised", "cleared"]

    with_hub(tmp_path, test)


def test_an_object_or_a_package_that_goes_takes_its_alarm_with_it(tmp_path):
    async def test(hub):
        await only(hub)
        ada = await hub.node(0, "ada")
        await rule(hub, "hole", "package-empty-bin", package="read*")
        await bring(hub, ada, 1, {"a": histogram(0, 200), "b": histogram(0, 200)})
        await hub.turn(1)
        assert len(hub.open()) == 2
        await bring(hub, ada, 2, {"a": histogram(0, 200)})
        await hub.turn(7)
        assert hub.over() == [("hole", "it is no longer published")]
        await bring(hub, ada, 3, None)
        await hub.turn(1)
        assert hub.open() == [] and ("hole", "its file is gone") in hub.over()

    with_hub(tmp_path, test)


def test_a_package_that_came_regularly_is_missed_and_one_that_did_not_or_whose_file_went_is_not(tmp_path):
    async def test(hub):
        await only(hub)
        await hub.doors.rules.change("package-stopped", {"on": True, "settings": {"seconds": 60}}, ADMIN)
        ada = await hub.node(0, "ada", last_seen=int(hub.clock.now * S), period=1000)
        await bring(hub, ada, 1, {"a": histogram(1)})
        await hub.turn(600)
        assert hub.open() == [], "once is not regularly"
        for serial in range(2, REGULAR + 3):
            await bring(hub, ada, serial, {"a": histogram(serial)})
            await hub.turn(10)
        hub.doors.fleet.heard(ada, last_seen=int(hub.clock.now * S))
        await hub.turn(40)
        assert hub.open() == []
        await hub.turn(30)
        [package] = hub.doors.packages.all()
        assert hub.open() == [("package-stopped", f"package:{package.id}")]
        assert hub.doors.alarms.open()[0].summary == "package readout of ada is not updated any more (limit: 60 s)"
        await bring(hub, ada, 90, {"a": histogram(0)})
        await hub.turn(1)
        assert hub.open() == []
        await bring(hub, ada, 91, None)
        await hub.turn(200)
        assert hub.open() == []

    with_hub(tmp_path, test)
