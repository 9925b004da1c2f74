"""How a benchmark tells its figures: a table for people, and one JSON line a figure for benchmarks/README.md.

    {"benchmark": "ingest", "figure": "records a second", "value": 181000.0, "unit": "1/s", "goal": ">= 150000"}
"""

import json
import operator
import os
import sys
from dataclasses import asdict, dataclass

from processes import machine

_COMPARE = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Figure:
    """One measured number. `goal` is `>= 12` or `<= 35`, "" where there is none; `note` says how it came about."""

    benchmark: str
    figure: str
    value: float
    unit: str
    goal: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """reached, MISSED, or "" without a goal."""
        if not self.goal:
            return ""
        sign, _, bound = self.goal.partition(" ")
        return "reached" if _COMPARE[sign](self.value, float(bound)) else "MISSED"


def tell(figures: list[Figure]) -> None:
    """Print them; with DVIC_BENCH_FILE set, also append their JSON lines to that file."""
    rows = [(f.figure, show(f.value), f.unit, f.goal, f.verdict, f.note) for f in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    print(f"\n{figures[0].benchmark}  ({machine()})")
    for row in rows:
        print(f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}} {row[2]:<{widths[2]}}  {row[3]:<{widths[3]}}  "
              f"{row[4]:<{widths[4]}}  {row[5]}".rstrip())
    sys.stdout.flush()
    if target := os.environ.get("DVIC_BENCH_FILE"):
        with open(target, "a") as file:
            file.writelines(json.dumps({**asdict(f), "machine": machine()}) + "\n" for f in figures)


def show(value: float) -> str:
    """A number as people read it."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
