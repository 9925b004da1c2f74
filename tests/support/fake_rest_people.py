"""The fake hub's people: signing in, users, tokens of programs."""

from aiohttp import web
from fake_rest_answers import WHO, problem, rfc3339


class FakePeople:
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
        user, role = request[WHO]
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
        made = {} if "password" in body else {"password": "one-time-pass"}
        return web.json_response({"user": user, **made}, status=201)

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
                 "note": body["note"], "created": rfc3339(self.now()), "expires": None, "last_used": None,
                 "current": False}
        self.api_tokens.append(token)
        return web.json_response({**token, "token": "dvic_api_secret"}, status=201)
