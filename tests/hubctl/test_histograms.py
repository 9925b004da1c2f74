"""Histograms in a terminal and in files: bins, moments, plots, CSV, and what uhi reads."""

import json
import math

import pytest

from hubctl.histograms import as_csv, bins, entries, for_uhi, kind_text, mean_and_width, shown_values
from hubctl.package_session import look
from hubctl.plots import bars


def flat(values, **axis) -> dict:
    axis = {"type": "regular", "lower": 0, "upper": 4, "bins": 4, "underflow": True, "overflow": True,
            "circular": False, **axis}
    return {"uhi_schema": 1, "axes": [axis], "storage": {"type": "double", "values": values}}


def test_flow_bins_are_told_and_not_plotted():
    data = flat([9, 1, 2, 3, "NaN", 8])
    assert [each.flow for each in bins(data["axes"][0])] == [True, False, False, False, False, True]
    assert bins(data["axes"][0])[0].low == -math.inf and bins(data["axes"][0])[-1].high == math.inf
    assert shown_values(data) == [1, 2, 3, None]


@pytest.mark.parametrize(("axis", "labels"), [
    ({"type": "boolean"}, [False, True]), ({"type": "category_int", "categories": [7], "flow": True}, [7, "(other)"]),
    ({"type": "category_str", "categories": [], "flow": False}, []),
    ({"type": "regular", "lower": 0, "upper": 1, "bins": 0, "underflow": False, "overflow": False,
      "circular": False}, []),
    ({"type": "variable", "edges": ["-Infinity", 0, 2], "underflow": False, "overflow": False, "circular": False},
     [-math.inf, 0])])
def test_each_axis_has_its_bins(axis, labels):
    assert [each.low for each in bins(axis)] == labels


def test_entries_mean_and_width_leave_out_what_is_no_number():
    data = flat([9, 1, 0, 1, "NaN", "Infinity"])
    assert entries(data) == 11
    mean, width = mean_and_width(data)
    assert (mean, width) == (1.5, 1.0)
    assert mean_and_width(flat([0] * 6)) is None
    assert mean_and_width({**data, "axes": [{"type": "boolean"}]}) is None
    profile = {"uhi_schema": 1, "axes": [{"type": "boolean"}],
               "storage": {"type": "mean", "counts": [1, 2], "values": [5, 6], "variances": [0, 0]}}
    assert entries(profile) == 3 and mean_and_width(profile) is None


def test_an_object_in_a_line():
    assert look(flat([0, 1, 2, 4, 2, 0])) == "entries 9  mean 2.28  ▁▃█▃"
    assert look({"dvic_graph": 1, "type": "scatter", "x": [1, 2], "y": [1, 2]}) == "2 points"
    assert kind_text({"axes": [], "kind": "graph", "storage": "time"}) == "graph, time"


@pytest.mark.parametrize(("values", "lines"), [
    ([1, 2, 4], ["  █", "▄██"]), ([], ["", ""]), ([None, 8], [" █", " █"]), ([0, 0], ["", ""]), ([-1, 1], [" █", " █"]),
    ([math.nan, 1], [" █", " █"])])
def test_upright_bars(values, lines):
    assert bars(values, 10, 2) == lines


def test_wide_histograms_share_places():
    assert all(len(line) <= 20 for line in bars(list(range(1000)), 20, 4))


def test_no_text_becomes_a_formula_in_a_spreadsheet_and_no_name_a_number():
    axis = {"type": "category_str", "categories": ["=1+1", "NaN", "-x"], "flow": False}
    data = {"uhi_schema": 1, "axes": [axis], "storage": {"type": "int", "values": [-1, 2, 3]}}
    assert as_csv(data).splitlines() == ["x_low,x_high,values", "'=1+1,'=1+1,-1", "NaN,NaN,2", "'-x,'-x,3"]
    assert json.loads(for_uhi({"a": data}))["a"]["axes"][0]["categories"] == ["=1+1", "NaN", "-x"]
