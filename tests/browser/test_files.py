"""Files of a node: 50 MB up and down from the page, with how far they are; what goes wrong is said."""

import os
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SIZE = 50 * 1024 * 1024
LONG = 120_000
"""Milliseconds for 50 MB on a busy machine."""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "large.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def files(page):
    return page.get_by_role("region", name="Files")


def upload(page, file, path=""):
    files(page).get_by_label("File to upload").set_input_files(file)
    files(page).get_by_label("Folder or new name").fill(str(path))
    files(page).get_by_role("button", name="Upload", exact=True).click()


def test_50_mb_go_up_and_come_down_again(open_page, large, tmp_path):
    page = open_page("/nodes/ada", "otto")
    upload(page, large, tmp_path / "there.bin")
    expect(files(page).get_by_role("progressbar", name="Uploaded")).to_be_visible()
    expect(files(page)).to_contain_text(re.compile(r"[0-9.]+ MiB of 50\.0 MiB to the node"), timeout=LONG)
    expect(page.get_by_text("large.bin is on ada")).to_be_visible(timeout=LONG)
    assert (tmp_path / "there.bin").read_bytes() == large.read_bytes()
    expect(files(page).get_by_role("progressbar")).to_have_count(0)

    files(page).get_by_label("File to download").fill(str(tmp_path / "there.bin"))
    with page.expect_download(timeout=LONG) as download:
        files(page).get_by_role("button", name="Download").click()
        expect(files(page).get_by_role("progressbar", name="Downloaded")).to_be_visible()
    assert download.value.suggested_filename == "there.bin"
    download.value.save_as(tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == large.read_bytes()


def test_what_goes_wrong_is_said_as_text(open_page, tmp_path):
    (tmp_path / "letter").write_text("dear anna")
    page = open_page("/nodes/ada", "otto")
    upload(page, tmp_path / "letter", "/<img src=x onerror=alert(1)>/none")
    expect(files(page).get_by_role("alert")).to_contain_text("there is no folder <img src=x onerror=alert(1)>")
    files(page).get_by_label("File to download").fill("/dev/zero")
    files(page).get_by_role("button", name="Download").click()
    expect(files(page).get_by_role("alert").last).to_contain_text("it is no plain file")
    assert page.locator("img").count() == 0


def test_a_machine_s_policy_is_told(open_page, rig, tmp_path):
    (tmp_path / "letter").write_text("dear anna")
    policy = rig.agents["bob"].folder / "etc" / "policy.toml"
    policy.write_text('kinds = ["run"]')
    page = open_page("/nodes/bob", "otto")
    upload(page, tmp_path / "letter", tmp_path / "there")
    expect(files(page).get_by_role("alert")).to_contain_text("policy does not allow the kind copy")
    policy.unlink()


def test_a_viewer_is_offered_none_and_may_copy_nothing_by_the_api_either(open_page, rig):
    page = open_page("/nodes/ada", "vera")
    expect(page.get_by_role("heading", level=1)).to_have_text("ada")
    expect(files(page)).to_have_count(0)
    for method, path, body in (("POST", "files", {"name": "x", "size": 1}), ("GET", "files", None),
                               ("POST", "copies", {"selector": "ada", "path": "/etc/hostname"})):
        answer = page.context.request.fetch(f"/api/v1/{path}", method=method, data=body, headers={"Origin": rig.url})
        assert answer.status == 403


def test_a_hub_that_restarts_meanwhile_costs_nothing(open_page, rig, large, tmp_path):
    page = open_page("/nodes/ada", "otto")
    upload(page, large, tmp_path / "there.bin")
    expect(files(page)).to_contain_text("to the node", timeout=LONG)
    rig.hub.kill()
    rig.start_hub()
    expect(page.get_by_text("large.bin is on ada")).to_be_visible(timeout=LONG)
    assert (tmp_path / "there.bin").read_bytes() == large.read_bytes()
