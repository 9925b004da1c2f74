"""One node: its facts, its charts that move, its programs, and what can be done with it."""

import getpass
import re
import subprocess
import sys
import time

import pytest
from container_engine import ServedEngine
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

HUB_SETTINGS = "hardware_period = 1"
QUICK = "[demos]\nperiod = 1"


@pytest.fixture(scope="module")
def engine(rig):
    """A container engine that says what a real one did."""
    with ServedEngine().at(rig.folder / "e.sock") as engine:
        yield engine


@pytest.fixture(scope="module")
def quick(rig, engine):
    """An agent that measures every second, and asks an engine."""
    asked = f'\n[containers]\nsockets = ["{rig.folder / "e.sock"}"]'
    return rig.new_agent("quick", QUICK + asked).start().online()


def chart(page, title):
    return page.get_by_role("figure").filter(has=page.get_by_text(title, exact=True))


def test_facts_and_charts_of_a_machine(open_page, quick):
    page = open_page("/nodes/quick", "vera")
    expect(page.get_by_role("heading", level=1)).to_have_text("quick")
    expect(page.locator("dl")).to_contain_text("Kernel")
    for title in ("CPU", "Load", "Memory", "Disk space in use"):
        expect(chart(page, title).locator("canvas")).to_be_visible()
    expect(chart(page, "CPU").get_by_role("button")).to_have_text(re.compile(r"all cores\s+[0-9.]+ %"))
    before = page.get_by_role("figure").count()
    page.get_by_role("button", name=re.compile("Show [0-9]+ more charts")).click()
    expect(chart(page, "Processes")).to_be_visible()
    assert page.get_by_role("figure").count() > before


def test_charts_move_without_a_reload(open_page, quick):
    page = open_page("/nodes/quick?range=15m", "vera")
    expect(chart(page, "CPU").get_by_role("button")).to_have_text(re.compile("[0-9]"))
    page.evaluate("""() => {
        let changes = 0
        const watch = new MutationObserver(() => { document.body.dataset.changes = String(++changes) })
        watch.observe(document.querySelector('.charts'), { characterData: true, subtree: true })
    }""")
    expect(page.locator("body")).to_have_attribute("data-changes", re.compile("^([5-9]|[0-9]{2,})$"), timeout=20_000)


def test_a_range_is_picked_dragged_out_and_left_again(open_page, quick):
    page = open_page("/nodes/quick", "vera")
    page.get_by_role("button", name="15 min", exact=True).click()
    expect(page).to_have_url(re.compile("range=15m"))
    expect(page.get_by_role("button", name="15 min", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(chart(page, "Memory").get_by_role("button").first).to_have_text(re.compile("used +[0-9]"))
    field = chart(page, "Memory").locator(".u-over")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 30, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"range=15m&from=[0-9]+&until=[0-9]+"))
    found = re.search(r"from=([0-9]+)&until=([0-9]+)", page.url)
    assert 250 < int(found[2]) - int(found[1]) < 450, "two fifths of a quarter of an hour"
    expect(page.get_by_label("from")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Back")).to_be_visible()
    chart(page, "CPU").locator(".u-over").dblclick()
    expect(page).to_have_url(re.compile("range=15m$"))


def test_one_cross_hair_goes_through_all_charts(open_page, quick):
    now = int(time.time())
    page = open_page(f"/nodes/quick?from={now - 600}&until={now}", "vera")
    cpu, load = chart(page, "CPU"), chart(page, "Load")
    for each in (cpu, load):
        expect(each.get_by_role("button").first).to_have_text(re.compile("[0-9]"))
        expect(each.locator(".moment")).to_have_text("")
    box = cpu.locator(".u-over").bounding_box()
    cpu.locator(".u-over").hover(position={"x": box["width"] - 3, "y": 40})
    expect(load.locator(".moment")).to_have_text(re.compile(r"^20[0-9]{2}-"))
    expect(cpu.locator(".moment")).to_have_text(load.locator(".moment").inner_text())


def test_a_line_is_hidden_by_its_name(open_page, quick):
    page = open_page("/nodes/quick?range=15m", "vera")
    line = chart(page, "Load").get_by_role("button", name=re.compile("^5 min"))
    line.click()
    expect(line).to_have_attribute("aria-pressed", "false")


def test_programs_with_a_log_live_and_end(open_page, rig, quick):
    code = ("import os, sys, time, dvic_log\n"
            "dvic_log.info('hello')\n"
            "sys.stdin.read()\n")
    program = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                               env={**rig.environ, "TMPDIR": str(quick.logs), "DVIC_LOG_DIR": str(quick.logs)})
    try:
        page = open_page("/nodes/quick", "vera")
        table = page.get_by_role("region", name="Programs with a log")
        row = table.get_by_role("row").filter(has_text=str(program.pid))
        expect(row).to_contain_text("alive")
        expect(row.get_by_role("link")).to_have_attribute("href", re.compile(r"^logs\?q=quick&source=dvic_log_"))
        page.get_by_text(re.compile("log files?, and whose they are")).click()
        file = page.get_by_role("group", name="Log files").get_by_role("row").filter(has_text=str(program.pid))
        expect(file).to_contain_text(getpass.getuser())
        expect(file).to_contain_text(f"pid {program.pid}")
    finally:
        program.stdin.close()
        program.wait(10)
    expect(page.get_by_text("ended")).to_be_visible()


def test_containers_are_shown_as_they_run_and_end_with_the_way_to_their_log(open_page, quick, engine):
    page = open_page("/nodes/quick", "vera")
    table = page.get_by_role("group", name="Containers")
    row = table.get_by_role("row").filter(has_text="web")
    expect(row).to_contain_text(re.compile("running.*tiny.*docker"))
    expect(row.get_by_role("link")).to_have_attribute("href", re.compile(r"^logs\?q=quick&unit=web"))
    expect(table.get_by_role("row").filter(has_text="job")).to_contain_text("ended (5)")
    expect(table.get_by_role("row").filter(has_text="again")).to_contain_text("restarting (7)")
    engine.end("web", 137)
    expect(row).to_contain_text("ended (137)")


def test_a_node_is_renamed_and_tagged(open_page, rig):
    rig.request("POST", "/api/v1/nodes", {"name": "esp-2", "generate": True})
    page = open_page("/nodes/esp-2", "otto")
    expect(page.get_by_text("Nothing was measured yet")).to_be_visible()
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("no blanks")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("alert")).to_contain_text("letters, digits")
    page.get_by_role("textbox", name="Name", exact=True).fill("esp-3")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("esp-3")
    expect(page).to_have_url(re.compile("/nodes/esp-3$"))
    page.get_by_role("button", name="Tags").click()
    page.get_by_label("Key").fill("room")
    page.get_by_label("Value").fill("roof")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_text(re.compile("room=roof"))
    page.get_by_role("button", name="Done").click()
    expect(page.locator(".node-tags")).to_have_text("room=roof")
    page.get_by_role("button", name="Tags").click()
    page.get_by_role("button", name="Take room away").click()
    expect(page.get_by_text("It has none yet")).to_be_visible()


def test_a_node_is_revoked_and_removed_when_asked_twice(open_page, rig):
    rig.request("POST", "/api/v1/nodes", {"name": "old-1", "generate": True})
    page = open_page("/nodes/old-1", "anna")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Cancel").click()
    assert rig.node("old-1")["state"] == "never"
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator(".node-head .badge")).to_contain_text("revoked")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_label("Why").fill("went to the museum")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page).to_have_url(re.compile("/fleet$"))
    assert rig.node("old-1") == {}
    entry = rig.request("GET", "/api/v1/audit?action=node.remove&target=old-1")[1]["items"][0]
    assert "went to the museum" in str(entry["detail"])
    page.goto("/nodes/old-1")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no node old-1")


def test_what_a_role_may_not_do_is_not_offered(open_page):
    viewer, operator = open_page("/nodes/ada", "vera"), open_page("/nodes/ada", "otto")
    expect(operator.get_by_role("button", name="Rename")).to_be_visible()
    expect(operator.get_by_role("button", name=re.compile("Revoke|Remove"))).to_have_count(0)
    expect(viewer.get_by_role("link", name="Log", exact=True)).to_be_visible()
    expect(viewer.get_by_role("button", name=re.compile("Rename|Tags|Revoke|Remove"))).to_have_count(0)
    expect(viewer.get_by_role("link", name="Run a command")).to_have_count(0)
