"""Debian versions are ordered as dpkg orders them."""

import itertools
import shutil
import subprocess

import pytest

from dvic_wire.errors import MalformedMessage
from dvic_wire.versions import compare

ORDERED = ["0.1.0", "0.9", "0.10.0", "1.0~~", "1.0~rc1", "1.0", "1.0-1~deb12", "1.0-1", "1.0-1+x", "1.0a", "1.0+b1",
           "1.0.a", "1.0.1", "1-2-3", "2.0", "99.0.0", "1:0.9"]


def test_versions_are_ordered_by_number_letter_and_tilde():
    rising = ["1.0~rc1", "1.0", "1.0-1", "1.0.1", "1:0.9"]
    for (at, one), (behind, other) in itertools.product(enumerate(rising), repeat=2):
        assert compare(one, other) == (at > behind) - (at < behind)


def test_the_same_version_can_be_written_in_two_ways():
    assert compare("1.0", "1.0-0") == compare("1.00", "1.0") == 0


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="needs dpkg (on Debian)")
def test_dpkg_says_the_same():
    for one, other in itertools.product(ORDERED, ORDERED):
        newer = subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0
        assert (compare(one, other) > 0) == newer, (one, other)


@pytest.mark.parametrize("text", ["", "a", "1 2", "1:", ":1", "1.0\n", "1_0", "-1", "1" * 101, 1, None])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(MalformedMessage):
        compare(text, "1.0")
