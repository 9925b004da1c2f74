"""How packages of histograms look to people: in real Chromiums, on the page as it is built.

    python benchmarks/package_views.py [--seconds N] [--browsers N] [--updates N]

Four measurements, each with a hub and an agent as processes, and with pages that draw:
- a small package, updated twice a second: from the moment in which a program publishes until the hub has it;
- the load of `packages.py` (50 packages of 40 objects each second), of which each browser shows one package: from the
  moment in which it was published until the last of its canvases in sight is drawn;
- 64 canvases in sight, updated twice a second, while keys are pressed and the wheel is turned;
- as many updates as an hour has seconds, as quickly as they go through, with one page open: what hub and page hold.
All share the machine's cores, so that the browsers' own drawing is part of what makes things late.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from browsing import CHROMIUM, FLAGS, PASSWORD
from packages import HALF_A_CORE, PUBLISHER, WITHIN, start_watch
from playwright.sync_api import Browser, Page, sync_playwright
from report import Figure, tell
from rig import Rig, RigAgent, until

import dvic_log

LOOK = """(() => {
  const seen = window.seen = [], input = window.input = [], slow = window.slow = []
  const number = (text, name) => Number(new RegExp(`"${name}":([0-9]+)`).exec(text)?.[1] ?? 0)
  const Socket = window.WebSocket
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given)
      this.addEventListener("message", (event) => {
        for (const line of String(event.data).split("\\n")) {
          const head = line.slice(0, 600)
          if (head.includes('"event":"update"')) seen.push({
            time: number(head, "time") / 1000, received: number(head, "received") / 1000, boxes: new Set(), shown: 0 })
        }
      })
    }
  }
  new MutationObserver((list) => {
    const last = seen.at(-1)
    if (!last) return
    for (const each of list) {
      const box = (each.target.nodeType === 1 ? each.target : each.target.parentElement)?.closest(".plot-box")
      if (box) { last.boxes.add(box); last.shown = Date.now() }
    }
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["d"] })
  for (const kind of ["keydown", "wheel"]) {
    addEventListener(kind, (event) => { input.push(performance.now() - event.timeStamp) },
      { capture: true, passive: true })
  }
  new PerformanceObserver((list) => { for (const each of list.getEntries()) slow.push(each.duration) })
    .observe({ entryTypes: ["longtask"] })
})()"""
"""Notes when an update comes and when a canvas was last drawn for it, what input waits for its handler, long tasks."""

SEEN = "() => seen.map((each) => ({ ...each, boxes: each.boxes.size }))"

GRID = "<package><table>" + "".join(
    "<row>" + "".join(f'<canvas height="80"><histo name="h{row * 8 + column}"/></canvas>' for column in range(8))
    + "</row>" for row in range(8)) + "</table></package>"

TURNS = 7
"""Other contents, over and over."""


def lines(count: int, turn: int, bins: int = 200) -> dict[str, list[int]]:
    return {f"h{each}": [(each * 31 + at * 7 + turn * 13) % 97 for at in range(bins)] for each in range(count)}


def start(rig: Rig) -> RigAgent:
    rig.start_hub()
    rig.request("POST", "/api/v1/users", {"name": "vera", "role": "viewer", "password": PASSWORD})
    return rig.new_agent("ada").start(executor=False).online()


def opened(browser: Browser, rig: Rig, package: str, width: int = 1280, height: int = 800) -> Page:
    """A window of its own, once its first canvas is drawn."""
    context = browser.new_context(base_url=rig.url, viewport={"width": width, "height": height})
    context.request.post("/api/v1/session", data={"user": "vera", "password": PASSWORD}, headers={"Origin": rig.url})
    page = context.new_page()
    page.add_init_script(LOOK)
    page.goto(f"/histograms/{package}")
    page.wait_for_selector(".plot-box svg g.overlay", state="attached", timeout=60_000)
    return page


def there(rig: Rig, package: dvic_log.Package) -> None:
    until(lambda: rig.request("GET", f"/api/v1/packages/{package.name}")[1].get("serial"), "the hub has the package")


def picked_up(browser: Browser, seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        package = dvic_log.Package("small", period=0, directory=str(start(rig).logs))
        package.publish(lines(4, 0))
        there(rig, package)
        page = opened(browser, rig, "small")
        for turn in range(int(seconds * 2)):
            package.publish(lines(4, turn % TURNS + 1))
            page.wait_for_timeout(500)
        seen = page.evaluate(SEEN)
        page.context.close()
    took = [each["received"] - each["time"] for each in seen]
    drawn = [each["shown"] - each["time"] for each in seen if each["shown"]]
    return [Figure("package_views", "published until the hub has it: median", statistics.median(took), "ms", "<= 200",
                   f"{len(took)} updates of 4 histograms, nothing else to do"),
            Figure("package_views", "published until the hub has it: most", max(took), "ms", "<= 200"),
            Figure("package_views", "published until it is drawn: median", statistics.median(drawn), "ms")]


def many_browsers(driver, count: int, seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        ada = start(rig)
        publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(ada.logs), "50", str(seconds + 30)],
                                     stdout=subprocess.PIPE, text=True)
        until(lambda: len(rig.request("GET", "/api/v1/packages?limit=1000")[1]["items"]) == 50, "all are there")
        browsers = [driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS) for _ in range(count)]
        pages = [opened(browser, rig, f"p{at * 10}") for at, browser in enumerate(browsers)]
        for page in pages:
            page.evaluate("seen.length = 0")
        hub, before = start_watch(rig.hub.pid)
        begun = time.monotonic()
        pages[0].wait_for_timeout(seconds * 1000)
        used = 100 * (hub.cpu() - before) / (time.monotonic() - begun)
        seen = [each for page in pages for each in page.evaluate(SEEN)]
        idle = idle_share(5)
        for browser in browsers:
            browser.close()
        published, late = publisher.communicate()[0].split()
    shown = sorted(each["shown"] - each["time"] for each in seen if each["shown"])
    note = f"{count} browsers, {published} updates published, at most {late} s late; the cores were {idle:.0f} % idle"
    return [Figure("package_views", "published until drawn in each browser: median", statistics.median(shown), "ms",
                   WITHIN, note),
            Figure("package_views", "the same, 95 of 100", shown[int(len(shown) * 0.95)], "ms"),
            Figure("package_views", "updates drawn a second in a browser", len(shown) / count / seconds, "1/s"),
            Figure("package_views", "CPU of the hub with browsers", used, "%", HALF_A_CORE, "of one core")]


def idle_share(seconds: float) -> float:
    """Percent of the machine's cores that nothing used."""
    def look() -> list[int]:
        return [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]

    before = look()
    time.sleep(seconds)
    spent = [after - first for after, first in zip(look(), before, strict=True)]
    return 100 * spent[3] / sum(spent)


def many_canvases(browser: Browser, seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        package = dvic_log.Package("grid", layout=GRID, period=0, directory=str(start(rig).logs))
        package.publish(lines(64, 0))
        there(rig, package)
        page = opened(browser, rig, "grid", 1600, 1700)
        until(lambda: page.locator(".plot-box svg g.overlay").count() == 64, "all are drawn")
        page.mouse.move(800, 900)
        page.evaluate("seen.length = slow.length = input.length = 0")
        sent, begun, turn = 0, time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            if time.monotonic() - begun >= turn / 2:
                turn += 1
                package.publish(lines(64, turn % TURNS + 1))
            page.keyboard.press("ArrowDown")
            page.mouse.wheel(0, 20 if sent % 4 else -20)
            sent += 2
            page.wait_for_timeout(60)
        page.wait_for_timeout(2000)
        seen, waits, slow = page.evaluate(SEEN), sorted(page.evaluate("input")), page.evaluate("slow")
        page.context.close()
    whole = [each for each in seen if each["boxes"] == 64]
    drawn = sorted(each["shown"] - each["time"] for each in whole)
    return [Figure("package_views", "64 canvases: updates drawn whole", len(whole) / turn * 2, "1/s", ">= 1.9",
                   f"{turn} published in {seconds:.0f} s"),
            Figure("package_views", "64 canvases: published until all are drawn (median)",
                   statistics.median(drawn) if drawn else 0.0, "ms"),
            Figure("package_views", "64 canvases: input that was handled", 100 * len(waits) / sent, "%", ">= 100",
                   f"{sent} keys and turns of the wheel"),
            Figure("package_views", "64 canvases: input waits (95 of 100)", waits[int(len(waits) * 0.95)], "ms", "",
                   f"median {statistics.median(waits):.1f}, most {waits[-1]:.0f} ms"),
            Figure("package_views", "64 canvases: long tasks", len(slow), "", "",
                   f"of more than 50 ms; the longest {max(slow, default=0):.0f} ms")]


def an_hour(browser: Browser, updates: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        package = dvic_log.Package("hour", period=0, directory=str(start(rig).logs))
        package.publish(lines(40, 0))
        there(rig, package)
        page = opened(browser, rig, "hour")
        debugger = page.context.new_cdp_session(page)
        hub, _ = start_watch(rig.hub.pid)

        def heap() -> float:
            debugger.send("HeapProfiler.collectGarbage")
            return debugger.send("Runtime.getHeapUsage")["usedSize"] / 2**20

        held, begun = {}, time.monotonic()
        for turn in range(1, updates + 1):
            package.publish(lines(40, turn % TURNS))
            until(lambda: rig.request("GET", "/api/v1/packages/hour")[1]["serial"] == package.serial, "it is there")
            if turn in (updates // 4, updates):
                page.wait_for_timeout(1000)
                held[turn] = (heap(), hub.pss() / 2**20)
                page.evaluate("seen.length = 0")
        spent = time.monotonic() - begun
        page.context.close()
    (heap_first, hub_first), (heap_last, hub_last) = held[updates // 4], held[updates]
    return [Figure("package_views", "an hour: memory of the hub grows by (PSS)", hub_last - hub_first, "MiB", "<= 10",
                   f"{hub_first:.0f} MiB after {updates // 4} updates, {hub_last:.0f} after {updates}; {spent:.0f} s"),
            Figure("package_views", "an hour: heap of the page grows by", heap_last - heap_first, "MiB", "<= 5",
                   f"{heap_first:.1f} MiB, then {heap_last:.1f}")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--browsers", type=int, default=5)
    parser.add_argument("--updates", type=int, default=3600)
    given = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        figures = picked_up(browser, given.seconds) + many_canvases(browser, given.seconds)
        figures += an_hour(browser, given.updates)
        browser.close()
        figures += many_browsers(driver, given.browsers, given.seconds)
    tell(figures)


if __name__ == "__main__":
    main()
