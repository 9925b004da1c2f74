"""Package files in a directory where anybody may write: replaced, half written, shrunk, and made to deceive."""

import asyncio
import contextlib
import json
import os

import pytest
from one_reader import OneReader
from package_files import HISTOGRAM, package

from dvic_agent.sources.package_file import PackageStream, stream_name
from dvic_agent.sources.packages import Packages
from dvic_wire.limits import MAX_PACKAGE_BYTES
from dvic_wire.packages import REMOVED, digest


def replace(path, data: bytes) -> None:
    beside = path.with_name("." + path.name)
    beside.write_bytes(data)
    beside.rename(path)


@contextlib.asynccontextmanager
async def following(folder, cursors=None, **settings):
    source = Packages([folder], folder / "answers", **{"tick": 0.05} | settings)
    reader = OneReader(source, cursors)
    reader.start()
    try:
        yield reader
    finally:
        source.stop()


def sent(reader, title="dvic_package_x") -> list[dict]:
    """The updates that were read, each as names to the data that travelled (None: only named)."""
    return [{each["name"]: each.get("data") for each in record["package"]["objects"]}
            for record in reader.titled(title) if "package" in record]


def answers(folder) -> dict:
    return json.loads((folder / "answers").read_text())


def test_an_update_travels_whole_at_first_and_then_only_what_changed(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        replace(path, package(1))
        (tmp_path / "other").write_bytes(package(1))
        async with following(tmp_path) as reader:
            await reader.until(lambda: len(sent(reader)) == 1)
            replace(path, package(2, {"a": HISTOGRAM % 1, "b": HISTOGRAM % 3}))
            await reader.until(lambda: len(sent(reader)) == 2)
            replace(path, package(3, {"b": HISTOGRAM % 3}))
            await reader.until(lambda: len(sent(reader)) == 3)
            one, two = (HISTOGRAM % 1).decode(), (HISTOGRAM % 2).decode()
            assert sent(reader) == [{"a": one, "b": two}, {"a": None, "b": (HISTOGRAM % 3).decode()}, {"b": None}]
            assert list(reader.titles.values()) == ["dvic_package_x"]
            about = reader.about[stream_name(os.fsencode(path), os.getuid())]
            assert about["uid"] == os.getuid() and about["path"] == str(path)
    asyncio.run(scenario())


def test_a_hub_that_names_another_cursor_is_sent_everything(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        replace(path, package(1))
        name = stream_name(os.fsencode(path), os.getuid())
        async with following(tmp_path, {name: "of;9;longago"}) as reader:
            await reader.until(lambda: len(sent(reader)) == 1)
            assert None not in sent(reader)[0].values()
            held = reader.cursors[name]
        async with following(tmp_path, {name: held}) as reader:
            reader.read_all()
            assert sent(reader) == []
    asyncio.run(scenario())


def test_what_was_removed_at_the_hub_comes_back_with_the_next_update_only(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        replace(path, package(1))
        name = stream_name(os.fsencode(path), os.getuid())
        async with following(tmp_path) as reader:
            await reader.until(lambda: len(sent(reader)) == 1)
            removed = REMOVED + reader.cursors[name]
        async with following(tmp_path, {name: removed}) as reader:
            reader.read_all()
            assert sent(reader) == []
            replace(path, package(2))
            await reader.until(lambda: len(sent(reader)) == 1)
            assert None not in sent(reader)[0].values()
    asyncio.run(scenario())


def test_a_serial_that_goes_back_after_a_restart_is_a_new_update(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        replace(path, package(17))
        async with following(tmp_path) as reader:
            await reader.until(lambda: len(sent(reader)) == 1)
            replace(path, package(1, instance="two"))
            await reader.until(lambda: len(sent(reader)) == 2)
            replace(path, package(1, {"a": HISTOGRAM % 8}, instance="two"))  # the same serial, other content
            await reader.until(lambda: len(sent(reader)) == 3)
    asyncio.run(scenario())


def test_a_half_written_file_waits_for_its_end(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        whole = package(1)
        path.write_bytes(whole[:-10])
        async with following(tmp_path) as reader:
            reader.read_all()
            assert reader.titled("dvic_package_x") == []
            path.write_bytes(whole)
            await reader.until(lambda: len(sent(reader)) == 1)
    asyncio.run(scenario())


def test_a_file_that_stays_half_written_is_told_to_its_publisher(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        path.write_bytes(package(1)[:-10])
        os.utime(path, (1, 1))
        async with following(tmp_path) as reader:
            await reader.until(lambda: reader.gaps("dvic_package_x"))
            assert answers(tmp_path)[str(path)] == {"instance": "one",
                                                    "reason": "the file ends within line 3 of 3"}
            replace(path, package(2))
            await reader.until(lambda: len(sent(reader)) == 1)
            assert answers(tmp_path) == {}
    asyncio.run(scenario())


@pytest.mark.parametrize(("content", "reason"), [
    (b"no json\n", "the first line is no JSON"),
    (package(1, dvic_package=2), "is schema 2, and this reads schema 1"),
    (package(1, name="<b>"), "name: must be"),
    (package(-1), "serial: must be a whole number"),
    (package(1, objects={"a\x07": b"{}"}), "objects: must be a list of names"),
    (package(1)[:-1] + b"\xff\n", "not UTF-8"),
    (package(1) + b"{}\n", "names 2 objects and has 3 lines"),
    (package(1, {"a": b"[" + b"1," * (MAX_PACKAGE_BYTES // 2)}), "MAX_PACKAGE_BYTES"),
    (package(1, {"a": b"[" + b"1," * (MAX_PACKAGE_BYTES // 4)}), "'a': MAX_OBJECT_BYTES"),
])
def test_what_cannot_be_used_is_one_gap_and_a_word_to_its_publisher(tmp_path, content, reason):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        replace(path, content)
        async with following(tmp_path) as reader:
            await reader.until(lambda: reader.gaps("dvic_package_x"))
            reader.read_all()
            gap, = reader.titled("dvic_package_x")
            assert reason in gap["gap"]["detail"]
            assert answers(tmp_path)[str(path)]["reason"] == gap["gap"]["detail"]
            assert sent(reader) == []
    asyncio.run(scenario())


def test_links_pipes_and_folders_are_never_opened(tmp_path):
    async def scenario():
        secret = tmp_path / "secret"
        secret.write_bytes(package(1))
        (tmp_path / "dvic_package_link").symlink_to(secret)
        os.mkfifo(tmp_path / "dvic_package_pipe")
        (tmp_path / "dvic_package_folder").mkdir()
        async with following(tmp_path) as reader:
            replace(tmp_path / "dvic_package_x", package(1))
            await reader.until(lambda: len(sent(reader)) == 1)
            assert list(reader.titles.values()) == ["dvic_package_x"]
    asyncio.run(scenario())


@pytest.mark.parametrize("make", [lambda path, secret: path.symlink_to(secret), lambda path, secret: os.mkfifo(path)])
def test_a_link_put_there_after_the_look_is_not_followed_either(tmp_path, make):
    secret, path = tmp_path / "secret", tmp_path / "dvic_package_x"
    secret.write_bytes(package(1))
    make(path, secret)
    from dvic_agent.clock import Clock
    stream = PackageStream(os.fsencode(path), os.getuid(), lambda *_: None, Clock())
    assert stream.read("", 1, 1000).records == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_another_users_file_of_the_name_is_another_package(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        replace(path, package(1))
        async with following(tmp_path) as reader:
            await reader.until(lambda: len(sent(reader)) == 1)
            mine = stream_name(os.fsencode(path), 0)
            beside = tmp_path / "beside"
            beside.write_bytes(package(1))
            os.chown(beside, 12345, 12345)
            beside.rename(path)
            await reader.until(lambda: stream_name(os.fsencode(path), 12345) in reader.cursors)
            assert mine in reader.closed and mine not in reader.cursors
    asyncio.run(scenario())


def test_a_file_that_went_ends_its_stream_and_may_come_again(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        replace(path, package(1))
        async with following(tmp_path) as reader:
            await reader.until(lambda: len(sent(reader)) == 1)
            path.unlink()
            await reader.until(lambda: reader.closed)
            replace(path, package(1))
            await reader.until(lambda: len(reader.cursors) == 1)
    asyncio.run(scenario())


def test_one_that_went_while_the_agent_was_away_ends_too(tmp_path):
    async def scenario():
        async with following(tmp_path, {"package:0:0123456789abcdef": "one;1;x", "journal": "s"}) as reader:
            reader.read_all()
            assert reader.closed == ["package:0:0123456789abcdef"]
    asyncio.run(scenario())


def test_one_user_cannot_take_all_places(tmp_path):
    async def scenario():
        for number in range(4):
            replace(tmp_path / f"dvic_package_{number}", package(1))
        async with following(tmp_path, max_packages=4) as reader:
            reader.read_all()
            assert len(reader.cursors) == 2
    asyncio.run(scenario())


def test_an_object_is_known_by_its_line():
    assert digest(HISTOGRAM % 1) != digest(HISTOGRAM % 2) and len(digest(b"")) == 32


def test_what_the_hub_refused_is_told_and_taken_back_with_the_next_update(tmp_path):
    async def scenario():
        path = tmp_path / "dvic_package_x"
        replace(path, package(1))
        async with following(tmp_path) as reader:
            await reader.until(lambda: len(sent(reader)) == 1)
            stream, = reader.source.streams()
            stream.refused("objects[0]: its values do not fit its axes")
            told = answers(tmp_path)[str(path)]
            assert told["instance"] == "one" and "do not fit" in told["reason"]
            stream.read("", 1, 1000)  # once more the same, for the gap in its place
            assert answers(tmp_path)[str(path)] == told
            replace(path, package(2))
            await reader.until(lambda: len(sent(reader)) == 2)
            assert answers(tmp_path) == {}
    asyncio.run(scenario())
