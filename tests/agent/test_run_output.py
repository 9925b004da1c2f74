"""The output of runs, written line by line by a recorder that may be killed at any moment."""

import asyncio
import contextlib
import json
import os
import shutil

import pytest
from one_reader import OneReader

from dvic_agent.sources.run_output import MAX_LINE, RunOutput
from dvic_wire.records import run_end, run_step

RUN = "abc123abc123"
STREAM = f"run:{RUN}"
END = run_end(9, "finished", 0)


class Runs:
    """The executor's side: makes directories whole, appends lines, forgets."""

    def __init__(self, folder):
        self.folder = folder
        self.forgotten = []

    def make(self, run=RUN, *lines: object):
        self.folder.mkdir(exist_ok=True)
        hidden = self.folder / f".new-{run}"
        hidden.mkdir()
        (hidden / "output.jsonl").touch()
        hidden.rename(self.folder / run)
        self.append(*lines, run=run)
        return self.folder / run / "output.jsonl"

    def append(self, *lines: object, run=RUN):
        with open(self.folder / run / "output.jsonl", "ab") as file:
            for line in lines:
                file.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")

    def forget(self, run):
        self.forgotten.append(run)
        shutil.rmtree(self.folder / run)


def out(number: int) -> dict:
    return {"time": number, "out": f"line {number}\n"}


@contextlib.asynccontextmanager
async def following(runs: Runs, cursors=None, limits=(1000, 256 * 1024)):
    source = RunOutput(runs.folder, runs.forget, tick=0.05)
    reader = OneReader(source, cursors, *limits)
    reader.start()
    try:
        yield reader
    finally:
        source.stop()


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "runs")


def closed_records(reader: OneReader) -> list[dict]:
    return [record for name, records in reader.records.items() if name.startswith(STREAM) for record in records]


def test_a_run_is_followed_from_its_start_to_its_end_and_forgotten(runs):
    async def scenario():
        async with following(runs) as reader:
            runs.make(RUN, {"time": 1, "start": {"pid": 7, "user": "root"}})
            await reader.until(lambda: len(closed_records(reader)) == 1)
            written = [out(2), {"time": 3, "err": "", "binary": "/w=="}, run_step(4, "downloading", "of an update")]
            runs.append(*written)
            await reader.until(lambda: len(closed_records(reader)) == 4)
            runs.append(END)
            await reader.until(lambda: runs.forgotten == [RUN])
            assert reader.closed == [STREAM]
            assert closed_records(reader)[1:] == [*written, END]
            await reader.until(lambda: not list(reader.source.streams()))
    asyncio.run(scenario())


@pytest.mark.parametrize("limits", [(1, 1), (7, 4096), (1000, 1 << 20)])
def test_every_record_is_read_once_whatever_the_size_of_a_batch(runs, limits):
    async def scenario():
        runs.make(RUN, *(out(i) for i in range(500)), END)
        async with following(runs, limits=limits) as reader:
            await reader.until(lambda: reader.closed)
            assert closed_records(reader) == [*(out(i) for i in range(500)), END]
    asyncio.run(scenario())


def test_reading_goes_on_after_a_restart(runs):
    async def scenario():
        runs.make(RUN, out(1), out(2))
        async with following(runs) as reader:
            reader.read_all()
        runs.append(out(3), END)
        async with following(runs, reader.cursors) as later:
            await later.until(lambda: later.closed)
            assert closed_records(later) == [out(3), END]
    asyncio.run(scenario())


def test_an_end_that_was_stored_but_not_closed_is_closed_without_telling_it_again(runs):
    async def scenario():
        path = runs.make(RUN, out(1), END)
        async with following(runs, {STREAM: str(path.stat().st_size)}) as reader:
            await reader.until(lambda: reader.closed)
            assert closed_records(reader) == []
            assert runs.forgotten == [RUN]
    asyncio.run(scenario())


def test_a_line_that_is_not_yet_whole_waits(runs):
    async def scenario():
        runs.make(RUN, out(1))
        async with following(runs) as reader:
            whole = json.dumps(out(2)).encode() + b"\n"
            runs.append(whole[:9])
            await reader.until(lambda: closed_records(reader) == [out(1)])
            runs.append(whole[9:])
            await reader.until(lambda: closed_records(reader) == [out(1), out(2)])
    asyncio.run(scenario())


def test_lines_that_a_crash_damaged_are_gaps_and_the_end_still_comes(runs):
    async def scenario():
        runs.make(RUN, out(1), b'{"time": 2, "out": "li\n', b"\xff\n", b'{"time": "x", "out": ""}\n', b"[1]\n", END)
        async with following(runs) as reader:
            await reader.until(lambda: reader.closed)
            shapes = ["gap" if "gap" in record else next(iter(record.keys() - {"time"}))
                      for record in closed_records(reader)]
            assert shapes == ["out", "gap", "gap", "gap", "gap", "end"]
    asyncio.run(scenario())


def test_a_line_longer_than_a_batch_is_read_and_one_without_end_is_a_gap(runs):
    async def scenario():
        long = {"time": 1, "out": "x" * 3_000_000}
        runs.make(RUN, long, b"y" * (MAX_LINE + 5) + b"\n", END)
        async with following(runs, limits=(1000, 4096)) as reader:
            await reader.until(lambda: reader.closed)
            first, gap, end = closed_records(reader)
            assert first == long and end == END
            assert gap["gap"]["reason"] == "corrupt"
    asyncio.run(scenario())


@pytest.mark.parametrize("lost", [1, 10, 30, 61, 100])
def test_a_power_cut_that_took_lines_which_the_hub_has_does_not_hide_the_end(runs, lost):
    async def scenario():
        path = runs.make(RUN, *(out(i) for i in range(10, 20)))
        async with following(runs) as reader:
            reader.read_all()
        os.truncate(path, path.stat().st_size - lost)
        whole = path.read_bytes().rpartition(b"\n")[0] + b"\n"
        path.write_bytes(whole)  # as the executor does before it writes the end
        runs.append(END)
        async with following(runs, reader.cursors) as later:
            await later.until(lambda: later.closed)
            assert [record["gap"]["reason"] for record in closed_records(later) if "gap" in record] == ["truncated"]
            assert [record for record in closed_records(later) if "gap" not in record] == [END]
    asyncio.run(scenario())


def test_a_power_cut_before_the_end_is_a_gap_and_new_lines_come(runs):
    async def scenario():
        path = runs.make(RUN, *(out(i) for i in range(10, 20)))
        async with following(runs) as reader:
            reader.read_all()
        os.truncate(path, 2 * len(json.dumps(out(10))) + 2)
        async with following(runs, reader.cursors) as later:
            later.read_all()
            runs.append(out(30), END)
            await later.until(lambda: later.closed)
            assert ["gap" in record for record in closed_records(later)] == [True, False, False]
            assert closed_records(later)[1:] == [out(30), END]
    asyncio.run(scenario())


def test_a_run_of_which_nothing_is_left_is_a_gap_and_closed(runs):
    async def scenario():
        async with following(runs, {STREAM: "100", "run:../../etc": "0"}) as reader:
            await reader.until(lambda: len(reader.closed) == 2)
            assert [record["gap"]["reason"] for records in reader.records.values() for record in records] == [
                "deleted", "deleted"]
            assert not runs.forgotten
    asyncio.run(scenario())


def test_a_run_that_the_hub_lets_go_of_while_it_runs_is_forgotten_at_its_end(runs):
    async def scenario():
        runs.make(RUN, out(1))
        async with following(runs) as reader:
            reader.read_all()
            reader.source.released(STREAM)
            assert not runs.forgotten and not list(reader.source.streams())
            reader.source.welcome({})
            assert not list(reader.source.streams())
            runs.append(out(2), END)
            async with asyncio.timeout(15):
                while not runs.forgotten:
                    await asyncio.sleep(0.01)
    asyncio.run(scenario())


@pytest.mark.parametrize("cursor", ["x", "-5", "1e3", "٣", "9" * 30, "100000"])
def test_a_cursor_that_is_none_does_not_stop_the_end(runs, cursor):
    async def scenario():
        runs.make(RUN, out(1))
        async with following(runs, {STREAM: cursor}) as reader:
            reader.read_all()
            assert ["gap" in record for record in closed_records(reader)] == [True]
            runs.append(END)
            await reader.until(lambda: reader.closed)
            assert closed_records(reader)[-1] == END
    asyncio.run(scenario())


def test_other_names_and_links_in_the_folder_are_no_runs(runs, tmp_path):
    async def scenario():
        runs.folder.mkdir()
        (tmp_path / "elsewhere").mkdir()
        (runs.folder / "linklinklink").symlink_to(tmp_path / "elsewhere")
        (runs.folder / "UPPERCASE123").mkdir()
        (runs.folder / ".new-abcabcabc").mkdir()
        (runs.folder / "plainfile123").write_text("x")
        runs.make(RUN, END)
        async with following(runs) as reader:
            await reader.until(lambda: reader.closed)
            assert runs.forgotten == [RUN]
            assert not list(reader.source.streams())
    asyncio.run(scenario())


def test_an_output_file_that_is_a_link_is_not_followed(runs, tmp_path):
    async def scenario():
        path = runs.make(RUN)
        (tmp_path / "secret").write_text(json.dumps(END) + "\n")
        path.unlink()
        os.symlink(tmp_path / "secret", path)
        async with following(runs) as reader:
            await reader.until(lambda: reader.closed)
            assert [record["gap"]["reason"] for record in closed_records(reader)] == ["deleted"]
    asyncio.run(scenario())
