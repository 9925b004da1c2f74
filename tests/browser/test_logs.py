"""The log view: search and live tail in one, as people use it."""

import json
import re
import time

import pytest
from hostile import BREAKOUT, ESCAPED, MARKUP, TEXTS, assert_harmless
from playwright.sync_api import expect
from rig import until

pytestmark = pytest.mark.browser

SECOND = 1_000_000


def write(rig, node: str, name: str, *messages: str, level: str = "info", at: float | None = None, step: float = 0.001,
          **more: object) -> None:
    """Append dvic_log lines to a file of a node; `at` seconds since 1970, `step` seconds between them."""
    begun = at or time.time()
    with (rig.agents[node].logs / f"dvic_log_{name}").open("a") as file:
        for number, message in enumerate(messages):
            time_of_it = int((begun + number * step) * SECOND)
            file.write(json.dumps({"t": time_of_it, "l": level, "m": message, **more}) + "\n")


def rows(page, text: str = ""):
    found = page.get_by_role("listbox", name="Log lines").get_by_role("option")
    return found.filter(has_text=text) if text else found


def stored(rig, text: str, count: int) -> None:
    until(lambda: len(rig.logs(f"&grep={text}")) >= count, f"{count} lines with {text}")


def test_new_lines_appear_by_themselves_and_old_ones_are_found(open_page, rig):
    write(rig, "ada", "daq", "beam is on", "beam is off")
    write(rig, "bob", "cam", "shutter stuck", level="error")
    stored(rig, "shutter", 1)
    page = open_page("/logs", "vera")
    expect(rows(page, "beam is on")).to_have_count(1)
    expect(rows(page, "shutter stuck")).to_contain_text("bob")
    write(rig, "ada", "daq", "a line that comes live")
    expect(rows(page, "a line that comes live")).to_have_count(1)
    page.get_by_label("Level", exact=True).select_option("error")
    expect(rows(page, "beam")).to_have_count(0)
    expect(rows(page, "shutter stuck")).to_have_count(1)
    write(rig, "ada", "daq", "quiet", level="info")
    write(rig, "ada", "daq", "loud", level="critical")
    expect(rows(page, "loud")).to_have_count(1)
    expect(rows(page, "quiet")).to_have_count(0)


def test_the_address_holds_the_view_so_that_a_colleague_sees_the_same(open_page, rig):
    write(rig, "ada", "shared", "needle one", "hay", "NEEDLE two")
    write(rig, "bob", "shared", "needle three")
    stored(rig, "needle", 3)
    page = open_page("/logs", "otto")
    expect(page.get_by_label("Text", exact=True)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("needle")
    page.get_by_label("Nodes", exact=True).fill("ada")
    page.get_by_label("Source", exact=True).fill("dvic_log_sh*")
    page.get_by_label("Time", exact=True).select_option("1d")
    page.get_by_role("button", name="Wrap").click()
    expect(rows(page)).to_have_count(2)
    expect(page.locator("mark")).to_have_text(["needle", "NEEDLE"])
    other = open_page("/logs" + page.evaluate("location.search"), "vera", scheme="dark")
    expect(rows(other)).to_have_text(rows(page).all_text_contents())
    expect(other.get_by_label("Text", exact=True)).to_have_value("needle")
    expect(other.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "true")
    other.get_by_role("link", name="Reset").click()
    expect(other.get_by_label("Text", exact=True)).to_have_value("")


def test_a_wrong_selector_says_what_is_wrong_and_the_hub_is_not_said_to_be_gone(open_page):
    page = open_page("/logs?q=tag:", "vera")
    expect(page.get_by_role("alert").first).to_contain_text("selector")
    expect(page.get_by_text("out of reach")).to_have_count(0)


def test_the_lines_before_and_after_a_hit_are_shown_and_can_be_linked_to(open_page, rig):
    write(rig, "ada", "story", *(f"chapter {number}" for number in range(40)), f={"page <b>": "<i>7"})
    stored(rig, "chapter", 40)
    page = open_page("/logs?text=chapter+20&since=1d", "vera")
    rows(page, "chapter 20").click()
    dialog = page.get_by_role("dialog", name="Log line")
    expect(dialog.get_by_label("Message")).to_have_text("chapter 20")
    expect(dialog).to_contain_text("page <b>")
    around = dialog.get_by_role("region", name="Lines before and after")
    expect(around.get_by_role("button", name="chapter")).to_have_count(21)
    expect(around.get_by_role("button", name="chapter 10", exact=False)).to_be_visible()
    around.get_by_role("button", name="More after").click()
    expect(around.get_by_role("button", name="chapter 39")).to_have_count(1)
    around.get_by_role("button", name="chapter 25").click()
    expect(dialog.get_by_label("Message")).to_have_text("chapter 25")
    other = open_page("/logs" + page.evaluate("location.search"), "otto")
    expect(other.get_by_role("dialog").get_by_label("Message")).to_have_text("chapter 25")
    other.keyboard.press("Escape")
    expect(other.get_by_role("dialog")).to_have_count(0)
    assert "line=" not in other.url


def test_a_drag_over_the_chart_chooses_the_time(open_page, rig):
    now = time.time()
    write(rig, "ada", "past", "early bird", at=now - 50 * 60, level="warning")
    write(rig, "ada", "past", "late bird", at=now - 10 * 60)
    stored(rig, "bird", 2)
    page = open_page("/logs?text=bird", "vera")
    chart = page.get_by_role("img", name="2 lines")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 20, steps=5)
    page.mouse.up()
    expect(rows(page)).to_have_count(1)
    expect(rows(page, "late bird")).to_have_count(1)
    expect(page.get_by_role("img", name="1 lines")).to_be_visible()
    assert "since=" in page.url and "until=" in page.url
    page.go_back()
    expect(rows(page)).to_have_count(2)


def test_the_view_sticks_to_the_end_unless_one_scrolls_up(open_page, rig):
    write(rig, "ada", "tail", *(f"tail {number}" for number in range(300)))
    stored(rig, "tail", 300)
    page = open_page("/logs?text=tail", "vera")
    follow = page.get_by_role("button", name="Follow")
    expect(rows(page, "tail 299")).to_be_in_viewport()
    page.get_by_role("listbox", name="Log lines").hover()
    page.mouse.wheel(0, -1500)
    expect(follow).to_have_attribute("aria-pressed", "false")
    top = page.get_by_role("listbox", name="Log lines").evaluate("box => box.scrollTop")
    write(rig, "ada", "tail", "tail new 1", "tail new 2", "tail new 3")
    button = page.get_by_role("button", name="3 new")
    expect(button).to_be_visible()
    now = page.get_by_role("listbox", name="Log lines").evaluate("box => box.scrollTop")
    assert now == top, "nothing moves under the reader"
    button.click()
    expect(rows(page, "tail new 3")).to_be_in_viewport()
    expect(follow).to_have_attribute("aria-pressed", "true")


def test_a_pause_holds_the_view_and_nothing_is_missing_afterwards(open_page, rig):
    write(rig, "ada", "pause", "pause 0")
    stored(rig, "pause", 1)
    page = open_page("/logs?text=pause", "vera")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    write(rig, "ada", "pause", *(f"pause {number}" for number in range(1, 5)))
    expect(page.get_by_text("4 new ones wait")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Go on").click()
    expect(rows(page)).to_have_count(5)
    page.get_by_role("button", name="Pause").click()
    rig.hub.stop()
    write(rig, "ada", "pause", "pause while nobody serves")
    rig.start_hub()
    stored(rig, "pause", 6)
    expect(page.get_by_text("out of reach")).to_have_count(0, timeout=30_000)
    page.get_by_role("button", name="Go on").click()
    expect(rows(page)).to_have_count(6)


def test_lines_are_walked_through_by_the_keyboard(open_page, rig):
    write(rig, "ada", "keys", "keys first", "keys second", "keys third")
    stored(rig, "keys", 3)
    page = open_page("/logs?text=keys", "vera")
    expect(rows(page)).to_have_count(3)
    page.get_by_role("listbox", name="Log lines").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".log-row[aria-selected=true]")).to_contain_text("keys second")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Message")).to_have_text("keys second")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox", name="Log lines")).to_be_focused()
    page.keyboard.press("w")
    expect(page.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("kind", ["the clipboard that TLS gives", "none"])
def test_what_is_shown_is_copied_with_tls_and_without(open_page, rig, kind):
    write(rig, "ada", "copied", "copy me 1", "copy me 2")
    page = open_page("/logs?source=dvic_log_copied", "vera")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=rig.url)
    expect(rows(page, "copy me 2").first).to_be_visible()
    page.evaluate("navigator.clipboard.writeText('before')")
    if kind == "none":
        page.evaluate("Object.defineProperty(navigator.clipboard, 'writeText', {value: () => Promise.reject()})")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text(re.compile("Copied [24] lines"))).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[-1].endswith("ada dvic_log_copied info: copy me 2")


def test_what_is_found_is_downloaded_as_text_and_as_json_lines(open_page, rig):
    write(rig, "ada", "file", *(f"file {number}" for number in range(1500)))
    stored(rig, "file", 1500)
    page = open_page("/logs?text=file&source=dvic_log_file", "vera")
    expect(rows(page, "file 1499")).to_be_visible()
    with page.expect_download() as loading:
        page.get_by_role("button", name="Download").click()
    text = loading.value.path().read_text().splitlines()
    assert [line.rsplit(" ", 1)[1] for line in text] == [str(number) for number in range(1500)]
    assert " ada dvic_log_file info: file 0" in text[0]
    with page.expect_download() as loading:
        page.get_by_role("button", name="JSONL").click()
    items = [json.loads(line) for line in loading.value.path().read_text().splitlines()]
    assert [item["message"] for item in items] == [f"file {number}" for number in range(1500)]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_what_is_hostile_is_shown_as_text(open_page, rig, width, scheme):
    source = f"hostile{width}<img src=x onerror=alert(1)>"
    write(rig, "ada", source.replace("/", ""), *(f"{width} {text}" for text in TEXTS), level="error",
          f={"\u202e<b>key": "<script>1</script>"})
    until(lambda: len(rig.logs(f"&grep={width}&level=error")) >= len(TEXTS), "hostile lines are stored")
    page = open_page(f"/logs?level=error&text={width}", "vera", width=width, scheme=scheme)
    for wrap in (False, True):
        expect(rows(page, MARKUP)).to_have_count(1)
        expect(rows(page, BREAKOUT)).to_have_count(1)
        for text in ESCAPED:
            expect(rows(page, text)).to_have_count(1)
        if not wrap:
            page.get_by_role("button", name="Wrap").click()
            page.get_by_role("listbox", name="Log lines").focus()
            page.keyboard.press("Home")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    rows(page, MARKUP).click()
    expect(page.get_by_role("dialog").get_by_label("Message")).to_contain_text(MARKUP)
    expect(page.get_by_role("dialog")).to_contain_text("\\u202e<b>key")
    assert_harmless(page)


def test_ten_megabytes_on_one_line_harm_nobody(open_page, rig):
    page = open_page("/logs?source=dvic_log_giant", "vera")
    write(rig, "ada", "giant", "before the giant", "g" * 10_000_000, "after the giant")
    for _ in range(2):
        expect(rows(page, "before the giant")).to_have_count(1)
        expect(rows(page, "after the giant")).to_have_count(1)
        giant = rows(page, "bytes cut at the node")
        expect(giant).to_contain_text("characters more")
        assert len(giant.text_content()) < 1000
        page.reload()
    giant.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("characters are shown; the download has all")
    with page.expect_download() as loading:
        dialog.get_by_role("button", name="Download the message").click()
    assert loading.value.path().stat().st_size > 1_000_000


def test_a_hundred_thousand_lines_are_scrolled_through(open_page, rig):
    page = open_page("/logs?source=dvic_log_flood&since=1d", "vera")
    expect(page.get_by_text("No lines")).to_be_visible()
    count = 110_000
    write(rig, "ada", "flood", *(f"flood {number}" for number in range(count)), at=time.time() - 600)
    expect(rows(page, f"flood {count - 1}")).to_be_visible(timeout=90_000)
    stored_all = "/api/v1/logs/levels?source=dvic_log_flood&since=1d"
    until(lambda: rig.request("GET", stored_all)[1]["total"] == count, "all are stored", 90)
    expect(page.get_by_role("img", name=f"{count} lines")).to_be_visible(timeout=60_000)
    page.get_by_role("listbox", name="Log lines").focus()
    for _ in range(200):  # pages of older lines come as one goes up, until no more fit
        page.keyboard.press("Home")
        page.wait_for_timeout(30)
        if page.get_by_text("no more fit").count() or page.get_by_text("were let go").count():
            break
        expect(page.get_by_text("loading older")).to_have_count(0)
    held = page.evaluate("document.querySelector('.log-count').textContent.replace(/[^0-9]/g, '')")
    assert 100_000 <= int(held) <= 112_000
    assert rows(page).count() < 200, "only what is seen is drawn"
    page.keyboard.press("End")
    expect(rows(page, f"flood {count - 1}")).to_be_in_viewport()
    shown = rows(page).all_text_contents()
    assert len(set(shown)) == len(shown)
    write(rig, "ada", "flood", "one more after the flood")
    expect(rows(page, "one more after the flood")).to_be_in_viewport()


def test_a_hub_that_was_away_leaves_no_gap_and_no_double(open_page, rig):
    write(rig, "ada", "away", *(f"away {number}" for number in range(10)))
    stored(rig, "away", 10)
    page = open_page("/logs?text=away", "vera")
    expect(rows(page)).to_have_count(10)
    rig.hub.stop()
    expect(page.get_by_text("out of reach")).to_be_visible()
    expect(rows(page)).to_have_count(10)
    write(rig, "ada", "away", *(f"away {number}" for number in range(10, 20)))
    write(rig, "bob", "away", "away on bob, with a clock that is behind", at=time.time() - 900)
    rig.start_hub()
    write(rig, "ada", "away", *(f"away {number}" for number in range(20, 25)))
    expect(rows(page, "away 24")).to_have_count(1, timeout=60_000)
    expect(page.get_by_text("out of reach")).to_have_count(0)
    expect(rows(page, "clock that is behind")).to_have_count(1)
    expect(rows(page)).to_have_count(26)


def test_a_slow_start_of_the_hub_is_waited_for_and_told(open_page, rig):
    page = open_page("/logs", "vera")
    expect(page.get_by_role("listbox", name="Log lines")).to_be_visible()
    rig.hub.stop()
    page.get_by_label("Text", exact=True).fill("zzz")
    expect(page.get_by_role("alert").first).to_be_visible()
    rig.start_hub()
    expect(page.get_by_text("No lines")).to_be_visible(timeout=30_000)
