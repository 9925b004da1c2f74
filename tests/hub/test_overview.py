"""The fleet in one answer."""

import asyncio
import base64

from api_hub import ApiHub
from batches import batch

from dvic_hub.domain.glance import POINTS
from dvic_wire.records import sample


async def report(hub: ApiHub, node: str, number: int, cpu: float) -> None:
    """A sample of now, committed."""
    record = sample(hub.doors.now(), {"cpu.total": cpu, "disk./.percent": 12.3456})
    verdict = await hub.doors.store.streams.commit(
        batch(node, "hardware", [record], str(number or ""), str(number + 1), source="hardware"))
    assert verdict.accepted


def test_one_answer_has_every_node_with_its_newest_figures_and_their_hour(tmp_path):
    async def steps():
        async with ApiHub(tmp_path) as hub:
            ada = await hub.new_node("ada", last_seen=hub.doors.now(), period=10)
            esp = await hub.new_node("esp")
            await report(hub, ada.id, 0, 31.0)
            status, answer = await hub.ask("GET", "/api/v1/overview", "vera")
            assert status == 200 and answer["figures"][:3] == answer["drawn"] == ["cpu", "memory", "disk"]
            by_id = {item["node_id"]: item for item in answer["items"]}
            assert set(by_id) == {ada.id, esp.id}
            assert by_id[esp.id] == {"node_id": esp.id, "state": "never", "last_seen": None}
            item = by_id[ada.id]
            assert (item["state"], item["values"]) == ("online", [31.0, None, 12.35, None, None, None])
            history = base64.b64decode(item["history"])
            assert 62 in history[POINTS - 2:POINTS] and answer["points"] == POINTS

    asyncio.run(steps())


def test_the_next_look_brings_what_is_new_alone(tmp_path):
    async def steps():
        async with ApiHub(tmp_path) as hub:
            ada, bob = await hub.new_node("ada"), await hub.new_node("bob")
            for node in (ada, bob):
                await report(hub, node.id, 0, 1.0)
            _, first = await hub.ask("GET", "/api/v1/overview", "vera")
            _, second = await hub.ask("GET", "/api/v1/overview", "vera", params={"cursor": first["cursor"]})
            assert second["items"] == []
            await report(hub, bob.id, 1, 2.0)
            _, third = await hub.ask("GET", "/api/v1/overview", "vera", params={"cursor": second["cursor"]})
            item, = third["items"]
            assert (item["node_id"], item["values"][0]) == (bob.id, 2.0) and "history" not in item
            hub.doors.fleet.heard(ada.id, last_seen=hub.doors.now() + 1, period=10)
            _, fourth = await hub.ask("GET", "/api/v1/overview", "vera", params={"cursor": third["cursor"]})
            assert [item["node_id"] for item in fourth["items"]] == [ada.id], "a sign of life is news"

    asyncio.run(steps())


def test_a_selector_narrows_it_and_a_strange_cursor_is_refused(tmp_path):
    async def steps():
        async with ApiHub(tmp_path) as hub:
            await hub.new_node("ada", tags={"room": "lab"})
            await hub.new_node("bob")
            _, answer = await hub.ask("GET", "/api/v1/overview", "vera", params={"selector": "tag:room=lab"})
            assert len(answer["items"]) == 1
            for cursor in ("1", "1.2.3", "zz.1", "-1.0", "f" * 80 + ".1", " 1.2"):
                status, problem = await hub.ask("GET", "/api/v1/overview", "vera", params={"cursor": cursor})
                assert (status, problem["field"]) == (400, "cursor")
            assert (await hub.ask("GET", "/api/v1/overview"))[0] == 401

    asyncio.run(steps())
