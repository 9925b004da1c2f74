"""Every figure, one benchmark after another, and the page that keeps them.

    tox -e bench                          all of them, about twenty minutes on two cores
    tox -e bench -- agent journal         only these
    tox -e bench -- --write               and write what was measured into benchmarks/README.md

Each is a program of its own (`python benchmarks/agent.py --help`). A figure that misses its goal fails nothing: it is
said, here and on the page.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import Figure, show

HERE = Path(__file__).parent
NAMES = ("ingest", "fanout", "journal", "agent", "connections", "heartbeats", "services", "search", "keystroke",
         "startup", "fleet", "packages", "package_views", "libraries")
MARK = "<!-- below this line: written by `tox -e bench -- --write` -->\n"


def main() -> int:
    options = argparse.ArgumentParser(prog="benchmarks", description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none: all")
    options.add_argument("--write", action="store_true", help="put the figures on the page")
    given = options.parse_args()
    unknown = set(given.names) - set(NAMES)
    if unknown:
        options.error(f"there is no benchmark {min(unknown)}; there are {', '.join(NAMES)}")
    failed = []
    with tempfile.TemporaryDirectory() as place:
        lines = Path(place) / "figures.jsonl"
        lines.touch()
        wanted = given.names or NAMES
        for number, name in enumerate(wanted, 1):
            print(f"[{number}/{len(wanted)}] {name} ...", flush=True)
            began = time.monotonic()
            done = subprocess.run([sys.executable, HERE / f"{name}.py"],
                                  env={**os.environ, "DVIC_BENCH_FILE": str(lines)})
            print(f"[{number}/{len(wanted)}] {name}: {time.monotonic() - began:.0f} s", flush=True)
            if done.returncode:
                failed.append(name)
        figures = [json.loads(line) for line in lines.read_text().splitlines()]
    if given.write:
        write(figures)
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def write(measured: list[dict]) -> None:
    """Replace on the page the tables of the benchmarks that were measured, and keep the others."""
    page = HERE / "README.md"
    before, _, after = page.read_text().partition(MARK)
    tables = {part.split("\n", 1)[0]: part for part in after.split("\n## ")[1:]}
    for name in dict.fromkeys(figure["benchmark"] for figure in measured):
        tables[name] = table(name, [figure for figure in measured if figure["benchmark"] == name])
    order = [name for name in NAMES if name in tables]
    page.write_text(before + MARK + "".join(f"\n## {tables[name].rstrip()}\n" for name in order))


def table(name: str, figures: list[dict]) -> str:
    """The benchmark's part of the page, as Markdown."""
    machine = figures[0]["machine"]
    rows = []
    for each in figures:
        figure = Figure(**{key: value for key, value in each.items() if key != "machine"})
        rows.append(f"| {figure.figure} | {show(figure.value)} {figure.unit} | {figure.goal} | {figure.verdict} "
                    f"| {figure.note} |")
    return (f"{name}\n\n{time.strftime('%Y-%m-%d')}, {machine}\n\n"
            "| figure | measured | goal | | how |\n| --- | ---: | --- | --- | --- |\n" + "\n".join(rows) + "\n")


if __name__ == "__main__":
    sys.exit(main())
