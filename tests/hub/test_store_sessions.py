"""Sessions in the store: kept across restarts, listed newest first."""

import asyncio
from dataclasses import replace

import pytest

from dvic_hub.domain.model import SessionQuery, TerminalSession
from dvic_hub.errors import Conflict

ROW = TerminalSession("0123456789abcdef", "n-ada", "ada", "", ["vi", "a b"], "ada: vi", 1000, "anna", 80, 24, b"k" * 32,
                      recorded=True, recording=5)


def test_a_session_outlives_a_restart_and_takes_changes(store):
    async def steps():
        async with store() as it:
            await it.sessions.add(ROW)
            with pytest.raises(Conflict):
                await it.sessions.add(ROW)
            await it.sessions.update(ROW.id, offset=2**40, starts=2, cols=100)
        async with store() as it:
            kept = replace(ROW, offset=2**40, starts=2, cols=100)
            assert await it.sessions.get(ROW.id) == kept
            assert await it.sessions.open() == [kept]
            assert await it.sessions.get("nothing") is None
            await it.sessions.update(ROW.id, ended=2000, key=b"", why="ended by anna")
            assert await it.sessions.open() == []

    asyncio.run(steps())


def test_sessions_come_in_pages_newest_first_and_old_recordings_are_found(store):
    async def steps():
        async with store() as it:
            rows = [replace(ROW, id=f"{number:016}", created=number, ended=number * 10) for number in range(1, 6)]
            for row in rows:
                await it.sessions.add(row)
            first = await it.sessions.list(3)
            rest = await it.sessions.list(3, first.next)
            assert [row.created for row in first.items + rest.items] == [5, 4, 3, 2, 1] and not rest.next
            await it.sessions.add(replace(ROW, id="x" * 16, node="n-bob", created_by="bert", created=9))
            for query, found in ((SessionQuery(node="n-bob"), [9]), (SessionQuery(by="bert", open=False), []),
                                 (SessionQuery(open=True), [9]), (SessionQuery("n-ada", "anna", False), [5, 4])):
                assert [row.created for row in (await it.sessions.list(2, query=query)).items] == found
            await it.sessions.update(rows[0].id, recording=0)
            assert [row.created for row in await it.sessions.recorded_before(40)] == [2, 3]

    asyncio.run(steps())
