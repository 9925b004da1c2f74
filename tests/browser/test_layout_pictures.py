"""The pictures of docs/layout.md: each example of the page, drawn. `tox -e screens` puts them into docs/screens."""

import math
import random
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect
from rig import until

import dvic_log

pytestmark = pytest.mark.browser

PAGE = (Path(__file__).parents[2] / "docs/layout.md").read_text("utf-8")
EXAMPLES = re.findall(r"\n## ([a-z0-9A-Z-]+)\n.*?```xml\n(.*?)```", PAGE, re.S)
MOST = 60_000
"""Bytes of one picture."""


def regular(bins, label):
    return {"type": "regular", "bins": bins, "lower": 0.0, "upper": float(bins), "underflow": False, "overflow": False,
            "circular": False, "metadata": {"label": label}}


def histogram(axes, values):
    return {"uhi_schema": 1, "axes": axes, "storage": {"type": "double", "values": values}}


def objects():
    """The same each time."""
    chance = random.Random(6)
    peak = [round(400 * math.exp(-((at - 9) ** 2) / 20) + chance.uniform(5, 40)) for at in range(30)]
    states = [[1] * 8 for _ in range(12)]
    states[2][3], states[7][5], states[10][1] = 3, 2, 0
    x = [at / 2 for at in range(40)]
    cells = [regular(12, "column"), regular(8, "row")]
    simulated = [400 * math.exp(-((at - 9) ** 2) / 20) + 20 for at in range(30)]
    return {
        "charge": histogram([regular(30, "charge [pC]")], peak),
        "simulated": histogram([regular(30, "charge [pC]")], simulated),
        "hits": histogram([regular(12, "module")], [chance.randint(80, 120) for _ in range(12)]),
        "map": histogram(cells, [[(at + row) % 11 for row in range(8)] for at in range(12)]),
        "states": histogram(cells, states),
        "rate": dvic_log.graph(x, [12 + 4 * math.sin(each / 2) for each in x], x_label="time [min]",
                               y_label="rate [Hz]"),
        "temperature": dvic_log.graph(x, [22 + 3 * math.sin(each / 5) for each in x]),
    }


@pytest.fixture(scope="module")
def package(rig):
    made = dvic_log.Package("layouts", directory=str(rig.folder / "ada" / "logs"))
    made.publish(objects())
    until(lambda: rig.request("GET", "/api/v1/packages/layouts")[0] == 200, "the package is there")
    yield made
    made.close()


def test_every_example_is_drawn(open_page, rig, package, screens, tmp_path):
    assert len(EXAMPLES) == 16
    page = open_page("/histograms", "vera", width=900, height=1400)
    for name, text in EXAMPLES:
        assert rig.request("PUT", "/api/v1/packages/layouts/layout", {"text": text})[0] == 200, name
        page.goto(f"/histograms/layouts?of={name}")
        boxes = page.locator(".plot-box")
        expect(boxes.first).to_be_visible()
        for box in boxes.all():
            expect(box.locator("g.overlay")).to_have_count(1)
        expect(page.locator(".plot-missing")).to_have_count(0)
        target = (screens or tmp_path) / f"layout-{name.lower()}.png"
        page.locator(".layout").screenshot(path=target)
        with Image.open(target) as picture:
            small = picture.convert("RGB").quantize(64)
        small.save(target, optimize=True)
        assert target.stat().st_size < MOST, name
