"""The store under what goes wrong: killed at any moment, and a disk without room."""

import asyncio
import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from batches import all_pages, batch, compact, lines

from dvic_hub.domain.model import Node
from dvic_hub.errors import StoreFull
from dvic_hub.store import sqlite_files
from dvic_hub.store.sqlite import SqliteStore

pytestmark = pytest.mark.faults

WRITER = Path(__file__).parents[1] / "support" / "store_writer.py"
SMALL_DISK = 6 * 1024 * 1024


def run(steps):
    return asyncio.run(steps())


def acknowledged_until_killed(folder, seconds):
    """Let the writer write, kill it, and return how many records of each stream it was told are stored."""
    writer = subprocess.Popen([sys.executable, WRITER, folder, "n-ada"], stdout=subprocess.PIPE, text=True)
    try:
        first = writer.stdout.readline()
        assert first, "the writer has written nothing"
        time.sleep(seconds)
    finally:
        writer.kill()
        said = [first, *writer.stdout.read().splitlines(keepends=True)]
        writer.wait()
        writer.stdout.close()
    return {stream: int(end) for stream, end in (line.split() for line in said if line.endswith("\n"))}


def test_killed_at_any_moment_every_acknowledged_record_is_there_once(tmp_path):
    source = random.Random(11)
    for _ in range(12):
        told = acknowledged_until_killed(tmp_path, source.random() * 0.5)
        assert sqlite_files.check(tmp_path / "dvic.db") == []

        async def look(told=told):
            it = SqliteStore(tmp_path / "dvic.db")
            await it.open()
            cursors = await it.streams.cursors("n-ada")
            for stream, count in told.items():
                assert int(cursors[stream]) >= count
                found = await all_pages(it, source=stream, limit=100_000)
                assert found == [f"{stream} {number}" for number in reversed(range(int(cursors[stream])))]
            await it.close()

        run(look)


@contextmanager
def small_disk(folder):
    """A file system of SMALL_DISK bytes; where none can be mounted, the test is skipped."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)], capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("needs root to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def fill_until_full(it, text):
    """How many batches went in before there was no room; several at a time, so that whole groups fail."""
    number = 0
    while True:
        chain = [batch("n-ada", "journal", lines(number + place, 1, f"{{}} {text()}"), str(number + place or ""),
                       str(number + place + 1)) for place in range(4)]
        told = await asyncio.gather(*(it.streams.commit(one) for one in chain), return_exceptions=True)
        stored = [answer for answer in told if not isinstance(answer, Exception) and answer.accepted]
        number += len(stored)
        if len(stored) < len(chain):
            assert any(isinstance(answer, StoreFull) for answer in told), told
            return number


def noise():
    """Text that no compressor makes smaller than half."""
    return os.urandom(4000).hex()


def test_on_a_full_disk_nothing_is_acknowledged_that_is_not_there_and_it_goes_on_with_room(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        async def steps():
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(SMALL_DISK // 3))
            it = SqliteStore(disk / "dvic.db")
            await it.open()
            await it.nodes.add(Node("n-ada", "ada", b"key"))
            number = await fill_until_full(it, noise)
            assert number > 0
            with pytest.raises(StoreFull):
                for _ in range(100):
                    await it.set_value("key", noise())
            held = await it.streams.cursors("n-ada")
            assert held == {"journal": str(number)}
            assert len(await all_pages(it, limit=1000)) == number, "it can still be searched"
            ballast.unlink()
            more = batch("n-ada", "journal", lines(number, 1, "{} more"), str(number), str(number + 1))
            assert (await it.streams.commit(more)).accepted
            assert await it.nodes.update("n-ada", name="lovelace")
            assert [text.split()[0] for text in await all_pages(it, limit=1000)] == [
                str(place) for place in reversed(range(number + 1))]
            await it.close()
            assert sqlite_files.check(disk / "dvic.db") == []

        run(steps)


def test_dropping_a_day_makes_room_on_a_full_disk(tmp_path):
    now = [1_763_640_000.0]
    with small_disk(tmp_path / "disk") as disk:
        async def steps():
            it = SqliteStore(disk / "dvic.db", lambda: now[0])
            await it.open()
            await it.nodes.add(Node("n-ada", "ada", b"key"))
            number = await fill_until_full(it, noise)
            now[0] += 86400
            await it.streams.drop_before("20251121")
            again = 0
            for place in range(number, number + 20):
                one = batch("n-ada", "journal", lines(place, 1, "{}"), str(place), str(place + 1))
                again += (await it.streams.commit(one)).accepted
            assert again == 20
            await compact(it)
            assert len(await all_pages(it)) == 20 and await it.check() == []
            await it.close()

        run(steps)


def test_a_database_that_may_not_grow_says_so_and_keeps_what_it_has(tmp_path):
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db")
        await it.open()
        await it.nodes.add(Node("n-ada", "ada", b"key"))
        await it._writer.run(lambda connection: connection.pragma("max_page_count", 300))
        number = await fill_until_full(it, noise)
        assert await it.streams.cursors("n-ada") == {"journal": str(number)}
        await it._writer.run(lambda connection: connection.pragma("max_page_count", 100_000))
        more = batch("n-ada", "journal", lines(number, 1), str(number), str(number + 1))
        assert (await it.streams.commit(more)).accepted
        assert len(await all_pages(it, limit=1000)) == number + 1
        await it.close()

    run(steps)
