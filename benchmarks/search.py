"""A word in 5 million stored log records: time, and bytes a record, beside SQLite's FTS5 and grep.

    python benchmarks/search.py [--records 5000000] [--repeats 5]

The same records of 271 bytes (log_records.py) of 50 nodes, three times: in the hub's store, put in as batches come and
joined into blocks as the hub does when it is quiet; in an FTS5 table (its default tokenizer, one row a record with the
same members, filled in large transactions, `optimize`d); and as JSON lines in one file for `grep -iF` (LC_ALL=C, its
fast way). All files are in the page cache. Sought are a word that 25 records hold, one that none holds, one that
stands in every fourth, and two characters that none holds, where no index helps. Ours and FTS5 give the newest 100,
grep reads all. The store and FTS5 work in this one process, on one core. FTS5 finds whole words only; the store and
grep find parts of words too.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import apsw
from log_records import RECORD_BYTES, records
from processes import need
from report import Figure, tell

from dvic_hub.domain.decoding import decode_batch
from dvic_hub.domain.model import LogQuery, Node
from dvic_hub.services.ingest import incoming
from dvic_hub.store.sqlite import SqliteStore

NODES = 50
BATCH = 100
RARE, RARE_RECORDS = "quenchstop", 25
ABSENT = "nevermentioned"
COMMON = "calibration"
SHORT = "@@"
PAGE = 100
LOAD_CORE = 1


def made(job: tuple[int, int, int, str]) -> list[tuple[str, bytes]]:
    """Some batches (node and frame), whose records are also appended to a file: (first, count, every, file)."""
    first, count, every, file = job
    frames = []
    with open(file, "w") as lines:
        for start in range(first, first + count, BATCH):
            part = list(records(start, min(BATCH, first + count - start)))
            for record in part:
                if record["fields"]["n"] % every == every // 2:
                    record["message"] = f"{RARE} {record['message']}"[:len(record["message"])]
            node, place = f"n-{start // BATCH % NODES}", start // BATCH // NODES
            message = {"kind": "batch", "stream": "journal", "source": "journal", "from_cursor": str(place or ""),
                       "to_cursor": str(place + 1), "records": part}
            frames.append((node, zlib.compress(json.dumps(message, separators=(",", ":")).encode(), 1)))
            lines.writelines(json.dumps({"node": node, **record}, separators=(",", ":")) + "\n" for record in part)
    return frames


def all_made(folder: Path, total: int) -> Iterator[tuple[str, bytes]]:
    """Every batch in order; the lines are in one file afterwards."""
    step = 50_000
    jobs = [(first, min(step, total - first), total // RARE_RECORDS, str(folder / f"part-{first:09}"))
            for first in range(0, total, step)]
    with ProcessPoolExecutor(2) as pool, (folder / "lines").open("wb") as lines:
        for job, frames in zip(jobs, pool.map(made, jobs), strict=True):
            yield from frames
            part = Path(job[3])
            lines.write(part.read_bytes())
            part.unlink()


async def fill_store(path: Path, folder: Path, total: int) -> tuple[float, int]:
    """Returns the seconds that joining took, and the bytes in use afterwards."""
    store = SqliteStore(path)
    await store.open()
    for number in range(NODES):
        await store.nodes.add(Node(f"n-{number}", f"node-{number}", b"key"))
    waiting: list[asyncio.Future] = []
    for node, frame in all_made(folder, total):
        batch = incoming(node, decode_batch(zlib.decompress(frame)), frame)
        waiting.append(asyncio.ensure_future(store.streams.commit(batch)))
        if len(waiting) == 200:
            assert all(verdict.accepted for verdict in await asyncio.gather(*waiting))
            waiting.clear()
    await asyncio.gather(*waiting)
    began = time.perf_counter()
    while await store.streams.compact():
        pass
    joining = time.perf_counter() - began
    used = (await store.sizes())["used"]
    await store.close()
    return joining, used


async def search_store(path: Path, repeats: int) -> dict[str, tuple[float, int]]:
    """Seconds and records found, by word."""
    store = SqliteStore(path)
    await store.open()
    found = {}
    for word in (RARE, ABSENT, COMMON, SHORT):
        times = []
        for _ in range(repeats + 1):
            began = time.perf_counter()
            page = await store.streams.search(LogQuery(grep=word, limit=PAGE))
            times.append(time.perf_counter() - began)
        found[word] = statistics.median(times[1:]), len(page.items)
    await store.close()
    return found


def fill_fts(path: Path, lines: Path) -> float:
    """Returns the seconds that it took."""
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE VIRTUAL TABLE log USING fts5(time UNINDEXED, node UNINDEXED, level UNINDEXED, "
                       "unit UNINDEXED, message, rest UNINDEXED)")
    began = time.perf_counter()
    with lines.open("rb") as file:
        while some := file.readlines(8 * 1024 * 1024):
            with connection:
                connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", map(_fts_row, some))
    connection.execute("INSERT INTO log (log) VALUES ('optimize')")
    connection.close()
    return time.perf_counter() - began


def _fts_row(line: bytes) -> tuple:
    record = json.loads(line)
    columns = [record.pop(name) for name in ("time", "node", "level", "unit", "message")]
    return *columns, json.dumps(record, separators=(",", ":"))


def search_fts(path: Path, repeats: int) -> dict[str, tuple[float, int]]:
    connection = apsw.Connection(str(path))
    found = {word: timed(lambda word=word: len(connection.execute(
        "SELECT * FROM log WHERE log MATCH ? ORDER BY rowid DESC LIMIT ?", (word, PAGE)).fetchall()), repeats)
        for word in (RARE, ABSENT, COMMON)}
    connection.close()
    return found


def search_grep(lines: Path, repeats: int) -> dict[str, tuple[float, int]]:
    program = need("grep", "grep")

    def grep(word: str) -> int:
        done = subprocess.run([program, "-ciF", word, str(lines)], env={"LC_ALL": "C"}, capture_output=True, text=True)
        return int(done.stdout)

    return {word: timed(lambda word=word: grep(word), repeats) for word in (RARE, ABSENT, COMMON, SHORT)}


def timed(work: Callable[[], int], repeats: int) -> tuple[float, int]:
    """Median seconds of `repeats` after a first one that is not counted, and what came out."""
    times, answer = [], work()
    for _ in range(repeats):
        began = time.perf_counter()
        answer = work()
        times.append(time.perf_counter() - began)
    return statistics.median(times), answer


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=5_000_000)
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    total = given.records
    with tempfile.TemporaryDirectory(dir=os.environ.get("DVIC_BENCH_DIR")) as place:
        folder = Path(place)
        joining, used = asyncio.run(fill_store(folder / "dvic.db", folder, total))
        filling = fill_fts(folder / "fts.db", folder / "lines")
        os.sched_setaffinity(0, {LOAD_CORE})
        ours = asyncio.run(search_store(folder / "dvic.db", given.repeats))
        fts = search_fts(folder / "fts.db", given.repeats)
        grep = search_grep(folder / "lines", given.repeats)
        sizes = {"fts": (folder / "fts.db").stat().st_size, "lines": (folder / "lines").stat().st_size}
    for word in (RARE, ABSENT):
        if not ours[word][1] == fts[word][1] == grep[word][1] == (RARE_RECORDS if word == RARE else 0):
            raise SystemExit(f"{word}: {ours[word][1]}, {fts[word][1]} and {grep[word][1]} records found")
    figures = [
        Figure("search", "bytes a record", used / total, "B", "<= 50",
               f"{total:,} records of {RECORD_BYTES} B of JSON, all indexes included"),
        Figure("search", "bytes a record, FTS5", sizes["fts"] / total, "B"),
        Figure("search", "bytes a record, JSON lines", sizes["lines"] / total, "B"),
    ]
    for word, what in ((RARE, f"a word in {RARE_RECORDS} records"), (ABSENT, "a word in none"),
                       (COMMON, "a common word, newest 100")):
        figures += [Figure("search", what, ours[word][0] * 1000, "ms"),
                    Figure("search", f"{what}, FTS5", fts[word][0] * 1000, "ms"),
                    Figure("search", f"{what}, grep", grep[word][0] * 1000, "ms", "", "reads all, in the page cache")]
    for name, found in (("", ours), (", grep", grep)):
        figures.append(Figure("search", f"two characters in none{name}", found[SHORT][0] * 1000, "ms", "",
                              f"{total / found[SHORT][0] / 1e6:.1f} million records a second"))
    figures += [Figure("search", "records joined into blocks", total / joining, "1/s", "", "when the hub is quiet"),
                Figure("search", "records taken in by FTS5", total / filling, "1/s", "", "JSON parsing included")]
    tell(figures)


if __name__ == "__main__":
    main()
