"""What nodes report, read through the API: logs, metrics, demos, the hub's own state."""

import asyncio

import pytest
from api_hub import ApiHub
from prometheus_client.parser import text_string_to_metric_families
from reporter import two_reporters

from dvic_hub.api.metrics import MAX_POINTS, choose_step
from dvic_hub.errors import BadRequest
from dvic_wire import records

SECOND = 1_000_000


def played(scene, tmp_path, **settings):
    async def run():
        async with ApiHub(tmp_path, **settings) as hub, asyncio.timeout(60):
            await scene(hub)

    asyncio.run(run())


def test_logs_are_found_by_node_level_source_unit_text_and_time(tmp_path):
    async def scene(hub):
        web, cam = await two_reporters(hub)
        now = hub.doors.now()
        await web.send("journal", "journal",
                       records.log(now - 7200 * SECOND, "info", "long ago", unit="cron.service"),
                       records.log(now - 3 * SECOND, "error", "Disk is FULL", unit="nginx.service", pid=7, uid=0,
                                   identifier="nginx", boot="b", priority=3, fields={"free": 0}))
        await cam.send("file:1:2", "dvic_log_cam",
                       records.log(now - 2 * SECOND, "debug", "frame", cut=5, binary="/w=="))
        await web.send("mount:1:2:3", "daq", records.log(
            now - 9000 * SECOND, "info", "from inside", unit="docker-1.scope", fields={"container": "daq-1"}))
        await web.send("journal", "journal",
                       records.log(now - 9001 * SECOND, "info", "a number", fields={"container": 5}))

        async def found(**query) -> list[str]:
            status, answer = await hub.ask("GET", "/api/v1/logs", "vera", params=query)
            assert status == 200, answer
            return [item["message"] for item in answer["items"]]

        assert await found() == ["frame", "Disk is FULL", "long ago", "from inside", "a number"]
        assert await found(selector="tag:room=lab", since="150m") == ["Disk is FULL", "long ago"]
        assert await found(unit="daq*") == await found(unit="docker-*") == ["from inside"]
        assert await found(selector="nobody-*") == []
        assert await found(level="warning") == ["Disk is FULL"]
        assert await found(source="dvic_log_*") == ["frame"]
        assert await found(unit="nginx*") == ["Disk is FULL"]
        assert await found(grep="disk is") == ["Disk is FULL"]
        assert await found(since="1h") == ["frame", "Disk is FULL"]
        assert await found(until="1h", since="150m") == ["long ago"]
        _, answer = await hub.ask("GET", "/api/v1/logs", "vera", params={"level": "error"})
        [item] = answer["items"]
        assert item == {
            "time": item["time"], "node": "web-1", "node_id": web.node.id, "source": "journal", "level": "error",
            "message": "Disk is FULL", "unit": "nginx.service", "pid": 7, "identifier": "nginx", "uid": 0, "boot": "b",
            "priority": 3, "fields": {"free": 0}, "place": item["place"]}
        _, answer = await hub.ask("GET", "/api/v1/logs", "vera", params={"source": "dvic_log_cam"})
        assert (answer["items"][0]["cut"], answer["items"][0]["binary"]) == (5, "/w==")

    played(scene, tmp_path)


def test_pages_of_logs_hold_everything_once(tmp_path):
    async def scene(hub):
        web, cam = await two_reporters(hub)
        now = hub.doors.now()
        for number in range(10):
            for reporter in (web, cam):
                await reporter.send("journal", "journal", *(
                    records.log(now + (number * 10 + each) * SECOND, "info", f"{reporter.node.name} {number} {each}")
                    for each in range(5)))
        found, cursor = [], ""
        while True:
            _, answer = await hub.ask("GET", "/api/v1/logs", "vera", params={"limit": 7, "cursor": cursor})
            assert len(answer["items"]) <= 7
            found += [item["message"] for item in answer["items"]]
            cursor = answer["next"]
            if not cursor:
                break
        assert len(found) == len(set(found)) == 100

    played(scene, tmp_path)


def test_a_made_up_cursor_is_refused(tmp_path):
    async def scene(hub):
        for path in ("/api/v1/logs", "/api/v1/audit", "/api/v1/runs"):
            status, problem = await hub.ask("GET", path, "ada", params={"cursor": "made up"})
            assert (status, problem["field"]) == (400, "cursor"), path

    played(scene, tmp_path)


def test_metrics_come_as_series_and_as_the_newest_sample(tmp_path):
    async def scene(hub):
        web, cam = await two_reporters(hub)
        now = hub.doors.now()
        for ago in (30, 20, 10):
            sample = records.sample(now - ago * SECOND, {"cpu": ago, "memory.used": 1.5})
            await web.send("hardware", "hardware", sample)
        query = {"names": "cpu*", "node": "web-1"}
        status, answer = await hub.ask("GET", "/api/v1/metrics/series", "vera", params=query)
        assert status == 200
        [series] = answer["items"]
        assert (series["node"], series["name"], series["values"]) == ("web-1", "cpu", [30, 20, 10])
        assert len(series["times"]) == 3 and series["times"] == sorted(series["times"])
        await web.send("hardware", "hardware", records.sample(now, {"load": 2}))
        _, shared = await hub.ask("GET", "/api/v1/metrics/series", "vera", params={"node": "web-1", "shared": "true"})
        assert shared["times"][:3] == series["times"] and len(shared["times"]) == 4
        assert [(one["name"], one["times"], one["values"]) for one in shared["items"]] == [
            ("cpu", [], [30, 20, 10, None]), ("load", [], [None, None, None, 2]),
            ("memory.used", [], [1.5] * 3 + [None])]
        _, answer = await hub.ask("GET", "/api/v1/metrics/series", "vera", params={"selector": "cam-*"})
        assert answer["items"] == []
        _, latest = await hub.ask("GET", "/api/v1/nodes/web-1/metrics/latest", "vera")
        assert latest["values"] == {"load": 2}
        assert await hub.ask("GET", "/api/v1/nodes/cam-1/metrics/latest", "vera") == (200, {"time": None, "values": {}})
        for query, field in (({"node": "web-1", "selector": "all"}, "node"), ({"since": "1h", "until": "2h"}, "since"),
                             ({"shared": "true"}, "shared"),
                             ({"since": "300d", "step": "1"}, "step")):
            status, problem = await hub.ask("GET", "/api/v1/metrics/series", "vera", params=query)
            assert (status, problem["field"]) == (400, field)
        assert (await hub.ask("GET", "/api/v1/metrics/series", "vera", params={"node": "nobody"}))[0] == 404

    played(scene, tmp_path)


@pytest.mark.parametrize(("span", "wanted", "step"), [(3600, -1, 0), (86400, -1, 216), (3600, 60, 60), (1000, 0, 0)])
def test_the_step_of_series_is_what_fits(span, wanted, step):
    assert choose_step(span, wanted) == step


@pytest.mark.parametrize(("span", "wanted"), [(MAX_POINTS * 10, 9), (MAX_POINTS * 2, 0), (MAX_POINTS + 1, 1)])
def test_a_step_that_makes_too_many_points_is_refused(span, wanted):
    with pytest.raises(BadRequest):
        choose_step(span, wanted)


def test_demos_are_listed_with_what_is_known_of_them(tmp_path):
    async def scene(hub):
        web, _ = await two_reporters(hub)
        now = hub.doors.now()
        await web.send("demos", "demos", {"time": now, "demos": [
            {"file": "/tmp/dvic_log_b", "name": "beta", "state": "ended", "owner": "eve"},
            {"file": "/tmp/dvic_log_a", "name": "alpha", "state": "alive", "pid": 5, "since": now, "cpu": 1.5,
             "memory": 1e6, "user": "root", "owner": "eve", "executable": "/usr/bin/python3"}]})
        status, answer = await hub.ask("GET", "/api/v1/nodes/web-1/demos", "vera")
        assert status == 200
        assert [demo["name"] for demo in answer["items"]] == ["alpha", "beta"]
        assert answer["items"][0]["owner"] == "eve" and answer["items"][0]["since"].endswith("Z")

    played(scene, tmp_path)


def test_containers_are_listed_with_what_is_known_of_them(tmp_path):
    async def scene(hub):
        web, _ = await two_reporters(hub)
        now = hub.doors.now()
        await web.send("containers", "containers", {"time": now, "whole": True, "containers": [
            {"id": "2" * 64, "engine": "docker", "name": "job", "image": "tiny", "unit": f"docker-{'2' * 64}.scope",
             "state": "ended", "exit_code": 0, "since": now},
            {"id": "web", "engine": "lxc", "state": "running", "since": 0}]})
        status, answer = await hub.ask("GET", "/api/v1/nodes/web-1/containers", "vera")
        assert status == 200
        lxc, docker = answer["items"]
        assert lxc == {"id": "web", "engine": "lxc", "state": "running"}
        assert docker == {"id": "2" * 64, "engine": "docker", "name": "job", "image": "tiny", "state": "ended",
                          "unit": f"docker-{'2' * 64}.scope", "exit_code": 0, "since": docker["since"]}
        assert docker["since"].endswith("Z")

    played(scene, tmp_path)


def test_open_streams_tell_whose_a_log_file_is_and_what_its_header_claims(tmp_path):
    async def scene(hub):
        web, _ = await two_reporters(hub)
        record = {"time": hub.doors.now(), "level": "info", "message": "x"}
        about = {"path": "/tmp/dvic_log_a", "owner": "eve", "uid": 1001, "header": {"user": "root", "pid": 7, "x": []}}
        await web.send("file:1:2", "dvic_log_a", record, about=about)
        await web.send("file:1:3", "dvic_log_b", record, about={"path": 5, "uid": "0", "header": "none"})
        status, answer = await hub.ask("GET", "/api/v1/nodes/web-1/streams", "vera")
        assert status == 200
        assert answer["items"] == [
            {"stream": "file:1:2", "source": "dvic_log_a", "path": "/tmp/dvic_log_a", "owner": "eve", "uid": 1001,
             "claims": {"user": "root", "pid": 7}},
            {"stream": "file:1:3", "source": "dvic_log_b"}]

    played(scene, tmp_path)


def test_what_a_run_wrote_is_read_in_pages_node_by_node(tmp_path):
    async def scene(hub):
        web, cam = await two_reporters(hub)
        _, run = await hub.ask("POST", "/api/v1/runs", "otto", {"selector": "all", "argv": ["x"], "queue": 3600})
        now = hub.doors.now()
        for reporter in (web, cam):
            await hub.doors.store.runs.move(run["id"], reporter.node.id, frozenset({"queued"}), "running",
                                            dispatched=now, started=now)
            await reporter.send(f"run:{run['id']}", "run", {"time": now, "start": {"pid": 1}},
                                *({"time": now + each, "out": f"{reporter.node.name} {each}\n"} for each in range(5)),
                                {"time": now + 9, "err": "", "binary": "/w=="})
        await web.send(f"run:{run['id']}", "run", records.run_end(now + 10, "finished", 0), closed=True)
        found, cursor = [], ""
        while True:
            status, answer = await hub.ask("GET", f"/api/v1/runs/{run['id']}/output", "vera",
                                           params={"limit": 4, "cursor": cursor})
            assert status == 200, answer
            found += [(item["node"], item["stream"], item.get("text", item.get("binary"))) for item in answer["items"]]
            cursor = answer["next"]
            if not cursor:
                break
        order = [row["node"] for row in run["nodes"]]
        assert found == [entry for name in order for entry in (
            *((name, "out", f"{name} {each}\n") for each in range(5)), (name, "err", "/w=="))]
        _, answer = await hub.ask("GET", f"/api/v1/runs/{run['id']}/output", "vera", params={"node": "cam-1"})
        assert {item["node"] for item in answer["items"]} == {"cam-1"} and len(answer["items"]) == 6
        last = answer["items"][2]["place"]
        _, rest = await hub.ask("GET", f"/api/v1/runs/{run['id']}/output", "vera",
                                params={"node": "cam-1", "after": last, "limit": 2})
        assert rest["items"] == answer["items"][3:5] and rest["next"]
        _, rest = await hub.ask("GET", f"/api/v1/runs/{run['id']}/output", "vera",
                                params={"node": "cam-1", "after": last, "limit": 2, "cursor": rest["next"]})
        assert rest == {"items": answer["items"][5:], "next": ""}
        for query, status in (({"after": last}, 400), ({"after": "x", "node": "cam-1"}, 400), ({"cursor": "x"}, 400),
                              ({"cursor": "9.x"}, 400), ({"node": "nobody"}, 404)):
            assert (await hub.ask("GET", f"/api/v1/runs/{run['id']}/output", "vera", params=query))[0] == status
        _, shown = await hub.ask("GET", f"/api/v1/runs/{run['id']}", "vera")
        states = {row["node"]: (row["state"], row["exit_code"]) for row in shown["nodes"]}
        assert states["web-1"] == ("finished", 0) and states["cam-1"][0] == "running"
        assert shown["counts"] == {"finished": 1, "running": 1}

    played(scene, tmp_path)


def test_only_nodes_of_the_run_can_be_cancelled_in_it(tmp_path):
    async def scene(hub):
        await two_reporters(hub)
        _, run = await hub.ask("POST", "/api/v1/runs", "otto", {"selector": "web-1", "argv": ["x"], "queue": 3600})
        path = f"/api/v1/runs/{run['id']}/cancel"
        assert (await hub.ask("POST", path, "otto", {"nodes": ["cam-1"]}))[0] == 400
        assert (await hub.ask("POST", path, "otto", {"nodes": ["nobody"]}))[0] == 404
        assert (await hub.ask("POST", path, "vera", {}))[0] == 403
        status, answer = await hub.ask("POST", path, "otto", {"nodes": ["web-1"]})
        assert status == 200
        while answer["counts"] != {"cancelled": 1}:
            _, answer = await hub.ask("GET", f"/api/v1/runs/{run['id']}", "otto")

    played(scene, tmp_path)


def test_the_hub_tells_how_it_is(tmp_path):
    async def scene(hub):
        await two_reporters(hub)
        status, answer = await hub.ask("GET", "/api/v1/hub", "vera")
        assert status == 200
        assert answer["nodes"] == {"online": 0, "late": 0, "silent": 0, "never": 2, "revoked": 0}
        assert answer["fingerprint"] == (await hub.ask("GET", "/api/v1/hub-key"))[1]["fingerprint"]
        assert await hub.ask("GET", "/healthz") == (200, {"status": "ok"})

    played(scene, tmp_path)


def test_prometheus_can_read_the_hubs_numbers(tmp_path):
    async def scene(hub):
        await two_reporters(hub)
        status, answer = await hub.ask("GET", "/metrics", "vera")
        assert status == 200
        families = {family.name: family for family in text_string_to_metric_families(answer["text"])}
        never = [sample.value for sample in families["dvic_nodes"].samples if sample.labels == {"state": "never"}]
        assert never == [2]
        assert {"dvic_hub_info", "dvic_agents_connected", "dvic_stream_delivered"} <= set(families)
        assert "process_cpu_seconds" in families
        assert any(name.startswith("dvic_store_") for name in families)

    played(scene, tmp_path)


@pytest.mark.parametrize(("public", "status"), [(False, 401), (True, 200)])
def test_the_numbers_need_a_token_unless_the_settings_open_them(tmp_path, public, status):
    async def scene(hub):
        assert (await hub.ask("GET", "/metrics"))[0] == status
        assert (await hub.ask("GET", "/metrics", "vera"))[0] == 200

    played(scene, tmp_path, metrics_public=public)
