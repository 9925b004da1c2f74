"""One step of a pass, as a program of its own: it logs with dvic_log, and takes a while.

    DVIC_CYCLE=pass-17 python step.py decode msu-mr --seconds 2
    python step.py decode mtvza --fail          # ends with an error, exit code 1
    python step.py download --warn              # ends well, with a warning on the way
"""

import argparse
import sys
import time

import dvic_log

SERVICE = "meteor_m2"
PARTS = 5
"""Messages within a step."""


class NoSignal(Exception):
    """What a decoder says when there is nothing to decode."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("component")
    parser.add_argument("source", nargs="?")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--warn", action="store_true")
    wanted = parser.parse_args()
    log = dvic_log.get_logger(f"step-{wanted.component}", service=SERVICE, component=wanted.component,
                              source=wanted.source)
    try:
        with log:
            for part in range(PARTS):
                time.sleep(wanted.seconds / PARTS)
                log.info("part %d of %d", part + 1, PARTS, percent=100 * (part + 1) // PARTS)
                if wanted.warn and part == 1:
                    log.warning("signal to noise is low", decibels=3.1)
                if wanted.fail and part == 2:
                    raise NoSignal("no sync word in 4096 frames")
    except NoSignal:
        sys.exit(1)


if __name__ == "__main__":
    main()
