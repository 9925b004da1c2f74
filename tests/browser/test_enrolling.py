"""Enrolling a machine from the page: the line, who joins by it as it happens, and the tokens' end."""

import re

import pytest
from browsing import PASSWORD
from playwright.sync_api import expect
from probe_debs import make_deb
from rig import RigAgent

pytestmark = pytest.mark.browser

TOKEN = re.compile(r"dvic1\.[A-Za-z0-9_.-]+")


def make_a_line(page, **fields: str) -> str:
    """Fill in the form; returns the token that the page shows."""
    for label, text in fields.items():
        page.get_by_label(label.replace("_", " ")).fill(text)
    page.get_by_role("button", name="Make the line").click()
    shown = page.get_by_role("region", name="The new token")
    expect(shown.get_by_text("Waiting for")).to_be_visible()
    return TOKEN.search(shown.inner_text())[0]


def test_the_page_gives_the_line_waits_and_says_when_the_machine_is_online(open_page, rig, tmp_path):
    page = open_page("/enrol", "otto")
    page.evaluate("window.sameDocument = true")
    token = make_a_line(page, Tags_that_they_get="room=lab beamline", Note="a new desk")
    carol = RigAgent(rig, "carol", tmp_path / "carol")
    carol.enrol(token)
    shown = page.get_by_role("region", name="The new token")
    expect(shown.get_by_text("is not online yet")).to_be_visible()
    carol.start()
    expect(shown.get_by_text("is online.")).to_be_visible()
    expect(shown.get_by_role("link", name="carol")).to_have_attribute("href", "nodes/carol")
    assert page.evaluate("window.sameDocument")
    assert rig.node("carol")["tags"] == {"room": "lab", "beamline": ""}
    carol.agent.stop()


def test_a_hub_without_the_package_says_so_and_takes_it_from_an_admin(open_page, rig, tmp_path):
    otto, anna = open_page("/enrol", "otto"), open_page("/enrol", "anna")
    for page in (otto, anna):
        expect(page.get_by_text("This hub serves no agent package yet")).to_be_visible()
    expect(otto.get_by_text("An admin can add it")).to_be_visible()
    anna.get_by_label("Package file").set_input_files(make_deb(tmp_path, "dvic-agent", "9.9"))
    expect(anna.get_by_text("dvic-agent 9.9 is served now")).to_be_visible()
    expect(anna.get_by_text("This hub serves no agent package yet")).to_have_count(0)
    line = f"curl -fsSL {rig.url}/install/{make_a_line(anna)} | sudo sh"
    expect(anna.get_by_role("region", name="The new token").locator("code").first).to_have_text(line)
    assert rig.request("DELETE", "/api/v1/releases/dvic-agent_9.9_all.deb")[0] == 204


def test_what_is_no_package_is_refused_with_the_reason(open_page, tmp_path):
    page = open_page("/updates", "anna")
    (tmp_path / "x.deb").write_text("not a package")
    page.get_by_label("Package file").set_input_files(tmp_path / "x.deb")
    expect(page.get_by_role("alert")).to_contain_text("package")


def test_the_line_is_copied_by_a_click(open_page, rig):
    page = open_page("/enrol", "otto")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=rig.url)
    token = make_a_line(page)
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert token in page.evaluate("navigator.clipboard.readText()")


def test_a_revoked_token_lets_nobody_in_any_more(open_page, rig):
    page = open_page("/enrol", "otto")
    page.get_by_label("Note").fill("to be revoked")
    page.get_by_role("button", name="Make the line").click()
    page.get_by_role("button", name="Revoke to be revoked").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The token is revoked")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="to be revoked")
    expect(row).to_have_count(0)
    page.get_by_label("that let nobody in any more").check()
    expect(row).to_contain_text("revoked")
    page.reload()
    expect(row).to_contain_text("revoked")  # the choice is in the address
    listed = {item["note"]: item for item in rig.request("GET", "/api/v1/tokens")[1]["items"]}
    assert listed["to be revoked"]["revoked"]


def test_tags_that_no_selector_could_name_are_refused_beside_the_button(open_page):
    page = open_page("/enrol", "otto")
    page.get_by_label("Tags that they get").fill("room=<b>")
    page.get_by_role("button", name="Make the line").click()
    expect(page.get_by_role("alert")).to_contain_text("can't be a tag's value")
    expect(page.get_by_role("button", name="Make the line")).to_be_focused()
    expect(page.get_by_label("Tags that they get")).to_have_value("room=<b>")


def test_a_viewer_who_goes_there_by_hand_gets_the_hub_s_refusal(open_page):
    page = open_page("/enrol", "vera")
    page.get_by_role("button", name="Make the line").click()
    expect(page.get_by_role("alert").first).to_contain_text("role")
    assert PASSWORD not in page.content()
