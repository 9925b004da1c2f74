"""Signing in, being refused, and signing out, as a person does it."""

import re

import pytest
from browsing import sign_in
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_wrong_password_is_told_and_the_right_one_opens_the_page(open_page):
    page = open_page("/", "")
    sign_in(page, "vera", "not this one")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    sign_in(page, "vera")
    expect(page.get_by_role("heading", level=1)).to_have_text("All is well")
    expect(page.get_by_role("link", name="2 nodes")).to_be_visible()


def test_signing_out_ends_the_sign_in_for_every_tab(open_page):
    page = open_page("/", "vera")
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    other.reload()
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_sign_in_is_known_by_its_browser_afterwards(open_page):
    page = open_page("/", "")
    sign_in(page, "vera")
    page.get_by_role("link", name="vera").click()
    here = page.get_by_role("row").filter(has_text="this one")
    expect(here).to_contain_text("Chrome on Linux")


def test_a_password_for_one_sign_in_is_replaced_at_once(open_page, rig):
    _, made = rig.request("POST", "/api/v1/users", {"name": "newt", "role": "viewer"})
    page = open_page("/", "")
    sign_in(page, "newt", made["password"])
    expect(page.get_by_label("New password")).to_be_focused()
    for text, end in (("quite another password", "Tab"), ("with a slip", "Enter")):
        page.keyboard.type(text)
        page.keyboard.press(end)
    expect(page.get_by_role("alert")).to_contain_text("differ")
    expect(page.get_by_label("New password")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("quite another password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="newt")).to_be_visible()


def test_what_a_role_may_not_do_is_not_offered(open_page):
    viewer, admin = open_page("/", "vera"), open_page("/", "anna")
    expect(admin.get_by_role("navigation").get_by_role("link", name="Audit")).to_be_visible()
    expect(viewer.get_by_role("navigation").get_by_role("link", name="Logs")).to_be_visible()
    expect(viewer.get_by_role("navigation").get_by_role("link", name=re.compile("Audit|People|Enrol"))).to_have_count(0)


def test_the_keys_are_listed_and_work(open_page):
    page = open_page("/", "vera")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("search")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_address_that_is_none_says_so_without_the_hub_s_help(open_page):
    page = open_page("/", "vera")
    page.evaluate("history.pushState(null, '', 'nodes/'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing at this address")


def test_who_comes_by_another_address_is_told_the_hub_s_own(open_page, rig):
    page = open_page(f"http://localhost:{rig.port}/", "")
    sign_in(page, "vera")
    expect(page.get_by_role("alert")).to_contain_text(f"that one is at {rig.url}")


def test_who_guesses_passwords_is_told_to_wait(open_page):
    # the last here: from this address nobody signs in for a while
    page = open_page("/", "")
    for _ in range(30):
        sign_in(page, "mallory", "guess")
        said = page.get_by_role("alert")
        expect(said).to_contain_text(re.compile("wrong|too many attempts to sign in: wait [0-9]+ s"))
        if "wait" in said.inner_text():
            return
    raise AssertionError("thirty guesses were let through")
