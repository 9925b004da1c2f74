"""The fake hub's runs: each node does what the test said, step by step."""

import asyncio

from aiohttp import web
from fake_rest_answers import WHO, missing, problem, rfc3339

TERMINAL = {"finished", "failed", "timed-out", "cancelled", "refused", "expired", "lost"}


class FakeRuns:
    async def _add_run(self, request):
        body = await request.json()
        nodes = self._select(body["selector"])
        if not nodes:
            return problem(400, "no-nodes", "the selector names no node", field="selector")
        run = {"id": f"run{next(self._numbers):09d}", "selector": body["selector"], "argv": body.get("argv", []),
               "script": body.get("script", ""), "user": body.get("user", ""), "timeout": body.get("timeout", 300),
               "created": rfc3339(self.now()), "created_by": request[WHO][0], "reason": body.get("reason", ""),
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
                row.update(state=state, exit_code=code, ended=rfc3339(self.now()), reason="".join(step[3:]))
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
        self.kinds_asked.append(request.query.get("kind"))
        return await self._paged(request, [self._run(run, False) for run in reversed(self.runs.values())])

    def _known(self, request):
        run = self.runs.get(request.match_info["id"])
        if run is None:
            raise missing("there is no such run")
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
