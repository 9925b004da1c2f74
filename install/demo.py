"""A small program that logs, as install/try.sh starts it: it pretends to read a detector.

    python install/demo.py            # until it is ended
"""

import itertools
import logging
import random
import signal
import sys
import time

import dvic_log

PERIOD = 2.0
"""Seconds between two readings."""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    # Programs that use logging already need this one line.
    logging.getLogger().addHandler(dvic_log.Handler())
    logging.getLogger("demo").warning("the demo program started")

    readout = dvic_log.get_logger("readout", component="detector")
    try:
        for number in itertools.count(1):
            voltage = round(random.gauss(1.25, 0.02), 3)
            readout.info("reading %d", number, voltage=voltage, counts=random.randrange(900, 1100))  # noqa: S311
            if voltage > 1.28:
                readout.warning("the voltage is high: %.3f V", voltage)
            time.sleep(PERIOD)
    finally:
        dvic_log.info("the demo program ends")


if __name__ == "__main__":
    main()
