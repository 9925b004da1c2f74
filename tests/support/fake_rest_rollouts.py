"""The fake hub's rollouts: each node goes through the steps that a test has set, one node after the other.

    hub.updates["web-1"] = ["downloading", ("rolled-back", "no word of the hub")]

Without steps a node is updated. ("pause", event) waits for a threading.Event; ("halt", why) halts the rollout there.
"""

import asyncio

from aiohttp import web
from fake_rest_answers import WHO, missing, problem, rfc3339

from dvic_wire.updates import TERMINAL

NEWEST = "1.2"
WELL = ["sent", "downloading", "installing", "confirming", "updated"]


class FakeRollouts:
    def _plan(self, body):
        nodes = self._select(body["selector"])
        if not nodes:
            raise problem_error(400, "no-nodes", "the selector names no node")
        version = body.get("version") or NEWEST
        if version == "7":
            raise problem_error(404, "no-release", "the hub serves no dvic-agent 7 (it has 1.2)")
        rows = []
        for place, node in enumerate(nodes):
            same = node["agent_version"] == version
            rows.append({"node": node["name"], "node_id": node["id"], "state": "unchanged" if same else "pending",
                         "reason": "it has this version already" if same else "", "run": "",
                         "wave": -1 if same else 0 if body.get("canary") and not place else 1,
                         "from_version": node["agent_version"], "to_version": version, "sent": None, "changed": None,
                         "ended": None})
        return version, rows

    async def _plan_rollout(self, request):
        version, rows = self._plan(await request.json())
        return web.json_response({"package": "dvic-agent", "version": version, "counts": counts(rows), "nodes": rows})

    async def _add_rollout(self, request):
        body = await request.json()
        version, rows = self._plan(body)
        rollout = {"id": f"rollout{next(self._numbers):09d}", "selector": body["selector"], "package": "dvic-agent",
                   "version": version, "state": "going", "created": rfc3339(self.now()),
                   "created_by": request[WHO][0], "reason": body.get("reason", ""), "older": body.get("older", False),
                   "canary": body.get("canary", ""), "batch": body.get("batch", ""),
                   "max_failures": body.get("max_failures", -1), "halt_on_error": body.get("halt_on_error", False),
                   "soak": body.get("soak", 60), "confirm": body.get("confirm", 180), "queue_until": None,
                   "halted": None, "halt_reason": "", "cancelled": None, "ended": None, "nodes": rows}
        self.rollouts[rollout["id"]] = rollout
        rollout["task"] = asyncio.create_task(self._roll_out(rollout))
        return web.json_response(self._shown(rollout), status=201)

    async def _roll_out(self, rollout):
        for row in rollout["nodes"]:
            for step in self.updates.get(row["node"], WELL) if row["state"] == "pending" else ():
                state, text = (step, "") if isinstance(step, str) else step
                if state == "pause":
                    await asyncio.to_thread(text.wait, 20)
                elif state == "halt":
                    rollout.update(state="halted", halted=rfc3339(self.now()), halt_reason=text)
                    await self._tell_rollout(rollout, None, "halted")
                    return
                else:
                    row.update(state=state, reason=text, sent=row["sent"] or rfc3339(self.now()),
                               changed=rfc3339(self.now()))
                    if state in TERMINAL:
                        row["ended"] = rfc3339(self.now())
                    await self._tell_rollout(rollout, row, state)
        rollout.update(state="ended", ended=rfc3339(self.now()))
        await self._tell_rollout(rollout, None, "ended")

    async def _tell_rollout(self, rollout, row, state):
        about = {"node": row["node"], "node_id": row["node_id"]} if row else {"node": "", "node_id": ""}
        await self._tell("rollout", {"kind": "rollout", "rollout": rollout["id"], **about, "state": state})

    def _shown(self, rollout, nodes=True):
        shown = {key: value for key, value in rollout.items() if key not in ("task", "nodes")}
        shown["counts"] = counts(rollout["nodes"])
        return {**shown, "nodes": rollout["nodes"]} if nodes else shown

    async def _list_rollouts(self, request):
        return await self._paged(request, [self._shown(each, False) for each in reversed(self.rollouts.values())])

    def _known_rollout(self, request):
        rollout = self.rollouts.get(request.match_info["id"])
        if rollout is None:
            raise missing("there is no such rollout")
        return rollout

    async def _show_rollout(self, request):
        return web.json_response(self._shown(self._known_rollout(request)))

    async def _change_rollout(self, request):
        rollout, action = self._known_rollout(request), request.match_info["action"]
        if action == "halt":
            rollout.update(state="halted", halted=rfc3339(self.now()), halt_reason="halted by admin")
        elif action == "resume":
            rollout.update(state="going", halted=None, halt_reason="")
        else:
            rollout.update(state="cancelling", cancelled=rfc3339(self.now()))
        return web.json_response(self._shown(rollout))


def counts(rows):
    states = [row["state"] for row in rows]
    return {state: states.count(state) for state in set(states)}


def problem_error(status, code, detail):
    kind = {400: web.HTTPBadRequest, 404: web.HTTPNotFound}[status]
    return kind(text=problem(status, code, detail).text, content_type="application/problem+json")
