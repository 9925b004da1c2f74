"""What fifty packages of forty histograms, updated each second, cost agent and hub, and how soon they are with viewers.

    python benchmarks/packages.py [--seconds N] [--packages N] [--viewers N]

One program publishes them by dvic_log (30 of 200 bins and 10 of 100 x 100 each, all of them other numbers each time); a
real agent reads them, a real hub keeps them, and viewers hear the live stream with all data. A viewer here takes the
bytes and looks at the time of each update; what a browser makes of them is its own work. All share the machine's
cores, so what is late may be late for want of them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from processes import Program
from report import Figure, tell
from rig import Rig, until

WITHIN = "<= 500"
"""Milliseconds from publishing to the viewer, at the median."""

HALF_A_CORE = "<= 50"

PUBLISHER = """
import random, sys, time
import dvic_log
folder, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
source = random.Random(1)
lines = [[source.choice((0, 0, 1, 2, 5, 17, 130)) for _ in range(200)] for _ in range(61)]
maps = [[source.choices((0, 0, 0, 1, 2, 5, 17), k=100) for _ in range(100)] for _ in range(21)]
made = [dvic_log.Package(f"p{number}", directory=folder) for number in range(count)]
turn, due, late = 0, time.monotonic(), 0
end = due + seconds
while due < end:
    for number, package in enumerate(made):
        rest = due + number / count - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        objects = {f"line/{each}": lines[(each + turn + number) % 61] for each in range(30)}
        objects.update((f"map/{each}", maps[(each + turn + number) % 21]) for each in range(10))
        package.publish(objects)
    turn, due = turn + 1, due + 1
    late = max(late, time.monotonic() - due)
print(sum(package.serial for package in made), round(late, 2))
"""

VIEWER = """
import asyncio, json, re, sys, time
import aiohttp
url, token, seconds, data = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4] == "data"
TIME = re.compile(r'"time":([0-9]+)')
async def main():
    late, size, gaps = [], 0, 0
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer " + token}) as http:
        async with http.ws_connect(url + "/api/v1/stream", max_msg_size=0) as ws:
            await ws.send_json({"subscribe": [{"kinds": ["package"], "data": data}]})
            await ws.receive()
            print("there", flush=True)
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                try:
                    text = (await asyncio.wait_for(ws.receive(), left)).data
                except TimeoutError:
                    break
                now = time.time()
                size += len(text)
                for line in text.split("\\n"):
                    if line.startswith('{"kind":"gap"'):
                        gaps += json.loads(line)["missed"]
                    elif found := TIME.search(line, 0, 600):
                        late.append(round((now - int(found[1]) / 1e6) * 1000, 1))
    print(json.dumps({"late": late, "bytes": size, "gaps": gaps}))
asyncio.run(main())
"""


def measure(packages: int, viewers: int, seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        rig.start_hub()
        ada = rig.new_agent("ada").start(executor=False).online()
        publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(ada.logs), str(packages), str(seconds + 8)],
                                     stdout=subprocess.PIPE, text=True)
        until(lambda: len(rig.request("GET", "/api/v1/packages?limit=1000")[1]["items"]) == packages, "all are there")
        watching = [subprocess.Popen([sys.executable, "-c", VIEWER, rig.url, rig.api_token, str(seconds), "data"],
                                     stdout=subprocess.PIPE, text=True) for _ in range(viewers)]
        for viewer in watching:
            assert viewer.stdout.readline() == "there\n"
        programs = {name: start_watch(pid) for name, pid in (("hub", rig.hub.pid), ("agent", ada.agent.pid))}
        begun, before = time.monotonic(), programs["hub"][0].pss() / 2**20
        heard = [json.loads(viewer.communicate()[0]) for viewer in watching]
        spent = time.monotonic() - begun
        used = {name: 100 * (look.cpu() - first) / spent for name, (look, first) in programs.items()}
        memory = programs["hub"][0].pss() / 2**20
        published, late = publisher.communicate()[0].split()
        database = sum(path.stat().st_size for path in rig.state.glob("dvic.db*")) / 2**20
    times = sorted(each for one in heard for each in one["late"])
    updates = min(len(one["late"]) for one in heard) / spent
    note = f"{packages} packages, {viewers} viewers, {spent:.0f} s; the publisher was at most {late} s late"
    return [
        Figure("packages", "updates a second at each viewer", updates, "1/s", f">= {packages * 0.95:g}", note),
        Figure("packages", "published to the viewer: median", times[len(times) // 2], "ms", WITHIN),
        Figure("packages", "published to the viewer: 99 of 100", times[int(len(times) * 0.99)], "ms"),
        Figure("packages", "missed by viewers", sum(one["gaps"] for one in heard), "updates"),
        Figure("packages", "CPU of the hub", used["hub"], "%", HALF_A_CORE, "of one core"),
        Figure("packages", "CPU of the agent", used["agent"], "%", "", "of one core"),
        Figure("packages", "to each viewer", heard[0]["bytes"] / spent / 2**20, "MiB/s", "", f"{published} updates"),
        Figure("packages", "memory of the hub (PSS)", memory, "MiB", "", f"{before:.0f} MiB at the beginning"),
        Figure("packages", "database", database, "MiB", "", "after it, with its log"),
    ]


def start_watch(pid: int) -> "tuple[Watched, float]":
    """What weighs a process that somebody else started, and its CPU seconds so far."""
    look = Watched(pid)
    return look, look.cpu()


class Watched(Program):
    """A program by its pid."""

    def __init__(self, pid: int):
        super().__init__(str(pid), None)
        self.pid = pid

    @property
    def tree(self) -> list[int]:
        return [self.pid]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--packages", type=int, default=50)
    parser.add_argument("--viewers", type=int, default=5)
    given = parser.parse_args()
    tell(measure(given.packages, given.viewers, given.seconds))


if __name__ == "__main__":
    main()
