"""Packages of histograms in the page: drawn by JSROOT as their layouts say, moving, zoomed, as they were, compared."""

import io
import json
import math
import os
import re
import time

import apsw
import package_updates
import pytest
from axe import stumbles
from PIL import Image
from playwright.sync_api import expect
from rig import until

import dvic_log
from dvic_agent.sources.package_file import stream_name
from dvic_hub.store import sqlite_package_rows

pytestmark = pytest.mark.browser

EVIL = "adc/<img src=x onerror=alert(1)>"
LAYOUT = """<package>
  <tabbedPanel>
    <tab title="Plots">
      <table><row>
        <canvas title="ADC"><histo name="adc" fill-color="#ff0000" line-color="#ff0000"/></canvas>
        <canvas name="map" title="Map" height="300">
          <histo name="map" draw-option="col" minimum="-0.5" maximum="1.5"/>
          <color-axis pattern="#0000ff,#00ff00">
            <label position="0">off</label><label position="1">on</label>
          </color-axis>
        </canvas>
      </row></table>
    </tab>
    <tab title="More">
      <tabbedPanel><tab title="Inner">
        <canvas name="rate" title="Rate">
          <graph name="rate" draw-option="l"/>
          <histo name="adc" linked-axis="y2"/>
          <graph name="limit" draw="y=2" line-color="#00aa00"/>
          <y2-axis title="counts" minimum="0" maximum="50"/>
          <legend list="rate,limit" position="top-left"/>
        </canvas>
      </tab></tabbedPanel>
    </tab>
  </tabbedPanel>
</package>"""


def regular(bins):
    return {"type": "regular", "bins": bins, "lower": 0.0, "upper": float(bins), "underflow": True, "overflow": True,
            "circular": False, "metadata": {"label": "charge"}}


def objects(height=40, x_bins=10):
    values = [7, *[height] * (x_bins // 2), *[0] * (x_bins - x_bins // 2), 3]
    flat = {"type": "regular", "bins": 2, "lower": 0.0, "upper": 2.0, "underflow": False, "overflow": False,
            "circular": False}
    return {
        "adc": {"uhi_schema": 1, "axes": [regular(x_bins)], "storage": {"type": "int", "values": values}},
        "map": {"uhi_schema": 1, "axes": [flat, flat], "storage": {"type": "int", "values": [[0, 0], [1, 1]]}},
        "rate": dvic_log.graph([1, 2, 3], [1.0, math.nan, 3.0]),
    }


@pytest.fixture
def publish(rig):
    """publish("name", layout=…) makes a package; each update waits until the hub has it."""
    made = []

    def publisher(name, layout=None):
        package = dvic_log.Package(name, layout=layout, period=0.05, directory=str(rig.folder / "ada" / "logs"))
        made.append(package)

        def update(given):
            package.publish(given)
            package.close()
            until(lambda: rig.request("GET", f"/api/v1/packages/{name}")[1].get("serial") == package.serial, name)
        return update

    yield publisher
    for package in made:
        package.close()


def plot(page, title):
    return page.get_by_role("figure").filter(has=page.locator(".plot-title", has_text=re.compile(f"^{title}$")))


def drawn(page, title):
    """The box of a canvas, once it is drawn."""
    box = plot(page, title).locator(".plot-box")
    expect(box.locator("svg g.overlay")).to_have_count(1)
    return box


def pixels(box, colour):
    """The share of a box that has a colour."""
    picture = Image.open(io.BytesIO(box.screenshot())).convert("RGB")
    near = sum(1 for each in picture.get_flattened_data()
               if all(abs(one - other) < 12 for one, other in zip(each, colour, strict=True)))
    return near / (picture.width * picture.height)


def test_a_package_is_drawn_as_its_layout_says_and_moves(open_page, publish):
    update = publish("drawn", LAYOUT)
    update(objects())
    page = open_page("/histograms", "vera")
    page.get_by_role("link", name="drawn").click()
    box = drawn(page, "ADC")
    expect(plot(page, "ADC")).to_contain_text("210 entries")
    assert 0.2 < pixels(box, (255, 0, 0)) < 0.5
    states = drawn(page, "Map")
    assert abs(pixels(states, (0, 255, 0)) - pixels(states, (0, 0, 255))) < 0.05
    assert pixels(states, (0, 255, 0)) > 0.2
    expect(states.locator("g.colour-axis text")).to_have_text(["off", "on"])
    held = page.evaluate_handle("document.querySelector('.plot-box svg')")
    update(objects(height=10))
    expect(plot(page, "ADC")).to_contain_text("60 entries")
    assert page.evaluate("held => held === document.querySelector('.plot-box svg')", held)
    plot(page, "ADC").get_by_text("More").click()
    plot(page, "ADC").get_by_text("Figures").click()
    rows = plot(page, "ADC").get_by_role("row")
    bins = [f"{at + 0.5}{10 if at < 5 else 0}" for at in range(10)]
    expect(rows).to_have_text(["chargecontent", "below7", *bins, "above3"])
    page.get_by_role("tab", name="More").click()
    page.get_by_role("tab", name="Inner").wait_for()
    rate = drawn(page, "Rate")
    expect(rate.locator("g.plot-legend text")).to_have_text(["rate", "limit"])
    assert pixels(rate, (0, 170, 0)) > 0.002
    expect(rate).to_contain_text("counts")


def test_a_zoom_stays_while_data_comes_in(open_page, publish):
    update = publish("zoomed", LAYOUT)
    update(objects())
    page = open_page("/histograms/zoomed", "vera")
    box = drawn(page, "ADC")
    place = box.bounding_box()
    middle = place["y"] + place["height"] / 2
    page.mouse.move(place["x"] + place["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.45, middle, steps=4)
    page.mouse.move(place["x"] + place["width"] * 0.6, middle, steps=4)
    page.mouse.up()
    update(objects(height=20))
    expect(plot(page, "ADC")).to_contain_text("110 entries")
    expect(box).to_have_attribute("data-zoom", re.compile(r"\d"))
    zoom = box.get_attribute("data-zoom")
    update(objects(height=30))
    expect(plot(page, "ADC")).to_contain_text("160 entries")
    expect(box).to_have_attribute("data-zoom", zoom)
    before = box.locator("svg").first.get_attribute("viewBox")
    page.set_viewport_size({"width": 800, "height": 800})  # so much narrower that it is built anew
    expect(box.locator("svg").first).not_to_have_attribute("viewBox", before)
    expect(box).to_have_attribute("data-zoom", zoom)
    box.locator("svg").first.evaluate("picture => picture.setAttribute('data-light', '')")
    page.emulate_media(color_scheme="dark")  # and so it is in other colours
    update(objects(height=35))
    expect(plot(page, "ADC")).to_contain_text("185 entries")
    expect(box.locator("svg[data-light]")).to_have_count(0)
    expect(box).to_have_attribute("data-zoom", zoom)
    box.dblclick()
    update(objects(height=40))
    expect(plot(page, "ADC")).to_contain_text("210 entries")


def test_pause_back_in_time_and_a_reference(open_page, publish, rig):
    update = publish("before", LAYOUT)
    update(objects(height=1))
    rig.request("POST", "/api/v1/packages/before/references", {"name": "run-17"})
    page = open_page("/histograms/before", "otto")
    drawn(page, "ADC")
    page.get_by_role("button", name="Pause").click()
    update(objects(height=2))
    expect(page.get_by_role("button", name="Go on (1 update)")).to_be_visible()
    expect(plot(page, "ADC")).to_contain_text("15 entries")
    page.get_by_role("button", name="Go on").click()
    expect(plot(page, "ADC")).to_contain_text("20 entries")
    page.get_by_label("Time").fill(page.get_by_label("Time").get_attribute("min"))
    expect(plot(page, "ADC")).to_contain_text("15 entries")
    expect(page.locator(".package-moment")).to_contain_text("ago")
    page.get_by_role("button", name="Back to now").click()
    expect(plot(page, "ADC")).to_contain_text("20 entries")
    page.get_by_label("Reference").select_option("run-17")
    expect(page).to_have_url(re.compile("ref=run-17"))
    expect(plot(page, "ADC").locator("g.plot-legend")).to_contain_text("adc (reference)")
    page.get_by_role("button", name="Keep as reference").click()
    page.get_by_role("dialog").get_by_label("Name").fill("run-18")
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(page.get_by_label("Reference").get_by_role("option", name="run-18")).to_be_attached()


def test_a_layout_is_edited_with_a_preview_and_a_wrong_one_changes_nothing(open_page, publish):
    update = publish("edited")
    update({**objects(), EVIL: [1, 2, 3]})
    page = open_page("/histograms/edited", "otto")
    page.get_by_role("tab", name="other").wait_for() if page.get_by_role("tab").count() else None
    expect(page.get_by_text(EVIL).first).to_be_visible()
    page.get_by_role("button", name="Layout").click()
    editor = page.get_by_label("Layout (XML)")
    editor.fill('<package>\n<canvas title="Mine">\n<hist name="adc"/></canvas></package>')
    expect(page.get_by_text("there is no element <hist> (did you mean histo?)")).to_be_visible()
    expect(page.get_by_role("button", name="line 3")).to_be_visible()
    expect(page.get_by_role("button", name="Save for everyone")).to_be_disabled()
    expect(plot(page, "Mine")).to_have_count(0)
    editor.fill(editor.input_value().replace("<hist ", "<histo "))
    drawn(page, "Mine")
    page.get_by_role("button", name="Save for everyone").click()
    expect(editor).to_have_count(0)
    page.reload()
    drawn(page, "Mine")
    assert page.locator("img").count() == 0


def test_what_is_shown_can_be_saved(open_page, publish):
    publish("saved", LAYOUT)(objects())
    page = open_page("/histograms/saved", "vera")
    drawn(page, "ADC")
    plot(page, "ADC").get_by_text("More").click()
    files = {}
    for kind in ("PNG", "SVG", "JSON", "CSV"):
        with page.expect_download() as got:
            plot(page, "ADC").get_by_role("button", name=kind, exact=True).click()
        files[kind] = got.value.path().read_bytes()
    assert Image.open(io.BytesIO(files["PNG"])).width > 500
    assert b"<svg" in files["SVG"]
    assert json.loads(files["JSON"])["adc"]["storage"]["values"] == objects()["adc"]["storage"]["values"]
    assert files["CSV"].splitlines()[:2] == [b"x_low,x_high,value,variance", b"underflow,,7,7"]


CHOICES = """<package>
  <canvas name="map" title="Map"><histo name="map" draw-option="col"/><color-axis pattern="#0000ff,#00ff00"/></canvas>
  <canvas title="Solid"><histo name="map" draw-option="lego2"/></canvas>
  <canvas title="Pulses"><histo name="adc"/></canvas>
  <canvas title="Both"><histo name="adc"/><histo name="wide" linked-axis="y2"/><y2-axis log="true"/></canvas>
</package>"""


def figures(page, title):
    """The table below a canvas as it is now."""
    rows = plot(page, title).locator(".plot-figures").last.get_by_role("row")
    return [cell.replace("\t", " ") for cell in rows.all_inner_texts()]


def test_a_canvas_is_looked_at_otherwise_than_its_layout_says(open_page, publish, rig):
    update = publish("choices", CHOICES)
    wide = {**objects()["adc"], "storage": {"type": "int", "values": [0, *[10 ** at for at in range(10)], 0]}}
    update({**objects(height=2000), "wide": wide})
    rig.request("POST", "/api/v1/packages/choices/references", {"name": "run-1"})
    update({**objects(height=4000), "wide": wide})
    page = open_page("/histograms/choices?ref=run-1", "vera", height=1600)
    both = drawn(page, "Both")
    expect(both).to_contain_text("10⁷")
    drawn(page, "Solid")
    held = plot(page, "Solid").locator(".plot-box").screenshot()
    for title in ("Map", "Solid", "Pulses"):
        plot(page, title).get_by_text("More").click()
        plot(page, title).get_by_text("Figures").click()

    expect(drawn(page, "Pulses")).not_to_contain_text("10³")
    plot(page, "Pulses").get_by_label("log y").check()
    expect(drawn(page, "Pulses")).to_contain_text("10³")
    plot(page, "Pulses").get_by_label("log x").check()
    expect(drawn(page, "Pulses")).to_contain_text("10³")

    assert figures(page, "Pulses")[2] == "0.5 2000"
    page.get_by_label("same area").check()
    expect(plot(page, "Pulses").locator(".plot-figures").last).to_contain_text("4000")
    assert figures(page, "Pulses")[2] == "0.5 4000"

    assert plot(page, "Map").get_by_label("log z").count() == 0, "its colours are steps of equal width"
    plot(page, "Map").get_by_label("Projection").select_option("x")
    expect(drawn(page, "Map").locator("g.colour-axis")).to_have_count(0)
    assert figures(page, "Map")[1:] == ["below 0", "0.5 0", "1.5 2", "above 0"]
    plot(page, "Map").get_by_label("Projection").select_option("")
    expect(drawn(page, "Map").locator("g.colour-axis")).to_have_count(1)

    plot(page, "Solid").get_by_label("log z").check()
    until(lambda: plot(page, "Solid").locator(".plot-box").screenshot() != held, "it is drawn with a logarithm")
    plot(page, "Solid").get_by_label("Projection").select_option("y")
    expect(drawn(page, "Solid").locator("canvas, image")).to_have_count(0)


def test_what_is_newer_than_hub_or_page_is_said_and_the_last_good_one_stays(open_page, publish, rig):
    update = publish("newer", LAYOUT)
    update(objects())
    page = open_page("/histograms/newer", "vera")
    drawn(page, "ADC")
    (file,) = (rig.folder / "ada" / "logs").glob("dvic_package_newer-*")
    beside = file.with_name(".beside")
    beside.write_bytes(file.read_bytes().replace(b'"dvic_package":1', b'"dvic_package":2', 1).replace(
        b'"dvic_package": 1', b'"dvic_package": 2', 1))
    beside.rename(file)
    expect(page.get_by_role("alert")).to_contain_text("is schema 2, and this reads schema 1")
    expect(plot(page, "ADC")).to_contain_text("210 entries")
    update(objects(height=10))
    expect(plot(page, "ADC")).to_contain_text("60 entries")
    expect(page.get_by_role("alert")).to_have_count(0)

    def other(route):
        route.fulfill(json=json.loads(route.fetch().text().replace('"uhi_schema":1', '"uhi_schema":2')))

    page.route("**/objects*", other)
    page.reload()
    expect(plot(page, "ADC").get_by_role("alert")).to_have_text(
        "Newer than this page understands: adc. Load the page again.")


def put_an_hour(rig, package):
    """One state a minute in the hub's store, from an hour ago until now; that of N minutes ago has N entries."""
    path = os.fsencode(package)
    stream = stream_name(path, os.getuid())
    store = apsw.Connection(str(rig.state / "dvic.db"))
    store.set_busy_timeout(30_000)
    with store:
        for minutes in range(60, 0, -1):
            record = package_updates.update({"adc": package_updates.histogram(minutes)}, 61 - minutes, name="hour")
            sqlite_package_rows.write(store, package_updates.change(
                record, rig.node("ada")["id"], int((time.time() - 60 * minutes) * 1e6), stream=stream))
    store.close()


def test_an_hour_back_is_one_drag_away_on_a_phone(open_page, publish, rig):
    logs = rig.folder / "ada" / "logs"
    put_an_hour(rig, dvic_log.Package("hour", directory=str(logs)).path)
    update = publish("hour")
    update({"adc": [1000]})
    page = open_page("/histograms/hour", "vera", width=375, height=740)
    drawn(page, "adc")
    expect(plot(page, "adc")).to_contain_text("1 000 entries")
    moment = page.locator(".package-moment")

    def dragged():
        """To the middle, from wherever the handle's line stands now: words above it wrap as they change."""
        place = page.get_by_label("Time").bounding_box()
        middle = place["y"] + place["height"] / 2
        page.mouse.move(place["x"] + place["width"] - 8, middle)
        page.mouse.down()
        page.mouse.move(place["x"] + place["width"] * 0.7, middle, steps=3)
        page.mouse.move(place["x"] + place["width"] * 0.5, middle, steps=3)
        page.mouse.up()
        return re.search(r"\((\d\d) min ago\)", moment.inner_text())

    minutes = int(until(dragged, "an hour is to be gone through")[1])
    assert 20 < minutes < 40
    expect(plot(page, "adc")).to_contain_text(re.compile(f"({minutes}|{minutes - 1}) entries"))
    update({"adc": [2000]})
    expect(page.locator(".package-serial")).not_to_have_text("2")
    expect(moment).to_contain_text("min ago")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Back to now").click()
    expect(plot(page, "adc")).to_contain_text("2 000 entries")
    expect(moment).to_have_text("now")
    update({"adc": [3000]})
    expect(plot(page, "adc")).to_contain_text("3 000 entries")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_suits_a_phone_and_everybody(open_page, publish, scheme):
    publish(f"phone-{scheme}", LAYOUT)(objects())
    page = open_page(f"/histograms/phone-{scheme}", "otto", width=375, height=740, scheme=scheme)
    drawn(page, "ADC")
    page.get_by_role("button", name="Layout").click()
    page.get_by_text("Good: this is how it looks").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not stumbles(page)
    page.goto("/histograms")
    page.get_by_role("link", name=f"phone-{scheme}").wait_for()
    assert not stumbles(page)
