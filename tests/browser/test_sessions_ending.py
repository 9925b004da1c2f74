"""A terminal that is ended by nobody in it, or never begins: the page says why."""

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
    past = page.get_by_role("table", name="Past sessions")
    expect(past.get_by_role("row").filter(has_text="left alone")).to_contain_text("10 s")
    page.goto(f"/sessions/{id}")
    expect(page.get_by_text("How it ended:")).to_contain_text("10 s")


def test_a_machine_that_wants_no_terminals_is_quoted(open_page, rig):
    policy = rig.agents["bob"].folder / "etc" / "policy.toml"
    policy.write_text('kinds = ["run"]\n')
    policy.chmod(0o644)
    page = open_page("/fleet", "otto")
    page.get_by_role("row").filter(has_text="bob").get_by_role("checkbox").check()
    page.get_by_role("button", name="Terminal").click()
    form = page.get_by_role("region", name="New terminal")
    expect(form.get_by_label("Node")).to_have_value("bob")
    form.get_by_role("button", name="Open").click()
    expect(page.get_by_text("does not allow the kind terminal").first).to_be_visible()
    page.goto("/sessions?new=1&node=nobody")
    form.get_by_role("button", name="Open").click()
    expect(form.get_by_role("alert")).to_contain_text("there is no node nobody")
    form.get_by_label("Command").fill("vi 'a")
    form.get_by_role("button", name="Open").click()
    expect(form.get_by_role("alert")).to_contain_text("is not closed")
