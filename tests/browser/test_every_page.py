"""Every address of the page, whoever built its view: whatever is in it is shown as text, a phone need not be scrolled
to the side, everybody can read and use it in both schemes, and the policy of contents refuses nothing."""

import re

import pytest
from axe import stumbles
from browsing import sign_in
from hostile import LONGEST_NAME, MARKUP, assert_harmless, furnish
from playwright.sync_api import expect
from rig import until

import dvic_log
from dvic_hub.api.pages import PAGES

pytestmark = pytest.mark.browser

PHONE = {"width": 375, "height": 740}
DESK = {"width": 1280, "height": 800}

TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth
    if (document.documentElement.scrollWidth <= width) return []
    const right = (each) => each.getBoundingClientRect().right
    return [`${document.documentElement.scrollWidth} of ${width}`, ...[...document.querySelectorAll("body *")]
        .filter((each) => right(each) > width + 1).slice(0, 8).map((each) => `${each.tagName}.${each.className}`)]
}"""


SHOWS = {"/enrol": MARKUP, "/tokens": MARKUP, "/updates": MARKUP, "/updates/{rollout}": MARKUP,
         "/nodes/{node}": MARKUP, "/services": MARKUP, "/services/{service}": MARKUP, "/rules": MARKUP[:100],
         "/histograms": MARKUP[:100], "/histograms/{package}": MARKUP[:100],
         "/sessions": MARKUP[:100], "/sessions/{session}": MARKUP[:100]}
"""Where a hostile text must stand as it is."""


@pytest.fixture(scope="module")
def places(rig) -> dict[str, str]:
    """An address of each page, with a hub that is full of hostile texts."""
    made = furnish(rig)
    rig.request("POST", "/api/v1/services", {"name": "meteor", "title": MARKUP, "components": [{"name": "decode"}]})
    publish_hostile(rig)
    names = {"node": "ada", "alarm": raise_hostile(rig), "package": "hostile", "service": "meteor",
             **{name: made[name] for name in ("run", "rollout", "session")}}
    return {page: re.sub(r"\{(\w+)\}", lambda found: names[found[1]], page) for page in PAGES}


def raise_hostile(rig) -> str:
    """The id of an alarm whose text is markup."""
    rule = {"kind": "log", "title": MARKUP[:100], "settings": {"pattern": "hostile"}}
    rig.request("PUT", "/api/v1/rules/markup", rule)
    with (rig.folder / "ada" / "logs" / "dvic_log_hostile").open("a") as log:
        log.write(f"hostile {MARKUP}\n")
    found = "/api/v1/alarms?rule=markup"
    until(lambda: rig.request("GET", found)[1]["items"], "the alarm is raised")
    return rig.request("GET", found)[1]["items"][0]["id"]


def publish_hostile(rig) -> None:
    """A package whose names, titles and labels are markup."""
    package = dvic_log.Package("hostile", title=MARKUP[:100], directory=str(rig.folder / "ada" / "logs"))
    axis = {"type": "category_str", "categories": [MARKUP[:60], "b"], "flow": False, "metadata": {"label": MARKUP[:60]}}
    package.publish({MARKUP[:100]: {"uhi_schema": 1, "metadata": {"title": MARKUP[:100]}, "axes": [axis],
                                    "storage": {"type": "int", "values": [1, 2]}},
                     "map": [1, 2, 3], "gain": dvic_log.graph([1, 2], [1, 2], title=MARKUP[:100])})
    until(lambda: rig.request("GET", "/api/v1/packages/hostile")[0] == 200, "the hub has the package")


def settled(page) -> None:
    """Shown, with what the hub answered."""
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.locator(".waiting")).to_have_count(0)


def assert_sound(page) -> None:
    assert_harmless(page)
    assert page.evaluate(TOO_WIDE) == []
    assert stumbles(page) == []


@pytest.mark.parametrize("address", PAGES)
def test_a_page_shows_everything_as_text_and_suits_everybody(open_page, places, address):
    page = open_page(places[address], "anna")
    settled(page)
    assert page.title().endswith("DVIC")
    if address in SHOWS:
        expect(page.locator("#view").get_by_text(SHOWS[address]).first).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size in (DESK, PHONE):
            page.set_viewport_size(size)
            assert_sound(page)


@pytest.mark.parametrize("who", ["vera", "otto"])
def test_those_who_may_less_can_look_at_every_address_without_a_fault(open_page, places, who):
    page = open_page("/", who)
    for address in places.values():
        page.goto(address)
        settled_or_refused = page.locator("h1, [role=alert]").first
        expect(settled_or_refused).to_be_visible()
        assert_harmless(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_stands_above_the_pages_suits_everybody_too(open_page, places, scheme):
    page = open_page("/", "", scheme=scheme)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert_sound(page)
    sign_in(page, "anna", "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    assert_sound(page)
    page = open_page("/people", "anna", scheme=scheme)
    settled(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_sound(page)
    page.keyboard.press("Escape")
    for button in ("Add somebody", "Remove vera"):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert_sound(page)
        page.set_viewport_size(PHONE)
        assert_sound(page)
        page.set_viewport_size(DESK)
        page.keyboard.press("Escape")
    page.set_viewport_size(PHONE)
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("navigation").get_by_role("link", name="Audit")).to_be_visible()
    assert_sound(page)


def test_the_longest_name_that_the_hub_takes_fits(open_page, places):
    page = open_page(f"/nodes/{LONGEST_NAME}", "anna", width=375)
    settled(page)
    assert page.evaluate(TOO_WIDE) == []


def test_every_page_is_reached_and_left_by_the_keyboard_alone(open_page, places):
    page = open_page("/", "anna")
    settled(page)
    for key, title in (("e", "Enrol"), ("p", "People"), ("a", "Audit"), ("o", "Hub")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_title(re.compile(title))
    page.go_back()
    expect(page).to_have_title(re.compile("Audit"))
    page.keyboard.press("Tab")
    page.keyboard.press("/")
    expect(page.get_by_label("Who")).to_be_focused()


def test_the_ways_to_go_stay_where_they_are(open_page, places):
    page = open_page("/", "anna")
    settled(page)
    ways = page.get_by_role("navigation", name="Main").get_by_role("link")
    assert ways.count() >= 8
    places_of = "(links) => links.map((link) => Math.round(link.getBoundingClientRect().x))"
    before = ways.evaluate_all(places_of)
    for name in ("Fleet", "Logs", "Audit"):
        ways.filter(has_text=name).click()
        expect(ways.filter(has_text=name)).to_have_attribute("aria-current", "page")
        assert ways.evaluate_all(places_of) == before, name
