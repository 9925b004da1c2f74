"""The hub goes away under an open page, and comes back."""

import os
import re
import signal
from collections import Counter

import pytest
from playwright.sync_api import expect
from rig import until

pytestmark = pytest.mark.browser


def test_the_page_says_at_once_that_the_hub_is_away_keeps_what_it_shows_and_catches_up_without_a_reload(open_page, rig):
    home, tokens, hub = open_page("/", "anna"), open_page("/enrol", "anna"), open_page("/hub", "anna")
    pages = (home, tokens, hub)
    lost = [page.get_by_role("alert").filter(has_text="out of reach") for page in pages]
    expect(home.get_by_role("link", name="2 nodes")).to_be_visible()
    expect(tokens.get_by_role("button", name="Make the line")).to_be_visible()
    expect(hub.get_by_role("region", name="Identity")).to_be_visible()
    started = hub.get_by_text("Up for").locator("xpath=following-sibling::dd[1]").get_attribute("title")
    for page in pages:
        page.evaluate("window.sameDocument = true")

    rig.hub.kill()
    for banner in lost:
        expect(banner).to_contain_text("as old as that")
    expect(home.get_by_role("link", name="2 nodes")).to_be_visible()
    expect(lost[0]).to_contain_text(re.compile("for [2-9]"))  # the age moves on
    expect(hub.get_by_role("region", name="Identity")).to_be_visible()

    # What is asked of a hub that is away is refused with words, and nothing typed is lost.
    tokens.get_by_label("Note").fill("while it was away")
    tokens.get_by_role("button", name="Make the line").click()
    expect(tokens.get_by_text("The hub does not answer").first).to_be_visible()
    expect(tokens.get_by_label("Note")).to_have_value("while it was away")

    rig.start_hub()
    rig.request("POST", "/api/v1/nodes", {"name": "newcomer", "generate": True})
    rig.request("POST", "/api/v1/tokens", {"ttl": 3600, "uses": 1, "note": "made meanwhile"})
    for banner in lost:
        expect(banner).to_have_count(0, timeout=20_000)
    expect(home.get_by_role("link", name="3 nodes")).to_be_visible()
    expect(tokens.get_by_role("row").filter(has_text="made meanwhile")).to_be_visible()
    expect(hub.get_by_text("Up for").locator("xpath=following-sibling::dd[1]")).not_to_have_attribute("title", started)
    tokens.get_by_role("button", name="Make the line").click()
    expect(tokens.get_by_role("region", name="The new token")).to_be_visible()
    assert all(page.evaluate("window.sameDocument") for page in pages)


def test_a_page_that_is_opened_while_the_hub_is_away_goes_on_when_it_is_back(open_page, rig):
    page = open_page("/hub", "vera")
    expect(page.get_by_role("region", name="Identity")).to_be_visible()
    rig.hub.stop()
    page.get_by_role("navigation").get_by_role("link", name="Home").click()
    page.get_by_role("navigation").get_by_role("link", name="Hub").click()
    expect(page.get_by_text("The hub does not answer")).to_be_visible()
    rig.start_hub()
    expect(page.get_by_role("region", name="Identity")).to_be_visible(timeout=20_000)


def test_a_hub_that_hangs_without_closing_anything_is_told_too_and_all_goes_on_when_it_answers(open_page, rig):
    page = open_page("/logs", "vera")
    log = rig.agents["ada"].logs / "dvic_log_hanging"
    log.write_text("before it hung\n")
    expect(page.get_by_role("option").filter(has_text="before it hung")).to_be_visible()
    banner = page.get_by_role("alert").filter(has_text="out of reach")
    expect(banner).to_have_count(0)
    os.kill(rig.hub.pid, signal.SIGSTOP)
    try:
        expect(banner).to_be_visible()
        with log.open("a") as file:
            file.write("while it hung\n")
        expect(page.get_by_role("option").filter(has_text="before it hung")).to_be_visible()
    finally:
        os.kill(rig.hub.pid, signal.SIGCONT)
    expect(banner).to_have_count(0)
    expect(page.get_by_role("option").filter(has_text="while it hung")).to_have_count(1)


def test_a_quiet_hub_is_asked_and_not_taken_for_one_that_is_away(open_page, rig):
    page = open_page("/hub", "vera")
    page.clock.install()
    sockets, asked, answered, heard = [], Counter(), Counter(), Counter()

    def opens(socket):
        sockets.append(socket)
        socket.on("framesent", lambda _: asked.update([socket]))
        socket.on("framereceived", lambda data: answered.update({socket: str(data).count('"subscribed"')}))
        socket.on("framereceived", lambda _: heard.update([socket]))

    def all_is_answered():
        page.wait_for_timeout(50)
        return sockets and all(socket.is_closed() or 0 < asked[socket] <= answered[socket] for socket in sockets)

    page.on("websocket", opens)
    page.reload()
    expect(page.get_by_role("region", name="Identity")).to_be_visible()
    until(all_is_answered, "what was asked at first is answered")
    opened = len(sockets)
    for _ in range(3):
        before = heard.total()
        page.clock.run_for(7000)
        until(lambda before=before: all_is_answered() and heard.total() > before, "what was quiet has answered")
        expect(page.get_by_role("alert").filter(has_text="out of reach")).to_have_count(0)
    assert opened and len(sockets) == opened, "nobody connected anew"
