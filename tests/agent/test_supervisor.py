"""What systemd hears, on a real notification socket."""

import asyncio
import os
import socket
from contextlib import contextmanager

from dvic_agent.supervisor import Supervisor


@contextmanager
def systemd(tmp_path, monkeypatch, **environment):
    """A socket as systemd gives one to a service; yields the supervisor and a function that takes what was heard."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        path = tmp_path / "notify"
        heard.bind(str(path))
        heard.setblocking(False)
        given = {"NOTIFY_SOCKET": str(path), **environment}
        for name, value in given.items():
            monkeypatch.setenv(name, value)

        def take() -> list[str]:
            texts = []
            while True:
                try:
                    texts.append(heard.recv(4096).decode())
                except BlockingIOError:
                    return texts

        yield Supervisor.from_environment(given), take


def test_without_systemd_nothing_happens():
    supervisor = Supervisor.from_environment({})
    supervisor.ready()
    supervisor.status("fine")
    supervisor.stopping()
    asyncio.run(asyncio.wait_for(supervisor.watch(lambda: True), 5))


def test_a_life_is_told_in_order(tmp_path, monkeypatch):
    with systemd(tmp_path, monkeypatch) as (supervisor, take):
        supervisor.ready()
        supervisor.status("connected to\nthe hub")
        supervisor.reloading()
        supervisor.ready()
        supervisor.stopping()
        ready, status, reloading, again, stopping = take()
    assert (ready, again, stopping) == ("READY=1", "READY=1", "STOPPING=1")
    assert status == "STATUS=connected to the hub"
    kind, time = reloading.split("\n")
    assert kind == "RELOADING=1"
    assert int(time.removeprefix("MONOTONIC_USEC=")) > 0


def test_a_status_is_told_once(tmp_path, monkeypatch):
    with systemd(tmp_path, monkeypatch) as (supervisor, take):
        for text in ("a", "a", "b", "a"):
            supervisor.status(text)
        assert take() == ["STATUS=a", "STATUS=b", "STATUS=a"]


def test_the_watchdog_is_fed_only_while_all_moves(tmp_path, monkeypatch):
    with systemd(tmp_path, monkeypatch, WATCHDOG_USEC="30000000") as (supervisor, take):
        assert supervisor.feed(True)
        assert not supervisor.feed(False)
        assert take() == ["WATCHDOG=1"]


def test_the_watchdog_is_fed_again_and_again(tmp_path, monkeypatch):
    async def scene(supervisor, take):
        watching = asyncio.create_task(supervisor.watch(lambda: True))
        fed = 0
        async with asyncio.timeout(20):
            while fed < 3:
                await asyncio.sleep(0.01)
                fed += len(take())
        watching.cancel()

    with systemd(tmp_path, monkeypatch, WATCHDOG_USEC="20000") as (supervisor, take):
        asyncio.run(scene(supervisor, take))


def test_a_watchdog_meant_for_another_process_is_left_alone(tmp_path, monkeypatch):
    with systemd(tmp_path, monkeypatch, WATCHDOG_USEC="20000", WATCHDOG_PID=str(os.getpid() + 1)) as (supervisor, _):
        asyncio.run(asyncio.wait_for(supervisor.watch(lambda: True), 5))
