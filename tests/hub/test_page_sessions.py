"""The hub's own page signs in by a cookie: what it may do with it, and what another site's page may not."""

import asyncio
import re
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest
from api_hub import PASSWORD, ApiHub

from dvic_hub.api.pages import PAGES

VERA = {"user": "vera", "password": PASSWORD}


class Page:
    """A browser's side of one sign-in: keeps the cookie, says its origin."""

    def __init__(self, hub: ApiHub, origin: str | None = None):
        self.hub = hub
        self.cookie = ""
        self.headers = {"Origin": hub.url if origin is None else origin}

    async def sign_in(self, body: dict = VERA) -> SimpleCookie:
        async with self.hub.http.post(f"{self.hub.url}/api/v1/session", json=body, headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            jar = SimpleCookie(answer.headers["Set-Cookie"])
        (name, morsel), = jar.items()
        self.cookie = f"{name}={morsel.value}"
        return jar

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict]:
        sent = {**self.headers, "Cookie": self.cookie, **headers}
        return await self.hub.ask(method, path, "", body, headers={k: v for k, v in sent.items() if v})


def played(test, tmp_path, **settings):
    async def run():
        async with ApiHub(tmp_path, **settings) as hub:
            await test(hub)

    asyncio.run(run())


def test_a_page_signs_in_looks_and_signs_out(tmp_path):
    async def test(hub):
        page = Page(hub)
        await page.sign_in()
        assert (await page.ask("GET", "/api/v1/me"))[1]["user"] == "vera"
        assert (await page.ask("DELETE", "/api/v1/session"))[0] == 204
        assert (await page.ask("GET", "/api/v1/me"))[0] == 401
    played(test, tmp_path)


def test_no_script_and_no_other_site_gets_the_cookie(tmp_path):
    async def test(hub):
        (morsel,) = (await Page(hub).sign_in()).values()
        assert morsel["httponly"] and morsel["samesite"] == "Strict" and morsel["path"] == "/" and not morsel["secure"]
    played(test, tmp_path)


def test_behind_tls_the_cookie_never_travels_in_the_clear_and_stays_below_the_hub_s_path(tmp_path):
    async def test(hub):
        (morsel,) = (await Page(hub, "https://dvic.example.org").sign_in()).values()
        assert morsel["secure"] and morsel["path"] == "/lab/"
    played(test, tmp_path, url="https://dvic.example.org/lab")


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://127.0.0.1:1"])
def test_another_site_s_page_can_change_nothing_with_the_cookie(tmp_path, origin):
    async def test(hub):
        page = Page(hub)
        await page.sign_in({"user": "otto", "password": PASSWORD})
        status, problem = await page.ask("POST", "/api/v1/tokens", {"ttl": 60, "uses": 1}, Origin=origin)
        assert (status, problem["code"]) == (403, "origin")
        headers = {"Cookie": page.cookie, **({"Origin": origin} if origin else {})}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=headers)
        assert refused.value.status == 403
    played(test, tmp_path)


def test_the_page_s_own_live_stream_opens_and_ends_with_the_sign_in(tmp_path):
    async def test(hub):
        hub.doors.live.recheck = 0.05
        page = Page(hub)
        await page.sign_in()
        headers = {"Cookie": page.cookie, **page.headers}
        async with hub.http.ws_connect(f"{hub.url}/api/v1/stream", headers=headers) as socket:
            await socket.send_json({"subscribe": [{"kinds": ["node"]}]})
            assert (await socket.receive_json())["kind"] == "subscribed"
            await page.ask("DELETE", "/api/v1/session")
            async with asyncio.timeout(10):
                assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    played(test, tmp_path)


def test_signing_out_everywhere_ends_all_pages_and_leaves_programs_alone(tmp_path):
    async def test(hub):
        desk, phone = Page(hub), Page(hub)
        await desk.sign_in()
        await phone.sign_in()
        assert (await desk.ask("DELETE", "/api/v1/logins"))[0] == 204
        assert [(await page.ask("GET", "/api/v1/me"))[0] for page in (desk, phone)] == [401, 401]
        assert (await hub.ask("GET", "/api/v1/me", "vera"))[0] == 200
    played(test, tmp_path)


def test_ones_own_password_is_changed_by_who_knows_it_and_other_sign_ins_end(tmp_path):
    async def test(hub):
        desk, phone = Page(hub), Page(hub)
        await desk.sign_in()
        await phone.sign_in()
        fresh = "an entirely new phrase"
        wrong = {"password": "not this one", "new_password": fresh}
        status, problem = await desk.ask("POST", "/api/v1/me/password", wrong)
        assert (status, problem["code"], problem["field"]) == (400, "wrong-password", "password")
        poor = {"password": PASSWORD, "new_password": "short"}
        assert (await desk.ask("POST", "/api/v1/me/password", poor))[1]["field"] == "new_password"
        right = {"password": PASSWORD, "new_password": fresh}
        assert (await desk.ask("POST", "/api/v1/me/password", right))[0] == 204
        assert [(await page.ask("GET", "/api/v1/me"))[0] for page in (desk, phone)] == [200, 401]
        assert (await hub.ask("GET", "/api/v1/me", "vera"))[0] == 200  # a program's token
        await phone.sign_in({"user": "vera", "password": fresh})
        trail = [(item["action"], item["outcome"].partition(":")[0])
                 for item in (await hub.ask("GET", "/api/v1/audit?actor=vera&action=user.password", "ada"))[1]["items"]]
        assert trail == [("user.password", "ok"), ("user.password", "wrong-password")]
    played(test, tmp_path)


def test_guessing_the_present_password_is_limited_as_signing_in_is(tmp_path):
    async def test(hub):
        guess = {"password": "a guess", "new_password": "an entirely new phrase"}
        statuses = [(await hub.ask("POST", "/api/v1/me/password", "vera", guess))[0] for _ in range(7)]
        assert statuses == [400] * 5 + [429] * 2
        assert (await hub.ask("POST", "/api/v1/session", "", VERA))[0] == 429
    played(test, tmp_path)


def test_an_admin_sees_the_settings_in_force_and_nobody_else_does(tmp_path):
    async def test(hub):
        _, found = await hub.ask("GET", "/api/v1/settings", "ada")
        settings = {item["name"]: item for item in found["items"]}
        assert (settings["retention_days"]["value"], settings["retention_days"]["changed"]) == (7, True)
        assert (settings["max_nodes"]["value"], settings["max_nodes"]["changed"]) == (10_000, False)
        assert settings["trusted_proxies"]["value"] == ["127.0.0.1"] and settings["announce"]["value"] is False
        assert settings["keepalive_period"]["unit"] == "s" and settings["keepalive_period"]["about"]
        assert [(await hub.ask("GET", "/api/v1/settings", who))[0] for who in ("vera", "otto", "")] == [403, 403, 401]
    played(test, tmp_path, retention_days=7, trusted_proxies=("127.0.0.1",))


def test_a_header_counts_before_the_cookie(tmp_path):
    async def test(hub):
        page = Page(hub)
        await page.sign_in()
        assert (await page.ask("GET", "/api/v1/me", **hub.headers("ada")))[1]["user"] == "ada"
        assert (await page.ask("GET", "/api/v1/me", **hub.headers("mallory")))[0] == 401
    played(test, tmp_path)


def test_the_page_and_the_hub_have_the_same_list_of_addresses():
    source = (Path(__file__).parents[2] / "hub/dashboard/src/core/pages.ts").read_text()
    listed = source.partition("export const PAGES = [")[2].partition("]")[0]
    assert tuple(re.findall(r'"([^"]+)"', listed)) == PAGES


def test_the_page_is_served_at_each_of_its_addresses_with_a_strict_policy(tmp_path):
    async def test(hub):
        for path in PAGES:
            async with hub.http.get(hub.url + path.replace("{", "").replace("}", "")) as answer:
                assert answer.status in (200, 503), path  # 503: it is not built
                if answer.status == 200:
                    policy = answer.headers["Content-Security-Policy"]
                    assert "script-src 'self';" in policy and "default-src 'none'" in policy
                    assert '<base href="/">' in await answer.text()
        for path in ("/nope", "/assets/..%2findex.html", "/assets/nope.js", "/fleet/x"):
            assert (await hub.ask("GET", path))[0] in (400, 404), path
    played(test, tmp_path)
