"""Passes of the satellite, one after the other: starts the program of each step when what it waits for has ended.

    python passes.py                                   # one pass in which all is well
    python passes.py --show                            # makes the service at the hub, and shows each step as it goes
    python passes.py --fail decode/mtvza --warn download --passes 3 --pause 10

`--show` needs a hubctl that is signed in as operator, and an agent on this machine.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dvic_log

HERE = Path(__file__).parent
SERVICE = "meteor_m2"
SOURCES = ("msu-mr", "mtvza")
BEFORE, REPEATED, AFTER = ("connect", "check", "download"), ("decode", "extract", "produce"), ("load", "archive")


class Pass:
    """One pass. `fail`, `warn`: steps as component or component/source."""

    def __init__(self, seconds, fail, warn):
        self.cycle = dvic_log.new_cycle()
        self._seconds, self._fail, self._warn = seconds, fail, warn

    def run(self):
        """All steps in order; returns whether all went well. What depends on a step that failed is not started."""
        for component in BEFORE:
            if self._start(component).wait():
                return False
        running = {source: self._start(REPEATED[0], source) for source in SOURCES}
        good = True
        for component in (*REPEATED[1:], ""):
            ended = {source: program.wait() == 0 for source, program in running.items()}
            good = good and all(ended.values())
            running = {source: self._start(component, source) for source in ended if ended[source] and component}
        return good and not any(self._start(component).wait() for component in AFTER)

    def _start(self, component, source=""):
        step = f"{component}/{source}" if source else component
        argv = [sys.executable, str(HERE / "step.py"), *step.split("/"), "--seconds", str(self._seconds)]
        argv += ["--fail"] if step in self._fail else ["--warn"] if step in self._warn else []
        return subprocess.Popen(argv, env={**os.environ, "DVIC_CYCLE": self.cycle})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passes", type=int, default=1, help="how many (0: without end)")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between two passes")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each step takes")
    parser.add_argument("--fail", action="append", default=[], metavar="STEP", help="let this step fail")
    parser.add_argument("--warn", action="append", default=[], metavar="STEP", help="let this step warn")
    parser.add_argument("--show", action="store_true", help="show each step as the hub sees it")
    wanted = parser.parse_args()
    following = show() if wanted.show else None
    done, bad = 0, 0
    try:
        while not wanted.passes or done < wanted.passes:
            if done:
                time.sleep(wanted.pause)
            bad += not Pass(wanted.seconds, wanted.fail, wanted.warn).run()
            done += 1
        if following:
            time.sleep(4)  # for the cycle's end, which waits a moment for another try
    except KeyboardInterrupt:
        pass
    finally:
        if following:
            following.send_signal(signal.SIGINT)
            following.wait()
    sys.exit(1 if bad else 0)


def show():
    """Make the service, unless it is there, and follow it."""
    there = subprocess.run(["hubctl", "service", "ls", "-o", "name"], stdout=subprocess.PIPE, text=True, check=True)
    if SERVICE not in there.stdout.split():
        subprocess.run(["hubctl", "service", "create", str(HERE / f"{SERVICE}.yaml")], check=True)
    return subprocess.Popen(["hubctl", "service", "follow", SERVICE])


if __name__ == "__main__":
    main()
