"""Measurements of many nodes side by side: a line and figures for each, kept in the address."""

import re

import pytest
from axe import stumbles
from playwright.sync_api import expect
from rig import until

pytestmark = pytest.mark.browser

HUB_SETTINGS = "hardware_period = 1"


@pytest.fixture(scope="module", autouse=True)
def measured(rig):
    """Both nodes have told how they do."""
    for name in ("ada", "bob"):
        until(lambda name=name: rig.request("GET", f"/api/v1/nodes/{name}/metrics/latest")[1]["values"], name)


def figures(page, title: str):
    return page.get_by_role("table", name=f"{title} in figures")


def test_chosen_nodes_are_compared_and_the_question_stays_in_the_address(open_page):
    page = open_page("/fleet?view=table&q=ada or bob", "vera")
    page.get_by_label("Choose all 2 nodes").click()
    page.get_by_role("toolbar").get_by_role("button", name="Measurements").click()
    expect(page).to_have_url(re.compile("/measurements[?]q=ada"))
    for name in ("ada", "bob"):
        row = figures(page, "CPU").get_by_role("row").filter(has_text=name)
        expect(row).to_contain_text("cpu.total")
        expect(row).to_contain_text("%")
        expect(row.get_by_role("link", name=name)).to_have_attribute("href", f"nodes/{name}")
    expect(page.get_by_role("figure").locator("canvas")).to_be_visible()
    page.get_by_label("Metrics").fill("memory.*,load.1")
    expect(figures(page, "Load").get_by_role("row")).to_have_count(3)
    expect(figures(page, "CPU")).to_have_count(0)
    page.get_by_role("button", name="6 h", exact=True).click()
    expect(page).to_have_url(re.compile("range=6h"))
    page.reload()
    expect(page.get_by_label("Metrics")).to_have_value("memory.*,load.1")
    expect(figures(page, "Memory in use").get_by_role("row").filter(has_text="bob").first).to_be_visible()


def test_what_is_not_measured_or_not_understood_is_said(open_page):
    page = open_page("/measurements?q=ada&names=no.such", "vera")
    expect(page.get_by_text("Nothing of that name was measured then")).to_be_visible()
    page.goto("/measurements?q=%3Cimg src=x%3E&names=cpu.total")
    expect(page.get_by_role("alert").first).to_be_visible()
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_suits_a_phone_and_everybody(open_page, scheme):
    page = open_page("/measurements?names=*", "vera", scheme=scheme)
    expect(figures(page, "CPU").get_by_role("row").filter(has_text="bob")).to_be_visible()
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert stumbles(page) == []
