"""Histogram packages in other mount namespaces: whose they are, how they go on, what a container can't do with them."""

import asyncio
import json
import logging
import os
import time

import pytest
from mount_namespaces import Contained, as_root, looking
from package_files import HISTOGRAM, package

from dvic_agent.clock import Clock
from dvic_agent.sources.bystander import Bystander
from dvic_agent.sources.contained_packages import SETTLED, ContainedPackages
from dvic_agent.sources.container import MAX_PACKAGES_INSIDE, Container, Found
from dvic_agent.sources.holds import Closings
from dvic_agent.sources.namespaces import Home
from dvic_agent.sources.package_file import stream_name
from dvic_agent.sources.packages import Packages
from dvic_wire.limits import MAX_PACKAGE_BYTES
from dvic_wire.streams import is_contained_package

DOCKER = Home("docker", "0123456789abcdef" * 4)
SERVICE = Home(unit="daq.service")


def publish(contained: Contained, data: bytes, name: str = "dvic_package_mine_a") -> None:
    contained.tell(f"printf %s\\\\n '{data.decode().rstrip()}' > /tmp/.beside && mv /tmp/.beside /tmp/{name}")


def updates(reader) -> dict[str, list[dict]]:
    """Of each stream the updates that were read, as names to the data that travelled (None: only named)."""
    return {name: [{each["name"]: each.get("data") for each in record["package"]["objects"]}
                   for record in records if "package" in record]
            for name, records in reader.records.items() if name.startswith("package:")}


@as_root
def test_a_package_travels_whole_at_first_then_only_what_changed_and_ends_with_its_container():
    async def scenario():
        one = Contained()
        async with looking() as reader:
            publish(one, package(1))
            await reader.until(lambda: any(updates(reader).values()))
            [name] = updates(reader)
            publish(one, package(2, {"a": HISTOGRAM % 1, "b": HISTOGRAM % 3}))
            await reader.until(lambda: len(updates(reader)[name]) == 2)
            assert updates(reader)[name][1] == {"a": None, "b": (HISTOGRAM % 3).decode()}
            assert reader.about[name]["container"]
            assert (reader.about[name]["path"], reader.about[name]["uid"]) == ("/tmp/dvic_package_mine_a", 0)
            one.end()
            await reader.until(lambda: reader.closed)
            assert reader.closed == [name] and is_contained_package(name)
    asyncio.run(scenario())


@as_root
@pytest.mark.parametrize("known", [True, False])
def test_what_was_published_after_the_last_look_is_read_when_the_container_has_ended(known):
    """Between two looks, a second apart, an update comes and the container goes."""
    async def scenario():
        one = Contained()
        async with looking(tick=1.0) as reader:
            containers = reader.source.lookout.containers
            while not any(container.folders for container in list(containers.values())):
                await asyncio.sleep(0.01)
            [container] = containers.values()
            container.since -= SETTLED  # it is believed whose it is
            if known:
                publish(one, package(1))
                await reader.until(lambda: any(updates(reader).values()))
            publish(one, package(2, {"a": HISTOGRAM % 7}))
            one.end()
            await reader.until(lambda: reader.closed)
            [told] = updates(reader).values()
            assert len(told) == (2 if known else 1) and told[-1] == {"a": (HISTOGRAM % 7).decode()}
    asyncio.run(scenario())


@as_root
def test_two_containers_have_two_packages_of_one_name_and_a_removed_file_ends_one():
    async def scenario():
        one, two = Contained(), Contained()
        async with looking(one, two) as reader:
            publish(one, package(1, {"a": HISTOGRAM % 1}))
            publish(two, package(1, {"a": HISTOGRAM % 2}))
            await reader.until(lambda: sum(map(bool, updates(reader).values())) == 2)
            shown = {made[0]["a"] for made in updates(reader).values()}
            assert shown == {(HISTOGRAM % 1).decode(), (HISTOGRAM % 2).decode()}
            one.tell("rm /tmp/dvic_package_mine_a")
            await reader.until(lambda: reader.closed)
            assert len(reader.closed) == 1
    asyncio.run(scenario())


@as_root
def test_a_hostile_container_gets_nothing_read_but_packages_and_those_within_their_limits(caplog):
    async def scenario():
        bad, good = Contained(), Contained()
        bad.tell("""cd /tmp && ln -s /etc/passwd dvic_package_mine_link && mkfifo dvic_package_mine_fifo &&
            mknod dvic_package_mine_null c 1 3 && touch dvic_package_mine_bound &&
            mount --bind /etc/passwd dvic_package_mine_bound && truncate -s 100G dvic_package_mine_sparse""")
        bad.tell("seq -f /tmp/dvic_package_mine_%g 1000 | xargs touch")
        async with looking(bad, good) as reader:
            publish(good, package(1), "dvic_package_mine_good")
            await reader.until(lambda: any(updates(reader).values()))
            await reader.until(lambda: "MAX_PACKAGES_INSIDE" in caplog.text)
            assert set(reader.titles.values()) <= {f"dvic_package_mine_{name}" for name in (
                "good", "sparse", "bound", *range(1, 1001))}
            assert len(reader.titles) <= MAX_PACKAGES_INSIDE + 1
            assert "root:" not in json.dumps(reader.records)
    asyncio.run(scenario())


@as_root
def test_what_is_too_large_is_a_gap_and_named_in_the_agents_journal_with_its_container(caplog):
    async def scenario():
        one = Contained()
        async with looking(one) as reader:
            one.tell("truncate -s 100G /tmp/dvic_package_mine_a")
            await reader.until(lambda: reader.gaps("dvic_package_mine_a") == ["corrupt"])
            assert str(MAX_PACKAGE_BYTES) in caplog.text and "in container " in caplog.text
    asyncio.run(scenario())


class Watched:
    """What holds the packages of containers, with a time that stands, and what it woke."""

    def __init__(self, most: int = 10):
        self.now = 100.0
        self.woken: list[str] = []
        self.said: list[str] = []
        self.packages = ContainedPackages(Clock(lambda: self.now, lambda: self.now), Bystander(),
                                          lambda about, what, container: self.said.append(what), most)
        self.packages.start(self.woken.append)

    def sees(self, number: int, home: Home, *paths: str, uid: int = 0, whole: bool = True) -> Container:
        container = Container(number, self.now - SETTLED, "/proc", Closings())
        container.home = home
        status = os.stat_result((0o100644, 1, 1, 1, uid, 0, 10, 0, 0, 0))
        self.packages.take_in(container, Found(packages=dict.fromkeys(map(os.fsencode, paths), status), whole=whole))
        return container

    @property
    def names(self) -> list[str]:
        return [stream.name for stream in self.packages.streams()]


@pytest.mark.parametrize("home", [DOCKER, SERVICE])
def test_a_container_that_is_started_anew_goes_on_with_its_package_when_the_hub_knows_of_the_end(home):
    it = Watched()
    before = it.sees(1, home, "/tmp/dvic_package_x")
    [name] = it.names
    it.packages.ended(before, Found(whole=False))
    it.sees(2, home, "/tmp/dvic_package_x")
    assert [stream.read("", 1, 1).closed for stream in it.packages.streams()] == [True]
    it.packages.released(name)
    it.sees(2, home, "/tmp/dvic_package_x")
    assert it.names == [name]


def test_while_the_last_update_of_one_that_ended_is_read_the_next_of_its_name_waits():
    it = Watched()
    before = it.sees(1, SERVICE, "/tmp/dvic_package_x")
    it.packages.ended(before, Found(packages={b"/tmp/dvic_package_x": os.stat("/")}))
    it.sees(1, SERVICE, "/tmp/dvic_package_x")  # its number was given anew
    [name] = it.names
    assert not any(stream.over for stream in it.packages.streams())
    it.packages.let_go(before)
    assert [stream.read("", 1, 1).closed for stream in it.packages.streams()] == [True]
    it.packages.released(name)
    it.sees(1, SERVICE, "/tmp/dvic_package_x")
    assert it.names == [name]


def test_packages_of_several_namespaces_of_one_home_and_of_several_homes_are_told_apart():
    it = Watched()
    it.sees(1, SERVICE, "/tmp/dvic_package_x")
    it.sees(2, SERVICE, "/tmp/dvic_package_x")
    it.sees(3, DOCKER, "/tmp/dvic_package_x")
    it.sees(3, DOCKER, "/tmp/dvic_package_x", uid=5)
    it.sees(4, Home(), "/tmp/dvic_package_x")
    it.sees(5, Home(), "/tmp/dvic_package_x")
    assert len(set(it.names)) == 6 and all(map(is_contained_package, it.names))


def test_a_package_waits_until_it_is_known_whose_it_is():
    it = Watched()
    container = Container(1, it.now, "/proc", Closings())
    found = Found(packages={b"/tmp/dvic_package_x": os.stat("/")})
    it.packages.take_in(container, found)
    assert it.names == []
    it.now += SETTLED
    it.packages.take_in(container, found)
    assert len(it.names) == 1


def test_nobody_has_more_than_half_of_the_packages_and_what_ended_makes_room():
    it = Watched(most=10)
    container = it.sees(1, DOCKER, *(f"/tmp/dvic_package_{number}" for number in range(9)), uid=7)
    assert len(it.names) == 5 and "MAX_CONTAINED_PACKAGES" in it.said[0]
    it.sees(2, SERVICE, "/tmp/dvic_package_x", uid=8)
    assert len(it.names) == 6
    it.packages.ended(container, Found(whole=False))
    for name in it.names[:5]:
        it.packages.released(name)
    it.sees(3, Home(unit="a.service"), "/tmp/dvic_package_x", uid=7)
    assert len(it.names) == 2


def test_a_look_that_did_not_see_all_ends_nothing():
    it = Watched()
    it.sees(1, DOCKER, "/tmp/dvic_package_x")
    it.sees(1, DOCKER, whole=False)
    assert not any(stream.over for stream in it.packages.streams())
    it.sees(1, DOCKER)
    assert all(stream.over for stream in it.packages.streams())


def test_what_the_hub_has_of_containers_that_are_gone_is_told_to_have_ended_when_all_were_seen():
    it = Watched()
    it.sees(1, DOCKER, "/tmp/dvic_package_x")
    gone = stream_name(b"/tmp/dvic_package_x", 0, "0" * 16)
    it.packages.welcome(dict.fromkeys([*it.names, gone, "package:0:0123456789abcdef"], "x"))
    it.packages.say_farewell()
    assert gone not in it.names
    it.now += 10
    it.packages.say_farewell()
    assert [stream.name for stream in it.packages.streams() if stream.read("x", 1, 1).closed] == [gone]


@as_root
def test_so_it_is_where_no_container_ever_comes():
    async def scenario():
        gone = stream_name(b"/tmp/dvic_package_x", 0, "0" * 16)
        hasty = Clock(time.time, lambda: 100 * time.monotonic())
        async with looking(cursors={gone: "x"}, clock=hasty) as reader:
            await reader.until(lambda: reader.closed)
            assert reader.closed == [gone]
    asyncio.run(scenario())


@pytest.mark.parametrize("containers", [True, False])
def test_where_nobody_looks_into_containers_their_packages_have_ended(tmp_path, containers):
    async def scenario():
        source = Packages([tmp_path], tmp_path / "answers", containers=containers)
        source.start(lambda name: None)
        try:
            source.welcome({stream_name(b"/tmp/x", 0, "0" * 16): "x"})
            assert len(list(source.streams())) == (0 if containers else 1)
        finally:
            source.stop()
    asyncio.run(scenario())


def test_what_the_hub_refused_is_named_with_the_container(caplog):
    it = Watched()
    it.sees(1, DOCKER, "/tmp/dvic_package_x")
    [package] = it.packages.streams()
    with caplog.at_level(logging.WARNING):
        package.refused("no histogram")
    assert "'/tmp/dvic_package_x'" in caplog.text.replace("b'", "'") and DOCKER.short in caplog.text
