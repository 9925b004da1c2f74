"""What a page of another site can do through somebody who is signed in here: nothing. Nor can a person do by the page's
own console what their role does not allow.

Two strangers: one on another host, to which the browser gives no cookie of ours at all, and one on the same host and
another port, which counts as the same site, so that the cookie does go along and the hub itself must refuse.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from joined_terminal import open_session
from playwright.sync_api import expect

from dvic_hub.api.routes import ROUTES
from dvic_hub.domain.people import ADMIN, OPERATOR

pytestmark = pytest.mark.browser

BODY = '{"ttl":60,"uses":1,"note":"by a stranger"}'

ASK = """async ([url, method, body]) => {
    try {
        const headers = body === null ? {} : {"Content-Type": "application/json"}
        const answer = await fetch(url, {method, body, headers, credentials: "include"})
        return [answer.status, (await answer.text()).slice(0, 300)]
    } catch (error) { return [0, String(error)] }
}"""

BLIND = """async ([url, body]) => {
    const asked = fetch(url, {method: "POST", body, mode: "no-cors", credentials: "include"})
    return asked.then(() => "an answer", () => "no answer")
}"""

SOCKET = """(url) => new Promise((done) => {
    const socket = new WebSocket(url)
    socket.onopen = () => done("open")
    socket.onerror = () => done("refused")
})"""


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a stranger</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def stranger() -> Iterator[int]:
    """The port at which another site is served, as 127.0.0.1 and as localhost."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["127.0.0.1", "localhost"])
def their_page(request, open_page, stranger):
    """A stranger's page in the browser of an operator who is signed in."""
    page = open_page("/", "otto")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"http://{request.param}:{stranger}/")
    yield page
    open_page.faults.clear()  # the browser says what it refused


def notes(rig) -> list[str]:
    return [item["note"] for item in rig.request("GET", "/api/v1/tokens")[1]["items"]]


@pytest.mark.parametrize("encoding", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_that_another_site_sends_is_refused(their_page, rig, encoding):
    with their_page.expect_navigation() as sent:
        their_page.evaluate("""([url, encoding, body]) => {
            const form = Object.assign(document.createElement("form"), {method: "post", action: url, enctype: encoding})
            const field = document.createElement("input")
            Object.assign(field, {name: body.slice(0, -1) + ',"x":"', value: '"}'})
            form.append(field)
            document.body.append(form)
            form.submit()
        }""", [f"{rig.url}/api/v1/tokens", encoding, BODY])
    assert sent.value.status == 403
    assert "by a stranger" not in notes(rig)


def test_a_script_of_another_site_reads_and_changes_nothing(their_page, rig):
    assert their_page.evaluate(ASK, [f"{rig.url}/api/v1/me", "GET", None])[0] == 0
    assert their_page.evaluate(ASK, [f"{rig.url}/api/v1/tokens", "POST", BODY])[0] == 0
    assert their_page.evaluate(BLIND, [f"{rig.url}/api/v1/tokens", BODY]) == "no answer"
    assert "by a stranger" not in notes(rig)


def test_another_site_opens_no_socket(their_page, rig):
    for path in (route.path for route in ROUTES if route.socket and not route.parameters):
        assert their_page.evaluate(SOCKET, rig.url.replace("http", "ws") + path) == "refused"


def test_another_site_comes_into_no_terminal(their_page, rig):
    id = open_session(rig, "ada", "cat")
    for query in ("", "?read_only=true"):
        url = f"{rig.url.replace('http', 'ws')}/api/v1/sessions/{id}/attach{query}"
        assert their_page.evaluate(SOCKET, url) == "refused"
    entries = rig.request("GET", "/api/v1/audit?action=session.join")[1]["items"]
    assert not [entry for entry in entries if id in str(entry)]


def test_another_site_cannot_show_the_page_within_its_own(their_page, rig):
    their_page.evaluate("""(url) => new Promise((done) => {
        const frame = Object.assign(document.createElement("iframe"), {src: url, onload: done})
        document.body.append(frame)
    })""", rig.url)
    frame = their_page.frames[1]
    assert frame.evaluate("document.getElementById('app') === null")


def test_a_link_from_another_site_leads_to_the_page_which_signs_in_by_itself(their_page, rig):
    """SameSite=Strict leaves the cookie out of the first request; the page asks by itself afterwards."""
    their_page.evaluate("url => { location.href = url }", f"{rig.url}/hub")
    expect(their_page.get_by_role("heading", level=1)).to_have_text("The hub")


@pytest.mark.parametrize(("who", "above"), [("vera", (OPERATOR, ADMIN)), ("otto", (ADMIN,))])
def test_the_console_of_the_page_gives_nobody_more_than_their_role(open_page, rig, who, above):
    page = open_page("/", who)
    for route in ROUTES:
        if route.role not in above:
            continue
        path = route.path
        for name in route.parameters:
            path = path.replace(f"{{{name}}}", "ada")
        if route.socket:
            assert page.evaluate(SOCKET, rig.url.replace("http", "ws") + path) == "refused", path
            continue
        body = None if route.method in ("GET", "DELETE") else '{"selector":"all","argv":["touch","/tmp/by-a-viewer"]}'
        status, answer = page.evaluate(ASK, [rig.url + path, route.method, body])
        assert status == 403 and "forbidden" in answer, (route.method, path, answer)


def test_no_script_reads_the_cookie(open_page):
    page = open_page("/", "vera")
    assert page.evaluate("document.cookie") == ""
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"


def test_a_script_that_got_into_the_page_would_not_run(open_page):
    page = open_page("/", "vera")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    refused = page.evaluate("""() => new Promise((done) => {
        addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective))
        const script = document.createElement("script")
        script.textContent = "window.harmed = 1"
        document.body.append(script)
    })""")
    assert refused.startswith("script-src") and page.evaluate("window.harmed === undefined")
    assert page.evaluate("fetch('https://evil.example/').then(() => 'sent', () => 'refused')") == "refused"
    open_page.faults.clear()  # they are what this was about
