"""A program that publishes a package by dvic_log until it is told to end: a real process that can be killed."""

import json
import sys
from pathlib import Path

from rig import Process, Rig, RigAgent

_PROGRAM = """
import json, resource, signal, sys, time
import dvic_log

name, size, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
if most:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
package = dvic_log.Package(name, period=0.05)
count = 0
while not ending:
    count += 1
    package.publish({"count": [count], "same": list(range(size))})
    if most and count == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        size *= 4
    time.sleep(0.02)
package.close()
print(json.dumps({"count": count, "serial": package.serial}), flush=True)
"""


class Publisher:
    """Publishes `name` where `agent` looks. `size`: bins of an object that stays as it is; `most`: bytes of a file
    at which the kernel ends the program (SIGXFSZ), in the middle of its second update, which has four times `size`."""

    def __init__(self, rig: Rig, agent: RigAgent, name: str, size: int = 50, most: int = 0):
        self.name = name
        self.process: Process = rig.process([sys.executable, "-c", _PROGRAM, name, str(size), str(most)],
                                            f"publisher-{name}-{len(list(rig.folder.glob('publisher-*')))}")
        self.process.environ = {**rig.environ, "DVIC_LOG_DIR": str(agent.logs)}

    def start(self) -> "Publisher":
        self.process.log.touch()
        self.process.start()
        return self

    def end(self) -> dict:
        """Tell it to end: the count that it published last, and under which serial."""
        assert self.process.stop() == 0, self.process.said()
        return json.loads(self.process.said().splitlines()[-1])


def half_written(folder: Path) -> list[Path]:
    """What publishers began and did not end."""
    return sorted(folder.glob(".dvic_package_*.new"))
