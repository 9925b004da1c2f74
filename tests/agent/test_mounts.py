"""Log files in other mount namespaces: read to their end, and made to deceive by who owns the container."""

import asyncio
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest
from mount_namespaces import FOLDER, Contained, as_root, looking

from dvic_agent.sources import mounts
from dvic_agent.sources.bystander import Bystander
from dvic_agent.sources.claims import Claims, Places
from dvic_agent.sources.container import MAX_INSIDE, Container, Found
from dvic_agent.sources.held_folders import HeldFolders
from dvic_agent.sources.holds import Closings
from dvic_agent.sources.inside import open_inside
from dvic_agent.sources.mounts import may_look
from dvic_agent.sources.namespace_owner import owner_of
from dvic_agent.sources.namespaces import Home, Namespace, cgroup_of, home_of, residents
from dvic_agent.sources.open_files import key_of

ID = "0123456789abcdef" * 4
MALLORY = 65534


@pytest.mark.parametrize(("path", "home"), [
    (f"/system.slice/docker-{ID}.scope", Home("docker", ID, f"docker-{ID}.scope")),
    (f"/docker/{ID}", Home("docker", ID)),
    (f"/machine.slice/libpod-{ID}.scope/container", Home("podman", ID, f"libpod-{ID}.scope")),
    (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope",
     Home("podman", ID, f"libpod-{ID}.scope")),
    (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope",
     Home("containerd", ID, f"cri-containerd-{ID}.scope")),
    (f"/kubepods/burstable/pod1-2/{ID}", Home("kubernetes", ID)),
    ("/default/web", Home("containerd", "web")),
    ("/lxc.payload.web/init.scope", Home("lxc", "web", "init.scope")),
    (r"/machine.slice/machine-web\x2d1.scope/payload", Home("nspawn", "web-1", r"machine-web\x2d1.scope")),
    (r"/machine.slice/machine-qemu\x2d1\x2dweb.scope", Home(unit=r"machine-qemu\x2d1\x2dweb.scope")),
    ("/system.slice/daq.service", Home(unit="daq.service")),
    ("/user.slice/user-1.slice/user@1.service/app.slice/daq.service", Home(unit="daq.service")),
    (f"/system.slice/docker-{ID[:-1]}.scope", Home(unit=f"docker-{ID[:-1]}.scope")),
    ("/", Home()), ("", Home())])
def test_who_lives_in_a_namespace_is_told_by_the_control_group(path, home):
    assert home_of(path) == home


def test_a_long_id_is_short_for_people_and_a_service_has_its_unit():
    assert home_of(f"/docker/{ID}").short == ID[:12]
    assert home_of("/system.slice/daq.service").short == "daq.service"


def test_the_unified_control_group_counts_and_systemds_own_where_there_are_several():
    assert cgroup_of("0::/system.slice/a.service\n") == "/system.slice/a.service"
    assert cgroup_of("5:memory:/x\n1:name=systemd:/docker/1\n0::/\n") == "/docker/1"
    assert cgroup_of("9:name=systemd:/\n0::/system.slice/a.service\n") == "/system.slice/a.service"
    assert cgroup_of("") == ""


def test_the_first_processes_of_each_namespace_but_the_own_are_kept():
    said = {9: 2, 1: 1, 5: 2, 7: 2, 6: 2, 8: 2, 4: 3}

    assert residents(said, {1}) == {2: (5, 6, 7, 8), 3: (4,)}


def test_a_folder_is_the_first_ones_until_it_is_not_there_any_more():
    claims = Claims()

    def look(number: int, *keys: tuple[int, int]) -> list[bool]:
        claims.begin(number)
        took = [claims.take(number, key) for key in keys]
        claims.end(number)
        return took

    pod, shared, private = (1, 2), (1, 3), (1, 4)
    assert look(7, pod, shared) == [True, True] and look(8, shared, private) == [False, True]
    assert look(7, pod, shared) == [True, True]
    # 7 is another namespace now, that got the number; and 8 got the device of what 7 had
    assert look(7, private) == [False] and look(8, shared, private) == [True, True]
    claims.leave(8)
    assert look(9, shared, private) == [True, True]
    claims.begin(9)  # and could not be looked into
    assert look(7, private) == [False]
    claims.leave(9)
    assert look(7, private) == [True]


def test_one_user_who_makes_many_namespaces_leaves_room_for_others():
    places = Places(8)
    assert [places.take(MALLORY) for _ in range(6)] == [True] * 4 + [False] * 2
    assert [places.take(user) for user in (0, 1, 0, 2, 3)] == [True] * 4 + [False]
    places.leave(MALLORY)
    assert places.take(3) and not places.take(MALLORY)


@as_root
def test_who_is_behind_a_namespace_is_who_made_it_whoever_its_processes_are_in_there():
    assert owner_of(os.getpid()) == os.getuid()
    assert owner_of(2**22 + 1) == -1
    with subprocess.Popen(["setpriv", "--reuid", str(MALLORY), "--regid", str(MALLORY), "--clear-groups", "unshare",
                           "--user", "--map-root-user", "--mount", "unshare", "--user", "--map-root-user", "sh", "-c",
                           "echo; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert owner_of(process.pid) == MALLORY
        process.stdin.close()


@pytest.mark.parametrize(("pids", "home", "another"), [
    ((7, 9), Home(unit="b.service"), False), ((9,), Home(unit="a.service"), False),
    ((9,), Home(unit="b.service"), True), ((9,), Home(), True)])
def test_a_number_is_another_namespaces_when_others_live_elsewhere_by_it(pids, home, another):
    container = Container(1, 0.0, "/proc", Closings())
    container.pids, container.home = (7, 8), Home(unit="a.service")
    assert container.is_another(Namespace(1, pids, home)) == another


def test_the_capability_is_read_as_the_kernel_tells_it(tmp_path):
    status = tmp_path / "status"
    for capabilities, able in (("0000000000080000", True), ("0000000000000000", False), ("000001ffffffffff", True)):
        status.write_text(f"Name:\tx\nCapEff:\t{capabilities}\n")
        assert may_look(status) == able


def test_who_keeps_a_thread_waiting_is_left_and_not_asked_again():
    never, asked = threading.Event(), Bystander(patience=0.05, most=2)
    with pytest.raises(TimeoutError):
        asked.do("mallory", never.wait)
    with pytest.raises(TimeoutError):
        asked.do("mallory", lambda: pytest.fail("was asked again"))
    assert asked.do("alice", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        asked.do("alice", lambda: 1 / 0)
    answers = asked.do_each([("alice", lambda: 1), ("mallory", lambda: pytest.fail("was asked again")),
                             ("bob", lambda: 1 / 0), ("eve", never.wait), ("alice", lambda: 2)])
    assert [value for value, error in answers if error is None] == [1]  # as many as are left were left by then
    assert [type(error) for _, error in answers] == [type(None), TimeoutError, ZeroDivisionError, TimeoutError,
                                                     TimeoutError]
    assert asked.blames("anybody")
    never.set()
    asked.close()


def test_who_hangs_keeps_nobody_else_from_being_asked_in_the_same_turn():
    never, asked = threading.Event(), Bystander(patience=0.05)
    answers = asked.do_each([("alice", lambda: 1), ("mallory", never.wait), ("bob", lambda: 2)])
    assert [value for value, error in answers if error is None] == [1, 2]
    never.set()
    asked.close()


@pytest.mark.parametrize("make", [
    lambda path: path.symlink_to("dvic_log_real"), os.mkfifo, Path.mkdir,
    lambda path: path.write_text("another")])
def test_nothing_but_the_file_that_was_meant_is_opened(tmp_path, make):
    real = tmp_path / "dvic_log_real"
    real.write_text("x")
    make(tmp_path / "dvic_log_x")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        os.close(open_inside(folder, b"dvic_log_real", key_of(real.stat())))
        for name in (b"dvic_log_x", b"../" + os.fsencode(tmp_path.name) + b"/dvic_log_real", bytes(real)):
            with pytest.raises(OSError, match=r"."):
                open_inside(folder, name, key_of(real.stat()))
    finally:
        os.close(folder)


@as_root
def test_a_file_in_a_namespace_is_read_to_what_was_written_last_before_its_end():
    async def scenario():
        one = Contained()
        async with looking() as reader:
            one.tell("exec 3> /tmp/dvic_log_mine_a; echo first >&3")
            await reader.until(lambda: reader.messages("dvic_log_mine_a") == ["first"])
            [record] = reader.titled("dvic_log_mine_a")
            assert re.match(r"mnt:\d+|.+\.(service|scope)|.{12}", record["fields"]["container"])
            one.tell("seq 1000 >&3; printf last >&3")
            one.end()
            await reader.until(lambda: reader.closed)
            assert reader.messages("dvic_log_mine_a") == ["first", *map(str, range(1, 1001)), "last"]
            assert not reader.gaps("dvic_log_mine_a")
    asyncio.run(scenario())


@as_root
def test_a_line_has_the_name_and_image_that_the_engine_tells_whatever_the_line_claims():
    async def scenario():
        one, called, heard = Contained(), ("web", "nginx:1"), []
        async with looking(one, seen=heard.append, named=lambda home: called) as reader:
            one.tell("""echo '{"m": "x", "f": {"container": "eve", "image": "m", "run": 7}}' > /tmp/dvic_log_mine_a""")
            await reader.until(lambda: reader.titled("dvic_log_mine_a"))
            [record] = reader.titled("dvic_log_mine_a")
            assert record["fields"] == {"container": "web", "image": "nginx:1", "run": 7}
            assert int(next(iter(reader.cursors)).split(":")[1]) in heard[-1]
            assert next(iter(reader.about.values()))["container"]["name"] == "web"
    asyncio.run(scenario())


@as_root
def test_what_nobody_could_read_before_the_container_ended_is_a_gap():
    async def scenario():
        one = Contained()
        async with looking() as reader:
            one.tell("echo unread > /tmp/dvic_log_mine_a")
            while not list(reader.source.streams()):
                await asyncio.sleep(0.01)
            [file] = reader.source.streams()
            one.end()
            while not file.over or file.container.files.size(file.key) is not None:
                await asyncio.sleep(0.01)
            await reader.until(lambda: reader.closed)
            assert reader.gaps("dvic_log_mine_a") == ["deleted"]
    asyncio.run(scenario())


@as_root
def test_a_container_that_went_while_the_agent_was_away_is_a_gap_too():
    async def scenario():
        async with looking(cursors={"mount:1:2:3": "10;10:0123456789abcdef", "file:1:2": "x"}) as reader:
            await reader.until(lambda: reader.closed)
            assert reader.closed == ["mount:1:2:3"]
            assert reader.gaps("mount:1:2:3") == ["deleted"]
    asyncio.run(scenario())


@as_root
def test_a_container_that_nobody_met_is_known_by_its_control_group_and_a_gap(tmp_path):
    async def scenario():
        (tmp_path / "cgroup.procs").touch()
        async with looking(groups=tmp_path) as reader:
            while not reader.source._taken_in:
                await asyncio.sleep(0.01)
            group = tmp_path / f"docker-{ID}.scope"
            group.mkdir()
            group.rmdir()
            (tmp_path / "daq.service").mkdir()
            (tmp_path / "daq.service").rmdir()
            await reader.until(lambda: reader.closed)
            [name] = reader.closed
            assert name.startswith("mount:0:0:")
            [gap] = reader.titled(name)
            assert f"container {ID[:12]} ended before" in gap["gap"]["detail"]
    asyncio.run(scenario())


@as_root
def test_of_a_great_many_that_nobody_met_the_hub_is_told_up_to_a_limit(tmp_path, monkeypatch, caplog):
    async def scenario():
        monkeypatch.setattr(mounts, "MAX_MISSED", 3)
        (tmp_path / "cgroup.procs").touch()
        async with looking(groups=tmp_path) as reader:
            source = reader.source
            for number in range(5):
                source._miss(f"box{number}", f"0:0:{number}")
            assert len(list(source.streams())) == 3 and "MAX_MISSED" in caplog.text
            source.released("mount:0:0:1")
            source._miss("box9", "0:0:9")
            assert "mount:0:0:9" in [stream.name for stream in source.streams()]
    asyncio.run(scenario())


@as_root
def test_a_namespace_that_has_the_machines_own_folder_is_not_read_twice():
    async def scenario():
        shared, own = Contained("true"), Contained()
        path = FOLDER / f"dvic_log_mine_host_{os.getpid()}"
        path.write_text("of the machine\n")
        try:
            async with looking(shared, own) as reader:
                own.tell("echo x > /tmp/dvic_log_mine_own")
                await reader.until(lambda: reader.messages("dvic_log_mine_own") == ["x"])
                assert list(reader.titles.values()) == ["dvic_log_mine_own"]
        finally:
            path.unlink()
    asyncio.run(scenario())


@as_root
def test_a_hostile_container_leads_nobody_out_and_holds_nobody_up():
    async def scenario():
        bad, good = Contained(), Contained()
        bad.tell("""cd /tmp && ln -s /etc/passwd dvic_log_mine_link && mkfifo dvic_log_mine_fifo &&
            mknod dvic_log_mine_null c 1 3 && touch dvic_log_mine_bound &&
            mount --bind /etc/passwd dvic_log_mine_bound &&
            truncate -s 100G dvic_log_mine_sparse && echo end >> dvic_log_mine_sparse &&
            echo named > 'dvic_log_mine_\n x'""")
        async with looking(bad, good) as reader:
            await reader.until(lambda: reader.messages("dvic_log_mine_sparse") == ["end"])
            await reader.until(lambda: "named" in reader.messages(r"dvic_log_mine_\n x"))
            bad.tell("seq -f /tmp/dvic_log_mine_%g 10000 | xargs touch")
            good.tell("echo good > /tmp/dvic_log_mine_good")
            await reader.until(lambda: reader.messages("dvic_log_mine_good") == ["good"])
            assert len(reader.titles) <= MAX_INSIDE + 1
            assert not any(name in reader.titles.values() for name in ("dvic_log_mine_link", "dvic_log_mine_fifo",
                                                                       "dvic_log_mine_null", "dvic_log_mine_bound"))
    asyncio.run(scenario())


@as_root
def test_a_folder_that_is_a_link_is_not_followed():
    async def scenario():
        one, good = Contained("mount -t tmpfs t /mnt && mkdir /mnt/etc && mount -t tmpfs t /mnt/etc && "
                              "echo x > /mnt/etc/dvic_log_mine_led && ln -s /mnt/etc /mnt/tmp"), Contained()
        async with looking(one, good, folders=(FOLDER, Path("/mnt/tmp"))) as reader:
            good.tell("echo good > /tmp/dvic_log_mine_good")
            await reader.until(lambda: reader.messages("dvic_log_mine_good") == ["good"])
            assert list(reader.titles.values()) == ["dvic_log_mine_good"]
    asyncio.run(scenario())


@as_root
def test_nothing_of_a_container_is_open_when_its_file_is_read_to_the_end(tmp_path):
    async def scenario():
        one = Contained(f"mount -t tmpfs t {tmp_path} && mount --bind {tmp_path} /tmp")
        async with looking() as reader:
            one.tell("echo x > /tmp/dvic_log_mine_a")
            await reader.until(lambda: reader.messages("dvic_log_mine_a") == ["x"])
            [file] = reader.source.streams()
            one.end()
            await reader.until(lambda: reader.closed)
            assert file.container.files.size(file.key) is None
    asyncio.run(scenario())


@as_root
def test_what_came_after_the_last_look_into_a_container_is_read_when_it_has_ended():
    """Between two looks, a second apart, a file comes and the container goes."""
    async def scenario():
        one = Contained()
        async with looking(tick=1.0) as reader:
            while not any(container.folders for container in list(reader.source.lookout.containers.values())):
                await asyncio.sleep(0.01)
            one.tell("seq 1000 > /tmp/dvic_log_mine_a")
            one.end()
            await reader.until(lambda: reader.closed)
            assert reader.messages("dvic_log_mine_a") == [str(number) for number in range(1, 1001)]
            assert not reader.gaps("dvic_log_mine_a")
            while reader.source._ending:
                await asyncio.sleep(0.01)
    asyncio.run(scenario())


@as_root
@pytest.mark.parametrize(("before", "after", "gap"), [
    ("true", "echo x > /tmp/dvic_log_mine_a; rm /tmp/dvic_log_mine_a", True), ("true", "true", False),
    ("echo read > /tmp/dvic_log_mine_a", "rm /tmp/dvic_log_mine_a", False)])
def test_what_came_and_went_after_the_last_look_into_a_short_life_is_a_gap(before, after, gap):
    async def scenario():
        one, docker = Contained(), Home("docker", ID)
        one.tell(before)
        async with asyncio.timeout(15), looking(home=docker) as reader:
            while not any(container.folders for container in list(reader.source.lookout.containers.values())):
                await asyncio.sleep(0.01)
            [container] = reader.source.lookout.containers.values()
            turns = []
            reader.source.lookout._look_into = lambda containers, now: turns.append(now) or []  # only the last is left
            while not turns:  # one was under way
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.02)  # the kernel's times of change are coarse
            one.tell(after)
            container.seen = reader.source._clock.steady()
            one.end()
            while container not in reader.source._ending:
                await asyncio.sleep(0.01)
            reader.read_all()
            found = [record["gap"]["detail"] for records in reader.records.values() for record in records
                     if "gap" in record]
            assert found == ([f"container {ID[:12]} ended before it could be looked into"] if gap else [])
    asyncio.run(scenario())


def test_a_gap_is_told_of_short_lives_only_and_where_nothing_was_met():
    one = Container(7, 100.0, "/proc", Closings())
    one.seen = 100.0
    assert one.lost(Found(changed=True), 101.0) and not one.lost(Found(changed=True), 103.0)
    assert not one.lost(Found(), 101.0)
    one.logged = True
    assert not one.lost(Found(changed=True), 101.0)


def test_a_container_is_expected_until_it_has_a_folder_of_its_own_and_fresh_for_a_moment_from_then():
    one = Container(7, 100.0, "/proc", Closings())
    assert one.expected(101.9) and not one.expected(102.1) and not one.fresh(101.0)
    one.home = Home("docker", ID)
    assert one.expected(119.9) and not one.expected(120.1)
    one.seen = 110.0
    assert not one.expected(111.0) and one.fresh(111.9) and not one.fresh(112.1)


def test_a_held_folder_is_the_last_that_was_given_and_nothing_is_held_after_its_end(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    held = HeldFolders()
    for name in "ab":
        fd = os.open(tmp_path / name, os.O_RDONLY)
        held.hold(b"/tmp", fd)
        os.close(fd)
    with held.use(b"/tmp") as fd:
        assert os.path.samestat(os.fstat(fd), (tmp_path / "b").stat())
    assert held
    held.close()
    assert not held
    with pytest.raises(FileNotFoundError), held.use(b"/tmp"):
        pytest.fail("it was held")
