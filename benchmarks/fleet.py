"""Five thousand nodes: what the hub's answers for the fleet cost, and how the page shows them in a real Chromium.

    python benchmarks/fleet.py [--nodes 5000] [--repeats 5]

The nodes are simulated rows of a store, each with an hour of samples (tests/support/many_nodes.py). The answers are
asked for over HTTP from the hub in a process of its own, as the page asks; the page is the built one. Of the page are
measured: from the click on Fleet until the first row is drawn, from a key in the search box until the next frame is
drawn, and frames while the whole list is scrolled through in 200 steps. Without Chromium the page is left out.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from browsing import FLAGS, PASSWORD
from many_nodes import fill, go_on, put
from report import Figure, tell
from rig import Rig

from dvic_hub.store.sqlite import SqliteStore

SCROLL = """async () => {
  const box = document.querySelector(".table-box"), frame = () => new Promise(requestAnimationFrame)
  const taken = []
  await frame()
  for (let step = 1; step <= 200; step++) {
    const began = performance.now()
    box.scrollTop = box.scrollHeight * step / 200
    await frame(); await frame()
    taken.push(performance.now() - began)
  }
  return taken
}"""

TYPE = """async (text) => {
  const field = document.querySelector("[data-search]"), frame = () => new Promise(requestAnimationFrame)
  const taken = []
  field.focus()
  for (let end = 1; end <= text.length; end++) {
    const began = performance.now()
    field.value = text.slice(0, end)
    field.dispatchEvent(new Event("input", { bubbles: true }))
    await frame(); await frame()
    taken.push(performance.now() - began)
  }
  return taken
}"""


def middle(values: list[float]) -> float:
    return statistics.median(values)


def answers(rig: Rig, repeats: int) -> list[Figure]:
    """What the hub's answers take, the page's own requests."""
    def asked(path: str) -> tuple[float, dict, int]:
        began = time.perf_counter()
        status, answer = rig.request("GET", path)
        took = (time.perf_counter() - began) * 1000
        assert status == 200, answer
        return took, answer, len(json.dumps(answer, separators=(",", ":")))

    def pages() -> float:
        took, cursor = 0.0, ""
        while True:
            one, answer, _ = asked(f"/api/v1/nodes?limit=1000&cursor={cursor}")
            took, cursor = took + one, answer["next"]
            if not cursor:
                return took

    whole = [asked("/api/v1/overview") for _ in range(repeats)]
    cursor = whole[-1][1]["cursor"]
    still = [asked(f"/api/v1/overview?cursor={cursor}")[0] for _ in range(repeats)]
    series = [asked("/api/v1/metrics/series?node=lab-0&names=cpu.*&since=1h&shared=true")[0] for _ in range(repeats)]
    return [
        Figure("fleet", "list of all nodes", middle([pages() for _ in range(repeats)]), "ms", "",
               "1000 a page, one after the other"),
        Figure("fleet", "overview, all with an hour of history", middle([one for one, _, _ in whole]), "ms", "",
               f"{whole[0][2] / 1e6:.2f} MB"),
        Figure("fleet", "overview, nothing new", middle(still), "ms"),
        Figure("fleet", "an hour of one node's cpu metrics", middle(series), "ms"),
    ]


async def news(folder: Path, count: int) -> list[Figure]:
    """What the store takes for a sample of each node, and to tell those that are new."""
    store = SqliteStore(folder / "other.db")
    await store.open()
    try:
        nodes = await put(store, count, time.time())
        seen = max(one.number for one in await store.streams.glances())
        began = time.perf_counter()
        await go_on(store, nodes, time.time(), 1)
        stored = time.perf_counter() - began
        began = time.perf_counter()
        found = await store.streams.glances(seen)
        told = time.perf_counter() - began
        return [Figure("fleet", "samples stored, their glances with them", len(found) / stored, "1/s", "",
                       "made and committed in one process"),
                Figure("fleet", "the store tells all new figures in", told * 1000, "ms")]
    finally:
        await store.close()


def page_figures(rig: Rig, chromium: str) -> list[Figure]:
    """How the page shows them."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (without it only the page is left out)

    rig.request("POST", "/api/v1/users", {"name": "vera", "role": "viewer", "password": PASSWORD})
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(base_url=rig.url, viewport={"width": 1280, "height": 800})
        context.request.post("/api/v1/session", data={"user": "vera", "password": PASSWORD},
                             headers={"Origin": rig.url})
        page = context.new_page()
        began = time.perf_counter()
        page.goto("/fleet")
        page.wait_for_selector("tbody tr:nth-child(3)")
        first = (time.perf_counter() - began) * 1000
        page.wait_for_selector(".spark path[d^=M]")
        drawn = (time.perf_counter() - began) * 1000
        typed = page.evaluate(TYPE, "tag:room=lab and not state:silent")
        page.evaluate(TYPE, "*")
        scrolled = page.evaluate(SCROLL)
        rows = page.locator("tbody tr").count()
        heap = page.evaluate("performance.memory.usedJSHeapSize")
        browser.close()
    return [
        Figure("fleet", "address to first rows", first, "ms", "", "page, list of nodes, table"),
        Figure("fleet", "address to first sparklines", drawn, "ms"),
        Figure("fleet", "a key in the search box to two frames (median)", middle(typed), "ms"),
        Figure("fleet", "a key in the search box to two frames (worst)", max(typed), "ms"),
        Figure("fleet", "25 rows further to two frames (median)", middle(scrolled), "ms", "", "33 ms are two frames"),
        Figure("fleet", "25 rows further to two frames (worst)", max(scrolled), "ms"),
        Figure("fleet", "rows in the document", rows, "", "<= 60"),
        Figure("fleet", "memory of the page's script", heap / 2**20, "MiB"),
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--nodes", type=int, default=5000)
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        figures = asyncio.run(news(folder, given.nodes))
        with Rig(folder) as rig:
            asyncio.run(fill(rig.state / "dvic.db", given.nodes, time.time()))
            rig.start_hub()
            figures += answers(rig, given.repeats)
            if chromium := shutil.which("chromium") or shutil.which("chromium-browser"):
                figures += page_figures(rig, chromium)
    tell(figures)


if __name__ == "__main__":
    main()
