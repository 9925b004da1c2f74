"""hubctl metrics, and the small plots."""

import json

import pytest
import yaml

from hubctl.plots import number, size, sparkline, summary
from hubctl.verbs.metrics import readable

SAMPLE = {"cpu.total": 12.5, "load.1": 0.5, "memory.percent": 40.0, "memory.used": 3.5 * 2**30, "disk./.percent": 55.0,
          "disk./home.percent": 91.0, "temp.coretemp.Core_0": 48.0, "uptime": 93784, "processes": 212,
          "net.eth0.rx_bytes": 2048.0}


@pytest.fixture
def fleet(hub):
    for name in ("web-1", "web-2", "device"):
        hub.add_node(name)
    hub.latest = {"web-1": SAMPLE, "web-2": {"load.1": 7.25}}
    return hub


def test_the_overview_has_a_line_for_each_node_that_measures(hubctl, fleet):
    lines = hubctl("metrics").stdout.splitlines()
    assert len(lines) == 3
    assert lines[1].split()[:9] == ["web-1", "12.5%", "0.5", "40.0%", "91.0%", "48", "°C", "212", "1d2h"]
    assert lines[2].split()[:2] == ["web-2", "7.25"]


def test_named_metrics_have_a_line_each(hubctl, fleet):
    assert [line.split() for line in hubctl("metrics", "web-1", "disk.*", "load.1").stdout.splitlines()[1:]] == \
        [["web-1", "load.1", "0.5"], ["web-1", "disk./.percent", "55.0%"], ["web-1", "disk./home.percent", "91.0%"]]


def test_programs_get_the_numbers_themselves(hubctl, fleet):
    values = {item["node"]: item["values"] for item in json.loads(hubctl("metrics", "-o", "json").stdout)}
    assert values == {"web-1": SAMPLE, "web-2": {"load.1": 7.25}}
    assert yaml.safe_load(hubctl("metrics", "web-1", "load.*", "-o", "yaml").stdout)[0]["values"] == {"load.1": 0.5}


def test_over_time_there_is_a_plot(hubctl, fleet):
    fleet.series = [{"node": "web-1", "node_id": "n", "name": "cpu.total", "times": ["x"] * 4,
                     "values": [0.0, 50.0, None, 100.0]}]
    line = hubctl("metrics", "web-1", "cpu.total", "--since", "1h").stdout.splitlines()[1]
    assert line == "web-1  cpu.total  100.0%  0.0%  50.0%  100.0%  ▁▅ █"
    screen = hubctl.on_a_terminal("metrics", "web-1", "--since", "1h", columns=50)
    assert screen.ended(15) == 0


@pytest.mark.parametrize("arguments", [["--step", "1m"], ["--until", "1h"], ["--since", "soon"]])
def test_what_makes_no_sense_is_refused(hubctl, fleet, arguments):
    assert hubctl("metrics", "all", *arguments).returncode == 2


def test_nothing_measured_says_where_to_look(hubctl, hub):
    assert "hubctl nodes" in hubctl("metrics").stderr
    assert "hubctl metrics all '*'" in hubctl("metrics", "all", "nope", "--since", "1h").stderr


@pytest.mark.parametrize("values, width, plot", [
    ([], 5, ""), ([None, None], 5, ""), ([3, 3, 3], 5, "▁▁▁"), ([0, 7], 5, "▁█"), ([0, 0, 7, 7], 2, "▁█"),
    ([float("nan"), 1, float("inf"), 2], 9, " ▁ █"), (list(range(100)), 8, "▁▂▃▄▅▆▇█"),
])
def test_a_plot_has_a_bar_for_each_value_or_group_of_values(values, width, plot):
    assert sparkline(values, width) == plot


@pytest.mark.parametrize("value, shown", [(0, "0"), (0.25, "0.25"), (12.34, "12.3"), (999, "999"), (1500, "1.5k"),
                                          (-2_000_000, "-2M"), (1e18, "1000000T"), (None, ""), (float("nan"), "")])
def test_numbers_for_people(value, shown):
    assert number(value) == shown


def test_sizes_for_people():
    assert [size(count) for count in (0, 1023, 2048, 5 * 2**40)] == ["0 B", "1023 B", "2.0 KiB", "5.0 TiB"]


def test_a_summary_leaves_gaps_out():
    assert summary([1.0, None, 3.0]) == {"last": 3.0, "min": 1.0, "mean": 2.0, "max": 3.0}
    assert summary([None]) == {"last": None, "min": None, "mean": None, "max": None}


def test_values_have_the_unit_that_their_name_tells():
    assert readable("net.eth0.rx_bytes", 2048.0) == "2.0 KiB/s"
    assert readable("io.sda.busy", 3.0) == "3.0%"
    assert readable("swap.total", 0) == "0 B"
    assert readable("io.sda.reads", 1234.0) == "1.23k"
