"""Metrics and demo states out of the database. Every function runs inside one read transaction."""

import fnmatch
import logging
import math
import re
from functools import cache

import apsw
import msgspec

from dvic_hub.domain.blocks import DamagedBlock
from dvic_hub.domain.decoding import Kind
from dvic_hub.domain.glance import Glance
from dvic_hub.domain.metric_blocks import Sample, Wanted
from dvic_hub.domain.model import Series
from dvic_hub.domain.record_types import MAX_TIME

from . import schema
from .sqlite_reading import number_of, samples

log = logging.getLogger(__name__)

MICROSECONDS = 1_000_000

_FIGURES = msgspec.json.Decoder(tuple[float | None, ...])


def series(connection: apsw.Connection, nodes: list[str], names: list[str], since: int, until: int,
           step: int) -> list[Series]:
    """Sorted by node (in the order asked for) and name; times ascend."""
    wanted = cache(re.compile("|".join(map(fnmatch.translate, names))).match) if names else None
    until = until or MAX_TIME
    found: list[Series] = []
    for node in dict.fromkeys(nodes):
        columns: dict[str, list[tuple[int, float]]] = {}
        for day in schema.days(connection):
            for time, values in _samples(connection, day, node, since, until, wanted):
                for name, value in values.items():
                    if wanted is None or wanted(name):
                        columns.setdefault(name, []).append((time, value))
        for name, points in sorted(columns.items()):
            points.sort(key=lambda point: point[0])
            times, values = _means(points, step) if step > 0 else ([at for at, _ in points], [of for _, of in points])
            found.append(Series(node, name, times, values))
    return found


def latest(connection: apsw.Connection, node: str) -> dict:
    """{time, values} of the newest sample, {} when there is none."""
    rows = connection.execute("SELECT time, body FROM latest WHERE node = ?", (node,)).fetchall()
    return {"time": rows[0][0], "values": msgspec.json.decode(rows[0][1])} if rows else {}


def glances(connection: apsw.Connection, after: int) -> list[Glance]:
    """Those whose newest sample was stored after the number `after`."""
    rows = connection.execute("SELECT node, number, time, figures, minute, history FROM glance WHERE number > ?",
                              (after,))
    return [Glance(node, number, time, _FIGURES.decode(figures), minute, history)
            for node, number, time, figures, minute, history in rows]


def demos(connection: apsw.Connection, node: str) -> list[dict]:
    """The newest known state of each, with the time at which it was told."""
    return [{"time": time, **msgspec.json.decode(body)} for time, body in connection.execute(
        "SELECT time, body FROM demo WHERE node = ? ORDER BY file", (node,))]


def _samples(connection: apsw.Connection, day: str, node: str, since: int, until: int,
             wanted: Wanted | None) -> list[Sample]:
    number = number_of(connection, day, node)
    rows = connection.execute(
        f"SELECT id, codec, bytes FROM metrics_{day} WHERE node = ? AND kind = ? AND last >= ? AND first <= ? "  # noqa: S608
        "ORDER BY last", (number, int(Kind.HARDWARE), since, until)) if number else ()
    found = []
    for id, codec, data in rows:
        try:
            found += [(time, values) for time, values in samples(codec, data, wanted) if since <= time <= until]
        except DamagedBlock as error:
            log.error("metrics %d of %s are left out: %s", id, day, error)
    return found


def _means(points: list[tuple[int, float]], step: int) -> tuple[list[int], list[float]]:
    """Each bucket has the time at which it begins."""
    buckets: dict[int, list[float]] = {}
    width = step * MICROSECONDS
    for time, value in points:
        buckets.setdefault(time // width * width, []).append(value)
    return list(buckets), [math.fsum(values) / len(values) for values in buckets.values()]
