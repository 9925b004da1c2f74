"""People, tokens for programs and one's own account, as those who run a hub use them."""

import re

import pytest
from browsing import PASSWORD, sign_in
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def row_of(page, name: str):
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True))


def secret_in(page) -> str:
    """The secret that a dialog shows once; closes it."""
    box = page.get_by_role("dialog")
    expect(box.get_by_text("shown this once")).to_be_visible()
    secret = box.locator(".copy-line code").inner_text()
    box.get_by_role("button", name="Done").click()
    expect(box).to_have_count(0)
    assert secret not in page.content()
    return secret


def test_somebody_is_added_signs_in_is_given_a_role_shut_out_and_removed(open_page):
    admin = open_page("/people", "anna")
    admin.get_by_role("button", name="Add somebody").click()
    admin.get_by_label("Name").fill("eve")
    admin.get_by_role("dialog").get_by_role("button", name="Add").click()
    once = secret_in(admin)
    expect(row_of(admin, "eve")).to_contain_text("with a one-time password")

    page = open_page("/", "")
    sign_in(page, "eve", once)
    page.get_by_label("New password").fill("a phrase of her own")
    page.get_by_label("Once more").fill("a phrase of her own")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="eve")).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link", name="Enrol")).to_have_count(0)

    admin.get_by_role("button", name="Role of eve").click()
    admin.get_by_role("dialog").get_by_label("Role").select_option("operator")
    admin.get_by_role("dialog").get_by_role("button", name="Set").click()
    expect(row_of(admin, "eve")).to_contain_text("operator")

    admin.get_by_role("button", name="Disable eve").click()
    admin.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(row_of(admin, "eve")).to_contain_text("disabled")
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_in(page, "eve", "a phrase of her own")
    expect(page.get_by_role("alert")).to_contain_text("wrong")

    admin.get_by_role("button", name="Enable eve").click()
    expect(row_of(admin, "eve")).not_to_contain_text("disabled")
    admin.get_by_role("button", name="Reset password of eve").click()
    admin.get_by_role("dialog").get_by_role("button", name="Reset").click()
    assert secret_in(admin) not in (once, "")

    admin.get_by_role("button", name="Remove eve").click()
    admin.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row_of(admin, "eve")).to_have_count(0)


def test_what_the_hub_refuses_is_said_in_the_dialog_which_gives_the_focus_back(open_page):
    page = open_page("/people", "anna")
    page.get_by_role("button", name="Add somebody").click()
    page.get_by_label("Name").fill("not/a name")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("name")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Add somebody")).to_be_focused()


def test_a_token_for_a_program_works_until_it_is_revoked_and_is_its_owner_s_and_admins_to_see(open_page, rig):
    page = open_page("/tokens", "otto")
    page.get_by_label("What for").fill("grafana")
    expect(page.get_by_label("Role").locator("option")).to_have_text(["viewer", "operator"])
    page.get_by_role("button", name="Make a token").click()
    secret = secret_in(page)
    answer = page.request.get(f"{rig.url}/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["role"] == "viewer"
    assert row_of(open_page("/tokens", "vera"), "grafana").count() == 0
    expect(row_of(open_page("/tokens", "anna"), "grafana")).to_contain_text("otto")
    page.get_by_role("button", name="Revoke grafana").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row_of(page, "grafana")).to_have_count(0)
    answer = page.request.get(f"{rig.url}/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status == 401


def test_ones_own_password_is_changed_and_other_sign_ins_end(open_page, rig):
    rig.request("POST", "/api/v1/users", {"name": "petra", "role": "viewer", "password": PASSWORD})
    page, other = open_page("/account", ""), open_page("/account", "")
    for each in (page, other):
        sign_in(each, "petra")
        expect(each.get_by_role("heading", level=1)).to_have_text("petra")
    page.reload()
    expect(page.get_by_role("row").filter(has_text="Chrome on Linux")).to_have_count(2)
    new = "another phrase entirely"

    def change(present: str) -> None:
        page.get_by_label("Present password").fill(present)
        page.get_by_label("New password").fill(new)
        page.get_by_label("Once more").fill(new)
        page.get_by_role("button", name="Change", exact=True).click()

    change("not the present one")
    expect(page.get_by_role("alert")).to_contain_text("not your present password")
    change(PASSWORD)
    expect(page.get_by_role("status").filter(has_text="changed")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Chrome on Linux")).to_have_count(1)
    other.reload()
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    sign_in(other, "petra", new)
    expect(other.get_by_role("heading", level=1)).to_have_text("petra")


def test_signing_out_everywhere_ends_every_window(open_page, rig):
    rig.request("POST", "/api/v1/users", {"name": "quinn", "role": "operator", "password": PASSWORD})
    page, other = open_page("/account", ""), open_page("/", "")
    for each in (page, other):
        sign_in(each, "quinn")
        expect(each.get_by_role("link", name="quinn")).to_be_visible()
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    other.reload()
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()


def test_the_audit_log_says_who_did_what_and_is_filtered_in_the_address(open_page, rig):
    rig.request("PATCH", "/api/v1/nodes/ada", {"tags": {"floor": "2"}})
    page = open_page("/audit", "anna")
    entry = page.get_by_role("row").filter(has_text="node.tag").first
    expect(entry).to_contain_text("ada")
    entry.locator("summary").click()
    expect(entry).to_contain_text('{"floor":"2"}')
    expect(entry).to_contain_text("127.0.0.1")
    entry.get_by_role("link", name="node.tag").click()
    expect(page).to_have_url(re.compile(r"\?action=node\.tag$"))
    expect(page.get_by_role("row").filter(has_text="user.add")).to_have_count(0)
    expect(page.get_by_label("What", exact=True)).to_have_value("node.tag")
    page.get_by_label("Who").fill("nobody at all")
    page.get_by_label("Who").press("Enter")
    expect(page.get_by_text("Nothing was done that fits")).to_be_visible()
    page.get_by_role("button", name="Everything").click()
    expect(page.get_by_role("row").filter(has_text="user.add").first).to_be_visible()


def test_older_entries_come_by_a_button_until_that_is_all(open_page, rig):
    for number in range(120):
        rig.request("PATCH", "/api/v1/nodes/bob", {"tags": {"n": str(number)}})
    page = open_page("/audit?target=bob&action=node.tag", "anna")
    rows = page.get_by_role("row").filter(has_text="node.tag")
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Older").click()
    expect(rows).to_have_count(120)
    expect(page.get_by_text("That is all.")).to_be_visible()


def test_the_hub_s_own_page_tells_its_state_and_only_admins_see_the_settings(open_page, rig):
    page = open_page("/hub", "anna")
    fingerprint = rig.request("GET", "/api/v1/hub")[1]["fingerprint"]
    expect(page.get_by_role("region", name="Identity")).to_contain_text(fingerprint)
    expect(page.get_by_role("region", name="Connections")).to_contain_text("2 ● online")
    expect(page.get_by_role("region", name="Store")).to_contain_text("records stored")
    expect(row_of(page, "retention_days")).to_contain_text("30 days")
    viewer = open_page("/hub", "vera")
    expect(viewer.get_by_role("region", name="Store")).to_be_visible()
    expect(viewer.get_by_role("table", name="Settings")).to_have_count(0)
    expect(viewer.get_by_role("button", name="Add a package")).to_have_count(0)
