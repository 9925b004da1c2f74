"""The processes behind log files. Honest programs, and Mallory, who writes other people's numbers into headers."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time

import pytest
from one_reader import OneReader

from dvic_agent.sources.demos import ALIVE, ENDED, GONE, UNVERIFIED, Demos, judge
from dvic_agent.sources.log_files import LogFiles
from dvic_agent.sources.processes import Process, boot_time, look, owners

S = 1_000_000
BOOTED = 1_700_000_000 * S
ROOT, MALLORY = 0, 1001
WAIT = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def process_of(started: int) -> Process:
    """One that started so many seconds after the machine."""
    return Process(42, started * os.sysconf("SC_CLK_TCK"), 1.5, 4096)


def header_at(seconds: int) -> dict:
    return {"pid": 42, "start": BOOTED + seconds * S}


@pytest.mark.parametrize("state, header, uid, written, process, users", [
    (ALIVE, header_at(100), ROOT, 200, process_of(99), {ROOT}),
    (ALIVE, header_at(100), ROOT, 200, process_of(101), {ROOT}),  # the kernel counts coarsely
    (ALIVE, header_at(100), MALLORY, 200, process_of(99), {ROOT, MALLORY}),  # a set-uid program
    (ENDED, header_at(100), ROOT, 200, None, set()),
    (ENDED, header_at(100), ROOT, 200, process_of(5000), {ROOT}),  # the number was given again
    (ALIVE, header_at(100), ROOT, 6000, process_of(5000), {ROOT}),  # the clock was set after the program began
    (UNVERIFIED, header_at(100), MALLORY, 200, process_of(99), {ROOT}),  # Mallory names a process of root
    (UNVERIFIED, {"pid": 42}, ROOT, 200, process_of(99), {ROOT}),
    (ENDED, header_at(100), MALLORY, 200, process_of(5000), {ROOT})])
def test_a_claim_is_followed_only_when_owner_and_time_fit(state, header, uid, written, process, users):
    assert judge(header, uid, BOOTED + written * S, process, frozenset(users), BOOTED) == state


def test_this_process_is_seen_as_it_is():
    me = look(os.getpid())
    assert me.memory > 1 << 20 and me.cpu > 0
    assert owners(os.getpid()) == {os.getuid()}
    assert 0 < me.started(boot_time()) <= time.time() * S + 2 * S
    assert look(4_194_304) is None and owners(4_194_304) == frozenset()


def test_a_name_with_parentheses_and_a_zombie_deceive_nobody(tmp_path):
    (tmp_path / "7").mkdir()
    fields = "1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 12345 1000 3 " + "0 " * 20
    (tmp_path / "7/stat").write_text(f"7 (a) R 1 (b)) S {fields}")
    process = look(7, tmp_path)
    assert (process.ticks, process.cpu, process.memory) == (12345, 300 / os.sysconf("SC_CLK_TCK"),
                                                            3 * os.sysconf("SC_PAGE_SIZE"))
    (tmp_path / "7/stat").write_text(f"7 (a) Z {fields}")
    assert look(7, tmp_path) is None


@contextlib.asynccontextmanager
async def watching(folder, period=0.05):
    files = LogFiles([folder / "logs"], tick=0.05, linger=0.0)
    demos = Demos(files.files, folder / "ring", period=period)
    files.start(lambda name: None)
    reader = OneReader(demos)
    reader.start()
    try:
        yield reader
    finally:
        demos.stop()
        files.stop()


def log_of(folder, name: str, pid: int, start: float | None = None, **claims: object):
    (folder / "logs").mkdir(exist_ok=True)
    path = folder / "logs" / f"dvic_log_{name}"
    path.write_text(json.dumps({"dvic_log": 1, "pid": pid, "name": name, "executable": "/usr/bin/demo", "user": "lev",
                                "start": int((start or time.time()) * S)} | claims) + "\n")
    return path


def told(reader: OneReader, path=None) -> list[dict]:
    return [demo for record in reader.records.get("demos", []) for demo in record["demos"]
            if path is None or demo["file"] == str(path)]


def test_a_demo_is_followed_from_its_first_line_to_its_end(tmp_path):
    async def scenario():
        with subprocess.Popen(WAIT, stdin=subprocess.PIPE) as demo:
            path = log_of(tmp_path, "x", demo.pid)
            async with watching(tmp_path) as reader:
                await reader.until(lambda: len(told(reader)) >= 2)
                first, second, *_ = told(reader)
                assert first["state"] == ALIVE and first["memory"] > 0 and "cpu" not in first
                assert 0 <= second["cpu"] <= 200
                assert abs(first["since"] - time.time() * S) < 60 * S
                assert (first["pid"], first["name"], first["user"]) == (demo.pid, "x", "lev")
                demo.stdin.close()
                await asyncio.to_thread(demo.wait)
                await reader.until(lambda: told(reader)[-1]["state"] == ENDED)
                assert "memory" not in told(reader)[-1]
                path.unlink()
                await reader.until(lambda: told(reader)[-1]["state"] == GONE)
                assert [demo["state"] for demo in told(reader)].count(ENDED) == 1
    asyncio.run(scenario())


def test_what_had_ended_before_is_told_once(tmp_path):
    async def scenario():
        with subprocess.Popen(WAIT, stdin=subprocess.DEVNULL) as demo:
            demo.wait()
        ended = log_of(tmp_path, "ended", demo.pid)
        log_of(tmp_path, "me", os.getpid())
        async with watching(tmp_path) as reader:
            await reader.until(lambda: len(told(reader)) >= 4)
            assert [demo["state"] for demo in told(reader, ended)] == [ENDED]
    asyncio.run(scenario())


def test_a_claim_of_somebody_elses_process_is_not_followed(tmp_path):
    async def scenario():
        if os.getuid() == 0:
            victim = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, user=65534)
            pid = victim.pid
        else:
            victim, pid = None, 1
        try:
            path = log_of(tmp_path, "mallory", pid)
            async with watching(tmp_path) as reader:
                await reader.until(lambda: told(reader, path))
                demo, = told(reader, path)
                assert demo["state"] == UNVERIFIED
                assert "memory" not in demo and "cpu" not in demo
        finally:
            if victim:
                victim.stdin.close()
                victim.wait()
    asyncio.run(scenario())


def test_a_number_that_was_given_again_is_not_the_demo(tmp_path):
    async def scenario():
        path = log_of(tmp_path, "old", os.getpid(), start=1_600_000_000)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        async with watching(tmp_path) as reader:
            await reader.until(lambda: told(reader, path))
            assert told(reader, path)[0]["state"] == ENDED
    asyncio.run(scenario())


def test_a_program_that_rotates_its_file_is_one_demo(tmp_path):
    async def scenario():
        start = time.time()
        path = log_of(tmp_path, "x", os.getpid(), start)
        async with watching(tmp_path) as reader:
            await reader.until(lambda: told(reader))
            path.rename(str(path) + ".1")
            log_of(tmp_path, "x", os.getpid(), start)
            seen = len(told(reader))
            await reader.until(lambda: len(told(reader, path)) > seen + 3)
            assert told(reader)[-1]["file"] == str(path)
            assert {demo["state"] for demo in told(reader)[-2:]} == {ALIVE}
    asyncio.run(scenario())


def test_hundreds_of_demos_are_told_in_bounded_records(tmp_path):
    async def scenario():
        for number in range(450):
            log_of(tmp_path, f"n{number}", os.getpid(), start=1_700_000_000 + number)
        async with watching(tmp_path, period=3600) as reader:
            await reader.until(lambda: len(told(reader)) == 450)
            assert max(len(record["demos"]) for record in reader.records["demos"]) <= 200
    asyncio.run(scenario())


def test_files_without_a_header_and_hostile_headers_are_no_demos(tmp_path):
    async def scenario():
        (tmp_path / "logs").mkdir()
        for name, line in (("plain", "hello"), ("nopid", '{"dvic_log": 1}'), ("zero", '{"dvic_log": 1, "pid": 0}'),
                           ("huge", '{"dvic_log": 1, "pid": 99999999999}'), ("path", '{"dvic_log": 1, "pid": "../1"}')):
            (tmp_path / "logs" / f"dvic_log_{name}").write_text(line + "\n")
        path = log_of(tmp_path, "honest", os.getpid())
        async with watching(tmp_path) as reader:
            await reader.until(lambda: told(reader))
            assert {demo["file"] for demo in told(reader)} == {str(path)}
    asyncio.run(scenario())
