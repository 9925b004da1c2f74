"""Log files in a directory where anybody may write: appended, cut, renamed, replaced, deleted, and made to deceive."""

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import socket
import tempfile
import traceback
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some
from one_reader import OneReader

from dvic_agent.clock import Clock
from dvic_agent.sources.inotify import OVERFLOW, Event
from dvic_agent.sources.log_file import NOTHING_READ, LogFile, Place
from dvic_agent.sources.log_files import LogFiles
from dvic_agent.sources.open_files import OpenFiles, key_of
from dvic_wire.limits import MAX_RECORD_TEXT

HEADER = {"dvic_log": 1, "pid": 42, "executable": "/usr/bin/daq", "user": "root", "name": "daq",
          "start": 1_700_000_000_000_000, "library": "python 0.1.0"}


@contextlib.asynccontextmanager
async def following(folder, cursors=None, limits=(1000, 256 * 1024), **settings):
    """A started source on `folder`, with a reader of its streams."""
    source = LogFiles([folder], **{"linger": 0.0, "quiet": 0.0, "tick": 0.05} | settings)
    reader = OneReader(source, cursors, *limits)
    reader.start()
    try:
        yield reader
    finally:
        source.stop()


def append(path, data) -> None:
    with open(path, "ab") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def name_of(path) -> str:
    device, inode = key_of(os.stat(path))
    return f"file:{device}:{inode}"


def test_lines_of_a_file_that_is_there_and_of_one_that_comes_are_read(tmp_path):
    async def scenario():
        append(tmp_path / "dvic_log_old", "one\ntwo\n")
        async with following(tmp_path) as reader:
            append(tmp_path / "dvic_log_new", "three\n")
            append(tmp_path / "other", "nobody asked\n")
            await reader.until(lambda: reader.messages("dvic_log_new") == ["three"])
            append(tmp_path / "dvic_log_old", "four\n")
            await reader.until(lambda: reader.messages("dvic_log_old") == ["one", "two", "four"])
            assert sorted(reader.titles.values()) == ["dvic_log_new", "dvic_log_old"]
    asyncio.run(scenario())


def test_the_owner_is_the_truth_and_the_header_a_claim(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        append(path, json.dumps(HEADER | {"user": "somebody-else"}) + "\n" + '{"m": "up", "l": "info"}\n')
        async with following(tmp_path) as reader:
            await reader.until(lambda: reader.messages("dvic_log_x") == ["up"])
            about = reader.about[name_of(path)]
            assert about["path"] == str(path)
            assert about["uid"] == os.getuid()
            assert about["owner"] == pwd.getpwuid(os.getuid()).pw_name
            assert about["header"]["user"] == "somebody-else"
            [record] = reader.titled("dvic_log_x")
            assert (record["uid"], record["pid"]) == (os.getuid(), 42)
    asyncio.run(scenario())


def test_the_header_is_known_when_reading_goes_on_in_the_middle(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        append(path, json.dumps(HEADER) + "\none\n")
        async with following(tmp_path) as reader:
            await reader.until(lambda: reader.messages("dvic_log_x") == ["one"])
        append(path, "two\n")
        async with following(tmp_path, reader.cursors) as later:
            await later.until(lambda: later.messages("dvic_log_x") == ["two"])
            assert later.about[name_of(path)]["header"]["pid"] == later.titled("dvic_log_x")[0]["pid"] == 42
            assert not later.gaps("dvic_log_x")
    asyncio.run(scenario())


def test_a_line_is_not_told_before_its_newline(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        async with following(tmp_path, quiet=3600) as reader:
            with open(path, "wb", buffering=0) as writer:
                writer.write(b"first\nsec")
                await reader.until(lambda: reader.messages("dvic_log_x") == ["first"])
                writer.write(b"ond\n")
                await reader.until(lambda: reader.messages("dvic_log_x") == ["first", "second"])
    asyncio.run(scenario())


def test_a_last_line_without_newline_is_told_when_its_writer_has_closed_the_file(tmp_path):
    async def scenario():
        append(tmp_path / "dvic_log_x", "started\n")
        async with following(tmp_path) as reader:
            append(tmp_path / "dvic_log_x", "died in mid-sen")
            await reader.until(lambda: reader.messages("dvic_log_x") == ["started", "died in mid-sen"])
            append(tmp_path / "dvic_log_x", "again\n")
            await reader.until(lambda: reader.messages("dvic_log_x")[2:] == ["again"])
    asyncio.run(scenario())


def test_a_last_line_without_newline_that_is_old_is_told_after_a_start(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        append(path, "died in mid-sen")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        async with following(tmp_path, quiet=3600) as reader:
            await reader.until(lambda: reader.messages("dvic_log_x") == ["died in mid-sen"])
    asyncio.run(scenario())


def test_a_rotated_file_goes_on_under_its_new_name_and_the_new_file_is_another_stream(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        append(path, "one\n")
        async with following(tmp_path, linger=3600) as reader:
            await reader.until(lambda: reader.messages("dvic_log_x") == ["one"])
            append(path, "two\n")
            path.rename(tmp_path / "dvic_log_x.1")
            append(tmp_path / "dvic_log_x.1", "three\n")
            append(path, "four\n")
            await reader.until(lambda: reader.messages("dvic_log_x") == ["four"])
            await reader.until(lambda: reader.messages("dvic_log_x.1") == ["one", "two", "three"])
            assert not reader.closed
            assert reader.about[name_of(tmp_path / "dvic_log_x.1")]["path"].endswith("x.1")
    asyncio.run(scenario())


def test_a_file_that_is_renamed_out_of_sight_is_read_to_its_end_and_closed(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        append(path, "one\n")
        async with following(tmp_path) as reader:
            await reader.until(lambda: reader.messages("dvic_log_x") == ["one"])
            name = name_of(path)
            append(path, "two\nlast, without newline")
            path.rename(tmp_path / "kept_elsewhere")
            await reader.until(lambda: name in reader.closed)
            assert reader.messages("dvic_log_x") == ["one", "two", "last, without newline"]
            assert not reader.gaps("dvic_log_x")
    asyncio.run(scenario())


def test_a_deleted_file_is_followed_while_it_is_written_to_and_then_closed(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        async with following(tmp_path, linger=1.0) as reader:
            with open(path, "wb", buffering=0) as writer:
                writer.write(b"one\n")
                await reader.until(lambda: reader.messages("dvic_log_x") == ["one"])
                name = name_of(path)
                path.unlink()
                writer.write(b"two\n")
                await reader.until(lambda: reader.messages("dvic_log_x") == ["one", "two"])
            await reader.until(lambda: name in reader.closed)
            assert not list(reader.source.streams())
    asyncio.run(scenario())


def test_a_file_that_came_and_went_before_anybody_read_it_is_not_lost(tmp_path):
    async def scenario():
        async with following(tmp_path) as reader:
            append(tmp_path / "dvic_log_x", "short life\n")
            while not list(reader.source.streams()):
                await asyncio.sleep(0)
            (tmp_path / "dvic_log_x").unlink()
            await reader.until(lambda: reader.closed)
            assert reader.messages("dvic_log_x") == ["short life"]
    asyncio.run(scenario())


def test_deleted_files_that_nobody_can_read_now_hold_a_bounded_part_of_the_disk(tmp_path):
    async def scenario():
        async with following(tmp_path) as reader:
            paths = [tmp_path / f"dvic_log_{i}" for i in range(5)]
            for path in paths:
                append(path, b"x" * 1_000_000 + b"\n")
                os.truncate(path, 20 * 1024 * 1024)
            while len(list(reader.source.streams())) < 5:
                await asyncio.sleep(0)
            for path in paths:
                path.unlink()
                while any(file.path == os.fsencode(path) for file in reader.source.files()):
                    await asyncio.sleep(0.01)
            while len(deleted_and_open(tmp_path)) > 3:
                await asyncio.sleep(0.01)
            await reader.until(lambda: len(reader.closed) == 5)
            assert not deleted_and_open(tmp_path)
            gaps = [reader.gaps(path.name) for path in paths]
            assert gaps == [["deleted"], ["deleted"], [], [], []]
    asyncio.run(scenario())


def deleted_and_open(folder) -> list[str]:
    """What this process still holds of deleted files of a folder."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
    return [path for path in found if path.startswith(str(folder)) and path.endswith("(deleted)")]


def test_a_truncated_file_is_a_gap_and_read_from_its_beginning(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        append(path, "one\ntwo\nthree\n")
        async with following(tmp_path) as reader:
            await reader.until(lambda: len(reader.messages("dvic_log_x")) == 3)
            os.truncate(path, 0)
            append(path, "four\n")
            await reader.until(lambda: reader.messages("dvic_log_x")[3:] == ["four"])
            assert reader.gaps("dvic_log_x") == ["truncated"]
    asyncio.run(scenario())


def test_a_hole_left_by_copy_and_truncate_is_stepped_over(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        async with following(tmp_path) as reader:
            with open(path, "wb", buffering=0) as writer:  # not O_APPEND: it keeps its offset
                writer.write(b"before\n")
                writer.seek(40 * 1024 * 1024)
                writer.write(b"\nfar\n")
                await reader.until(lambda: "far" in reader.messages("dvic_log_x"))
                shutil.copy(path, tmp_path / "kept")
                os.truncate(path, 0)
                writer.write(b"after\n")
                await reader.until(lambda: "after" in reader.messages("dvic_log_x"))
            assert reader.gaps("dvic_log_x") == ["replaced"]
            assert reader.messages("dvic_log_x")[-1] == "after"
    asyncio.run(scenario())


def test_a_file_full_of_zeros_is_read_a_bounded_piece_at_a_time(tmp_path):
    path = tmp_path / "dvic_log_x"
    with path.open("wb") as file:
        for _ in range(40):
            file.write(bytes(1024 * 1024))
        file.write(b"behind\n")
    files, status = OpenFiles(4), path.stat()
    stream = LogFile(key_of(status), os.fsencode(path), status.st_uid, files, Clock())
    cursor, places, texts = "", [0], []
    while places[-1] < status.st_size:
        reading = stream.read(cursor, 100, 256 * 1024)
        cursor, texts = reading.cursor, texts + [record["message"] for record in reading.records]
        places.append(Place.parse(cursor).offset)
        assert reading.more or places[-1] == status.st_size
    assert texts == ["behind"]
    assert max(after - before for before, after in zip(places, places[1:], strict=False)) <= 17 * 1024 * 1024
    files.close()


def test_a_file_that_was_replaced_while_the_agent_was_away_is_a_gap(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        append(path, "the old life of this inode\n")
        async with following(tmp_path) as reader:
            await reader.until(lambda: reader.messages("dvic_log_x"))
        path.write_text("another life, which is longer than the old one\nsecond\n")
        async with following(tmp_path, reader.cursors) as later:
            await later.until(lambda: later.messages("dvic_log_x")[1:] == ["second"])
            assert later.gaps("dvic_log_x") == ["replaced"]
    asyncio.run(scenario())


def test_a_file_that_was_deleted_while_the_agent_was_away_is_one_gap_and_closed(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        append(path, "one\n")
        async with following(tmp_path) as reader:
            await reader.until(lambda: reader.messages("dvic_log_x"))
        path.unlink()
        async with following(tmp_path, reader.cursors | {"journal": "s=1"}) as later:
            await later.until(lambda: later.closed)
            assert [r["gap"]["reason"] for records in later.records.values() for r in records] == ["deleted"]
            assert later.cursors == {"journal": "s=1"}
            assert not list(later.source.streams())
    asyncio.run(scenario())


def test_a_directory_that_can_not_be_listed_does_not_end_its_streams(tmp_path):
    if os.getuid() == 0:
        folder = tmp_path / "not-a-folder"
        folder.write_text("")
    else:
        folder = tmp_path / "closed"
        folder.mkdir(mode=0)

    async def scenario():
        async with following(folder, {"file:1:2": str(NOTHING_READ)}) as reader:
            assert not list(reader.source.streams())
            assert reader.source.moving()
    asyncio.run(scenario())


def test_a_directory_that_comes_later_and_comes_again_is_watched(tmp_path):
    async def scenario():
        folder = tmp_path / "later"
        async with following(folder) as reader:
            for turn in ("first", "second"):
                folder.mkdir()
                append(folder / f"dvic_log_{turn}", "hello\n")
                await reader.until(lambda turn=turn: reader.messages(f"dvic_log_{turn}") == ["hello"])
                append(folder / f"dvic_log_{turn}", "world\n")
                await reader.until(lambda turn=turn: reader.messages(f"dvic_log_{turn}") == ["hello", "world"])
                shutil.rmtree(folder)
                await reader.until(lambda turn=turn: len(reader.closed) == (1 if turn == "first" else 2))
    asyncio.run(scenario())


def test_links_fifos_directories_sockets_and_devices_are_never_opened(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("root:hash\n")
    (tmp_path / "dvic_log_link").symlink_to(secret)
    (tmp_path / "dvic_log_dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "dvic_log_folder").mkdir()
    os.mkfifo(tmp_path / "dvic_log_fifo")
    if os.getuid() == 0:
        os.mknod(tmp_path / "dvic_log_device", 0o666 | 0o020000, os.makedev(1, 5))

    async def scenario():
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(tmp_path / "dvic_log_sock"))
            async with following(tmp_path) as reader:
                append(tmp_path / "dvic_log_z", "honest\n")
                os.mkfifo(tmp_path / "dvic_log_fifo2")
                (tmp_path / "dvic_log_link2").symlink_to("/etc/passwd")
                await reader.until(lambda: reader.messages("dvic_log_z") == ["honest"])
                assert set(reader.titles.values()) == {"dvic_log_z"}
    asyncio.run(scenario())


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_log_x"
        (tmp_path / "secret").write_text("root:hash\n" * 100)
        append(path, "one\n")
        async with following(tmp_path, max_open=1) as reader:
            await reader.until(lambda: reader.messages("dvic_log_x") == ["one"])
            append(tmp_path / "dvic_log_y", "takes the one descriptor\n")
            await reader.until(lambda: reader.messages("dvic_log_y"))
            path.unlink()
            path.symlink_to(tmp_path / "secret")
            await reader.until(lambda: reader.closed)
            assert reader.messages("dvic_log_x") == ["one"]
    asyncio.run(scenario())


def test_an_unreadable_file_is_reported_once_and_read_when_it_can_be():
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    path = folder / "dvic_log_x"
    append(path, "secret for now\n")
    path.chmod(0)
    try:
        as_somebody_else(path, unreadable)
    finally:
        shutil.rmtree(folder)


def as_somebody_else(path, scenario):
    """Run it as a user who is not root: a child process with another uid when this one is root."""
    if os.getuid() != 0:
        asyncio.run(scenario(path))
        return
    os.chown(path, 65534, 65534)
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            asyncio.run(scenario(path))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


async def unreadable(path):
    async with following(path.parent) as reader:
        await reader.until(lambda: len(reader.messages("dvic_log_x")) == 1)
        assert "can't be read" in reader.messages("dvic_log_x")[0]
    async with following(path.parent, reader.cursors) as later:
        later.read_all()
        assert not later.messages("dvic_log_x")
        path.chmod(0o600)
        await later.until(lambda: later.messages("dvic_log_x") == ["secret for now"])


def test_a_thousand_files_are_followed_with_few_descriptors(tmp_path):
    paths = [tmp_path / f"dvic_log_{i}" for i in range(1000)]

    async def scenario():
        for path in paths[:500]:
            append(path, "one\n")
        async with following(tmp_path, max_open=50) as reader:
            before = len(os.listdir("/proc/self/fd"))
            for path in paths[500:]:
                append(path, "one\n")
            await reader.until(lambda: sum(map(len, reader.records.values())) == 1000)
            for path in paths:
                append(path, "two\n")
            await reader.until(lambda: sum(map(len, reader.records.values())) == 2000)
            assert len(os.listdir("/proc/self/fd")) - before <= 50
            assert all(reader.messages(path.name) == ["one", "two"] for path in paths[::99])
            for path in paths:
                path.unlink()
            await reader.until(lambda: len(reader.closed) == 1000)
            assert all(reader.messages(path.name) == ["one", "two"] for path in paths)
    asyncio.run(scenario())


def test_more_files_than_the_limit_wait_for_room(tmp_path):
    async def scenario():
        for i in range(5):
            append(tmp_path / f"dvic_log_{i}", "here\n")
        async with following(tmp_path, max_files=6) as reader:
            reader.read_all()
            assert len(reader.records) == 3  # half of the room is for others
            for title in set(reader.titles.values()):
                (tmp_path / title).unlink()
            await reader.until(lambda: len(reader.records) == 5)
    asyncio.run(scenario())


def test_a_line_of_a_mebibyte_is_whole_and_a_longer_one_is_cut_and_says_so(tmp_path):
    async def scenario():
        async with following(tmp_path) as reader:
            append(tmp_path / "dvic_log_x", b"a" * MAX_RECORD_TEXT + b"\n" + b"b" * (MAX_RECORD_TEXT * 3) + b"\nnext\n")
            await reader.until(lambda: "next" in reader.messages("dvic_log_x"))
            whole, cut, _ = reader.titled("dvic_log_x")
            assert whole["message"] == "a" * MAX_RECORD_TEXT and "cut" not in whole
            assert cut["message"] == "b" * MAX_RECORD_TEXT and cut["cut"] == MAX_RECORD_TEXT * 2
    asyncio.run(scenario())


def test_a_flood_without_newlines_is_bounded(tmp_path):
    async def scenario():
        with open(tmp_path / "dvic_log_x", "wb") as file:
            for _ in range(40):
                file.write(b"x" * 1024 * 1024)
        os.utime(tmp_path / "dvic_log_x", (1_700_000_000, 1_700_000_000))
        async with following(tmp_path) as reader:
            await reader.until(lambda: len(reader.titled("dvic_log_x")) == 3)
            kept = [len(record["message"]) + record["cut"] for record in reader.titled("dvic_log_x")]
            assert kept == [16 * 1024 * 1024, 16 * 1024 * 1024, 8 * 1024 * 1024]
    asyncio.run(scenario())


def test_a_long_line_may_come_in_pieces(tmp_path):
    async def scenario():
        async with following(tmp_path, quiet=3600) as reader:
            with open(tmp_path / "dvic_log_x", "wb", buffering=0) as writer:
                for _ in range(30):
                    writer.write(b"y" * 50_000)
                    reader.read_all()
                writer.write(b"\nshort\n")
                await reader.until(lambda: "short" in reader.messages("dvic_log_x"))
            assert [len(text) for text in reader.messages("dvic_log_x")] == [MAX_RECORD_TEXT, 5]
            assert reader.titled("dvic_log_x")[0]["cut"] == 1_500_000 - MAX_RECORD_TEXT
    asyncio.run(scenario())


def test_every_line_is_read_once_whatever_the_size_of_a_batch(tmp_path):
    lines = [f"{i} " + "z" * (i % 700) for i in range(3000)]

    async def scenario():
        append(tmp_path / "dvic_log_x", "".join(line + "\n" for line in lines))
        for limits in ((7, 4096), (1000, 5000), (2000, 1 << 20), (1, 10)):
            async with following(tmp_path, limits=limits) as reader:
                reader.read_all()
                assert reader.messages("dvic_log_x") == lines
    asyncio.run(scenario())


def test_names_that_are_no_text_are_told_readably(tmp_path):
    async def scenario():
        path = os.fsencode(tmp_path) + b"/dvic_log_\xff\n\x1b[2J"
        append(path, "here\n")
        async with following(tmp_path) as reader:
            reader.read_all()
            assert list(reader.titles.values()) == ["dvic_log_\\xff\\n\\x1b[2J"]
            json.dumps(list(reader.about.values()), ensure_ascii=False).encode()
    asyncio.run(scenario())


def test_when_the_kernel_drops_events_the_directory_is_listed_again(tmp_path):
    class Forgetful:
        """An inotify whose queue is always full: it tells of the overflow and of nothing else."""

        def __init__(self, real):
            self._real = real

        def __getattr__(self, name):
            return getattr(self._real, name)

        def read(self):
            return [Event(-1, OVERFLOW, b"")] if self._real.read() else []

    async def scenario():
        async with following(tmp_path) as reader:
            reader.source._inotify = Forgetful(reader.source._inotify)
            append(tmp_path / "dvic_log_x", "one\n")
            await reader.until(lambda: reader.messages("dvic_log_x") == ["one"])
            append(tmp_path / "dvic_log_x", "two\n")
            await reader.until(lambda: reader.messages("dvic_log_x") == ["one", "two"])
    asyncio.run(scenario())


def test_hard_links_are_one_stream(tmp_path):
    async def scenario():
        append(tmp_path / "dvic_log_a", "one\n")
        os.link(tmp_path / "dvic_log_a", tmp_path / "dvic_log_b")
        async with following(tmp_path, linger=3600) as reader:
            reader.read_all()
            (tmp_path / "dvic_log_a").unlink()
            append(tmp_path / "dvic_log_b", "two\n")
            await reader.until(lambda: [r["message"] for rs in reader.records.values() for r in rs] == ["one", "two"])
            assert len(reader.records) == 1
    asyncio.run(scenario())


def test_a_flood_in_one_file_leaves_the_others_their_turn(tmp_path):
    async def scenario():
        append(tmp_path / "dvic_log_flood", "noise\n" * 200_000)
        append(tmp_path / "dvic_log_quiet", "a word\n")
        async with following(tmp_path) as reader:
            streams = {stream.source: stream for stream in reader.source.streams()}
            flood = streams["dvic_log_flood"].read("", 1000, 256 * 1024)
            assert (len(flood.records), flood.more) == (1000, True)
            assert streams["dvic_log_quiet"].read("", 1000, 256 * 1024).records[0]["message"] == "a word"
    asyncio.run(scenario())


@given(some.integers(0, 10**18 - 1), some.integers(0, 256), some.from_regex(r"[0-9a-f]{16}", fullmatch=True))
def test_a_cursor_is_read_back_as_it_was_written(offset, length, digest):
    place = Place(offset, length, digest)
    assert Place.parse(str(place)) == place


@given(some.text(max_size=80))
def test_a_cursor_that_is_none_never_stops_the_reading(tmp_path_factory, cursor):
    path = tmp_path_factory.getbasetemp() / "dvic_log_fixed"
    path.write_text("one\ntwo\n")
    files = OpenFiles(4)
    status = path.stat()
    stream = LogFile(key_of(status), os.fsencode(path), status.st_uid, files, Clock())
    reading = stream.read(cursor, 100, 10_000)
    assert [record["message"] for record in reading.records][-2:] == ["one", "two"]
    assert ("gap" in reading.records[0]) == (cursor not in ("", "gone") and Place.parse(cursor) != NOTHING_READ)
    files.close()
