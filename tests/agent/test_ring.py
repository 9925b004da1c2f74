"""The ring of samples: through kills, power cuts, full disks and floods, each sample once or a gap that says so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dvic_agent.ring import Ring

ROOM = 64 * 1024


def sample(number: int) -> dict:
    return {"time": number, "values": {"cpu.total": number / 2}}


def fill(ring: Ring, *numbers: int) -> None:
    for number in numbers:
        assert ring.append(sample(number))


def read_all(ring: Ring, cursor: str = "", max_records: int = 1000) -> tuple[list[int | str], str]:
    """Numbers of the samples, and reasons of gaps with what they miss; and the cursor behind them."""
    found, more = [], True
    while more:
        reading = ring.read(cursor, max_records, 1 << 20)
        found += [f"{r['gap']['reason']} {r['gap']['missed']}" if "gap" in r else r["time"] for r in reading.records]
        assert not reading.records or reading.cursor != cursor
        cursor, more = reading.cursor, reading.more
    return found, cursor


@pytest.mark.parametrize("at_a_time", [1, 3, 1000])
def test_samples_come_out_once_in_their_order(tmp_path, at_a_time):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, *range(10))
    found, cursor = read_all(ring, max_records=at_a_time)
    assert found == list(range(10))
    fill(ring, 10, 11)
    assert read_all(ring, cursor, at_a_time)[0] == [10, 11]
    assert read_all(ring, cursor, at_a_time)[0] == [10, 11]


def test_a_restart_goes_on_where_the_hub_is(tmp_path):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 1, 2, 3)
    cursor = ring.read("", 2, 1 << 20).cursor
    ring.close()
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 4)
    found, cursor = read_all(ring, cursor)
    assert found == [3, 4]
    ring.close()
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 5)
    assert read_all(ring, cursor)[0] == [5]


def test_two_rings_of_a_folder_do_not_mix(tmp_path):
    hardware, demos = Ring(tmp_path, "hardware", ROOM), Ring(tmp_path, "demos", ROOM)
    fill(hardware, 1)
    fill(demos, 2)
    assert (read_all(hardware)[0], read_all(demos)[0]) == ([1], [2])


def test_the_ring_is_private_and_bounded(tmp_path):
    ring = Ring(tmp_path / "state", "hardware", ROOM)
    fill(ring, *range(1500))
    assert sum(path.stat().st_size for path in (tmp_path / "state").iterdir()) <= ROOM
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o600}


def test_an_overrun_is_a_gap_that_counts(tmp_path):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, *range(100))
    cursor = ring.read("", 50, 1 << 20).cursor
    fill(ring, *range(100, 1500))
    (gap, first, *_), _ = read_all(ring, cursor)
    assert gap == f"overrun {first - 50}"
    assert read_all(ring, cursor)[0][-1] == 1499


def test_an_overrun_over_a_restart_is_a_gap(tmp_path):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, *range(100))
    cursor = ring.read("", 50, 1 << 20).cursor
    ring.close()
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, *range(1500))
    found, _ = read_all(ring, cursor)
    assert found[0] == "overrun -1" and found[-1] == 1499
    assert found.count("overrun -1") == 1


def test_a_ring_that_was_deleted_is_a_gap(tmp_path):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 1)
    _, cursor = read_all(ring)
    for path in tmp_path.iterdir():
        path.unlink()
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 2)
    found, cursor = read_all(ring, cursor)
    assert found == ["overrun -1", 2]
    assert read_all(ring, cursor)[0] == []


def test_a_torn_last_write_is_cut_off(tmp_path):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 1, 2, 3)
    ring.close()
    path = tmp_path / "hardware.0.ring"
    os.truncate(path, path.stat().st_size - 5)
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 4)
    assert read_all(ring)[0] == [1, 2, 4]


def test_a_tail_that_a_power_cut_took_after_the_hub_had_it_loses_and_doubles_nothing(tmp_path):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 1, 2)
    size = (tmp_path / "hardware.0.ring").stat().st_size
    fill(ring, 3, 4, 5)
    found, cursor = read_all(ring)
    assert found == [1, 2, 3, 4, 5]
    ring.close()
    os.truncate(tmp_path / "hardware.0.ring", size)
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 6, 7, 8, 9)
    assert read_all(ring, cursor)[0] == [6, 7, 8, 9]


def test_a_damaged_line_is_a_gap_and_the_rest_is_read(tmp_path):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 1, 2, 3)
    path = tmp_path / "hardware.0.ring"
    path.write_bytes(path.read_bytes().replace(b'"time":2', b'"time":9'))
    assert read_all(ring)[0] == [1, "overrun 1", 3]


def test_a_sample_that_is_larger_than_the_ring_is_lost_and_told(tmp_path):
    ring = Ring(tmp_path, "hardware", ROOM)
    fill(ring, 1)
    assert not ring.append({"time": 2, "values": {"x" * ROOM: 1}})
    fill(ring, 3)
    assert read_all(ring)[0] == [1, "overrun 1", 3]


def test_a_full_disk_loses_samples_and_says_how_many(tmp_path):
    # a limit of the process refuses in the same way (half a line, then EFBIG) without a disk of its own
    script = """
import resource, signal, sys
from pathlib import Path
from dvic_agent.ring import Ring
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
ring = Ring(folder, "hardware", 1 << 20)
assert ring.append({"time": 1})
size = (folder / "hardware.0.ring").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5, resource.RLIM_INFINITY))
assert [ring.append({"time": 2}) for _ in range(3)] == [False] * 3
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert ring.append({"time": 5})
first, gap, last = ring.read("", 10, 1000).records
assert (first["time"], gap["gap"]["missed"], last["time"]) == (1, 3, 5), (first, gap, last)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)


def test_a_kill_at_any_moment_loses_nothing_that_append_had_taken(tmp_path):
    script = """
import sys
from pathlib import Path
from dvic_agent.ring import Ring
ring = Ring(Path(sys.argv[1]), "hardware", 1 << 20)
for number in range(100_000):
    assert ring.append({"time": number})
    print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as child:
        for _ in range(500):
            last = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    found, _ = read_all(Ring(tmp_path, "hardware", 1 << 20))
    assert len(found) > last
    assert found == list(range(len(found)))


@given(some.text(max_size=60))
def test_a_cursor_that_is_none_never_stops_the_reading(tmp_path_factory, cursor):
    ring = Ring(Path(tmp_path_factory.mktemp("ring")), "hardware", ROOM)
    fill(ring, 1, 2)
    assert read_all(ring, cursor)[0][-2:] == [1, 2]
    ring.close()


@settings(max_examples=40)
@given(some.lists(some.sampled_from(["append", "read", "acknowledge", "restart"]), max_size=60))
def test_whatever_the_order_each_sample_comes_once(tmp_path_factory, steps):
    folder = Path(tmp_path_factory.mktemp("ring"))
    ring, number, got, held = Ring(folder, "hardware", 1 << 20), 0, [], ""
    for step in steps:
        if step == "append":
            fill(ring, number)
            number += 1
        elif step == "read":
            ring.read(held, 2, 1 << 20)
        elif step == "acknowledge":
            reading = ring.read(held, 3, 1 << 20)
            got += [record["time"] for record in reading.records]
            held = reading.cursor
        else:
            ring.close()
            ring = Ring(folder, "hardware", 1 << 20)
    got += read_all(ring, held)[0]
    assert got == list(range(number))
    ring.close()
