"""Histograms from boost-histogram, hist and numpy through the library, the hub's check and hubctl, and back by uhi."""

import importlib.resources
import json
import math
from pathlib import Path

import boost_histogram as bh
import hist
import jsonschema
import numpy as np
import pytest
import uhi.io.json
from uhi.numpy_plottable import ensure_plottable_histogram

import dvic_log
from dvic_hub.domain.package_objects import check_object
from dvic_log.histograms import line, taken
from hubctl.histograms import as_csv, bins, for_uhi

OUR_SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "histograms.schema.json").read_text())
UHI_SCHEMA = json.loads((importlib.resources.files("uhi") / "resources" / "histogram.schema.json").read_text())

AXES = {
    "regular": bh.axis.Regular(3, -1, 1), "bare": bh.axis.Regular(3, 0, 1, underflow=False, overflow=False),
    "circular": bh.axis.Regular(3, 0, 1, circular=True), "variable": bh.axis.Variable([0, 0.5, 2]),
    "infinite": bh.axis.Variable([-math.inf, 0, math.inf]), "integer": bh.axis.Integer(0, 4),
    "text": bh.axis.StrCategory(["<b>", "=1+1"]), "growing": bh.axis.StrCategory(["a"], growth=True),
    "empty": bh.axis.StrCategory([], growth=True), "numbers": bh.axis.IntCategory([7, -1]),
    "boolean": bh.axis.Boolean()}
STORAGES = [bh.storage.Int64, bh.storage.Double, bh.storage.Weight, bh.storage.Mean, bh.storage.WeightedMean]


def validate(name: str, value: object) -> None:
    schema = {"$schema": OUR_SCHEMA["$schema"], "$defs": OUR_SCHEMA["$defs"], "$ref": f"#/$defs/{name}"}
    jsonschema.Draft202012Validator(schema).validate(value)


def through(histogram) -> dict:
    """Published, taken by the hub, exported, and read by uhi's own reader."""
    data = line(taken(histogram))
    check_object(data, "a")
    shown = json.loads(data)
    validate("object", shown)
    return json.loads(for_uhi({"a": shown}), object_hook=uhi.io.json.object_hook)["a"]


def same(one: dict, other: dict, close=np.array_equal) -> bool:
    """Whether two serialized histograms tell the same, NaN for NaN."""
    axes = [[{name: list(value) if name in ("edges", "categories") else value for name, value in axis.items()
              if name not in ("metadata", "writer_info")} for axis in each["axes"]] for each in (one, other)]
    return axes[0] == axes[1] and one["storage"].keys() == other["storage"].keys() and all(
        value == one["storage"][name] if name == "type" else np.size(value) == np.size(one["storage"][name]) and (
            not np.size(value) or close(one["storage"][name], value, equal_nan=True))
        for name, value in other["storage"].items())


def filled(axes: tuple, storage: type) -> bh.Histogram:
    """With something in every bin, also what is no number where that can be."""
    random = np.random.default_rng(1)
    made = bh.Histogram(*axes, storage=storage())
    view = made.view(flow=True)
    if storage is bh.storage.Int64:
        view[...] = random.integers(0, 9, view.shape)
    elif storage in (bh.storage.Double, bh.storage.Weight):
        odd = [0, 0.25, 7, math.nan, math.inf, -math.inf]
        for name in view.dtype.names or [...]:
            view[name] = random.choice(odd, view.shape)
    else:
        for name in view.dtype.names:
            view[name] = random.uniform(2, 9, view.shape)
            view[name][..., :1] = 0  # a bin without entries has a variance that is no number
    return made


@pytest.mark.parametrize("storage", STORAGES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("axis", AXES)
def test_every_axis_and_storage_comes_back_as_it_was(axis, storage):
    for axes in ((AXES[axis],), (AXES[axis], bh.axis.Regular(2, 0, 1)), (bh.axis.Boolean(), AXES[axis])):
        made = filled(axes, storage)
        back = through(made)
        assert same(back, made._to_uhi_())
        # what boost-histogram makes of a mean and a variance inside is rounded
        assert same(bh.Histogram(back)._to_uhi_(), made._to_uhi_(), np.allclose)
        assert same(hist.Hist(bh.Histogram(back))._to_uhi_(), made._to_uhi_(), np.allclose)


@pytest.mark.parametrize("storage", STORAGES, ids=lambda each: each.__name__)
def test_hist_keeps_its_names_and_labels(storage):
    made = hist.Hist(hist.axis.Regular(3, 0, 1, name="q", label="Charge"), hist.axis.StrCategory(["a"], name="s"),
                     storage=storage(), name="adc", label="<i>ADC</i>")
    back = hist.Hist(bh.Histogram(through(made)))
    assert [axis.name for axis in back.axes] == ["q", "s"] and back.axes[0].label == "Charge"
    assert check_object(line(taken(made)), "a").title == "<i>ADC</i>"


@pytest.mark.parametrize("axis", AXES)
def test_what_is_published_is_valid_by_uhis_own_schema_too(axis):
    made = bh.Histogram(AXES[axis], storage=bh.storage.Weight())
    shown = json.loads(line(taken(made)))
    if axis != "infinite":  # that schema has no word for an infinite edge
        jsonschema.validate(shown, UHI_SCHEMA)


def test_what_uhis_own_writer_writes_is_taken():
    made = bh.Histogram(bh.axis.Regular(3, 0, 1), storage=bh.storage.WeightedMean())
    made.fill([0.1], sample=[2])
    written = json.loads(json.dumps(made, default=uhi.io.json.default))
    assert same(through(written), made._to_uhi_())


def test_numpy_and_what_is_made_plottable_of_it():
    counts, edges = np.histogram([0.1, 0.2, 0.9], bins=4, range=(0, 1))
    for given in ((counts, edges), ensure_plottable_histogram((counts, edges))):
        back = bh.Histogram(through(given))
        assert back.values().tolist() == counts.tolist() and back.axes[0].edges.tolist() == edges.tolist()
    counts, xs, ys = np.histogram2d([0.1, 0.9], [1, 5], bins=(2, [0, 1, 9]))
    back = bh.Histogram(through((counts, xs, ys)))
    assert back.values().tolist() == counts.tolist() and back.axes[1].edges.tolist() == [0, 1, 9]


def test_ten_million_bins_are_refused_in_a_moment():
    for given in (np.zeros(10**7), (np.zeros(10**7), np.arange(10**7 + 1)), bh.Histogram(bh.axis.Regular(10**7, 0, 1))):
        with pytest.raises(Exception, match="MAX_BINS"):
            taken(given)


def test_a_copy_is_of_its_moment():
    made = bh.Histogram(bh.axis.Regular(2, 0, 1))
    copy = taken(made)
    made.fill([0.1])
    assert json.loads(line(copy))["storage"]["values"] == [0, 0, 0, 0]


def test_every_bin_has_its_line_in_csv():
    for axis in AXES.values():
        made = bh.Histogram(axis, bh.axis.Regular(2, 0, 1), storage=bh.storage.Weight())
        shown = json.loads(line(taken(made)))
        rows = as_csv(shown).splitlines()
        assert rows[0] == "x_low,x_high,y_low,y_high,values,variances"
        assert len(rows) == 1 + len(bins(shown["axes"][0])) * 4 == 1 + made.size
    assert "'=1+1" in as_csv(json.loads(line(taken(bh.Histogram(AXES["text"])))))


def test_graphs_are_valid_and_are_left_out_for_uhi():
    made = dvic_log.graph([1, math.nan], [2, math.inf], y_errors=([1, 1], [0, 2]), kind="time")
    graph = json.loads(line(taken(made)))
    validate("object", graph)
    check_object(json.dumps(graph).encode(), "a")
    assert for_uhi({"g": graph}) == "{}"
    assert as_csv(graph).splitlines() == ["x,y,y_error_low,y_error_high", "1,2,1,0", "NaN,Infinity,1,2"]


def test_the_examples_in_the_page_are_valid_and_the_head_of_a_file_is_as_the_schema_says(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "histograms.md").read_text()
    head, histogram, graph = [json.loads(each) for each in text.split("```json\n")[1].split("\n```")[0].splitlines()]
    validate("head", head)
    for each in (histogram, graph):
        validate("object", each)
        check_object(json.dumps(each).encode(), "a")
    package = dvic_log.Package("readout", directory=str(tmp_path), layout="<package/>")
    package.publish({"<b>": [1]})
    validate("head", json.loads(Path(package.path).read_bytes().split(b"\n")[0]))
