"""Figures of histograms against values computed by hand, and against boost-histogram's own."""

import json
import math

import boost_histogram as bh
import pytest
import uhi.io.json
from package_updates import histogram

from dvic_hub.domain.histogram_contents import contents_of
from dvic_hub.domain.histogram_statistics import chi_squared, hottest, kolmogorov, mean

ONE, OTHER = [10.0, 20.0, 30.0], [20.0, 20.0, 20.0]


def serialized(made) -> bytes:
    return json.dumps(made, default=uhi.io.json.default).encode()


def test_chi_squared_of_counts_is_that_of_a_contingency_table():
    assert chi_squared(ONE, ONE, OTHER, OTHER) == (pytest.approx(100 / 30 + 100 / 50), 2)
    assert chi_squared(ONE, ONE, [3 * each for each in ONE], [3 * each for each in ONE]) == (pytest.approx(0), 2)
    assert chi_squared([*ONE, 0], [*ONE, 0], [*OTHER, 0], [*OTHER, 0])[1] == 2, "a bin empty in both is none"


def test_chi_squared_of_weights_is_gagunashvilis():
    both = {"one_weighted": True, "other_weighted": True}
    assert chi_squared(ONE, ONE, OTHER, OTHER, **both) == (pytest.approx(16 / 3), 2), "weights of one are counts"
    half = [each / 2 for each in ONE], [each / 4 for each in ONE]
    assert chi_squared(*half, OTHER, OTHER, **both) == (pytest.approx(16 / 3), 2), "a scale of weights does not count"
    assert chi_squared(ONE, [0, 0, 0], OTHER, [0, 0, 0], **both) is None


def test_chi_squared_of_counts_and_weights_takes_the_best_common_probability():
    # for w of variance w and equal sums that is sqrt(w n) / N
    expected = sum((n - math.sqrt(w * n)) ** 2 / math.sqrt(w * n) + (w - math.sqrt(w * n)) ** 2 / w
                   for n, w in zip(ONE, OTHER, strict=True))
    assert chi_squared(ONE, ONE, OTHER, OTHER, other_weighted=True) == (pytest.approx(expected), 2)
    assert expected == pytest.approx(5.17637, abs=1e-4)
    turned = chi_squared(OTHER, OTHER, ONE, ONE, one_weighted=True)
    assert turned == chi_squared(ONE, ONE, OTHER, OTHER, other_weighted=True)
    assert chi_squared(ONE, ONE, [20, 20, 0], [20, 20, 0], other_weighted=True)[1] == 2, "it takes one mean weight"


def test_kolmogorov_is_the_greatest_distance_of_the_cumulative_shapes():
    assert kolmogorov(ONE, OTHER) == pytest.approx(1 / 6)
    assert kolmogorov(ONE, [7 * each for each in ONE]) == pytest.approx(0)
    assert kolmogorov([1, 0], [0, 1]) == 1


def test_what_has_nothing_to_say_says_nothing():
    for one, other in (([], []), ([0, 0], [1, 2]), ([1, 2], [0, 0]), ([-1, 5], [1, 2])):
        assert kolmogorov(one, other) is None and chi_squared(one, one, other, other) is None
    assert chi_squared([5], [5], [5], [5]) is None, "one bin has no shape"
    assert mean([1, 2], [0, 0]) is None and hottest([100], [100]) is None and hottest([0, 0], [0, 0]) is None


def test_a_hot_bin_is_measured_by_the_median_that_other_hot_bins_do_not_move():
    bins = [10, 11, 9, 10, 500, 400, 10]
    assert hottest(bins, bins) == (4, pytest.approx(50))
    assert hottest([0, 0, 0, 30, 90], [0, 0, 0, 30, 90]) == (4, pytest.approx(90 / 7.5)), "mean where most are empty"
    assert hottest([0, 0, 50], [0, 0, 50]) == (2, math.inf)
    assert hottest([0, 0, 0, 19], [0, 0, 0, 19]) is None, "too few entries to be more than chance"
    assert hottest([1, 1, 100], [1, 1, 5000]) is None, "two entries of a great weight are two entries"


def test_contents_are_those_of_boost_histogram_without_its_flow_bins():
    made = bh.Histogram(bh.axis.Variable([0, 1, 4]), bh.axis.StrCategory(["a", "b"], growth=False),
                        storage=bh.storage.Weight())
    made.fill([0.5, 2, 2, 9, -1], ["a", "b", "b", "a", "b"], weight=[1, 2, 3, 100, 100])
    contents = contents_of(serialized(made))
    assert contents.shape == (2, 2) and contents.weighted and contents.places == [0.5, 2.5]
    assert contents.bins == made.values().ravel().tolist() == [1, 0, 0, 5]
    assert contents.variances == made.variances().ravel().tolist() == [1, 0, 0, 13]
    assert contents.entries() == pytest.approx(36 / 14)


def test_a_profiles_means_are_weighted_by_its_entries():
    made = bh.Histogram(bh.axis.Regular(2, 0, 2), storage=bh.storage.Mean())
    made.fill([0.5, 0.5, 1.5, 1.5], sample=[1, 3, 4, 12])
    contents = contents_of(serialized(made))
    assert contents.bins == [2, 2] and mean(contents.means, contents.bins) == pytest.approx(5)


def test_numbers_that_json_has_not_are_read_and_told():
    contents = contents_of(histogram(1, "NaN", "Infinity").encode())
    assert math.isnan(contents.bins[1]) and contents.bins[2] == math.inf and not contents.finite
