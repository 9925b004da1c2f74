"""What the steady agent costs: memory (PSS) and CPU at its default period, beside others that watch a machine.

    python benchmarks/agent.py [--seconds 120]

The agent runs as on any machine: the machine's journal (or, without one, an empty one), log files, hardware and demo
processes, connected to a real hub. Its peers do about the same at the same period (see peers/collectors.py). All run
at the same time, so that they see the same machine. Settling (imports, the journal's past) is not counted.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from peers.collectors import PEERS
from processes import Program
from report import Figure, tell
from rig import Rig

PERIOD = 10.0
SETTLE = 30.0
MIB = 1024 * 1024


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=120, help="how long to watch")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Rig(folder) as rig:
            rig.start_hub()
            agent = rig.new_agent("steady").start().online()
            watched, askers = [Program("dvic-agent", agent.agent.popen)], []
            try:
                for peer in PEERS:
                    home = folder / peer.__name__
                    home.mkdir()
                    program, asker = peer(home, PERIOD)
                    watched.append(program)
                    askers.append(asker)
                time.sleep(SETTLE)
                figures = watch(watched, given.seconds)
            finally:
                for asker in filter(None, askers):
                    asker.stop()
                for program in watched[1:]:
                    program.stop()
    tell(figures)


def watch(programs: list[Program], seconds: float) -> list[Figure]:
    """PSS at the end and CPU over `seconds` of each."""
    before = {program.name: program.cpu() for program in programs}
    began = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    figures = []
    for program in programs:
        ours = program.name == "dvic-agent"
        if program.process.poll() is not None:
            raise SystemExit(f"{program.name} has ended")
        figures += [
            Figure("agent", f"{program.name}: memory (PSS)", program.pss() / MIB, "MiB", "<= 35" if ours else "",
                   f"private {program.private() / MIB:.1f} MiB"),
            Figure("agent", f"{program.name}: CPU", (program.cpu() - before[program.name]) / elapsed * 100, "%",
                   "<= 0.5" if ours else "", f"of one core, over {elapsed:.0f} s")]
    return figures


if __name__ == "__main__":
    main()
