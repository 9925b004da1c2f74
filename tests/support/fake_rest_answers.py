"""How the fake hub for hubctl's tests writes times and problems, as the REST API does."""

import json
from datetime import UTC, datetime, timedelta

from aiohttp import web

WHO = web.RequestKey("who", tuple)


def rfc3339(microseconds):
    if not microseconds:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def problem(status, code, detail, **more):
    text = json.dumps({"type": f"urn:dvic:problem:{code}", "title": code, "status": status, "detail": detail,
                       "code": code, **more})
    return web.Response(status=status, text=text, content_type="application/problem+json")


def missing(detail):
    return web.HTTPNotFound(text=problem(404, "not-found", detail).text, content_type="application/problem+json")
