"""The OpenAPI 3.1 document, made from the table of routes and the same types that check input and encode answers.

A stranger can generate a client from it: every operation has its name, its parameters with bounds, its body, its answer
and the problems that it can answer with. `x-dvic-role` says what role its caller needs.
"""

import re
from typing import Any

import msgspec
from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.middleware import PROBLEM_TYPE, Problem
from dvic_hub.api.params import MAX_PATH_PART, PATH_PART, PATH_PARTS
from dvic_hub.api.route import ROUTE_TABLE, Call, Route
from dvic_hub.domain.subscriptions import Filter

VERSION = "3.1.0"

_REF = "#/components/schemas/{name}"
_REASONS = {400: "The input can't be used; `field` and `limit` say what of it.", 401: "No valid token was sent.",
            403: "The role does not allow it.", 404: "There is no such thing.", 405: "Not with this method.",
            408: "The body did not come in time.", 409: "It conflicts with what is there.",
            410: "It is no longer valid.", 413: "A limit was passed.", 426: "Open it as a WebSocket.",
            429: "Too many requests; `Retry-After` says when to come back.", 500: "The hub failed.",
            507: "The hub's disk is full; nothing was stored."}
_ABOUT = {"node": "The node's id or name.", "run": "The run's id.", "token": "The token's id.",
          "user": "The user's name.", "rollout": "The rollout's id.", "key": "The key's fingerprint.",
          "session": "The terminal's id.", "file": "The file's id.", "release": "The package's file name.",
          "index": "A file of the repository: InRelease, Packages.gz, ...",
          "hash": "SHA-256 of an index, in hex.", "secret": "An enrolment token.",
          "service": "The service's name.", "cycle": "The cycle's number.",
          "share": "The share's id.", "push": "The push's id.", "hostkey": "The id of a host key that is remembered.",
          "address": "An IP address.",
          "silence": "The silence's id.", "package": "The package's id, or a name that only one has.",
          "reference": "The reference's name.", "alarm": "The alarm's id.", "rule": "The rule's name.",
          "window": "The window's name.",
          "channel": "The channel's name.", "route": "The route's name."}
_DESCRIPTION = """Everything that the dashboard and `hubctl` can do.

Send `Authorization: Bearer <token>`, a token from `POST /api/v1/login` or `POST /api/v1/api-tokens`. Roles are viewer,
operator, admin, each including the one before; `x-dvic-role` names the one that an operation needs. Errors are problem
documents (RFC 9457) whose `code` is meant for programs. Lists come in pages: send `next` as `cursor` until it is empty.
Times are RFC 3339 in UTC with microseconds."""


async def openapi_document(doors: Doors, call: Call) -> web.Response:
    document = make_document(call.request.app[ROUTE_TABLE], doors.version, doors.config.url)
    return web.Response(body=msgspec.json.encode(document), content_type="application/vnd.oai.openapi+json")


def make_document(routes: tuple[Route, ...], version: str, url: str) -> dict[str, Any]:
    """The document of `routes`. Pure."""
    shapes = [shape for route in routes for shape in (route.body, route.answer) if shape is not None]
    _, schemas = msgspec.json.schema_components([*dict.fromkeys([*shapes, Problem, Filter])], ref_template=_REF)
    statuses = sorted({status for route in routes for status in _problem_statuses(route)})
    paths: dict[str, dict] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    document = {
        "openapi": VERSION,
        "info": {"title": "DVIC hub", "version": version, "description": _DESCRIPTION,
                 "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": url}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(route) for route in routes)],
        "paths": paths,
        "components": {
            "schemas": {name: _tidy(schema) for name, schema in schemas.items()},
            "responses": {_response_name(status): _problem_response(status) for status in statuses},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "dvic_<id>_<secret>"}},
        },
    }
    return msgspec.json.decode(msgspec.json.encode(document))


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation, "summary": route.summary, "tags": [_tag(route)], "x-dvic-role": route.role,
        "security": [] if route.public else [{"token": []}],
        "responses": {**_good_response(route),
                      **{str(status): {"$ref": f"#/components/responses/{_response_name(status)}"}
                         for status in _problem_statuses(route)}},
    }
    described = "\n\n".join(_paragraphs(text) for text in (route.description, _about(route.body)) if text)
    if described:
        operation["description"] = described
    parameters = [_path_parameter(name) for name in route.parameters] + _query_parameters(route)
    if parameters:
        operation["parameters"] = parameters
    if route.upload:
        operation["requestBody"] = {"required": True, "description": f"At most {route.max_body} bytes.",
                                    "content": {kind: {} for kind in route.upload.split(", ")}}
    if route.body:
        operation["requestBody"] = {"required": True, "description": f"At most {route.max_body} bytes.",
                                    "content": {"application/json": {"schema": _reference(route.body)}}}
    return operation


def _good_response(route: Route) -> dict[str, Any]:
    if route.socket:
        return {"101": {"description": "The WebSocket is open."}}
    if route.answer is None and route.status == 204:
        return {"204": {"description": "Done."}}
    if route.answer is None:
        schema = {"type": "object"} if route.content.endswith("json") else {"type": "string"}
    else:
        schema = _reference(route.answer)
    return {str(route.status): {"description": _paragraphs(_about(route.answer)) or "Done.",
                                "content": {route.content: {"schema": schema}}}}


def _problem_statuses(route: Route) -> list[int]:
    found = {500, *route.problems}
    if route.parameters or route.query or route.body or route.socket:
        found.add(400)
    if not route.public:
        found |= {401, 403}
    if route.parameters:
        found.add(404)
    if route.body or route.upload:
        found |= {400, 403, 408, 413}
    if route.method not in ("GET", "HEAD"):
        found |= {403, 507}
    return sorted(found)


def _problem_response(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {"description": _REASONS[status],
                                "content": {PROBLEM_TYPE: {"schema": _reference(Problem)}}}
    if status == 429:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
    return response


def _path_parameter(name: str) -> dict[str, Any]:
    pattern, most = PATH_PARTS.get(name, (PATH_PART, MAX_PATH_PART))
    return {"name": name, "in": "path", "required": True, "description": _ABOUT[name],
            "schema": {"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern}}


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    _, components = msgspec.json.schema_components([route.query], ref_template=_REF)
    schema = components[route.query.__name__]
    parameters = []
    for name, about in schema["properties"].items():
        shape = _without_null(about)
        described = shape.pop("description", "")
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": shape}
        if described:
            parameter["description"] = described
        parameters.append(parameter)
    return parameters


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter of a query is absent or has a value, never null; and an empty default says nothing."""
    shape = dict(schema)
    variants = [variant for variant in shape.pop("anyOf", []) if variant != {"type": "null"}]
    if len(variants) == 1:
        shape |= variants[0]
    elif variants:
        shape["anyOf"] = variants
    if shape.get("default", 0) in ("", None):
        del shape["default"]
    return shape


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    if "description" in schema:
        schema["description"] = _paragraphs(schema["description"])
    return schema


def _reference(shape: type) -> dict[str, str]:
    return {"$ref": _REF.format(name=shape.__name__)}


def _response_name(status: int) -> str:
    return f"Problem{status}"


def _tag(route: Route) -> str:
    parts = [part for part in route.path.split("/") if part]
    return parts[2] if parts[:2] == ["api", "v1"] else parts[0]


def _about(shape: type | None) -> str:
    return (shape.__doc__ or "") if shape is not None else ""


def _paragraphs(text: str) -> str:
    """A docstring without its indentation; msgspec's own text for an undocumented type says nothing."""
    return re.sub(r"\n +(?=\S)", "\n", text).strip()
