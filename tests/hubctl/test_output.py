"""Lists in their six forms, on a terminal and off it."""

import io
import json

import pytest
import yaml

from hubctl.output import Screen
from hubctl.tables import cell_width

EVIL = "evil\x1b]0;owned\x07\x9b31m\u202ename"


@pytest.fixture
def fleet(hub):
    hub.add_node("web-1", tags={"room": "lab"})
    hub.add_node("grün-2", state="silent", last_seen="2026-01-01T00:00:00.000000Z",
                 tags={"purpose": "histograms of the far detector", "owner": "anna"})
    return hub


class ATerminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("environ, colour", [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True),
                                             ({"TERM": "dumb"}, False)])
def test_colour_is_only_for_terminals_that_want_it(environ, colour):
    assert Screen.of(ATerminal(), environ).colour is colour
    assert Screen.of(io.StringIO(), environ).colour is False


def test_a_pipe_gets_no_colour_and_nothing_cut(hubctl, fleet):
    out = hubctl("nodes").stdout
    assert "\x1b" not in out
    assert "owner=anna purpose=histograms of the far detector" in out


def test_a_terminal_gets_colour_and_lines_that_fit(hubctl, fleet):
    screen = hubctl.on_a_terminal("nodes", columns=60)
    assert screen.ended(10) == 0
    assert "\x1b[31msilent\x1b[0m" in screen.text
    bare = screen.text.replace("\x1b[0m", "")
    for style in ("1", "31", "32"):
        bare = bare.replace(f"\x1b[{style}m", "")
    assert "\x1b" not in bare
    assert all(cell_width(line) <= 60 for line in bare.splitlines())


def test_no_color_is_heeded_on_a_terminal(hubctl, fleet):
    screen = hubctl.on_a_terminal("nodes", NO_COLOR="1")
    assert screen.ended(10) == 0
    assert "\x1b" not in screen.text


@pytest.mark.parametrize("columns", [1, 20, 40, 80, 200])
def test_every_width_is_survived(hubctl, fleet, columns):
    assert hubctl.on_a_terminal("nodes", columns=columns).ended(10) == 0


@pytest.mark.parametrize("form", ["table", "wide", "json", "jsonl", "yaml", "name"])
def test_hostile_names_do_nothing_in_any_form(hubctl, hub, form):
    hub.add_node(EVIL, tags={EVIL[:10]: EVIL}, status=EVIL)
    screen = hubctl.on_a_terminal("nodes", "-o", form, NO_COLOR="1", columns=200)
    assert screen.ended(10) == 0
    assert not set(screen.text) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_json_jsonl_and_yaml_hold_the_same(hubctl, fleet):
    fleet.add_node(EVIL, tags={"x": EVIL})
    nodes = json.loads(hubctl("nodes", "-o", "json").stdout)
    assert [json.loads(line) for line in hubctl("nodes", "-o", "jsonl").stdout.splitlines()] == nodes
    assert yaml.safe_load(hubctl("nodes", "-o", "yaml").stdout) == nodes
    assert nodes[2]["name"] == EVIL


def test_yaml_is_readable_where_it_can_be(hubctl, fleet):
    assert "name: grün-2" in hubctl("nodes", "-o", "yaml").stdout


def test_name_is_one_name_a_line(hubctl, fleet):
    assert hubctl("nodes", "-o", "name").stdout == "web-1\ngrün-2\n"


def test_wide_has_more_columns(hubctl, fleet):
    table, wide = hubctl("nodes").stdout, hubctl("nodes", "-o", "wide").stdout
    assert "ADDRESS" not in table
    assert "10.0.0.1" in wide
    assert fleet.nodes[0]["id"] in wide


def test_an_empty_list_is_said_to_the_person_and_empty_for_programs(hubctl):
    done = hubctl("nodes")
    assert (done.returncode, done.stdout) == (0, "")
    assert "hubctl token create" in done.stderr
    assert hubctl("nodes", "-o", "json").stdout == "[]\n"
    assert hubctl("nodes", "-o", "jsonl").stdout == ""


def test_a_terminal_without_utf_8_is_no_reason_to_fail(hubctl, fleet):
    done = hubctl("nodes", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "gr\\xfcn-2" in done.stdout
