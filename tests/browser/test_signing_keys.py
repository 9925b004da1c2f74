"""The keys whose packages count: an admin sees, adds, replaces and removes them, and is told first what that means."""

import re

import pytest
from axe import stumbles
from hostile import BACKWARDS, MARKUP
from playwright.sync_api import expect
from probe_debs import make_deb

from dvic_wire.signing import PrivateKey, b64encode

pytestmark = pytest.mark.browser

PHONE = {"width": 375, "height": 740}
DESK = {"width": 1280, "height": 800}
SAFE = PrivateKey.generate()
"""The key of somebody who signs elsewhere."""


@pytest.fixture(scope="module")
def package(rig, tmp_path_factory) -> str:
    """Served and signed by the hub; returns its path."""
    deb = str(make_deb(tmp_path_factory.mktemp("deb"), "dvic-agent", "9.1"))
    rig.hubctl("release", "add", deb)
    return deb


def keys(rig) -> dict[str, dict]:
    return {key["id"]: key for key in rig.request("GET", "/api/v1/release-keys")[1]["items"]}


def own(rig) -> str:
    return next(id for id, key in keys(rig).items() if key["own"])


def row(page, id: str):
    return page.get_by_role("table", name="Signing keys").get_by_role("row").filter(has_text=id[:12])


def add(page, x: str, note: str = "") -> None:
    page.get_by_role("button", name="Add a key").click()
    dialog = page.get_by_role("dialog", name="Let the signatures of another key count")
    expect(dialog).to_contain_text("machines install as root")
    dialog.get_by_label("Public key").fill(x)
    dialog.get_by_label("Note").fill(note)
    dialog.get_by_role("button", name="Let it count").click()


def test_another_key_is_added_replaces_the_hub_s_own_and_each_removal_says_what_it_means(open_page, rig, package):
    page = open_page("/updates", "anna")
    first = own(rig)
    expect(row(page, first)).to_contain_text("the hub signs with it")
    expect(page.get_by_role("button", name="Remove the key")).to_have_count(0)  # the last one stays
    add(page, b64encode(SAFE.public.raw), MARKUP + BACKWARDS)
    expect(row(page, SAFE.fingerprint)).to_contain_text(MARKUP)
    assert page.evaluate("window.harmed ?? null") is None
    assert "\u202e" not in page.locator("#view").inner_text()
    assert SAFE.fingerprint in keys(rig)

    page.get_by_role("button", name="Replace the hub's own").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The one before still counts")
    assert own(rig) == first, "nothing has happened yet"
    dialog.get_by_role("button", name="Make a new key").click()
    expect(page.get_by_role("status").filter(has_text="The hub signs with")).to_be_visible()
    second = own(rig)
    assert second != first
    expect(row(page, second)).to_contain_text("the hub signs with it")
    expect(row(page, first)).not_to_contain_text("the hub signs with it")

    page.get_by_role("button", name=f"Remove the key {first[:12]}").click()
    expect(page.get_by_role("dialog")).not_to_contain_text("The hub itself signs with it")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row(page, first)).to_have_count(0)
    page.get_by_role("button", name=f"Remove the key {second[:12]}").click()
    expect(page.get_by_role("dialog")).to_contain_text("The hub itself signs with it")
    expect(page.get_by_role("dialog")).to_contain_text("1 package that the hub serves")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert set(keys(rig)) == {second, SAFE.fingerprint}

    assert rig.request("DELETE", f"/api/v1/release-keys/{SAFE.fingerprint}")[0] == 204
    page.get_by_role("button", name=f"Remove the key {second[:12]}").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("the only signing key")
    assert set(keys(rig)) == {second}


def test_what_is_no_key_or_counts_already_is_refused_in_the_dialog(open_page, rig, package):
    page = open_page("/updates", "anna")
    add(page, "<script>")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("no Ed25519 public key")
    page.get_by_role("dialog").get_by_label("Public key").fill(keys(rig)[own(rig)]["x"])
    page.get_by_role("dialog").get_by_role("button", name="Let it count").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("counts already")


def test_a_package_that_was_signed_elsewhere_comes_in_with_its_manifest(open_page, rig, package, tmp_path):
    safe = tmp_path / "safe.pem"
    x = rig.hubctl("release", "keygen", str(safe)).strip()
    deb = make_deb(tmp_path, "dvic-agent", "9.2")
    rig.hubctl("release", "sign", str(deb), "--key", str(safe))
    manifest = deb.with_name(f"{deb.name}.manifest").read_text().strip()
    page = open_page("/updates", "anna")

    def bring(text: str) -> None:
        manifests = page.get_by_label("Manifest, as")
        if not manifests.is_visible():
            page.get_by_text("Signed elsewhere, or for newer hubs").click()
        manifests.fill(text)
        page.get_by_label("Package file").set_input_files(deb)

    bring(manifest)
    expect(page.get_by_role("alert").first).to_be_visible()  # its key does not count yet
    add(page, x, "in the safe")
    expect(page.get_by_text("has signed counts from now on")).to_be_visible()
    bring(manifest)
    expect(page.get_by_text("dvic-agent 9.2 is served now")).to_be_visible()
    served = {each["version"]: each for each in rig.request("GET", "/api/v1/releases")[1]["items"]}
    assert served["9.2"]["signed_by"] != served["9.1"]["signed_by"]
    expect(page.get_by_label("Manifest, as")).to_have_value("")


@pytest.mark.parametrize("who", ["vera", "otto"])
def test_only_an_admin_is_shown_them(open_page, rig, package, who):
    page = open_page("/updates", who)
    expect(page.get_by_role("table", name="Packages")).to_be_visible()
    expect(page.get_by_role("table", name="Signing keys")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Add a key|Replace"))).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_they_and_their_dialogs_suit_a_phone_and_everybody(open_page, rig, package, scheme):
    rig.request("POST", "/api/v1/release-keys", {"x": b64encode(PrivateKey.generate().public.raw), "note": "w" * 200})
    page = open_page("/updates", "anna", scheme=scheme)
    expect(row(page, own(rig))).to_be_visible()
    page.get_by_text("Signed elsewhere, or for newer hubs").click()
    assert_sound(page)
    for button in ("Add a key", "Replace the hub's own", f"Remove the key {own(rig)[:12]}"):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert_sound(page)
        page.keyboard.press("Escape")


def assert_sound(page) -> None:
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert stumbles(page) == []
