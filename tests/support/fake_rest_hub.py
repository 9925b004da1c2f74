"""A hub for hubctl's tests: the REST API and the live stream in memory, on a real port, without store or agents.

    with FakeRestHub() as hub:
        hub.add_node("web-1", tags={"room": "lab"})
        hub.log("web-1", "hello")              # stored, and told to whoever follows
        hub.behave("web-1", [("out", "hi\\n"), ("end", "finished", 0)])

Runs do on each node what `behave` says; without it a node prints its arguments and finishes. `("wait",)` waits for a
cancel. `hub.requests` holds what came in. Everything may be called from the test's thread.
"""

import asyncio
import contextlib
import fnmatch
import itertools
import json
import threading
import time
from datetime import datetime

from aiohttp import WSCloseCode, web
from fake_rest_answers import WHO, missing, problem, rfc3339
from fake_rest_people import FakePeople
from fake_rest_rollouts import FakeRollouts
from fake_rest_runs import FakeRuns
from fake_rest_silences import FakeSilences

from dvic_wire.selectors import parse

LEVELS = ("debug", "info", "notice", "warning", "error", "critical")
API = "/api/v1"


class View:
    """What a selector looks at."""

    def __init__(self, node):
        self.id, self.name, self.tags = node["id"], node["name"], node["tags"]
        self.os, self.state = node["os"], node["state"]


class FakeRestHub(FakePeople, FakeRuns, FakeRollouts, FakeSilences):
    def __init__(self):
        self.requests = []
        self.nodes, self.logs, self.runs, self.users, self.tokens, self.audit = [], [], {}, {}, [], []
        self.removed: list[str] = []
        self.passwords = {"admin": "correct horse"}
        self.must_change = set()
        self.valid = {"dvic_test_token": ("admin", "admin")}
        self.api_tokens = []
        self.series = []
        self.latest, self.containers = {}, []
        self.behaviour = {}
        self.rollouts, self.updates, self.kinds_asked, self.silences = {}, {}, [], {}
        self.refuse = {}
        """Method and path to the answer that is given instead, as (status, code, detail)."""
        self.hold_logs = threading.Event()
        self.hold_logs.set()
        """Cleared: questions for logs are answered only when it is set again."""
        self.logs_asked = threading.Event()
        self.subscribed = threading.Semaphore(0)
        self._numbers = itertools.count(1)
        self._streams = {}
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    # ---- for tests

    def __enter__(self):
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_):
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def listen(self):
        """Serve (again), on the same port as before."""
        self._wait_for(self._listen())

    def close(self):
        """Vanish: every connection is cut, and nothing listens."""
        self._wait_for(self._close())

    def cut_streams(self):
        """Cut the live streams; new ones are served."""
        self._wait_for(self._cut())

    def tell(self, *events):
        """Send events to every stream, in one frame."""
        self._wait_for(self._tell(None, *events))

    def tell_text(self, frame):
        """Send a frame, whatever it holds, to every stream."""
        self._wait_for(self._send(frame))

    def add_node(self, name, **fields):
        number = len(self.nodes) + 1
        node = {"id": f"n-{number:020d}", "name": name, "state": "online", "last_seen": rfc3339(self.now()), "tags": {},
                "os": "Debian GNU/Linux 12", "agent_version": "0.1.0", "address": f"10.0.0.{number}", "facts": {},
                "enrolled": rfc3339(self.now()), "period": 10, "conflict": "", "status": "", "connected": True,
                "revoked": None, **fields}
        self.nodes.append(node)
        return node

    def log(self, node, message, *, stored=True, live=True, time=0, **fields):
        """A log record comes in; returns it as it is stored."""
        record = {"time": time or self.now(), "level": "info", "message": message, **fields}
        source = record.pop("source", "journal")
        entry = {"node": node, "node_id": self._node(node)["id"], "source": source, **record}
        if stored:
            self.logs.append(entry)
        if live:
            self._wait_for(self._tell("log", {"kind": "log", **entry}))
        return entry

    def behave(self, node, steps):
        self.behaviour[node] = steps

    def now(self):
        return time.time_ns() // 1000

    def asked(self, method, path):
        """The bodies of the requests of this kind."""
        return [body for one, way, body in self.requests if (one, way) == (method, path)]

    # ---- serving

    def _wait_for(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _listen(self):
        app = web.Application(middlewares=[self._guard])
        for method, path, handler in self._routes():
            app.router.add_route(method, path if path.startswith("//") else API + path, handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]

    async def _close(self):
        await self._cut()
        await self._runner.cleanup()

    async def _cut(self):
        for socket in list(self._streams):
            transport = socket._req.transport if socket._req else None
            if transport is not None:
                transport.abort()
        self._streams.clear()
        await asyncio.sleep(0)

    async def _tell(self, kind, *events):
        frame = "\n".join(json.dumps(event, ensure_ascii=False) for event in events)
        for socket, filters in list(self._streams.items()):
            if kind is None or self._wants(filters, kind, events[0]):
                with contextlib.suppress(ConnectionError):
                    await socket.send_str(frame)

    async def _send(self, frame):
        for socket in list(self._streams):
            await socket.send_str(frame)

    def _wants(self, filters, kind, event):
        for part in filters:
            if kind in part["kinds"] and all(not part.get(key) or part[key] == event.get(key)
                                             for key in ("run", "rollout")):
                if kind != "log" or self._matches(event, part):
                    return True
        return False

    @web.middleware
    async def _guard(self, request, handler):
        body = await request.read()
        path = request.path.removeprefix(API)
        self.requests.append((request.method, path, json.loads(body) if body else None))
        if (request.method, path) in self.refuse:
            status, code, detail = self.refuse[request.method, path]
            return problem(status, code, detail)
        if path != "/login":
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or token not in self.valid:
                return problem(401, "token-expired", "the token has expired: sign in again")
            request[WHO] = self.valid[token]
        return await handler(request)

    def _routes(self):
        return [
            ("POST", "/login", self._login), ("POST", "/logout", self._logout), ("GET", "/me", self._me),
            ("GET", "/hub", self._hub), ("GET", "/stream", self._stream), ("GET", "/logs", self._logs),
            ("GET", "/silences", self._list_silences), ("POST", "/silences", self._add_silence),
            ("DELETE", "/silences/{silence}", self._end_silence),
            ("GET", "/nodes", self._list_nodes), ("POST", "/nodes", self._add_node),
            ("GET", "/nodes/{node}", self._show_node), ("PATCH", "/nodes/{node}", self._change_node),
            ("DELETE", "/nodes/{node}", self._remove_node), ("POST", "/nodes/{node}/revoke", self._revoke_node),
            ("GET", "/nodes/{node}/demos", self._nothing), ("GET", "/nodes/{node}/streams", self._nothing),
            ("GET", "/nodes/{node}/containers", self._containers),
            ("GET", "/nodes/{node}/metrics/latest", self._latest), ("GET", "/metrics/series", self._series),
            ("GET", "/tokens", self._tokens), ("POST", "/tokens", self._add_token),
            ("DELETE", "/tokens/{id}", self._remove_token),
            ("GET", "/runs", self._list_runs), ("POST", "/runs", self._add_run), ("GET", "/runs/{id}", self._show_run),
            ("GET", "/runs/{id}/output", self._output), ("POST", "/runs/{id}/cancel", self._cancel),
            ("GET", "/rollouts", self._list_rollouts), ("POST", "/rollouts", self._add_rollout),
            ("POST", "/rollouts/plan", self._plan_rollout), ("GET", "/rollouts/{id}", self._show_rollout),
            ("POST", "/rollouts/{id}/{action}", self._change_rollout),
            ("GET", "/users", self._users), ("POST", "/users", self._add_user),
            ("PATCH", "/users/{name}", self._change_user), ("DELETE", "/users/{name}", self._remove_user),
            ("GET", "/api-tokens", self._api_tokens),
            ("POST", "/api-tokens", self._add_api_token), ("DELETE", "/api-tokens/{id}", self._gone),
            ("GET", "/audit", self._audit),
        ]

    async def _tokens(self, request):
        return web.json_response({"items": self.tokens, "next": ""})

    async def _users(self, request):
        return web.json_response({"items": list(self.users.values()), "next": ""})

    async def _api_tokens(self, request):
        return web.json_response({"items": self.api_tokens, "next": ""})

    async def _audit(self, request):
        return await self._paged(request, self.audit)

    async def _paged(self, request, items):
        start, limit = int(request.query.get("cursor") or 0), int(request.query["limit"])
        rest = items[start:]
        return web.json_response({"items": rest[:limit], "next": str(start + limit) if len(rest) > limit else ""})

    async def _gone(self, request):
        return web.Response(status=204)

    # ---- nodes

    def _node(self, name):
        return next(node for node in self.nodes if name in (node["id"], node["name"]))

    def _select(self, text):
        selector = parse(text or "all")
        return [node for node in self.nodes if selector.matches(View(node))]

    async def _list_nodes(self, request):
        return await self._paged(request, self._select(request.query.get("selector")))

    async def _on_node(self, request):
        try:
            return self._node(request.match_info["node"])
        except StopIteration:
            raise missing(f"there is no node {request.match_info['node']}") from None

    async def _show_node(self, request):
        return web.json_response(await self._on_node(request))

    async def _change_node(self, request):
        node, body = await self._on_node(request), await request.json()
        node["name"] = body.get("name", node["name"])
        for key, value in body.get("tags", {}).items():
            node["tags"].pop(key, None)
            if value is not None:
                node["tags"][key] = value
        return web.json_response(node)

    async def _add_node(self, request):
        body = await request.json()
        node = self.add_node(body["name"], tags=body["tags"], state="never", last_seen=None)
        made = {"ed25519": {"private_key": "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"},
                "hmac": {"shared_key": "A" * 43}}
        return web.json_response({"node": node, **made.get(body.get("generate"), {})}, status=201)

    async def _remove_node(self, request):
        self.nodes.remove(await self._on_node(request))
        self.removed.append(request.query.get("reason", ""))
        return web.Response(status=204)

    async def _revoke_node(self, request):
        node = await self._on_node(request)
        node["state"] = "revoked"
        return web.json_response(node)

    async def _add_token(self, request):
        body = await request.json()
        number = next(self._numbers)
        token = {"id": f"-tok{number}", "expires": rfc3339(self.now() + body["ttl"] * 1_000_000), "uses": body["uses"],
                 "tags": body["tags"], "created": rfc3339(self.now()), "created_by": "admin", "note": body["note"],
                 "revoked": None}
        self.tokens.append(token)
        text = f"dvic1.secret{number}.abc"
        command = f"curl -fsSL http://hub.test/install/{text} | sudo sh"
        return web.json_response({**token, "token": text, "install_command": command}, status=201)

    async def _remove_token(self, request):
        next(token for token in self.tokens if token["id"] == request.match_info["id"])["revoked"] = rfc3339(self.now())
        return web.Response(status=204)

    # ---- what nodes report

    async def _nothing(self, request):
        return web.json_response({"items": [], "next": ""})

    async def _containers(self, request):
        return web.json_response({"items": self.containers, "next": ""})

    async def _latest(self, request):
        node = await self._on_node(request)
        values = self.latest.get(node["name"])
        return web.json_response({"time": rfc3339(self.now()) if values else None, "values": values or {}})

    async def _series(self, request):
        return web.json_response({"items": self.series, "step": 0, "next": ""})

    def _matches(self, entry, query):
        unit, source = query.get("unit"), query.get("source")
        return (not query.get("level") or LEVELS.index(entry["level"]) >= LEVELS.index(query["level"])) \
            and (not source or fnmatch.fnmatch(entry["source"], source)) \
            and (not unit or fnmatch.fnmatch(entry.get("unit", ""), unit)) \
            and query.get("grep", "").lower() in entry["message"].lower() \
            and entry["node_id"] in {node["id"] for node in self._select(query.get("selector"))}

    async def _logs(self, request):
        query = request.query
        found = [entry for entry in self.logs if self._matches(entry, query)
                 and self._moment(query.get("since")) <= entry["time"] <= (self._moment(query.get("until")) or 1 << 62)]
        found.reverse()  # the newest first, also of those that came in one microsecond
        found.sort(key=lambda entry: entry["time"], reverse=True)
        self.logs_asked.set()
        await asyncio.to_thread(self.hold_logs.wait, 20)
        return await self._paged(request, [{**entry, "time": rfc3339(entry["time"])} for entry in found])

    def _moment(self, text):
        if not text:
            return 0
        if text.endswith("s"):
            return self.now() - int(text[:-1]) * 1_000_000
        return int(datetime.fromisoformat(text).timestamp() * 1_000_000)

    async def _stream(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            filters = json.loads(message.data)["subscribe"]
            if any(part.get("grep") == "refuse me" for part in filters):
                await socket.send_json({"kind": "problem", "status": 400, "code": "bad-request", "detail": "no filter"})
                await socket.close(code=WSCloseCode.POLICY_VIOLATION)
                break
            self._streams[socket] = filters
            await socket.send_json({"kind": "subscribed", "filters": len(filters)})
            self.subscribed.release()
        self._streams.pop(socket, None)
        return socket
