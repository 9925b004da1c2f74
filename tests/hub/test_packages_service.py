"""Packages through the ingest: told to who listens, refused with the reason, laid out, removed; and who may do what."""

import asyncio
import json

import pytest
from api_hub import ApiHub
from package_updates import ABOUT, STREAM, histogram, package_message, update

from dvic_hub.domain import packages as rules
from dvic_hub.domain.package_lines import MAX_LIVE_BYTES
from dvic_hub.domain.packages import package_id
from dvic_wire.errors import LimitExceeded, MalformedMessage

A, B = histogram(1), histogram(2, "NaN")


def played(scene, tmp_path):
    async def run():
        async with ApiHub(tmp_path) as hub, asyncio.timeout(60):
            node = await hub.new_node("daq-1")
            await scene(hub, node.id)

    asyncio.run(run())


async def put(hub, node, record, start="", end="1", stream=STREAM):
    return await hub.doors.ingest.commit(node, package_message(record, start, end, stream))


async def listening(hub, **wanted):
    ws = await hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=hub.headers("vera"))
    await ws.send_json({"subscribe": [{"kinds": ["package"], **wanted}]})
    assert (await ws.receive_json())["kind"] == "subscribed"
    return ws


async def heard(ws, count) -> list[dict]:
    found = []
    while len(found) < count:
        found += [json.loads(line) for line in (await ws.receive_str()).split("\n")]
    return found


def test_who_listens_is_told_what_changed_with_its_data_or_without(tmp_path):
    async def scene(hub, node):
        light, full = await listening(hub), await listening(hub, data=True, package="readout")
        other = await listening(hub, package="another", data=True)
        await put(hub, node, update({"<b>": A, "b": B}, title="T"))
        await put(hub, node, update({"b": A}, 2, held={"<b>": A}), "1", "2")
        await put(hub, node, None, "2", "2")
        first, second, gone = await heard(light, 3)
        assert (first["event"], first["node"], first["node_id"], first["name"]) == ("update", "daq-1", node, "readout")
        assert first["changed"] == ["<b>", "b"] and "objects" not in first
        assert (second["changed"], second["gone"], second["serial"]) == (["b"], ["<b>"], 2)
        assert gone["event"] == "gone"
        first, second, gone = await heard(full, 3)
        assert [(each["name"], each["data"]) for each in first["objects"]] == [("<b>", json.loads(A)),
                                                                             ("b", json.loads(B))]
        assert [each["name"] for each in second["objects"]] == ["b"] and gone["objects"] == []
        await put(hub, node, update({"x": A}, name="another"), stream=STREAM[:-1] + "0")
        told, = await heard(other, 1)
        assert told["name"] == "another"

    played(scene, tmp_path)


def test_what_is_too_much_for_a_line_is_only_named(tmp_path):
    async def scene(hub, node):
        full = await listening(hub, data=True)
        large = histogram(*[0.12345678901234] * 50_000)
        objects = {str(number): large for number in range(3)}
        assert len(large) * 3 > MAX_LIVE_BYTES
        await put(hub, node, update(objects))
        told, = await heard(full, 1)
        assert told["changed"] == ["0", "1", "2"] and [each["name"] for each in told["objects"]] == ["0", "1"]

    played(scene, tmp_path)


def test_an_update_that_cannot_be_used_is_a_problem_of_the_package_until_the_next_good_one(tmp_path):
    async def scene(hub, node):
        ws = await listening(hub)
        await put(hub, node, update({"a": A}))
        with pytest.raises(MalformedMessage, match="must be 1 numbers"):
            await put(hub, node, update({"a": A.replace("[1]", "[1, 2]")}, 2), "1", "2")
        gap = {"time": 5, "level": "warning", "message": "gap",
               "gap": {"reason": "corrupt", "detail": "the hub could not use a record"}}
        assert (await put(hub, node, gap, "1", "2")).stored
        package = (await hub.ask("GET", "/api/v1/packages/readout", "vera"))[1]
        assert "must be 1 numbers" in package["problem"] and package["serial"] == 1
        await put(hub, node, update({"a": B}, 3), "2", "3")
        assert (await hub.ask("GET", "/api/v1/packages/readout", "vera"))[1]["problem"] == ""
        assert [event["event"] for event in await heard(ws, 3)] == ["update", "problem", "update"]

    played(scene, tmp_path)


def test_a_name_that_several_have_is_no_name(tmp_path):
    async def scene(hub, node):
        await put(hub, node, update({"a": A}))
        await put(hub, node, update({"a": A}), stream="package:1001:0123456789abcdef")
        status, problem = await hub.ask("GET", "/api/v1/packages/readout", "vera")
        assert (status, problem["code"]) == (409, "ambiguous")
        id = package_id(node, STREAM)
        assert (await hub.ask("GET", f"/api/v1/packages/{id}", "vera"))[1]["owner"] == "ada"

    played(scene, tmp_path)


def test_one_node_cannot_fill_the_hub_with_packages(tmp_path, monkeypatch):
    async def scene(hub, node):
        monkeypatch.setattr("dvic_hub.services.packages.MAX_NODE_PACKAGES", 2)
        for number in range(2):
            await put(hub, node, update({"a": A}), stream=f"package:{number}:0123456789abcdef")
        with pytest.raises(LimitExceeded, match="MAX_NODE_PACKAGES"):
            await put(hub, node, update({"a": A}), stream="package:7:0123456789abcdef")
        other = await hub.new_node("daq-2")
        assert (await put(hub, other.id, update({"a": A}), stream="package:7:0123456789abcdef")).stored

    played(scene, tmp_path)


def test_packages_that_went_make_room_for_new_ones_and_references_stay(tmp_path, monkeypatch):
    async def scene(hub, node):
        monkeypatch.setattr("dvic_hub.services.packages.MAX_NODE_PACKAGES", 4)
        monkeypatch.setattr("dvic_hub.services.packages.PRUNE_EVERY", 0)
        streams = [f"package:{number}:0123456789abcdef:0123456789abcdef" for number in range(4)]
        for stream in streams:
            await put(hub, node, update({"a": A}), stream=stream)
        kept = package_id(node, streams[0])
        assert (await hub.ask("POST", f"/api/v1/packages/{kept}/references", "otto", {"name": "first"}))[0] == 201
        for stream in streams[:3]:
            await put(hub, node, None, "1", "1", stream=stream)
        await hub.doors.packages.tick()
        assert {each.stream for each in hub.doors.packages.all()} == {streams[0], streams[2], streams[3]}

    played(scene, tmp_path)


def test_a_package_tells_of_which_container_it_is(tmp_path):
    async def scene(hub, node):
        await hub.doors.ingest.commit(node, package_message(
            update({"a": A}), stream=f"{STREAM}:0123456789abcdef", about={**ABOUT, "container": {"unit": "a.service"}}))
        await put(hub, node, update({"a": A}))
        listed = (await hub.ask("GET", "/api/v1/packages", "vera"))[1]["items"]
        assert sorted(each["container"] for each in listed) == ["", "a.service"]

    played(scene, tmp_path)


def test_a_layout_with_a_fault_is_refused_with_its_line(tmp_path):
    async def scene(hub, node):
        good, bad = "<package/>", "<package>\n\n<tabl/></package>"
        told = "there is no element <tabl> (did you mean table?)"
        await put(hub, node, update({"a": A}, layout=good))
        status, problem = await hub.ask("PUT", "/api/v1/packages/readout/layout", "otto", {"text": bad})
        assert (status, problem["code"], problem["detail"]) == (400, "layout", f"line 3: {told}")
        checked = (await hub.ask("POST", "/api/v1/packages/readout/layout/check", "vera", {"text": bad}))[1]
        assert checked == {"ok": False, "problems": [{"line": 3, "column": 1, "reason": told}], "tree": {}}
        await put(hub, node, update({"a": A}, 2, layout=bad), "1", "2")
        shown = (await hub.ask("GET", "/api/v1/packages/readout/layout", "vera"))[1]
        assert (shown["origin"], shown["text"], shown["problem"], shown["line"]) == (
            "published", good, told, 3)
        mine = '<package name="mine"/>'
        assert (await hub.ask("PUT", "/api/v1/packages/readout/layout", "otto", {"text": mine}))[0] == 200
        shown = (await hub.ask("GET", "/api/v1/packages/readout/layout", "vera"))[1]
        assert (shown["origin"], shown["text"], shown["changed_by"]) == ("uploaded", mine, "otto")
        assert (await hub.ask("DELETE", "/api/v1/packages/readout/layout", "otto"))[0] == 204
        assert (await hub.ask("GET", "/api/v1/packages/readout/layout", "vera"))[1]["text"] == good
        assert (await hub.ask("PUT", "/api/v1/packages/readout/layout", "otto", {"text": " "}))[0] == 400

    played(scene, tmp_path)


def test_viewers_look_and_change_nothing(tmp_path):
    async def scene(hub, node):
        await put(hub, node, update({"a": A}))
        for method, path, body in (("PUT", "/layout", {"text": "<x/>"}), ("DELETE", "/layout", None),
                                   ("DELETE", "", None), ("POST", "/references", {"name": "x"}),
                                   ("DELETE", "/references/x", None)):
            assert (await hub.ask(method, f"/api/v1/packages/readout{path}", "vera", body))[0] == 403
            assert (await hub.ask(method, f"/api/v1/packages/readout{path}", "mallory", body))[0] == 401
        assert (await hub.ask("GET", "/api/v1/packages/readout/objects", "vera"))[0] == 200

    played(scene, tmp_path)


def test_what_is_asked_again_is_not_sent_again(tmp_path):
    async def scene(hub, node):
        await put(hub, node, update({"a": A}))
        url = f"{hub.url}/api/v1/packages/readout/objects"
        async with hub.http.get(url, headers=hub.headers("vera")) as answer:
            tag = answer.headers["ETag"]
            assert answer.status == 200 and (await answer.json())["objects"][0]["data"] == json.loads(A)
        async with hub.http.get(url, headers={**hub.headers("vera"), "If-None-Match": tag}) as answer:
            assert answer.status == 304
        await put(hub, node, update({"a": B}, 2), "1", "2")
        async with hub.http.get(url, headers={**hub.headers("vera"), "If-None-Match": tag}) as answer:
            assert answer.status == 200

    played(scene, tmp_path)


@pytest.mark.parametrize(("at", "status"), [("", 200), ("time:1h", 404), ("reference:none", 404), ("999", 404),
                                            ("yesterday", 400), ("time:", 400), ("time:soon", 400), ("²", 400)])
def test_a_moment_is_found_or_the_answer_says_why_not(tmp_path, at, status):
    async def scene(hub, node):
        await put(hub, node, update({"a": A}))
        assert (await hub.ask("GET", "/api/v1/packages/readout", "vera", params={"at": at}))[0] == status

    played(scene, tmp_path)


def test_a_reference_is_what_it_was_when_the_package_goes_on(tmp_path):
    async def scene(hub, node):
        await put(hub, node, update({"a": A}))
        made = (await hub.ask("POST", "/api/v1/packages/readout/references", "otto", {"name": "run-1", "note": "n"}))[1]
        await put(hub, node, update({"a": B}, 2), "1", "2")
        then = (await hub.ask("GET", "/api/v1/packages/readout/objects", "vera", params={"at": "reference:run-1"}))[1]
        assert then["package"]["serial"] == 1 and then["objects"][0]["data"] == json.loads(A)
        history = (await hub.ask("GET", "/api/v1/packages/readout/history", "vera"))[1]["items"]
        assert [(each["serial"], each["reference"]) for each in history] == [(2, ""), (1, "run-1")]
        assert history[1]["snapshot"] == made["snapshot"]

    played(scene, tmp_path)


def test_all_is_there_after_a_restart_and_goes_with_its_node(tmp_path):
    async def scene(hub, node):
        await put(hub, node, update({"a": A, "b": B}))
        again = type(hub.doors.packages)(hub.doors.store, hub.bus, hub.doors.fleet, hub.doors.audit, hub.config,
                                         hub.clock, lambda text: [])
        await again.start()
        assert again.all() == hub.doors.packages.all() and again.object_count(again.all()[0]) == 2
        ws = await listening(hub)
        assert (await hub.ask("DELETE", "/api/v1/nodes/daq-1", "ada"))[0] in (200, 204)
        await hub.doors.packages.tick()
        assert (await heard(ws, 1))[0]["event"] == rules.REMOVED and hub.doors.packages.all() == []

    played(scene, tmp_path)
