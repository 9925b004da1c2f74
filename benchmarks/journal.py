"""From a journal file to committed at the hub, beside `journalctl -o json` reading the same file.

    python benchmarks/journal.py [--entries 200000] [--rounds 3]

The file is made by systemd-journal-remote, systemd's own writer. The clock runs from the start of the agent's process
until the hub holds every entry (FULL commit), counted afterwards at the hub; journalctl's from its start to its end.
The two take turns. The agent runs on one core, the hub on the other.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import journal_file
from processes import need
from report import Figure, tell
from rig import Rig, until


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--entries", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "journal"
        folder.mkdir()
        file = journal_file.make(folder, given.entries)
        ours, theirs = [], []
        for number in range(given.rounds):
            theirs.append(given.entries / journalctl(file))
            rig_folder = Path(place) / f"round-{number}"
            rig_folder.mkdir()
            ours.append(given.entries / dvic(rig_folder, folder, given.entries))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    tell([
        Figure("journal", "journal file to committed at the hub", statistics.median(ours), "entries/s"),
        Figure("journal", "journalctl -o json >/dev/null", statistics.median(theirs), "entries/s"),
        Figure("journal", "ratio", statistics.median(ratios), "times", ">= 1.5",
               f"of each round: {', '.join(f'{ratio:.2f}' for ratio in ratios)}; {given.entries} entries, all there"),
    ])


def journalctl(file: Path) -> float:
    began = time.monotonic()
    subprocess.run([need("journalctl", "systemd"), "-o", "json", "--file", file], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def dvic(folder: Path, journal: Path, entries: int) -> float:
    """Seconds until all is committed."""
    with Rig(folder, core=1) as rig:
        rig.start_hub()
        agent = rig.new_agent("reader", f'[journal]\nfolder = "{journal}"\n[hardware]\nenabled = false\n'
                                        "[demos]\nenabled = false", core=0)
        began = time.monotonic()
        agent.start(executor=False)
        until(lambda: records(rig) >= entries, f"{entries} entries at the hub", 300)
        elapsed = time.monotonic() - began
        held = sum(1 for item in rig.logs("&source=journal"))
        if held != entries:
            raise SystemExit(f"{held} entries are stored, {entries} were in the journal")
    return elapsed


def records(rig: Rig) -> int:
    """Records that the hub has committed, by its own counter."""
    status, text = rig.request("GET", "/metrics")
    if status != 200:
        raise SystemExit(f"/metrics answers {status}: {text}")
    return int(sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("dvic_store_records_total")))


if __name__ == "__main__":
    main()
