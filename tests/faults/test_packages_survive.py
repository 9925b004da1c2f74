"""Histogram packages when things break: all is killed, publishers come back, share a name, and lines are slow."""

import os
import random
import time

import pytest
from publisher import Publisher, half_written
from relay import Relay
from rig import Rig, free_port, until

import dvic_log

pytestmark = pytest.mark.faults

QUIET = "[journal]\nenabled = false\n[hardware]\nenabled = false\n[demos]\nenabled = false"
SLOW = 20_000
"""Bytes a second."""


@pytest.fixture(scope="module")
def relay():
    with Relay("127.0.0.1", free_port()) as relay:
        yield relay


@pytest.fixture(scope="module")
def rig(relay, tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("packages"), url=f"http://127.0.0.1:{relay.port}",
             settings="package_last = 1000") as rig:
        relay.lead_to(rig.port)
        rig.start_hub()
        rig.new_agent("ada", QUIET).start(executor=False).online()
        yield rig


def row(rig, name) -> dict:
    """A package as a list shows it; {} before it is there."""
    return next((each for each in rig.request("GET", "/api/v1/packages")[1]["items"] if each["name"] == name), {})


def shown(rig, name) -> dict:
    """The newest counts, by object."""
    status, found = rig.request("GET", f"/api/v1/packages/{name}/objects")
    return {each["name"]: each["data"]["storage"]["values"] for each in found["objects"]} if status == 200 else {}


def states(rig, name) -> list[tuple[str, int]]:
    """Instance and serial of each state that is kept, oldest first."""
    found = rig.request("GET", f"/api/v1/packages/{name}/history?limit=1000")[1]
    assert not found["next"]
    return [(each["instance"], each["serial"]) for each in reversed(found["items"])]


def is_sound(history: list[tuple[str, int]], starts: int) -> None:
    """No state twice, serials that only grow within one start of the program, and each start in one piece."""
    assert len(set(history)) == len(history)
    instances = list(dict.fromkeys(instance for instance, _ in history))
    assert len(instances) <= starts
    assert history == sorted(history, key=lambda state: (instances.index(state[0]), state[1]))


def test_the_newest_state_of_every_package_is_there_after_kills_of_everything(rig):
    ada = rig.agents["ada"]
    names = [f"storm-{number}" for number in range(3)]
    publishers = {name: Publisher(rig, ada, name).start() for name in names}
    starts = dict.fromkeys(names, 1)
    dice = random.Random(611)
    until(lambda: all(row(rig, name) for name in names), "all packages are there")
    for round_ in range(6):
        time.sleep(dice.uniform(0.1, 0.4))
        if round_ % 3 == 0:
            rig.hub.kill()
            rig.start_hub()
        elif round_ % 3 == 1:
            ada.agent.kill()
            ada.agent.start()
        else:
            name = names[round_ % 2]
            publishers[name].process.kill()
            publishers[name] = Publisher(rig, ada, name).start()
            starts[name] += 1
            until(lambda name=name: row(rig, name)["serial"] and states(rig, name)[-1][0] != states(rig, name)[0][0],
                  "the publisher's next start is there")
    for name in names:
        last = publishers[name].end()
        until(lambda name=name, last=last: shown(rig, name).get("count") == [last["count"]],
              f"what {name} published last is shown")
        assert row(rig, name)["serial"] == last["serial"] and row(rig, name)["problem"] == ""
        assert shown(rig, name)["same"] == list(range(50))
        is_sound(states(rig, name), starts[name])


def test_a_publisher_killed_in_the_middle_of_writing_leaves_the_last_good_state(rig):
    ada = rig.agents["ada"]
    torn = Publisher(rig, ada, "torn", size=5000, most=40_000).start()
    until(lambda: not torn.process.running(), "the kernel ends it")
    until(lambda: shown(rig, "torn").get("count") == [1], "its first update is shown")
    left, = half_written(ada.logs)
    assert left.stat().st_size == 40_000
    os.utime(left, (1, 1))  # it lay there for a while
    back = Publisher(rig, ada, "torn").start()
    until(lambda: shown(rig, "torn").get("same") == list(range(50)), "its next start is shown")
    assert left not in half_written(ada.logs)
    last = back.end()
    until(lambda: shown(rig, "torn")["count"] == [last["count"]], "its last update is shown")
    history = states(rig, "torn")
    assert history[0][1] == 1 and history[0][0] != history[1][0]  # the serial began again, by another start
    is_sound(history, 2)


def test_of_two_publishers_of_a_name_the_later_one_is_shown_until_it_is_killed(rig):
    ada = rig.agents["ada"]
    first = Publisher(rig, ada, "shared").start()
    until(lambda: shown(rig, "shared").get("same") == list(range(50)), "the first one is shown")
    second = Publisher(rig, ada, "shared", size=60).start()
    until(lambda: shown(rig, "shared")["same"] == list(range(60)), "the second one is shown")
    serial = row(rig, "shared")["serial"]
    until(lambda: row(rig, "shared")["serial"] > serial + 5, "the second one goes on")
    assert shown(rig, "shared")["same"] == list(range(60))
    until(lambda: any("publishes one of that name" in log.read_text("utf-8", "replace")
                      for log in ada.logs.glob("dvic_log_*")), "the log of the first one says so")
    second.process.kill()
    until(lambda: shown(rig, "shared")["same"] == list(range(50)), "the first one is shown again")
    last = first.end()
    until(lambda: shown(rig, "shared")["count"] == [last["count"]], "what it published last is shown")
    history = states(rig, "shared")
    changes = sum(one[0] != other[0] for one, other in zip(history, history[1:], strict=False))
    assert len(set(history)) == len(history) and 2 <= changes <= 4


def test_on_a_slow_line_only_the_newest_of_each_package_travels(rig, relay):
    ada = rig.agents["ada"]
    relay.slow_down(SLOW)
    relay.cut()
    ada.online()
    dice = random.Random(612)
    packages = [dvic_log.Package(name, directory=str(ada.logs), period=0.05) for name in ("slow-1", "slow-2")]
    updates = 20
    for _ in range(updates):
        time.sleep(0.1)  # for the agent to see each of them, were it to send each
        for package in packages:  # one takes about a second to travel
            package.publish({"noise": [dice.random() for _ in range(2000)], "serial": [package.serial + 1]})
            package.close()
    for package in packages:
        assert package.serial == updates
        until(lambda package=package: row(rig, package.name).get("serial") == updates, "the newest is shown", 120)
        assert shown(rig, package.name)["serial"] == [updates]
        kept = [serial for _, serial in states(rig, package.name)]
        assert kept[-1] == updates and len(kept) < updates / 2
    relay.slow_down(0)
    relay.cut()
