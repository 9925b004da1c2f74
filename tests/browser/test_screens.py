"""A picture of every view. `tox -e screens` puts them into docs/screens (DVIC_SCREENS); else they are only drawn."""

import asyncio
import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import exhibition
import pytest
from browsing import PASSWORD
from joined_terminal import open_session
from page_terminal import SCREEN
from PIL import Image
from playwright.sync_api import expect
from probe_debs import make_deb
from rig import Rig, until
from update_crew import Crew

pytestmark = pytest.mark.browser

SATELLITE = Path(__file__).parents[2] / "examples" / "satellite" / "meteor_m2.yaml"
SIMULATION = Path(__file__).parents[2] / "examples/detector/simulation.py"

MOST = 2 * 1024 * 1024
"""Bytes of all pictures together."""

VIEWS = {
    "home": "/", "fleet": "/fleet", "node": "/nodes/detector-2", "logs": "/logs?since=6h", "runs": "/runs",
    "run": "/runs/{run}", "updates": "/updates", "rollout": "/updates/{rollout}",
    "services": "/services", "service": "/services/meteor_m2",
    "alarms": "/alarms",
    "histograms": "/histograms/modules", "histograms-readout": "/histograms/readout",
    "sessions": "/sessions", "session": "/sessions/{session}", "replay": "/sessions/{replay}",
    "measurements": "/measurements?names=cpu.total&range=6h", "enrol": "/enrol", "people": "/people",
    "tokens": "/tokens", "audit": "/audit?actor=admin", "hub": "/hub", "account": "/account",
}
ON_A_PHONE = ("service", "home", "fleet", "node", "logs", "rollout", "histograms", "session")
IN_THE_DARK = ("fleet", "node", "logs", "rollout", "histograms")
WHO = {"/hub": "otto", "/account": "vera"}
"""Who looks, where it is not the admin: she sees the folders of whoever draws, and all the windows of this module."""

NEW_KIOSKS = ("kiosk-cafe", "kiosk-foyer", "kiosk-stairs", "kiosk-tower")
NEWER = "0.2.0"


READOUT = ("printf 'daq status\\n\\n'; for n in 1 2 3 4; do "
           "printf ' channel %s   \\033[32m%s\\033[0m   1.2%s V\\n' $n ok $n; sleep 0.2; done; "
           "printf ' trigger     \\033[1;31mhigh\\033[0m 1.31 V\\n\\n'")
"""What the terminals on show have written."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Iterator[Rig]:
    """The museum's hub, with two machines that are really there."""
    folder = tmp_path_factory.mktemp("museum")
    with ThreadPoolExecutor() as aside:  # the browser's driver has an event loop in this thread
        aside.submit(asyncio.run, exhibition.furnish(folder / "hub" / "dvic.db", time.time())).result()
    with Rig(folder, settings="hardware_period = 1") as made:
        made.start_hub()
        for name, role in (("anna", "admin"), ("otto", "operator"), ("vera", "viewer"), ("guest", "viewer")):
            made.request("POST", "/api/v1/users", {"name": name, "role": role, "password": PASSWORD})
        made.request("POST", "/api/v1/tokens", {"ttl": 86400 * 7, "uses": 12, "tags": {"room": "library"},
                                                "note": "new kiosks in the library"})
        made.request("POST", "/api/v1/api-tokens", {"note": "grafana", "role": "viewer", "ttl": 86400 * 365})
        made.request("POST", "/api/v1/silences", {"selector": "kiosk-garden", "seconds": 86400 * 21,
                                                  "reason": "stored away for the winter"})
        for name in ("daq-1", "daq-2"):
            agent = made.new_agent(name).start().online()
            made.request("PATCH", f"/api/v1/nodes/{name}", {"tags": {"room": "lab", "daq": ""}})
            (agent.logs / "dvic_log_readout").write_text("readout begins\n")
        yield made


@pytest.fixture(scope="module", autouse=True)
def detector(rig) -> None:
    """The packages of examples/detector, after a few seconds."""
    logs = rig.folder / "daq-1" / "logs"
    argv = [sys.executable, str(SIMULATION), "--updates", "30", "--pause", "0.1", "--events", "1000", "--seed", "5"]
    subprocess.run([*argv, "--directory", str(logs)], check=True, timeout=60)
    until(lambda: len(rig.request("GET", "/api/v1/packages")[1]["items"]) == 2, "both packages are there")


@pytest.fixture(scope="module")
def run(rig) -> str:
    """A run that has ended well on two machines."""
    said = rig.hubctl("run", "daq-*", "--reason", "after the power cut", "-o", "json", "--", "sh", "-c",
                      "for n in 1 2 3 4 5; do echo step $n of 5: $(uname -s) ready; done")
    assert said is not None
    return rig.request("GET", "/api/v1/runs")[1]["items"][0]["id"]


@pytest.fixture
def sessions(rig) -> dict[str, str]:
    """A terminal that is open, and one that is over, by their place in VIEWS."""
    made = {"session": open_session(rig, "daq-1", "sh", "-c", f"{READOUT}; exec sh", title="why is the voltage high?"),
            "replay": open_session(rig, "daq-2", "sh", "-c", READOUT, title="readout restarted")}
    until(lambda: rig.request("GET", f"/api/v1/sessions/{made['replay']}")[1]["ended"], "the short one ends")
    return made


@pytest.fixture(scope="module")
def rollout(rig, tmp_path_factory) -> Iterator[str]:
    """An update that has halted: it went well on one machine, and the next one had no room for it."""
    rig.hubctl("release", "add", str(make_deb(tmp_path_factory.mktemp("deb"), "dvic-agent", NEWER)))
    with Crew(rig) as crew:
        for name in NEW_KIOSKS:
            crew.join(name, "0.1.0")
            rig.request("PATCH", f"/api/v1/nodes/{name}", {"tags": {"room": name.removeprefix("kiosk-"), "public": ""}})
        status, made = rig.request("POST", "/api/v1/rollouts", {
            "selector": " or ".join(NEW_KIOSKS), "canary": "1", "soak": 0, "batch": "1", "halt_on_error": True,
            "reason": "the new player needs it"})
        assert status == 201, made
        crew.update("kiosk-cafe")
        crew.fail("kiosk-foyer", crew.take("kiosk-foyer"), "dpkg: no space left on device")
        until(lambda: rig.request("GET", f"/api/v1/rollouts/{made['id']}")[1]["state"] == "halted", "it halts")
        yield made["id"]


@pytest.fixture(scope="module")
def meteor(rig) -> None:
    """The satellite of examples/, after some passes, in the middle of one."""
    rig.hubctl("service", "create", str(SATELLITE))
    sources = ("msu-mr", "mtvza")
    steps = [(part, "") for part in ("connect", "check", "download")]
    steps += [(part, source) for part in ("decode", "extract", "produce") for source in sources]
    steps += [("load", ""), ("archive", "")]
    now = time.time()
    for number, (bad, last) in enumerate((("", 11), ("mtvza", 11), ("", 11), ("", 6))):
        at, events = now - 6000 * (3 - number) - 600, []
        for place, (component, source) in enumerate(steps[:last]):
            about = {"component": component, "source": source, "cycle": f"pass {number + 1}"}
            failed = component == "decode" and source == bad and bad
            if bad and source == bad and component in ("extract", "produce") or bad and not source and place > 2:
                continue
            for word, seconds in (("start", 40), ("fail" if failed else "done", 33 + 7 * place)):
                at += seconds / 2
                if number < 3 or place < last - 1 or word == "start":
                    events.append({**about, "step": word, "time": stamp(min(at, now - 1))})
        status, answer = rig.request("POST", "/api/v1/services/meteor_m2/events", {"events": events})
        assert status == 204, answer
    until(lambda: len(rig.request("GET", "/api/v1/services/meteor_m2")[1]["recent"]) == 4, "four passes are there")


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@pytest.fixture(scope="module")
def pictures(screens, tmp_path_factory) -> Path:
    where = screens or tmp_path_factory.mktemp("screens")
    where.mkdir(parents=True, exist_ok=True)
    return where


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_drawn(open_page, pictures, request, run, rollout, meteor, name):
    shown = request.getfixturevalue("sessions") if VIEWS[name].startswith("/sessions") else {}
    address = VIEWS[name].format(run=run, rollout=rollout, **shown)
    draw(open_page, pictures / f"{name}.png", address)
    if name in IN_THE_DARK:
        draw(open_page, pictures / f"{name}-dark.png", address, scheme="dark")
    if name in ON_A_PHONE:
        draw(open_page, pictures / f"{name}-phone.png", address, width=375, height=740)


def test_all_pictures_together_are_small(pictures):
    assert sum(file.stat().st_size for file in pictures.glob("*.png")) < MOST


def draw(open_page, file: Path, address: str, **look) -> None:
    page = open_page(address, WHO.get(address, "anna"), **look)
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.get_by_text("There is nothing at this address")).to_have_count(0)
    if address.startswith("/nodes/"):
        expect(page.get_by_text("all cores").first).to_be_visible()
    if address.startswith("/histograms/"):
        expect(page.locator(".plot-box").first.locator("g.overlay")).to_be_attached()
        expect(page.locator(".plot-box").nth(1).locator("g.overlay")).to_be_attached()
    if address == "/enrol":
        page.get_by_label("Tags that they get").fill("room=library")
        page.get_by_role("button", name="Make the line").click()
        expect(page.get_by_text("Waiting for")).to_be_visible()
    if address.startswith("/audit"):
        page.get_by_role("row").filter(has_text=re.compile("rollout.create")).first.locator("summary").click()
    if address.startswith("/sessions/"):
        expect(page.locator(SCREEN)).to_contain_text("trigger")
    expect(page.locator(".waiting")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide")))
    small(picture.convert("RGB")).save(file, optimize=True)


def small(picture: Image.Image) -> Image.Image:
    """The picture in 256 colours, a third of the bytes: those that it has most of as they are, others nearly."""
    often = sorted(picture.getcolors(picture.width * picture.height), reverse=True)[:128]
    rest = picture.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).getpalette()[:3 * 128]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(part for _, colour in often for part in colour), *rest])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)
