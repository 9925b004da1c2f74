"""hubctl channels and routes with a real hub that is stopped and started, and a web server that hears what it sends."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rig import Rig, until

pytestmark = pytest.mark.hub


class Hearing(BaseHTTPRequestHandler):
    """Keeps what comes, as (path, body)."""

    def do_POST(self):
        self.server.heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def do_GET(self):
        self.server.heard.append((self.path, b""))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hearing)
    server.heard, server.url = [], f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def listed(rig: Rig, *words: str) -> list[dict]:
    return json.loads(rig.hubctl(*words, "-o", "json"))


def test_a_channel_is_made_tried_switched_and_kept_over_a_restart_and_its_secret_is_nowhere(tmp_path, web):
    secret = tmp_path / "secret.txt"
    secret.write_text(f"{web.url}/hook/s3cret-address\n")
    service = tmp_path / "meteor.yaml"
    service.write_text("name: meteor\ncomponents: [{name: decode}]\n")
    with Rig(tmp_path, settings=f'heartbeat_url = "{web.url}/alive"') as rig:
        rig.start_hub()
        until(lambda: ("/alive", b"") in web.heard, "the hub says that it is well")
        rig.hubctl("channels", "add", "hook", "webhook", code=2)
        said = rig.hubctl("channels", "add", "hook", "webhook", "--secret-file", str(secret))
        assert listed(rig, "routes")[0]["name"] == "critical", "a new hub tells every channel what matters"
        rig.hubctl("channels", "test", "hook")
        [(path, body)] = [each for each in web.heard if each[0] != "/alive"]
        assert path == "/hook/s3cret-address" and json.loads(body)["kind"] == "test"
        [sent] = listed(rig, "channels", "deliveries")
        assert (sent["channel"], sent["state"]) == ("hook", "sent")
        rig.hubctl("routes", "set", "night", "--severity", "critical", "--channel", "hook", "--repeat", "30m")
        rig.hubctl("routes", "set", "night", "--selector", "tag:room=lab")
        night = next(route for route in listed(rig, "routes") if route["name"] == "night")
        assert (night["repeat"], night["selector"], night["channels"]) == (1800, "tag:room=lab", ["hook"])
        rig.hubctl("routes", "set", "x", "--channel", "nobody", code=2)
        rig.hubctl("service", "create", str(service))
        rig.hubctl("service", "off", "meteor", "--email")
        rig.hubctl("channels", "off", "hook")
        rig.hub.stop()
        rig.start_hub()
        assert json.loads(rig.hubctl("service", "show", "meteor", "-o", "json"))["email"] is False
        assert "not told by" in rig.hubctl("service", "show", "meteor")
        [hook] = listed(rig, "channels")
        assert hook["on"] is False and hook["secret"] == f"{web.url}/****"
        rig.hubctl("service", "on", "meteor", "--email", "--telegram")
        rig.hubctl("channels", "on", "hook")
        rig.hubctl("channels", "set", "hook", "--secret-file", str(secret))
        web.shutdown()
        web.server_close()
        rig.hubctl("channels", "test", "hook", code=1)
        shown = "".join(rig.hubctl(*words) for words in (
            ("channels", "-o", "wide"), ("channels", "show", "hook"), ("channels", "deliveries", "-o", "json"),
            ("audit", "-o", "json"), ("routes", "-o", "wide")))
        assert "s3cret" not in said + shown + rig.hub.said()
        rig.hubctl("routes", "rm", "night", "--yes")
        rig.hubctl("channels", "rm", "hook", "--yes")
        assert listed(rig, "channels") == []
