"""The database as files: backup while serving, restore, check; and what opening refuses."""

import asyncio
import os
import sqlite3

import apsw
import pytest
from batches import all_pages, batch, compact, lines, samples

from dvic_hub.errors import Conflict, NotFound, StoreError
from dvic_hub.store import schema, sqlite_files
from dvic_hub.store.sqlite import SqliteStore


def run(steps):
    return asyncio.run(steps())


async def fill(it, first, count):
    for number in range(first, first + count):
        await it.streams.commit(batch("n-ada", "journal", lines(number, 1), str(number or ""), str(number + 1)))


def test_a_backup_made_while_batches_come_in_is_of_one_moment_and_can_be_restored(store, tmp_path):
    target, told = tmp_path / "copy.db", []

    async def steps():
        async with store() as it:
            await fill(it, 0, 300)
            copying = asyncio.create_task(it.backup(target, lambda done, total: told.append((done, total))))
            number = 300
            while not copying.done() or number < 320:
                await fill(it, number, 1)
                number += 1
            await copying
            assert len(await all_pages(it, limit=1000)) == number
        assert told[-1][0] == told[-1][1] > 0
        assert target.stat().st_mode & 0o777 == 0o600 and sqlite_files.check(target) == []
        former = sqlite_files.restore(tmp_path / "dvic.db", target)
        assert former is not None and sqlite_files.check(former) == []
        async with store() as it:
            held = int((await it.streams.cursors("n-ada"))["journal"])
            assert 300 <= held <= number
            assert await all_pages(it, limit=1000) == [f"line {place}" for place in reversed(range(held))]
            await fill(it, held, number - held)  # the agent sends again what the hub does not hold
            assert len(await all_pages(it, limit=1000)) == number

    run(steps)


def test_a_backup_replaces_nothing_and_leaves_nothing_half_done(store, tmp_path):
    async def steps():
        async with store() as it:
            (tmp_path / "there").write_text("mine")
            with pytest.raises(Conflict):
                await it.backup(tmp_path / "there")

            def stop(done, total):
                raise KeyError("enough")

            with pytest.raises(KeyError):
                await it.backup(tmp_path / "other", stop)
        assert (tmp_path / "there").read_text() == "mine"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["dvic.db", "dvic.db.lock", "there"]
        with pytest.raises(NotFound):
            sqlite_files.backup(tmp_path / "none.db", tmp_path / "x")

    run(steps)


def test_nothing_is_restored_under_a_hub_that_serves_nor_from_what_is_no_backup(store, tmp_path):
    async def steps():
        async with store() as it:
            await it.backup(tmp_path / "good")
            with pytest.raises(Conflict):
                sqlite_files.restore(tmp_path / "dvic.db", tmp_path / "good")
        (tmp_path / "text").write_text("no database")
        with sqlite3.connect(tmp_path / "foreign") as other:
            other.execute("CREATE TABLE x (y)")
        torn = (tmp_path / "good").read_bytes()
        (tmp_path / "torn").write_bytes(torn[:8192] + b"\xff" * 4096 + torn[12288:])
        for bad in ("text", "foreign", "torn", "missing"):
            with pytest.raises(StoreError):
                sqlite_files.restore(tmp_path / "dvic.db", tmp_path / bad)
        async with store() as it:
            assert len(await it.nodes.all()) == 2

    run(steps)


def test_a_check_finds_damaged_blocks_lost_rows_and_wrong_counts(store, tmp_path, clock):
    async def steps():
        async with store() as it:
            await fill(it, 0, 120)
            await compact(it)
            await fill(it, 120, 3)
            await it.streams.commit(batch("n-ada", "hardware", samples(0, 3), "", "1", source="hardware"))
            assert await it.check() == []
        connection = apsw.Connection(str(tmp_path / "dvic.db"))
        day = schema.days(connection)[0]
        connection.execute(f"UPDATE data_{day} SET bytes = x'00' WHERE id = (SELECT max(id) FROM data_{day})")
        connection.execute(f"UPDATE index_{day} SET count = 7 WHERE id = (SELECT min(id) FROM index_{day})")
        connection.execute(f"DELETE FROM data_{day} WHERE id = (SELECT max(id) - 1 FROM data_{day})")
        connection.close()
        said = "\n".join(sqlite_files.check(tmp_path / "dvic.db"))
        assert "damaged" in said and "its row says 7" in said and "no partner" in said
        async with store() as it:
            assert len(await all_pages(it, limit=1000)) == 120 + 3 - 2, "what is whole is still found"

    run(steps)


def test_the_database_is_for_its_owner_alone_and_follows_no_link(tmp_path):
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db")
        await it.open()
        await it.close()
        assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())
        os.symlink(tmp_path / "dvic.db", tmp_path / "link.db")
        with pytest.raises(OSError):
            await SqliteStore(tmp_path / "link.db").open()

    run(steps)


def test_a_database_of_a_newer_hub_or_of_another_program_is_left_alone(tmp_path):
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db")
        await it.open()
        await it.close()
        with sqlite3.connect(tmp_path / "dvic.db") as newer:
            newer.execute("PRAGMA user_version = 99")
        with sqlite3.connect(tmp_path / "foreign.db") as other:
            other.execute("CREATE TABLE x (y)")
        for name in ("dvic.db", "foreign.db"):
            with pytest.raises(StoreError):
                await SqliteStore(tmp_path / name).open()

    run(steps)


def test_after_closing_nothing_is_taken_and_everything_is_in_the_one_file(store, tmp_path):
    async def steps():
        async with store() as it:
            chain = [batch("n-ada", "journal", lines(n, 1), str(n or ""), str(n + 1)) for n in range(30)]
            waiting = asyncio.gather(*(it.streams.commit(one) for one in chain))
            await asyncio.sleep(0)
        assert all(verdict.accepted for verdict in await waiting)
        with pytest.raises(StoreError):
            await it.streams.commit(batch("n-ada", "journal", lines(0, 1), "", "1"))
        with pytest.raises(StoreError):
            await it.nodes.all()
        assert not (tmp_path / "dvic.db-wal").exists()

    run(steps)
