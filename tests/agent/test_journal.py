"""The journal: real files made by systemd-journal-remote, and a simulated one for what real ones do rarely."""

import asyncio
import base64
import contextlib
import itertools
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from one_reader import OneReader

from dvic_agent.sources.journal import FIRST_STEP, Journal
from dvic_agent.sources.journal_entries import Converter, JournalPlace

REMOTE = "/lib/systemd/systemd-journal-remote"
BOOTS = ("4c1cbc9adc2d4d6a8bba8f2bf3a5a3f1", "9d1cbc9adc2d4d6a8bba8f2bf3a5a3f2")
START = 1_700_000_000_000_000


def entry(number: int, message: bytes | str = "", boot: int = 0, **fields: object) -> bytes:
    """One entry in the Journal Export Format."""
    text = (message or f"event {number}").encode() if isinstance(message, str) else message
    named = {"_SYSTEMD_UNIT": "daq.service", "SYSLOG_IDENTIFIER": "daq", "_PID": 42, "_UID": 1000, "PRIORITY": 6,
             "_MACHINE_ID": "0123456789abcdef0123456789abcdef"} | fields
    head = (f"__REALTIME_TIMESTAMP={START + number * 1000}\n__MONOTONIC_TIMESTAMP={1000 + number * 1000}\n"
            f"_BOOT_ID={BOOTS[boot]}\n")
    body = "".join(f"{name}={value}\n" for name, value in named.items() if value is not None)
    return (head + body).encode() + b"MESSAGE\n" + len(text).to_bytes(8, "little") + text + b"\n\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "journal").mkdir()
    return tmp_path / "journal"


def write(folder: Path, *entries: bytes, file: str = "system.journal") -> None:
    """Append entries to a journal file."""
    subprocess.run([REMOTE, "-o", str(folder / file), "-"], input=b"".join(entries), check=True, capture_output=True,
                   timeout=60)


@contextlib.asynccontextmanager
async def reading(cursor="", begin="start", limits=(1000, 256 * 1024), **settings):
    source = Journal(begin, **settings)
    reader = OneReader(source, {"journal": cursor} if cursor else {}, *limits)
    reader.start()
    try:
        yield reader
    finally:
        source.stop()


def all_of(folder: Path, cursor: str = "", **settings) -> OneReader:
    """What is there now, from a cursor on."""
    async def scenario():
        async with reading(cursor, folder=folder, **settings) as reader:
            reader.read_all()
            return reader
    return asyncio.run(scenario())


def test_entries_become_records_with_what_is_known_of_them(folder):
    write(folder, entry(1, "beam on", PRIORITY=3))
    assert all_of(folder).titled("journal") == [{
        "time": START + 1000, "level": "error", "message": "beam on", "priority": 3, "unit": "daq.service",
        "identifier": "daq", "pid": 42, "uid": 1000, "boot": BOOTS[0]}]


def test_all_boots_are_read_in_order(folder):
    write(folder, *(entry(i, boot=0) for i in range(3)), *(entry(i, boot=1) for i in range(3, 6)))
    reader = all_of(folder)
    assert reader.messages("journal") == [f"event {i}" for i in range(6)]
    assert [record["boot"] for record in reader.titled("journal")] == [BOOTS[0]] * 3 + [BOOTS[1]] * 3


@pytest.mark.parametrize("at_a_time", [1, 7, 1000])
def test_every_entry_is_read_once_whatever_the_size_of_a_batch(folder, at_a_time):
    write(folder, *(entry(i) for i in range(100)))
    reader = all_of(folder, limits=(at_a_time, 256 * 1024))
    assert reader.messages("journal") == [f"event {i}" for i in range(100)]


def test_reading_goes_on_from_a_cursor(folder):
    write(folder, *(entry(i) for i in range(10)))
    first = all_of(folder)
    write(folder, *(entry(i) for i in range(10, 12)))
    later = all_of(folder, first.cursors["journal"])
    assert later.titled("journal") and later.messages("journal") == ["event 10", "event 11"]
    assert not later.gaps("journal")


def test_several_lines_and_bytes_that_are_no_text_come_through(folder):
    write(folder, entry(1, "first\nsecond\n\tthird"), entry(2, b"temp 5\xb0C\0"), entry(3, "grün €"))
    several, binary, text = all_of(folder).titled("journal")
    assert several["message"] == "first\nsecond\n\tthird"
    assert binary["message"] == "temp 5\\xb0C\\x00"
    assert base64.b64decode(binary["binary"]) == b"temp 5\xb0C\0"
    assert text["message"] == "grün €"


def test_a_message_longer_than_a_record_may_be_is_cut_and_says_so(folder):
    write(folder, entry(1, random.Random(1).randbytes(700_000).hex()))
    record, = all_of(folder).titled("journal")
    assert (len(record["message"]), record["cut"]) == (1 << 20, 1_400_000 - (1 << 20))


def test_from_now_on_nothing_old_is_read(folder):
    write(folder, entry(1), entry(2))
    reader = all_of(folder, begin="now")
    assert not reader.titled("journal")
    write(folder, entry(3))
    assert all_of(folder, reader.cursors["journal"], begin="now").messages("journal") == ["event 3"]


def test_new_entries_are_told_without_asking(folder):
    async def scenario():
        write(folder, entry(1))
        async with reading(folder=folder) as reader:
            await reader.until(lambda: reader.messages("journal") == ["event 1"])
            for number in (2, 3):
                await asyncio.to_thread(write, folder, entry(number))
                await reader.until(lambda number=number: len(reader.messages("journal")) == number, 10)
    asyncio.run(scenario())


@pytest.mark.parametrize("at_a_time", [1, 2, 1000])
def test_a_vacuumed_journal_is_a_gap_and_goes_on_with_what_is_left(folder, at_a_time):
    write(folder, *(entry(i) for i in range(10)), file="old.journal")
    cursor = all_of(folder, limits=(5, 1 << 20)).cursors["journal"]
    write(folder, *(entry(i) for i in range(20, 25)), file="new.journal")
    (folder / "old.journal").unlink()
    later = all_of(folder, cursor, limits=(at_a_time, 1 << 20))
    assert later.gaps("journal") == ["vacuumed"]
    assert later.messages("journal") == [f"event {i}" for i in range(20, 25)]
    assert "gap" in later.titled("journal")[0]


def test_a_rotated_file_goes_on_being_read(folder):
    async def scenario():
        write(folder, *(entry(i) for i in range(5)))
        async with reading(folder=folder, limits=(2, 1 << 20)) as reader:
            reader.read_all()
            (folder / "system.journal").rename(folder / "system@1.journal")
            await asyncio.to_thread(write, folder, entry(5))
            await reader.until(lambda: reader.messages("journal") == [f"event {i}" for i in range(6)])
            assert not reader.gaps("journal")
    asyncio.run(scenario())


def test_a_cursor_that_is_none_is_a_gap_and_goes_on_from_now(folder):
    write(folder, entry(1))
    for cursor in ("nonsense", "s=zz", "x", "a\0b", "\ud800", "s=;i="):
        reader = all_of(folder, cursor)
        assert reader.gaps("journal") in (["reset"], ["vacuumed"])
        assert "journal" in reader.cursors


def test_another_journal_that_ends_earlier_is_a_gap_and_goes_on_from_now(folder):
    write(folder, *(entry(i) for i in range(100, 110)))
    cursor = all_of(folder).cursors["journal"]
    (folder / "system.journal").unlink()
    write(folder, *(entry(i) for i in range(10)))
    later = all_of(folder, cursor)
    assert (later.gaps("journal"), later.messages("journal")) == (["reset"], [])
    write(folder, entry(11))
    assert all_of(folder, later.cursors["journal"]).messages("journal") == ["event 11"]


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_file_never_stops_the_reading_and_what_is_missing_is_counted(folder, seed):
    write(folder, *(entry(i, f"event {i} " + "x" * (i % 300), N=i) for i in range(3000)))
    path, chance = folder / "system.journal", random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(10):
        at = chance.randrange(4096, len(data) - 4096)
        data[at:at + 600] = chance.randbytes(600)
    path.write_bytes(data)
    reader = all_of(folder)
    missed = sum(record["gap"]["missed"] for record in reader.titled("journal") if "gap" in record)
    assert set(reader.gaps("journal")) <= {"corrupt"}
    # what lies before the first or behind the last entry that can be read is not known to be missing
    assert 2000 < len(reader.messages("journal")) + missed <= 3000
    # beside it, the journal goes on
    write(folder, entry(5000), file="next.journal")
    assert all_of(folder, reader.cursors["journal"]).messages("journal")[-1] == "event 5000"


def test_a_file_that_is_no_journal_does_not_hide_the_others(folder):
    (folder / "broken.journal").write_bytes(random.Random(1).randbytes(100_000))
    (folder / "empty.journal").touch()
    write(folder, entry(1))
    shutil.copy(folder / "system.journal", folder / "cut.journal")
    with open(folder / "cut.journal", "ab") as file:
        file.truncate(1000)
    assert all_of(folder).messages("journal") == ["event 1"]


def test_a_machine_without_a_journal_is_told_in_one_line(tmp_path, caplog):
    reader = all_of(tmp_path / "nowhere")
    assert not reader.titled("journal")
    assert reader.source.unavailable
    assert len(caplog.messages) == 1
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no journal" in all_of(empty).source.unavailable


def test_without_the_library_it_is_told_in_one_line(caplog):
    def missing(folder):
        raise ImportError("No module named 'systemd'")
    reader = all_of(Path("/nowhere"), opener=missing)
    assert "python3-systemd" in reader.source.unavailable
    assert reader.source.moving()
    assert len(caplog.messages) == 1


def test_a_journal_that_comes_later_is_read(tmp_path):
    async def scenario():
        async with reading(folder=tmp_path / "later") as reader:
            reader.read_all()
            assert reader.source.unavailable
            (tmp_path / "later").mkdir()
            await asyncio.to_thread(write, tmp_path / "later", entry(1))
            reader.read_all()
            assert reader.messages("journal") == ["event 1"]
            assert not reader.source.unavailable
    asyncio.run(scenario())


class SimulatedJournal:
    """A working journal in memory, of which entries can be lost and places can fail. A Handle."""

    def __init__(self, count: int, fails_at: set[int] = frozenset(), damaged: set[int] = frozenset(), lost=frozenset()):
        self.entries = [number for number in range(count) if number not in lost]
        self.fails_at, self.damaged = fails_at, damaged
        self.at = -1
        self.opened = 0

    def open(self, folder):
        self.opened += 1
        self.at = -1
        return self

    def has_files(self):
        return True

    def process(self):
        return False

    def fileno(self):
        return 0

    def close(self):
        pass

    def seek_start(self):
        self.at = -1

    def seek_end(self):
        self.at = len(self.entries) - 1
        return self.at >= 0

    def seek(self, cursor):
        return self._first(lambda number: number >= JournalPlace.parse(cursor).number)

    def seek_time(self, time):
        return self._first(lambda number: START + number * 1000 >= time)

    def _first(self, wanted):
        self.at = next((i for i, number in enumerate(self.entries) if wanted(number)), len(self.entries))
        return self.at < len(self.entries)

    def next(self):
        if self.at + 1 < len(self.entries) and self.entries[self.at + 1] in self.fails_at:
            raise OSError(74, "Bad message")
        if self.at + 1 >= len(self.entries):
            return False  # and stays where it is, as the library does
        self.at += 1
        return True

    def entry(self):
        if self.entries[self.at] in self.damaged:
            raise OSError(74, "Bad message")
        return {"MESSAGE": b"event %d" % self.entries[self.at]}

    def time(self):
        return START + self.entries[self.at] * 1000

    def cursor(self):
        number = self.entries[self.at]
        return f"s=ab;i={number:x};b=cd;m={number:x};t={START + number * 1000:x};x={number:x}"


def simulated(journal: SimulatedJournal, **settings) -> OneReader:
    return all_of(Path(__file__).parent, opener=journal.open, **settings)


def test_entries_that_can_not_be_read_are_counted_and_skipped():
    reader = simulated(SimulatedJournal(10, damaged={3, 4, 9}))
    assert reader.messages("journal") == [f"event {i}" for i in (0, 1, 2, 5, 6, 7, 8)]
    assert [record["gap"]["missed"] for record in reader.titled("journal") if "gap" in record] == [3]


def test_entries_that_silently_went_missing_are_counted():
    reader = simulated(SimulatedJournal(100, lost={13, 14, 57}), limits=(10, 1 << 20))
    assert len(reader.messages("journal")) == 97
    assert [record["gap"]["missed"] for record in reader.titled("journal") if "gap" in record] == [2, 1]


def test_a_place_where_the_library_fails_is_stepped_over():
    journal = SimulatedJournal(5000, fails_at=set(range(700, 750)))
    reader = simulated(journal, limits=(100, 1 << 20))
    kept = [int(text.split()[1]) for text in reader.messages("journal")]
    assert kept == sorted(set(kept))
    assert kept[:700] == list(range(700))
    assert set(reader.gaps("journal")) == {"corrupt"}
    assert set(range(900, 5000)) <= set(kept)
    assert journal.opened < 20


def test_a_journal_that_fails_everywhere_does_not_turn_the_reader_in_circles():
    journal = SimulatedJournal(100, fails_at=set(range(100)))
    reader = simulated(journal)
    assert reader.gaps("journal") == ["corrupt"]
    assert journal.opened < 20
    assert FIRST_STEP > 0


def test_a_field_may_be_missing_repeated_or_nonsense():
    convert = Converter()
    assert convert({}, 5) == {"time": 5, "level": "info", "message": ""}
    record = convert({"MESSAGE": [b"one", b"two"], "PRIORITY": b"9", "_PID": b"x", "_UID": [b"1", b"2"],
                      "SYSLOG_IDENTIFIER": b"\xff" * 999, "_COMM": b"c"}, 5)
    assert record == {"time": 5, "level": "info", "message": "one\ntwo", "uid": 1,
                      "identifier": "\\xff" * 64}


def test_what_systemd_says_of_a_unit_is_under_that_unit():
    record = Converter()({"MESSAGE": b"Started.", "_SYSTEMD_UNIT": b"init.scope", "UNIT": b"daq.service"}, 5)
    assert record["unit"] == "daq.service"


def test_the_memory_for_names_is_bounded():
    convert = Converter()
    for number in itertools.islice(itertools.count(), 20_000):
        convert({"_SYSTEMD_UNIT": b"run-%d.service" % number}, 1)
    assert len(convert._texts) <= 4096
