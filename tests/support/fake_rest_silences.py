"""The fake hub's silences."""

from aiohttp import web
from fake_rest_answers import WHO, missing, rfc3339


class FakeSilences:
    async def _list_silences(self, request):
        return web.json_response({"items": list(self.silences.values()), "next": ""})

    async def _add_silence(self, request):
        body = await request.json()
        id = f"0mb{next(self._numbers)}"
        silence = {"id": id, "selector": body["selector"], "fixed": body["fixed"], "reason": body["reason"],
                   "nodes": len(self._select(body["selector"])), "until": rfc3339(self.now() + body["seconds"] * 10**6),
                   "created": rfc3339(self.now()), "created_by": request[WHO][0]}
        self.silences[id] = silence
        for node in self._select(body["selector"]):
            node["silenced"] = {"id": id, "until": silence["until"], "by": silence["created_by"], "reason": ""}
        return web.json_response(silence, status=201)

    async def _end_silence(self, request):
        if self.silences.pop(request.match_info["silence"], None) is None:
            raise missing("there is no such silence")
        return web.Response(status=204)
