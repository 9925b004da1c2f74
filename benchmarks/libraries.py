"""What one log call costs, and one below the level that is set at the hub, beside each language's usual logger.

    python benchmarks/libraries.py [--calls 20000] [--rounds 5]

Each language's program logs the same line with one field to dvic_log and to the usual logger, which writes to a file,
in turn; the median of the rounds is told, after one that warms up. Below the level the usual logger is asked the same.
The shell has no logger within: there it is logger(1), which hands the line to a socket that this program reads.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from report import Figure, tell

TOP = Path(__file__).resolve().parents[1]
HERE = TOP / "benchmarks/libraries"

PYTHON = """
import logging, sys, time
import dvic_log
calls, rounds, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
log, usual = dvic_log.get_logger("bench", service="bench"), logging.getLogger("usual")
file = logging.FileHandler(path); file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
usual.addHandler(file); usual.setLevel("WARNING"); usual.propagate = False
def ours(): log.warning("gain of channel %d is low", 17, gain=0.25)
def theirs(): usual.warning("gain of channel %d is low: %s", 17, 0.25)
def ours_below(): log.debug("gain of channel %d is low", 17, gain=0.25)
def theirs_below(): usual.debug("gain of channel %d is low: %s", 17, 0.25)
for number in range(rounds + 1):
    for call in (ours, theirs, ours_below, theirs_below):
        began = time.perf_counter()
        for _ in range(calls): call()
        if number: print(call.__name__, (time.perf_counter() - began) / calls)
"""

JAVASCRIPT = """
const fs = require('node:fs'), [calls, rounds, path, library] = process.argv.slice(2)
const log = require(library).getLogger('bench', { service: 'bench' })
const usual = new console.Console(fs.createWriteStream(path)), level = 30
const each = {
  ours () { log.warning('gain of channel 17 is low', { gain: 0.25 }) },
  theirs () { usual.warn('%s %s gain of channel %d is low: %s', new Date().toISOString(), 'warning', 17, 0.25) },
  ours_below () { log.debug('gain of channel 17 is low', { gain: 0.25 }) },
  theirs_below () { if (level <= 10) usual.debug('gain of channel %d is low: %s', 17, 0.25) }
}
const run = async () => {
  for (let number = 0; number <= Number(rounds); number++) {
    for (const [name, call] of Object.entries(each)) {
      const began = process.hrtime.bigint()
      for (let i = 0; i < Number(calls); i++) call()
      if (number) console.log(name, Number(process.hrtime.bigint() - began) / 1e9 / calls)
      await new Promise(resolve => setTimeout(resolve, 50)) // the stream writes what the console handed it
    }
  }
}
run()
"""

JAVA = """
import java.util.logging.*;
public class Bench {
    public static void main(String[] a) throws Exception {
        int calls = Integer.parseInt(a[0]), rounds = Integer.parseInt(a[1]);
        org.dvic.log.Logger log = org.dvic.log.DvicLog.logger("bench").of("bench", null, null, null);
        Logger usual = Logger.getLogger("usual"); usual.setUseParentHandlers(false); usual.setLevel(Level.WARNING);
        FileHandler file = new FileHandler(a[2]); file.setFormatter(new SimpleFormatter()); usual.addHandler(file);
        Object[] both = {17, 0.25};
        String[] names = {"ours", "theirs", "ours_below", "theirs_below"};
        Runnable[] each = {() -> log.warning("gain of channel 17 is low", "gain", 0.25),
            () -> usual.log(Level.WARNING, "gain of channel {0} is low: {1}", both),
            () -> log.debug("gain of channel 17 is low", "gain", 0.25),
            () -> usual.log(Level.FINE, "gain of channel {0} is low: {1}", both)};
        for (int number = 0; number <= rounds; number++) for (int which = 0; which < 4; which++) {
            long began = System.nanoTime();
            for (int i = 0; i < calls; i++) each[which].run();
            if (number > 0) System.out.println(names[which] + " " + (System.nanoTime() - began) / 1e9 / calls);
        }
    }
}
"""

SHELL = """
import subprocess, sys, time
calls, rounds, place, library = max(1, int(sys.argv[1]) // 200), int(sys.argv[2]), sys.argv[3], sys.argv[4]
each = {"ours": [library, "warning", "gain of channel 17 is low", "gain=0.25"],
        "theirs": ["logger", "--socket", place, "-p", "user.warning", "gain of channel 17 is low: 0.25"],
        "ours_below": [library, "--service", "bench", "debug", "gain of channel 17 is low", "gain=0.25"]}
for number in range(rounds + 1):
    for name, argv in each.items():
        began = time.perf_counter()
        for _ in range(calls): subprocess.run(argv, check=True)
        if number: print(name, (time.perf_counter() - began) / calls)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--calls", type=int, default=20_000, help="calls a round; in the shell a 200th")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "levels").write_text(json.dumps({"bench": "warning"}))
        (folder / "logs").mkdir()
        figures = []
        for language, usual, argv in programs(folder):
            figures += measured(language, usual, [*map(str, argv)], folder, given.calls, given.rounds)
        tell(figures)


def programs(folder: Path) -> list[tuple[str, str, list]]:
    """(language, its usual logger, argv); {n} stands for calls, rounds and the usual logger's place."""
    classes = folder / "classes"
    (folder / "Bench.java").write_text(JAVA)
    (folder / "bench.cjs").write_text(JAVASCRIPT)
    sources = sorted((TOP / "libraries/java/src/main/java").rglob("*.java"))
    subprocess.run(["javac", "--release", "11", "-d", classes, *sources, folder / "Bench.java"], check=True)
    usual = folder / "usual"
    for name, argv in (("dvic_log.o", ["gcc", "-std=c99", "-c", TOP / "libraries/c/dvic_log.c"]),
                       ("in-c", ["gcc", "-std=c99", "-D_GNU_SOURCE", HERE / "calls.c", folder / "dvic_log.o"]),
                       ("in-cpp", ["g++", "-std=c++17", HERE / "calls.cpp", folder / "dvic_log.o"])):
        subprocess.run([*argv, "-O2", f"-I{TOP / 'libraries/c'}", f"-I{TOP / 'libraries/cpp'}", "-pthread", "-o",
                        folder / name], check=True)
    return [
        ("C", "fprintf and fflush to a file", [folder / "in-c", "CALLS", "ROUNDS", usual]),
        ("C++", "a stream to a file", [folder / "in-cpp", "CALLS", "ROUNDS", usual]),
        ("Python", "logging to a file", [sys.executable, "-c", PYTHON, "CALLS", "ROUNDS", usual]),
        ("JavaScript", "console to a file", ["node", folder / "bench.cjs", "CALLS", "ROUNDS", usual,
                                             TOP / "libraries/javascript"]),
        ("Java", "java.util.logging to a file", ["java", "-cp", classes, "Bench", "CALLS", "ROUNDS", usual]),
        ("shell", "logger(1)", [sys.executable, "-c", SHELL, "CALLS", "ROUNDS", folder / "socket",
                                TOP / "libraries/shell/dvic-log"]),
    ]


def measured(language: str, usual: str, argv: list[str], folder: Path, calls: int, rounds: int) -> list[Figure]:
    """One language's figures, in microseconds a call."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(folder / "socket"))
    threading.Thread(target=_drain, args=(listening,), daemon=True).start()
    argv = [{"CALLS": str(calls), "ROUNDS": str(rounds)}.get(word, word) for word in argv]
    try:
        said = subprocess.run(argv, check=True, capture_output=True, text=True, env={
            **os.environ, "DVIC_LOG_DIR": str(folder / "logs"), "DVIC_LOG_LEVELS": str(folder / "levels")}).stdout
    finally:
        listening.close()
        (folder / "socket").unlink()
    times: dict[str, list[float]] = {}
    for line in said.splitlines():
        name, seconds = line.split()
        times.setdefault(name, []).append(float(seconds) * 1e6)
    middle = {name: statistics.median(values) for name, values in times.items()}
    figures = [Figure("libraries", f"{language}: a call", middle["ours"], "us",
                      note=f"{usual}: {middle['theirs']:.3g} us")]
    beside = f"{usual}: {middle['theirs_below']:.3g} us" if "theirs_below" in middle else ""
    return [*figures, Figure("libraries", f"{language}: below the level", middle["ours_below"], "us", note=beside)]


def _drain(listening: socket.socket) -> None:
    try:
        while listening.recv(65536):
            pass
    except OSError:
        return


if __name__ == "__main__":
    main()
