"""The first page: what is wrong first, and calm when nothing is."""

import re

import pytest
from browsing import PASSWORD
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

HUB_SETTINGS = "keepalive_period = 1"


def test_all_is_well_and_the_fleet_is_one_line(open_page):
    page = open_page("/", "vera")
    expect(page.get_by_role("heading", level=1)).to_contain_text("All is well")
    page.get_by_role("link", name="2 online").click()
    expect(page).to_have_url(re.compile(r"/fleet\?q=state%3Aonline"))
    expect(page.get_by_label("Search nodes")).to_have_value("state:online")


def test_a_node_that_falls_silent_is_told_and_taken_back_without_a_reload(open_page, rig):
    carl = rig.new_agent("carl").start().online()
    page = open_page("/", "vera")
    expect(page.get_by_role("link", name="3 online")).to_be_visible()
    carl.agent.kill()
    line = page.get_by_role("listitem").filter(has_text="carl")
    expect(line).to_contain_text(re.compile("(late|silent) carl last heard of"))
    expect(page.get_by_role("heading", level=1)).to_have_text("1 thing needs a look")
    expect(line).to_contain_text("silent")
    carl.agent.start()
    expect(page.get_by_role("heading", level=1)).to_contain_text("All is well")
    expect(page.get_by_role("link", name="3 online")).to_be_visible()


def test_a_run_that_failed_stands_there_with_what_it_was(open_page, rig):
    status, run = rig.request("POST", "/api/v1/runs", {"selector": "ada", "argv": ["false"], "reason": "a test"})
    assert status == 201, run
    page = open_page("/", "otto")
    line = page.get_by_role("listitem").filter(has_text="false")
    expect(line).to_contain_text("failed on its node", timeout=40_000)
    expect(line.get_by_role("link")).to_have_attribute("href", f"runs/{run['id']}")


def test_an_empty_fleet_says_how_to_begin(browser, tmp_path):
    from rig import Rig

    with Rig(tmp_path) as rig:
        rig.start_hub()
        for name, role in (("vera", "viewer"), ("otto", "operator")):
            rig.request("POST", "/api/v1/users", {"name": name, "role": role, "password": PASSWORD})
        for name, told in (("vera", "An operator can enrol one"), ("otto", "Enrol the first one")):
            context = browser.new_context(base_url=rig.url)
            context.request.post("/api/v1/session", data={"user": name, "password": PASSWORD},
                                 headers={"Origin": rig.url})
            page = context.new_page()
            for path in ("/", "/fleet"):
                page.goto(path)
                expect(page.get_by_role("heading", level=1)).to_have_text("No machine has joined yet")
                expect(page.get_by_text(told)).to_be_visible()
            context.close()
