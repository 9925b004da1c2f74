"""The status socket."""

import asyncio
import stat

import pytest

from dvic_agent.errors import AgentError
from dvic_agent.status import SOCKET, StatusServer, ask_status, show

SAID = {"connection": {"state": "connected", "reason": "http://hub as ada"}, "name": "ada", "node": "n-x",
        "hub": {"url": "http://hub", "fingerprint": "f"}, "unacknowledged": 2, "moving": False,
        "streams": [{"stream": "journal", "cursor": "", "unacknowledged": 2}]}


async def asked(folder, said=SAID):
    server = StatusServer(folder, lambda: said)
    await server.start()
    try:
        return await asyncio.to_thread(ask_status, folder)
    finally:
        await server.stop()


def test_whoever_may_open_it_is_told(tmp_path):
    assert asyncio.run(asked(tmp_path)) == SAID


def test_long_answers_arrive_whole(tmp_path):
    said = {"streams": ["x" * 1000] * 1000}
    assert asyncio.run(asked(tmp_path, said)) == said


def test_a_folder_with_a_long_path_is_no_obstacle(tmp_path):
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    assert asyncio.run(asked(deep)) == SAID


def test_only_the_agents_user_may_open_it(tmp_path):
    async def scene():
        server = StatusServer(tmp_path, dict)
        await server.start()
        assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600
        await server.stop()
    asyncio.run(scene())


def test_what_a_killed_agent_left_is_replaced(tmp_path):
    (tmp_path / SOCKET).write_text("")
    assert asyncio.run(asked(tmp_path)) == SAID


@pytest.mark.parametrize("left", [None, "a file"])
def test_an_agent_that_does_not_run_is_named_as_such(tmp_path, left):
    if left:
        (tmp_path / SOCKET).write_text(left)
    with pytest.raises(AgentError, match="not running"):
        ask_status(tmp_path)


def test_people_are_shown_the_same():
    text = show(SAID)
    for word in ("connected: http://hub as ada", "ada n-x", "key f", "journal", "+2", "stuck"):
        assert word in text
    assert "not enrolled" in show({})
    update = {"previous": "1.0", "version": "2.0", "phase": "confirming"}
    assert "from 1.0 to 2.0: confirming" in show({"update": update})
