"""Alarms in the page: they come and go without a reload, somebody takes care of them, and channels are looked after."""

import re

import pytest
from playwright.sync_api import expect
from rig import until

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def watched(rig):
    """A rule for what these tests log, with nothing raised when a test begins."""
    rule = {"kind": "log", "severity": "critical", "settings": {"pattern": "on fire", "window": 3600}}
    assert rig.request("PUT", "/api/v1/rules/fire", rule)[0] in (200, 201)
    yield
    assert rig.request("DELETE", "/api/v1/rules/fire")[0] == 204


def burn(rig, node: str) -> None:
    """Have a node log what the rule looks for."""
    with (rig.folder / node / "logs" / "dvic_log_oven").open("a") as log:
        log.write("the oven is on fire <b>now</b>\n")


def alarms(rig) -> list[dict]:
    return rig.request("GET", "/api/v1/alarms?open=true&rule=fire")[1]["items"]


def test_an_alarm_shows_at_once_wherever_one_is_and_is_taken_care_of(open_page, rig):
    home, page = open_page("/", "vera"), open_page("/alarms", "otto")
    expect(home.get_by_role("heading", level=1)).to_contain_text("All is well")
    expect(page.get_by_text("No alarm fits")).to_be_visible()
    burn(rig, "ada")
    row = page.get_by_role("table", name="Alarms").get_by_role("row").filter(has_text="fire")
    expect(row).to_contain_text("critical")
    expect(row.get_by_role("link", name="ada", exact=True)).to_have_attribute("href", "nodes/ada")
    expect(home.get_by_role("heading", level=1)).to_have_text("1 alarm is raised")
    expect(home.get_by_role("list", name="Worst alarms")).to_contain_text("critical")
    expect(home.get_by_role("link", name=re.compile("^Alarms.*1 raised"))).to_be_visible()

    row.get_by_role("button", name="Acknowledge").click()
    expect(row).to_contain_text("acknowledged by otto")
    expect(home.get_by_role("heading", level=1)).to_contain_text("All is well")
    expect(home.get_by_role("list", name="Worst alarms")).to_contain_text("acknowledged by otto")

    address = f"/alarms/{alarms(rig)[0]['id']}"
    page.goto(address)
    expect(page.get_by_role("region", name="History").get_by_role("listitem")).to_contain_text(
        ["raised", "acknowledged by otto"])
    rig.request("PATCH", "/api/v1/rules/fire", {"on": False})
    expect(page.get_by_role("region", name="About")).to_contain_text("cleared")


def test_many_are_acknowledged_together_and_the_address_holds_the_filters(open_page, rig):
    for node in ("ada", "bob"):
        burn(rig, node)
    until(lambda: len(alarms(rig)) == 2, "both are raised")
    page = open_page("/alarms?rule=fire&severity=critical", "otto")
    rows = page.get_by_role("table", name="Alarms").get_by_role("row").filter(has_text="fire")
    expect(rows).to_have_count(2)
    page.get_by_label("all 2 raised here").check()
    page.get_by_role("button", name="Acknowledge 2 alarms").click()
    expect(rows.filter(has_text="acknowledged by otto")).to_have_count(2)
    page.get_by_label("State").select_option("raised")
    expect(page).to_have_url(re.compile("show=raised"))
    expect(page.get_by_text("No alarm fits")).to_be_visible()


def test_a_channel_is_added_tested_and_never_tells_its_secret(open_page, rig):
    page = open_page("/channels", "anna")
    page.get_by_role("button", name="Add a channel").click()
    dialog = page.get_by_role("dialog", name="Add a channel")
    dialog.get_by_label("Name").fill("bell")
    dialog.get_by_label("Kind").select_option("webhook")
    dialog.get_by_role("textbox", name="Address").fill("http://127.0.0.1:9/secret-path")
    dialog.get_by_role("button", name="Add").click()
    row = page.get_by_role("table", name="Channels").get_by_role("row").filter(has_text="bell")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Test bell").click()
    expect(page.get_by_role("alert").filter(has_text="Test of bell")).to_contain_text("given up")
    expect(page.get_by_role("table", name="Messages")).to_contain_text("bell")
    assert "secret-path" not in page.content()

    page.get_by_role("button", name="Change route everything").click()
    dialog = page.get_by_role("dialog", name="Change route everything")
    dialog.get_by_label("bell").check()
    dialog.get_by_label("Repeated every").fill("2h")
    dialog.get_by_role("button", name="Change").click()
    expect(page.get_by_role("table", name="Routes")).to_contain_text("every 2h until acknowledged")
    row.get_by_role("button", name="Turn bell off").click()
    expect(row.get_by_role("button", name="Turn bell on")).to_be_visible()


def test_a_rule_is_changed_by_the_form_of_its_kind_and_reset_and_others_may_only_look(open_page, rig):
    page = open_page("/rules", "anna")
    page.get_by_role("button", name="Change disk-high").click()
    dialog = page.get_by_role("dialog", name="Change disk-high")
    dialog.get_by_label("above").fill("92")
    dialog.get_by_role("button", name="Change").click()
    row = page.get_by_role("table", name="Rules").get_by_role("row").filter(has_text="disk-high")
    expect(row).to_contain_text("above 92")
    expect(row).to_contain_text("changed by anna")
    row.get_by_role("button", name="Reset disk-high").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(row).to_contain_text("above 90")

    page.get_by_role("button", name="Add a rule").click()
    dialog = page.get_by_role("dialog", name="Add a rule")
    dialog.get_by_label("Name").fill("cold")
    dialog.get_by_label("metric", exact=True).fill("temp.*")
    dialog.get_by_label("below").fill("5")
    dialog.get_by_role("button", name="Add").click()
    expect(page.get_by_role("table", name="Rules")).to_contain_text("metric temp.*, below 5")
    page.get_by_role("button", name="Remove cold").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("cold is removed")).to_be_visible()
    page = open_page("/rules", "otto")
    expect(page.get_by_role("table", name="Rules")).to_contain_text("disk-high")
    expect(page.get_by_role("button", name=re.compile("Change|Add|Turn"))).to_have_count(0)
