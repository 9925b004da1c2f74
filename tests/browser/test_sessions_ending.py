"""A terminal in which nothing happens is ended, and the page says why."""

import pytest
from page_terminal import open_terminal, shows
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

HUB_SETTINGS = "session_idle = 10"


def test_the_reason_of_an_end_is_told_to_who_is_in_it_and_in_the_list(open_page, rig):
    page = open_page("/", "otto")
    id = open_terminal(page, title="left alone")
    shows(page, "#")
    over = page.get_by_text("The session is over: ").filter(has_text="10 s")
    expect(over).to_be_visible()
    expect(over).to_have_count(1)
    page.goto("/sessions")
    expect(page.get_by_role("table", name="Past sessions").get_by_role("row").filter(has_text="left alone")).to_contain_text("10 s")
    page.goto(f"/sessions/{id}")
    expect(page.get_by_text("How it ended:")).to_contain_text("10 s")
