"""What begins and ends as control groups: heard through folders that the test makes, of which inotify tells as it does
of the kernel's own; and what follows for who is expected and who was missed."""

import os
from pathlib import Path

import pytest
from mount_namespaces import as_root

from dvic_agent.sources import control_groups
from dvic_agent.sources.control_groups import ControlGroups, tree_of
from dvic_agent.sources.expected import MOMENT, SOON, Expected
from dvic_agent.sources.namespaces import Group, Home, home_of

ID = "0123456789abcdef" * 4
DOCKER = f"/system.slice/docker-{ID}.scope"


class Tree:
    def __init__(self, place: Path):
        self.place = place
        (place / "cgroup.procs").write_text("1\n")

    def begin(self, path: str, *pids: int) -> None:
        (self.place / path.lstrip("/")).mkdir(parents=True)
        (self.place / path.lstrip("/") / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))

    def end(self, path: str) -> None:
        folder = self.place / path.lstrip("/")
        (folder / "cgroup.procs").unlink()
        folder.rmdir()


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture
def groups(tree):
    tree.begin("/system.slice/old.service")
    made = ControlGroups(tree.place)
    made.changes()
    yield made
    made.close()


def paths(found: list[Group]) -> list[str]:
    return [group.path for group in found]


def test_a_container_is_heard_when_its_group_begins_and_when_it_ends(tree, groups):
    tree.begin(DOCKER, 7, 8)
    [group], ended = groups.changes()
    assert (group.path, group.home) == (DOCKER, home_of(DOCKER)) and not ended
    assert groups.processes(group) == [7, 8]
    assert groups.changes() == ([], [])
    tree.end(DOCKER)
    assert groups.changes() == ([], [group]) and groups.processes(group) == []


def test_what_comes_in_folders_that_came_after_the_watch_is_heard_too_and_once(tree, groups):
    pod = f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"
    tree.begin(pod)
    assert paths(groups.changes()[0]) == [pod]
    rootless = f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"
    tree.begin(rootless)
    assert paths(groups.changes()[0]) == ["/user.slice/user-1000.slice/user@1000.service", rootless]


def test_a_life_that_was_over_before_anybody_listened_is_heard_whole_and_has_a_number_of_its_own(tree, groups):
    numbers = set()
    for _ in range(2):
        tree.begin(DOCKER)
        tree.end(DOCKER)
        begun, ended = groups.changes()
        assert paths(begun) == [DOCKER] and begun == ended
        numbers.add(begun[0].number)
    assert len(numbers) == 2


def test_services_are_heard_and_what_is_nobodys_is_not(tree, groups):
    tree.begin("/system.slice/daq.service")
    tree.begin("/system.slice/system-getty.slice")
    assert paths(groups.changes()[0]) == ["/system.slice/daq.service"]


def test_what_a_container_makes_below_its_own_group_is_not_heard(tree, groups):
    tree.begin(DOCKER)
    groups.changes()
    tree.begin(f"{DOCKER}/system.slice/inner.service")
    tree.begin(f"{DOCKER}/docker/{ID[::-1]}")
    assert groups.changes() == ([], [])


def test_the_processes_may_be_in_a_group_that_the_engine_made_below(tree, groups):
    tree.begin(DOCKER)
    tree.begin(f"{DOCKER}/container", 9)
    [group], _ = groups.changes()
    assert groups.processes(group) == [9]


def test_what_was_there_before_has_not_begun_and_its_end_is_heard(tree):
    tree.begin(DOCKER)
    groups = ControlGroups(tree.place)
    assert paths(groups.changes()[1]) == []
    tree.end(DOCKER)
    assert paths(groups.changes()[1]) == [DOCKER]
    groups.close()


def test_when_the_kernel_dropped_events_what_is_there_is_compared(tree, groups):
    others = [f"/system.slice/s{number}.service" for number in range(5)]
    for path in (DOCKER, *others):
        tree.begin(path)
    groups.changes()
    tree.end(others[0])
    waiting = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    # other events fill the queue; what comes behind them is lost
    noise = tree.place / "system.slice" / "x"
    for _ in range(waiting // 2 + 10):
        noise.touch()
        noise.unlink()
    tree.end(DOCKER)
    tree.begin("/system.slice/late.service")

    begun, ended = [], []
    for _ in range(20):
        more = groups.changes()
        begun += paths(more[0])
        ended += paths(more[1])
    assert begun == ["/system.slice/late.service"] and sorted(ended) == sorted([DOCKER, others[0]])


def test_one_path_may_be_another_groups_at_once(tree, groups):
    tree.begin(DOCKER)
    [first], _ = groups.changes()
    tree.end(DOCKER)
    tree.begin(DOCKER)
    [second], ended = groups.changes()
    assert ended == [first] and second.number > first.number
    expected = Expected()
    expected.begin([first], 100.0)
    expected.met([first.home])
    expected.begin([second], 101.0)
    expected.met([first.home], before=101.0)
    assert expected.end([first]) == [] and expected.awaited(101.0) == [second] and expected.end([second]) == [second]


@as_root
def test_what_ended_is_watched_no_more_in_a_real_tree(tree):
    """The kernel does not end a watch on a control group's folder by itself."""
    top = tree_of() / f"dvic-test-{os.getpid()}"
    top.mkdir()
    groups = ControlGroups(top)
    try:
        for number in range(20):
            for name in ("tick.service", f"run-{number}.service"):
                (top / name).mkdir()
                assert len(groups.changes()[0]) == 1
                (top / name).rmdir()
                assert len(groups.changes()[1]) == 1
        watches = Path(f"/proc/self/fdinfo/{groups.fileno()}").read_text().count("inotify wd:")
        assert watches == 1 and groups.told
    finally:
        groups.close()
        top.rmdir()


def test_people_who_make_many_groups_leave_room_for_others(tree, groups, monkeypatch):
    monkeypatch.setattr(control_groups, "MAX_WATCHED", 20)
    for number in range(30):
        tree.begin(f"/user.slice/user-1000.slice/x{number}")
    groups.changes()
    mine, another = f"/user.slice/user-1000.slice/x29/libpod-{ID}.scope", f"/machine.slice/libpod-{ID}.scope"
    tree.begin(mine)
    tree.begin(another)
    assert paths(groups.changes()[0]) == [another]
    assert not groups.told and "MAX_WATCHED" in groups.trouble


def test_no_more_groups_are_kept_in_mind_than_the_limit_and_half_of_them_of_people(tree, groups, monkeypatch):
    monkeypatch.setattr(control_groups, "MAX_KNOWN", 4)
    for number in range(5):
        tree.begin(f"/user.slice/s{number}.service")
    assert len(groups.changes()[0]) == 1  # one was there before
    assert not groups.told and "MAX_KNOWN" in groups.trouble
    for number in range(5):
        tree.begin(f"/system.slice/s{number}.service")
    assert len(groups.changes()[0]) == 2


def test_the_unified_tree_is_taken_and_systemds_own_where_there_are_several(tmp_path):
    assert tree_of(tmp_path) is None
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd" / "cgroup.procs").touch()
    assert tree_of(tmp_path) == tmp_path / "systemd"
    (tmp_path / "cgroup.procs").touch()
    assert tree_of(tmp_path) == tmp_path


def test_where_there_is_no_tree_nothing_is_told():
    groups = ControlGroups(None)
    assert not groups.told and groups.fileno() == -1 and groups.changes() == ([], [])
    groups.close()


CONTAINER = Group(DOCKER, 7, home_of(DOCKER))
SERVICE = Group("/system.slice/daq.service", 8, Home(unit="daq.service"))


def test_who_has_begun_is_awaited_until_a_look_meets_them():
    expected = Expected()
    expected.begin([CONTAINER, SERVICE], 100.0)
    assert expected.awaited(100.5) == [CONTAINER, SERVICE]
    expected.met([Home("docker", ID, "another.scope")])
    assert expected.awaited(100.5) == [SERVICE]
    assert expected.end([CONTAINER, SERVICE]) == [] and not expected.awaited(100.5)


def test_a_service_may_have_no_tree_of_its_own_and_is_awaited_for_a_moment_only():
    expected = Expected()
    expected.begin([CONTAINER, SERVICE], 100.0)
    assert expected.awaited(100.0 + MOMENT) == [CONTAINER] and not expected.awaited(100.0 + SOON)


def test_a_container_that_ended_before_it_was_met_is_missed_once_and_a_service_never():
    expected = Expected()
    expected.begin([CONTAINER, SERVICE], 100.0)
    assert expected.knows(CONTAINER.home) and not expected.knows(Home("docker", "other"))
    assert expected.end([CONTAINER, SERVICE]) == [CONTAINER]
    assert expected.end([CONTAINER]) == [] and not expected.knows(CONTAINER.home)


def test_one_that_is_started_again_is_another_life():
    expected = Expected()
    expected.begin([CONTAINER], 100.0)
    expected.met([CONTAINER.home])
    assert expected.end([CONTAINER]) == []
    expected.begin([CONTAINER], 200.0)
    assert expected.awaited(201.0) == [CONTAINER] and expected.end([CONTAINER]) == [CONTAINER]
