"""Logs of programs in containers, as real engines make them: whose they are, to their last line, from fifty at once,
and from one that belongs to an enemy. What the agent needs for it, it can't use for anything else."""

from collections.abc import Iterator

import pytest
from engines import ENGINES, EngineRoom
from member_lab import MemberLab
from rig import until

pytestmark = pytest.mark.machines

FIFTY = 50
LINES = 1000


@pytest.fixture(scope="module")
def room(tmp_path_factory, agent_deb) -> Iterator[EngineRoom]:
    with MemberLab(tmp_path_factory.mktemp("containers"), agent_deb) as lab, EngineRoom.of(lab) as room:
        yield room


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_program_logs_in_a_container_says_whose_it_is_to_its_last_line(room, engine):
    word = f"of-{engine}"
    box = room.start(engine, f"echo first-{word} > /tmp/dvic_log_x; while sleep 0.1; do "
                             f"if [ -e /tmp/last ]; then echo last-{word} >> /tmp/dvic_log_x; exit; fi; done")
    [first] = until(lambda: room.lines(f"&grep=first-{word}"), f"the line from {engine} is at the hub")
    print(first, box)
    box.end()
    box.remove()
