"""Containers of an engine that is asked through its socket, and of one that hangs, lies, floods or goes away."""

import asyncio
import contextlib
import json
import subprocess

import pytest
from container_engine import StandInEngine
from one_reader import OneReader

from dvic_agent.sources import engine as engines
from dvic_agent.sources.containers import Containers
from dvic_agent.sources.namespaces import Home, Namespace

ID = "0123456789abcdef" * 4


@contextlib.asynccontextmanager
async def asking(folder, *sockets, kernel=False):
    source = Containers(sockets or [folder / "engine.sock"], folder, kernel=kernel, period=0.05)
    reader = OneReader(source)
    reader.start()
    try:
        yield reader
    finally:
        source.stop()


def told(reader: OneReader) -> dict[str, tuple]:
    """The newest state and exit code of each, by its name or id."""
    found: dict[str, tuple] = {}
    for record in reader.records.get("containers", []):
        if record.get("whole"):
            found.clear()
        found |= {one.get("name") or one["id"]: (one["state"], one.get("exit_code")) for one in record["containers"]}
    return found


def states(reader: OneReader, name: str) -> list[str]:
    return [one["state"] for record in reader.records.get("containers", []) for one in record["containers"]
            if one.get("name") == name]


async def soon(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def played(scene, engine="docker"):
    asyncio.run(scene(StandInEngine(engine)))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("dvic_agent.backoff.SHORTEST", 0.05)
    monkeypatch.setattr(engines, "GATHER", 0.01)


@pytest.mark.parametrize(("engine", "all_there_are"), [
    ("docker", {"web": ("running", None), "still": ("paused", None), "job": ("ended", 5), "again": ("restarting", 7)}),
    ("podman", {"web": ("running", None), "job": ("ended", 5)})])
def test_all_that_were_started_are_told_at_first_and_nothing_but_get_is_ever_sent(tmp_path, engine, all_there_are):
    async def scene(stand_in):
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await reader.until(lambda: told(reader) == all_there_are)
            first = reader.records["containers"][0]
            assert first["whole"] and {one["engine"] for one in first["containers"]} == {engine}
            assert {request.split()[0] for request in stand_in.requests} == {"GET"}
            web = Home(engine, stand_in.ids["web"])
            assert reader.source.named(web) == ("web", "tiny" if engine == "docker" else "localhost/tiny:latest")
            assert reader.source.named(Home(engine, stand_in.ids["never"]))[0] == "never", "for its first line"
            assert reader.source.named(Home(engine, ID)) is None
    played(scene, engine)


def test_starts_ends_with_their_codes_and_removals_are_told_as_they_come(tmp_path):
    async def scene(stand_in):
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await reader.until(lambda: stand_in.listeners and told(reader))
            stand_in.say(stand_in.start("never"))
            await reader.until(lambda: told(reader).get("never") == ("running", None))
            stand_in.say(stand_in.end("never", 137))
            await reader.until(lambda: told(reader)["never"] == ("ended", 137))
            stand_in.say(stand_in.end("web", 4))
            stand_in.say(stand_in.remove("web"))  # --rm: nobody could ask for its code any more
            await reader.until(lambda: told(reader)["web"] == ("ended", 4))
            assert reader.source.named(Home("docker", stand_in.ids["web"])) == ("web", "tiny"), "for its last lines"
            assert states(reader, "web") == ["running", "ended"]
    played(scene)


def test_one_that_begins_and_ends_between_two_looks_is_told_by_its_events(tmp_path):
    async def scene(stand_in):
        recorded = [event for event in stand_in.recorded_events if event["Actor"]["Attributes"]["name"] == "brief"]
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await reader.until(lambda: stand_in.listeners and told(reader))
            stand_in.say(b"".join(json.dumps(event).encode() + b"\n" for event in recorded))
            await reader.until(lambda: told(reader).get("brief") == ("ended", 3))
    played(scene)


def test_what_was_missed_is_found_in_the_next_list(tmp_path, monkeypatch):
    async def scene(stand_in):
        monkeypatch.setattr(engines, "LIST_EVERY", 0.1)
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await reader.until(lambda: told(reader))
            stand_in.start("never")
            stand_in.remove("job")
            await reader.until(lambda: told(reader).get("never") == ("running", None))
            await reader.until(lambda: stand_in.ids["job"] not in reader.source._engines[0].told)
            before, still = len(stand_in.requests), f"GET /containers/{stand_in.ids['still']}/json"
            await soon(lambda: stand_in.requests[before:].count("GET /containers/json?all=1") > 2)
            assert still not in stand_in.requests[before:], "what is as it was is not asked for with each list"
    played(scene)


def test_an_engine_that_comes_later_or_comes_back_is_asked_again(tmp_path):
    async def scene(stand_in):
        async with asking(tmp_path) as reader:
            await reader.until(lambda: reader.records.get("containers"))
            assert told(reader) == {} and "No such file" in reader.source.unavailable
            async with stand_in.at(tmp_path / "engine.sock"):
                await reader.until(lambda: "web" in told(reader))
                assert reader.source.unavailable == ""
            await soon(lambda: "can't be asked" in reader.source.unavailable)
            stand_in.end("web", 9)
            async with stand_in.at(tmp_path / "engine.sock"):
                await reader.until(lambda: told(reader)["web"] == ("ended", 9))
    played(scene)


def test_an_engine_that_hangs_is_left_and_asked_again_when_it_is_better(tmp_path, monkeypatch):
    async def scene(stand_in):
        monkeypatch.setattr(engines, "ANSWER_SECONDS", 0.2)
        stand_in.hang.set()
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await soon(lambda: "ANSWER_SECONDS" in reader.source.unavailable)
            stand_in.hang.clear()
            await reader.until(lambda: "web" in told(reader))
    played(scene)


@pytest.mark.parametrize(("path", "answer", "why"), [
    ("/version", b"<html>", "no container engine answers"), ("/version", 403, "answers 403 to GET /version"),
    ("/containers/json", b'{"message":"no"}', "with no list"), ("/containers/json", 500, "answers 500"),
    ("/containers/json", b" " * 2000, "MAX_ANSWER"), ("/events", 404, "answers 404 to GET /events")])
def test_an_engine_that_lies_is_named_with_what_it_said_and_harms_nothing(tmp_path, monkeypatch, path, answer, why):
    async def scene(stand_in):
        monkeypatch.setattr(engines, "MAX_ANSWER", 1000 if "MAX" in why else engines.MAX_ANSWER)
        stand_in.answer = lambda asked: answer if asked == path else None
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await soon(lambda: why in reader.source.unavailable)
            assert str(tmp_path / "engine.sock") in reader.source.unavailable
            assert reader.source.moving()
            stand_in.answer = lambda asked: None
            monkeypatch.undo()
            await reader.until(lambda: "web" in told(reader), 70)
    played(scene)


def test_what_speaks_no_http_is_named_in_words_that_harm_nobody(tmp_path):
    async def scene(_):
        async def answer(reader, writer):
            await reader.readline()
            writer.write(b"\x1b[2J" + b"m" * 5000 + b"\r\n\r\n")
            writer.close()

        server = await asyncio.start_unix_server(answer, tmp_path / "engine.sock")
        async with server, asking(tmp_path) as reader:
            await soon(lambda: reader.source.unavailable)
            assert reader.source.unavailable.isprintable() and len(reader.source.unavailable) < 600
    played(scene)


def test_a_container_at_which_the_engine_fails_hides_no_other_one(tmp_path):
    async def scene(stand_in):
        broken = f"/containers/{stand_in.ids['job']}/json"
        stand_in.answer = lambda path: 500 if path == broken else None
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await reader.until(lambda: stand_in.listeners and told(reader))
            assert "web" in told(reader) and "job" not in told(reader)
            stand_in.answer = lambda path: None
            stand_in.say(stand_in.event("job", "rename"))
            await reader.until(lambda: told(reader).get("job") == ("ended", 5))
    played(scene)


def test_an_event_that_is_too_long_or_none_at_all_is_passed_over_and_the_list_asked_for(tmp_path):
    async def scene(stand_in):
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await reader.until(lambda: stand_in.listeners and told(reader))
            stand_in.start("never")
            stand_in.say(b"{]\n5\n\n" + b"x" * (2 * engines.MAX_EVENT) + b"\n")
            await reader.until(lambda: told(reader).get("never") == ("running", None))
            stand_in.say(stand_in.end("never", 1))
            await reader.until(lambda: told(reader)["never"] == ("ended", 1))
    played(scene)


def test_a_flood_of_names_is_bounded(tmp_path, monkeypatch):
    async def scene(stand_in):
        monkeypatch.setattr(engines, "MAX_NAMED", 20)
        monkeypatch.setattr(engines, "MAX_LISTED", 3)
        async with stand_in.at(tmp_path / "engine.sock"), asking(tmp_path) as reader:
            await reader.until(lambda: stand_in.listeners and told(reader))
            assert len(told(reader)) <= 3
            for number in range(500):
                stand_in.say(stand_in.event("job", "create") | {"Actor": {
                    "ID": f"{number:064x}", "Attributes": {"name": f"mallory-{number}", "image": "x"}}})
            asked = reader.source._engines[0]
            await soon(lambda: asked.name_of(f"{499:064x}"))
            assert len(asked._names) <= 20 and len(asked._touched) <= 20
            assert asked.name_of(f"{0:064x}") is None
    played(scene)


def test_what_the_kernel_shows_is_told_as_it_comes_and_goes_and_waits_for_no_engine(tmp_path):
    async def scene(stand_in):
        async with asking(tmp_path, kernel=True) as reader:
            seen = {7: Namespace(7, (1,), Home("lxc", "web", "lxc@web.service")), 8: Namespace(8, (1,), Home())}
            assert not reader.records.get("containers"), "nobody has looked yet"
            await asyncio.to_thread(reader.source.seen, seen)
            await reader.until(lambda: told(reader) == {"web": ("running", None)})
            [one] = reader.records["containers"][0]["containers"]
            assert (one["unit"], one["since"] > 0) == ("lxc@web.service", True)
            await asyncio.to_thread(reader.source.seen, {})
            await reader.until(lambda: told(reader) == {"web": ("ended", None)})
    played(scene)


def test_when_those_have_ended_by_which_a_container_is_known_the_kernel_is_asked_again(tmp_path):
    async def scene(_):
        async with asking(tmp_path, kernel=True) as reader:
            asked = []
            reader.source.left = lambda: asked.append(1)
            ended = subprocess.Popen(["true"])
            ended.wait()
            lives, home = {7: Namespace(7, (ended.pid, 1), Home("lxc", "web"))}, Home("lxc", "web")
            await asyncio.to_thread(reader.source.seen, lives)
            await reader.until(lambda: told(reader) == {"web": ("running", None)})
            assert not asked
            await asyncio.to_thread(reader.source.seen, {7: Namespace(7, (ended.pid,), home)})
            await soon(lambda: asked)
            assert told(reader) == {"web": ("running", None)}, "it is the kernel that says so, and not a guess"
    played(scene)
