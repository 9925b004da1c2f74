"""Hub and agent killed by SIGKILL at each step of a batch: every record is at the hub exactly once afterwards."""

import re
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
import tampered
from rig import Rig, until

pytestmark = pytest.mark.faults

TAMPERED = str(Path(tampered.__file__))
QUIET = ("[journal]\nenabled = false\n[hardware]\nenabled = false\n[demos]\nenabled = false\n"
         "[sending]\nrecords = 20\n")
LINES = 600
SELDOM = ("joined", "exchanged", "checkpointing", "checkpointed")


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path) as rig:
        yield rig.start_hub()


class Writer:
    """Writes numbered lines into log files of an agent; knows what must be stored."""

    def __init__(self, rig: Rig, agent, written: int = 0):
        self._rig, self._agent = rig, agent
        self._numbers = count(written)
        self.written = written

    def lines(self, number: int, file: str = "steady") -> None:
        with (self._agent.logs / f"dvic_log_{file}").open("a") as log:
            log.writelines(f"line {next(self._numbers)}\n" for _ in range(number))
        self.written += number

    def file_that_goes(self, name: str) -> None:
        """A short file, deleted when the hub has begun to hold it."""
        self.lines(5, name)
        path = self._agent.logs / f"dvic_log_{name}"
        until(lambda: self._rig.request("GET", f"/api/v1/logs?limit=1&source={path.name}")[1]["items"], path.name)
        path.unlink()

    def all_stored(self) -> bool:
        return sum(self.stored().values()) >= self.written

    def stored(self) -> Counter:
        found = (re.fullmatch(r"line (\d+)", item["message"]) for item in self._rig.logs())
        return Counter(int(match.group(1)) for match in found if match)

    def check(self, step: str) -> None:
        until(self.all_stored, f"all is stored after a crash at {step!r}")
        seen = self.stored()
        assert max(seen.values()) == 1, f"doubled after a crash at {step!r}: {[n for n in seen if seen[n] > 1][:10]}"
        assert len(seen) == self.written, f"lost after a crash at {step!r}"


def gone(process, step: str) -> bool:
    until(lambda: not process.running(), f"it comes to the step {step!r}\n{process.said()[-2000:]}", 60)
    return process.popen.returncode == -9


def test_a_hub_killed_at_each_step_of_a_batch_has_every_record_once(rig):
    whole, written = rig.hub, 0
    for step in tampered.HUB:
        agent = rig.new_agent(step, QUIET)  # a new one each time: one that was cut off often waits long
        writer = Writer(rig, agent, written)
        whole.kill()
        writer.lines(LINES)
        crash = f"{step}:{1 if step in SELDOM else 2}"
        rig.hub = rig.process([sys.executable, TAMPERED, "--crash", crash, "dvic_hub", "serve", "--config",
                               str(rig.config)], f"hub-{step}")
        rig.start_hub()
        agent.start(executor=False)
        for _ in range(40 if step in SELDOM else 0):
            if not rig.hub.running():
                break
            writer.lines(20)  # joining needs many batches, and then quiet
            time.sleep(0.1)
        assert gone(rig.hub, step), rig.hub.said()
        rig.hub = whole
        rig.start_hub()
        writer.check(step)
        agent.agent.stop()
        written = writer.written


def test_an_agent_killed_at_each_step_of_a_batch_delivers_every_record_once(rig):
    ada = rig.new_agent("ada", QUIET).start().online()
    writer = Writer(rig, ada)
    whole = ada.agent
    for step in tampered.AGENT:
        whole.kill()
        writer.lines(LINES)
        ada.agent = rig.process([sys.executable, TAMPERED, "--crash", f"{step}:{1 if 'end' in step else 3}",
                                 "dvic_agent", "run", *ada.where], f"agent-{step}")
        ada.agent.start()
        if "end" in step[:3]:
            writer.file_that_goes(step)
        else:
            writer.lines(LINES, f"beside-{step}")
        assert gone(ada.agent, step), ada.agent.said()
        ada.agent = whole
        whole.start()
        writer.check(step)
    assert not [item for item in rig.logs() if item.get("gap")]
