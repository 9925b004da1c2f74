"""A small detector that is not there: eight channels in two crates and 96 modules, whose plots move while one looks.

    python examples/detector/simulation.py                      # until Ctrl-C, an update a second
    python examples/detector/simulation.py --updates 3 --seed 7 # three updates, the same ones each time

It publishes two packages by dvic_log: `readout` (histograms, a map, a profile) and `modules` (states, graphs over
time). How they are laid out is written in readout.xml and modules.xml beside this file. It needs nothing but dvic_log.
"""

import argparse
import math
import random
import time
from pathlib import Path

import dvic_log

HERE = Path(__file__).parent
CRATES, CHANNELS, BINS, HIGHEST = 2, 4, 100, 50.0
ROWS, COLUMNS = 8, 12
OFF, GOOD, WARM, TRIPPED = 0, 1, 2, 3
KEPT = 300
"""Points of the graphs over time."""

NO_FLOW = {"underflow": False, "overflow": False}
TRIGGERS = ("cosmic", "laser", "pulser", "random")


def regular(bins, low, high, label):
    return {"type": "regular", "bins": bins, "lower": low, "upper": high, "underflow": True, "overflow": True,
            "circular": False, "metadata": {"label": label}}


def histogram(title, axes, **storage):
    return {"uhi_schema": 1, "metadata": {"title": title}, "writer_info": {}, "axes": axes, "storage": storage}


def bin_of(value, high, bins):
    """With a bin below and one above."""
    return min(max(int(value / high * bins) + 1, 0), bins + 1)


class Detector:
    """`step(now)` lets it measure for a while; `readout()` and `modules()` are what it shows then."""

    def __init__(self, seed, events):
        self._chance, self._events = random.Random(seed), events  # noqa: S311 (nothing is secret here)
        self._charge = [[0] * (BINS + 2) for _ in range(CRATES * CHANNELS)]
        self._map = [[0] * 42 for _ in range(42)]
        self._sums = [(0, 0.0, 0.0)] * (CRATES * CHANNELS)
        self._triggers = [0] * len(TRIGGERS)
        self._states = [[GOOD] * ROWS for _ in range(COLUMNS)]
        self._hits = [0] * (ROWS * COLUMNS)
        self._gain = [self._chance.gauss(1, 0.02) for _ in range(24)]
        self._past = []

    def step(self, now):
        for _ in range(self._events):
            self._event()
        for place in range(24):
            self._gain[place] += self._chance.gauss(0, 0.001)
        column, row = self._chance.randrange(COLUMNS), self._chance.randrange(ROWS)
        self._states[column][row] = self._chance.choices((OFF, GOOD, WARM, TRIPPED), (1, 12, 3, 1))[0]
        warmth = 22 + 3 * math.sin(now / 60) + self._chance.gauss(0, 0.1)
        self._past = [*self._past[1 - KEPT:], (now, self._chance.gauss(120, 6), warmth)]

    def _event(self):
        channel = self._chance.randrange(CRATES * CHANNELS)
        noise = self._chance.random() > 0.8
        charge = self._chance.expovariate(0.1) if noise else self._chance.gauss(18 + 2 * channel, 3)
        drift = self._chance.expovariate(1 / (5 + charge / 4))
        self._charge[channel][bin_of(charge, HIGHEST, BINS)] += 1
        self._map[bin_of(drift, 40, 40)][bin_of(charge, HIGHEST, 40)] += 1
        count, mean, squares = self._sums[channel]
        self._sums[channel] = (count + 1, mean + (charge - mean) / (count + 1),
                               squares + (charge - mean) * (charge - mean - (charge - mean) / (count + 1)))
        self._triggers[min(3, int(self._chance.expovariate(1.2)))] += 1
        self._hits[self._chance.randrange(ROWS * COLUMNS)] += 1

    def readout(self):
        objects = {}
        for channel, counts in enumerate(self._charge):
            name = f"crate{channel // CHANNELS + 1}/charge ch{channel % CHANNELS + 1}"
            axis = regular(BINS, 0.0, HIGHEST, "charge [pC]")
            title = f"Charge, crate {channel // CHANNELS + 1} channel {channel % CHANNELS + 1}"
            objects[name] = histogram(title, [axis], type="int", values=counts)
        axes = [regular(40, 0.0, 40.0, "drift time [us]"), regular(40, 0.0, HIGHEST, "charge [pC]")]
        objects["charge against time"] = histogram("Charge against drift time", axes, type="int", values=self._map)
        axis = {**regular(CRATES * CHANNELS, 0.5, CRATES * CHANNELS + 0.5, "channel"), **NO_FLOW}
        objects["mean charge by channel"] = histogram(
            "Mean charge", [axis], type="mean", counts=[count for count, _, _ in self._sums],
            values=[mean for _, mean, _ in self._sums],
            variances=[squares / max(1, count - 1) for count, _, squares in self._sums])
        axis = {"type": "category_str", "categories": list(TRIGGERS), "flow": False, "metadata": {"label": "trigger"}}
        objects["triggers"] = histogram("Triggers", [axis], type="int", values=self._triggers)
        return objects

    def modules(self):
        times = [moment for moment, _, _ in self._past]
        axes = [{**regular(COLUMNS, 0.0, COLUMNS, "column"), **NO_FLOW}, {**regular(ROWS, 0.0, ROWS, "row"), **NO_FLOW}]
        return {
            "states": histogram("State of each module", axes, type="int", values=self._states),
            "hits": (self._hits, list(range(ROWS * COLUMNS + 1))),
            "gain": dvic_log.graph(list(range(1, 25)), self._gain, y_errors=0.01, title="Gain", x_label="module",
                                   y_label="gain"),
            "rate": dvic_log.graph(times, [rate for _, rate, _ in self._past], kind="time", title="Rate"),
            "temperature": dvic_log.graph(times, [warmth for _, _, warmth in self._past], kind="time",
                                          title="Temperature"),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=0, help="how many (0: without end)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two updates")
    parser.add_argument("--events", type=int, default=400, help="events from one update to the next")
    parser.add_argument("--seed", type=int, help="the same detector each time")
    parser.add_argument("--directory", help="where the packages' files are written (/tmp)")
    wanted = parser.parse_args()
    detector = Detector(wanted.seed, wanted.events)
    readout = dvic_log.Package("readout", title="Read-out", layout=HERE / "readout.xml", directory=wanted.directory)
    modules = dvic_log.Package("modules", title="Modules", layout=HERE / "modules.xml", directory=wanted.directory)
    done = 0
    try:
        while not wanted.updates or done < wanted.updates:
            if done:
                time.sleep(wanted.pause)
            detector.step(time.time())
            readout.publish(detector.readout())
            modules.publish(detector.modules())
            done += 1
    except KeyboardInterrupt:
        pass
    readout.close()
    modules.close()


if __name__ == "__main__":
    main()
