"""hubctl nodes: the list in its forms."""

import json

import pytest


@pytest.fixture
def fleet(hub):
    hub.add_node("web-1", tags={"room": "lab", "owner": "anna"})
    hub.add_node("web-2", state="silent", last_seen="2026-01-01T00:00:00.000000Z")
    return hub


def test_json_holds_exactly_the_promised_fields_in_their_order(hubctl, fleet):
    nodes = json.loads(hubctl("nodes", "-o", "json").stdout)
    assert [list(node) for node in nodes] == \
        [["id", "name", "state", "last_seen", "tags", "os", "agent_version", "address"]] * 2
    assert nodes[0]["tags"] == {"room": "lab", "owner": "anna"}
