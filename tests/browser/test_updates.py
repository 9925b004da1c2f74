"""Updates: what there is to update to, starting a rollout and watching it move, and what to do when it halts."""

import re

import pytest
from axe import stumbles
from hostile import BACKWARDS, MARKUP
from playwright.sync_api import expect
from probe_debs import make_deb
from rig import until
from update_crew import Crew

from dvic_wire.records import run_step

pytestmark = pytest.mark.browser

VERSION = "9.1"
PHONE = {"width": 375, "height": 740}


@pytest.fixture(scope="module")
def crew(rig, tmp_path_factory):
    """A hub with a package, and nodes that play their machine."""
    rig.hubctl("release", "add", str(make_deb(tmp_path_factory.mktemp("deb"), "dvic-agent", VERSION)))
    with Crew(rig) as made:
        yield made


def row(page, name: str):
    return page.get_by_role("table", name="Nodes of the rollout").get_by_role("row").filter(has_text=name)


def begun(rig, selector: str, **more: object) -> str:
    status, made = rig.request("POST", "/api/v1/rollouts", {"selector": selector, "soak": 0, **more})
    assert status == 201, made
    return made["id"]


def over(rig, id: str) -> None:
    rig.request("POST", f"/api/v1/rollouts/{id}/cancel")
    until(lambda: rig.request("GET", f"/api/v1/rollouts/{id}")[1]["state"] == "ended", "the rollout ends")


def test_an_operator_starts_a_rollout_from_the_page_and_sees_each_node_move(open_page, rig, crew):
    for name in ("one-1", "one-2"):
        crew.join(name)
    page = open_page("/updates", "otto")
    expect(page.get_by_role("table", name="Packages")).to_contain_text(f"dvic-agent{VERSION}")
    expect(page.get_by_text(re.compile("2 × 9.0"))).to_be_visible()
    page.keyboard.press("n")
    page.get_by_label("Nodes", exact=True).fill("one-*")
    expect(page.get_by_text("2 nodes right now")).to_be_visible()
    page.get_by_label("Watch the canaries for").fill("1s")
    page.get_by_label("Reason").fill("a better agent")
    page.get_by_role("button", name="Show what it would do").click()
    dialog = page.get_by_role("dialog", name=f"Update 2 nodes to dvic-agent {VERSION}?")
    expect(dialog).to_contain_text("first to 1, watched for 1.0 s, then to 1.")
    expect(dialog.get_by_role("row").filter(has_text="one-1")).to_contain_text("canary")
    assert rig.request("GET", "/api/v1/rollouts")[1]["items"] == [], "nothing of it has happened"
    dialog.get_by_role("button", name="Update").click()
    expect(page).to_have_url(re.compile("/updates/[0-9a-z]{20}$"))
    expect(page).to_have_title(re.compile(VERSION))
    expect(row(page, "one-2")).to_contain_text("pending")
    run = crew.take("one-1")
    crew.tell("one-1", run, run_step(2, "downloading"))
    expect(row(page, "one-1")).to_contain_text("downloading")
    crew.fail("one-1", run, "no space left")
    expect(page.get_by_role("alert")).to_contain_text("Halted")
    expect(page.get_by_role("alert")).to_contain_text("1 node failed (one-1)")
    expect(row(page, "one-1")).to_contain_text("no space left")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("dialog").get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    crew.update("one-2")
    expect(row(page, "one-2")).to_contain_text("updated")
    expect(page.get_by_text("2 of 2 nodes done")).to_be_visible()
    expect(page.get_by_text(re.compile("over after"))).to_be_visible()
    for name in ("Halt", "Resume", "Cancel"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.get_by_role("navigation").get_by_role("link", name="Updates").click()
    expect(page.get_by_role("list", name="Rollouts")).to_contain_text("a better agent")
    expect(page.get_by_role("list", name="Rollouts")).to_contain_text("1 updated")


def test_halting_and_giving_up_by_hand(open_page, rig, crew):
    for name in ("two-1", "two-2"):
        crew.join(name)
    id = begun(rig, "two-*", batch="1")
    run = crew.take("two-1")
    crew.tell("two-1", run, run_step(2, "downloading"))
    page = open_page(f"/updates/{id}", "otto")
    expect(row(page, "two-1")).to_contain_text("downloading")
    page.get_by_role("button", name="Halt").click()
    expect(page.get_by_role("alert")).to_contain_text("halted by otto")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes, cancel it").click()
    expect(row(page, "two-2")).to_contain_text("cancelled before it was sent")
    crew.fail("two-1", run, "interrupted")
    expect(page.get_by_text(re.compile("over after"))).to_be_visible()
    page.get_by_role("group", name="Which nodes").get_by_role("button", name="1 cancelled").click()
    expect(row(page, "two-1")).to_have_count(0)
    page.reload()
    expect(row(page, "two-2")).to_be_visible()
    expect(row(page, "two-1")).to_have_count(0)


def test_a_rollout_that_halts_is_on_the_first_page_at_once_and_gone_when_somebody_has_decided(open_page, rig, crew):
    crew.join("three-1")
    crew.join("three-2")
    page = open_page("/", "vera")
    id = begun(rig, "three-*", canary="1")
    crew.fail("three-1", crew.take("three-1"), MARKUP[:80])
    line = page.get_by_role("listitem").filter(has_text="is halted")
    expect(line).to_contain_text("1 node failed (three-1)")
    expect(line.get_by_role("link")).to_have_attribute("href", f"updates/{id}")
    over(rig, id)
    expect(line).to_have_count(0)
    expect(page.get_by_role("listitem").filter(has=page.locator(f'a[href="updates/{id}"]'))).to_contain_text(
        "failed on 1 of 2 nodes")


def test_what_can_not_be_rolled_out_is_said_where_one_asks(open_page, rig, crew):
    crew.join("four-1", VERSION)
    page = open_page("/updates?new=1&q=four-*", "otto")
    expect(page.get_by_label("Nodes", exact=True)).to_have_value("four-*")
    page.get_by_label("Canaries: these first").fill("many")
    page.get_by_role("button", name="Show what it would do").click()
    expect(page.get_by_text("must be a number of nodes")).to_be_visible()
    page.get_by_label("Canaries: these first").fill("")
    page.get_by_role("button", name="Show what it would do").click()
    expect(page.get_by_text(f"Nothing is to be done for dvic-agent {VERSION}.")).to_be_visible()
    page.get_by_label("Nodes", exact=True).fill("nobody")
    page.get_by_role("button", name="Show what it would do").click()
    expect(page.get_by_role("alert").filter(has_text="the selector names no node")).to_be_visible()


def test_a_viewer_looks_and_is_offered_nothing_to_do(open_page, rig, crew):
    crew.join("five-1")
    id = begun(rig, "five-1")
    run = crew.take("five-1")
    page = open_page(f"/updates/{id}", "vera")
    expect(row(page, "five-1")).to_be_visible()
    for name in ("Halt", "Resume", "Cancel"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.goto("/updates?new=1&q=all")
    expect(page.get_by_role("list", name="Rollouts")).to_contain_text("dvic-agent")
    expect(page.get_by_role("button", name=re.compile("Update agents|Add a package|Remove"))).to_have_count(0)
    expect(page.get_by_role("form", name="New update")).to_have_count(0)
    crew.fail("five-1", run, "that is enough")


def test_chosen_nodes_are_updated_from_the_fleet_and_the_node_tells_of_its_updates(open_page, rig, crew):
    crew.join("six-1")
    crew.join("six-2")
    page = open_page("/fleet?q=six-*&view=table", "otto")
    page.get_by_label("Choose six-2").click()
    page.get_by_role("toolbar").get_by_role("button", name="Update").click()
    expect(page.get_by_label("Nodes", exact=True)).to_have_value("six-2")
    page.get_by_role("button", name="Show what it would do").click()
    page.get_by_role("dialog").get_by_role("button", name="Update").click()
    crew.update("six-2")
    expect(row(page, "six-2")).to_contain_text("updated")
    expect(row(page, "six-1")).to_have_count(0)
    page.goto("/nodes/six-2")
    said = page.get_by_role("region", name="Updates").get_by_role("listitem")
    expect(said).to_contain_text(f"dvic-agent {VERSION}")
    expect(said).to_contain_text("well")
    said.get_by_role("link", name="what it said").click()
    expect(page.get_by_role("log")).to_contain_text("Setting up dvic-agent")
    expect(page.get_by_role("link", name="Run again")).to_have_count(0)
    page.get_by_role("link", name="The rollout").click()
    expect(row(page, "six-2")).to_contain_text("updated")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whatever_a_machine_says_is_text_and_every_part_suits_a_phone_and_everybody(open_page, rig, crew, scheme):
    name = f"seven-{scheme}"
    crew.join(name, "9.0+<b>" if scheme == "light" else "9.0")
    crew.join(f"{name}-2")
    id = begun(rig, f"{name}*", canary="1", reason=MARKUP + BACKWARDS)
    crew.fail(name, crew.take(name), MARKUP + BACKWARDS)
    page = open_page(f"/updates/{id}", "otto", scheme=scheme, **PHONE)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(row(page, "seven").filter(has_text=MARKUP)).to_be_visible()
    assert page.evaluate("window.harmed ?? null") is None
    assert "\u202e" not in page.locator("#view").inner_text()
    for size in (PHONE, {"width": 1280, "height": 800}):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert stumbles(page) == []
    over(rig, id)
    page.goto(f"/updates?new=1&q={name}-2")
    expect(page.get_by_text("1 node right now")).to_be_visible()
    page.set_viewport_size(PHONE)
    page.locator("summary").click()
    assert stumbles(page) == []
    page.get_by_role("button", name="Show what it would do").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert stumbles(page) == []
