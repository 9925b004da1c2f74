"""What a package's update may be: checked number by number, and believed in nothing."""

import json
import math

import boost_histogram as bh
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from package_updates import STREAM, change, histogram, update

from dvic_hub.domain.number_arrays import is_array
from dvic_hub.domain.package_objects import check_object
from dvic_hub.domain.packages import MAX_CONTAINER, LayoutFault, after, is_kept, package_id
from dvic_log.histograms import line, taken
from dvic_wire.errors import LimitExceeded, MalformedMessage
from dvic_wire.limits import MAX_OBJECT_BYTES


def graph(**more) -> bytes:
    return json.dumps({"dvic_graph": 1, "type": "scatter", "x": [1, 2], "y": [3, 4], **more}).encode()


def flat(bins, values=None, **axis) -> bytes:
    axis = {"type": "regular", "lower": 0, "upper": 1, "bins": bins, "underflow": False, "overflow": False,
            "circular": False, **axis}
    storage = {"type": "double", "values": values if values is not None else [0] * bins}
    return json.dumps({"uhi_schema": 1, "axes": [axis], "storage": storage}).encode()


def test_an_update_says_what_is_new_and_what_is_as_before():
    one, two = histogram(1, 2), histogram(3)
    made = change(update({"a": one, "<b>": two}, held={"a": one}, title="T", skipped=4))
    assert made.id == package_id("n-ada", STREAM) and (made.owner, made.uid) == ("ada", 1000)
    assert (made.name, made.title, made.serial, made.skipped, made.time) == ("readout", "T", 1, 4, 5_000_000)
    assert [each.name for each in made.objects] == ["a", "<b>"]
    assert made.objects[0].data is None and made.objects[1].data == two.encode()
    assert made.objects[1].about.storage == "double" and made.objects[1].about.axes == ("regular",)


@pytest.mark.parametrize(("told", "container"), [
    (None, ""), ("web", ""), ({}, ""), ({"id": 7}, ""), ({"engine": "lxc", "id": "web", "unit": "init.scope"}, "web"),
    ({"engine": "docker", "id": "0123456789abcdef" * 4}, "0123456789ab"), ({"unit": "daq.service"}, "daq.service"),
    ({"name": "shop", "id": "0123456789abcdef" * 4}, "shop"), ({"unit": "u" * 2000}, "u" * MAX_CONTAINER)])
def test_a_package_is_of_the_container_that_the_agent_tells(told, container):
    stream = f"{STREAM}:0123456789abcdef"
    made = change(update({"a": histogram(1)}), stream=stream, container=told)
    assert (made.container, made.uid) == (container, 1000) and made.id != package_id("n-ada", STREAM)
    assert after(None, made, 1).container == container
    assert after(after(None, made, 1), change(None, stream=stream), 1).container == container


@pytest.mark.parametrize(("spoil", "reason"), [
    (lambda record: record["package"].update(schema=2), "is schema 2, and this reads schema 1"),
    (lambda record: record["package"].update(name="<b>"), "package.name"),
    (lambda record: record["package"]["objects"][0].update(hash="0" * 32), "is not what its hash says"),
    (lambda record: record["package"]["objects"][0].update(hash="x"), "hash"),
    (lambda record: record["package"]["objects"].append(record["package"]["objects"][0]), "is there twice"),
    (lambda record: record["package"]["objects"][0].update(name="a\x1b[2J"), "a name that can't be shown"),
    (lambda record: record["package"].update(serial=-1), "serial"),
    (lambda record: record["package"].update(unknown=1), "unknown"),
    (lambda record: record["package"].update(layout="<package/>", layout_hash="0" * 32), "package.layout"),
])
def test_an_update_that_is_not_sound_is_refused_with_the_place(spoil, reason):
    record = update({"a": histogram(1)})
    spoil(record)
    with pytest.raises(MalformedMessage, match=reason.replace("(", "\\(")):
        change(record)


@pytest.mark.parametrize(("data", "reason"), [
    (b"[1]", "object"),
    (b"{}", "neither a histogram"),
    (b'{"uhi_schema": 1', "not JSON"),
    (b'{"uhi_schema":1,\n"axes":[]}', "one line"),
    (flat(2, [1, 2]).replace(b'"uhi_schema": 1', b'"uhi_schema": 2'), "schema 2, and this hub reads schema 1"),
    (graph().replace(b'"dvic_graph": 1', b'"dvic_graph": 3'), "schema 3, and this hub reads schema 1"),
    (flat(3, [1, 2]), "must be 3 numbers"),
    (flat(2, [1, "nan"]), "values"),
    (flat(2, [1, None]), "values"),
    (flat(2, [[1], [2]]), "values"),
    (flat(2, overflow=True), "must be 3 numbers"),
    (flat(-1), "bins"),
    (flat(2, type="spiral"), "type"),
    (flat(2, colour="red"), "colour"),
    (b'{"uhi_schema":1,"axes":[],"storage":{"type":"double","values":1}}', "axes"),
    (json.dumps({"uhi_schema": 1, "axes": [{"type": "boolean"}] * 3, "storage": {"type": "int"}}).encode(), "axes"),
    (json.dumps({"uhi_schema": 1, "axes": [{"type": "boolean"}] * 2,
                 "storage": {"type": "int", "values": [[1, 2], [3]]}}).encode(), "must be 2 x 2"),
    (json.dumps({"uhi_schema": 1, "axes": [{"type": "boolean"}],
                 "storage": {"type": "weighted", "values": [1, 2]}}).encode(), "variances"),
    (json.dumps({"uhi_schema": 1, "axes": [{"type": "boolean"}],
                 "storage": {"type": "int", "values": [1.5, 2]}}).encode(), "2 whole numbers"),
    (flat(2, [1, 2]).replace(b"[1, 2]", b"[1, " + b"9" * 301 + b"]"), "300 digits"),
    (graph(y=[1]), "not equally many"),
    (graph(y_errors={"low": [1, 1], "high": [1]}), "not equally many"),
    (graph(type="pie"), "type"),
])
def test_what_is_no_histogram_or_graph_is_refused_with_the_reason(data, reason):
    with pytest.raises(MalformedMessage, match=reason) as caught:
        check_object(data, "objects[3] ('a')")
    assert "objects[3]" in str(caught.value)


def test_ten_million_bins_are_refused_before_they_are_counted_out():
    wide = json.loads(flat(10_000, []))["axes"][0]
    empty = {"uhi_schema": 1, "axes": [wide, wide], "storage": {"type": "double", "values": []}}
    with pytest.raises(LimitExceeded, match="MAX_BINS"):
        check_object(json.dumps(empty).encode(), "a")
    with pytest.raises(LimitExceeded, match="MAX_OBJECT_BYTES"):
        check_object(b" " * (MAX_OBJECT_BYTES + 1), "a")
    with pytest.raises(MalformedMessage, match="bins"):
        check_object(flat(10_000_000, []), "a")


def test_zero_bins_nan_and_infinities_are_allowed():
    assert check_object(flat(0, []), "a").bytes
    assert check_object(flat(3, ["NaN", "Infinity", "-Infinity"]), "a").kind == "histogram"
    assert check_object(graph(x=["NaN", 1]), "a").kind == "graph"


@pytest.mark.parametrize(("raw", "shape", "fits"), [
    (b"[]", [0], True), (b"[ ]", [0], True), (b"[]", [1], False), (b"[0]", [1], True), (b"[0]", [0], False),
    (b"[-1.5e+7, 0]", [2], True), (b'["NaN","Infinity","-Infinity"]', [3], True), (b'["Na N"]', [1], False),
    (b'["NaN,1"]', [2], False), (b'["nan"]', [1], False), (b"[null]", [1], False), (b"[true]", [1], False),
    (b"[[1]]", [1], False), (b"5", [1], False), (b"{}", [0], False), (b'"[1]"', [1], False), (b"[{}]", [1], False),
    (b"[]", [0, 3], True), (b"[[]]", [1, 0], True), (b"[[],[]]", [2, 0], True), (b"[[1,2],[3,4]]", [2, 2], True),
    (b"[ [1, 2] , [3, 4] ]", [2, 2], True), (b"[[1,2],[3]]", [2, 2], False), (b"[[1,2,3],[4]]", [2, 2], False),
    (b"[[1,2]]", [2, 1], False), (b"[1,[2]]", [2, 1], False), (b"[[1],2]", [2, 1], False), (b"[[[1]]]", [1, 1], False),
    (b"[[1,[2]]]", [1, 2], False), (b"[[1],[2]]", [2], False), (b"[1,2]", [1, 2], False), (b"[[],1]", [2, 0], False),
])
def test_numbers_are_counted_without_being_made(raw, shape, fits):
    assert is_array(raw, shape) is fits


@given(some.integers(0, 4), some.integers(0, 4), some.data())
def test_counting_agrees_with_parsing(rows, columns, data):
    number = some.one_of(some.floats(allow_nan=False, allow_infinity=False), some.integers(), some.just("NaN"))
    table = data.draw(some.lists(some.lists(number, max_size=4), max_size=4))
    expected = len(table) == rows and all(len(row) == columns for row in table)
    assert is_array(json.dumps(table).encode(), [rows, columns]) is expected
    if table:
        assert is_array(json.dumps(table[0]).encode(), [columns]) is (len(table[0]) == columns)


AXES = [bh.axis.Regular(3, -1, 1), bh.axis.Regular(3, 0, 1, underflow=False, overflow=False),
        bh.axis.Regular(3, 0, 1, circular=True), bh.axis.Variable([-math.inf, 0, 1, math.inf]),
        bh.axis.Integer(0, 4), bh.axis.StrCategory(["<i>a</i>", "b"]), bh.axis.StrCategory([], growth=True),
        bh.axis.IntCategory([7, -1]), bh.axis.Boolean()]
STORAGES = [bh.storage.Int64(), bh.storage.Double(), bh.storage.Weight(), bh.storage.Mean(), bh.storage.WeightedMean(),
            bh.storage.AtomicInt64(), bh.storage.Unlimited()]


@pytest.mark.parametrize("storage", STORAGES, ids=lambda storage: type(storage).__name__)
@pytest.mark.parametrize("axis", AXES, ids=repr)
def test_whatever_boost_histogram_can_make_is_taken(axis, storage):
    for axes in ((axis,), (axis, bh.axis.Regular(2, 0, 1)), (bh.axis.Boolean(), axis)):
        assert check_object(line(taken(bh.Histogram(*axes, storage=storage))), "a").axes


def test_titles_come_from_metadata():
    named = histogram(1, metadata={"label": "Charge", "name": "q"})
    assert check_object(named.encode(), "a").title == "Charge"
    assert check_object(graph(title="Gain"), "a").title == "Gain"
    assert check_object(line(taken(np.histogram([1, 2]))), "a").title == ""


def test_the_first_of_each_minute_is_kept_longer():
    row = after(None, change(update({}), received=61_000_000), 1)
    assert row.kept == 61_000_000
    assert not is_kept(row, change(update({}), received=119_000_000))
    assert is_kept(row, change(update({}), received=120_000_000))


def test_a_layout_stays_the_last_good_one():
    def check(text):
        return [LayoutFault(3, 1, "no such element")] if "bad" in text else []

    row = after(None, change(update({}, layout="<good/>"), check_layout=check), 1)
    assert row.layout == "<good/>" and row.layout_origin == "published"
    bad = update({}, layout="<bad/>")
    row = after(row, change(bad, check_layout=check), 2)
    assert (row.layout, row.layout_problem, row.layout_line) == ("<good/>", "no such element", 3)
    del bad["package"]["layout"]  # it is sent once
    row = after(row, change(bad, check_layout=check), 3)
    assert (row.layout, row.layout_line) == ("<good/>", 3)
    row = after(row, change(update({}, layout="<other/>"), check_layout=check), 4)
    assert (row.layout, row.layout_problem) == ("<other/>", "")
    row = after(row, change(update({})), 5)
    assert row.layout == "" and row.layout_origin == ""


def test_a_gap_says_what_is_wrong_and_the_hubs_own_word_goes_first():
    gap = {"time": 5, "level": "warning", "message": "gap", "gap": {"reason": "corrupt", "detail": "no JSON"}}
    assert change(gap).problem == "no JSON" and change(gap).name == "readout"
    assert change(gap, refusal="objects[0]: bad").problem == "objects[0]: bad"
    assert change(None).gone
