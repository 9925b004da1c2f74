"""hubctl silences."""

import json


def test_nodes_are_silenced_for_a_time_with_a_reason(hubctl, hub):
    hub.add_node("web-1", tags={"room": "lab"})
    hub.add_node("web-2")
    done = hubctl("silences", "add", "tag:room=lab", "--for", "2h", "--reason", "they move it")
    assert done.returncode == 0 and "Silenced: 1 node, until " in done.stderr
    assert hub.asked("POST", "/silences") == [
        {"selector": "tag:room=lab", "seconds": 7200, "fixed": False, "reason": "they move it"}]
    listed = hubctl("silences").stdout.splitlines()
    assert listed[0].split() == ["ID", "ON", "NODES", "UNTIL", "LEFT", "BY", "REASON"]
    assert "they move it" in listed[1]
    nodes = hubctl("nodes").stdout.splitlines()
    assert "silenced until " in nodes[1] and " by admin" in nodes[1] and "silenced" not in nodes[2]
    assert " by admin" in hubctl("node", "show", "web-1").stdout


def test_only_the_nodes_of_now_are_silenced_where_that_is_said(hubctl, hub):
    hub.add_node("web-1", state="silent")
    id = hubctl("silences", "add", "state:silent", "--now", "--for", "3d", "-o", "name").stdout.strip()
    assert hub.asked("POST", "/silences")[0]["fixed"] is True
    assert "state:silent (the nodes of then)" in hubctl("silences", "-o", "wide").stdout
    assert json.loads(hubctl("silences", "-o", "json").stdout)[0]["id"] == id


def test_a_key_that_is_used_twice_stands_out_even_of_a_silenced_node(hubctl, hub):
    hub.add_node("web-1", conflict="two use this key")
    hubctl("silences", "add", "web-1", "--for", "2h")
    assert "two use this key" in hubctl("nodes").stdout


def test_a_silence_is_ended_by_the_beginning_of_its_id(hubctl, hub):
    hub.add_node("web-1")
    first = hubctl("silences", "add", "web-1", "--for", "2h", "-o", "name").stdout.strip()
    hubctl("silences", "add", "web-1", "--for", "1h")
    done = hubctl("silences", "end", "0mb")
    assert done.returncode == 4 and "2 silences begin with 0mb" in done.stderr
    assert hubctl("silences", "end", first).returncode == 0
    assert list(hub.silences) != [first] and len(hub.silences) == 1
    assert hubctl("silences", "end", first).returncode == 4


def test_how_long_must_be_said_and_what_is_no_selector_is_not_even_sent(hubctl, hub):
    assert hubctl("silences", "add", "web-1").returncode == 2
    assert hubctl("silences", "add", "web-1 and", "--for", "2h").returncode == 2
    assert hubctl("silences", "add", "web-1", "--for", "soon").returncode == 2
    assert hub.asked("POST", "/silences") == []


def test_nothing_silenced_is_said_with_what_to_do(hubctl, hub):
    assert "hubctl silences add" in hubctl("silences").stderr
