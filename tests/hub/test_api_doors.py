"""Every door of the hub is tried by everyone who should not get in, and with input that nobody should send."""

import asyncio
import json

import aiohttp
import pytest
from api_hub import ApiHub

from dvic_hub.api.application import make_application
from dvic_hub.api.middleware import SECURITY_HEADERS
from dvic_hub.api.routes import ROUTES
from dvic_hub.domain.people import ADMIN, PUBLIC, VIEWER

HOSTILE_BODIES = [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"{}" * 100, b"[" * 60_000, b'{"a":' * 10_000, b"\x00",
                  b'{"user":"a","user":"b"}']
CLOSED = [route for route in ROUTES if not route.public]
HOSTILE_NAMES = ["..%2f..%2fetc%2fpasswd", "%2e%2e", "'%20OR%20'1'='1", "%00", "%ff%fe", "x" * 5000,
                 "%0d%0aX-Evil:%201", "-rf", "%F0%9F%92%A3", "{node}", "1;DROP%20TABLE%20users", "%E2%80%AE"]
HOSTILE_TEXTS = ["' OR 1=1 --", "\x00", "../../etc/passwd", "x" * 100_000, "\U0001f4a3", "%s%n", "${jndi:x}", "-1",
                 "1e999", "NaN", "9" * 400, "[", "{}", "null", "true", "\u202e", "); DROP TABLE users; --",
                 "\r\nX-Evil: 1"]
HOSTILE_VALUES = [None, True, -1, 10**30, 1.5, "", "\x00", "x" * 70_000, [], {}, [[[[]]]], {"a": {"b": {}}}, "\ud800",
                  "' OR 1=1 --", "../../x", [None], {"": ""}, {"\x00": "\x00"}]


def played(test, tmp_path, **settings):
    """Run `test(hub)` against a hub of its own."""
    async def run():
        async with ApiHub(tmp_path, **settings) as hub:
            await test(hub)

    asyncio.run(run())


def path_of(route, name="x") -> str:
    path = route.path
    for part in route.parameters:
        path = path.replace(f"{{{part}}}", name)
    return path


def test_every_route_declares_a_role_and_only_these_are_public():
    assert {(route.method, route.path) for route in ROUTES if route.role == PUBLIC} == {
        ("POST", "/api/v1/login"), ("POST", "/api/v1/session"), ("POST", "/api/v1/enroll"),
        ("POST", "/api/v1/leave"),
        ("POST", "/api/v1/keepalive"), ("POST", "/api/v1/records"), ("GET", "/api/v1/agent"), ("GET", "/stomp"),
        ("GET", "/api/v1/shared"),
        ("GET", "/api/v1/hub-key"), ("GET", "/api/v1/openapi.json"), ("GET", "/healthz"),
        ("GET", "/install/{secret}"), ("GET", "/apt/key.asc"), ("GET", "/apt/{index}"), ("GET", "/apt/pool/{release}"),
        ("GET", "/apt/by-hash/SHA256/{hash}")}
    assert all(route.role in (PUBLIC, VIEWER, "operator", ADMIN) for route in ROUTES)


def test_no_two_routes_stand_at_the_same_place():
    places = [(route.method, route.path) for route in ROUTES]
    assert len(set(places)) == len(places)
    assert len({route.operation for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("who", ["", "old", "mallory"])
def test_without_a_valid_token_nothing_but_the_public_doors_opens(tmp_path, who):
    async def test(hub):
        for route in CLOSED:
            status, problem = await hub.ask(route.method, path_of(route), who, {} if route.body else None)
            assert status == 401, route
            assert problem["type"].startswith("urn:dvic:problem:") and problem["status"] == 401

    played(test, tmp_path)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "Bearer x", "Bearer dvic_a_b",
                                    "bearer null", "Token {ada}", "Bearer {ada} {ada}", "Bearer {ada}x",
                                    "Bearer \"{ada}\""])
def test_an_odd_authorization_header_is_no_token(tmp_path, header):
    async def test(hub):
        headers = {"Authorization": header.replace("{ada}", hub.tokens["ada"])}
        assert (await hub.ask("GET", "/api/v1/me", headers=headers))[0] == 401

    played(test, tmp_path)


def test_a_token_in_the_address_or_a_cookie_is_not_read(tmp_path):
    async def test(hub):
        token = hub.tokens["ada"]
        assert (await hub.ask("GET", f"/api/v1/me?access_token={token}"))[0] == 401
        cookie = {"Cookie": f"token={token}; Authorization=Bearer {token}"}
        assert (await hub.ask("GET", "/api/v1/me", headers=cookie))[0] == 401

    played(test, tmp_path)


def test_two_authorization_headers_are_refused(tmp_path):
    async def test(hub):
        answer = await hub.raw(
            f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {hub.tokens['ada']}\r\n"
            f"Authorization: Bearer {hub.tokens['vera']}\r\n\r\n".encode())
        assert answer.split()[1] in (b"401", b"400")

    played(test, tmp_path)


@pytest.mark.parametrize("who", ["vera", "otto"])
def test_a_lower_role_than_a_route_declares_is_refused_before_anything_is_read(tmp_path, who):
    async def test(hub):
        higher = [route for route in ROUTES if route.role in ((ADMIN,) if who == "otto" else (ADMIN, "operator"))]
        assert higher
        for route in higher:
            status, problem = await hub.ask(route.method, path_of(route), who, b"not even JSON")
            assert (status, problem["code"]) == (403, "forbidden"), route

    played(test, tmp_path)


def test_names_in_paths_can_be_anything_and_never_break_the_hub(tmp_path):
    async def test(hub):
        for route in ROUTES:
            for name in HOSTILE_NAMES if route.parameters else []:
                url = path_of(route, name)
                answer = await hub.raw(
                    f"{route.method} {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
                    f"Authorization: Bearer {hub.tokens['ada']}\r\n\r\n{{}}".encode())
                status = int(answer.split()[1])
                assert 400 <= status < 500, (route.method, url, answer[:300])
                assert b"X-Evil" not in answer.split(b"\r\n\r\n")[0]

    played(test, tmp_path)


def test_queries_can_be_anything_and_never_break_the_hub(tmp_path):
    async def test(hub):
        for route in ROUTES:
            if route.query is None:
                continue
            names = [*route.query.__struct_fields__, "nonsense"]
            for name in names:
                for value in HOSTILE_TEXTS:
                    value = value if len(value) < 7000 else value[:7000]
                    status, answer = await hub.ask("GET", path_of(route), "ada", params={name: value})
                    expected = (400, 404, 426) if route.socket else (200, 400, 404, 413)
                    assert status in expected, (route.path, name, value[:50], answer)
                    if status != 200:
                        assert answer["detail"] and answer["code"], answer

    played(test, tmp_path)


def test_bodies_can_be_anything_and_never_break_the_hub(tmp_path):
    async def test(hub):
        await hub.new_node("x")
        for route in ROUTES:
            if route.body is None:
                continue
            path = path_of(route)
            for raw in HOSTILE_BODIES:
                status, answer = await hub.ask(route.method, path, "ada", raw)
                assert status in (400, 404), (path, raw[:20], answer)
            good = dict.fromkeys(route.body.__struct_fields__, "x")
            for name in good:
                for value in HOSTILE_VALUES:
                    body = json.dumps({**good, name: value}).encode()
                    status, answer = await hub.ask(route.method, path, "ada", body)
                    assert status < 500, (path, name, value, answer)

    played(test, tmp_path)


def test_each_field_alone_with_hostile_values_never_breaks_the_hub(tmp_path):
    """As above, but with a body that is right save for one field, so that the value reaches the services."""
    right = {
        "/api/v1/login": {"user": "vera", "password": "no such password"},
        "/api/v1/session": {"user": "vera", "password": "no such password"},
        "/api/v1/me/password": {"password": "no such password", "new_password": "quite a good one"},
        "/api/v1/users": {"name": "eve", "role": "viewer", "password": "quite a good one"},
        "/api/v1/users/{user}": {"role": "viewer"},
        "/api/v1/api-tokens": {"note": "x", "role": "viewer", "ttl": 60},
        "/api/v1/tokens": {"ttl": 60, "uses": 1, "tags": {"a": "b"}, "note": "x"},
        "/api/v1/nodes": {"name": "dev", "tags": {}, "generate": True},
        "/api/v1/nodes/{node}": {"name": "y", "tags": {"a": None}},
        "/api/v1/runs": {"selector": "x", "argv": ["true"], "timeout": 5},
        "/api/v1/runs/{run}/cancel": {"nodes": []},
        "/api/v1/enroll": {"request": "a.b.c"}, "/api/v1/leave": {"request": "a.b.c"},
        "/api/v1/pushes": {"user": "eve", "host": "127.0.0.1", "port": 1, "via": "x", "name": "", "tags": {}},
        "/api/v1/pushes/{push}/answer": {"host_key": "SHA256:x", "secret": "AAAA"},
        "/api/v1/release-keys": {"x": "A" * 43, "note": "x"},
        "/api/v1/rollouts": {"selector": "x", "canary": "1", "batch": "1"},
        "/api/v1/rollouts/plan": {"selector": "x"},
        "/api/v1/alarms/ack": {"alarms": ["x"]},
        "/api/v1/rules/{rule}": {"kind": "metric", "settings": {"metric": "cpu.*", "above": 5}},
        "/api/v1/packages/{package}/references": {"name": "x", "snapshot": 1, "note": "x"},
        "/api/v1/packages/{package}/layout": {"text": "<package/>"},
        "/api/v1/packages/{package}/layout/check": {"text": "<package/>"},
        "/api/v1/windows/preview": {"selector": "x", "seconds": 3600, "cron": "0 22 * * 6"},
        "/api/v1/windows/{window}": {"selector": "x", "seconds": 3600, "cron": "0 22 * * 6"},
        "/api/v1/silences": {"selector": "x", "seconds": 3600, "reason": "x"},
        "/api/v1/channels/{channel}": {"kind": "webhook", "options": {}, "secret": "http://127.0.0.1:1/", "on": False},
        "/api/v1/routes/{route}": {"severity": "critical", "selector": "x", "repeat": 3600},
        "/api/v1/sessions": {"node": "x", "argv": ["true"], "cols": 80, "rows": 24},
        "/api/v1/files": {"name": "letter", "size": 9, "sha256": "0" * 64},
        "/api/v1/copies": {"selector": "x", "path": "/etc/hostname", "user": "ada"},
        "/api/v1/keepalive": {"keepalive": "a.b.c"}, "/api/v1/records": {"records": "a.b.c"},
        "/api/v1/services/{service}": {"on": True, "components": {"x": True}},
        "/api/v1/services/{service}/level": {"level": "info", "component": "x"},
        "/api/v1/services/{service}/shares": {"note": "x"},
        "/api/v1/services/{service}/events": {"events": [{"component": "x", "step": "start"}]},
    }

    async def test(hub):
        await hub.new_node("x")
        await hub.ask("POST", "/api/v1/services", "ada", b"name: x\ncomponents: [{name: x}]")
        for route in ROUTES:
            if route.body is None:
                continue
            path = path_of(route, "vera" if "{user}" in route.path else "x")
            for name in route.body.__struct_fields__:
                for value in HOSTILE_VALUES:
                    good = {key: of for key, of in right[route.path].items() if key in route.body.__struct_fields__}
                    body = json.dumps({**good, name: value}).encode()
                    status, answer = await hub.ask(route.method, path, "ada", body)
                    assert status < 500, (route.path, name, value, answer)
                    if status >= 400:
                        assert answer["code"] and answer["type"].startswith("urn:dvic:problem:"), answer

    played(test, tmp_path)


def test_a_body_over_its_limit_is_refused_by_its_announced_and_by_its_real_length(tmp_path):
    async def test(hub):
        async def endless():
            for _ in range(10_000):
                yield b"x" * 10_000

        status, problem = await hub.ask("POST", "/api/v1/login", "", b"x" * 70_000)
        assert (status, problem["code"], problem["limit"]) == (413, "limit", 65536)
        async with hub.http.post(f"{hub.url}/api/v1/login", data=endless()) as answer:
            assert answer.status == 413

    played(test, tmp_path)


def test_a_compressed_body_is_refused(tmp_path):
    async def test(hub):
        status, _ = await hub.ask("POST", "/api/v1/login", "", b"x", headers={"Content-Encoding": "gzip"})
        assert status == 400

    played(test, tmp_path)


def test_what_is_not_there_and_wrong_methods_are_problems_too(tmp_path):
    async def test(hub):
        for path in ("/api", "/api/v1", "/api/v1/nope", "/api/v2/nodes", "/api/v1/nodes/", "//api/v1/nodes",
                     "/api/v1/../v1/nodes/..", "/.git/config", "/static/../../etc/passwd"):
            status, problem = await hub.ask("GET", path, "ada")
            assert (status, problem["code"]) == (404, "not-found"), path
        for method in ("PUT", "TRACE", "OPTIONS", "DELETE"):
            status, problem = await hub.ask(method, "/api/v1/nodes", "ada")
            assert (status, problem["code"]) == (405, "method")

    played(test, tmp_path)


def test_a_handler_without_a_role_is_closed_to_everyone(tmp_path):
    async def test(hub):
        async def forgotten(request):
            raise AssertionError("never reached")

        application = make_application(hub.doors)
        application.router.add_get("/forgotten", forgotten)
        runner = aiohttp.web.AppRunner(application, access_log=None)
        await runner.setup()
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with hub.http.get(f"http://127.0.0.1:{port}/forgotten", headers=hub.headers("ada")) as answer:
            assert answer.status == 403
        await runner.cleanup()

    played(test, tmp_path)


def test_another_sites_page_can_change_nothing_through_its_visitor(tmp_path):
    async def test(hub):
        for origin in ("https://evil.example", "null", f"{hub.url}.evil.example"):
            for path in ("/api/v1/login", "/api/v1/tokens", "/api/v1/enroll"):
                status, problem = await hub.ask("POST", path, "ada", {}, headers={"Origin": origin})
                assert (status, problem["code"]) == (403, "origin")
        assert (await hub.ask("POST", "/api/v1/tokens", "ada", {}, headers={"Origin": hub.url}))[0] == 201

    played(test, tmp_path)


def test_every_answer_carries_the_security_headers_and_an_id(tmp_path):
    async def test(hub):
        for path, who in (("/healthz", ""), ("/api/v1/me", "vera"), ("/api/v1/me", ""), ("/nope", ""),
                          ("/metrics", "vera")):
            async with hub.http.get(hub.url + path, headers=hub.headers(who)) as answer:
                for name, value in SECURITY_HEADERS.items():
                    assert answer.headers[name] == value, (path, name)
                assert len(answer.headers["X-Request-Id"]) == 16
                assert answer.headers["Server"] == "dvic-hub"

    played(test, tmp_path)


def test_sql_in_the_audit_filters_is_only_text(tmp_path):
    async def test(hub):
        await hub.ask("POST", "/api/v1/tokens", "otto", {"note": "x"})
        status, everything = await hub.ask("GET", "/api/v1/audit", "ada")
        assert status == 200 and len(everything["items"]) == 1
        for name in ("actor", "action", "target"):
            for text in ("' OR '1'='1", "%", "_", "*", "otto' --", "\" OR \"\"=\"", "x') UNION SELECT * FROM users --"):
                status, answer = await hub.ask("GET", "/api/v1/audit", "ada", params={name: text})
                assert (status, answer["items"]) == (200, []), (name, text)
        assert len((await hub.ask("GET", "/api/v1/audit", "ada", params={"actor": "otto"}))[1]["items"]) == 1
        assert len((await hub.ask("GET", "/api/v1/audit", "ada"))[1]["items"]) == 1, "the table is still there"

    played(test, tmp_path)


def test_a_fault_of_the_hub_tells_no_details(tmp_path):
    async def test(hub):
        def broken():
            raise ValueError("secret detail")

        hub.doors.fleet.counts = broken
        status, problem = await hub.ask("GET", "/api/v1/hub", "vera")
        assert (status, problem["code"]) == (500, "internal")
        assert "secret" not in json.dumps(problem)
        assert problem["instance"].startswith("urn:dvic:request:")

    played(test, tmp_path)


def test_what_is_no_http_is_answered_and_fills_no_log(tmp_path, caplog):
    async def test(hub):
        for request in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
                        b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b"NONSENSE\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"):
            assert (await hub.raw(request)).startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
        assert (await hub.ask("GET", "/healthz"))[0] == 200

    played(test, tmp_path)
    assert caplog.records == []
