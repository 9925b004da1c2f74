"""The page of a hub below a path of somebody's site (https://host/lab/dvic), through Debian's nginx."""

import re
import shutil
from collections.abc import Iterator

import pytest
from browsing import PASSWORD, PEOPLE, is_fault, sign_in
from nginx_front import NGINX, Front
from page_terminal import enter as type_line
from page_terminal import open_terminal, shows
from playwright.sync_api import expect
from private_authority import PrivateAuthority
from probe_debs import make_deb
from rig import Rig, RigAgent, free_port

from dvic_hub.api.pages import PAGES

pytestmark = pytest.mark.browser

PATH = "/lab/dvic"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Front]:
    if NGINX is None:
        pytest.skip("needs nginx (apt-get install nginx)")
    folder, port = tmp_path_factory.mktemp("place"), free_port()
    authority = PrivateAuthority(folder)
    authority.issue("localhost", folder / "hub.pem", folder / "hub.key")
    settings = f'ca_file = "{authority.ca}"\ntrusted_proxies = ["127.0.0.1"]\n'
    with Rig(folder, url=f"https://localhost:{port}{PATH}", settings=settings) as rig:
        rig.start_hub()
        for name, role in PEOPLE:
            assert rig.request("POST", "/api/v1/users", {"name": name, "role": role, "password": PASSWORD})[0] == 201
        front = Front(folder, rig, port, authority, path=PATH)
        front.start()
        agent = RigAgent(rig, "ada", folder / "ada")
        shutil.copy(authority.ca, folder / "ada" / "etc" / "hub-ca.pem")
        agent.enrol(rig.token())
        rig.agents["ada"] = agent.start().online()
        yield front
        front.stop()


@pytest.fixture
def page(browser, place) -> Iterator:
    """A window at the hub's address, with nobody signed in."""
    context = browser.new_context(base_url=f"{place.url}/", ignore_https_errors=True)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
    opened.goto(place.url)  # without the slash at its end, as people type it
    yield opened
    context.close()
    assert not faults, faults


def enter(page, who: str) -> None:
    sign_in(page, who)
    expect(page.get_by_role("link", name=who)).to_be_visible()


def test_one_signs_in_goes_everywhere_and_reloads_below_the_path(page, place):
    enter(page, "anna")
    assert page.url == f"{place.url}/"
    (cookie,) = page.context.cookies()
    assert (cookie["path"], cookie["secure"], cookie["httpOnly"]) == (f"{PATH}/", True, True)
    for link in page.get_by_role("navigation", name="Main").get_by_role("link").all():
        assert re.match(f"{place.url}/", link.evaluate("each => each.href"))
    for address in PAGES:
        where = re.sub(r"\{\w+\}", "ada", address)
        page.goto(f"{place.url}{where}")
        expect(page.locator("h1, [role=alert]").first).to_be_visible()
        assert page.url == f"{place.url}{where}"
    page.get_by_role("link", name="DVIC").click()
    assert page.url == f"{place.url}/"
    page.go_back()
    expect(page).to_have_url(f"{place.url}/account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.context.cookies() == []


def test_live_news_come_through_and_changes_are_taken(page, place, tmp_path):
    enter(page, "anna")
    page.goto(f"{place.url}/enrol")
    page.evaluate("window.sameDocument = true")
    page.get_by_label("Package file").set_input_files(make_deb(tmp_path, "dvic-agent", "9.9"))
    expect(page.get_by_text("dvic-agent 9.9 is served now")).to_be_visible()
    page.get_by_role("button", name="Make the line").click()
    line = page.get_by_role("region", name="The new token").locator("code").first
    expect(line).to_contain_text(f" {place.url}/install/dvic1.")
    bob = RigAgent(place.rig, "bob", place.folder / "bob")
    shutil.copy(place.authority.ca, place.folder / "bob" / "etc" / "hub-ca.pem")
    bob.enrol(re.search(r"dvic1\.[A-Za-z0-9_.-]+", line.inner_text())[0])
    bob.start()
    expect(page.get_by_role("region", name="The new token").get_by_text("is online.")).to_be_visible()
    assert page.evaluate("window.sameDocument")
    assert place.rig.request("GET", "/api/v1/hub")[1]["streams"] >= 1


def test_a_terminal_is_opened_below_the_path(page, place):
    enter(page, "otto")
    open_terminal(page, top=place.url)
    type_line(page, "echo be''low")
    shows(page, "below")
    type_line(page, "exit")
    page.get_by_role("button", name="Replay").click()
    shows(page, "below")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert "below" in download.value.path().read_text()


def test_the_site_around_it_gets_no_cookie_of_ours(page, place):
    enter(page, "vera")
    with page.expect_request(lambda request: request.url.endswith("/elsewhere")) as sent:
        page.goto(f"https://localhost:{place.port}/elsewhere")
    assert "cookie" not in sent.value.all_headers()
    expect(page).to_have_title("somebody else")
