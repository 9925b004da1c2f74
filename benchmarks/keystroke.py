"""How long a key takes from hubctl through hub, agent and terminal, and its echo back: all of it on this machine.

    python benchmarks/keystroke.py [--keys N]

A key is typed after the echo of the one before; `cat` in the terminal leaves the echoing to the kernel's line
discipline, so what is measured is DVIC's own way, there and back. Beside it: a bare pseudo-terminal, without DVIC.
"""

import argparse
import asyncio
import os
import pty
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from report import Figure, tell
from rig import Rig

from hubctl.client import Client
from hubctl.terminal_link import TerminalLink

GOAL = "<= 20"
"""Milliseconds at the median."""


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


def figures(way: str, times: list[float], goal: str = "") -> list[Figure]:
    ordered = sorted(times)
    return [Figure("keystroke", f"{way}: median", statistics.median(ordered), "ms", goal, f"{len(times)} keys"),
            Figure("keystroke", f"{way}: 99 of 100 keys within", ordered[int(len(ordered) * 0.99)], "ms")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1000)
    keys = parser.parse_args().keys
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        rig.start_hub()
        rig.new_agent("ada").start().online()
        status, session = rig.request("POST", "/api/v1/sessions", {"node": "ada", "argv": ["cat"]})
        assert status == 201, session
        ours = asyncio.run(through_dvic(rig, session["id"], keys))
    tell([*figures("hubctl to node and back", ours, GOAL), *figures("a bare pseudo-terminal", through_a_pty(keys))])


if __name__ == "__main__":
    main()
