"""A real Chromium, a real hub with the built page, and real agents; each test gets a window of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import CHROMIUM, FLAGS, PASSWORD, PEOPLE, is_fault
from made_once import made_once
from rig import Rig

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install)")

TOP = Path(__file__).parents[2]
PATIENCE = 30_000
"""Milliseconds to wait for what should take a moment."""


@pytest.fixture(scope="session", autouse=True)
def built_page(tmp_path_factory) -> None:
    """The page as this checkout has it."""
    def build(_: Path) -> None:
        done = subprocess.run([TOP / "hub/dashboard/build.sh", "--python", sys.executable], capture_output=True,
                              text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    made_once(tmp_path_factory, "page", build)


@pytest.fixture(scope="session")
def browser() -> Iterator["playwright.Browser"]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def rig(request, tmp_path_factory) -> Iterator[Rig]:
    """A hub with the agents ada and bob, and a user of each role: vera viewer, otto operator, anna admin. What a module
    calls HUB_SETTINGS stands in hub.toml."""
    with Rig(tmp_path_factory.mktemp("rig"), settings=getattr(request.module, "HUB_SETTINGS", "")) as made:
        made.start_hub()
        for name, role in PEOPLE:
            status, answer = made.request("POST", "/api/v1/users", {"name": name, "role": role, "password": PASSWORD})
            assert status == 201, answer
        for name in ("ada", "bob"):
            made.new_agent(name).start().online()
        yield made


Open = Callable[..., "playwright.Page"]


@pytest.fixture
def open_page(browser, rig) -> Iterator[Open]:
    """open_page("/fleet", "otto", width=375, scheme="dark"): a window of its own, signed in as `who` ("" for nobody).

    What a page does that it may not (an error in its console, an exception, a refused file) fails the test.
    """
    contexts, faults = [], []

    def opened(path: str = "/", who: str = "anna", *, width: int = 1280, height: int = 800,
               scheme: str = "light") -> "playwright.Page":
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme,
                                      base_url=rig.url)
        contexts.append(context)
        if who:
            answer = context.request.post("/api/v1/session", data={"user": who, "password": PASSWORD},
                                          headers={"Origin": rig.url})
            assert answer.ok, answer.text()
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        playwright.expect.set_options(timeout=PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
        page.goto(path)
        return page

    opened.faults = faults
    yield opened
    for context in contexts:
        context.close()
    assert not faults, faults


@pytest.fixture(scope="session")
def screens() -> Path | None:
    """Where pictures go, when DVIC_SCREENS names a folder."""
    return Path(os.environ["DVIC_SCREENS"]) if os.environ.get("DVIC_SCREENS") else None
