"""axe-core in a page that is open: what people with a keyboard, a screen reader or weak eyes would stumble over."""

import subprocess
import sys
from functools import cache
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "hub" / "dashboard"
STUMBLES = ("serious", "critical")

_RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map((found) => ({
    impact: found.impact, id: found.id, help: found.help,
    where: found.nodes.slice(0, 5).map((node) => node.target.join(" ") + ": " + node.failureSummary),
}))"""


@cache
def fetch_tools() -> None:
    """Fetch what only tests need, as package-lock.json has it."""
    done = subprocess.run([DASHBOARD / "build.sh", "--python", sys.executable, "--tools"], capture_output=True,
                          text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def source() -> str:
    """The library's text."""
    fetch_tools()
    return (DASHBOARD / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def stumbles(page) -> list[str]:
    """What axe finds serious or critical; the page's policy of contents stays in force meanwhile."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(source())
    return [f"{found['impact']}: {found['id']}: {found['help']}\n" + "\n".join(found["where"])
            for found in page.evaluate(_RUN) if found["impact"] in STUMBLES]
