"""How long a key takes from hubctl through hub, agent and terminal, and its echo back: all of it on this machine.

    python benchmarks/keystroke.py [--keys N]

A key is typed after the echo of the one before; `cat` in the terminal leaves the echoing to the kernel's line
discipline, so what is measured is DVIC's own way, there and back. Beside it: the same through a bare pseudo-terminal, without DVIC.
"""

import argparse
import asyncio
import json
import os
import pty
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from rig import Rig  # noqa: E402

from hubctl.client import Client  # noqa: E402
from hubctl.terminal_link import TerminalLink  # noqa: E402

GOAL_MS = 20.0


async def through_dvic(rig: Rig, id: str, keys: int) -> list[float]:
    """Milliseconds of each key."""
    context = SimpleNamespace(url=rig.url, token=rig.api_token, ca="")
    times = []
    async with TerminalLink(Client(context), id, size=(80, 24)) as link:
        while not (isinstance(item := await link.next(), dict) and item.get("node") == "here"):
            pass
        await asyncio.sleep(0.5)
        for number in range(keys):
            begun = time.perf_counter()
            await link.type(b"\n" if number % 60 == 59 else b"k")
            while not isinstance(await link.next(), bytes):
                pass
            times.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(0.01)  # a fast typist; what `cat` writes itself after a line is over by then
            while not link.empty():
                await link.next()
    return times


def through_a_pty(keys: int) -> list[float]:
    pid, master = pty.fork()
    if pid == 0:
        os.execvp("cat", ["cat"])
    times = []
    time.sleep(0.3)
    for _ in range(keys):
        begun = time.perf_counter()
        os.write(master, b"k")
        os.read(master, 100)
        times.append((time.perf_counter() - begun) * 1000)
    os.close(master)
    os.waitpid(pid, 0)
    return times


def figures(times: list[float]) -> dict:
    ordered = sorted(times)
    return {"keys": len(times), "median_ms": round(statistics.median(ordered), 2),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2), "max_ms": round(ordered[-1], 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1000)
    keys = parser.parse_args().keys
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        rig.start_hub()
        rig.new_agent("ada").start().online()
        status, session = rig.request("POST", "/api/v1/sessions", {"node": "ada", "argv": ["cat"]})
        assert status == 201, session
        ours = figures(asyncio.run(through_dvic(rig, session["id"], keys)))
    print(json.dumps({"dvic": ours, "bare pty": figures(through_a_pty(min(keys, 1000))), "goal_ms": GOAL_MS}, indent=2))
    return 0 if ours["median_ms"] < GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
