"""Devices that run MicroPython, Debian's, at a real hub."""

import itertools
import json
import re
import time
from datetime import datetime

import pytest
from micropython import LIBRARY, MicroPython
from rig import Rig, free_port, until

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    udp = free_port()
    with Rig(tmp_path_factory.mktemp("rig"), settings=f'heartbeat_listen = "127.0.0.1:{udp}"') as rig:
        rig.udp = f"127.0.0.1:{udp}"
        yield rig.start_hub()


@pytest.fixture
def device(rig, tmp_path):
    """A device of the hub's, in a folder with its key and its settings."""
    return made(rig, tmp_path, f"scale-{next(NUMBERS)}", "ed25519")


def made(rig, folder, name, kind, **settings):
    rig.hubctl("node", "add", name, "--generate-key", kind, "--key-file", str(folder / "dvic.key"))
    hub = rig.request("GET", "/api/v1/hub-key")[1]["fingerprint"]
    (folder / "dvic.json").write_text(json.dumps({"url": rig.url, "hub": hub, "period": 60, "ntp": False, **settings}))
    python = MicroPython(folder)
    python.name = name
    return python


def logged(rig, device):
    return [json.loads(line) for line in rig.hubctl("logs", device.name, "-o", "jsonl").splitlines()]


NUMBERS = itertools.count(1)

BEAT = "import dvic\nd = dvic.device()\n"


def test_the_lines_of_the_readme_keep_a_device_online(rig, device):
    """As they stand there; the key by `hubctl node add`, and what hubctl then says."""
    text = re.search(r"```python\n(.*?)```", (LIBRARY / "README.md").read_text(), re.DOTALL).group(1)
    assert len([line for line in text.splitlines() if line]) <= 10
    running = device.start(text)
    try:
        until(lambda: rig.node(device.name)["state"] == "online", "the device is online")
        line = next(line for line in rig.hubctl("nodes").splitlines() if device.name in line)
        assert "online" in line
        assert rig.node(device.name)["status"] == "measuring"
        assert ("info", "started") in [(record["level"], record["message"]) for record in logged(rig, device)]
    finally:
        running.kill()
        running.wait()


def test_numbers_and_text_come_by_udp_and_what_was_logged_by_post(rig, tmp_path):
    device = made(rig, tmp_path, "udp", "hmac", udp=rig.udp)
    script = BEAT + """import sys
def no(*_):
    raise OSError("no POST")
sys.modules["dvic.device"].post = no
"""
    assert device.run(script + "print(dvic.beat({'volts': 3.25}, 'by udp'), dvic.problem())") == "True \n"
    until(lambda: rig.node("udp").get("status") == "by udp", "the datagram was heard")
    device.run(BEAT + """dvic.log("error", 'disk is ü "\\n', gain=0.5, on=True, who="me")
assert dvic.beat(), d.problem""")
    record = logged(rig, device)[-1]
    assert (record["level"], record["message"]) == ("error", 'disk is ü "\n')
    assert record["fields"] == {"gain": 0.5, "on": True, "who": "me"}


def test_a_device_tells_the_steps_of_a_service(rig, device, tmp_path):
    (tmp_path / "service.yaml").write_text("name: greenhouse\ncomponents: [{name: scale}]\n")
    rig.hubctl("service", "create", str(tmp_path / "service.yaml"))
    place = "service='greenhouse', component='scale'"
    device.run(BEAT + f"dvic.log('info', 'begins', {place}, step='start')\n"
                      f"dvic.log('info', 'weighed', {place}, grams=12)\n"
                      f"dvic.log('error', 'too heavy', {place}, step='fail')\nassert dvic.beat(), d.problem")

    def cycle():
        return rig.hubctl("service", "show", "greenhouse")

    until(lambda: "too heavy" in cycle(), "the step's end is known")
    step = next(line.split() for line in cycle().splitlines() if line.startswith("scale "))
    assert "error" in step and device.name in step


def test_a_device_without_a_clock_takes_the_hubs_and_its_records_have_their_times(rig, device):
    said = device.run("""
import dvic, time
from dvic.clock import Clock
d = dvic.device()
d._clock = Clock(lambda: time.time() - 1700000000, None, None)
d.log("notice", "before there was a time")
print(d._clock.known(), d.beat(), d._clock.known(), abs(d._clock.now() - time.time()) < 10, d.problem)
""")
    assert said == "False True True True \n"
    times = [record["time"] for record in logged(rig, device) if record["message"] == "before there was a time"]
    assert len(times) == 1
    assert abs(datetime.fromisoformat(times[0]).timestamp() - time.time()) < 300


def test_a_serial_that_is_behind_goes_on_from_the_hubs(rig, device):
    """As after a clock that was ahead, and a restart that forgot."""
    ahead = "d._serial = int(__import__('time').time() * 1000) + 10_000_000\n"
    device.run(BEAT + ahead + "assert d.beat(), d.problem")
    assert device.run(BEAT + "print(d.beat(), d.beat(), d.problem)") == "True True \n"


def test_too_many_records_leave_the_newest_and_say_how_many_are_missing(rig, device):
    device.run(BEAT + "for i in range(40): dvic.log('debug', 'n%d' % i)\nassert d.beat(), d.problem\nassert d.beat()")
    messages = [record["message"] for record in logged(rig, device)]
    assert sorted(m for m in messages if m.startswith("n")) == sorted(f"n{i}" for i in range(8, 40))
    assert [m for m in messages if "missing" in m] == ["gap (overrun), 8 records missing"]


def test_numbers_that_the_hub_would_not_take_do_not_cost_the_beat(rig, device):
    device.run(BEAT + """
n = {"good": 1, "nan": float("nan"), "inf": float("inf"), "": 2, "x" * 65: 3, "text": "x", "on": True}
assert dvic.beat(n, "x" * 1000), d.problem
assert dvic.beat({"n%d" % i: i for i in range(40)}, "x" * 1000), d.problem""")
    assert rig.node(device.name)["status"] == "x" * 256


def test_another_hubs_fingerprint_is_refused_and_the_program_told(rig, device):
    said = device.run(BEAT + "d._hub = 'A' * 43\nprint(d.beat(), d.problem)")
    assert said.startswith("False the hub says 403: ")
