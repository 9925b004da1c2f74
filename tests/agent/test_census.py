"""Who lives in which mount namespace, asked of a /proc that the test writes, and of the real one."""

import os
import threading

import pytest
from mount_namespaces import Contained, as_root

from dvic_agent.sources import census
from dvic_agent.sources.census import LIST, LIST_ANYWAY, PROBED, ROUND, YOUNG, Census
from dvic_agent.sources.namespaces import Home

MACHINE = 1000


class Proc:
    """A folder that is read as /proc. Who asked what is counted."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.last = 1
        self.asked: list[int] = []
        self.listed = 0
        self.begin(1)
        (folder / "self").symlink_to("1")
        real, listing = census.namespace_of, os.listdir

        def namespace_of(pid, folder=None):
            self.asked.append(pid)
            return real(pid, folder)

        def listdir(path="."):
            self.listed += path == str(folder)
            return listing(path)

        monkeypatch.setattr(census, "namespace_of", namespace_of)
        monkeypatch.setattr(census.os, "listdir", listdir)
        self.census = Census(str(folder))

    def begin(self, pid: int, namespace: int = MACHINE, cgroup: str = "/", group: int = 0) -> None:
        (self.folder / str(pid) / "ns").mkdir(parents=True)
        self.move(pid, namespace)
        (self.folder / str(pid) / "cgroup").write_text(f"0::{cgroup}\n")
        (self.folder / str(pid) / "status").write_text(f"Name:\tx\nTgid:\t{group or pid}\n")
        self.last = max(self.last, pid)
        self.count()

    def move(self, pid: int, namespace: int) -> None:
        link = self.folder / str(pid) / "ns" / "mnt"
        link.unlink(missing_ok=True)
        link.symlink_to(f"mnt:[{namespace}]")

    def end(self, pid: int) -> None:
        (self.folder / str(pid)).rename(self.folder / f"gone-{pid}-{self.last}")
        self.count()

    def count(self) -> None:
        there = sum(name.name.isdigit() for name in self.folder.iterdir())
        (self.folder / "loadavg").write_text(f"0.20 0.18 0.12 1/{there} {self.last}\n")

    def look(self, now: float) -> dict[int, tuple[int, ...]]:
        return {number: namespace.pids for number, namespace in self.census.look(now).items()}


@pytest.fixture
def proc(tmp_path, monkeypatch):
    made = Proc(tmp_path, monkeypatch)
    yield made
    made.census.close()


def test_who_came_is_asked_without_listing_all(proc):
    assert proc.look(0) == {}
    proc.begin(7, 5)
    assert (proc.look(0.25), proc.listed) == ({5: (7,)}, 1)
    proc.begin(8, 5)
    assert (proc.look(0.5), proc.listed) == ({5: (7, 8)}, 1)


def test_one_that_moves_into_its_namespace_a_moment_later_is_seen_at_the_next_look(proc):
    proc.look(0)
    proc.begin(7)
    assert proc.look(0.25) == {}
    proc.move(7, 5)
    assert proc.look(0.5) == {5: (7,)}


def test_one_that_moves_when_it_is_old_is_seen_within_a_round(proc):
    for pid in range(2, 52):
        proc.begin(pid)
    proc.look(0)
    proc.look(YOUNG)
    proc.move(30, 5)
    now, seen = YOUNG, {}
    while not seen:
        now += 0.25
        seen = proc.look(now)
    assert seen == {5: (30,)} and now <= YOUNG + ROUND + 0.25


def test_one_that_is_expected_to_move_is_asked_at_each_look_however_old_it_is(proc):
    for pid in range(2, 52):
        proc.begin(pid)
    proc.look(0)
    proc.look(YOUNG)
    proc.census.expect([30, 999], YOUNG)
    assert proc.look(YOUNG + 0.02) == {}
    proc.move(30, 5)
    proc.census.expect([30, 999], YOUNG + 0.02)
    assert proc.look(YOUNG + 0.04) == {5: (30,)}


def test_who_left_is_seen_within_the_time_of_a_listing_or_when_somebody_says_so(proc):
    proc.begin(7, 5)
    proc.begin(8, 6)
    assert proc.look(0) == {5: (7,), 6: (8,)}
    proc.end(7)
    assert proc.look(LIST) == {6: (8,)}
    proc.end(8)
    proc.census.somebody_left()
    assert proc.look(LIST + 0.1) == {}


def test_where_nobody_comes_or_leaves_nothing_is_listed_and_few_are_asked(proc):
    for pid in range(2, 102):
        proc.begin(pid)
    proc.look(0)
    proc.look(YOUNG)
    proc.asked.clear()
    for step in range(1, 17):
        proc.look(YOUNG + step / 4)
    assert proc.listed == 1 and len(proc.asked) <= 16 * (101 * 0.25 / ROUND + 1)
    proc.look(LIST_ANYWAY)
    assert proc.listed == 2


def test_numbers_that_begin_again_and_a_great_many_new_ones_are_found_by_a_listing(proc):
    proc.last = 30_000
    proc.count()
    proc.look(0)
    proc.begin(7, 5)
    proc.last = 7
    proc.count()
    assert (proc.look(0.25), proc.listed) == ({5: (7,)}, 2)
    proc.begin(8 + PROBED, 5)
    assert (proc.look(0.5), proc.listed) == ({5: (7, 8 + PROBED)}, 3)


def test_processes_that_come_stir_it_for_a_moment(proc):
    proc.look(100)
    proc.look(100 + YOUNG)
    assert proc.census.stirred(100) and not proc.census.stirred(100 + YOUNG)
    proc.begin(7)
    proc.end(7)
    proc.look(200)
    assert proc.census.stirred(201)


def test_a_thread_is_no_process_whatever_namespace_it_made_for_itself(proc):
    proc.look(0)
    proc.begin(7, 5, group=6)
    assert proc.look(0.25) == {}


def test_a_kernel_that_counts_nothing_costs_a_listing_at_each_look(proc):
    (proc.folder / "loadavg").unlink()
    blind = Census(str(proc.folder))
    blind.look(0)
    proc.begin(7, 5)
    assert list(blind.look(0.25)) == [5] and proc.listed == 2
    blind.close()


def test_who_lives_there_is_asked_again_while_it_is_new(proc):
    proc.begin(7, 5, "/system.slice/docker.service")
    assert proc.census.look(0)[5].home == Home(unit="docker.service")
    (proc.folder / "7" / "cgroup").write_text(f"0::/system.slice/docker-{'a' * 64}.scope\n")
    assert proc.census.look(0.25)[5].home.engine == "docker"


def test_a_number_that_is_given_anew_at_once_is_known_by_nobody_who_left(proc):
    proc.begin(7, 5, f"/system.slice/docker-{'a' * 64}.scope")
    assert proc.census.look(0)[5].home.engine == "docker"
    proc.end(7)
    proc.begin(9, 5)
    known = proc.census.look(0.25)[5]  # long before a listing could tell that 7 has left
    assert known.pids == (9,) and known.home == Home()


@as_root
def test_a_real_namespace_comes_and_goes_and_threads_do_not_count():
    def pids(now: float) -> set[int]:
        return {pid for namespace in real.look(now).values() for pid in namespace.pids}

    real, stop = Census(), threading.Event()
    pids(0)
    thread = threading.Thread(target=stop.wait, daemon=True)
    thread.start()
    one = Contained()
    assert one.pid in pids(0.25) and thread.native_id not in pids(0.25)
    one.end()
    assert one.pid not in pids(0.25 + LIST)
    stop.set()
    real.close()
