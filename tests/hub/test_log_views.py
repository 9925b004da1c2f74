"""What stands around log records, through the API: counts over time, lines before and after, very long ones, places."""

import asyncio
import json

from api_hub import ApiHub
from reporter import two_reporters

from dvic_wire import records

SECOND = 1_000_000


def played(scene, tmp_path):
    async def run():
        async with ApiHub(tmp_path) as hub, asyncio.timeout(60):
            await scene(hub)

    asyncio.run(run())


async def get(hub, path: str, **query) -> dict:
    status, answer = await hub.ask("GET", f"/api/v1/{path}", "vera", params=query)
    assert status == 200, answer
    return answer


def test_levels_are_counted_over_the_time_that_is_asked_for(tmp_path):
    async def scene(hub):
        web, cam = await two_reporters(hub)
        now = hub.doors.now()
        await web.send("journal", "journal", records.log(now - 7200 * SECOND, "error", "long ago"),
                       records.log(now - 60 * SECOND, "error", "Disk is FULL"), records.log(now - SECOND, "info", "x"))
        await cam.send("file:1:2", "dvic_log_cam", records.log(now - 2 * SECOND, "debug", "frame"))
        answer = await get(hub, "logs/levels", since="1h")
        assert answer["step"] == 60 and answer["total"] == 3 and answer["complete_since"] is None
        assert {level: sum(counts) for level, counts in answer["counts"].items()} == {
            "debug": 1, "info": 1, "notice": 0, "warning": 0, "error": 1, "critical": 0}
        answer = await get(hub, "logs/levels", since="1d", level="error", selector="tag:room=lab", buckets="10")
        assert list(answer["counts"]) == ["error", "critical"] and answer["total"] == 2
        assert len(answer["counts"]["error"]) <= 10
        assert (await get(hub, "logs/levels", since="1h", grep="disk is"))["total"] == 1
        assert (await get(hub, "logs/levels", selector="cam-*"))["total"] == 1, "from the first day on"
        for query in ({"since": "1h", "until": "2h"}, {"buckets": "2"}, {"buckets": "501"}, {"level": "loud"}):
            assert (await hub.ask("GET", "/api/v1/logs/levels", "vera", params=query))[0] == 400, query

    played(scene, tmp_path)


def test_a_line_is_shown_with_those_before_and_after_it(tmp_path):
    async def scene(hub):
        web, cam = await two_reporters(hub)
        now = hub.doors.now()
        await web.send("journal", "journal", *(records.log(now + each, "info", f"web {each}") for each in range(9)))
        await web.send("file:1:2", "dvic_log_[x]", records.log(now + 4, "info", "other source"))
        await cam.send("journal", "journal", records.log(now + 4, "info", "other node"))
        [hit] = (await get(hub, "logs", grep="web 4"))["items"]
        at = {"node": "web-1", "time": hit["time"], "place": hit["place"]}
        found = await get(hub, "logs/around", **at, before="2", after="2")
        assert [item["message"] for item in found["items"]] == ["web 2", "web 3", "web 4", "other source", "web 5"]
        assert found["more_before"] and found["more_after"] and found["items"][2] == hit
        found = await get(hub, "logs/around", **at, before="0", after="1", source="journal")
        assert [item["message"] for item in found["items"]] == ["web 4", "web 5"]
        found = await get(hub, "logs/around", **at, source="dvic_log_[x]", before="9")
        assert [item["message"] for item in found["items"]] == ["other source"], "a source is no glob here"
        assert (await get(hub, "logs/around", node="n-gone", time=hit["time"]))["items"] == []
        for place in ("x", "1.2.3", "1", "-1.0"):
            query = {**at, "place": place}
            assert (await hub.ask("GET", "/api/v1/logs/around", "vera", params=query))[0] == 400

    played(scene, tmp_path)


def test_very_long_records_come_cut_where_that_is_asked_for_and_whole_alone(tmp_path):
    async def scene(hub):
        web, _ = await two_reporters(hub)
        giant = records.log(hub.doors.now(), "info", "ü" * 500_000, cut=9_000_000, fields={"a": "y" * 9000})
        await web.send("journal", "journal", giant, records.log(hub.doors.now(), "info", "short"))
        short, cut = (await get(hub, "logs", text="100"))["items"]
        assert "length" not in short and (len(cut["message"]), cut["length"], cut["cut"]) == (100, 500_000, 9_000_000)
        assert len(cut["fields"]["a"]) == 100
        [whole] = (await get(hub, "logs/around", node="web-1", time=cut["time"], place=cut["place"], before="0",
                             after="0"))["items"]
        assert whole["message"] == giant["message"] and "length" not in whole and len(whole["fields"]["a"]) == 9000

    played(scene, tmp_path)


def test_what_a_stream_has_missed_is_asked_for_by_the_place_of_the_last_record(tmp_path):
    async def scene(hub):
        web, cam = await two_reporters(hub)
        now = hub.doors.now()
        await web.send("journal", "journal", records.log(now, "info", "first"))
        await web.send("journal", "journal", records.log(now + 1, "info", "last heard"))
        await cam.send("journal", "journal", records.log(now - 3600 * SECOND, "info", "old, but it came late"))
        [last] = (await get(hub, "logs", grep="last heard"))["items"]
        missed = await get(hub, "logs", arrived=last["place"])
        assert [item["message"] for item in missed["items"]] == ["last heard", "old, but it came late"]
        assert (await hub.ask("GET", "/api/v1/logs", "vera", params={"arrived": "x"}))[0] == 400

    played(scene, tmp_path)


def test_a_record_has_the_same_place_in_the_search_and_in_live_events(tmp_path):
    async def scene(hub):
        web, _ = await two_reporters(hub)
        _, run = await hub.ask("POST", "/api/v1/runs", "otto", {"selector": "web-1", "argv": ["x"], "queue": 3600})
        await hub.doors.store.runs.move(run["id"], web.node.id, frozenset({"queued"}), "running",
                                         dispatched=hub.doors.now())
        async with hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=hub.headers("vera")) as stream:
            await stream.send_json({"subscribe": [{"kinds": ["log", "run"]}]})
            await stream.receive_json()
            now, live = hub.doors.now(), {}
            await web.send("journal", "journal", *(records.log(now, "info", f"same {each}") for each in range(3)))
            await web.send(f"run:{run['id']}", "run", *({"time": now, "out": f"{each}"} for each in range(3)))
            while len(live) < 6:
                for line in (await stream.receive_str()).split("\n"):
                    event = json.loads(line)
                    if "place" in event:
                        live[event["place"]] = event.get("message") or event["out"]
        items = (await get(hub, "logs"))["items"] + (await get(hub, f"runs/{run['id']}/output"))["items"]
        assert {item["place"]: item.get("message") or item["text"] for item in items} == live

    played(scene, tmp_path)


def test_only_who_may_run_commands_sees_what_a_run_was_given_in_secret(tmp_path):
    async def scene(hub):
        await two_reporters(hub)
        order = {"selector": "web-1", "argv": ["x"], "queue": 60, "stdin": "secret", "env": {"TOKEN": "secret"},
                 "cpu": 5}
        _, run = await hub.ask("POST", "/api/v1/runs", "otto", order)
        path = f"/api/v1/runs/{run['id']}"
        assert run["more"] == (await hub.ask("GET", path, "otto"))[1]["more"] == {
            "cwd": "", "env": {"TOKEN": "secret"}, "stdin": "secret", "memory": 0, "cpu": 5, "output": 10 * 1024 * 1024,
            "queue": 60}
        assert "secret" not in str(await hub.ask("GET", path, "vera"))
        assert "secret" not in str(await hub.ask("GET", "/api/v1/runs", "otto"))
        for query, count in (({"by": "otto"}, 1), ({"by": "ada"}, 0), ({"node": "web-1"}, 1), ({"node": "cam-1"}, 0),
                             ({"grep": "WEB-1"}, 1), ({"state": "active"}, 1), ({"state": "failed"}, 0)):
            assert len((await get(hub, "runs", **query))["items"]) == count, query

    played(scene, tmp_path)
