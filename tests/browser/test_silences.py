"""Silences: a node of which somebody knows is shown as silenced and is no trouble, and becomes trouble again."""

import pytest
from axe import stumbles
from hostile import BACKWARDS, MARKUP
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

HUB_SETTINGS = "keepalive_period = 1"


@pytest.fixture(scope="module")
def gone(rig):
    """carl, who has fallen silent."""
    rig.new_agent("carl").start().online().agent.kill()


@pytest.fixture(autouse=True)
def loud(rig, gone):
    """Nothing is silenced when a test begins."""
    for silence in rig.request("GET", "/api/v1/silences")[1]["items"]:
        rig.request("DELETE", f"/api/v1/silences/{silence['id']}")


def silence(rig, selector: str = "carl", reason: str = "") -> None:
    status, made = rig.request("POST", "/api/v1/silences", {"selector": selector, "seconds": 3600, "reason": reason})
    assert status == 201, made


def test_from_the_fleet_a_node_is_silenced_and_home_is_calm_until_the_silence_ends(open_page, rig):
    home = open_page("/", "vera")
    expect(home.get_by_role("listitem").filter(has_text="carl")).to_contain_text("silent")
    expect(home.get_by_role("heading", level=1)).to_have_text("1 thing needs a look")
    page = open_page("/fleet?view=table", "otto")
    page.get_by_label("Choose carl").click()
    page.get_by_role("toolbar").get_by_role("button", name="Silence").click()
    dialog = page.get_by_role("dialog", name="Silence carl")
    dialog.get_by_label("For").select_option("a day")
    dialog.get_by_label("Why").fill("it is being repaired")
    dialog.get_by_role("button", name="Silence").click()
    expect(page.get_by_role("row", name="carl")).to_contain_text("by otto: it is being repaired")
    expect(page.get_by_role("row", name="carl")).to_contain_text("silent")
    expect(page.get_by_role("row", name="ada").get_by_text("silenced")).to_have_count(0)

    expect(home.get_by_role("heading", level=1)).to_contain_text("All is well")
    home.get_by_text("1 node not there, and silenced").click()
    hushed = home.get_by_role("listitem").filter(has_text="carl")
    expect(hushed).to_contain_text("by otto: it is being repaired")
    home.get_by_role("button", name="1 silenced").click()
    expect(home.get_by_role("dialog")).to_contain_text("it is being repaired")
    expect(home.get_by_role("button", name="End the silence")).to_have_count(0)
    home.keyboard.press("Escape")

    page.get_by_role("button", name="Choose none").click()
    page.get_by_role("button", name="1 silenced").click()
    page.get_by_role("button", name="End the silence of carl").click()
    expect(page.get_by_text("Nothing is silenced.")).to_be_visible()
    expect(home.get_by_role("heading", level=1)).to_have_text("1 thing needs a look")
    entries = rig.request("GET", "/api/v1/audit?target=carl&action=silence.add")[1]["items"]
    assert entries[0]["actor"] == "otto"


def test_a_node_s_own_page_says_that_it_is_silenced_and_by_whom(open_page, rig):
    page = open_page("/nodes/carl", "otto")
    page.get_by_role("button", name="Silence", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Silence").click()
    expect(page.get_by_text("by otto")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Silences").click()
    page.get_by_role("button", name="End the silence of carl").click()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("by otto")).to_have_count(0)


def test_only_the_chosen_nodes_are_silenced_however_they_were_found(open_page, rig):
    page = open_page("/fleet?q=state:silent&view=table", "otto")
    page.get_by_label("Choose carl").click()
    page.get_by_role("toolbar").get_by_role("button", name="Silence").click()
    page.get_by_role("dialog").get_by_role("button", name="Silence").click()
    expect(page.get_by_role("row", name="carl").get_by_text("silenced")).to_be_visible()
    [made] = rig.request("GET", "/api/v1/silences")[1]["items"]
    assert made["fixed"] and made["selector"] == "state:silent", "and what falls silent later is trouble"


def test_what_a_selector_comes_to_name_later_is_silenced_too_where_that_is_wanted(open_page, rig):
    page = open_page("/fleet?q=ada or bob&view=table", "otto")
    page.get_by_label("Choose all 2 nodes").click()
    page.get_by_role("toolbar").get_by_role("button", name="Silence").click()
    page.get_by_role("dialog").get_by_label("Whom").select_option("whatever ada or bob names, later too")
    page.get_by_role("dialog").get_by_role("button", name="Silence").click()
    expect(page.get_by_text("2 nodes are silenced")).to_be_visible()
    [made] = rig.request("GET", "/api/v1/silences")[1]["items"]
    assert (made["fixed"], made["selector"]) == (False, "ada or bob")


def test_a_viewer_sees_it_and_is_offered_neither_to_silence_nor_to_end(open_page, rig):
    silence(rig)
    page = open_page("/nodes/carl", "vera")
    expect(page.get_by_text("by admin")).to_be_visible()
    expect(page.get_by_role("button", name="Silence", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Silences").click()
    expect(page.get_by_role("dialog")).to_contain_text("carl")
    expect(page.get_by_role("button", name="End the silence")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reason_is_text_and_all_of_it_suits_a_phone_and_everybody(open_page, rig, scheme):
    silence(rig, "carl or ada", MARKUP + BACKWARDS)
    page = open_page("/fleet", "otto", width=375, height=740, scheme=scheme)
    tile = page.get_by_role("listitem").filter(has_text="carl")
    expect(tile).to_contain_text(MARKUP)
    assert stumbles(page) == []
    page.get_by_role("button", name="2 silenced").click()
    expect(page.get_by_role("dialog")).to_contain_text(MARKUP)
    assert stumbles(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Choose carl").click()
    page.get_by_role("toolbar").get_by_role("button", name="Silence").click()
    expect(page.get_by_role("dialog", name="Silence carl")).to_be_visible()
    assert stumbles(page) == []
    page.goto("/")
    page.get_by_text("1 node not there, and silenced").click()
    expect(page.get_by_role("listitem").filter(has_text="carl")).to_contain_text(MARKUP)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert stumbles(page) == []
    assert page.evaluate("window.harmed ?? null") is None


def test_maintenance_is_planned_with_a_look_at_when_it_comes_and_is_shown_and_removed(open_page, rig):
    page = open_page("/fleet?q=carl&view=table", "otto")
    page.get_by_role("button", name="Maintenance").click()
    page.get_by_role("button", name="Plan maintenance").click()
    dialog = page.get_by_role("dialog", name="Plan maintenance")
    dialog.get_by_label("Name").fill("backup")
    expect(dialog.get_by_label("Nodes")).to_have_value("carl")
    dialog.get_by_label("When").select_option("each week")
    dialog.get_by_label("Sat").check()
    dialog.get_by_label("By the clocks of").fill("Mars/Olympus")
    expect(dialog.get_by_role("status")).to_contain_text("there is no time zone Mars/Olympus")
    dialog.get_by_label("By the clocks of").fill("Europe/Paris")
    expect(dialog.get_by_role("status").get_by_role("listitem")).to_have_count(3)
    assert stumbles(page) == []
    dialog.get_by_role("button", name="Plan").click()
    expect(page.get_by_role("dialog")).to_contain_text("Sat at 22:00 Europe/Paris, for 4 h")
    assert [one["cron"] for one in rig.request("GET", "/api/v1/windows")[1]["items"]] == ["0 22 * * 6"]
    assert stumbles(page) == []
    page.get_by_role("button", name="Remove backup").click()
    expect(page.get_by_role("dialog")).to_contain_text("No maintenance is planned.")


def test_what_a_node_is_behind_stands_on_its_page_and_on_the_other_s(open_page, rig):
    assert rig.request("PATCH", "/api/v1/nodes/ada", {"tags": {"behind": "carl"}})[0] == 200
    page = open_page("/nodes/ada", "vera")
    facts = page.locator(".node-facts")
    expect(facts).to_contain_text("carl ○ silent")
    facts.get_by_role("link", name="carl").click()
    facts.get_by_role("link", name="1 node").click()
    expect(page.get_by_role("link", name="ada")).to_be_visible()
    assert rig.request("PATCH", "/api/v1/nodes/carl", {"tags": {"behind": "ada"}})[0] == 400
    rig.request("PATCH", "/api/v1/nodes/ada", {"tags": {"behind": None}})
