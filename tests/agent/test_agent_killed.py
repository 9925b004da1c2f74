"""The agent as a process, killed by SIGKILL again and again while a flood runs: every line at the hub exactly once."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_hub import FakeHub

from dvic_agent.identity import PinnedHub, ensure_key, save_hub

pytestmark = pytest.mark.faults

LINES = 20_000


async def start(tmp_path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dvic_agent", "run", "--config-dir", str(tmp_path / "etc"),
        "--state-dir", str(tmp_path / "var"), stderr=subprocess.DEVNULL)


def enrol(tmp_path: Path, hub: FakeHub) -> None:
    key = ensure_key(tmp_path / "var/state")
    save_hub(tmp_path / "etc", PinnedHub(hub.url, hub.memory.key.public, key.public.node_id, "ada"))
    hub.memory.enrolled(key)
    (tmp_path / "logs").mkdir()
    (tmp_path / "etc/agent.toml").write_text(
        f'[log_files]\nfolders = ["{tmp_path}/logs"]\n[journal]\nenabled = false\n[hardware]\nenabled = false\n'
        "[demos]\nenabled = false\n[sending]\nrecords = 20\n")


def stored(hub: FakeHub) -> list[str]:
    return [text for name in hub.memory.records if name.startswith("file:") for text in hub.memory.texts(name)]


def test_every_line_arrives_once_although_the_agent_is_killed_in_mid_batch(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            enrol(tmp_path, hub)
            with open(tmp_path / "logs/dvic_log_flood", "w") as log:
                for part in range(4):
                    process = await start(tmp_path)
                    for number in range(part * LINES // 4, (part + 1) * LINES // 4):
                        log.write(f"line {number}\n")
                    log.flush()
                    seen = len(stored(hub))
                    await hub.until(lambda seen=seen: len(stored(hub)) >= seen + 200, 60)
                    process.send_signal(signal.SIGKILL)
                    await process.wait()
            killed_at = len(stored(hub))
            process = await start(tmp_path)
            await hub.until(lambda: len(stored(hub)) >= LINES, 120)
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 20) == 0
            assert stored(hub) == [f"line {number}" for number in range(LINES)]
            assert killed_at < LINES, "it was never killed in mid flood"
    asyncio.run(scene())


def test_serials_are_not_repeated_by_an_agent_that_was_killed(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            enrol(tmp_path, hub)
            for times in (1, 2, 3):
                process = await start(tmp_path)
                await hub.until(lambda times=times: len(hub.memory.serials) >= times, 60)
                process.kill()
                await process.wait()
            assert len(set(hub.memory.serials)) == len(hub.memory.serials)
    asyncio.run(scene())


def test_a_hub_killed_in_mid_batch_gets_every_line_once_when_it_is_back(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            enrol(tmp_path, hub)
            (tmp_path / "logs/dvic_log_flood").write_text("".join(f"line {number}\n" for number in range(5000)))
            process = await start(tmp_path)
            for _ in range(3):
                hub.drop_after = 3  # three batches are stored and answered, the fourth is stored and not answered
                await hub.until(lambda: hub.drop_after < 0, 60)
            await hub.until(lambda: len(stored(hub)) >= 5000, 60)
            process.terminate()
            await asyncio.wait_for(process.wait(), 20)
            assert stored(hub) == [f"line {number}" for number in range(5000)]
    asyncio.run(scene())
