"""What is kept open of a container's files: enough to read its last lines, and never what keeps it from an unmount."""

import asyncio
import os
from pathlib import Path

import pytest
from mount_namespaces import Contained, as_root, looking

from dvic_agent.clock import Clock
from dvic_agent.sources.bystander import Bystander
from dvic_agent.sources.contained_file import ContainedFile
from dvic_agent.sources.container import Container
from dvic_agent.sources.holds import CLOSED, LINGER, OPEN, SETTLED, UNKNOWN, Closings, Holds, keeps
from dvic_agent.sources.log_file import Place
from dvic_agent.sources.open_files import OpenFiles, key_of


@pytest.mark.parametrize(("writer", "seconds", "kept"), [
    (OPEN, 1e6, True), (CLOSED, LINGER - 0.1, True), (CLOSED, LINGER, False), (UNKNOWN, SETTLED - 0.1, True),
    (UNKNOWN, SETTLED, False)])
def test_a_file_that_keeps_a_mount_busy_is_open_while_its_writer_has_it_open_or_a_moment_longer(writer, seconds, kept):
    assert keeps(writer, 100.0, 100.0 + seconds) == kept


class Kept:
    """A file that is looked at as in a container, by a time that the test says."""

    def __init__(self, folder):
        self.path = os.fsencode(folder / "dvic_log_x")
        self.writer = open(self.path, "ab", buffering=0)
        self.key = key_of(os.stat(self.path))
        self.files, self.closings = OpenFiles(4), Closings()
        self.holds = Holds(1, self.files, self.closings)

    def look(self, now: float, grew: bool = False) -> None:
        for number, key in self.closings.told():
            assert number == 1
            self.holds.closed(key, now)
        self.holds.looked(self.key, self.path, now, grew)
        self.holds.tend(now)

    @property
    def open(self) -> bool:
        return self.files.size(self.key) is not None


@pytest.fixture
def kept(tmp_path):
    made = Kept(tmp_path)
    yield made
    made.writer.close()
    made.files.close()
    made.closings.close()


def test_a_quiet_program_that_has_its_log_open_is_followed_to_its_end(kept):
    kept.holds.found(kept.key, kept.path, 0, apart=True)
    kept.look(1, grew=True)
    kept.look(10_000)
    assert kept.open


def test_what_its_writer_has_closed_is_let_go_of_a_moment_later_and_taken_again_when_it_grows(kept):
    kept.holds.found(kept.key, kept.path, 0, apart=True)
    kept.look(1, grew=True)
    kept.writer.close()
    kept.look(2)
    assert kept.open and kept.holds.due() == 2 + LINGER
    kept.look(2 + LINGER)
    assert not kept.open
    with open(kept.path, "ab"):
        kept.look(4, grew=True)
        kept.look(100)
    kept.look(101)
    kept.look(101 + LINGER)
    assert not kept.open


def test_one_that_opens_and_closes_for_each_line_is_not_kept(kept):
    kept.holds.found(kept.key, kept.path, 0, apart=True)
    kept.writer.close()
    for now in range(1, 30):
        with open(kept.path, "ab"):
            pass
        kept.look(now, grew=True)
    assert kept.open
    kept.look(29 + LINGER)
    assert not kept.open


def test_of_whom_nothing_is_known_it_is_let_go_of_when_it_is_not_new_any_more(kept):
    kept.holds.found(kept.key, kept.path, 0, apart=True)
    kept.look(SETTLED - 1)
    assert kept.open
    kept.look(SETTLED)
    assert not kept.open
    with kept.files.use(kept.key, kept.path):
        pass
    kept.holds.used(kept.key)
    assert not kept.open


def test_where_nobody_could_unmount_anything_it_stays_open(kept):
    kept.holds.found(kept.key, kept.path, 0, apart=False)
    kept.writer.close()
    kept.look(10_000, grew=True)
    kept.holds.used(kept.key)
    assert kept.open and not kept.closings.told()


def test_what_was_written_behind_the_last_look_and_can_not_be_read_any_more_is_a_gap():
    container = Container(1, 0.0, "/proc", Closings())
    file = ContainedFile(container, (7, 8), b"/tmp/dvic_log_x", 0, Clock(), Bystander())
    with pytest.raises(ProcessLookupError):
        container.holds.found(file.key, file.path, 0.0, apart=True)
    file.size, file.changed = 5, False
    cursor = str(Place(5, 5, "0" * 16))
    container.holds.closed(file.key, 1.0)
    file.end()
    reading = file.read(cursor, 10, 1000)
    assert reading.closed and [record["gap"]["reason"] for record in reading.records] == ["deleted"]


@as_root
def test_a_program_that_closed_its_log_can_unmount_what_it_was_on(monkeypatch):
    monkeypatch.setattr("dvic_agent.sources.container.SETTLED", 1.0)

    async def scenario():
        one = Contained("mount -t tmpfs tmpfs /mnt")  # into /tmp other agents may look while this runs
        async with looking(one, folders=(Path("/mnt"),)) as reader:
            one.tell("exec 3> /mnt/dvic_log_mine_a; echo 1 >&3")
            await reader.until(lambda: reader.messages("dvic_log_mine_a") == ["1"])
            one.tell("echo 2 >&3")
            await reader.until(lambda: reader.messages("dvic_log_mine_a") == ["1", "2"])
            await asyncio.to_thread(one.tell, "exec 3>&-; for try in $(seq 300); do umount /mnt 2>/dev/null && break; "
                                              "sleep 0.1; done; ! mountpoint -q /mnt")
            await reader.until(lambda: reader.closed)
            assert not reader.gaps("dvic_log_mine_a")
    asyncio.run(scenario())


@as_root
def test_who_may_not_unmount_is_read_to_the_end_whenever_the_log_was_closed():
    async def scenario():
        one = Contained("mount -t tmpfs tmpfs /mnt", then="setpriv --bounding-set -sys_admin")
        async with looking(folders=(Path("/mnt"),)) as reader:
            one.tell("echo x > /mnt/dvic_log_mine_a")
            await reader.until(lambda: reader.messages("dvic_log_mine_a") == ["x"])
            one.tell("seq 100 >> /mnt/dvic_log_mine_a")
            one.end()
            await reader.until(lambda: reader.closed)
            assert reader.messages("dvic_log_mine_a")[-1] == "100" and not reader.gaps("dvic_log_mine_a")
    asyncio.run(scenario())
