"""The machine's numbers: calculated from counters by hand, and taken from this machine."""

import asyncio
import json
from types import SimpleNamespace

import psutil
from one_reader import OneReader

from dvic_agent.machine import machine_facts
from dvic_agent.sources.hardware import Counters, Hardware, count, values
from dvic_wire.limits import MAX_METRIC_NAME, MAX_METRICS


def test_rates_are_made_from_two_counts():
    before = Counters(100.0, [(10, 100), (1, 50)], {"sda": {"read_bytes": 1000, "busy": 5}},
                      {"eth0": {"rx_bytes": 50}}, {"load.1": 9.0})
    now = Counters(110.0, [(15, 120), (1, 60)], {"sda": {"read_bytes": 21_000, "busy": 105}},
                   {"eth0": {"rx_bytes": 100}}, {"load.1": 0.5})
    assert values(before, now) == {"load.1": 0.5, "cpu.total": 25.0, "cpu.0": 0.0, "io.sda.read_bytes": 2000.0,
                                   "io.sda.busy": 10.0, "net.eth0.rx_bytes": 5.0}


def test_the_first_sample_has_no_rates():
    assert values(None, Counters(1.0, [(1, 2)], {"sda": {"reads": 5}}, {}, {"load.1": 1.0})) == {"load.1": 1.0}


def test_counters_that_began_anew_or_just_came_are_left_out():
    before = Counters(100.0, [(10, 100)], {"sda": {"reads": 1000}})
    now = Counters(110.0, [(10, 100)], {"sda": {"reads": 5}, "sdb": {"reads": 7}})
    assert values(before, now) == {}
    assert values(now, now) == {}


def test_numbers_that_nobody_can_carry_are_left_out_and_all_is_bounded():
    levels = {"a": float("nan"), "b": float("inf"), "c" * 999: 1.0} | {f"x{i}": 1.0 for i in range(MAX_METRICS + 10)}
    found = values(None, Counters(1.0, levels=levels))
    assert len(found) == MAX_METRICS
    assert "a" not in found and "b" not in found
    assert max(map(len, found)) <= MAX_METRIC_NAME
    json.dumps(found, allow_nan=False)


def test_this_machine_can_be_sampled():
    first, second = count(psutil, 1.0), count(psutil, 2.0)
    found = values(first, second)
    assert found["memory.total"] > found["memory.available"] > 0
    assert found["disk./.total"] >= found["disk./.used"] > 0
    assert {"load.1", "load.15", "swap.total", "processes", "uptime"} <= set(found)
    assert not [name for name in found if name.startswith(("io.loop", "net.lo.")) or " " in name]
    assert len(second.cpus) == 1 + psutil.cpu_count()


class Broken:
    """A machine whose every sensor fails in another way."""

    def __getattr__(self, name):
        if name in ("cpu_times", "disk_io_counters", "net_io_counters"):
            return getattr(psutil, name)
        raise {"sensors_temperatures": AttributeError, "disk_partitions": PermissionError}.get(name, OSError)(name)


def test_what_can_not_be_asked_is_left_out():
    found = values(None, count(Broken(), 1.0))
    assert not [name for name in found if name.startswith(("temp.", "disk.", "load."))]


def test_temperatures_have_names_without_blanks_and_never_the_same_twice():
    sensor = SimpleNamespace
    hot = SimpleNamespace(sensors_temperatures=lambda: {
        "core temp": [sensor(label="Core 0", current=40.0), sensor(label="Core 0", current=41.0),
                      sensor(label="", current=42.0)]})

    class Hot(Broken):
        sensors_temperatures = staticmethod(hot.sensors_temperatures)

    assert {name: value for name, value in count(Hot(), 1.0).levels.items() if name.startswith("temp.")} == {
        "temp.core_temp.Core_0": 40.0, "temp.core_temp.Core_0_1": 41.0, "temp.core_temp.2": 42.0}


def test_facts_come_first_and_then_samples_every_period(tmp_path):
    async def scenario():
        source = Hardware(tmp_path, period=0.05)
        reader = OneReader(source)
        reader.start()
        await reader.until(lambda: len(reader.records.get("hardware", [])) >= 4)
        source.stop()
        facts, first, second, *_ = reader.records["hardware"]
        assert facts["facts"] == machine_facts()
        assert facts["facts"]["kernel"] and facts["facts"]["hostname"]
        assert "cpu.total" not in first["values"] and second["values"]["memory.total"] > 0
        assert sum("facts" in record for record in reader.records["hardware"]) == 1
    asyncio.run(scenario())


def test_samples_taken_without_a_hub_come_later_and_the_rest_after_a_restart(tmp_path):
    async def without_a_hub() -> Hardware:
        """Sample a while; nobody reads."""
        source, loop, enough, wakes = Hardware(tmp_path, period=0.02), asyncio.get_running_loop(), asyncio.Event(), []

        def wake(name):
            wakes.append(name)
            if len(wakes) > 5:
                loop.call_soon_threadsafe(enough.set)

        source.start(wake)
        await asyncio.wait_for(enough.wait(), 15)
        return source

    async def scenario():
        times, cursors = [], {}
        for _ in range(2):
            source = await without_a_hub()
            reader = OneReader(source, cursors)
            reader.read_all()
            source.stop()
            cursors = reader.cursors
            times += [record["time"] for record in reader.records["hardware"] if "values" in record]
            assert not [record for record in reader.records["hardware"] if "gap" in record]
        assert times == sorted(set(times)) and len(times) >= 8
    asyncio.run(scenario())


def test_the_period_can_be_set_while_running(tmp_path):
    async def scenario():
        source = Hardware(tmp_path, period=3600)
        reader = OneReader(source)
        reader.start()
        await reader.until(lambda: len(reader.records.get("hardware", [])) == 2)
        source.set_period(0.05)
        await reader.until(lambda: len(reader.records["hardware"]) > 4)
        assert source.moving()
        source.stop()
    asyncio.run(scenario())
