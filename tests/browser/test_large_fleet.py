"""Five thousand simulated nodes: found, sorted, scrolled and chosen, with only those rows made that are looked at.
Among them is one whose every word is hostile."""

import asyncio
import json
import re
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from browsing import PASSWORD, PEOPLE
from many_nodes import fill
from playwright.sync_api import expect
from rig import Rig

from dvic_hub.domain.decoding import decode_batch
from dvic_hub.domain.model import Node
from dvic_hub.services.ingest import incoming
from dvic_hub.store.sqlite import SqliteStore
from dvic_wire.records import facts, sample

pytestmark = pytest.mark.browser

COUNT = 5000
HOSTILE = ('<script>document.title="owned"</script>"><img src=x onerror=document.title="owned"> \u202eevil \x1b[31mred '
           + "w" * 200)
ID = "n-aaaaaaaaaaaaaaaaaaaa"


async def add_mallory(path, now: float) -> None:
    """A node whose facts, metrics, programs, status and conflict are made to do harm."""
    store = SqliteStore(path)
    await store.open()
    try:
        await store.nodes.add(Node(ID, "mallory", b"m" * 32, tags={"room": "lab"}, status=HOSTILE, conflict=HOSTILE,
                                   agent_version=HOSTILE[:60], last_seen=int(now * 1e6), period=3600))
        named = {f"temp.{HOSTILE[:90]}": 1.0, HOSTILE[:90]: 2.0, "cpu.total": 100.0}
        told = [facts(int(now * 1e6), {"os": HOSTILE[:256], "model": HOSTILE[:256], "<b>fact</b>": "x"}),
                *(sample(int((now - ago) * 1e6), named) for ago in (20, 10, 0))]
        demo = {"file": f"/tmp/dvic_log_{HOSTILE[:80]}", "name": HOSTILE[:100], "state": "alive", "pid": 1,
                "user": HOSTILE[:60], "owner": "root", "cpu": 1.0, "memory": 5}
        for stream, records in (("hardware", told), ("demos", [{"time": int(now * 1e6), "demos": [demo]}])):
            data = json.dumps({"kind": "batch", "stream": stream, "source": stream, "from_cursor": "",
                               "to_cursor": "1", "records": records}).encode()
            assert (await store.streams.commit(incoming(ID, decode_batch(data), zlib.compress(data)))).accepted
    finally:
        await store.close()


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("large")) as made:
        now = time.time()
        with ThreadPoolExecutor(1) as aside:  # this thread has the event loop of the browser's driver
            for work in (fill(made.state / "dvic.db", COUNT, now), add_mallory(made.state / "dvic.db", now)):
                aside.submit(asyncio.run, work).result()
        made.start_hub()
        for name, role in PEOPLE:
            made.request("POST", "/api/v1/users", {"name": name, "role": role, "password": PASSWORD})
        yield made


def rows(page):
    return page.locator("tbody tr:not([aria-hidden])")


def test_only_the_rows_that_are_looked_at_are_made(open_page):
    page = open_page("/fleet", "vera")
    expect(page.get_by_text("5 001 nodes".replace(" ", "\u2009"))).to_be_visible()
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", str(COUNT + 2))
    expect(rows(page).first).to_contain_text("cellar-3")
    assert rows(page).count() < 60
    region = page.get_by_role("region", name="Nodes")
    height = region.evaluate("(box) => box.scrollHeight")
    region.evaluate("(box) => { box.scrollTop = box.scrollHeight }")
    expect(rows(page).last).to_contain_text("store-4999")
    assert rows(page).count() < 60
    assert region.evaluate("(box) => box.scrollHeight") == height, "rows are as high as is reckoned with"
    region.evaluate("(box) => { box.scrollTop = box.scrollHeight / 2 }")
    expect(rows(page).filter(has_text="lab-")).not_to_have_count(0)


def test_thousands_are_narrowed_sorted_and_chosen(open_page):
    page = open_page("/fleet", "otto")
    page.get_by_label("Search nodes").fill("tag:room=lab and not state:silent")
    expect(page.get_by_text(re.compile("1.001 of 5.001 nodes"))).to_be_visible()
    page.get_by_label("Search nodes").fill("tag:camera and os:debian*13")
    expect(page.get_by_text(re.compile(" of 5.001 nodes"))).to_be_visible()
    page.get_by_label("Search nodes").fill("")
    page.get_by_role("button", name="Disk").click()
    expect(rows(page).first.locator("td").nth(8)).to_have_text("96 %")
    page.get_by_label(re.compile("Choose all 5.001 nodes")).check()
    expect(page.get_by_text(re.compile("5.001 nodes chosen"))).to_be_visible()
    page.get_by_role("button", name="Run a command").click()
    expect(page).to_have_url(re.compile("q=all"))


def test_what_is_chosen_by_hand_is_named_or_said_to_be_too_many(open_page):
    page = open_page("/fleet", "otto")
    box = rows(page).nth(0).get_by_role("checkbox")
    box.click()
    rows(page).nth(19).get_by_role("checkbox").click(modifiers=["Shift"])
    expect(page.get_by_text("20 nodes chosen")).to_be_visible()
    expect(page.get_by_role("button", name="Run a command")).to_be_enabled()
    page.get_by_role("region", name="Nodes").evaluate("(box) => { box.scrollTop = 38 * 120 }")
    expect(rows(page).first).not_to_contain_text("cellar-3 ")
    rows(page).last.get_by_role("checkbox").click(modifiers=["Shift"])
    expect(page.get_by_text("Too many to name one by one")).to_be_visible()
    expect(page.get_by_role("button", name="Run a command")).to_be_disabled()


def test_tiles_are_made_as_they_are_looked_at(open_page):
    page = open_page("/fleet?view=tiles", "vera", width=375)
    expect(page.locator(".tile").first).to_contain_text("cellar-3")
    assert page.locator(".tile").count() < 60
    region = page.get_by_role("region", name="Nodes")
    region.evaluate("(box) => { box.scrollTop = box.scrollHeight }")
    expect(page.locator(".tile").last).to_contain_text("store-4999")


def test_the_highest_figure_fits_into_a_tile(open_page):
    for width in (1280, 375):
        page = open_page("/fleet?q=mallory&view=tiles", "vera", width=width)
        value = page.locator(".tile .value").first
        expect(value).to_have_text("100 %")
        other = page.locator(".tile .tile-figures .faint").first
        assert value.bounding_box()["height"] < 1.5 * other.bounding_box()["height"], "it is one line"


def test_home_tells_the_worst_of_many(open_page):
    page = open_page("/", "vera")
    expect(page.get_by_role("heading", level=1)).to_have_text("51 things need a look")
    expect(page.get_by_role("link", name="42 more are silent")).to_be_visible()
    expect(page.get_by_role("listitem").first).to_contain_text("mallory")


@pytest.mark.parametrize("path", ["/", "/fleet?q=mallory", "/fleet?q=mallory&view=tiles", "/nodes/mallory"])
def test_hostile_words_are_shown_as_text(open_page, path):
    for width in (1280, 375):
        page = open_page(path, "anna", width=width)
        expect(page.get_by_text("mallory").first).to_be_visible()
        if path.startswith("/nodes"):
            expect(page.get_by_role("figure").filter(has_text="Temperatures")).to_contain_text("<script>")
            expect(page.get_by_role("region", name="Programs with a log")).to_contain_text("<script>")
        assert "owned" not in page.title()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing hangs over the edge"
