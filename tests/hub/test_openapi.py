"""The OpenAPI document: valid, complete, and true to what the hub answers."""

import asyncio
import re

import jsonschema
from api_hub import PASSWORD, ApiHub
from openapi_spec_validator import OpenAPIV31SpecValidator
from package_updates import histogram, package_message, update
from probe_debs import make_deb

from dvic_hub.api.openapi import make_document
from dvic_hub.api.routes import ROUTES
from dvic_hub.domain.alarm_conditions import Finding

DOCUMENT = make_document(ROUTES, "1.2.3", "https://hub.example")


async def raise_alarm(hub, node):
    """One that is open, as a rule's watch raises it."""
    await hub.doors.alarms.begin(hub.doors.rules.get("node-silent").rule, [Finding("node:x", "x is silent", "5", node)])


def test_the_document_is_valid_openapi_3_1():
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_route_is_in_it_with_its_role():
    found = {(method.upper(), path): operation for path, methods in DOCUMENT["paths"].items()
             for method, operation in methods.items()}
    assert set(found) == {(route.method, route.path) for route in ROUTES}
    for route in ROUTES:
        operation = found[route.method, route.path]
        assert operation["x-dvic-role"] == route.role
        assert operation["security"] == ([] if route.public else [{"token": []}])
        assert operation["summary"] and operation["operationId"] == route.operation


def test_every_schema_that_is_named_is_there_and_every_one_there_is_used():
    named = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert named | {"Filter"} == set(DOCUMENT["components"]["schemas"])


def test_every_input_is_bounded():
    """What a stranger may send has a length or a range: texts, lists and numbers alike."""
    unbounded = []

    def look(schema, place):
        kind = schema.get("type")
        if kind == "string" and "maxLength" not in schema and "enum" not in schema:
            unbounded.append(place)
        if kind == "integer" and not {"maximum", "minimum"} <= set(schema):
            unbounded.append(place)
        if kind == "array" and "maxItems" not in schema:
            unbounded.append(place)
        for name, inner in schema.get("properties", {}).items():
            look(inner, f"{place}.{name}")
        for inner in schema.get("anyOf", []):
            look(inner, place)
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                look(schema[key], f"{place}[]")

    for route in ROUTES:
        operation = DOCUMENT["paths"][route.path][route.method.lower()]
        for parameter in operation.get("parameters", []):
            look(parameter["schema"], f"{route.path}?{parameter['name']}")
        if route.body:
            look(DOCUMENT["components"]["schemas"][route.body.__name__], route.body.__name__)
    assert unbounded == []


def test_no_body_takes_a_field_that_it_does_not_know():
    for route in ROUTES:
        if route.body:
            assert DOCUMENT["components"]["schemas"][route.body.__name__]["additionalProperties"] is False, route.path


def test_only_sockets_empty_answers_and_other_media_types_have_no_schema():
    for route in ROUTES:
        if route.answer is None:
            assert route.socket or route.status == 204 or route.content != "application/json", route


def test_what_the_hub_answers_is_what_the_document_says(tmp_path):
    """One round through the hub as its users make it; each answer is checked against the schema of its status."""
    async def run():
        async with ApiHub(tmp_path, heartbeat_networks=("127.0.0.0/8",)) as hub:
            await hub.new_node("web-1", tags={"room": "lab"}, facts={"os": "Debian 12"}, agent_version="0.1")
            checked = set()

            async def ask(method, template, who="ada", body=None, **names):
                path = template
                query = names.pop("query", {})
                for name, value in names.items():
                    path = path.replace(f"{{{name}}}", value)
                status, answer = await hub.ask(method, f"/api/v1{path}", who, body, params=query)
                operation = DOCUMENT["paths"][f"/api/v1{template}"][method.lower()]
                response = operation["responses"][str(status)]
                if "$ref" in response:
                    response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
                for content in response.get("content", {}).values():
                    schema = {**content["schema"], "components": DOCUMENT["components"]}
                    jsonschema.Draft202012Validator(schema).validate(answer)
                checked.add((method, template, status))
                return answer

            login = await ask("POST", "/login", "", {"user": "vera", "password": PASSWORD, "note": "test"})
            assert login["role"] == "viewer"
            await ask("POST", "/login", "", {"user": "vera", "password": "wrong password"})
            page = await ask("POST", "/session", "", {"user": "vera", "password": PASSWORD})
            assert page["role"] == "viewer"
            await ask("POST", "/session", "", {"user": "vera", "password": "wrong password"})
            await ask("GET", "/me", "vera")
            await ask("GET", "/hub")
            await ask("GET", "/hub-key", "")
            await ask("GET", "/settings")
            await ask("GET", "/nodes", query={"selector": "tag:room=lab"})
            await ask("GET", "/nodes", query={"selector": "tag:"})
            await ask("GET", "/nodes/{node}", node="web-1")
            await ask("GET", "/nodes/{node}", node="nobody")
            changes = {"tags": {"room": None, "floor": "2"}, "name": "web-2"}
            await ask("PATCH", "/nodes/{node}", "otto", changes, node="web-1")
            await ask("GET", "/nodes/{node}/metrics/latest", node="web-2")
            await ask("GET", "/nodes/{node}/demos", node="web-2")
            await ask("GET", "/nodes/{node}/containers", node="web-2")
            await ask("GET", "/nodes/{node}/streams", node="web-2")
            device = await ask("POST", "/nodes", "ada", {"name": "esp-1", "generate": True})
            assert "PRIVATE KEY" in device["private_key"]
            await ask("POST", "/nodes", "ada", {"name": "esp-1", "generate": True})
            await ask("POST", "/nodes/{node}/revoke", node="esp-1")
            await ask("DELETE", "/nodes/{node}", node="esp-1")
            small = await ask("POST", "/nodes", "ada", {"name": "esp-2", "generate": "hmac"})
            assert len(small["shared_key"]) == 43
            hub.doors.hosts.hear("127.0.0.1")
            await ask("GET", "/hosts", "vera")
            await ask("DELETE", "/hosts/{address}", "otto", address="127.0.0.1")
            await ask("DELETE", "/hosts/{address}", "otto", address="127.0.0.2")
            await raise_alarm(hub, (await ask("GET", "/nodes/{node}", node="web-2"))["id"])
            alarm = (await ask("GET", "/alarms", "vera", query={"open": "true"}))["items"][0]["id"]
            await ask("GET", "/alarms/{alarm}", "vera", alarm=alarm)
            await ask("GET", "/alarms/{alarm}", "vera", alarm="none")
            await ask("POST", "/alarms/{alarm}/ack", "otto", alarm=alarm)
            await ask("POST", "/alarms/ack", "otto", {"alarms": [alarm]})
            await ask("GET", "/rules", "vera")
            hot = {"kind": "metric", "settings": {"metric": "temp.*", "above": 60}}
            await ask("PUT", "/rules/{rule}", "ada", hot, rule="hot")
            await ask("PUT", "/rules/{rule}", "ada", {"kind": "metric"}, rule="hot")
            await ask("GET", "/rules/{rule}", "vera", rule="hot")
            await ask("PATCH", "/rules/{rule}", "ada", {"on": False}, rule="cpu-busy")
            await ask("POST", "/rules/{rule}/reset", "ada", rule="cpu-busy")
            await ask("DELETE", "/rules/{rule}", "ada", rule="cpu-busy")
            await ask("DELETE", "/rules/{rule}", "ada", rule="hot")
            silence = await ask("POST", "/silences", "otto", {"selector": "web-2", "seconds": 60, "reason": "r"})
            assert (await ask("GET", "/nodes/{node}", node="web-2"))["silenced"]["id"] == silence["id"]
            weekly = {"selector": "web-*", "seconds": 3600, "cron": "0 22 * * 6", "zone": "Europe/Paris"}
            await ask("POST", "/windows/preview", "vera", weekly)
            await ask("PUT", "/windows/{window}", "otto", weekly, window="backup")
            await ask("PUT", "/windows/{window}", "otto", {**weekly, "zone": "Mars"}, window="backup")
            await ask("GET", "/windows", "vera")
            await ask("DELETE", "/windows/{window}", "otto", window="backup")
            await ask("GET", "/silences")
            await ask("DELETE", "/silences/{silence}", "otto", silence=silence["id"])
            await ask("DELETE", "/silences/{silence}", "otto", silence=silence["id"])
            hook = {"kind": "webhook", "secret": "http://127.0.0.1:1/hook"}
            await ask("PUT", "/channels/{channel}", "ada", hook, channel="hook")
            await ask("PUT", "/channels/{channel}", "otto", hook, channel="hook")
            await ask("PUT", "/channels/{channel}", "ada", {"kind": "email", "options": {"host": ""}}, channel="mail")
            await ask("GET", "/channels", "otto")
            await ask("GET", "/channels/{channel}", "otto", channel="hook")
            tested = await ask("POST", "/channels/{channel}/test", "otto", channel="hook")
            assert tested["state"] == "given-up" and "127.0.0.1:1 can't be reached" in tested["error"]
            await ask("PUT", "/routes/{route}", "ada", {"severity": "critical", "channels": ["hook"]}, route="urgent")
            await ask("GET", "/routes", "otto")
            await ask("GET", "/deliveries", "otto")
            await ask("DELETE", "/routes/{route}", "ada", route="urgent")
            await ask("DELETE", "/channels/{channel}", "ada", channel="hook")
            await ask("DELETE", "/channels/{channel}", "ada", channel="hook")
            token = await ask("POST", "/tokens", "otto", {"ttl": 60, "uses": 2, "tags": {"a": "b"}, "note": "n"})
            await ask("GET", "/tokens", "otto")
            await ask("GET", "/tokens/{token}", "otto", token=token["id"])
            await ask("GET", "/tokens/{token}", "otto", token="unknown")
            await ask("DELETE", "/tokens/{token}", "otto", token=token["id"])
            await ask("DELETE", "/tokens/{token}", "otto", token="unknown")
            push = await ask("POST", "/pushes", "otto", {"user": "eve", "host": "127.0.0.1", "port": 1})
            await ask("POST", "/pushes", "otto", {"user": "eve", "host": "h", "via": "web-2"})
            answer = {"host_key": "SHA256:x", "secret": "AAAA"}
            await ask("POST", "/pushes/{push}/answer", "otto", answer, push=push["id"])
            await ask("POST", "/pushes/{push}/cancel", "otto", push=push["id"])
            query = {"state": push["state"], "wait": "20", "after": "5000"}
            push = await ask("GET", "/pushes/{push}", "otto", push=push["id"], query=query)
            assert push["state"] in ("cancelled", "failed")
            await ask("GET", "/pushes/{push}", "otto", push="unknown")
            await ask("GET", "/host-keys", "otto")
            await ask("DELETE", "/host-keys/{hostkey}", "otto", hostkey="unknown")
            await ask("POST", "/enroll", "", {"request": "not.a.jws"})
            await ask("POST", "/leave", "", {"request": "not.a.jws"})
            await ask("POST", "/keepalive", "", {"keepalive": "not.a.jws"})
            await ask("POST", "/records", "", {"records": "not.a.jws"})
            await ask("GET", "/logs", query={"since": "1h", "level": "warning", "limit": "5"})
            await ask("GET", "/logs", query={"level": "loud"})
            await ask("GET", "/logs/levels", query={"since": "1h", "level": "warning"})
            await ask("GET", "/logs/levels", query={"since": "1h", "until": "2h"})
            await ask("GET", "/logs/around", query={"node": "web-2", "time": "2026-11-20T10:00:00.123456Z"})
            await ask("GET", "/logs/around", query={"node": "web-2", "time": "1h", "place": "nowhere"})
            await ask("GET", "/metrics/series", query={"names": "cpu*", "since": "1h"})
            await ask("GET", "/metrics/series", query={"node": "web-2", "shared": "true"})
            overview = await ask("GET", "/overview", "vera")
            await ask("GET", "/overview", "vera", query={"cursor": overview["cursor"], "selector": "web-*"})
            await ask("GET", "/overview", "vera", query={"cursor": "nonsense"})
            run = await ask("POST", "/runs", "otto", {"selector": "web-2", "argv": ["uname", "-a"], "queue": 60})
            await ask("POST", "/runs", "otto", {"selector": "nobody", "argv": ["true"]})
            await ask("POST", "/runs", "otto", {"selector": "all"})
            await ask("GET", "/runs", query={"limit": "1"})
            await ask("GET", "/runs/{run}", run=run["id"])
            await ask("GET", "/runs/{run}/output", run=run["id"])
            await ask("POST", "/runs/{run}/cancel", "otto", {}, run=run["id"])
            file = await ask("POST", "/files", "otto", {"name": "letter", "size": 9})
            await ask("POST", "/files", "otto", {"name": "letter", "size": 2**40})
            await ask("POST", "/files", "vera", {"name": "letter", "size": 9})
            await ask("GET", "/files/{file}/content", "otto", file=file["id"])
            await ask("PUT", "/files/{file}", "otto", b"dear anna", file=file["id"], query={"offset": "3"})
            await ask("PUT", "/files/{file}", "otto", b"dear anna", file=file["id"], query={"offset": "0"})
            await ask("GET", "/files/{file}", "otto", file=file["id"])
            await ask("GET", "/files", "otto")
            order = {"selector": "web-2", "path": "/tmp/", "file": file["id"], "queue": 60}
            copy = await ask("POST", "/copies", "otto", order)
            await ask("POST", "/copies", "otto", {**order, "file": "nothing"})
            await ask("POST", "/copies", "otto", {**order, "user": "\0"})
            await ask("GET", "/copies/{run}", run=copy["id"])
            await ask("GET", "/copies/{run}", run=run["id"])
            await ask("DELETE", "/files/{file}", "otto", file=file["id"])
            await ask("DELETE", "/files/{file}", "otto", file="nothing")
            await ask("POST", "/sessions", "otto", {"node": "web-2"})
            await ask("POST", "/sessions", "otto", {"node": "nobody", "cols": 0})
            await ask("GET", "/sessions", "vera")
            await ask("GET", "/sessions/{session}", "vera", session="nothing")
            await ask("POST", "/sessions/{session}/end", "otto", session="nothing")
            await ask("GET", "/sessions/{session}/recording", "otto", session="nothing")
            await ask("DELETE", "/sessions/{session}/recording", session="nothing")
            made = await ask("POST", "/users", "ada", {"name": "eve", "role": "viewer"})
            assert made["password"] and made["user"]["must_change"]
            await ask("POST", "/users", "ada", {"name": "eve", "role": "viewer"})
            await ask("GET", "/users")
            await ask("PATCH", "/users/{user}", "ada", {"role": "operator", "disabled": True}, user="eve")
            await ask("DELETE", "/users/{user}", user="eve")
            await ask("POST", "/releases", "ada", make_deb(tmp_path, "probe", "1").read_bytes())
            await ask("GET", "/releases")
            await ask("DELETE", "/releases/{release}", release="probe_1_all.deb")
            agent = make_deb(tmp_path, "dvic-agent", "9").read_bytes()
            await ask("POST", "/releases", "ada", agent, query={"minimum_hub": "0.1"})
            await ask("POST", "/releases", "ada", agent, query={"manifest": "a.b.c"})
            key = await ask("POST", "/release-keys", "ada", {"generate": True})
            await ask("POST", "/release-keys", "ada", {"x": "A" * 43, "note": "safe"})
            await ask("POST", "/release-keys", "ada", {})
            await ask("GET", "/release-keys", "vera")
            await ask("DELETE", "/release-keys/{key}", key="nothing")
            rollout = {"selector": "web-2", "queue": 60, "canary": "1"}
            await ask("POST", "/rollouts/plan", "vera", rollout)
            await ask("POST", "/rollouts/plan", "otto", rollout)
            made = await ask("POST", "/rollouts", "otto", rollout)
            await ask("POST", "/rollouts", "otto", {"selector": "nobody"})
            await ask("POST", "/rollouts", "otto", {"selector": "all", "version": "7"})
            await ask("GET", "/rollouts", query={"limit": "1"})
            await ask("GET", "/rollouts/{rollout}", rollout=made["id"])
            await ask("GET", "/rollouts/{rollout}", rollout="nothing")
            await ask("POST", "/rollouts/{rollout}/halt", "otto", rollout=made["id"])
            await ask("POST", "/rollouts/{rollout}/resume", "otto", rollout=made["id"])
            await ask("POST", "/rollouts/{rollout}/cancel", "otto", rollout=made["id"])
            await ask("GET", "/runs", query={"kind": "update"})
            await ask("DELETE", "/release-keys/{key}", key=key["id"])
            service = b"name: meteor\ncomponents: [{name: connect, sources: [a]}]\n"
            await ask("POST", "/services", "otto", service)
            await ask("POST", "/services", "otto", service)
            await ask("POST", "/services", "otto", b"name: [")
            await ask("POST", "/services", "vera", service)
            event = {"component": "connect", "step": "start", "source": "a"}
            await ask("POST", "/services/{service}/events", "otto", {"events": [event]}, service="meteor")
            await ask("POST", "/services/{service}/events", "otto", {"events": [event]}, service="venus")
            await hub.doors.cycles.turn(hub.clock())
            assert (await ask("GET", "/services", "vera"))["items"][0]["state"] == "running"
            await ask("GET", "/services/{service}", "vera", service="meteor")
            await ask("GET", "/services/{service}", "vera", service="venus")
            await ask("PUT", "/services/{service}", "otto", service, service="meteor")
            await ask("PATCH", "/services/{service}", "otto", {"components": {"connect": False}}, service="meteor")
            await ask("GET", "/services/{service}/cycles", "vera", service="meteor", query={"limit": "1"})
            await ask("GET", "/services/{service}/cycles/{cycle}", "vera", service="meteor", cycle="1")
            await ask("GET", "/services/{service}/cycles/{cycle}", "vera", service="meteor", cycle="x")
            await ask("PUT", "/services/{service}/level", "otto", {"level": "warning"}, service="meteor")
            await ask("PUT", "/services/{service}/level", "otto", {"level": "loud"}, service="meteor")
            shares = "/services/{service}/shares"
            made = await ask("POST", shares, "otto", {"note": "the public page"}, service="meteor")
            assert (await ask("GET", shares, "otto", service="meteor"))["items"][0]["note"] == "the public page"
            await ask("GET", shares, "vera", service="meteor")
            await ask("DELETE", shares + "/{share}", "otto", service="meteor", share=made["id"])
            await ask("DELETE", shares + "/{share}", "otto", service="meteor", share=made["id"])
            await ask("DELETE", "/services/{service}", "otto", service="meteor")
            node = (await ask("GET", "/nodes/{node}", node="web-2"))["id"]
            record = update({"adc/<b>": histogram(1, "NaN")}, layout="<package/>")
            assert (await hub.doors.ingest.commit(node, package_message(record))).stored
            package = (await ask("GET", "/packages", "vera", query={"node": "web-2"}))["items"][0]["id"]
            await ask("GET", "/packages", "vera", query={"node": "nobody"})
            await ask("GET", "/packages/{package}", "vera", package="readout")
            await ask("GET", "/packages/{package}", "vera", package=package, query={"at": "time:1h"})
            names = {"names": '["adc/<b>"]', "known": "0" * 32}
            await ask("GET", "/packages/{package}/objects", "vera", package=package, query=names)
            await ask("GET", "/packages/{package}/objects", "vera", package=package, query={"names": "adc"})
            await ask("GET", "/packages/{package}/history", "vera", package=package, query={"since": "1h"})
            await ask("POST", "/packages/{package}/references", "otto", {"name": "run-1"}, package=package)
            await ask("POST", "/packages/{package}/references", "otto", {"name": "run-1"}, package=package)
            await ask("POST", "/packages/{package}/references", "otto", {"name": "<b>"}, package=package)
            await ask("GET", "/packages/{package}/references", "vera", package=package)
            await ask("DELETE", "/packages/{package}/references/{reference}", "otto", package=package,
                      reference="run-1")
            await ask("GET", "/packages/{package}/layout", "vera", package=package)
            await ask("PUT", "/packages/{package}/layout", "vera", {"text": "<package/>"}, package=package)
            await ask("PUT", "/packages/{package}/layout", "otto", {"text": "<package/>"}, package=package)
            await ask("POST", "/packages/{package}/layout/check", "vera", {"text": "<package/>"}, package=package)
            await ask("DELETE", "/packages/{package}/layout", "otto", package=package)
            await ask("DELETE", "/packages/{package}", "vera", package=package)
            await ask("DELETE", "/packages/{package}", "otto", package=package)
            await ask("GET", "/packages/{package}", "vera", package=package)
            program = await ask("POST", "/api-tokens", "vera", {"note": "ci", "ttl": 60})
            await ask("GET", "/api-tokens", "vera")
            await ask("DELETE", "/api-tokens/{token}", "vera", token=program["id"])
            await ask("GET", "/audit", query={"limit": "3"})
            words = {"password": PASSWORD, "new_password": "another good one"}
            await ask("POST", "/me/password", "vera", words)
            await ask("POST", "/me/password", "vera", words)
            await ask("POST", "/logout", "vera")
            await ask("GET", "/me", "vera")
            await ask("GET", "/me", "mallory")
            await ask("DELETE", "/session", "otto")
            await ask("DELETE", "/logins", "ada")
            tried = {(method, template) for method, template, _ in checked}
            assert {(route.method, route.path.removeprefix("/api/v1")) for route in ROUTES
                    if not route.socket and route.path.startswith("/api/v1")} - tried == {("GET", "/openapi.json")}

    asyncio.run(run())


def test_the_hub_serves_its_document_to_anyone(tmp_path):
    async def run():
        async with ApiHub(tmp_path, heartbeat_networks=("127.0.0.0/8",)) as hub:
            status, document = await hub.ask("GET", "/api/v1/openapi.json")
            assert status == 200
            assert document["paths"] == DOCUMENT["paths"]
            assert document["servers"] == [{"url": hub.url}]

    asyncio.run(run())
