"""The fleet: found, sorted, chosen, and done something with."""

import re

import pytest
from axe import stumbles
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def names(page):
    return page.locator("tbody tr:not([aria-hidden]) td:nth-child(2)")


def test_every_node_stands_there_with_its_figures(open_page):
    page = open_page("/fleet", "vera")
    expect(names(page)).to_have_text(["ada", "bob"])
    row = page.get_by_role("row", name="ada")
    expect(row).to_contain_text("online")
    expect(row.locator(".drawn .value").nth(1)).to_have_text(re.compile(r"[0-9.]+ %"))
    expect(row.locator(".spark path").nth(1)).to_have_attribute("d", re.compile("^M"))
    row.get_by_role("link", name="ada").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ada")
    page.go_back()
    expect(names(page)).to_have_count(2)


def test_a_search_is_completed_by_keys_and_lives_in_the_address(open_page, rig):
    rig.request("PATCH", "/api/v1/nodes/bob", {"tags": {"room": "cellar"}})
    page = open_page("/fleet", "vera")
    expect(page.get_by_role("row", name="bob")).to_contain_text("room=cellar")
    page.keyboard.press("/")
    field = page.get_by_label("Search nodes")
    expect(field).to_be_focused()
    page.keyboard.type("tag:r")
    expect(page.get_by_role("option").first).to_contain_text("tag:room=")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(field).to_have_value("tag:room=")
    page.get_by_role("option", name="tag:room=cellar").click()
    expect(names(page)).to_have_text(["bob"])
    expect(page.get_by_text("1 of 2 nodes")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=tag%3Aroom%3Dcellar"))
    page.reload()
    expect(names(page)).to_have_text(["bob"])


def test_a_word_finds_names_and_a_fault_is_told_where_one_types(open_page):
    page = open_page("/fleet", "vera")
    field = page.get_by_label("Search nodes")
    field.fill("d")
    expect(names(page)).to_have_text(["ada"])
    expect(page.get_by_text("as *d*")).to_be_visible()
    field.fill("state:tired")
    field.blur()
    expect(page.get_by_text('there is no state "tired"')).to_be_visible()
    expect(names(page)).to_have_text(["ada"]), "what was found before stays"
    field.fill("nobody-here")
    page.get_by_role("button", name="Show all").click()
    expect(names(page)).to_have_count(2)


def test_sorting_and_columns_are_kept(open_page):
    page = open_page("/fleet", "vera")
    page.get_by_role("button", name="Name").click()
    expect(names(page)).to_have_text(["bob", "ada"])
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    page.get_by_text("Columns").click()
    page.get_by_label("Kernel").check()
    page.get_by_label("Tags").uncheck()
    expect(page.get_by_role("columnheader", name="Kernel")).to_be_visible()
    expect(page).to_have_url(re.compile("sort=name-"))
    page.reload()
    expect(names(page)).to_have_text(["bob", "ada"])
    expect(page.get_by_role("columnheader", name="Kernel")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Tags")).to_have_count(0)


def test_no_row_moves_while_the_keyboard_is_at_one(open_page, rig):
    page = open_page("/fleet?sort=seen-", "otto")
    expect(names(page)).to_have_count(2)
    page.get_by_role("heading", name="Fleet").hover()
    page.get_by_label(re.compile("Choose all")).focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if (chosen := page.evaluate("document.activeElement.closest('tbody') && document.activeElement.ariaLabel")):
            break
    first = chosen.removeprefix("Choose ")
    other = {"ada": "bob", "bob": "ada"}[first]
    agent = rig.agents[first]
    agent.agent.stop()
    try:
        heard = page.get_by_role("row").filter(has_text=first).locator("td").last
        expect(heard).to_have_text(re.compile("^(1[2-9]|[2-9][0-9]) s ago"))  # the other was heard of since
        expect(names(page)).to_have_text([first, other])
        expect(page.get_by_label(chosen)).to_be_focused()
        page.get_by_label("Search nodes").focus()
        expect(names(page)).to_have_text([other, first])
    finally:
        agent.start().online()


def test_the_choice_of_columns_closes_by_escape_and_by_a_click_beside_it(open_page):
    page = open_page("/fleet", "vera")
    menu, kernel = page.locator("summary").filter(has_text="Columns"), page.get_by_label("Kernel")
    menu.click()
    kernel.check()
    expect(kernel).to_be_visible()
    page.get_by_role("heading", name="Fleet").click()
    expect(kernel).to_be_hidden()
    menu.click()
    expect(kernel).to_be_visible()
    page.keyboard.press("Escape")
    expect(kernel).to_be_hidden()
    expect(menu).to_be_focused()


def test_chosen_nodes_are_tagged_together(open_page, rig):
    page = open_page("/fleet", "otto")
    page.get_by_label("Choose all 2 nodes").check()
    expect(page.get_by_text("2 nodes chosen")).to_be_visible()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Key").fill("night")
    page.get_by_label("Value").fill("shift")
    page.get_by_role("dialog").get_by_role("button", name="Tag", exact=True).click()
    for name in ("ada", "bob"):
        expect(page.get_by_role("row", name=name)).to_contain_text("night=shift")
    assert rig.node("bob")["tags"]["night"] == "shift"
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Take a tag away").check()
    page.get_by_label("Key").fill("night")
    page.get_by_role("button", name="Take away").click()
    expect(page.get_by_role("row", name="ada")).not_to_contain_text("night=shift")


def test_what_the_hub_refuses_is_told_by_node(open_page):
    page = open_page("/fleet", "otto")
    page.get_by_label("Choose ada").check()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Key").fill("no blanks please")
    page.get_by_role("dialog").get_by_role("button", name="Tag", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("ada: ")


def test_a_run_begins_with_the_chosen_nodes(open_page):
    page = open_page("/fleet", "otto")
    page.get_by_label("Choose bob").check()
    page.get_by_role("button", name="Run a command").click()
    expect(page).to_have_url(re.compile(r"/runs\?new=1&q=bob"))


def test_a_viewer_is_offered_to_look_alone(open_page):
    page = open_page("/fleet", "vera")
    page.get_by_label("Choose ada").check()
    expect(page.get_by_role("toolbar").get_by_role("button", name="Logs")).to_be_visible()
    expect(page.get_by_role("toolbar").get_by_role("button", name=re.compile("Run|Tag|Update"))).to_have_count(0)


def test_a_phone_gets_tiles(open_page):
    page = open_page("/fleet", "vera", width=375, height=700, scheme="dark")
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.locator(".tile").first).to_contain_text("online")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing hangs over the edge"
    page.get_by_role("button", name="Table").click()
    expect(names(page)).to_have_text(["ada", "bob"])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_node_that_joins_appears_by_itself(open_page, rig):
    page = open_page("/fleet", "vera")
    expect(names(page)).to_have_count(2)
    rig.request("POST", "/api/v1/nodes", {"name": "esp-1", "generate": True})
    expect(names(page)).to_have_text(["ada", "bob", "esp-1"])
    rig.request("DELETE", "/api/v1/nodes/esp-1")
    expect(names(page)).to_have_text(["ada", "bob"])


def test_a_file_is_copied_to_the_chosen_nodes_and_their_run_tells_how_it_went(open_page, tmp_path):
    (tmp_path / "letter").write_text("dear both")
    (tmp_path / "there").mkdir()
    page = open_page("/fleet?view=table&q=ada or bob", "otto")
    page.get_by_label("Choose all 2 nodes").click()
    page.get_by_role("toolbar").get_by_role("button", name="Copy a file").click()
    dialog = page.get_by_role("dialog", name="Copy a file to 2 nodes")
    dialog.get_by_label("File", exact=True).set_input_files(tmp_path / "letter")
    dialog.get_by_label("Folder or new name there").fill(str(tmp_path / "there"))
    dialog.get_by_label("At a time").fill("many")
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("alert")).to_contain_text("batch")
    dialog.get_by_label("At a time").fill("1")
    page.set_viewport_size({"width": 375, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert stumbles(page) == []
    dialog.get_by_role("button", name="Copy").click()
    expect(page).to_have_url(re.compile("/runs/[0-9a-z]+"))
    expect(page.get_by_text("2 finished").first).to_be_visible()
    assert (tmp_path / "there" / "letter").read_text() == "dear both"
