"""Devices that can't enrol themselves: added by an admin, their key told once; the page says when they are heard."""

import time

import pytest
from axe import stumbles
from playwright.sync_api import expect

from dvic_wire.signing import PrivateKey, Purpose, SharedKey, b64encode, sign

pytestmark = pytest.mark.browser

PHONE = {"width": 375, "height": 740}
DESK = {"width": 1280, "height": 800}


def begin(page, name: str, tags: str = "") -> None:
    """Open the form, and fill in what every device has."""
    page.get_by_role("button", name="Add a device").click()
    page.get_by_label("Name of the device").fill(name)
    page.get_by_label("Tags of the device").fill(tags)


def add(page):
    """Send the form; returns what the page shows of the new device."""
    page.get_by_role("button", name="Add the device").click()
    shown = page.get_by_role("region", name="The new device")
    expect(shown.get_by_text("Waiting to hear of")).to_be_visible()
    return shown


def beat(rig, key: PrivateKey | SharedKey, id: str) -> None:
    """The device posts its first keepalive."""
    hub = rig.request("GET", "/api/v1/hub")[1]["fingerprint"]
    claims = {"iss": id, "aud": hub, "serial": 1, "period": 600}
    jws = sign(key, Purpose.KEEPALIVE_POST, claims, now=time.time(), ttl=300)
    status, answer = rig.request("POST", "/api/v1/keepalive", {"keepalive": jws}, signed_in=False)
    assert status == 200, answer


def test_the_key_for_a_device_is_copied_or_downloaded_and_the_page_says_when_it_is_heard(open_page, rig, tmp_path):
    page = open_page("/enrol", "anna")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=rig.url)
    page.evaluate("window.sameDocument = true")
    begin(page, "scale-1", "room=lab")
    shown = add(page)
    with page.expect_download() as begun:
        shown.get_by_role("button", name="Download scale-1.pem").click()
    file = tmp_path / "scale-1.pem"
    begun.value.save_as(file)
    file.chmod(0o600)
    key = PrivateKey.load(file)
    shown.get_by_role("button", name="Copy the key").click()
    expect(shown.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == file.read_text()
    node = rig.node("scale-1")
    assert node["id"] == key.public.node_id
    assert node["tags"] == {"room": "lab"}
    expect(shown).to_contain_text(node["id"])
    expect(shown).to_contain_text(f"{rig.url}/api/v1/keepalive")
    beat(rig, key, node["id"])
    expect(shown.get_by_text("was heard")).to_be_visible()
    expect(shown.get_by_role("link", name="scale-1")).to_have_attribute("href", "nodes/scale-1")
    assert page.evaluate("window.sameDocument")
    shown.get_by_role("button", name="Done").click()
    page.get_by_role("dialog", name="Is the key kept?").get_by_role("button", name="It is kept").click()
    expect(shown).to_have_count(0)
    assert "PRIVATE KEY" not in page.content()


def test_a_small_device_gets_a_key_that_the_hub_knows_too(open_page, rig):
    page = open_page("/enrol", "anna")
    begin(page, "esp-1")
    page.get_by_label("Its key").select_option("hmac")
    shown = add(page)
    key = SharedKey.from_text(shown.get_by_label("The key").inner_text())
    beat(rig, key, key.node_id)
    expect(shown.get_by_text("was heard")).to_be_visible()


def test_a_device_with_a_key_of_its_own_is_added_by_its_public_part_and_nothing_else(open_page, rig):
    key = PrivateKey.generate()
    sent = []
    page = open_page("/enrol", "anna")
    page.on("request", lambda request: sent.append(request.post_data or ""))
    begin(page, "own-1")
    page.get_by_label("Its key").select_option("own")
    page.get_by_label("Its public key").fill(key.pem())
    page.get_by_role("button", name="Add the device").click()
    expect(page.get_by_role("alert")).to_contain_text("private key")
    assert not any("PRIVATE KEY" in text for text in sent), "it stayed on the desk"
    page.get_by_label("Its public key").fill("AAAA")
    page.get_by_role("button", name="Add the device").click()
    expect(page.get_by_role("alert")).to_contain_text("no public key")
    page.get_by_label("Its public key").fill(b64encode(key.public.raw))
    shown = add(page)
    expect(shown.get_by_label("The key")).to_have_count(0)
    beat(rig, key, key.public.node_id)
    expect(shown.get_by_text("was heard")).to_be_visible()
    shown.get_by_role("button", name="Done").click()
    expect(shown).to_have_count(0)


def test_a_name_that_is_taken_or_means_harm_is_refused_beside_the_button(open_page, rig):
    page = open_page("/enrol", "anna")
    before = len(rig.request("GET", "/api/v1/nodes?limit=1000")[1]["items"])
    begin(page, "ada")
    for name, told in (("ada", "ada"), ("<img src=x onerror=harmed=1>", "letters, digits")):
        page.get_by_label("Name of the device").fill(name)
        page.get_by_role("button", name="Add the device").click()
        expect(page.get_by_role("alert")).to_contain_text(told)
    assert page.evaluate("window.harmed ?? null") is None
    assert len(rig.request("GET", "/api/v1/nodes?limit=1000")[1]["items"]) == before


def test_only_an_admin_is_offered_it(open_page):
    page = open_page("/enrol", "otto")
    expect(page.get_by_role("heading", name="Tokens")).to_be_visible()
    expect(page.get_by_role("button", name="Add a device")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_step_of_it_suits_a_phone_and_everybody(open_page, scheme):
    page = open_page("/enrol", "anna", scheme=scheme)
    begin(page, f"{'n' * 58}-{scheme}"[-64:])
    page.get_by_label("Its key").select_option("own")
    assert_sound(page)
    page.get_by_label("Its key").select_option("ed25519")
    add(page)
    assert_sound(page)


def assert_sound(page) -> None:
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert stumbles(page) == []
