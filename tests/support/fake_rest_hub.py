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
from datetime import UTC, datetime, timedelta

from aiohttp import WSCloseCode, web

from dvic_wire.selectors import parse

LEVELS = ("debug", "info", "notice", "warning", "error", "critical")
TERMINAL = {"finished", "failed", "timed-out", "cancelled", "refused", "expired", "lost"}
API = "/api/v1"


def rfc3339(microseconds):
    if not microseconds:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def problem(status, code, detail, **more):
    text = json.dumps({"type": f"urn:dvic:problem:{code}", "title": code, "status": status, "detail": detail,
                       "code": code, **more})
    return web.Response(status=status, text=text, content_type="application/problem+json")


class View:
    """What a selector looks at."""

    def __init__(self, node):
        self.id, self.name, self.tags, self.os, self.state = (node[key] for key in ("id", "name", "tags", "os", "state"))


class FakeRestHub:
    def __init__(self):
        self.requests = []
        self.nodes, self.logs, self.runs, self.users, self.tokens, self.audit = [], [], {}, {}, [], []
        self.passwords = {"admin": "correct horse"}
        self.must_change = set()
        self.valid = {"dvic_test_token": ("admin", "admin")}
        self.api_tokens = []
        self.series = []
        self.latest = {}
        self.behaviour = {}
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

    def _wants(self, filters, kind, event):
        for part in filters:
            if kind in part["kinds"] and (not part.get("run") or part["run"] == event.get("run")):
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
            request["who"] = self.valid[token]
        return await handler(request)

    def _routes(self):
        return [
            ("POST", "/login", self._login), ("POST", "/logout", self._logout), ("GET", "/me", self._me),
            ("GET", "/hub", self._hub), ("GET", "/stream", self._stream), ("GET", "/logs", self._logs),
            ("GET", "/nodes", self._list_nodes), ("POST", "/nodes", self._add_node),
            ("GET", "/nodes/{node}", self._show_node), ("PATCH", "/nodes/{node}", self._change_node),
            ("DELETE", "/nodes/{node}", self._remove_node), ("POST", "/nodes/{node}/revoke", self._revoke_node),
            ("GET", "/nodes/{node}/metrics/latest", self._latest), ("GET", "/metrics/series", self._series),
            ("GET", "/tokens", self._tokens), ("POST", "/tokens", self._add_token),
            ("DELETE", "/tokens/{id}", self._remove_token),
            ("GET", "/runs", self._list_runs), ("POST", "/runs", self._add_run), ("GET", "/runs/{id}", self._show_run),
            ("GET", "/runs/{id}/output", self._output), ("POST", "/runs/{id}/cancel", self._cancel),
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

    # ---- people

    async def _login(self, request):
        body = await request.json()
        if self.passwords.get(body["user"]) != body["password"]:
            return problem(401, "wrong-password", "the user or the password is wrong")
        if body["user"] in self.must_change:
            if "new_password" not in body:
                return problem(403, "password-change-needed", "this password is good for one sign-in: choose a new one")
            self.passwords[body["user"]] = body["new_password"]
            self.must_change.discard(body["user"])
        token = f"dvic_login_{next(self._numbers)}"
        self.valid[token] = (body["user"], "admin")
        return web.json_response({"token": token, "user": body["user"], "role": "admin",
                                  "expires": rfc3339(self.now() + 7 * 86400 * 1_000_000)})

    async def _logout(self, request):
        self.valid.pop(request.headers["Authorization"].removeprefix("Bearer "))
        return web.Response(status=204)

    async def _me(self, request):
        user, role = request["who"]
        return web.json_response({"user": user, "role": role, "token": "x", "address": "127.0.0.1"})

    async def _hub(self, request):
        states = [node["state"] for node in self.nodes]
        return web.json_response({"fingerprint": "F" * 43, "version": "0.1.0", "url": self.url,
                                  "started": rfc3339(self.now() - 3_600_000_000), "runs_active": 0,
                                  "nodes": {state: states.count(state) for state in set(states)},
                                  "store": {"database_bytes": 3_500_000, "commits_total": 12345}})

    async def _add_user(self, request):
        body = await request.json()
        user = {"name": body["name"], "role": body["role"], "created": rfc3339(self.now()), "disabled": None,
                "must_change": "password" not in body}
        self.users[body["name"]] = user
        return web.json_response({"user": user, **({} if "password" in body else {"password": "one-time-pass"})}, status=201)

    async def _change_user(self, request):
        body, user = await request.json(), self.users[request.match_info["name"]]
        user.update({key: body[key] for key in ("role", "disabled") if key in body})
        made = {"password": "one-time-pass"} if body.get("password") == "" else {}
        return web.json_response({"user": user, **made})

    async def _remove_user(self, request):
        del self.users[request.match_info["name"]]
        return web.Response(status=204)

    async def _add_api_token(self, request):
        body = await request.json()
        token = {"id": f"t{next(self._numbers)}", "user": "admin", "role": body["role"] or "admin", "kind": "token",
                 "note": body["note"], "created": rfc3339(self.now()), "expires": None, "last_used": None, "current": False}
        self.api_tokens.append(token)
        return web.json_response({**token, "token": "dvic_api_secret"}, status=201)

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
            text = problem(404, "not-found", f"there is no node {request.match_info['node']}")
            raise web.HTTPNotFound(text=text.text, content_type="application/problem+json") from None

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
        key = "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"
        return web.json_response({"node": node, **({"private_key": key} if body.get("generate") else {})}, status=201)

    async def _remove_node(self, request):
        self.nodes.remove(await self._on_node(request))
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
        return web.json_response({**token, "token": text, "install_command": f"dvic-agent enroll {text}"}, status=201)

    async def _remove_token(self, request):
        next(token for token in self.tokens if token["id"] == request.match_info["id"])["revoked"] = rfc3339(self.now())
        return web.Response(status=204)

    # ---- what nodes report

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
                await socket.send_json({"kind": "problem", "status": 400, "code": "bad-request", "detail": "no such filter"})
                await socket.close(code=WSCloseCode.POLICY_VIOLATION)
                break
            self._streams[socket] = filters
            await socket.send_json({"kind": "subscribed", "filters": len(filters)})
            self.subscribed.release()
        self._streams.pop(socket, None)
        return socket

    # ---- runs

    async def _add_run(self, request):
        body = await request.json()
        nodes = self._select(body["selector"])
        if not nodes:
            return problem(400, "no-nodes", "the selector names no node", field="selector")
        run = {"id": f"run{next(self._numbers):09d}", "selector": body["selector"], "argv": body.get("argv", []),
               "script": body.get("script", ""), "user": body.get("user", ""), "timeout": body.get("timeout", 300),
               "created": rfc3339(self.now()), "created_by": request["who"][0], "reason": body.get("reason", ""),
               "batch": body.get("batch", ""), "max_failures": body.get("max_failures", -1), "queue_until": None,
               "cancelled": None, "ended": None, "output": [], "cancel": asyncio.Event(),
               "nodes": [{"node": node["name"], "node_id": node["id"], "state": "queued", "reason": "", "exit_code": -1,
                          "dispatched": None, "started": None, "ended": None, "cut": 0} for node in nodes]}
        self.runs[run["id"]] = run
        for row in run["nodes"]:
            steps = self.behaviour.get(row["node"], [("out", " ".join(run["argv"]) + "\n"), ("end", "finished", 0)])
            task = asyncio.create_task(self._carry_out(run, row, steps))
            run.setdefault("tasks", []).append(task)
        return web.json_response(self._run(run), status=201)

    async def _carry_out(self, run, row, steps):
        about = {"run": run["id"], "node": row["node"], "node_id": row["node_id"]}
        row.update(state="running", started=rfc3339(self.now()))
        await self._tell("run", {"kind": "run", **about, "state": "running"})
        for step in steps:
            if step[0] == "wait":
                await run["cancel"].wait()
            elif step[0] == "pause":
                await asyncio.to_thread(step[1].wait, 20)
            elif step[0] in ("out", "err"):
                record = {"time": self.now(), step[0]: step[1]} | ({"binary": step[2]} if len(step) > 2 else {})
                run["output"].append({**about, **record})
                await self._tell("run", {"kind": "output", **about, **record})
            else:
                state, code = step[1], step[2]
                row.update(state=state, exit_code=code, ended=rfc3339(self.now()), reason=step[3] if len(step) > 3 else "")
                if all(other["state"] in TERMINAL for other in run["nodes"]):
                    run["ended"] = rfc3339(self.now())
                end = {"state": state, "exit_code": code, "reason": "", "cut": 0}
                await self._tell("run", {"kind": "output", **about, "time": self.now(), "end": end})
                await self._tell("run", {"kind": "run", **about, "state": state})

    def _run(self, run, nodes=True):
        states = [row["state"] for row in run["nodes"]]
        shown = {key: value for key, value in run.items() if key not in ("output", "cancel", "tasks", "nodes")}
        shown["counts"] = {state: states.count(state) for state in set(states)}
        return {**shown, "nodes": run["nodes"]} if nodes else shown

    async def _list_runs(self, request):
        return await self._paged(request, [self._run(run, False) for run in reversed(self.runs.values())])

    def _known(self, request):
        run = self.runs.get(request.match_info["id"])
        if run is None:
            text = problem(404, "not-found", "there is no such run")
            raise web.HTTPNotFound(text=text.text, content_type="application/problem+json")
        return run

    async def _show_run(self, request):
        return web.json_response(self._run(self._known(request)))

    async def _output(self, request):
        items = []
        for row in self._known(request)["nodes"]:
            for piece in self._known(request)["output"]:
                if piece["node"] == row["node"] and request.query.get("node", row["node"]) == row["node"]:
                    stream = "out" if "out" in piece else "err"
                    binary = {"binary": piece["binary"]} if "binary" in piece else {}
                    items.append({"time": rfc3339(piece["time"]), "node": row["node"], "stream": stream,
                                  "text": piece[stream], **binary})
        return await self._paged(request, items)

    async def _cancel(self, request):
        run = self._known(request)
        run["cancelled"] = rfc3339(self.now())
        run["cancel"].set()
        return web.json_response(self._run(run))
