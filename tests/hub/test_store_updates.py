"""Rollouts, signing keys and manifests, as any store must keep them; and a database of before there were any."""

import asyncio
from dataclasses import replace

import apsw
import pytest

from dvic_hub.domain.model import KeptManifest, Node, Rollout, RolloutNode, Run, RunNode, RunQuery, SigningKey
from dvic_hub.errors import BadRequest, Conflict, StoreError
from dvic_hub.store import schema
from dvic_hub.store.sqlite import SqliteStore
from dvic_wire.runs import QUEUED, RUNNING, RunSpec

ROLLOUT = Rollout("u1", "all", "dvic-agent", "1.2", "a.b.c", 5, "ada", older=True, confirm=60, canary="1", batch="25%",
                  max_failures=2, halt_on_error=True, soak=9, queue_until=7, reason="why")
KEY = SigningKey("key-1", b"k" * 32, "in the safe", 5, "ada")
MANIFEST = KeptManifest("dvic-agent_1.2_all.deb", "ab" * 32, "a.b.c", "key-1", "1.2", "1.0", 99)
SPEC = RunSpec(("update", "dvic-agent", "1.2"))


def run(steps):
    return asyncio.run(steps())


def test_a_rollout_comes_back_as_it_was_added_with_its_nodes_in_order(every_store):
    async def steps():
        async with every_store() as it:
            rows = [RolloutNode("u1", "n-bob", 0, 0), RolloutNode("u1", "n-ada", 1, 1, "unchanged", "why", ended=5)]
            await it.rollouts.add(ROLLOUT, list(reversed(rows)))
            assert await it.rollouts.get("u1") == ROLLOUT and await it.rollouts.get("u2") is None
            assert await it.rollouts.nodes("u1") == rows
            assert await it.rollouts.open_nodes() == {"n-bob": "u1"}
            with pytest.raises(Conflict):
                await it.rollouts.add(ROLLOUT, [])

    run(steps)


def test_a_node_moves_only_from_the_state_that_it_is_in_and_never_from_an_end(every_store):
    async def steps():
        async with every_store() as it:
            await it.rollouts.add(ROLLOUT, [RolloutNode("u1", "n-ada", 0, 0)])
            assert await it.rollouts.move("u1", "n-ada", "pending", "sent", run="r1", sent=3)
            assert not await it.rollouts.move("u1", "n-ada", "pending", "sent", run="r2")
            assert not await it.rollouts.move("u1", "n-bob", "pending", "sent")
            assert await it.rollouts.move("u1", "n-ada", "sent", "failed", ended=9, reason="no")
            assert not await it.rollouts.move("u1", "n-ada", "failed", "pending")
            [row] = await it.rollouts.nodes("u1")
            assert (row.run, row.state, row.ended, row.reason) == ("r1", "failed", 9, "no")
            await it.rollouts.forgive("u1", ["n-ada"])
            assert (await it.rollouts.nodes("u1"))[0].forgiven and await it.rollouts.open_nodes() == {}

    run(steps)


def test_a_rollout_that_has_ended_changes_no_more(every_store):
    async def steps():
        async with every_store() as it:
            for number in range(3):
                await it.rollouts.add(replace(ROLLOUT, id=f"u{number}", created=number), [])
            assert await it.rollouts.update("u1", halted=4, halt_reason="no")
            assert await it.rollouts.update("u1", ended=9) and not await it.rollouts.update("u1", halted=0)
            assert not await it.rollouts.update("u9", halted=0)
            assert await it.rollouts.active() == ["u0", "u2"]
            assert [each.id for each in (await it.rollouts.list(2)).items] == ["u2", "u1"]

    run(steps)


def test_the_updates_of_a_rollout_are_found_by_its_rows_and_kept_apart_from_other_runs(every_store):
    async def steps():
        async with every_store() as it:
            await it.nodes.add(Node("n-ada", "ada", b"a" * 32))
            update = Run("r1", "id:n-ada", SPEC, 1, "ada", kind="update", detail={"rollout": "u1", "older": False})
            await it.runs.add(update, [RunNode("r1", "n-ada", 0, RUNNING)])
            await it.runs.add(Run("r2", "all", SPEC, 2, "ada"), [RunNode("r2", "n-ada", 0)])
            await it.rollouts.add(ROLLOUT, [RolloutNode("u1", "n-ada", 0, 0, "sent", run="r1"),
                                            RolloutNode("u1", "n-bob", 1, 0, "sent", run="r9"),
                                            RolloutNode("u1", "n-eve", 2, 0)])
            assert await it.runs.get("r1") == update and (await it.runs.get("r2")).kind == "run"
            assert {node: row.state for node, row in (await it.rollouts.runs("u1")).items()} == {"n-ada": RUNNING}
            assert await it.runs.active() == ["r1", "r2"] and await it.runs.active("run") == ["r2"]
            assert [each.id for each in (await it.runs.list(5, query=RunQuery(kind="update"))).items] == ["r1"]
            assert [each.id for each in (await it.runs.list(5)).items] == ["r2", "r1"]
            await it.nodes.remove("n-ada")
            assert await it.rollouts.runs("u1") == {} and len(await it.rollouts.nodes("u1")) == 3

    run(steps)


def test_the_key_set_s_serial_grows_with_each_change_and_the_last_key_stays(every_store):
    async def steps():
        async with every_store() as it:
            assert await it.releases.keys() == (0, [])
            assert await it.releases.add_key(KEY, 1000) and not await it.releases.add_key(KEY, 2000)
            other = replace(KEY, id="key-2", added=6)
            assert await it.releases.keys() == (1000, [KEY])
            assert not await it.releases.remove_key("key-1", 2000)
            assert await it.releases.add_key(other, 10)
            assert await it.releases.keys() == (1001, [KEY, other])
            assert await it.releases.remove_key("key-1", 10) and not await it.releases.remove_key("key-1", 10)
            assert await it.releases.keys() == (1002, [other])

    run(steps)


def test_a_package_has_one_manifest(every_store):
    async def steps():
        async with every_store() as it:
            await it.releases.put_manifest(MANIFEST)
            newer = replace(MANIFEST, text="d.e.f")
            await it.releases.put_manifest(newer)
            assert await it.releases.manifests() == {MANIFEST.name: newer}
            assert await it.releases.remove_manifest(MANIFEST.name)
            assert not await it.releases.remove_manifest(MANIFEST.name)

    run(steps)


def test_rollouts_are_listed_in_pages(tmp_path, clock):
    async def steps():
        it = SqliteStore(tmp_path / "dvic.db", clock)
        await it.open()
        for number in range(5):
            await it.rollouts.add(replace(ROLLOUT, id=f"u{number}", created=number // 2), [])
        page = await it.rollouts.list(3)
        rest = await it.rollouts.list(3, page.next)
        assert [each.id for each in (*page.items, *rest.items)] == ["u4", "u3", "u2", "u1", "u0"] and not rest.next
        with pytest.raises(BadRequest):
            await it.rollouts.list(3, "x")
        await it.close()

    run(steps)


def test_a_database_of_before_self_update_is_migrated_with_what_is_in_it(tmp_path, clock):
    path = tmp_path / "dvic.db"
    before = apsw.Connection(str(path))
    before.pragma("application_id", schema.APPLICATION_ID)
    before.execute(schema.MIGRATIONS[0])
    before.execute("INSERT INTO run VALUES ('r1', 'all', ?, 1, 'ada', 'why', '', -1, 2, 0, 0, '')",
                   ('{"argv": ["true"]}',))
    before.execute("INSERT INTO run_node VALUES ('r1', 'n-ada', 0, 'queued', '', -1, 0, 0, 0, 0)")
    before.pragma("user_version", 1)
    before.close()

    async def steps():
        it = SqliteStore(path, clock)
        await it.open()
        found = await it.runs.get("r1")
        assert found == Run("r1", "all", RunSpec(("true",)), 1, "ada", "why", queue_until=2)
        assert [row.state for row in await it.runs.nodes("r1")] == [QUEUED]
        await it.rollouts.add(ROLLOUT, [])
        await it.close()

    run(steps)
    after = apsw.Connection(str(path))
    assert after.pragma("user_version") == len(schema.MIGRATIONS)
    after.pragma("user_version", len(schema.MIGRATIONS) + 1)
    after.close()
    with pytest.raises(StoreError, match="newer hub"):
        run(steps)
