"""hubctl nodes."""

import json

import pytest


@pytest.fixture
def fleet(hub):
    hub.add_node("web-1", tags={"room": "lab", "owner": "anna"})
    hub.add_node("web-2", state="silent", last_seen="2026-01-01T00:00:00.000000Z")
    hub.add_node("device", state="never", last_seen=None, os="")
    return hub


def test_json_holds_exactly_the_promised_fields_in_their_order(hubctl, fleet):
    nodes = json.loads(hubctl("nodes", "-o", "json").stdout)
    assert [list(node) for node in nodes] == \
        [["id", "name", "state", "last_seen", "tags", "os", "agent_version", "address"]] * 3
    assert nodes[0]["tags"] == {"room": "lab", "owner": "anna"}
    assert nodes[2]["last_seen"] is None


def test_a_selector_narrows_the_list(hubctl, fleet):
    assert hubctl("nodes", "tag:room=lab or state:never", "-o", "name").stdout == "web-1\ndevice\n"


def test_a_selector_that_names_nothing_is_said(hubctl, fleet):
    done = hubctl("nodes", "tag:room=cellar")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No node is tag:room=cellar" in done.stderr


def test_a_selector_that_can_not_be_read_is_not_even_sent(hubctl, fleet):
    done = hubctl("nodes", "state:asleep")
    assert done.returncode == 2
    assert "there is no state 'asleep'" in done.stderr
    assert fleet.requests == []


def test_the_table_says_what_matters(hubctl, fleet):
    lines = hubctl("nodes").stdout.splitlines()
    assert lines[0].split()[:4] == ["NAME", "STATE", "LAST", "SEEN"]
    assert "owner=anna room=lab" in lines[1]
    assert lines[2].split()[:2] == ["web-2", "silent"]
    assert "ago" in lines[2]
    assert lines[3].split()[:3] == ["device", "never", "never"]


def test_two_agents_with_one_key_stand_out(hubctl, hub):
    hub.add_node("web-1", conflict="10.0.0.1 and 10.0.0.2 both use this key")
    shown = hubctl("nodes").stdout
    assert "online, conflict" in shown and "10.0.0.1 and 10.0.0.2 both" in shown
    assert "10.0.0.2 both use" in hubctl("node", "show", "web-1").stdout
