"""hubctl hosts, with a real hub that a client of ten lines sends `Thump!` to."""

import json
import socket

import pytest
from rig import Rig, free_port, until

pytestmark = pytest.mark.hub


def test_a_client_of_ten_lines_shows_as_a_host_and_is_forgotten(tmp_path):
    port = free_port()
    settings = f'heartbeat_listen = "127.0.0.1:{port}"\nheartbeat_networks = ["127.0.0.0/8"]'
    with Rig(tmp_path, settings=settings) as rig, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        rig.start_hub()
        assert json.loads(rig.hubctl("hosts", "-o", "json")) == []
        client.sendto(b"Thump!", ("127.0.0.1", port))
        until(lambda: rig.hubctl("hosts", "-o", "name") == "127.0.0.1\n", "the host shows")
        assert "alive, unverified" in rig.hubctl("hosts")
        (host,) = json.loads(rig.hubctl("hosts", "ls", "-o", "json"))
        assert (host["verified"], host["beats"]) == (False, 1)
        rig.hubctl("hosts", "forget", "127.0.0.1")
        rig.hubctl("hosts", "forget", "127.0.0.1", code=4)
        assert rig.hubctl("hosts", "-o", "name") == ""
