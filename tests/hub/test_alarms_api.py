"""Alarms and rules over the API of a whole hub: what is raised, who may look, acknowledge and change rules, and how."""

import asyncio
import json

from api_hub import ApiHub
from batches import message

from dvic_wire.records import log


async def until(true):
    """Wait until it is true; what never is fails the test."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


def run(tmp_path, test, **settings):
    async def steps():
        async with ApiHub(tmp_path, **settings) as hub:
            await test(hub)

    asyncio.run(steps())


async def logged(hub, node, *messages, level="critical"):
    """Log records of a node, as its agent sends them."""
    now = hub.doors.now()
    cursor = (await hub.doors.store.streams.cursors(node.id)).get("journal", "")
    records = [log(now, level, text) for text in messages]
    ack = await hub.doors.ingest.commit(node.id, message("journal", records, cursor, f"{now}"))
    assert ack.stored


async def alarms(hub, query="open=true"):
    status, answer = await hub.ask("GET", f"/api/v1/alarms?{query}", "vera")
    assert status == 200
    return answer["items"]


async def raised(hub, count=1):
    """Wait until so many alarms are open; returns them."""
    await until(lambda: len(hub.doors.alarms.open()) == count)
    return await alarms(hub)


def test_a_rule_raises_an_alarm_that_is_seen_acknowledged_and_cleared(tmp_path):
    async def test(hub):
        ada = await hub.new_node("ada", tags={"room": "lab"})
        await logged(hub, ada, "the detector is on \x1b[31mfire")
        [alarm] = await raised(hub)
        assert {name: alarm[name] for name in ("state", "rule", "severity", "node", "node_id", "tags", "subject")} == {
            "state": "raised", "rule": "log-critical", "severity": "critical", "node": "ada", "node_id": ada.id,
            "tags": ["room=lab"], "subject": f"node:{ada.id}"}
        assert "the detector is on [31mfire" in alarm["summary"].replace("  ", " "), "no control character is told"
        _, overview = await hub.ask("GET", "/api/v1/overview", "vera")
        assert overview["alarms"]["raised"] == 1 and overview["alarms"]["severity"]["critical"] == 1
        assert [each["id"] for each in overview["alarms"]["worst"]] == [alarm["id"]]
        _, metrics = await hub.ask("GET", "/metrics", "vera")
        assert 'dvic_alarms_open{severity="critical"} 1.0' in metrics["text"]

        assert (await hub.ask("POST", f"/api/v1/alarms/{alarm['id']}/ack", "vera"))[0] == 403
        status, acked = await hub.ask("POST", f"/api/v1/alarms/{alarm['id']}/ack", "otto")
        assert (status, acked["state"], acked["acknowledged_by"]) == (200, "acknowledged", "otto")
        status, again = await hub.ask("POST", f"/api/v1/alarms/{alarm['id']}/ack", "ada")
        assert (status, again["acknowledged_by"]) == (200, "otto"), "who was first takes care"

        status, rule = await hub.ask("PATCH", "/api/v1/rules/log-critical", "ada", {"on": False})
        assert (status, rule["on"], rule["origin"], rule["changed_by"]) == (200, False, "changed", "ada")
        _, over = await hub.ask("GET", f"/api/v1/alarms/{alarm['id']}", "vera")
        assert (over["state"], over["reason"]) == ("cleared", "the rule was switched off by ada")
        assert [flip["kind"] for flip in over["flips"]] == ["raised", "acknowledged", "cleared"]
        assert (await hub.ask("POST", f"/api/v1/alarms/{alarm['id']}/ack", "otto"))[0] == 409
        _, audit = await hub.ask("GET", "/api/v1/audit?limit=2", "ada")
        assert [(entry["action"], entry["actor"]) for entry in audit["items"]] == [
            ("rule.change", "ada"), ("alarm.acknowledge", "otto")]

    run(tmp_path, test)


def test_several_are_acknowledged_at_once_and_lists_are_sifted(tmp_path):
    async def test(hub):
        nodes = [await hub.new_node(name) for name in ("ada", "bob", "cyd")]
        for node in nodes:
            await logged(hub, node, "it burns")
        items = await raised(hub, 3)
        status, answer = await hub.ask("POST", "/api/v1/alarms/ack", "otto",
                                       {"alarms": [item["id"] for item in items[:2]]})
        assert status == 200 and {item["state"] for item in answer["items"]} == {"acknowledged"}
        assert [item["id"] for item in await alarms(hub, "state=raised")] == [items[2]["id"]]
        assert [item["node"] for item in await alarms(hub, "node=bob")] == ["bob"]
        assert await alarms(hub, "rule=node-silent") == [] and len(await alarms(hub, "severity=critical")) == 3
        status, page = await hub.ask("GET", "/api/v1/alarms?limit=2", "vera")
        _, rest = await hub.ask("GET", f"/api/v1/alarms?limit=2&cursor={page['next']}", "vera")
        assert [item["id"] for item in page["items"] + rest["items"]] == [item["id"] for item in items]
        assert (await hub.ask("POST", "/api/v1/alarms/ack", "otto", {"alarms": ["nothing"]}))[0] == 404
        assert (await hub.ask("GET", "/api/v1/alarms/nothing", "vera"))[0] == 404
        assert (await hub.ask("GET", "/api/v1/alarms", ""))[0] == 401

    run(tmp_path, test)


def test_every_rule_is_there_from_the_start_with_its_kind(tmp_path):
    async def test(hub):
        status, answer = await hub.ask("GET", "/api/v1/rules", "vera")
        assert status == 200 and all(rule["origin"] == "default" for rule in answer["items"])
        assert [rule["name"] for rule in answer["items"] if not rule["on"]] == ["package-stopped"]
        kinds = {kind["kind"] for kind in answer["kinds"]}
        of_histograms = {"package-mean", "package-empty-bin", "package-hot-bin", "package-chi2", "package-kolmogorov"}
        assert {rule["kind"] for rule in answer["items"]} | of_histograms == kinds, "what histograms are, people say"
        [disk] = [kind for kind in answer["kinds"] if kind["kind"] == "disk-full"]
        assert {"name": "days", "default": 3, "form": "number"}.items() <= disk["settings"][1].items()

    run(tmp_path, test)


def test_rules_are_made_changed_reset_and_removed_by_admins(tmp_path):
    async def test(hub):
        body = {"kind": "metric", "settings": {"metric": "temp.*", "above": 60}, "selector": "tag:room=lab"}
        assert (await hub.ask("PUT", "/api/v1/rules/lab-hot", "otto", body))[0] == 403
        status, rule = await hub.ask("PUT", "/api/v1/rules/lab-hot", "ada", body)
        assert (status, rule["origin"], rule["settings"]) == (
            200, "own", {"metric": "temp.*", "above": 60, "seconds": 300})
        status, rule = await hub.ask("PATCH", "/api/v1/rules/lab-hot", "ada", {"settings": {"clear": 50}})
        assert rule["settings"] == {"metric": "temp.*", "above": 60, "clear": 50, "seconds": 300}
        status, rule = await hub.ask("PATCH", "/api/v1/rules/lab-hot", "ada", {"settings": {"clear": None}})
        assert "clear" not in rule["settings"]
        assert (await hub.ask("POST", "/api/v1/rules/lab-hot/reset", "ada"))[0] == 409
        assert (await hub.ask("DELETE", "/api/v1/rules/lab-hot", "ada"))[0] == 204
        assert (await hub.ask("GET", "/api/v1/rules/lab-hot", "vera"))[0] == 404

        assert (await hub.ask("DELETE", "/api/v1/rules/cpu-busy", "ada"))[0] == 409
        _, rule = await hub.ask("PATCH", "/api/v1/rules/cpu-busy", "ada", {"settings": {"above": 50, "clear": 40}})
        assert (rule["origin"], rule["settings"]["above"]) == ("changed", 50)
        _, rule = await hub.ask("POST", "/api/v1/rules/cpu-busy/reset", "ada")
        assert (rule["origin"], rule["settings"]["above"]) == ("default", 95)

    run(tmp_path, test)


BAD = [
    ("hot", {"kind": "metric", "settings": {"above": 60}}, "settings.metric"),
    ("hot", {"kind": "metric", "settings": {"metric": "temp.*"}}, "settings.above"),
    ("hot", {"kind": "metric", "settings": {"metric": "temp.*", "above": 60, "clear": 70}}, "settings.clear"),
    ("hot", {"kind": "metric", "settings": {"metric": "temp.*", "abowe": 60}}, "settings.abowe"),
    ("hot", {"kind": "metric", "settings": {"metric": "temp.*", "above": "much"}}, "settings.above"),
    ("hot", {"kind": "nonsense"}, "kind"),
    ("bad", {"kind": "log", "settings": {"pattern": "("}}, "settings.pattern"),
    ("bad", {"kind": "log"}, "settings.level"),
    ("bad", {"kind": "log", "settings": {"level": "error", "count": 1.5}}, "settings.count"),
    ("bad", {"kind": "log", "settings": {"level": "error", "window": 10**9}}, "settings.window"),
    ("quiet", {"kind": "node-silent", "selector": "tag:room=lab and"}, "selector"),
    ("quiet", {"kind": "node-silent", "selector": "state:silent"}, "selector"),
    ("quiet", {"kind": "run-failed", "selector": "tag:room=lab"}, "selector"),
    ("cpu-busy", {"kind": "node-silent"}, "kind"),
    ("_x", {"kind": "node-silent"}, "rule"),
]


def test_a_rule_that_could_not_work_is_refused_with_the_field(tmp_path):
    async def test(hub):
        for name, body, field in BAD:
            status, answer = await hub.ask("PUT", f"/api/v1/rules/{name}", "ada", body)
            assert (status, answer.get("field")) == (400, field), answer

    run(tmp_path, test)


def test_alarms_come_live_to_those_who_asked_for_them(tmp_path):
    async def test(hub):
        ada = await hub.new_node("ada")
        async with hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=hub.headers("vera")) as socket:
            await socket.send_json({"subscribe": [{"kinds": ["alarm"]}]})
            await until(lambda: hub.doors.live.subscribers == 1)
            await logged(hub, ada, "it burns")
            while True:
                lines = [json.loads(line) for line in (await socket.receive_str(timeout=30)).splitlines()]
                told = [line for line in lines if line.get("kind") == "alarm"]
                if told:
                    break
            assert (told[0]["state"], told[0]["rule"], told[0]["node"], told[0]["node_id"]) == (
                "raised", "log-critical", "ada", ada.id)

    run(tmp_path, test)
