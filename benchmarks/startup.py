"""How long people wait for hubctl as it is installed, on booted Debian machines, beside the one plain file.

    python benchmarks/startup.py [--rounds 20]

Needs root and what `install/test.sh` installs: it builds the packages (DVIC_BUNDLE, DVIC_BUILD_VENV: see
tests/support/debs.py) and boots a machine of each suite, with a hub and one node on it. A round starts each of the
commands once, so that they see the same machine; the median of the rounds is told. A bare `python3 -c pass` shows how
fast the machine is.
"""

import argparse
import re
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from debs import build_debs, built
from machine import SUITES, Machine
from one_machine import enrol, install, shell
from report import Figure, tell

GOALS = {"hubctl --version": "<= 0.25", "hubctl nodes": "<= 0.5"}
COMMANDS = (*GOALS, "/root/hubctl --version", "/root/hubctl nodes", "python3 -c pass")

ROUNDS = """
import os, subprocess, sys, time
os.environ["HOME"] = "/root"
for number in range(int(sys.argv[1]) + 2):
    for command in sys.argv[2:]:
        began = time.monotonic()
        subprocess.run(command.split(), check=True, stdout=subprocess.DEVNULL)
        if number > 1:  # the first two only bring the files into memory
            print(command, time.monotonic() - began, sep=": ")
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=20, help="how often each is started")
    given = options.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as place:
        debs = build_debs(Path(place))
        plain = built(Path(place) / "plain", "binary", "dvic-hub-*")
        for suite in SUITES:
            with Machine(suite) as machine:
                install(machine, debs.agent, debs.hub)
                machine.put(plain, "/root/hubctl")
                enrol(machine)
                figures += measured(machine, suite, given.rounds)
    tell(figures)


def measured(machine: Machine, suite: str, rounds: int) -> list[Figure]:
    """The median of each command on one machine."""
    machine.write("/root/rounds.py", ROUNDS)
    arguments = " ".join(f"'{command}'" for command in COMMANDS)
    said = shell(machine, f"python3 /root/rounds.py {rounds} {arguments}", timeout=60 + 10 * rounds)
    figures = []
    for command in COMMANDS:
        taken = [float(text) for text in re.findall(rf"^{re.escape(command)}: (.+)$", said, re.M)]
        shown = command.replace("/root/hubctl", "plain file:")
        figures.append(Figure("startup", f"{suite}: {shown}", statistics.median(taken), "s", GOALS.get(command, ""),
                              f"of {len(taken)}: {min(taken):.3f} to {max(taken):.3f}"))
    return figures


if __name__ == "__main__":
    main()
