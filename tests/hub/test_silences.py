"""Silences at the hub: who is silenced, who is told, how they end, and who may make one."""

import asyncio

import pytest
from api_hub import ApiHub
from hub_parts import OPERATOR, HubParts, with_hub

from dvic_hub.domain.events import NodeChanged
from dvic_hub.domain.silences import MAX_SILENCES, SilenceOrder
from dvic_hub.errors import Conflict, NotFound, StoreFull
from dvic_hub.services.silences import SilenceService


async def service(hub: HubParts) -> SilenceService:
    made = SilenceService(hub.store, hub.bus, hub.fleet, hub.audit, hub.clock)
    await made.start()
    return made


def silenced(hub: HubParts, silences: SilenceService) -> dict[str, str]:
    """Who silenced which node, by its name."""
    found = [(view.name, silences.of(view)) for view in hub.fleet.views()]
    return {name: silence.created_by for name, silence in found if silence}


def told(hub: HubParts) -> set[str]:
    """Names of the nodes of which a change was told; forgets them."""
    names = {view.id: view.name for view in hub.fleet.views()}
    found = {names[event.node] for event in hub.events if isinstance(event, NodeChanged)}
    hub.events.clear()
    return found


def test_nodes_are_silenced_until_somebody_ends_it_and_each_is_told():
    async def test(hub):
        await hub.node(0, "ada", tags={"room": "lab"})
        await hub.node(1, "bob")
        silences = await service(hub)
        told(hub)
        made = await silences.add(SilenceOrder("tag:room=lab", 3600, reason="they move it"), OPERATOR)
        assert silenced(hub, silences) == {"ada": "olga"} and told(hub) == {"ada"}
        assert silences.all() == [made] and await silences.meant([made]) == [1]
        await silences.end(made.id, OPERATOR)
        assert silenced(hub, silences) == {} and told(hub) == {"ada"} and silences.all() == []
        with pytest.raises(NotFound):
            await silences.end(made.id, OPERATOR)
        assert hub.audited() == [("silence.add", "ok"), ("silence.end", "ok")]

    with_hub(test)


def test_a_silence_ends_by_itself_and_its_row_goes():
    async def test(hub):
        await hub.node(0, "ada")
        silences = await service(hub)
        await silences.add(SilenceOrder("all", 3600), OPERATOR)
        told(hub)
        hub.clock.now += 3599
        await silences.tick()
        assert silenced(hub, silences) == {"ada": "olga"} and told(hub) == set()
        hub.clock.now += 1
        assert silenced(hub, silences) == {}, "also before anybody has looked"
        await silences.tick()
        assert told(hub) == {"ada"} and await hub.store.silences.all() == []

    with_hub(test)


def test_a_node_that_gets_the_tag_later_is_meant_too_but_not_by_a_fixed_one():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.node(1, "bob", tags={"room": "lab"})
        silences = await service(hub)
        fixed = await silences.add(SilenceOrder("tag:room=lab", 7200, fixed=True), OPERATOR)
        await silences.add(SilenceOrder("tag:room=lab", 3600), OPERATOR)
        assert silenced(hub, silences) == {"bob": "olga"}
        await hub.store.nodes.update(ada.id, tags={"room": "lab"})
        await hub.fleet.announce(ada.id)
        assert set(silenced(hub, silences)) == {"ada", "bob"}
        assert silences.of(hub.fleet.view("bob")).id == fixed.id, "the one that lasts longest"
        assert silences.of(hub.fleet.view("ada")).id != fixed.id

    with_hub(test)


def test_a_silence_outlives_a_restart_and_not_its_time():
    async def test(hub):
        await hub.node(0, "ada")
        await (await service(hub)).add(SilenceOrder("ada", 3600), OPERATOR)
        assert silenced(hub, await service(hub)) == {"ada": "olga"}
        hub.clock.now += 4000
        assert silenced(hub, await service(hub)) == {} and await hub.store.silences.all() == []

    with_hub(test)


def test_one_that_another_hub_made_or_ended_counts_here_a_second_later():
    async def test(hub):
        await hub.node(0, "ada")
        here, there = await service(hub), await service(hub)
        made = await there.add(SilenceOrder("ada", 3600), OPERATOR)
        await here.tick()
        assert silenced(hub, here) == {"ada": "olga"}
        await there.end(made.id, OPERATOR)
        await here.tick()
        assert silenced(hub, here) == {}

    with_hub(test)


def test_there_is_a_limit_and_a_full_disk_silences_nobody():
    async def test(hub):
        await hub.node(0, "ada")
        silences = await service(hub)
        for _ in range(MAX_SILENCES):
            await silences.add(SilenceOrder("bob", 3600), OPERATOR)
        with pytest.raises(Conflict, match=str(MAX_SILENCES)):
            await silences.add(SilenceOrder("all", 3600), OPERATOR)
        assert silenced(hub, silences) == {} and hub.audited()[-1][1].startswith("limit")
        hub.clock.now += 3600
        hub.store.full = True
        with pytest.raises(StoreFull):
            await silences.add(SilenceOrder("all", 3600), OPERATOR)
        assert silenced(hub, silences) == {}

    with_hub(test)


def test_by_the_api_an_operator_silences_and_everybody_sees_who_did_and_until_when(tmp_path):
    async def test(hub):
        await hub.new_node("web-1")
        body = {"selector": "web-*", "seconds": 3600, "reason": "new <b>disks</b>"}
        status, made = await hub.ask("POST", "/api/v1/silences", "otto", body)
        assert (status, made["nodes"], made["created_by"], made["fixed"]) == (201, 1, "otto", False)
        _, node = await hub.ask("GET", "/api/v1/nodes/web-1", "vera")
        assert node["silenced"] == {"id": made["id"], "until": made["until"], "by": "otto", "reason": body["reason"]}
        assert node["state"] == "never", "what it is stays what it is"
        _, listed = await hub.ask("GET", "/api/v1/silences", "vera")
        assert listed == {"items": [made], "next": ""}
        assert (await hub.ask("DELETE", f"/api/v1/silences/{made['id']}", "otto"))[0] == 204
        assert (await hub.ask("DELETE", f"/api/v1/silences/{made['id']}", "otto"))[0] == 404
        assert (await hub.ask("GET", "/api/v1/nodes/web-1", "vera"))[1]["silenced"] is None

    api(test, tmp_path)


def test_by_the_api_nobody_silences_who_may_not_nor_what_would_hide_what_is_to_come(tmp_path):
    async def test(hub):
        await hub.new_node("web-1")
        right = {"selector": "all", "seconds": 3600}
        for who, expected in (("", 401), ("mallory", 401), ("vera", 403)):
            assert (await hub.ask("POST", "/api/v1/silences", who, right))[0] == expected
            assert (await hub.ask("DELETE", "/api/v1/silences/x", who))[0] == expected
        for wrong in ({"seconds": 59}, {"seconds": 10**9}, {"selector": ""}, {"selector": "all and"}, {"extra": 1},
                      {"selector": "state:silent"}, {"selector": "nobody", "fixed": True}, {"reason": "x" * 501}):
            status, problem = await hub.ask("POST", "/api/v1/silences", "otto", {**right, **wrong})
            assert status == 400, (wrong, problem)
        status, made = await hub.ask("POST", "/api/v1/silences", "otto", {**right, "selector": "state:never",
                                                                          "fixed": True})
        assert (status, made["nodes"]) == (201, 1)

    api(test, tmp_path)


def test_a_hub_ends_a_silence_by_itself_and_the_stream_tells_of_its_nodes(tmp_path):
    async def test(hub):
        await hub.new_node("web-1")
        await hub.ask("POST", "/api/v1/silences", "otto", {"selector": "web-1", "seconds": 60})
        async with hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=hub.headers("vera")) as stream:
            await stream.send_json({"subscribe": [{"kinds": ["node"]}]})
            await stream.receive()
            hub.offset = 61
            assert '"node":"web-1"' in (await stream.receive(10)).data
        assert (await hub.ask("GET", "/api/v1/nodes/web-1", "vera"))[1]["silenced"] is None
        assert (await hub.ask("GET", "/api/v1/silences", "vera"))[1]["items"] == []

    api(test, tmp_path)


def api(test, tmp_path) -> None:
    async def body():
        async with asyncio.timeout(60), ApiHub(tmp_path) as hub:
            await test(hub)

    asyncio.run(body())
