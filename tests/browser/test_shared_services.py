"""A monitoring service on another site's page: by dvic-live.js and in an iframe, where the hub's settings name the site
and a share lets it look, and nowhere else."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe import stumbles
from playwright.sync_api import expect
from rig import free_port, until

pytestmark = pytest.mark.browser

PORT = free_port()
KNOWN, UNKNOWN = f"http://localhost:{PORT}", f"http://127.0.0.1:{PORT}"
HUB_SETTINGS = f'embed_origins = ["{KNOWN}"]'
EXAMPLE = Path(__file__).parents[2] / "examples" / "live_page" / "index.html"


@pytest.fixture(scope="module")
def share(rig) -> dict:
    rig.request("POST", "/api/v1/services", {"name": "meteor", "components": [{"name": "connect"}, {"name": "decode"}]})
    status, made = rig.request("POST", "/api/v1/services/meteor/shares", {"note": "the public page"})
    assert status == 201, made
    return made


@pytest.fixture(scope="module")
def site(rig, share) -> Iterator[None]:
    """Another site, reached as two origins: the example's page, and one with an iframe."""
    pages = {"/": EXAMPLE.read_text().replace("HUB", rig.url).replace("SHARE", share["share"]),
             "/frame": f'<!doctype html><title>a site</title><iframe src="{share["embed"]}" width=900 height=300>'}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(pages.get(self.path, "").encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", PORT), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


def tell(rig, *events: dict) -> None:
    assert rig.request("POST", "/api/v1/services/meteor/events", {"events": list(events)})[0] == 204


def step(place, name: str):
    return place.locator(f'.dvic-step[data-step="{name}"]')


def test_a_page_of_another_site_follows_a_service_and_catches_up_after_the_hub_was_away(open_page, rig, site):
    page = open_page(f"{KNOWN}/", "")
    expect(page.locator("#said")).to_have_text("The hub: live")
    tell(rig, {"component": "connect", "step": "start", "cycle": "one", "message": "the dish turns"})
    expect(step(page, "connect")).to_have_class(re.compile("dvic-running"))
    expect(page.locator("#steps")).to_contain_text("connect running: the dish turns")
    rig.hub.kill()
    expect(page.locator("#said")).to_have_text(re.compile("lost|connecting"))
    rig.start_hub()
    tell(rig, {"component": "connect", "step": "done", "cycle": "one"},
         {"component": "decode", "step": "fail", "cycle": "one", "message": "no sync word"})
    expect(step(page, "connect")).to_have_class(re.compile("dvic-ok"))
    expect(step(page, "decode")).to_have_class(re.compile("dvic-error"))
    expect(page.locator("#said")).to_have_text("The hub: live")


def test_a_site_that_is_not_named_gets_neither_the_steps_nor_a_frame(open_page, rig, site):
    page = open_page(f"{UNKNOWN}/", "")
    expect(page.locator("#said")).to_have_text(re.compile("lost|connecting"))
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.goto(f"{UNKNOWN}/frame")
    expect(step(page.frame_locator("iframe"), "connect")).to_have_count(0)
    open_page.faults.clear()  # the browser says what it refused


def test_a_frame_shows_the_diagram_until_the_share_is_revoked(open_page, rig, site, share):
    page = open_page(f"{KNOWN}/frame", "")
    expect(step(page.frame_locator("iframe"), "connect")).to_be_visible()
    alone = open_page(share["embed"], "", scheme="dark")
    expect(step(alone, "connect")).to_be_visible()
    assert stumbles(alone) == []
    assert rig.request("DELETE", f"/api/v1/services/meteor/shares/{share['id']}")[0] == 204
    expect(page.frame_locator("iframe").get_by_text("needs a share that is valid")).to_be_visible(timeout=60_000)
    until(lambda: rig.request("GET", "/api/v1/services/meteor/shares")[1]["items"] == [], "it is gone")
