"""The page of monitoring services, beside the satellite of examples/ whose programs really run: through dvic_log, an
agent and the hub to the diagram."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from axe import stumbles
from hostile import MARKUP, assert_harmless
from playwright.sync_api import expect
from rig import BIN

pytestmark = pytest.mark.browser

PASSES = Path(__file__).parents[2] / "examples" / "satellite" / "passes.py"
DESCRIPTION = PASSES.with_name("meteor_m2.yaml").read_text()


@pytest.fixture(scope="module")
def satellite(rig):
    """satellite("--fail", "decode/mtvza"): starts passes on ada; the service is there."""
    rig.hubctl("service", "create", str(PASSES.with_name("meteor_m2.yaml")))
    begun = []

    def start(*arguments: str) -> subprocess.Popen:
        environ = {**rig.environ, "DVIC_LOG_DIR": str(rig.agents["ada"].logs), "PATH": f"{BIN}:{os.environ['PATH']}"}
        begun.append(subprocess.Popen([sys.executable, str(PASSES), *arguments], env=environ))
        return begun[-1]

    yield start
    for each in begun:
        each.kill()
        each.wait()


def tell(rig, service: str, *events: dict) -> None:
    status, answer = rig.request("POST", f"/api/v1/services/{service}/events", {"events": list(events)})
    assert status == 204, answer


def step(page, name: str):
    return page.locator(f'.dvic-step[data-step="{name}"]')


PLACES = """() => [...document.querySelectorAll(".dvic-step .dvic-box")].map((each) => {
    const at = each.getBoundingClientRect()
    return [Math.round(at.x + scrollX), Math.round(at.y + scrollY), Math.round(at.width)]
})"""

KEEP_STATES = """name => {
    window.states = []
    const step = document.querySelector(`.dvic-step[data-step="${name}"]`)
    new MutationObserver(() => window.states.push(step.getAttribute("class"))).observe(step, { attributes: true })
}"""
"""A state passes by quicker than a test that looks now and then sees."""


def test_the_diagram_moves_with_a_pass_and_a_step_shows_its_lines(open_page, rig, satellite):
    page = open_page("/services", "vera")
    page.get_by_role("link", name="meteor_m2").click()
    expect(step(page, "archive")).to_have_class(re.compile("dvic-idle"))
    before = page.evaluate(PLACES)
    page.evaluate(KEEP_STATES, "check")
    satellite("--seconds", "1.5", "--fail", "decode/mtvza")
    page.wait_for_function("() => window.states.some(each => each.includes('dvic-running'))")
    expect(step(page, "decode/mtvza")).to_have_class(re.compile("dvic-error"))
    assert page.evaluate(PLACES) == before, "nothing moves while the steps go on"
    expect(step(page, "extract/mtvza")).to_have_attribute("aria-label", re.compile("skipped"))
    row = page.get_by_role("table", name="Cycles").get_by_role("row").nth(1)
    expect(row.get_by_role("cell").nth(1)).to_contain_text("error")
    step(page, "decode/mtvza").press("Enter")
    dialog = page.get_by_role("dialog", name="decode/mtvza")
    expect(dialog.locator(".near[aria-current]")).to_contain_text("no sync word in 4096 frames")
    expect(dialog.get_by_role("group", name="Lines in order")).to_contain_text("part 2 of 5")
    expect(page).to_have_url(re.compile(r"step=decode%2Fmtvza"))
    page.reload()
    expect(dialog).to_contain_text("no sync word")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    home = open_page("/", "vera")
    expect(home.get_by_role("listitem").filter(has_text="meteor_m2")).to_contain_text("decode/mtvza is in error")


def test_a_step_changes_on_the_page_soon_after_its_event(open_page, rig, satellite, capsys):
    rig.request("POST", "/api/v1/services", {"name": "quick", "components": [{"name": "a"}]})
    page = open_page("/services/quick", "vera")
    expect(step(page, "a")).to_have_class(re.compile("dvic-idle"))
    page.evaluate("""() => {
        window.seen = []
        const step = document.querySelector(".dvic-step")
        new MutationObserver(() => window.seen.push([step.getAttribute("class"), Date.now()]))
            .observe(step, { attributes: true })
    }""")
    took = []
    for number in range(8):
        for word, state in (("start", "running"), ("done", "ok")):
            at = time.time()
            tell(rig, "quick", {"component": "a", "step": word, "cycle": f"c{number}"})
            expect(step(page, "a")).to_have_class(re.compile(f"dvic-{state}"))
            seen = page.evaluate("state => window.seen.findLast(([name]) => name.includes(state))[1]", f"dvic-{state}")
            took.append(seen / 1000 - at)
    with capsys.disabled():
        took.sort()
        print(f"\nevent to page: median {took[len(took) // 2] * 1000:.0f} ms, slowest {took[-1] * 1000:.0f} ms")


def test_several_cycles_that_are_under_way_can_be_looked_at(open_page, rig, satellite):
    rig.request("POST", "/api/v1/services", {"name": "twice", "components": [{"name": "a"}, {"name": "b"}]})
    tell(rig, "twice", {"component": "a", "step": "start", "cycle": "one"})
    tell(rig, "twice", {"component": "a", "step": "start", "cycle": "two"},
         {"component": "a", "step": "done", "cycle": "two"}, {"component": "b", "step": "start", "cycle": "two"})
    page = open_page("/services/twice", "vera")
    expect(step(page, "b")).to_have_class(re.compile("dvic-running"))
    under_way = page.get_by_role("group", name="Cycles under way")
    under_way.get_by_role("button", name="cycle 1, one").click()
    expect(step(page, "b")).to_have_class(re.compile("dvic-idle"))
    expect(page).to_have_url(re.compile(r"cycle=1"))
    under_way.get_by_role("button", name="Follow the newest").click()
    expect(step(page, "b")).to_have_class(re.compile("dvic-running"))
    step(page, "b").click()
    expect(page.get_by_role("dialog")).to_contain_text("began")


def test_an_operator_makes_changes_switches_and_deletes_a_service(open_page, rig):
    page = open_page("/services", "otto")
    page.get_by_role("button", name="New service").click()
    field = page.get_by_label("Description")
    field.fill(DESCRIPTION.replace("name: meteor_m2", "name: noaa").replace("name: check,", "name: connect,"))
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("alert")).to_contain_text("components[1].name")
    field.fill(DESCRIPTION.replace("name: meteor_m2", "name: noaa"))
    page.get_by_role("button", name="Make it").click()
    expect(step(page, "archive")).to_be_visible()
    page.get_by_text("Switches and levels").click()
    page.get_by_role("switch", name="check").click()
    expect(page.get_by_role("switch", name="check")).not_to_be_checked()
    page.get_by_label("Level of decode").select_option("warning")
    page.get_by_role("switch", name="The whole service").click()
    expect(page.get_by_text("nothing moves it")).to_be_visible()
    shown = rig.request("GET", "/api/v1/services/noaa")[1]
    assert (shown["on"], shown["off"], shown["levels"]) == (False, ["check"], {"decode": "warning"})
    page.get_by_text("On other sites").click()
    page.get_by_label("For whom").fill("the public page")
    page.get_by_role("button", name="Make a share").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"{rig.url}/embed/services/noaa#dvics_")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Revoke the public page").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_role("button", name="Revoke the public page")).to_have_count(0)
    page.get_by_role("button", name="Change", exact=True).click()
    field = page.get_by_label("Description")
    field.fill(field.input_value().replace('"name": "archive"', '"name": "shelf"'))
    page.get_by_role("button", name="Change it").click()
    expect(step(page, "shelf")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Services")
    assert rig.request("GET", "/api/v1/services/noaa")[0] == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_suits_a_phone_and_everybody_and_shows_texts_as_text(open_page, rig, scheme):
    components = [{"name": "n" * 64, "title": MARKUP}, {"name": "b", "sources": [MARKUP[:60], "x"]}, {"name": "c"},
                  {"name": "d", "after": ["n" * 64]}]
    rig.request("POST", "/api/v1/services", {"name": "hostile", "title": MARKUP, "components": components})
    tell(rig, "hostile", {"component": "n" * 64, "step": "fail", "message": MARKUP, "cycle": MARKUP[:60]})
    page = open_page("/services/hostile", "otto", width=375, height=740, scheme=scheme)
    expect(step(page, "n" * 64)).to_have_class(re.compile("dvic-error"))
    page.get_by_text("Switches and levels").click()
    page.get_by_text("On other sites").click()
    for size in ({"width": 375, "height": 740}, {"width": 1280, "height": 800}):
        page.set_viewport_size(size)
        assert stumbles(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    step(page, "n" * 64).click()
    expect(page.get_by_role("dialog")).to_contain_text(MARKUP)
    assert stumbles(page) == []
    assert_harmless(page)
