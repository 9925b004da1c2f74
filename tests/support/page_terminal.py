"""A terminal in the web page, used as a person would: opened from the node's page, typed into, read."""

import re

from playwright.sync_api import expect

SCREEN = ".xterm-rows"


def open_terminal(page, node="ada", command="/bin/sh", title="", top=""):
    """Through the node's page, as a person would; returns the session's id once it can be typed into. `top`: the hub's
    address, where the window's own is not its."""
    page.goto(f"{top}/nodes/{node}")
    page.get_by_role("link", name="Terminal", exact=True).click()
    form = page.get_by_role("region", name="New terminal")
    expect(form.get_by_label("Node")).to_have_value(node)
    form.get_by_label("Command").fill(command)
    form.get_by_label("Title").fill(title)
    form.get_by_role("button", name="Open").click()
    expect(page).to_have_url(re.compile("/sessions/[a-z0-9]+$"))
    expect(page.get_by_role("list", name="Who is in it")).to_contain_text("(you)")
    return page.url.rsplit("/", 1)[1]


def keyboard(page):
    """The terminal takes keys."""
    page.locator(".xterm-helper-textarea").focus()
    return page.keyboard


def shows(page, text, **more):
    expect(page.locator(SCREEN)).to_contain_text(text, **more)


def enter(page, line):
    keyboard(page).type(line)
    page.keyboard.press("Enter")
